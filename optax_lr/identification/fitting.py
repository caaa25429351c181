"""Which of many candidates explain the rates: their linear fields by least squares, then every row held against the curve."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any, NamedTuple

import jax
import numpy as np

from optax_lr.identification.evidence import Evidence, digits_of, snapped
from optax_lr.numerics import VECTOR
from optax_lr.schedules import CosineWithRestarts, Schedule
from optax_lr.schedules.base import lift

MOST_DIGITS = 5  # of a rate that a person writes
_SHARES = (0.01, 0.02, 0.03, 0.05, 0.06, 0.1, 0.15, 0.2)  # of a run, that people give as warmup_ratio
_BLOCK = 2**21  # rates that are computed at a time
SAMPLED = 24  # rows on which all candidates are tried; those that pass meet the rest


class Family(NamedTuple):
    """A kind of schedule whose rate is linear in its peak and in its floor: the rest are the fields to search.

    Fields:
        kind: the class.
        words: its choices, which no array can hold.
        peak, floor: the linear fields; `floor` is None where there is none, or where it is taken as 0.
        free: how many of the searched fields were fitted to the rows and may be any number.
    """

    kind: type[Schedule]
    words: dict[str, Any] = {}  # noqa: RUF012
    peak: str = "learning_rate"
    floor: str | None = None
    free: int = 0

    def schedule(self, fields: dict[str, Any], peak: Any, floor: Any = None) -> Schedule:
        linear = {self.peak: peak} if self.floor is None else {self.peak: peak, self.floor: floor}
        return self.kind(**self.words, **fields, **linear)


@dataclasses.dataclass(frozen=True)
class Candidates:
    """Settings of one family that may explain the rates.

    Fields:
        family: what they are settings of.
        fields: each searched field, [n].
        offset: int64 [n]; the row at step k shows the rate `schedule(k - offset)`.
        peak, floor: float64 [n], once they are fitted.
        error: float64 [n], the largest error of a row in units of its tolerance; at most 1 explains all of them.
    """

    family: Family
    fields: dict[str, np.ndarray]
    offset: np.ndarray
    peak: Any = None
    floor: Any = None
    error: Any = None

    def __len__(self) -> int:
        return len(self.offset)

    def __getitem__(self, rows: Any) -> Candidates:
        taken: dict[str, Any] = {
            name: None if getattr(self, name) is None else getattr(self, name)[rows] for name in _FITTED
        }
        return dataclasses.replace(
            self, fields={name: value[rows] for name, value in self.fields.items()}, offset=self.offset[rows], **taken
        )

    def curves(self, step: np.ndarray) -> np.ndarray:
        """The fitted rates, float64 [n, steps]."""
        level, above = self.columns(step)
        rates: np.ndarray = self.peak[:, None] * level + (0 if above is None else self.floor[:, None] * above)
        return rates

    def level(self, step: np.ndarray) -> np.ndarray:
        """The rates of a peak of 1 and a floor of 0 at `step`, [steps] or [n, steps]; float64 [n, steps]."""
        return self._evaluated(step, 0.0)

    def columns(self, step: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """What the peak and the floor are multiplied by, each [n, steps]."""
        level = self.level(step)
        return level, None if self.family.floor is None else 2 * (self._evaluated(step, 0.5) - level)

    def lifted(self, floor: float = 0.0) -> Schedule:
        """The schedules with float64 leaves [n, 1], a peak of 1 and that floor."""
        with jax.enable_x64(True):
            ones = np.ones(len(self))
            return lift(self.family.schedule(self.fields, ones, floor * ones), VECTOR, trailing_axes=1)

    def position(self, step: np.ndarray) -> np.ndarray:
        """The step of the schedule that each candidate has at `step`, [steps] or [n, steps]."""
        position: np.ndarray = np.maximum(np.atleast_2d(step) - self.offset[:, None], 0).astype(np.float64)
        return position

    def _evaluated(self, step: np.ndarray, floor: float) -> np.ndarray:
        position = self.position(step)
        return np.broadcast_to(self.lifted(floor)._value(position, VECTOR), position.shape)


_FITTED = ("peak", "floor", "error")


def fit(candidates: Candidates, evidence: Evidence) -> Candidates:
    """The candidates with a peak, a floor and the error that is left, those of the fewest digits where they explain as much."""
    sample = evidence[sampled(evidence)]
    level, above = candidates.columns(sample.step)
    if above is None:
        row = int(np.argmax(sample.rate))
        peak, floor = sample.rate[row] / level[:, row], None
    else:
        peak, floor = _two_coefficients(level, above, sample.rate)
    peak = np.where(np.isfinite(peak) & (peak >= 0), peak, 0)
    floor = None if floor is None else np.where(np.isfinite(floor), floor, 0)
    raw = dataclasses.replace(candidates, peak=peak, floor=floor)
    error = _error(raw, sample, level, above)
    near = np.flatnonzero(error <= NEAR)
    raw = dataclasses.replace(raw, error=error)[near]
    if not len(near):
        return raw
    level, above = level[near], None if above is None else above[near]
    neat = _neat(raw, sample, level, above)
    return neat[neat.error <= 1]


NEAR = 100.0  # times the tolerance: how far the unrounded fit may be from the rows, whose rounding the neat one mends


def _neat(raw: Candidates, sample: Evidence, level: np.ndarray, above: np.ndarray | None) -> Candidates:
    """With the peak and the floor of the fewest digits where these do as well."""
    high = sample.rate > sample.rate.max() / 10
    loose = float((sample.tolerance[high] / sample.rate[high]).max()) if high.any() else 1e-9
    loose = min(max(loose, 1e-9), 1e-5)
    near = snapped(raw.peak, 100 * loose * raw.peak)
    peak, floor = np.where(np.isnan(near), raw.peak, near), raw.floor
    if floor is not None:
        margin = 10 * loose * peak
        whole = snapped(floor, margin, most=3)
        share = snapped(floor / peak, margin / peak, most=3) * peak
        floor = np.where(np.isnan(whole), np.where(np.isnan(share), floor, share), whole)
    neat = dataclasses.replace(raw, peak=peak, floor=floor)
    error = _error(neat, sample, level, above)
    better = error <= np.maximum(raw.error, 1)
    return dataclasses.replace(
        raw,
        peak=np.where(better, peak, raw.peak),
        floor=None if floor is None else np.where(better, floor, raw.floor),
        error=np.where(better, error, raw.error),
    )


def _two_coefficients(level: np.ndarray, above: np.ndarray, rate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares of `peak * level + floor * above` against `rate`, for each candidate."""
    a, b, c = (level * level).sum(1), (level * above).sum(1), (above * above).sum(1)
    x, y = level @ rate, above @ rate
    determinant = a * c - b * b
    peak, floor = (c * x - b * y) / determinant, (a * y - b * x) / determinant
    alone = ~(determinant > 1e-12 * a * c)  # the floor is nowhere to be seen
    return np.where(alone, x / a, peak), np.where(alone, 0, floor)


def _error(candidates: Candidates, evidence: Evidence, level: np.ndarray, above: np.ndarray | None) -> np.ndarray:
    curve = candidates.peak[:, None] * level
    if above is not None:
        curve = curve + candidates.floor[:, None] * above
    worst: np.ndarray = np.nan_to_num((abs(curve - evidence.rate) / evidence.tolerance).max(axis=1), nan=np.inf)
    return worst


def errors(candidates: Candidates, evidence: Evidence) -> np.ndarray:
    """Every row's error in units of its tolerance, [n, rows]."""
    off = abs(candidates.curves(evidence.step) - evidence.rate) / evidence.tolerance
    worst: np.ndarray = np.nan_to_num(off, nan=np.inf)
    return worst


def explaining(candidates: Candidates, evidence: Evidence) -> Candidates:
    """Those that explain every row; held against a block of rows at a time, so that long logs take no more memory."""
    start = 0
    while start < len(evidence) and len(candidates):
        block = evidence[start : start + max(1, _BLOCK // len(candidates))]
        candidates = candidates[errors(candidates, block).max(axis=1) <= 1]
        start += len(block)
    return candidates


def unexplained(candidates: Candidates, evidence: Evidence) -> list[np.ndarray]:
    """For each candidate the rows that it does not explain."""
    size = max(1, _BLOCK // max(len(candidates), 1))
    blocks = [errors(candidates, evidence[start : start + size]) > 1 for start in range(0, len(evidence), size)]
    return [
        np.concatenate([np.flatnonzero(block[row]) + number * size for number, block in enumerate(blocks)])
        for row in range(len(candidates))
    ]


def sampled(evidence: Evidence) -> np.ndarray:
    """At most SAMPLED rows, among them the first, the last, and those around the peak and every turn."""
    count = len(evidence)
    if count <= SAMPLED:
        return np.arange(count)
    rate = evidence.rate
    rise = np.sign(np.diff(rate))
    turns = np.flatnonzero(np.diff(rise)) + 1
    near = np.unique(np.concatenate([[0, 1, count - 1], *(turns[:5] + shift for shift in (-1, 0, 1))]))
    near = near[(near >= 0) & (near < count)][: SAMPLED // 2 + 4]
    even = np.linspace(0, count - 1, SAMPLED - len(near)).astype(int)
    return np.unique(np.concatenate([near, even]))


def oddness(candidates: Candidates, horizon: int | None) -> np.ndarray:
    """How many digits each setting needs to be written down: people choose round numbers."""
    peak = np.array([digits_of(value) for value in candidates.peak], float)
    leading = [f"{value:e}"[0] for value in candidates.peak]
    floor = 0 if candidates.floor is None else np.array([digits_of(value) for value in candidates.floor])
    odd = 2 * np.where(peak > MOST_DIGITS, 10, peak) + np.minimum(floor, 5) + candidates.family.free
    odd = odd + 0.5 * np.array([digit not in "125" for digit in leading])
    shares = {int(np.ceil(share * horizon)) for share in _SHARES} if horizon else set()
    for name, values in candidates.fields.items():
        is_warmup = name == "warmup_steps"
        free = {0, *([] if is_warmup else [horizon])}
        cheap = shares if is_warmup else set()
        odd = odd + np.array(
            [0 if value in free else 1 if value in cheap else min(digits_of(value), 6) for value in values.tolist()]
        )
    return odd


LONGEST = 2**31 - 2
_AT_MOST = 8  # lengths for each candidate; more only where rates are rounded


def solved(candidates: Candidates, name: str, evidence: Evidence, rows: np.ndarray) -> Candidates:
    """The candidates with each `name` that brings the curve through the `rows`, [n, 3], of which each has its own.

    Two rows tell a length where there is no floor, by their quotient, and three where there is one, by the quotient of
    their differences; both grow or fall with the length, so that it is found by bisection, for all candidates at once.
    """
    step, rate, slack = evidence.step[rows], evidence.rate[rows], evidence.tolerance[rows]
    if candidates.family.floor is None:
        target = rate[:, 2] / rate[:, 0]
        margin = abs(target) * (slack[:, 2] / rate[:, 2] + slack[:, 0] / rate[:, 0])
    else:
        upper, lower = rate[:, 0] - rate[:, 1], rate[:, 1] - rate[:, 2]
        target = upper / lower
        margin = abs(target) * ((slack[:, 0] + slack[:, 1]) / upper + (slack[:, 1] + slack[:, 2]) / lower)

    floor = candidates.family.floor
    shortest = np.maximum(_shortest(candidates, name, step[:, 2] - candidates.offset), 1)
    twice = candidates[np.tile(np.arange(len(candidates)), 2)]  # the least length and the most, in one search
    schedule = dataclasses.replace(twice, fields={**twice.fields, name: np.tile(shortest, 2)}).lifted()
    position = twice.position(np.tile(step, (2, 1)))

    def quotient(length: np.ndarray) -> np.ndarray:
        tried = copy.copy(schedule)  # around its checks, which a thousand calls need not repeat
        tried.__dict__[name] = length[:, None].astype(np.float64)
        level = np.broadcast_to(tried._value(position, VECTOR), position.shape)
        if floor is None:
            ratio: np.ndarray = level[:, 2] / level[:, 0]
        else:
            ratio = (level[:, 0] - level[:, 1]) / (level[:, 1] - level[:, 2])
        return ratio

    low, high = np.tile(shortest, 2), np.full(2 * len(shortest), LONGEST)
    first, last = quotient(low), quotient(high)
    sign = np.where(np.nan_to_num(last) >= np.nan_to_num(first), 1.0, -1.0)
    bound = sign * np.tile(target, 2) + np.concatenate([-margin, margin])
    while (low < high).any():
        middle = low + (high - low) // 2
        reached = np.nan_to_num(sign * quotient(middle), nan=-np.inf) >= bound
        low, high = np.where(reached, low, middle + 1), np.where(reached, middle, high)
    least, most = np.split(low, 2)
    usable = np.isfinite(target) & np.isfinite(margin) & (target > 0)
    return _spread(candidates, name, least - 1, np.minimum(most, LONGEST), usable)


def _shortest(candidates: Candidates, name: str, last: np.ndarray) -> Any:
    """The shortest length with which the step `last` is in the first fall."""
    fields = candidates.fields
    if name == "decay_steps":  # which count from where the decay begins
        return last - fields["warmup_steps"] - fields["stable_steps"]
    if candidates.family.kind is CosineWithRestarts:  # the first fall is the first cycle
        warmup = fields["warmup_steps"]
        return warmup + np.ceil(fields["num_cycles"] * (last - warmup)).astype(np.int64)
    return last


def _spread(candidates: Candidates, name: str, least: np.ndarray, most: np.ndarray, usable: np.ndarray) -> Candidates:
    """A candidate for each length, or for `_AT_MOST` of them."""
    count = np.where(usable & (least < LONGEST - 2), np.minimum(most - least + 1, _AT_MOST), 0)
    rows = np.repeat(np.arange(len(candidates)), count)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    share = place / np.maximum(count[rows] - 1, 1)
    length = np.maximum(least[rows] + np.rint(share * (most - least)[rows]).astype(np.int64), 1)
    taken = candidates[rows]
    return dataclasses.replace(taken, fields={**taken.fields, name: length})
