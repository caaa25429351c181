"""The lengths with which a curve goes through the rates of a log, by bisection for all candidates at once."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable

import numpy as np

from optax_lr.arrays import Int64, Num
from optax_lr.identification.candidates import Candidates
from optax_lr.identification.evidence import Evidence
from optax_lr.numerics import FLOAT64
from optax_lr.schedules import CosineWithRestarts

LONGEST = 2**31 - 2
_USUAL_LENGTH = 16  # times the shortest that is possible
_MOST_LENGTHS = 6000  # of one family; more only where rates are rounded


def solved(candidates: Candidates, name: str, evidence: Evidence, rows: np.ndarray) -> Candidates:
    """The candidates with each `name` that brings the curve through the `rows`, [n, 3], one triple for each candidate.

    Without a floor, two rows determine a length by their quotient; with a floor, three rows do by the quotient of
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

    usable = np.isfinite(target) & np.isfinite(margin) & (target > 0)
    candidates, step, target, margin = candidates[usable], step[usable], target[usable], margin[usable]
    shortest = np.maximum(_shortest(candidates, name, step[:, 2] - candidates.offset), 1)
    if not len(candidates):
        return _spread(candidates, name, shortest, shortest)
    quotient = _quotients(candidates, name, step, shortest)
    low, high = shortest, np.full(len(shortest), LONGEST)
    first, last = quotient(low), quotient(high)
    sign = np.where(np.nan_to_num(last) >= np.nan_to_num(first), 1.0, -1.0)
    within = np.nan_to_num(sign * last, nan=-np.inf) >= sign * target - margin
    if not within.any():
        return _spread(candidates[within], name, low[within], high[within])
    candidates, step, low, high = candidates[within], step[within], low[within], high[within]
    # The least length and the largest, in one search.
    quotient = _quotients(candidates[np.tile(np.arange(len(low)), 2)], name, np.tile(step, (2, 1)), np.tile(low, 2))
    sign, low, high = np.tile(sign[within], 2), np.tile(low, 2), np.tile(high, 2)
    bound = sign * np.tile(target[within], 2) + np.concatenate([-margin[within], margin[within]])
    middle = np.minimum(_USUAL_LENGTH * low, high)  # most lengths are a few times the logged steps
    while (low < high).any():
        reached = np.nan_to_num(sign * quotient(middle), nan=-np.inf) >= bound
        low, high = np.where(reached, low, middle + 1), np.where(reached, middle, high)
        middle = low + (high - low) // 2
    least, most = np.split(low, 2)
    return _spread(candidates, name, least - 1, np.minimum(most, LONGEST))


def _quotients(
    candidates: Candidates, name: str, step: np.ndarray, length: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """The quotient of `solved` by the length, for each candidate."""
    schedule = dataclasses.replace(candidates, fields={**candidates.fields, name: length}).lifted()
    position = candidates.position(step)
    no_floor = candidates.family.floor is None

    def quotient(length: np.ndarray) -> np.ndarray:
        tried = copy.copy(schedule)  # without its checks, which a thousand calls need not repeat
        tried.__dict__[name] = length[:, None].astype(np.float64)
        level = np.broadcast_to(tried._value(position, FLOAT64), position.shape)
        upper, lower = (
            (level[:, 2], level[:, 0]) if no_floor else (level[:, 0] - level[:, 1], level[:, 1] - level[:, 2])
        )
        return np.asarray(upper / lower)

    return quotient


def _shortest(candidates: Candidates, name: str, last: Int64[np.ndarray, " n"]) -> Num[np.ndarray, " n"]:
    """The shortest length with which the step `last` is in the first fall."""
    fields = candidates.fields
    if name == "decay_steps":  # which count from where the decay begins
        return np.asarray(last - fields["warmup_steps"] - fields["stable_steps"])
    if candidates.family.kind is CosineWithRestarts:  # the first fall is the first cycle
        warmup = fields["warmup_steps"]
        return np.asarray(warmup + np.ceil(fields["num_cycles"] * (last - warmup)).astype(np.int64) + 1)
    return last


def _spread(candidates: Candidates, name: str, least: np.ndarray, most: np.ndarray) -> Candidates:
    """A candidate for each length; of too many, for the round ones."""
    room = max(8, _MOST_LENGTHS // max(len(candidates), 1))
    count = np.where(least < LONGEST - 2, most - least + 1, 0)
    with np.errstate(all="ignore"):
        unit = np.where(count > room, 10.0 ** np.ceil(np.log10(np.maximum(count, 1) / room)), 1).astype(np.int64)
    first = -(-least // unit) * unit
    count = np.where(count > 0, np.maximum((most - first) // unit + 1, 0), 0)
    rows = np.repeat(np.arange(len(candidates)), count)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    length = np.maximum(first[rows] + place * unit[rows], 1)
    taken = candidates[rows]
    return dataclasses.replace(taken, fields={**taken.fields, name: length})
