"""Every documented learning-rate schedule as an Optax schedule: exact, a pytree, swept in one compiled call."""

from optax_lr.combine import Mixed, concatenate, stack
from optax_lr.registry import SCHEDULERS, get_scheduler
from optax_lr.schedules import (
    Constant,
    Cosine,
    CosineWithRestarts,
    InverseSqrt,
    Linear,
    Polynomial,
    Rsqrt,
    Schedule,
)
from optax_lr.sweep import Summary, grid, shard, sweep, sweep_summary, sweep_to, table

__version__ = "0.1.0"

__all__ = [
    "SCHEDULERS",
    "Constant",
    "Cosine",
    "CosineWithRestarts",
    "InverseSqrt",
    "Linear",
    "Mixed",
    "Polynomial",
    "Rsqrt",
    "Schedule",
    "Summary",
    "concatenate",
    "get_scheduler",
    "grid",
    "shard",
    "stack",
    "sweep",
    "sweep_summary",
    "sweep_to",
    "table",
]
