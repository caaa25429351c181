"""Kinds of schedules behind a warmup that they do not have themselves: a line, from 0 or from a rate above it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from optax_lr.identification.candidates import Candidates, Family
from optax_lr.identification.evidence import snapped
from optax_lr.identification.frame import Frame
from optax_lr.identification.torch_families import between, equal_factor, exponential_factors, roundest
from optax_lr.numerics import Real
from optax_lr.schedules import Cosine, Exponential, Linear, MultiStep, Schedule, WarmupStableDecay
from optax_lr.schedules.compositions import Shift, Warmup

_LEAST_ROWS = 3  # of a warmup, to find its beginning; and of a level
_LEAST_FALL = 6  # rows of an exponential


class _Line(NamedTuple):
    """The line of the warmup: `start + slope * step`, each rate within `margin`."""

    start: float
    slope: float
    margin: float

    def warmed(self, candidates: Candidates, family: Family) -> Iterator[Candidates]:
        """The candidates with a warmup along the line, from each share of the peak that it allows."""
        start, warmup = self.start + self.slope * candidates.offset, candidates.fields["warmup_steps"]
        peak = start + self.slope * warmup
        share, margin = start / peak, self.margin / peak
        neat = snapped(share, margin, most=3)
        for shares in (np.where(np.isnan(neat), share, neat), share, 1 / (warmup + 1)):
            likely = (shares >= 0) & (shares < 1) & (abs(shares - share) <= margin)
            fields = candidates[likely].fields | {"share": shares[likely]}
            yield dataclasses.replace(candidates[likely], family=family, fields=fields)


def _line_of(frame: Frame) -> _Line | None:
    """The line through the rows before the peak; None where they are too few, or on no line."""
    evidence, peak = frame.evidence, frame.peak
    if not _LEAST_ROWS <= peak < len(evidence) - _LEAST_ROWS:
        return None
    step, rate, slack = evidence.step[:peak], evidence.rate[:peak], evidence.tolerance[:peak]
    slope = (rate[-1] - rate[0]) / (step[-1] - step[0])
    off_the_line = abs(rate[0] + slope * (step - step[0]) - rate)
    if slope <= 0 or (off_the_line > 2 * slack).any():
        return None
    return _Line(float(rate[0] - slope * step[0]), float(slope), 4 * float(slack.max()))


def from_a_rate(frame: Frame) -> Iterator[Candidates]:
    """A warmup that begins above 0, as Optax's `init_value`, torch's `LinearLR` and GPT loops have it; then a cosine or a line."""
    line = _line_of(frame)
    if line is None or line.start <= line.margin:
        return
    for kind, floor in ((_warmed_cosine, None), (_warmed_cosine, "min_lr"), (_warmed_line, None)):
        plain = Family(Linear if kind is _warmed_line else Cosine, floor=floor)
        for candidates in frame.with_length(frame.starts(), plain):
            yield from line.warmed(candidates, Family(kind, floor=floor, free=1))
            if kind is _warmed_cosine:
                warmup = candidates.fields["warmup_steps"]
                can_be = candidates[(warmup > 1) & (candidates.fields["max_steps"] > warmup)]
                yield dataclasses.replace(can_be, family=Family(_cosine_from_one, floor=floor))


def falls_behind_a_warmup(frame: Frame) -> Iterator[Candidates]:
    """Levels with one factor between them, or a factor at every step: torch's SequentialLR, detectron2, Optax."""
    line = _line_of(frame)
    if line is None or frame.evidence.rate.min() < 0 or frame.evidence.rate[-1] <= 0:
        return
    starts, plain = frame.starts(), Family(Cosine)
    rate = frame.evidence.rate
    drops = frame.peak + 1 + np.flatnonzero(np.diff(rate[frame.peak :]))
    sizes = np.diff([frame.peak, *drops, len(rate)])
    if len(drops) and len(drops) <= len(rate) / 4 and sizes[:-1].min() >= _LEAST_ROWS:
        gamma = equal_factor(frame.evidence, drops)
        for offset in frame.offsets if gamma is not None and gamma < 1 else ():
            its = {name: column[starts["offset"] == offset] for name, column in starts.items()}
            milestones = [roundest(between(frame, int(row), offset)) for row in drops]
            family = Family(_warmed_levels, {"milestones": milestones}, free=1 + len(milestones))
            yield from line.warmed(frame.candidates(plain, its | {"gamma": gamma}), family)
        return
    after = frame.evidence[frame.peak + 1 :]
    for gamma in exponential_factors(after) if len(after) >= _LEAST_FALL else ():
        yield from line.warmed(frame.candidates(plain, starts | {"gamma": gamma}), Family(_warmed_fall, free=2))


def _warmed_cosine(
    *, learning_rate: Real, max_steps: Real, warmup_steps: Real, share: Real, min_lr: Real = 0.0
) -> Schedule:
    return Warmup(Cosine(learning_rate, max_steps, warmup_steps, min_lr), warmup_steps, _tidy(learning_rate * share))


def _cosine_from_one(*, learning_rate: Real, max_steps: Real, warmup_steps: Real, min_lr: Real = 0.0) -> Schedule:
    """With the warmup `(step + 1) / warmup_steps` of build-nanogpt's loop, which is at the peak for two steps."""
    decay = WarmupStableDecay(
        learning_rate,
        decay_steps=max_steps - warmup_steps,
        warmup_steps=warmup_steps - 1,
        stable_steps=1,
        min_lr=min_lr,
        decay_type="cosine",
    )
    return Warmup(decay, warmup_steps - 1, _tidy(learning_rate / warmup_steps))


def _warmed_line(*, learning_rate: Real, max_steps: Real, warmup_steps: Real, share: Real) -> Schedule:
    return Warmup(Linear(learning_rate, max_steps, warmup_steps), warmup_steps, _tidy(learning_rate * share))


def _warmed_levels(*, learning_rate: Real, warmup_steps: Real, share: Real, milestones: Real, gamma: Real) -> Schedule:
    steps = MultiStep(learning_rate, milestones=milestones, gamma=gamma)
    return Warmup(steps, warmup_steps, _tidy(learning_rate * share))


def _warmed_fall(*, learning_rate: Real, warmup_steps: Real, share: Real, gamma: Real) -> Schedule:
    fall = Shift(Exponential(learning_rate, gamma=gamma), by=-warmup_steps)
    return Warmup(fall, warmup_steps, _tidy(learning_rate * share))


def _tidy(rate: Real) -> Real:
    """A product of two short numbers without its last digits."""
    return float(f"{rate:.12g}") if np.ndim(rate) == 0 else rate
