"""Which of many candidates explain the rates: their linear fields by least squares, then a comparison with every row."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from optax_lr.arrays import Float64, Int64
from optax_lr.identification.candidates import Candidates, joined
from optax_lr.identification.evidence import Evidence, digits_of_all, snapped
from optax_lr.logs.columns import LARGEST_RATE

MOST_DIGITS = 5  # of a rate that a person writes
_SHARES = (0.01, 0.02, 0.03, 0.05, 0.06, 0.1, 0.15, 0.2)  # of a run, that people give as warmup_ratio
_BLOCK = 2**21  # rates that are computed at a time
SAMPLED = 24  # rows on which all candidates are tried; those that pass meet the rest
_ROUNDS = 5  # in which candidates are fitted again with the worst rows
_BLOCK_OF_ROWS = 64  # the most rows that a round adds
_LEAST_FLOOR = 1e-5  # of the peak
_NEAR = 30.0  # tolerances: how far least squares may be from a row that some other peak and floor explain
_FLOORS, _FLOOR_ROWS = 201, 200  # that are tried to see how well a floor is known
_HALVINGS = 30
_STEPS = (0.0, -0.5, 0.5, -1.0, 1.0, -2.0, 2.0)  # standard errors, around the estimated floor


def fit(candidates: Candidates, evidence: Evidence) -> Candidates:
    """The candidates for which some peak, and floor, brings the curve through every row; those of the fewest digits.

    Each row bounds the peak from both sides, so that the peaks that explain all rows are an interval. A floor is estimated
    by least squares first, with its largest error, and then tried at the roundest numbers within the bounds.
    """
    level, above = candidates.columns(evidence.step)
    if above is None:
        low, high = _peaks(level, evidence.rate, evidence.tolerance)
        kept = np.flatnonzero(low <= high)
        peak = _roundest(low[kept], high[kept], level[kept], evidence)
        fitted = dataclasses.replace(candidates[kept], peak=peak)
        return fitted[(peak >= 0) & (peak <= LARGEST_RATE)]
    return _with_floor(candidates, level, above, evidence)


def _peaks(level: np.ndarray, rate: np.ndarray, tolerance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest peak with which `peak * level` is within the tolerance of every rate, each [n]."""
    seen = level > 0
    divisor = np.where(seen, level, 1)
    low = np.where(seen, (rate - tolerance) / divisor, np.where(rate <= tolerance, -np.inf, np.inf)).max(axis=1)
    high = np.where(seen, (rate + tolerance) / divisor, np.inf).min(axis=1)
    return np.nan_to_num(low, nan=np.inf, posinf=np.inf, neginf=-np.inf), np.nan_to_num(
        high, nan=-np.inf, posinf=np.inf
    )


def _roundest(low: np.ndarray, high: np.ndarray, level: np.ndarray, evidence: Evidence) -> np.ndarray:
    """The number of the fewest digits between `low` and `high`; where it has many, the one that fits best."""
    low, high = np.maximum(low, 0), np.where(np.isfinite(high), high, np.maximum(low, evidence.rate.max()))
    weight = level / evidence.tolerance
    best = (weight * evidence.rate / evidence.tolerance).sum(1) / np.maximum((weight * weight).sum(1), 1e-300)
    best = np.clip(np.where(np.isfinite(best), best, low), low, high)
    middle, half = (low + high) / 2, (high - low) / 2
    near = snapped(middle, half * (1 + 1e-12), most=MOST_DIGITS)
    return np.where(np.isnan(near), best, near)


def _with_floor(candidates: Candidates, level: np.ndarray, above: np.ndarray, evidence: Evidence) -> Candidates:
    rate, tolerance = evidence.rate, evidence.tolerance
    peak, floor, likely = _two_coefficients(level / tolerance, above / tolerance, rate / tolerance)
    off = np.nan_to_num(abs(peak[:, None] * level + floor[:, None] * above - rate) / tolerance, nan=np.inf)
    close = (off.max(axis=1) <= _NEAR) & (peak > 0)
    if evidence.rounded:
        # If any peak and floor were within the tolerance of every row, the least sum of squares would be at most that.
        close &= (off**2).sum(axis=1) <= 1.01 * len(rate)
    near = np.flatnonzero(close)
    if not len(near):  # as for most families, a third of the time of a log
        return dataclasses.replace(candidates[near], peak=peak[near], floor=floor[near])
    candidates, level, above = candidates[near], level[near], above[near]
    peak, floor, likely = peak[near], floor[near], likely[near]
    best_peak, best_floor, fewest = (np.full(len(near), start) for start in (np.nan, np.nan, np.inf))
    for values, shares in _floors(peak, floor, likely):
        digits = digits_of_all(values)
        with np.errstate(all="ignore"):
            # A floor of 0 is a family of its own; below this share it makes no difference.
            usable = np.isfinite(values) & (values > _LEAST_FLOOR * (1 if shares else peak))
        rows = np.flatnonzero(usable & (digits + peak_cost(1) < fewest))
        if not len(rows):
            continue
        if shares:  # of the peak: one coefficient is left
            columns, rest = level[rows] + values[rows, None] * above[rows], rate
        else:
            columns, rest = level[rows], rate - values[rows, None] * above[rows]
        low, high = _peaks(columns, rest, tolerance)
        fits = (low <= high) & (high > 0)
        found = _roundest(low[fits], high[fits], columns[fits], evidence)
        cost = digits[rows[fits]] + peak_cost(digits_of_all(found))
        rounder = cost < fewest[rows[fits]]
        better, found = rows[fits][rounder], found[rounder]
        best_peak[better], fewest[better] = found, cost[rounder]
        best_floor[better] = values[better] * found if shares else values[better]
    fitted = dataclasses.replace(candidates, peak=best_peak, floor=best_floor)
    return fitted[(best_peak >= 0) & (best_peak <= LARGEST_RATE)]  # NaN is neither


def _floors(peak: np.ndarray, floor: np.ndarray, likely: np.ndarray) -> Iterator[tuple[np.ndarray, bool]]:
    """Floors to try, and whether they are shares of the peak: round ones near the estimate, then those around it."""
    floor = np.maximum(floor, 0)
    for reach in (4.0, 1.5, 0.5):
        margin = reach * likely + 1e-9 * peak
        yield snapped(floor, margin, most=3), False
        yield snapped(floor / peak, margin / peak, most=3), True
    for step in _STEPS:
        yield np.maximum(floor + step * likely, 0), False


def _two_coefficients(
    level: np.ndarray, above: np.ndarray, rate: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least squares of `peak * level + floor * above` against `rate`, for each candidate; and the floor's standard error."""
    a, b, c = (level * level).sum(1), (level * above).sum(1), (above * above).sum(1)
    x, y = level @ rate, above @ rate
    determinant = a * c - b * b
    peak, floor = (c * x - b * y) / determinant, (a * y - b * x) / determinant
    alone = ~(determinant > 1e-12 * a * c)  # the floor is nowhere to be seen
    likely = 0.6 * np.sqrt(np.maximum(a / np.where(alone, 1, determinant), 0))
    return np.where(alone, x / a, peak), np.where(alone, 0, floor), np.where(alone, 0, likely)


def _errors(candidates: Candidates, evidence: Evidence) -> Iterator[tuple[int, np.ndarray]]:
    """The errors of some rows in units of their tolerance, [n, rows], and the first row; so that long logs take no more memory."""
    size = max(1, _BLOCK // max(len(candidates), 1))
    for start in range(0, len(evidence), size):
        rows = evidence[start : start + size]
        yield start, np.nan_to_num(abs(candidates.curves(rows.step) - rows.rate) / rows.tolerance, nan=np.inf)


def _worst(candidates: Candidates, evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Each candidate's largest error, and its row."""
    worst, place = np.zeros(len(candidates)), np.zeros(len(candidates), int)
    for start, found in _errors(candidates, evidence):
        rows = found.argmax(axis=1)
        largest = found[np.arange(len(rows)), rows]
        place = np.where(largest > worst, rows + start, place)
        worst = np.maximum(worst, largest)
    return worst, place


def explaining(candidates: Candidates, evidence: Evidence, rows: np.ndarray) -> Candidates:
    """The candidates that explain every row. They are fitted to `rows` first, and again with the worst other row."""
    found = []
    for _ in range(_ROUNDS):
        if not len(candidates):
            break
        worst, place = _worst(candidates, evidence)
        found.append(candidates[worst <= 1])
        candidates = candidates[(worst > 1) & (worst < _NEAR)]
        if not evidence.rounded and candidates.family.floor is None:
            break  # one row determines the peak as well as another
        rows = np.union1d(rows, place[(worst > 1) & (worst < _NEAR)][:_BLOCK_OF_ROWS])
        candidates = fit(candidates, evidence[rows])
    return joined(found) if found else candidates


def unexplained(candidates: Candidates, evidence: Evidence) -> list[np.ndarray]:
    """For each candidate the rows that it does not explain."""
    blocks = [(start, found > 1) for start, found in _errors(candidates, evidence)]
    return [
        np.concatenate([start + np.flatnonzero(off[row]) for start, off in blocks]) for row in range(len(candidates))
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


def peak_cost(digits: int | Int64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """The cost of a peak with this number of digits: twice a floor's, and more for an unusual number of digits."""
    return np.asarray(2.0 * np.where(np.asarray(digits) > MOST_DIGITS, 10, digits))


def floor_range(candidate: Candidates, evidence: Evidence) -> tuple[float, float]:
    """The least and the largest floor with which a peak explains the rows, all else as the one candidate has it.

    The floors that do so are an interval, because each row bounds a sum of peak and floor from both sides.
    """
    few = evidence.thinned(_FLOOR_ROWS)
    level, above = candidate.columns(few.step)
    if above is None:
        return 0.0, 0.0
    ends = []
    for end in (0.0, float(candidate.peak[0])):
        inside, outside = float(candidate.floor[0]), end
        for middle_of in (0.0, *[0.5] * _HALVINGS):  # the end itself first
            floor = outside + middle_of * (inside - outside)
            low, high = _peaks(level, few.rate - floor * above, few.tolerance)
            inside, outside = (floor, outside) if low[0] <= high[0] else (inside, floor)
        ends.append(inside)
    return ends[0], ends[1]


def floors_of_any_length(candidate: Candidates, evidence: Evidence) -> tuple[float, float]:
    """The least and the largest of some floors that explain the rows with a `max_steps` close to the candidate's, or its own."""
    few = evidence.thinned(_FLOOR_ROWS)
    shares = np.geomspace(2**-10, 1, 12)
    lengths = np.unique(np.rint(candidate.fields["max_steps"][0] * np.concatenate([1 / (1 + shares), 1 + shares])))
    every = candidate[np.zeros(len(lengths), int)]
    every = dataclasses.replace(every, fields={**every.fields, "max_steps": lengths.astype(np.int64)})
    every = every[lengths > np.maximum(every.fields["warmup_steps"], evidence.step[-1] - every.offset)]
    found = list(floor_range(candidate, evidence))
    floors = candidate.peak[0] * np.linspace(0, 1, _FLOORS)
    for place in range(len(every)):
        level, above = every[[place]].columns(few.step)
        low, high = _peaks(np.repeat(level, _FLOORS, axis=0), few.rate - floors[:, None] * above, few.tolerance)
        found += floors[low <= high].tolist()
    return min(found), max(found)


def oddness(candidates: Candidates, max_steps: int | None) -> np.ndarray:
    """How many digits each setting needs to be written down: people choose round numbers."""
    peak = digits_of_all(candidates.peak)
    with np.errstate(all="ignore"):
        leading = np.rint(candidates.peak / 10.0 ** np.floor(np.log10(candidates.peak)) * 1e6) // 1_000_000
    floor = 0 if candidates.floor is None else digits_of_all(candidates.floor, most=4)
    odd = peak_cost(peak) + floor + candidates.family.free + 0.5 * ~np.isin(leading, (1, 2, 5))
    shares = [int(np.ceil(share * max_steps)) for share in _SHARES] if max_steps else []
    for name, values in candidates.fields.items():
        is_warmup = name == "warmup_steps"
        cost = np.where(is_warmup & np.isin(values, shares), 1, np.minimum(digits_of_all(values), 6))
        free = [0] if is_warmup or max_steps is None else [0, max_steps]
        odd = odd + np.where(np.isin(values, free), 0, cost)
    return np.asarray(odd)
