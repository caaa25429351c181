"""torch's schedulers, with the settings that rates may have come from."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from optax_lr import schedules as kinds
from optax_lr.identification.candidates import Candidates, Family
from optax_lr.identification.evidence import Evidence, digits_of, snapped
from optax_lr.identification.fitting import fit
from optax_lr.identification.frame import Frame, steps_between
from optax_lr.identification.lengths import LONGEST

_SHARES = (0.3, 0.1, 0.2, 0.25, 0.05, 0.4, 0.5, 0.15)
_DIVISORS = (25.0, 10.0, 100.0)
_FINAL_DIVISORS = (1e4, 1e3, 100.0, 1e5, 10.0)
_MOST_STEPS = 4096
_MOST_LEVELS = 8
_MOST_SIDES = 256  # of a triangle
_GRIDS = 6  # each 8 times as fine as the one before
_MOST_LENGTHS = 256  # of one cycle, for each share of it that rises
_MOST_OFF_PEAK = 6  # rows after the highest one that show how a cycle falls


def between(frame: Frame, row: int, offset: int) -> np.ndarray:
    """The steps at which something may have happened between the row before and `row`."""
    before = int(frame.evidence.step[row - 1]) if row else 0
    return steps_between(max(before - offset, 0) + 1, int(frame.evidence.step[row]) - offset, _MOST_STEPS)


def falls(frame: Frame) -> Iterator[Candidates]:
    """A factor at every step, or every few steps; a ramp."""
    rate = frame.evidence.rate
    if len(rate) < 2 or rate.min() <= 0:
        return
    yield from _drops(frame)
    for value in exponential_factors(frame.evidence):
        yield frame.candidates(Family(kinds.Exponential, free=1), {"offset": np.array(frame.offsets), "gamma": value})
    yield from _ramps(frame)


def exponential_factors(rows: Evidence) -> list[float]:
    """The factors of each step with which an exponential explains all rows: one of the fewest digits, and the middle one.

    Each row bounds the logarithm of the rate from both sides, and that is a line in the step: how far apart all bounds
    leave its ends is a concave function of its slope, whose top is found on ever finer grids.
    """
    step = (rows.step - rows.step[0]).astype(np.float64)
    low, high = np.log(np.maximum(rows.rate - rows.tolerance, 1e-300)), np.log(rows.rate + rows.tolerance)

    def room(slope: np.ndarray) -> np.ndarray:
        off = slope[:, None] * step
        return np.asarray((high - off).min(axis=1) - (low - off).max(axis=1))

    slope, width = (low[-1] - low[0]) / step[-1], (high[-1] - low[-1] + high[0] - low[0]) / step[-1]
    for _ in range(_GRIDS):
        tried = slope + width * np.linspace(-1, 1, 33)
        slope, width = tried[room(tried).argmax()], width / 8
    if not room(np.array([slope]))[0] >= 0:
        return []
    factor = float(np.exp(slope))
    short = np.array([float(f"{factor:.{digits}g}") for digits in range(1, 8)])
    fits = short[room(np.log(short)) >= 0]
    return [float(fits[0]), factor] if len(fits) else [factor]


def equal_factor(evidence: Evidence, drops: np.ndarray) -> float | None:
    """The factor from each level to the next, the same at all of these rows; None where they differ."""
    rate, slack = evidence.rate, evidence.tolerance
    factors = rate[drops] / rate[drops - 1]
    room = (slack[drops] + slack[drops - 1]) / rate[drops - 1]
    gamma = _neat(float(factors[0]), float(room[0]))
    return None if (abs(factors - gamma) > 1e-5 * gamma + room).any() else gamma


def _drops(frame: Frame) -> Iterator[Candidates]:
    """Levels, each the one before times gamma; or a first level that is a share of the rest."""
    rate = frame.evidence.rate
    drops = np.flatnonzero(np.diff(rate)) + 1
    if not len(drops) or len(drops) > len(rate) / 2:
        return
    gamma = equal_factor(frame.evidence, drops)
    if gamma is None:
        return
    for offset in frame.offsets:
        first = between(frame, int(drops[0]), offset)
        if len(drops) == 1 and gamma > 1:
            fields = {"offset": offset, "total_iters": first, "factor": rate[0] / rate[-1]}
            yield frame.candidates(Family(kinds.ConstantFactor, free=1), fields)
            continue
        yield frame.candidates(Family(kinds.Step, free=1), {"offset": offset, "step_size": first, "gamma": gamma})
        milestones = [roundest(between(frame, int(row), offset)) for row in drops]
        family = Family(kinds.MultiStep, {"milestones": milestones}, free=1 + len(milestones))
        yield frame.candidates(family, {"offset": np.array([offset]), "gamma": gamma})


def levels(frame: Frame) -> Iterator[Candidates]:
    """Each level by itself, as a share of the first; several rows on each, or anything is levels."""
    rate = frame.evidence.rate
    starts = np.flatnonzero(np.diff(rate)) + 1
    if not 0 < len(starts) <= _MOST_LEVELS or rate[0] <= 0 or np.diff([0, *starts, len(rate)]).min() < 3:
        return
    slack = frame.evidence.tolerance / rate[0]
    factors = [1.0, *(_neat(float(rate[row] / rate[0]), float(slack[row] + slack[0])) for row in starts)]
    for offset in frame.offsets:
        boundaries = [roundest(between(frame, int(row), offset)) for row in starts]
        family = Family(kinds.PiecewiseConstant, {"boundaries": boundaries, "factors": factors}, free=2 * len(starts))
        yield frame.candidates(family, {"offset": np.array([offset])})


def roundest(numbers: np.ndarray) -> int:
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
            fields = {"start_factor": _neat(start / top), "end_factor": _neat(rate[end] / top), "offset": offset}
            yield frame.candidates(Family(kinds.LinearRamp, free=2), fields | {"total_iters": near[near >= 1]})


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
        first = np.concatenate([between(frame, int(row), offset) for row in {rises[0], behind[0]}])
        for growth in (1, 2, 3, 4):
            fields = {"T_0": first, "T_mult": growth, "offset": offset}
            yield frame.candidates(Family(kinds.CosineAnnealingWarmRestarts), fields)
            yield frame.candidates(Family(kinds.CosineAnnealingWarmRestarts, floor="eta_min"), fields)
    if frame.peak and not frame.only_rises:
        yield from _triangles(frame)
        yield from _one_cycles(frame)


def _triangles(frame: Frame) -> Iterator[Candidates]:
    """Up to the first peak and down to the foot behind it, both between two rows."""
    step, rate, peak = frame.evidence.step, frame.evidence.rate, frame.peak
    rises = np.flatnonzero(np.diff(rate[peak:]) > 0)
    foot = peak + int(rises[0]) if len(rises) else None
    for offset in frame.offsets:
        up = steps_between(max(int(step[peak - 1]) - offset, 1), int(step[peak + 1]) - offset, _MOST_SIDES)
        own: dict[str, np.ndarray | float] = {"step_size_up": up, "offset": offset}
        if foot is not None:
            last = int(step[min(foot + 1, len(step) - 1)])
            ends = steps_between(int(step[foot - 1]) - offset, last - offset, _MOST_SIDES)
            up, end = (grid.ravel() for grid in np.meshgrid(up, ends, indexing="ij"))
            own |= {"step_size_up": up[end > up], "step_size_down": (end - up)[end > up]}
        for mode in ("triangular", "triangular2"):
            yield frame.candidates(Family(kinds.Cyclic, {"mode": mode}, peak="max_lr", floor="base_lr"), own)


def _one_cycles(frame: Frame) -> Iterator[Candidates]:
    step, rate, slack = frame.evidence.step, frame.evidence.rate, frame.evidence.tolerance
    top = np.flatnonzero(rate + slack >= (rate - slack).max())
    pairs: list[tuple[float, int]] = []  # the share that rises, and the length
    for share in _SHARES:
        if not frame.solve and frame.max_steps is not None:
            pairs.append((share, frame.max_steps))
        elif frame.solve and top[-1] < len(rate) - _MOST_OFF_PEAK:
            # The end of the rise, at `share * total_steps - 1`, lies between the rows around the highest ones.
            around = step[[max(top[0] - 1, 0), top[-1] + 1]] + [1 - max(frame.offsets), 1]
            first, last = np.ceil(around / share).astype(np.int64)
            pairs += [(share, length) for length in steps_between(max(int(first), 1), int(last), _MOST_LENGTHS)]
    if not pairs:
        return
    grid = np.array(np.meshgrid(range(len(pairs)), _DIVISORS, _FINAL_DIVISORS, frame.offsets, indexing="ij"))
    pair, divisor, final, offset = grid.reshape(4, -1)
    share, length = np.array(pairs)[pair.astype(int)].T
    fields = {"pct_start": share, "div_factor": divisor, "final_div_factor": final, "offset": offset.astype(int)}
    fields["total_steps"] = length.astype(np.int64)
    few = frame.evidence[np.unique([0, frame.peak // 2, frame.peak, (frame.peak + len(frame.evidence)) // 2, -1])]
    for anneal, phases in itertools.product(("cos", "linear"), (False, True)):
        words = {"anneal_strategy": anneal, "three_phase": phases}
        yield fit(
            frame.candidates(Family(kinds.OneCycle, words, peak="max_lr", free=frame.solve), fields), few
        ).unfitted()
