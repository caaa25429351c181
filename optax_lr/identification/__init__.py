"""Which schedule, with which settings, gives the rates of a log."""
