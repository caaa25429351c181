"""Number systems that keep the contract on errors. Schedules are written on top of them."""

from optax_lr.numerics.rows import ByRow, Float32, RoundedFloat64
from optax_lr.numerics.systems import FLOAT64, HOST, PAIR, System, in_trace
from optax_lr.numerics.vector import VECTOR

__all__ = ["FLOAT64", "HOST", "PAIR", "VECTOR", "ByRow", "Float32", "RoundedFloat64", "System", "in_trace"]
