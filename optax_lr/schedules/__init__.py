"""The schedules, one file per family. Each class that is imported here is public, `optax_lr.Name`."""

from optax_lr.schedules.axolotl import JaggedRestarts as JaggedRestarts, Rex as Rex
from optax_lr.schedules.base import Schedule as Schedule, from_dict as from_dict, schedule as schedule
from optax_lr.schedules.compositions import (
    Every as Every,
    HoldAfter as HoldAfter,
    InSamples as InSamples,
    Product as Product,
    Scaled as Scaled,
    Shift as Shift,
    Stages as Stages,
    Warmup as Warmup,
)
from optax_lr.schedules.constant import Constant as Constant
from optax_lr.schedules.cosine import (
    Cosine as Cosine,
    CosineAnnealing as CosineAnnealing,
    CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts,
    CosineWarmupWithMinLR as CosineWarmupWithMinLR,
    CosineWithRestarts as CosineWithRestarts,
)
from optax_lr.schedules.cyclic import (
    Cyclic as Cyclic,
    CyclicMomentum as CyclicMomentum,
    OneCycle as OneCycle,
    OneCycleMomentum as OneCycleMomentum,
)
from optax_lr.schedules.decays import (
    InverseSqrt as InverseSqrt,
    InverseTime as InverseTime,
    PowerLaw as PowerLaw,
    Rsqrt as Rsqrt,
)
from optax_lr.schedules.deepspeed import (
    DeepSpeedOneCycle as DeepSpeedOneCycle,
    DeepSpeedRangeTest as DeepSpeedRangeTest,
    DeepSpeedWarmup as DeepSpeedWarmup,
    DeepSpeedWarmupCosine as DeepSpeedWarmupCosine,
    DeepSpeedWarmupDecay as DeepSpeedWarmupDecay,
)
from optax_lr.schedules.function import Function as Function
from optax_lr.schedules.polynomial import (
    Linear as Linear,
    LinearRamp as LinearRamp,
    Polynomial as Polynomial,
    PolynomialDecay as PolynomialDecay,
)
from optax_lr.schedules.stepwise import (
    ConstantFactor as ConstantFactor,
    Exponential as Exponential,
    MultiStep as MultiStep,
    PiecewiseConstant as PiecewiseConstant,
    Step as Step,
)
from optax_lr.schedules.timm import TimmCosine as TimmCosine, TimmPoly as TimmPoly, TimmTanh as TimmTanh
from optax_lr.schedules.wsd import WarmupStableDecay as WarmupStableDecay

_CLASSES = {name: value for name, value in list(globals().items()) if isinstance(value, type)}
