"""Batches of schedules: grids of settings, stacks of any kinds, and tables of their settings."""

from optax_lr.batches.grid import grid, table
from optax_lr.batches.mixed import Mixed, concatenate, stack

__all__ = ["Mixed", "concatenate", "grid", "stack", "table"]
