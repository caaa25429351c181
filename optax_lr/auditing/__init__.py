"""Audits of logs: the comparison with the plan, and patterns of the losses."""
