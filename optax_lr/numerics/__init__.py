"""Number systems. The formulas of schedules are written on top of them."""

import jax

from optax_lr.numerics.by_row import ByRow
from optax_lr.numerics.float64 import FLOAT64, HOST, Float64
from optax_lr.numerics.pairs import PAIR
from optax_lr.numerics.reals import Real, Truth
from optax_lr.numerics.rounded import RoundedFloat64
from optax_lr.numerics.system import System

__all__ = ["FLOAT64", "HOST", "PAIR", "ByRow", "Float64", "Real", "RoundedFloat64", "System", "Truth", "x64_is_on"]


def x64_is_on() -> bool:
    """Whether float64 is on: by the user's configuration, or by `jax.enable_x64` around this call."""
    return bool(jax.config.jax_enable_x64)  # type: ignore[attr-defined, unused-ignore]  # no types before jax 0.12
