"""The schedules, a file per family."""

from optax_lr.schedules.annealing import CosineAnnealing, CosineAnnealingWarmRestarts
from optax_lr.schedules.base import Schedule
from optax_lr.schedules.constant import Constant
from optax_lr.schedules.cosine import Cosine, CosineWarmupWithMinLR, CosineWithRestarts
from optax_lr.schedules.cyclic import Cyclic, OneCycle
from optax_lr.schedules.deepspeed import DeepSpeedWarmup, DeepSpeedWarmupCosine, DeepSpeedWarmupDecay
from optax_lr.schedules.deepspeed_cycles import DeepSpeedOneCycle, DeepSpeedRangeTest
from optax_lr.schedules.inverse_sqrt import InverseSqrt, Rsqrt
from optax_lr.schedules.jagged import JaggedRestarts
from optax_lr.schedules.linear import Linear
from optax_lr.schedules.piecewise import PiecewiseConstant
from optax_lr.schedules.polynomial import Polynomial
from optax_lr.schedules.ramps import LinearRamp, PolynomialDecay
from optax_lr.schedules.rex import Rex
from optax_lr.schedules.stepwise import ConstantFactor, Exponential, MultiStep, Step
from optax_lr.schedules.timm import TimmCosine, TimmPoly, TimmTanh
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
    "DeepSpeedOneCycle",
    "DeepSpeedRangeTest",
    "DeepSpeedWarmup",
    "DeepSpeedWarmupCosine",
    "DeepSpeedWarmupDecay",
    "Exponential",
    "InverseSqrt",
    "JaggedRestarts",
    "Linear",
    "LinearRamp",
    "MultiStep",
    "OneCycle",
    "PiecewiseConstant",
    "Polynomial",
    "PolynomialDecay",
    "Rex",
    "Rsqrt",
    "Schedule",
    "Step",
    "TimmCosine",
    "TimmPoly",
    "TimmTanh",
    "WarmupStableDecay",
]
