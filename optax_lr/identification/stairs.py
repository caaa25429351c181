"""Rates that are constant for an epoch: a scheduler that is stepped once every several optimizer steps."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from optax_lr.identification.evidence import Evidence

_FEWEST = 4  # levels; of fewer, anything has equal lengths
_MOST = 4096  # lengths that are tried


class Stairs(NamedTuple):
    """Levels of equal length.

    Fields:
        every: the optimizer steps of a level.
        offset: the row at step k shows the level `(k - offset) // every`.
        levels: the levels as evidence of their own, a row for each: what the scheduler counted, and its rate.
        ways: how many lengths and offsets explain where the rate changes.
    """

    every: int
    offset: int
    levels: Evidence
    ways: int


def stairs(evidence: Evidence) -> Stairs | None:
    """The levels of `evidence`; None where the rate does not stay and change in equal lengths."""
    step, rate = evidence.step, evidence.rate
    changes = np.flatnonzero(np.diff(rate)) + 1
    if not _FEWEST - 1 <= len(changes) <= len(rate) / 2:
        return None
    # Each change lies behind the row before it, and at the latest at its own row.
    after, until = step[changes - 1], step[changes]
    shortest = int(np.diff(until).min())
    spacing = int(np.diff(step).max())
    if shortest < 2 * np.median(np.diff(step)):
        return None  # of a level that one row shows, no row shows the length
    found: list[tuple[int, int]] = []
    for every in range(max(2, shortest - spacing), shortest + spacing + 1)[:_MOST]:
        for offset in (0, 1):
            first = (until - offset) // every * every + offset  # the last change that is possible at each row
            if (first > after).all():
                found.append((every, offset))
    if not found:
        return None
    every, offset = min(found, key=lambda pair: (len(str(pair[0]).strip("0")), pair[1], pair[0]))
    level = np.maximum(step - offset, 0) // every
    if (np.diff(level)[changes - 1] <= 0).any() or len(np.unique(level)) < _FEWEST:
        return None
    _, rows = np.unique(level, return_index=True)
    return Stairs(every, offset, dataclasses.replace(evidence[rows], step=level[rows]), len(found))
