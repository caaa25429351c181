"""Trainers: how each one's configs are recognised and read, how it counts steps, and the schedule that it builds."""
