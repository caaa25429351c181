"""Everything that is drawn: schedules, sweeps and audits in matplotlib, as text for a terminal, and as pages (`pages`)."""
