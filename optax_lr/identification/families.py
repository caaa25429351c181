"""Every schedule of transformers, axolotl and DeepSpeed, with the settings that rates may have come from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from optax_lr import schedules as kinds
from optax_lr.identification.candidates import Candidates, Family
from optax_lr.identification.fitting import fit, oddness, sampled
from optax_lr.identification.frame import Frame, steps_between
from optax_lr.numerics import Real
from optax_lr.schedules import Schedule
from optax_lr.schedules.compositions import HoldAfter, Warmup

_POWERS = (2.0, 0.5, 3.0, 1.5, 4.0, 0.9, 5.0, 0.75, 0.8, 1.2)
_MOST_CYCLES = 32
_MOST_BEGINNINGS = 4096  # of a decay, between two rows
_MOST_LINES = 8192
_MOST_LEVELS = 16  # warmups before a level


def common_kinds(frame: Frame) -> Iterator[Candidates]:
    """The kinds of most runs: no floor, no cycles."""
    starts = frame.starts()
    yield from frame.with_length(starts, Family(kinds.Linear), Family(kinds.Cosine))
    yield frame.candidates(Family(kinds.Constant), starts)


def with_floor(frame: Frame) -> Iterator[Candidates]:
    """Cosines that end above 0, or come back."""
    starts = frame.starts()
    families = (Family(kind, floor="min_lr") for kind in (kinds.Cosine, kinds.CosineWarmupWithMinLR))
    yield from frame.with_length(starts, *families)
    yield from frame.with_length(starts | {"num_cycles": 1.0}, Family(kinds.Cosine))


def powers(frame: Frame) -> Iterator[Candidates]:
    """Powers of what is left of the run; and axolotl's Rex."""
    powered = frame.crossed("power", _POWERS)
    yield from frame.with_length(powered, Family(kinds.Polynomial), Family(kinds.Polynomial, floor="min_lr"))
    yield from _any_power(frame)
    yield from frame.with_length(frame.starts(), Family(kinds.Rex), Family(kinds.Rex, floor="min_lr"))


def lines_to_floor(frame: Frame) -> Iterator[Candidates]:
    """A line to a floor: where the length is not known, each length has a floor of its own."""
    family = Family(kinds.Polynomial, floor="min_lr")
    if not frame.solve:
        yield from frame.with_length(frame.starts() | {"power": 1.0}, family)
        return
    step, rate, first, last = frame.evidence.step, frame.evidence.rate, frame.peak + 1, frame.fallen
    if last <= first or not rate[first] > rate[last] > 0:
        return
    per_step = (rate[first] - rate[last]) / (step[last] - step[first])
    shares = np.array([0, 1e-7, 1e-6, 1e-5, 0.01 * rate.max(), 0.1 * rate.max()])
    ends = np.rint(step[last] + (rate[last] - shares[shares < rate[last]]) / per_step)
    near = np.unique(np.concatenate([ends + shift for shift in (-2, -1, 0, 1, 2)]))
    between = np.unique(np.linspace(step[last], ends.max(), 24).round(-1))
    lengths = np.union1d(near, between)
    lengths = lengths[(lengths >= step[last]) & (lengths < 2**31)].astype(np.int64)
    begun = frame.starts()
    kept = slice(None, None, max(1, len(begun["offset"]) * len(lengths) // _MOST_LINES))
    many = {name: np.repeat(value[kept], len(lengths)) for name, value in begun.items()}
    count = len(many["offset"]) // len(lengths)
    yield frame.candidates(family, many | {"power": 1.0, "max_steps": np.tile(lengths, count)})


def _any_power(frame: Frame) -> Iterator[Candidates]:
    """The power that two rows determine, if the length is known, for the usual floors."""
    if frame.max_steps is None or frame.solve or frame.fallen <= frame.peak + 1:
        return
    starts = frame.starts()
    first, last = frame.fallen - (frame.fallen - frame.peak) // 2, frame.fallen
    step, rate = frame.evidence.step[[first, last]], frame.evidence.rate[[first, last]]
    left = frame.max_steps - (step[:, None] - starts["offset"])
    for floor in (0.0, 1e-7):
        power = np.log((rate[1] - floor) / (rate[0] - floor)) / np.log(left[1] / left[0])
        power = np.where((power > 0.01) & (power < 100), np.round(power, 3), np.nan)
        family = Family(kinds.Polynomial, floor="min_lr" if floor else None, free=1)
        yield frame.candidates(family, starts | {"power": power, "max_steps": frame.max_steps})


def restarts(frame: Frame) -> Iterator[Candidates]:
    """Cosines with restarts; in a run of unknown length only the length of a cycle is determined."""
    jumps = int((np.diff(frame.evidence.rate[frame.peak :]) > 0).sum())
    if not jumps:
        return
    cycles = range(2, _MOST_CYCLES + 1) if not frame.solve else (jumps + 1, jumps + 2)
    yield from frame.with_length(frame.crossed("num_cycles", cycles), Family(kinds.CosineWithRestarts))


def roots(frame: Frame) -> Iterator[Candidates]:
    """`1 / rate**2` grows along a line, whose zero is the timescale less the warmup."""
    starts, step, rate = frame.starts(), frame.evidence.step, frame.evidence.rate
    yield frame.candidates(Family(kinds.Rsqrt), starts)
    first, last = min(frame.peak + 1, frame.fallen), frame.fallen
    if last <= first:
        return
    inverse = 1 / rate[[first, last]] ** 2
    if not inverse[1] > inverse[0]:
        return
    zero = (step[last] * inverse[0] - step[first] * inverse[1]) / (inverse[1] - inverse[0])
    timescale = np.rint(zero + starts["offset"] + starts["warmup_steps"])
    fields = starts | {"timescale": np.where(timescale >= 1, timescale, np.nan)}
    yield frame.candidates(Family(kinds.InverseSqrt, free=1), fields)


def stable(frame: Frame) -> Iterator[Candidates]:
    """A level between a warmup and a decay."""
    evidence = frame.evidence
    top = np.flatnonzero(evidence.rate + evidence.tolerance >= (evidence.rate - evidence.tolerance).max())
    last = int(top[-1])
    if last >= len(evidence) - 1 or last < frame.peak:
        return
    for start in _risen(frame, last):
        offset = int(start["offset"])
        level, below = (int(evidence.step[row]) - offset for row in (last, last + 1))
        begin = steps_between(max(level, 0), below, _MOST_BEGINNINGS)
        begin = begin[begin >= start["warmup_steps"]]
        fields = {**start, "stable_steps": begin - start["warmup_steps"]}
        for decay in ("linear", "cosine", "1-sqrt"):
            for floor in (None, "min_lr"):
                family = Family(kinds.WarmupStableDecay, {"decay_type": decay}, floor=floor)
                if frame.solve:
                    yield from frame.with_length(fields, family, name="decay_steps")
                elif frame.max_steps is not None:
                    found = frame.candidates(family, {**fields, "decay_steps": frame.max_steps - begin})
                    yield found[found.fields["decay_steps"] > 0]


def _risen(frame: Frame, last: int) -> Iterator[dict[str, np.ndarray]]:
    """The warmups that explain the rows up to the `last` of the level; the decay does not depend on them."""
    starts = frame.starts()
    if frame.peak == 0:  # no row shows the warmup: the shortest and the longest represent all
        ends = [0, int(frame.evidence.step[0])]
        starts = {"warmup_steps": np.repeat(ends, len(frame.offsets)), "offset": np.tile(frame.offsets, 2)}
    before = frame.evidence[: last + 1]
    for floor in (None, "min_lr"):
        family = Family(kinds.WarmupStableDecay, floor=floor)
        level = frame.candidates(family, starts | {"stable_steps": 2**30, "decay_steps": 1})
        fitted = fit(level, before[sampled(before)])
        fitted = fitted[np.argsort(oddness(fitted, frame.max_steps), kind="stable")[:_MOST_LEVELS]]
        for place in range(len(fitted)):
            yield {"warmup_steps": fitted.fields["warmup_steps"][place], "offset": fitted.offset[place]}
        if len(fitted):
            return


def cosines_held(frame: Frame) -> Iterator[Candidates]:
    """A cosine to a floor at which it is held, as nanoGPT and Megatron run it; the last rows determine its end."""
    if frame.held is None:
        return
    step = frame.evidence.step
    for offset in frame.offsets:
        starts = {name: value[frame.starts()["offset"] == offset] for name, value in frame.starts().items()}
        ends = steps_between(int(step[frame.held - 1]) - offset, int(step[frame.held]) - offset, _MOST_BEGINNINGS)
        for kind in (_cosine_held, _cosine_held_from_one):
            rows = starts["warmup_steps"] >= (kind is _cosine_held_from_one)
            warmup, end = (grid.ravel() for grid in np.meshgrid(starts["warmup_steps"][rows], ends, indexing="ij"))
            fits = np.flatnonzero(end > warmup)[:_MOST_BEGINNINGS]
            fields = {"warmup_steps": warmup[fits], "max_steps": end[fits], "offset": np.array(offset)}
            yield frame.candidates(Family(kind, floor="min_lr", free=1), fields)


def _cosine_held(*, max_steps: Real, **fields: Real) -> Schedule:
    return HoldAfter(kinds.Cosine(max_steps=max_steps, **fields), step=max_steps)


def _cosine_held_from_one(*, learning_rate: Real, max_steps: Real, warmup_steps: Real, min_lr: Real) -> Schedule:
    """With nanoGPT's warmup, `(step + 1) / (warmup_steps + 1)`."""
    decay = kinds.Cosine(learning_rate, max_steps, warmup_steps, min_lr=min_lr)
    return HoldAfter(Warmup(decay, warmup_steps, learning_rate / (warmup_steps + 1)), step=max_steps)


def timm(frame: Frame) -> Iterator[Candidates]:
    """timm's cosine, whose warmup is part of the first cycle; settings other than lengths and floor have their defaults."""
    starts = frame.starts()
    cosine, powered = Family(kinds.TimmCosine), frame.crossed("power", _POWERS)
    yield from frame.with_length(starts, Family(kinds.TimmCosine, floor="min_lr"), cosine, name="t_initial")
    poly = Family(kinds.TimmPoly)
    yield from frame.with_length(powered, poly._replace(floor="min_lr"), poly, name="t_initial")
    yield from frame.with_length(starts, Family(kinds.TimmTanh), name="t_initial")
    if (
        2 <= frame.peak < len(frame.evidence) - 3
    ):  # a warmup that does not begin at 0, as timm's scripts have it by default
        after = dataclasses.replace(frame, evidence=frame.evidence[frame.peak :])
        for candidates in after.with_length(starts, cosine, name="t_initial"):
            yield dataclasses.replace(candidates, family=Family(kinds.TimmCosine, floor="warmup_lr"))


def deepspeed_kinds(frame: Frame) -> Iterator[Candidates]:
    """DeepSpeed's own, which begin with two steps at the start of the warmup."""
    starts = frame.starts(from_highest=True)
    for shape in ("log", "linear"):
        words = {"warmup_type": shape}
        yield frame.candidates(Family(kinds.DeepSpeedWarmup, words), starts)
        yield frame.candidates(Family(kinds.DeepSpeedWarmup, words, floor="min_lr"), starts)
        decay = Family(kinds.DeepSpeedWarmupDecay, words)
        yield from frame.with_length(starts, decay, decay._replace(floor="min_lr"))
        ratios = frame.crossed("cos_min_ratio", (1e-4, 0.0, 0.1, 0.01, 0.001), from_highest=True)
        yield from frame.with_length(ratios, Family(kinds.DeepSpeedWarmupCosine, words))
