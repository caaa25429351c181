"""Many curves at once: a grid of settings, all of it in one compiled call."""

from optax_lr.sweep.blocks import Summary, sweep_summary
from optax_lr.sweep.evaluate import sweep
from optax_lr.sweep.grid import grid, table
from optax_lr.sweep.sharding import shard
from optax_lr.sweep.store import sweep_to

__all__ = ["Summary", "grid", "shard", "sweep", "sweep_summary", "sweep_to", "table"]
