"""The schedules, a file per family."""

from optax_lr.schedules.annealing import CosineAnnealing, CosineAnnealingWarmRestarts
from optax_lr.schedules.base import Schedule
from optax_lr.schedules.constant import Constant
from optax_lr.schedules.cosine import Cosine, CosineWarmupWithMinLR, CosineWithRestarts
from optax_lr.schedules.cyclic import Cyclic, OneCycle
from optax_lr.schedules.inverse_sqrt import InverseSqrt, Rsqrt
from optax_lr.schedules.linear import Linear
from optax_lr.schedules.polynomial import Polynomial
from optax_lr.schedules.ramps import LinearRamp, PolynomialDecay
from optax_lr.schedules.stepwise import ConstantFactor, Exponential, MultiStep, Step
from optax_lr.schedules.wsd import WarmupStableDecay

__all__ = [
    "Constant",
    "ConstantFactor",
    "Cosine",
    "CosineAnnealing",
    "CosineAnnealingWarmRestarts",
    "CosineWarmupWithMinLR",
    "CosineWithRestarts",
    "Cyclic",
    "Exponential",
    "InverseSqrt",
    "Linear",
    "LinearRamp",
    "MultiStep",
    "OneCycle",
    "Polynomial",
    "PolynomialDecay",
    "Rsqrt",
    "Schedule",
    "Step",
    "WarmupStableDecay",
]
