"""torch's schedulers, with the settings that rates may have come from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from optax_lr.identification.evidence import digits_of, snapped
from optax_lr.identification.fitting import LONGEST, Candidates, Family
from optax_lr.identification.frame import Frame, steps_between
from optax_lr.schedules import (
    ConstantFactor,
    CosineAnnealingWarmRestarts,
    Cyclic,
    Exponential,
    LinearRamp,
    MultiStep,
    OneCycle,
    PiecewiseConstant,
    Step,
)

_SHARES = (0.3, 0.1, 0.2, 0.25, 0.05, 0.4, 0.5, 0.15)
_DIVISORS = (25.0, 10.0, 100.0)
_FINAL_DIVISORS = (1e4, 1e3, 100.0, 1e5, 10.0)
_MOST_STEPS = 4096
_MOST_LEVELS = 8
_MOST_SIDES = 256  # of a triangle


def _offsets(frame: Frame) -> dict[str, np.ndarray]:
    return {"offset": np.array(frame.offsets)}


def _between(frame: Frame, row: int, offset: int) -> np.ndarray:
    """The steps at which something may have happened between the row before and `row`."""
    before = int(frame.evidence.step[row - 1]) if row else 0
    return steps_between(max(before - offset, 0) + 1, int(frame.evidence.step[row]) - offset, _MOST_STEPS)


def falls(frame: Frame) -> Iterator[Candidates]:
    """A factor at every step, or every so many steps; a ramp."""
    step, rate = frame.evidence.step, frame.evidence.rate
    if len(rate) < 2 or rate.min() <= 0:
        return
    yield from _drops(frame)
    factor = (rate[-1] / rate[0]) ** (1 / (step[-1] - step[0]))
    near = float(snapped(np.array([factor]), np.array([1e-6 * factor]), most=7)[0])
    for value in dict.fromkeys((near, factor)) if np.isfinite(near) else (factor,):
        yield frame.candidates(Family(Exponential, free=1), _offsets(frame) | {"gamma": value})
    yield from _ramps(frame)


def _drops(frame: Frame) -> Iterator[Candidates]:
    """Levels, each the one before times gamma; or a first level that is a share of the rest."""
    rate = frame.evidence.rate
    drops = np.flatnonzero(np.diff(rate)) + 1
    if not len(drops) or len(drops) > len(rate) / 2:
        return
    factors = rate[drops] / rate[drops - 1]
    slack = (frame.evidence.tolerance[drops] + frame.evidence.tolerance[drops - 1]) / rate[drops - 1]
    gamma = _neat(float(factors[0]), float(slack[0]))
    for offset in frame.offsets:
        own = {"offset": np.array([offset])}
        if len(drops) == 1 and gamma > 1:
            lengths = _between(frame, int(drops[0]), offset)
            fields = own | {"total_iters": lengths, "factor": rate[0] / rate[-1]}
            yield frame.candidates(Family(ConstantFactor, free=1), fields)
            continue
        if (abs(factors - gamma) > 1e-5 * gamma + slack).any():
            continue
        sizes = _between(frame, int(drops[0]), offset)
        yield frame.candidates(Family(Step, free=1), own | {"step_size": sizes, "gamma": gamma})
        milestones = [_roundest(_between(frame, int(row), offset)) for row in drops]
        family = Family(MultiStep, {"milestones": milestones}, free=1 + len(milestones))
        yield frame.candidates(family, own | {"gamma": gamma})


def levels(frame: Frame) -> Iterator[Candidates]:
    """Each level by itself, as a share of the first; several rows on each, or anything is levels."""
    rate = frame.evidence.rate
    starts = np.flatnonzero(np.diff(rate)) + 1
    if not 0 < len(starts) <= _MOST_LEVELS or rate[0] <= 0 or np.diff([0, *starts, len(rate)]).min() < 3:
        return
    slack = frame.evidence.tolerance / rate[0]
    factors = [1.0, *(_neat(float(rate[row] / rate[0]), float(slack[row] + slack[0])) for row in starts)]
    for offset in frame.offsets:
        boundaries = [_roundest(_between(frame, int(row), offset)) for row in starts]
        family = Family(PiecewiseConstant, {"boundaries": boundaries, "factors": factors}, free=2 * len(starts))
        yield frame.candidates(family, {"offset": np.array([offset])})


def _roundest(numbers: np.ndarray) -> int:
    """The number of the fewest digits."""
    return int(min(numbers.tolist(), key=lambda number: (digits_of(number), number)))


def _ramps(frame: Frame) -> Iterator[Candidates]:
    """From one share of the rate to another along a line: the rate is linear in the two ends."""
    step, rate = frame.evidence.step, frame.evidence.rate
    still = np.flatnonzero(np.diff(rate) == 0)
    if not len(still) or still[0] < 3:
        return  # of so few rows anything is a line
    end = int(still[0])
    per_step = (rate[end - 1] - rate[0]) / (step[end - 1] - step[0])
    for offset in frame.offsets:
        start = rate[0] - per_step * (step[0] - offset)
        length = (rate[end] - start) / per_step if per_step else 0.0
        if start > 0 and 1 <= length < LONGEST:
            top = max(rate[end], start)
            near = np.unique(np.floor(length) + np.arange(-1, 3)).astype(np.int64)
            yield frame.candidates(
                Family(LinearRamp, free=2),
                {
                    "total_iters": near[near >= 1],
                    "start_factor": _neat(start / top),
                    "end_factor": _neat(rate[end] / top),
                    "offset": np.array(offset),
                },
            )


def _neat(share: float, slack: float = 0.0) -> float:
    """A share of few digits, where rounding may have made it another."""
    near = float(snapped(np.array([share]), np.array([1e-5 * share + slack]), most=4)[0])
    return near if np.isfinite(near) else share


def cycles(frame: Frame) -> Iterator[Candidates]:
    """Restarts that grow, one cycle, triangles."""
    evidence = frame.evidence
    rises = np.flatnonzero(np.diff(evidence.rate) > 0) + 1
    behind = rises[rises > frame.peak]
    for offset in frame.offsets if len(behind) else ():
        # Of a sparse log the first rise may be a restart already.
        first = np.concatenate([_between(frame, int(row), offset) for row in {rises[0], behind[0]}])
        for growth in (1, 2, 3, 4):
            fields = {"T_0": first, "T_mult": growth, "offset": np.array(offset)}
            yield frame.candidates(Family(CosineAnnealingWarmRestarts), fields)
            yield frame.candidates(Family(CosineAnnealingWarmRestarts, floor="eta_min"), fields)
    if frame.peak and not frame.only_rises:
        yield from _triangles(frame)
        yield from _one_cycle(frame)


def _triangles(frame: Frame) -> Iterator[Candidates]:
    """Up to the first peak and down to the foot behind it, both between two rows."""
    step, rate, peak = frame.evidence.step, frame.evidence.rate, frame.peak
    rises = np.flatnonzero(np.diff(rate[peak:]) > 0)
    foot = peak + int(rises[0]) if len(rises) else None
    for offset in frame.offsets:
        up = steps_between(max(int(step[peak - 1]) - offset, 1), int(step[peak + 1]) - offset, _MOST_SIDES)
        own = {"step_size_up": up, "offset": np.array(offset)}
        if foot is not None:
            last = int(step[min(foot + 1, len(step) - 1)])
            ends = steps_between(int(step[foot - 1]) - offset, last - offset, _MOST_SIDES)
            up, end = (grid.ravel() for grid in np.meshgrid(up, ends, indexing="ij"))
            own |= {"step_size_up": up[end > up], "step_size_down": (end - up)[end > up]}
        for mode in ("triangular", "triangular2"):
            yield frame.candidates(Family(Cyclic, {"mode": mode}, peak="max_lr", floor="base_lr"), own)


def _one_cycle(frame: Frame) -> Iterator[Candidates]:
    if frame.max_steps is None or frame.solve:
        return
    grid = np.array(np.meshgrid(_SHARES, _DIVISORS, _FINAL_DIVISORS, frame.offsets, indexing="ij")).reshape(4, -1)
    fields = {"pct_start": grid[0], "div_factor": grid[1], "final_div_factor": grid[2], "offset": grid[3].astype(int)}
    for anneal in ("cos", "linear"):
        for phases in (False, True):
            words = {"anneal_strategy": anneal, "three_phase": phases}
            yield frame.candidates(Family(OneCycle, words, peak="max_lr"), fields | {"total_steps": frame.max_steps})
