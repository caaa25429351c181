"""Every documented learning-rate schedule as an Optax schedule: exact, a pytree, swept in one compiled call.

Names are imported when they are first used, so that `optax-lr --help` does not wait for JAX, and a feature asks for its
optional packages only when it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optax_lr.advice import Edit, Finding, Recommendation, Rule, lint, recommend
    from optax_lr.auditing.audit import Audit, audit
    from optax_lr.auditing.identify import Answer, Identified, Segment, identify
    from optax_lr.auditing.log import Log
    from optax_lr.auditing.patterns import patterns
    from optax_lr.auditing.read import read_log
    from optax_lr.combine import HoldAfter, Mixed, Product, Scaled, Stages, concatenate, stack
    from optax_lr.config import ConfigError, Plan, RunConfig, read_config, read_configs, write_config
    from optax_lr.control import (
        EarlyStopping,
        ScheduleState,
        carried,
        greedy,
        hold_on_plateau,
        observe,
        reduce_on_plateau,
        restore_checkpoint,
        save_checkpoint,
        scale_by_learning_rate,
        set_schedule,
    )
    from optax_lr.monitor import Monitor
    from optax_lr.plotting import plot_kinds
    from optax_lr.registry import SCHEDULERS, get_scheduler
    from optax_lr.report.plot import plot
    from optax_lr.schedules import (
        Constant,
        ConstantFactor,
        Cosine,
        CosineAnnealing,
        CosineAnnealingWarmRestarts,
        CosineWarmupWithMinLR,
        CosineWithRestarts,
        Cyclic,
        DeepSpeedWarmup,
        DeepSpeedWarmupCosine,
        DeepSpeedWarmupDecay,
        Exponential,
        InverseSqrt,
        Linear,
        LinearRamp,
        MultiStep,
        OneCycle,
        PiecewiseConstant,
        Polynomial,
        PolynomialDecay,
        Rex,
        Rsqrt,
        Schedule,
        Step,
        TimmCosine,
        TimmPoly,
        TimmTanh,
        WarmupStableDecay,
    )
    from optax_lr.sweeps import Summary, grid, shard, sweep, sweep_summary, sweep_to, table
    from optax_lr.torch_schedulers import from_torch

__version__ = "0.1.0"

_HOMES = {
    "advice": ["Edit", "Finding", "Recommendation", "Rule", "lint", "recommend"],
    "auditing.audit": ["Audit", "audit"],
    "auditing.identify": ["Answer", "Identified", "Segment", "identify"],
    "auditing.log": ["Log"],
    "auditing.patterns": ["patterns"],
    "auditing.read": ["read_log"],
    "combine": ["HoldAfter", "Mixed", "Product", "Scaled", "Stages", "concatenate", "stack"],
    "torch_schedulers": ["from_torch"],
    "config": ["ConfigError", "Plan", "RunConfig", "read_config", "read_configs", "write_config"],
    "control": [
        "EarlyStopping",
        "ScheduleState",
        "carried",
        "greedy",
        "hold_on_plateau",
        "observe",
        "reduce_on_plateau",
        "restore_checkpoint",
        "save_checkpoint",
        "scale_by_learning_rate",
        "set_schedule",
    ],
    "monitor": ["Monitor"],
    "plotting": ["plot_kinds"],
    "registry": ["SCHEDULERS", "get_scheduler"],
    "report.plot": ["plot"],
    "schedules": [
        "Constant",
        "ConstantFactor",
        "Cosine",
        "CosineAnnealing",
        "CosineAnnealingWarmRestarts",
        "CosineWarmupWithMinLR",
        "CosineWithRestarts",
        "Cyclic",
        "DeepSpeedWarmup",
        "DeepSpeedWarmupCosine",
        "DeepSpeedWarmupDecay",
        "Exponential",
        "InverseSqrt",
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
    ],
    "sweeps": ["Summary", "grid", "shard", "sweep", "sweep_summary", "sweep_to", "table"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'optax_lr' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"optax_lr.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
