"""Many curves at once: a grid of settings, all of it in one compiled call."""

from optax_lr.sweep.evaluate import sweep
from optax_lr.sweep.grid import grid, table

__all__ = ["grid", "sweep", "table"]
