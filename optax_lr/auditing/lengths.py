"""Lengths that no header tells: the whole numbers with which a curve falls as the rates do."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np

from optax_lr.auditing.evidence import Evidence
from optax_lr.auditing.fitting import Candidates
from optax_lr.numerics import VECTOR
from optax_lr.schedules import CosineWithRestarts

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
