"""Monitoring of a running training: its rates and losses, written from a second thread, and findings at once."""

from optax_lr.monitor.loop import Monitor

__all__ = ["Monitor"]
