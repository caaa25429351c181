"""Every schedule of transformers, axolotl and DeepSpeed, with the settings that rates may have come from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from optax_lr.identification.fitting import Candidates, Family, fit, oddness
from optax_lr.identification.frame import Frame
from optax_lr.schedules import (
    Constant,
    Cosine,
    CosineWarmupWithMinLR,
    CosineWithRestarts,
    DeepSpeedWarmup,
    DeepSpeedWarmupCosine,
    DeepSpeedWarmupDecay,
    InverseSqrt,
    Linear,
    Polynomial,
    Rex,
    Rsqrt,
    TimmCosine,
    TimmPoly,
    TimmTanh,
    WarmupStableDecay,
)

_POWERS = (2.0, 0.5, 3.0, 1.5, 4.0, 0.9, 5.0, 0.75, 0.8, 1.2)
_MOST_CYCLES = 32
_MOST_BEGINNINGS = 4096  # of a decay, between two rows
_MOST_LEVELS = 16  # warmups before a level


def plain(frame: Frame) -> Iterator[Candidates]:
    """What most runs follow: no floor, no cycles."""
    starts = frame.starts()
    yield from frame.with_length(Family(Linear), starts)
    yield from frame.with_length(Family(Cosine), starts)
    yield frame.candidates(Family(Constant), starts)


def with_floor(frame: Frame) -> Iterator[Candidates]:
    """Cosines that end above 0, or come back."""
    starts = frame.starts()
    yield from frame.with_length(Family(Cosine, floor="min_lr"), starts)
    yield from frame.with_length(Family(CosineWarmupWithMinLR, floor="min_lr"), starts)
    yield from frame.with_length(Family(Cosine), starts | {"num_cycles": 1.0})


def powers(frame: Frame) -> Iterator[Candidates]:
    """Powers of what is left of the run; and axolotl's Rex."""
    starts, powered = frame.starts(), frame.crossed("power", _POWERS)
    yield from frame.with_length(Family(Polynomial), powered)
    yield from frame.with_length(Family(Polynomial, floor="min_lr"), powered)
    yield from frame.with_length(Family(Polynomial, floor="min_lr"), starts | {"power": 1.0})
    yield from _any_power(frame)
    yield from frame.with_length(Family(Rex), starts)
    yield from frame.with_length(Family(Rex, floor="min_lr"), starts)


def _any_power(frame: Frame) -> Iterator[Candidates]:
    """The power that two rows tell, where the length is known, for the floors that people leave as they are."""
    if frame.horizon is None or frame.solve or frame.fallen <= frame.peak + 1:
        return
    starts = frame.starts()
    first, last = frame.fallen - (frame.fallen - frame.peak) // 2, frame.fallen
    step, rate = frame.evidence.step[[first, last]], frame.evidence.rate[[first, last]]
    left = frame.horizon - (step[:, None] - starts["offset"])
    for floor in (0.0, 1e-7):
        power = np.log((rate[1] - floor) / (rate[0] - floor)) / np.log(left[1] / left[0])
        known = np.isfinite(power) & (power > 0.01) & (power < 100)
        power = np.round(power[known], 3)
        fields = {name: value[known] for name, value in starts.items()}
        if known.any():
            family = Family(Polynomial, floor="min_lr" if floor else None, free=1)
            yield frame.candidates(family, fields | {"power": power, "max_steps": frame.horizon})


def restarts(frame: Frame) -> Iterator[Candidates]:
    """Cosines that begin again; of an unknown run, only the length of a cycle can be told."""
    jumps = int((np.diff(frame.evidence.rate[frame.peak :]) > 0).sum())
    if not jumps:
        return
    cycles = range(2, _MOST_CYCLES + 1) if not frame.solve else (jumps + 1, jumps + 2)
    yield from frame.with_length(Family(CosineWithRestarts), frame.crossed("num_cycles", cycles))


def roots(frame: Frame) -> Iterator[Candidates]:
    """`1 / rate**2` grows along a line, whose zero is the timescale less the warmup."""
    starts, step, rate = frame.starts(), frame.evidence.step, frame.evidence.rate
    yield frame.candidates(Family(Rsqrt), starts)
    first, last = min(frame.peak + 1, frame.fallen), frame.fallen
    if last <= first:
        return
    inverse = 1 / rate[[first, last]] ** 2
    if not inverse[1] > inverse[0]:
        return
    zero = (step[last] * inverse[0] - step[first] * inverse[1]) / (inverse[1] - inverse[0])
    timescale = np.rint(zero + starts["offset"] + starts["warmup_steps"])
    known = (timescale >= 1) & (timescale < 2**31)
    if known.any():
        fields = {name: value[known] for name, value in starts.items()}
        yield frame.candidates(Family(InverseSqrt, free=1), fields | {"timescale": timescale[known]})


def stable(frame: Frame) -> Iterator[Candidates]:
    """A level between a warmup and a decay."""
    evidence = frame.evidence
    top = np.flatnonzero(evidence.rate >= evidence.rate.max() * (1 - 1e-9))
    last = int(top[-1])
    if last >= len(evidence) - 1 or last < frame.peak:
        return
    for start in _risen(frame, last):
        offset = int(start["offset"])
        begin = np.arange(max(evidence.step[last] - offset, 0), evidence.step[last + 1] - offset + 1)[:_MOST_BEGINNINGS]
        begin = begin[begin >= start["warmup_steps"]]
        fields = {**start, "stable_steps": begin - start["warmup_steps"]}
        for decay in ("linear", "cosine", "1-sqrt"):
            for floor in (None, "min_lr"):
                family = Family(WarmupStableDecay, {"decay_type": decay}, floor=floor)
                if frame.solve:
                    yield from frame.with_length(family, fields, "decay_steps")
                elif frame.horizon is not None and (frame.horizon > begin).any():
                    rows = frame.horizon > begin
                    kept = {**start, "stable_steps": fields["stable_steps"][rows]}
                    yield from frame.with_length(family, kept, "decay_steps", known=frame.horizon - begin[rows])


def _risen(frame: Frame, last: int) -> Iterator[dict[str, np.ndarray]]:
    """The warmups that explain the rows up to the `last` of the level: the decay knows nothing of them."""
    starts = frame.starts()
    if frame.peak == 0:  # no row shows the warmup: the shortest and the longest stand for all
        ends = [0, int(frame.evidence.step[0])]
        starts = {"warmup_steps": np.repeat(ends, len(frame.offsets)), "offset": np.tile(frame.offsets, 2)}
    before = frame.evidence[: last + 1]
    for floor in (None, "min_lr"):
        family = Family(WarmupStableDecay, floor=floor)
        level = frame.candidates(family, starts | {"stable_steps": 2**30, "decay_steps": 1})
        fitted = fit(level, before)
        fitted = fitted[np.argsort(oddness(fitted, frame.horizon), kind="stable")[:_MOST_LEVELS]]
        for place in range(len(fitted)):
            yield {"warmup_steps": fitted.fields["warmup_steps"][place], "offset": fitted.offset[place]}
        if len(fitted):
            return


def timm(frame: Frame) -> Iterator[Candidates]:
    """timm's, whose warmup takes its steps from the first cycle; its settings but for the lengths and the floor as they are."""
    starts = frame.starts()
    yield from frame.with_length(Family(TimmCosine, floor="min_lr"), starts, "t_initial")
    yield from frame.with_length(Family(TimmCosine), starts, "t_initial")
    yield from frame.with_length(Family(TimmPoly, floor="min_lr"), frame.crossed("power", _POWERS), "t_initial")
    yield from frame.with_length(Family(TimmPoly), frame.crossed("power", _POWERS), "t_initial")
    yield from frame.with_length(Family(TimmTanh), starts, "t_initial")


def deepspeed(frame: Frame) -> Iterator[Candidates]:
    """DeepSpeed's own, which begin with two steps at the start of the warmup."""
    starts = frame.starts(from_highest=True)
    for shape in ("log", "linear"):
        words = {"warmup_type": shape}
        yield frame.candidates(Family(DeepSpeedWarmup, words), starts)
        yield frame.candidates(Family(DeepSpeedWarmup, words, floor="min_lr"), starts)
        yield from frame.with_length(Family(DeepSpeedWarmupDecay, words), starts)
        yield from frame.with_length(Family(DeepSpeedWarmupDecay, words, floor="min_lr"), starts)
        ratios = frame.crossed("cos_min_ratio", (1e-4, 0.0, 0.1, 0.01, 0.001), from_highest=True)
        yield from frame.with_length(Family(DeepSpeedWarmupCosine, words), ratios)
