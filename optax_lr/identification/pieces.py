"""Logs that no single curve explains: skipped steps, resumed runs, single rows that are off.

Each of these is claimed only with evidence of its own. Two segments need a jump of the rate between them; a schedule that falls
behind may only fall further behind; wrong rows must be few, and no two of them neighbours at an end of the log.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from optax_lr.arrays import Float64, Int64
from optax_lr.identification.candidates import Candidates, Family
from optax_lr.identification.evidence import Evidence
from optax_lr.identification.fitting import explaining, fit, oddness, sampled, unexplained
from optax_lr.identification.frame import Fields, Frame
from optax_lr.identification.lengths import LONGEST
from optax_lr.identification.search import GROUPS, USUAL, Group, Search
from optax_lr.identification.stairs import stairs
from optax_lr.schedules import Constant, Cosine, CosineWarmupWithMinLR, Linear

LONGEST_LAG = 64  # skipped steps between the step of a row and that of the schedule
_WINDOW = 8  # rows that one curve is looked for in, when it does not explain all
_FEWEST = 3  # rows that make a segment
_STRETCH = 6  # rows in a row that are no scattered ones
_MOST = 32  # settings of a window that are compared with the whole log
_SOME = 200  # rows on which something is tried before it is on all
_MOST_JUMPS = 8  # more are no resumed runs
_ALONE = 5.0  # times the changes of the rate before and after a jump
_LEAST = 1e-3  # of the highest rate: smaller jumps are ignored
_FLOOR_SHARES = 16  # of the peak, between which a floor may be
_WITH_FLOOR = (Family(Cosine, floor="min_lr"), Family(CosineWarmupWithMinLR, floor="min_lr"))
_USUAL_KINDS = (Family(Linear), Family(Cosine), Family(Constant), *_WITH_FLOOR)


class Piece(NamedTuple):
    """Rows, and what explains them.

    Fields:
        rows: the rows of the evidence.
        found: the settings that explain them, family by family; empty where none does.
        lag: int64 [rows], how many steps the schedule is behind at each row, in addition to its offset; None for none.
        off: the rows that the settings leave unexplained.
        every: the optimizer steps between two steps of the scheduler.
        at_least: how many settings there are beyond those in `found`, as a factor.
    """

    rows: np.ndarray
    found: list[Candidates]
    lag: np.ndarray | None = None
    off: np.ndarray = np.zeros(0, int)
    every: int = 1
    at_least: int = 1


def whole_log(evidence: Evidence, search: Search, groups: tuple[Group, ...]) -> list[Piece]:
    """The log as one piece; empty where no curve explains all of it."""
    rows = np.arange(len(evidence))
    if len(evidence) < 2:
        return [Piece(rows, [])]
    found = search.explain(evidence, groups=groups, count=True)
    return [Piece(rows, found)] if found else []


def by_epochs(evidence: Evidence, search: Search) -> list[Piece]:
    """The log as levels of equal length, with the schedule of the levels, or with none where it is not known."""
    found = stairs(evidence)
    if found is None:
        return []
    each = dataclasses.replace(search, max_steps=None)
    epochs = each.explain(found.levels, (0,), groups=GROUPS[:-1], count=True)
    moved = [dataclasses.replace(one, offset=np.full_like(one.offset, found.offset)) for one in epochs]
    return [Piece(np.arange(len(evidence)), moved, every=found.every, at_least=found.ways)]


def lagging(evidence: Evidence, search: Search) -> list[Piece]:
    """A schedule that skips steps, as fp16's scaler makes it do, is behind by a number that only grows."""
    if search.max_steps is None or len(evidence) < 5:
        return []
    some = evidence.thinned(_SOME)
    late = [may_lag(candidates, some[::4]) for candidates in _in_step(evidence, search.max_steps)]
    peak = Frame(evidence).peak
    windows = [slice(max(0, peak - 4), peak + 4), *_windows(evidence)]
    if not evidence.rounded:  # where the lag grows every few rows, no longer window has one lag
        windows += [slice(window.start, window.start + _FEWEST) for window in windows[1:]]
    for window in windows:
        rows = evidence[window][sampled(evidence[window])]
        starts = [may_lag(_fitted(candidates, rows), some) for candidates in late if len(candidates)]
        for start in starts:
            for place in range(min(len(start), _MOST)):
                search.budget.check()
                curve = start[[place]].curve
                if not _is_lag(*lag_of(curve, some), some):
                    continue
                lag, off = lag_of(curve, evidence)
                if not _is_lag(lag, off, evidence):
                    continue
                on = np.setdiff1d(np.arange(len(evidence)), off)
                behind = dataclasses.replace(evidence, step=evidence.step - lag)[on]
                fitted = np.arange(0, len(behind), max(1, len(behind) // 24))
                same = [explaining(other, behind, fitted) for other in starts]
                return [Piece(np.arange(len(evidence)), [other for other in same if len(other)], lag, off)]
    return []


def _in_step(evidence: Evidence, max_steps: int) -> Iterator[Candidates]:
    """The usual kinds without a lag, with each warmup that some lag allows."""
    frame = Frame(evidence, tuple(range(LONGEST_LAG // 2)), max_steps)
    starts: Fields = {"warmup_steps": np.unique(frame.starts()["warmup_steps"]), "offset": 0}
    for family in _USUAL_KINDS:
        yield frame.candidates(family, starts if family.kind is Constant else {**starts, "max_steps": max_steps})


def _fitted(candidates: Candidates, rows: Evidence) -> Candidates:
    """The candidates, each with every lag, fitted to a few rows; each peak and floor once, without the lag."""
    lags = np.arange(LONGEST_LAG // 2)
    every = candidates.unfitted()[np.repeat(np.arange(len(candidates)), len(lags))]
    every = fit(dataclasses.replace(every, offset=np.tile(lags, len(candidates))), rows)
    known = [every.fields["warmup_steps"], every.peak] + ([] if every.floor is None else [every.floor])
    _, first = np.unique(np.stack(known), axis=1, return_index=True)
    return dataclasses.replace(every[np.sort(first)], offset=np.zeros(len(first), int))


def may_lag(candidates: Candidates, rows: Evidence) -> Candidates:
    """Those whose curve comes by nearly every rate within the longest lag: the others are not worth the search for a lag.

    A curve that rises to the end of its warmup, and falls from there on, has its least and its largest rate of a stretch of
    steps at the ends of the stretch or at the peak. Where the peak, or the floor, is not fitted, some number must do.
    """
    if not len(candidates):
        return candidates
    longest = min(LONGEST_LAG - 1, most_lag(rows))
    peak = candidates.fields["warmup_steps"][:, None]
    places = [rows.step, rows.step - longest, np.clip(peak, rows.step - longest, rows.step)]
    if candidates.peak is not None:
        curves = [candidates.curves(place) for place in places]
        low, high = np.minimum.reduce(curves), np.maximum.reduce(curves)
        off = (rows.rate < low - rows.tolerance) | (rows.rate > high + rows.tolerance)
        return candidates[off.sum(axis=1) <= _most_off(rows)]
    columns = [(level, 0 if above is None else above) for level, above in map(candidates.columns, places)]
    shares = np.linspace(0, 1, 1 if candidates.family.floor is None else _FLOOR_SHARES + 1)
    fits = np.zeros(len(candidates), bool)
    for least, most in itertools.pairwise(np.append(shares, shares[-1])):
        low = np.minimum.reduce([level + least * above for level, above in columns])
        high = np.maximum.reduce([level + most * above for level, above in columns])
        below, beyond = (rows.rate - rows.tolerance) / high, (rows.rate + rows.tolerance) / low
        at = _most_off(rows)
        smallest = -np.partition(-np.nan_to_num(below, nan=-np.inf), at, axis=1)[:, at]
        fits |= smallest <= np.partition(np.nan_to_num(beyond, nan=np.inf), at, axis=1)[:, at]
    return candidates[fits]


def _is_lag(lag: np.ndarray, off: np.ndarray, evidence: Evidence) -> bool:
    return bool(lag.any()) and scattered(off, evidence) and believable(lag, evidence)


def lag_of(
    rates: Callable[[Int64[np.ndarray, " n"]], Float64[np.ndarray, " n"]], evidence: Evidence
) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " m"]]:
    """The smallest lags that never fall with which a curve, `rates(step)`, explains the rows; and the rows it leaves."""
    late = (
        rates(evidence.step - lag) for lag in range(LONGEST_LAG)
    )  # one after the other: a long log takes no more memory
    fits = np.stack([abs(rate - evidence.rate) <= evidence.tolerance for rate in late], axis=1)
    least, found, off = 0, np.empty(len(fits), int), []
    for row, possible in enumerate(fits):
        there = np.flatnonzero(possible[least:])
        if len(there):
            least += int(there[0])
        else:
            off.append(row)
        found[row] = least
    return found, np.array(off, int)


def believable(lag: np.ndarray, evidence: Evidence) -> bool:
    """Whether skipped updates of fp16 explain how far the scheduler is behind at the end."""
    return bool(lag[-1] <= most_lag(evidence))


def most_lag(evidence: Evidence) -> int:
    """The most steps by which a scheduler may be behind: a tenth of those of the log, at least 4."""
    return int(max(4, (evidence.step[-1] - evidence.step[0]) // 10))


def scattered(off: np.ndarray, evidence: Evidence) -> bool:
    """Few rows, no stretch of them, and at the ends of the log no two: those are another run's."""
    stretches = np.split(off, np.flatnonzero(np.diff(off) > 1) + 1)
    few = len(off) <= _most_off(evidence) and max(map(len, stretches)) < _STRETCH
    return few and not any(np.isin(end, off).all() for end in ([0, 1], [len(evidence) - 2, len(evidence) - 1]))


def _most_off(evidence: Evidence) -> int:
    return max(1, len(evidence) // 10) * (len(evidence) > 4)


def except_some_rows(evidence: Evidence, search: Search) -> list[Piece]:
    """One curve that leaves a few scattered rows."""
    best: Piece | None = None
    thin = evidence.thinned(_SOME)
    groups, solve = (USUAL, True) if search.max_steps is None else (GROUPS[:5], False)
    warmups = _warmups_around_the_peak(evidence)
    for window in _windows(evidence):
        for candidates in search.explain(evidence[window], groups=groups, solve=solve, warmups=warmups):
            chosen = candidates[np.argsort(oddness(candidates, search.max_steps), kind="stable")[:_MOST]]
            few = [place for place, off in enumerate(unexplained(chosen, thin)) if len(off) <= len(thin) // 5]
            for place, off in zip(few, unexplained(chosen[few], evidence), strict=True):
                if best is None or len(off) < len(best.off):
                    best = Piece(np.arange(len(evidence)), [chosen[[place]]], None, off)
        if best is not None and scattered(best.off, evidence):
            break
    return [best] if best is not None and scattered(best.off, evidence) else []


def _warmups_around_the_peak(evidence: Evidence) -> tuple[int, int]:
    """Bounds of the warmup, which hold too where single rows are off: the median of three rows does not see those."""
    rate = evidence.rate.copy()
    rate[1:-1] = np.median([rate[:-2], rate[1:-1], rate[2:]], axis=0)
    frame = Frame(dataclasses.replace(evidence, rate=rate), (0,))
    if frame.only_rises:
        return 0, LONGEST
    longest = frame.starts()["warmup_steps"].max()
    rows = np.clip([frame.peak - 3, frame.peak + 3], 0, len(evidence) - 1)
    return int(evidence.step[rows[0]]) * bool(rows[0]), max(int(longest), int(evidence.step[rows[1]]))


def jump_rows(evidence: Evidence) -> np.ndarray:
    """The rows at which the rate jumps: a change far larger than those around it, or a single rise after a fall."""
    if len(evidence) < 4 or not evidence.rate.max() > 0:
        return np.zeros(0, int)
    slope = np.diff(evidence.rate) / np.diff(evidence.step)
    size = abs(np.diff(evidence.rate))
    slack = evidence.tolerance[1:] + evidence.tolerance[:-1]
    before, after = np.append(slope[1], slope[:-1]), np.append(slope[1:], 0)
    large = size > np.maximum(4 * slack, _LEAST * evidence.rate.max())
    alone = (abs(slope) > _ALONE * abs(before)) & (abs(slope) > _ALONE * abs(after))
    rise = (slope > 0) & (before <= 0) & (after <= 0)
    return np.flatnonzero(large & (alone | rise)) + 1


def segments(evidence: Evidence, search: Search) -> list[Piece]:
    """One schedule after another, with a jump between them; empty where the rows are not such a log."""
    starts = jump_rows(evidence)
    if not 1 <= len(starts) <= _MOST_JUMPS:
        return []
    parts = np.split(np.arange(len(evidence)), starts)
    explained: dict[int, list[Candidates]] = {}
    unknown = 0
    for place in sorted(range(len(parts)), key=lambda place: -len(parts[place])):
        part = evidence[parts[place]]
        explained[place] = search.explain(part, groups=GROUPS[:5]) if len(part) >= _FEWEST else []
        unknown += len(part) * (not explained[place])
        if unknown >= len(evidence) / 2:
            return []
    made = [Piece(rows, explained[place]) for place, rows in enumerate(parts)]
    made = _without_false_jumps(made, evidence, search)
    known = [piece for piece in made if piece.found]
    # A level fits whatever drops: steps, a plateau, a rate that was set by hand.
    curves = [piece for piece in known if np.ptp(evidence.rate[piece.rows[-_FEWEST:]])]
    enough = len(known) > 1 or (known and len(known[0].rows) >= len(evidence) // 2)
    return _without_neighbours(made) if enough and 2 * len(curves) >= len(known) else []


def are_clear(pieces: list[Piece]) -> bool:
    """Whether each is explained, and longer than a stretch of rows that are off a curve."""
    return bool(pieces) and all(piece.found and len(piece.rows) >= _STRETCH for piece in pieces)


def _without_false_jumps(made: list[Piece], evidence: Evidence, search: Search) -> list[Piece]:
    """Join neighbouring pieces that one of the usual schedules explains, which may itself jump, as at a peak."""
    kept = made[:1]
    for piece in made[1:]:
        kinds, others = ({candidates.family.kind for candidates in one.found} for one in (kept[-1], piece))
        rows = np.concatenate([kept[-1].rows, piece.rows])
        alike = kinds & others or min(len(kept[-1].rows), len(piece.rows)) < _FEWEST
        if alike and (found := search.explain(evidence[rows], groups=USUAL)):
            kept[-1] = Piece(rows, found)
        else:
            kept.append(piece)
    return kept


def _without_neighbours(made: list[Piece]) -> list[Piece]:
    """Join neighbouring pieces that nothing explains."""
    kept: list[Piece] = []
    for piece in made:
        if kept and not piece.found and not kept[-1].found:
            kept[-1] = Piece(np.concatenate([kept[-1].rows, piece.rows]), [])
        else:
            kept.append(piece)
    return kept


def _windows(evidence: Evidence) -> list[slice]:
    """The first rows, the last, and some between; of rounded rates more, since any curve fits a few of these."""
    count = len(evidence)
    size = max(_WINDOW, count // 6) if evidence.rounded else _WINDOW
    starts = sorted({0, *(max(0, (count - size) * part // 4) for part in (1, 2, 3, 4))})
    return [slice(start, start + size) for start in starts]
