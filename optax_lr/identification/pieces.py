"""Logs that no single curve explains: skipped steps, resumed runs, single rows that are off."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from optax_lr.identification.evidence import Evidence
from optax_lr.identification.fitting import Candidates, explaining, unexplained
from optax_lr.identification.frame import Frame
from optax_lr.identification.search import GROUPS, Group, explain

LONGEST_LAG = 64  # skipped steps between the step of a row and that of the schedule
_WINDOWS = (8, 24, 96)  # rows that one curve is looked for in, when it does not explain all
_FEWEST = 6  # rows that make a segment; fewer are rows off the curve
_MOST = 32  # settings of a window that are held against the whole log
_KEPT = 128  # of which it is looked how far they reach
_SOME = 200  # rows on which a lag is tried before it is on all
_TRIED = 12  # rows in a row that begin no segment, before the rest is given up


class Piece(NamedTuple):
    """Rows, and what explains them.

    Fields:
        rows: the rows of the evidence.
        found: the settings that explain them, family by family; empty where none does.
        lag: int64 [rows], how many steps the schedule is behind at each row, beside its offset; None for none.
        off: the rows that the settings leave unexplained.
    """

    rows: np.ndarray
    found: list[Candidates]
    lag: np.ndarray | None = None
    off: np.ndarray = np.zeros(0, int)


def whole(evidence: Evidence, horizon: int | None, groups: tuple[Group, ...]) -> list[Piece]:
    """The log as one piece; empty where no curve explains all of it."""
    found = explain(evidence, horizon, groups=groups)
    return [Piece(np.arange(len(evidence)), found)] if found or len(evidence) < 3 else []


def pieces(evidence: Evidence, horizon: int | None) -> list[Piece]:
    """The log with a lag, with rows that are off, or in segments, in this order."""
    return _lagging(evidence, horizon) or _but_for_some(evidence, horizon) or _segments(evidence, horizon)


def _lagging(evidence: Evidence, horizon: int | None) -> list[Piece]:
    """A schedule that skips steps, as fp16's scaler makes it do, is behind by a number that only grows."""
    if horizon is None:
        return []
    offsets = tuple(range(LONGEST_LAG // 2))
    peak = Frame(evidence).peak
    around_peak = slice(max(0, peak - 4), peak + 4)
    some = evidence[np.unique(np.linspace(0, len(evidence) - 1, _SOME).astype(int))]
    for window in [around_peak, *_windows(evidence, 8)]:
        found = explain(evidence[window], horizon, offsets, solve=False, groups=GROUPS[:2])
        starts = [dataclasses.replace(candidates, offset=np.zeros_like(candidates.offset)) for candidates in found]
        for start in starts:
            for place in range(min(len(start), _MOST)):
                if not _is_lag(*lag_of(start[[place]], some), some):
                    continue
                lag, off = lag_of(start[[place]], evidence)
                if not _is_lag(lag, off, evidence):
                    continue
                on = np.setdiff1d(np.arange(len(evidence)), off)
                behind = dataclasses.replace(evidence, step=evidence.step - lag)[on]
                same = [explaining(other, behind) for other in starts]
                return [Piece(np.arange(len(evidence)), [other for other in same if len(other)], lag, off)]
    return []


def _is_lag(lag: np.ndarray, off: np.ndarray, evidence: Evidence) -> bool:
    return bool(lag.any()) and scattered(off, evidence) and believable(lag, evidence)


def lag_of(candidate: Candidates, evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """The smallest lags, never falling, with which the one candidate explains the rows; and the rows it leaves."""
    lags = np.arange(LONGEST_LAG)
    shifted = candidate[np.zeros(len(lags), int)]
    shifted = dataclasses.replace(shifted, offset=shifted.offset + lags)
    fits = np.ones((len(evidence), len(lags)), bool)
    for lag, rows in enumerate(unexplained(shifted, evidence)):
        fits[rows, lag] = False
    return growing_lag(fits)


def growing_lag(fits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The smallest lags that never fall, given which lags fit each row, `[rows, lags]`; and the rows that none fits."""
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
    """fp16 skips some updates; of a scheduler that is behind by more than a tenth of the steps something else is wrong."""
    return bool(lag[-1] <= max(4, (evidence.step[-1] - evidence.step[0]) // 10))


def scattered(off: np.ndarray, evidence: Evidence) -> bool:
    """Few rows, and no stretch of them."""
    return len(off) <= max(1, len(evidence) // 10) * (len(evidence) > 4) and _longest_run(off) < _FEWEST


def _but_for_some(evidence: Evidence, horizon: int | None) -> list[Piece]:
    """One curve that leaves a few scattered rows."""
    best: Piece | None = None
    for window in _windows(evidence, _WINDOWS[0]):
        if best is not None and scattered(best.off, evidence):
            break
        for candidates in explain(evidence[window], horizon, groups=GROUPS[:6]):
            for place, off in enumerate(unexplained(candidates[:_MOST], evidence)):
                if best is None or len(off) < len(best.off):
                    best = Piece(np.arange(len(evidence)), [candidates[[place]]], None, off)
    return [best] if best is not None and scattered(best.off, evidence) else []


def _longest_run(rows: np.ndarray) -> int:
    """How many neighbours there are in `rows` at most."""
    groups = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    return max(map(len, groups))


def _segments(evidence: Evidence, horizon: int | None) -> list[Piece]:
    """The longest piece from the first row on, then from behind it; rows that begin none are left unexplained."""
    made: list[Piece] = []
    start, lost = 0, []
    while start < len(evidence):
        rest = evidence[start:]
        best: tuple[int, list[Candidates]] = (0, [])
        for size in _WINDOWS if len(rest) >= _FEWEST else ():
            found = explain(rest[: min(size, len(rest))], horizon, groups=GROUPS[:2])
            for candidates in found:
                candidates = candidates[:_KEPT]
                reach = _reach(candidates, rest)
                far = candidates[reach == reach.max()]
                best = max(best, (int(reach.max()), [far]), key=lambda piece: piece[0])
            if best[0] in (0, len(rest)):
                break  # no curve is in more rows that is not in fewer
        if best[0] < _FEWEST:
            lost.append(start)
            start += 1
            if len(lost) >= _TRIED:
                lost += range(start, len(evidence))
                break
            continue
        if lost:
            made.append(Piece(np.array(lost), []))
            lost = []
        made.append(Piece(np.arange(start, start + best[0]), best[1]))
        start += best[0]
    return [*made, Piece(np.array(lost), [])] if lost else made


def _reach(candidates: Candidates, evidence: Evidence) -> np.ndarray:
    """How many rows from the first on each candidate explains."""
    return np.array([rows[0] if len(rows) else len(evidence) for rows in unexplained(candidates, evidence)], int)


def _windows(evidence: Evidence, size: int) -> list[slice]:
    """The first rows, the last, and some between."""
    count = len(evidence)
    starts = sorted({0, *(max(0, (count - size) * part // 4) for part in (1, 2, 3, 4))})
    return [slice(start, start + size) for start in starts]
