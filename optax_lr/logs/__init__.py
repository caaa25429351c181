"""Readers of log formats: the output of a trainer or a tracker as one `Log`."""
