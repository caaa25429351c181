"""A run as it goes: its rates and losses, written beside the training loop, and what is wrong with them at once."""

from optax_lr.monitor.loop import Monitor

__all__ = ["Monitor"]
