"""Log formats: whatever a trainer or a tracker writes, read into one `Log`."""
