"""Number systems that keep the contract on errors. Schedules are written on top of them."""

from optax_lr.numerics.systems import FLOAT64, HOST, PAIR, Float32, RoundedFloat64, System, in_trace

__all__ = ["FLOAT64", "HOST", "PAIR", "Float32", "RoundedFloat64", "System", "in_trace"]
