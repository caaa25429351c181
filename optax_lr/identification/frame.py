"""Bounds from the rates alone: the rows of the peak and of the first fall, and the possible lengths of a warmup."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np

from optax_lr.arrays import Int64
from optax_lr.identification.candidates import Candidates, Family
from optax_lr.identification.evidence import Evidence
from optax_lr.identification.lengths import LONGEST, solved

Fields = Mapping[str, np.ndarray | np.number | float]  # of candidates: an array, or one number for all
_MOST_WARMUPS = 2048  # tried one by one; of more, the first, the round ones and the usual shares of the run
_MOST_SOLVED = 256  # where each has to be solved for a length


def steps_between(first: int, last: int, most: int) -> np.ndarray:
    """Each step from `first` to `last`; of more than `most` the round ones.

    >>> steps_between(7, 9, 4), steps_between(7, 100_007, 4)
    (array([7, 8, 9]), array([100000]))
    """
    unit = 1
    while (last - first) // unit >= most:
        unit *= 10
    return np.arange(first + -first % unit, last + 1, unit)


@dataclasses.dataclass(frozen=True)
class Frame:
    """Rates, and what is known of the run.

    Fields:
        evidence: the rows to explain.
        offsets: which offsets are tried; the row at step k shows `schedule(k - offset)`.
        max_steps: optimizer steps of the run, if the log states them.
        solve: look for the lengths with which a curve fits the rows, instead of `max_steps`.
        warmups: the shortest and the longest warmup that are tried.
    """

    evidence: Evidence
    offsets: tuple[int, ...] = (0, 1)
    max_steps: int | None = None
    solve: bool = False
    warmups: tuple[int, int] = (0, LONGEST)

    @cached_property
    def _first_fall(self) -> int:
        """The first row that is below a row before it by more than rounding; the number of rows if none is."""
        rate, slack = self.evidence.rate, self.evidence.tolerance
        below = np.flatnonzero(rate + slack < np.maximum.accumulate(rate - slack))
        return int(below[0]) if len(below) else len(rate)

    @cached_property
    def peak(self) -> int:
        """The first row of the highest rate before the first fall; within rounding, an earlier one that may be as high."""
        rate, slack = self.evidence.rate[: self._first_fall], self.evidence.tolerance[: self._first_fall]
        if not len(rate):
            return 0
        return int(np.argmax(rate + slack >= (rate - slack).max()))

    @cached_property
    def fallen(self) -> int:
        """The last row of the first fall: after it the rate rises, stays, or is 0."""
        rate, slack = self.evidence.rate, self.evidence.tolerance
        start = self._first_fall
        if start >= len(rate):
            return self.peak
        rest, room = rate[start:], slack[start:]
        rises = np.flatnonzero(rest - room > np.minimum.accumulate(rest + room))
        end = int(rises[0]) if len(rises) else len(rest)
        lowest = float((rest[:end] + room[:end]).min())
        above = np.flatnonzero((rest[:end] - room[:end] > lowest) & (rest[:end] > 0))
        alone = len(above) and above[-1] == end - 2  # several that are as low are a level after the end
        last = int(above[-1]) + int(alone) if len(above) else 0
        while last > 0 and rest[last] <= 0:
            last -= 1
        return start + last if rest[last] > 0 else self.peak

    @cached_property
    def held(self) -> int | None:
        """The first of the rows at the end that all show one rate, lower than before, and above 0; None if there is none."""
        rate = self.evidence.rate
        level = np.flatnonzero(rate != rate[-1]) if len(rate) else rate
        if not len(level) or not rate[-1] > 0:
            return None
        first = int(level[-1]) + 1
        return first if len(rate) - first >= 2 and rate[first - 1] > rate[-1] and first > self.peak + 1 else None

    @cached_property
    def only_rises(self) -> bool:
        """No row shows the end of the warmup; within rounding, none that is certain."""
        count, peak = len(self.evidence), self.peak
        if self._first_fall < count or count < 2:
            return False
        if peak == count - 1:
            return True
        rise = (self.evidence.rate[peak] - self.evidence.rate[0]) / max(peak, 1)
        return bool(self.evidence.rounded and (count - 1 - peak) * rise <= 4 * self.evidence.tolerance[peak])

    def starts(self, *, from_highest: bool = False) -> dict[str, Int64[np.ndarray, " n"]]:
        """Every warmup that can be, with every offset: `warmup_steps` and `offset`, each [n].

        `from_highest`: it ends at the highest row; the rate may stay where it is before it rises.
        """
        peak = int(np.argmax(self.evidence.rate)) if from_highest else self.peak
        warmups = [self._warmups(offset, peak) for offset in self.offsets]
        return {
            "warmup_steps": np.concatenate(warmups),
            "offset": np.repeat(self.offsets, [len(every) for every in warmups]),
        }

    def _warmups(self, offset: int, peak: int) -> Int64[np.ndarray, " n"]:
        """The warmup ends between the row before the peak and the row after it, or as far after as rounding may hide."""
        step, rate = self.evidence.step, self.evidence.rate[peak]
        low = int(step[peak - 1]) - offset if peak else 0
        high = int(step[min(peak + 1, len(step) - 1)]) - offset
        if self.evidence.rounded and rate > 0:
            slow = min(8 * float(self.evidence.tolerance[peak] / rate), 1.0)
            high = max(high, min(int(step[peak] * (1 + slow)) + 1, int(step[-1])) - offset)
        if self.only_rises:
            high = max(high, self.max_steps or 0, 2 * high)
        low, high = max(low, self.warmups[0]), max(min(high, self.warmups[1]), 0)
        most = _MOST_SOLVED if self.solve else _MOST_WARMUPS
        if high - low < most:
            return np.arange(low, high + 1)
        unit = 10 ** max(len(str(high)) - 2, 0)
        usual = np.arange(low + -low % unit, high + 1, unit)
        shares = np.ceil((self.max_steps or 0) * np.arange(1, 101) / 100).astype(np.int64)
        first = np.arange(low, low + 64)
        every = np.unique(np.concatenate([first, usual, shares, [low, high]]))
        return every[(every >= low) & (every <= high)]

    def crossed(self, name: str, values: Sequence[float], *, from_highest: bool = False) -> dict[str, np.ndarray]:
        """Every start with every one of `values`, for one call in place of many."""
        starts = self.starts(from_highest=from_highest)
        count = len(starts["offset"])
        made = {start: np.tile(column, len(values)) for start, column in starts.items()}
        return made | {name: np.repeat(np.asarray(values, float), count)}

    def candidates(self, family: Family, fields: Fields) -> Candidates:
        """`fields` holds `offset` too; numbers among them count for all; settings that are not finite are left out."""
        columns = dict(zip(fields, np.broadcast_arrays(*fields.values()), strict=True))
        usable = np.all([np.isfinite(value) & (abs(value) < LONGEST) for value in columns.values()], axis=0)
        offset = columns.pop("offset")
        return Candidates(family, columns, offset)[usable]

    def with_length(self, fields: Fields, *families: Family, name: str = "max_steps") -> Iterator[Candidates]:
        """The candidates of each family with the length of the run, or with each that fits the first fall."""
        for family in families:
            if not self.solve:
                if self.max_steps is not None:
                    yield self.candidates(family, {**fields, name: self.max_steps})
                continue
            found = self.candidates(family, fields)
            begun = found.offset + sum(found.fields.get(before, 0) for before in ("warmup_steps", "stable_steps"))
            first = np.maximum(self.peak, np.searchsorted(self.evidence.step, begun))
            rows = np.stack([first, (first + self.fallen) // 2, np.full_like(first, self.fallen)], axis=1)
            room = rows[:, 2] - rows[:, 0] >= (1 if family.floor is None else 2)
            if room.any():
                yield solved(found[room], name, self.evidence, rows[room])
