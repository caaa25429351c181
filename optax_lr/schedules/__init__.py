"""The schedules, a file per family."""

from optax_lr.schedules.base import Schedule
from optax_lr.schedules.constant import Constant
from optax_lr.schedules.cosine import Cosine, CosineWithRestarts
from optax_lr.schedules.inverse_sqrt import InverseSqrt, Rsqrt
from optax_lr.schedules.linear import Linear
from optax_lr.schedules.polynomial import Polynomial

__all__ = ["Constant", "Cosine", "CosineWithRestarts", "InverseSqrt", "Linear", "Polynomial", "Rsqrt", "Schedule"]
