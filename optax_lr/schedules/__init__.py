"""The schedules, one file per family."""

from optax_lr.schedules.annealing import CosineAnnealing, CosineAnnealingWarmRestarts
from optax_lr.schedules.base import Schedule, from_dict, schedule
from optax_lr.schedules.compositions import Every, HoldAfter, Product, Scaled, Shift, Stages, Warmup
from optax_lr.schedules.constant import Constant
from optax_lr.schedules.cosine import Cosine, CosineWarmupWithMinLR, CosineWithRestarts
from optax_lr.schedules.cyclic import Cyclic, CyclicMomentum, OneCycle, OneCycleMomentum
from optax_lr.schedules.decays import InverseTime, PowerLaw
from optax_lr.schedules.deepspeed import DeepSpeedWarmup, DeepSpeedWarmupCosine, DeepSpeedWarmupDecay
from optax_lr.schedules.deepspeed_cycles import DeepSpeedOneCycle, DeepSpeedRangeTest
from optax_lr.schedules.function import Function
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
    "CyclicMomentum",
    "DeepSpeedOneCycle",
    "DeepSpeedRangeTest",
    "DeepSpeedWarmup",
    "DeepSpeedWarmupCosine",
    "DeepSpeedWarmupDecay",
    "Every",
    "Exponential",
    "Function",
    "HoldAfter",
    "InverseSqrt",
    "InverseTime",
    "JaggedRestarts",
    "Linear",
    "LinearRamp",
    "MultiStep",
    "OneCycle",
    "OneCycleMomentum",
    "PiecewiseConstant",
    "Polynomial",
    "PolynomialDecay",
    "PowerLaw",
    "Product",
    "Rex",
    "Rsqrt",
    "Scaled",
    "Schedule",
    "Shift",
    "Stages",
    "Step",
    "TimmCosine",
    "TimmPoly",
    "TimmTanh",
    "Warmup",
    "WarmupStableDecay",
    "from_dict",
    "schedule",
]
