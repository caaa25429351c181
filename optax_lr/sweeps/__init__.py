"""Many curves at once: a grid of settings in one compiled call."""

from optax_lr.sweeps.blocks import Summary, sweep_summary
from optax_lr.sweeps.evaluate import sweep
from optax_lr.sweeps.sharding import shard
from optax_lr.sweeps.store import sweep_to

__all__ = ["Summary", "shard", "sweep", "sweep_summary", "sweep_to"]
