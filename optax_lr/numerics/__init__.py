"""Number systems that keep the contract on errors. Schedules are written on top of them."""

from optax_lr.numerics.by_row import ByRow
from optax_lr.numerics.reals import Real, Truth
from optax_lr.numerics.rounded import Float32, RoundedFloat64, SelectedFloat64
from optax_lr.numerics.system import System
from optax_lr.numerics.systems import FLOAT64, HOST, PAIR, in_trace, x64_is_on
from optax_lr.numerics.vector import VECTOR

__all__ = [
    "FLOAT64",
    "HOST",
    "PAIR",
    "VECTOR",
    "ByRow",
    "Float32",
    "Real",
    "RoundedFloat64",
    "SelectedFloat64",
    "System",
    "Truth",
    "in_trace",
    "x64_is_on",
]
