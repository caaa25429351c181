"""One table of all schedules: typical settings of each class, which all general tests use, and random settings."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, strategies as st

import optax_lr as olr

RATE = 3e-4
STEPS = np.arange(64)


def a_function(step, peak, tau):
    """A user's function that calls `jax.numpy`."""
    return peak * jnp.exp(-step / tau)


# Add a line here for a new class.
USUAL: dict[type[olr.Schedule], dict[str, Any]] = {
    olr.Constant: {"learning_rate": RATE, "warmup_steps": 5},
    olr.ConstantFactor: {"learning_rate": RATE, "factor": 0.25, "total_iters": 7},
    olr.Cosine: {"learning_rate": RATE, "max_steps": 40, "warmup_steps": 5, "min_lr": 1e-5, "num_cycles": 1.5},
    olr.CosineAnnealing: {"learning_rate": RATE, "T_max": 13, "eta_min": 1e-5},
    olr.CosineAnnealingWarmRestarts: {"learning_rate": RATE, "T_0": 5, "T_mult": 2, "eta_min": 1e-5},
    olr.CosineWarmupWithMinLR: {"learning_rate": RATE, "max_steps": 40, "warmup_steps": 5, "min_lr": 1e-5, "warmup_lr": 2e-5},
    olr.CosineWithRestarts: {"learning_rate": RATE, "max_steps": 40, "warmup_steps": 5, "num_cycles": 3},
    olr.Cyclic: {"base_lr": 1e-5, "max_lr": RATE, "step_size_up": 4, "step_size_down": 9, "mode": "exp_range", "gamma": 0.9375},
    olr.CyclicMomentum: {"step_size_up": 4, "step_size_down": 9, "mode": "exp_range", "gamma": 0.9375},
    olr.DeepSpeedOneCycle: {"min_lr": 1e-5, "max_lr": RATE, "first_steps": 9, "second_steps": 21, "second_stairs": 3, "decay_rate": 0.5, "decay_steps": 7},
    olr.DeepSpeedRangeTest: {"min_lr": RATE, "step_size": 9, "step_rate": 0.75},
    olr.DeepSpeedWarmup: {"learning_rate": RATE, "warmup_steps": 9, "min_lr": 1e-5},
    olr.DeepSpeedWarmupCosine: {"learning_rate": RATE, "max_steps": 40, "warmup_steps": 9, "warmup_min_ratio": 0.125},
    olr.DeepSpeedWarmupDecay: {"learning_rate": RATE, "max_steps": 40, "warmup_steps": 9, "min_lr": 1e-5},
    olr.Every: {"schedule": olr.Linear(RATE, 9, 2), "steps": 5},
    olr.Exponential: {"learning_rate": RATE, "gamma": 0.9375},
    olr.Function: {"function": a_function, "peak": RATE, "tau": 20.0},
    olr.HoldAfter: {"schedule": olr.Cosine(RATE, 40, 5), "step": 30},
    olr.InSamples: {"schedule": olr.Cosine(RATE, 275, 31, min_lr=1e-5), "per_step": 7},
    olr.InverseSqrt: {"learning_rate": RATE, "warmup_steps": 5, "timescale": 20},
    olr.InverseTime: {"learning_rate": RATE, "decay_rate": 0.7, "decay_steps": 9, "warmup_steps": 5},
    olr.JaggedRestarts: {"schedule": olr.Cosine(RATE, 40, 5), "restart_steps": 13, "restart_warmup_steps": 4, "restart_anneal_steps": 3, "min_scale": 0.125},
    olr.Linear: {"learning_rate": RATE, "max_steps": 40, "warmup_steps": 5},
    olr.LinearRamp: {"learning_rate": RATE, "start_factor": 0.125, "end_factor": 0.75, "total_iters": 20},
    olr.Mixed: {"member": 1, "schedules": [olr.Linear(RATE, 40, 5), olr.CosineWithRestarts(RATE, 40, 5, 2)]},
    olr.MultiStep: {"learning_rate": RATE, "milestones": [7, 7, 30], "gamma": 0.5},
    olr.OneCycle: {"max_lr": RATE, "total_steps": 50, "pct_start": 0.375, "three_phase": True},
    olr.OneCycleMomentum: {"total_steps": 50, "pct_start": 0.375, "three_phase": True},
    olr.PiecewiseConstant: {"learning_rate": RATE, "boundaries": [7, 30], "factors": [0.5, 1.0, 0.125]},
    olr.Polynomial: {"learning_rate": RATE, "max_steps": 40, "warmup_steps": 5, "power": 1.75, "min_lr": 1e-5},
    olr.PolynomialDecay: {"learning_rate": RATE, "total_iters": 40, "power": 2.5},
    olr.PowerLaw: {"learning_rate": RATE, "power": 0.7, "timescale": 9.5, "warmup_steps": 5},
    olr.Product: {"schedules": [olr.Linear(RATE, 40, 5), olr.Step(1.0, 9, 0.5)]},
    olr.Rex: {"learning_rate": RATE, "max_steps": 40, "warmup_steps": 5, "min_lr": 1e-5},
    olr.Rsqrt: {"learning_rate": RATE, "warmup_steps": 5},
    olr.Scaled: {"schedule": olr.InverseSqrt(RATE, 5), "factor": 0.3},
    olr.Shift: {"schedule": olr.Cosine(RATE, 40, 5), "by": -7},
    olr.Stages: {"schedules": [olr.Linear(RATE, 20, 5), olr.Polynomial(1e-4, 20, 3, 0.5)], "boundaries": [15]},
    olr.Step: {"learning_rate": RATE, "step_size": 9, "gamma": 0.5},
    olr.TimmCosine: {"learning_rate": RATE, "t_initial": 9, "cycle_mul": 2.0, "cycle_decay": 0.5, "cycle_limit": 2, "warmup_steps": 3},
    olr.TimmPoly: {"learning_rate": RATE, "t_initial": 40, "power": 1.5, "min_lr": 1e-5, "k_decay": 1.25},
    olr.TimmTanh: {"learning_rate": RATE, "t_initial": 40, "min_lr": 1e-5, "warmup_steps": 3, "warmup_lr": 1e-6},
    olr.Warmup: {"schedule": olr.InverseSqrt(RATE, 2), "warmup_steps": 7, "warmup_lr": 1e-5},
    olr.WarmupStableDecay: {"learning_rate": RATE, "decay_steps": 15, "max_steps": 40, "warmup_steps": 5, "decay_type": "1-sqrt"},
}  # fmt: skip
CLASSES = list(USUAL)
every_class = pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)

_RANGES = {
    "gamma": (0.25, 1.25),
    "power": (0.0, 4.0),
    "num_cycles": (0.0, 5.0),
    "cycle_mul": (1.0, 3.0),
    "k_decay": (0.5, 2.0),
}


def usual(kind: type[olr.Schedule]) -> olr.Schedule:
    """The typical schedule of a class."""
    return kind(**USUAL[kind])


def assert_within_an_ulp(ours: Any, expected: Any, ulps: float = 1) -> None:
    """Each float32 rate is at most `ulps` away from the expected one."""
    ours, expected = np.asarray(ours), np.asarray(expected)
    assert ours.dtype == expected.dtype == np.float32
    assert (np.abs(ours.astype(np.float64) - expected) <= ulps * np.spacing(np.abs(expected))).all()


def numeric(kind: type[olr.Schedule]) -> list[str]:
    """The fields of a class that are a single number in its typical schedule."""
    return [f.name for f in dataclasses.fields(kind) if hasattr(getattr(usual(kind), f.name), "dtype")]


@st.composite
def random_schedule(draw, kind: type[olr.Schedule]) -> olr.Schedule:
    """The typical schedule of a class with random values of some settings; counts are at most 60."""
    settings = dict(USUAL[kind])
    for f in dataclasses.fields(kind):
        value, bounds = settings.get(f.name), f.metadata
        if "among" in bounds:
            settings[f.name] = draw(st.sampled_from(bounds["among"]))
        elif f.name in _RANGES:
            settings[f.name] = draw(st.floats(*_RANGES[f.name], width=32, allow_subnormal=False))
        elif isinstance(value, int) and f.name != "member":
            settings[f.name] = draw(st.integers(bounds.get("least") or 0, 60))
        elif isinstance(value, float):
            settings[f.name] = value * draw(st.sampled_from([0.5, 1.0, 1.5]))
    try:
        return kind(**settings)
    except ValueError:
        assume(False)
        raise
