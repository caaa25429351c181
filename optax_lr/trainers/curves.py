"""The curves that several trainers have: a warmup from 0, a decay to a floor, and what is behind it."""

from __future__ import annotations

from optax_lr.numerics import Real
from optax_lr.schedules import Constant, Cosine, Linear, LinearRamp, Schedule, WarmupStableDecay
from optax_lr.schedules.compositions import HoldAfter, Stages


def line(start: float, end: float, steps: int) -> Schedule:
    """A line between two rates, and the second behind it."""
    if start > end:
        return Linear(start, max_steps=steps, min_lr=end)
    if start == 0:
        return Constant(end, warmup_steps=steps)
    return LinearRamp(end, start_factor=start / end, total_iters=steps)


def warmed(rate: Real, warmup: int, curve: Schedule) -> Schedule:
    """A line from 0 to the rate, and the curve behind it."""
    return Stages([Constant(rate, warmup_steps=warmup), curve], boundaries=[warmup]) if warmup else curve


def held(curve: Schedule, *, end: int, run: int) -> Schedule:
    """A curve whose rate at its end is held, where a run is longer than it."""
    return HoldAfter(curve, step=end) if run > end else curve


def decayed(shape: str, rate: Real, *, end: Real, warmup: Real, low: Real = 0.0, decay: int | None = None) -> Schedule:
    """A warmup from 0 and a decay to a floor.

    Args:
        shape: `constant` for no decay, `linear`, `cosine`; with `decay` also the others of `WarmupStableDecay`.
        rate: the peak.
        end: the step at which the floor is reached.
        warmup: the steps before the peak.
        low: the floor.
        decay: the steps of the decay; None for all behind the warmup.
    """
    if shape == "constant":
        return Constant(rate, warmup_steps=warmup)
    if decay is None:
        kind = Cosine if shape == "cosine" else Linear
        return kind(rate, max_steps=end, warmup_steps=warmup, min_lr=low)
    stable = end - warmup - decay
    curve = WarmupStableDecay(rate, decay_steps=decay, stable_steps=stable, min_lr=low, decay_type=shape)
    return warmed(rate, int(warmup), curve)
