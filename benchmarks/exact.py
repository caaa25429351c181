"""The documented formulas in exact arithmetic, as the reference writes them: no identity of ours, 60 digits."""

from __future__ import annotations

import mpmath
from mpmath import mpf

import optax_lr as olr

mpmath.mp.dps = 60


def exact(schedule: olr.Schedule, step: int) -> mpf:
    """The rate of one of the documented schedules at `step`, from its fields as they are after rounding to float32."""
    values = {name: mpf(float(value)) for name, value in vars(schedule).items() if value is not None and name[0] != "_"}
    rate, warmup = values["learning_rate"], values["warmup_steps"]
    if isinstance(schedule, olr.Rsqrt):
        return rate / mpmath.sqrt(max(step, warmup, 1))
    if step < warmup:
        return rate * step / max(1, warmup)
    return _AFTER_WARMUP[type(schedule)](values, mpf(step))


def _share(v, step):
    return (step - v["warmup_steps"]) / max(1, v["max_steps"] - v["warmup_steps"])


def _linear(v, step):
    return v["learning_rate"] * max(0, (v["max_steps"] - step) / max(1, v["max_steps"] - v["warmup_steps"]))


def _cosine(v, step):
    wave = (1 + mpmath.cos(2 * mpmath.pi * v["num_cycles"] * _share(v, step))) / 2
    return max(0, v["min_lr"] + (v["learning_rate"] - v["min_lr"]) * wave)


def _restarts(v, step):
    share = _share(v, step)
    return (
        mpf(0) if share >= 1 else v["learning_rate"] * (1 + mpmath.cos(mpmath.pi * ((v["num_cycles"] * share) % 1))) / 2
    )


def _polynomial(v, step):
    if step > v["max_steps"]:
        return v["min_lr"]
    left = 1 - (step - v["warmup_steps"]) / (v["max_steps"] - v["warmup_steps"])
    return v["min_lr"] + (v["learning_rate"] - v["min_lr"]) * left ** v["power"]


def _inverse_sqrt(v, step):
    timescale = v.get("timescale") or v["warmup_steps"] or 10_000
    return v["learning_rate"] / mpmath.sqrt((step + (timescale - v["warmup_steps"])) / timescale)


_AFTER_WARMUP = {
    olr.Constant: lambda v, step: v["learning_rate"],
    olr.Linear: _linear,
    olr.Cosine: _cosine,
    olr.CosineWithRestarts: _restarts,
    olr.Polynomial: _polynomial,
    olr.InverseSqrt: _inverse_sqrt,
}
