"""A log against its plan, and the patterns in its losses."""
