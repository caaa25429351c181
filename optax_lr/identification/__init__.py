"""Identification of the schedule, and of its settings, from the rates of a log."""
