"""What the rates show at a glance: where they peak, where they fall, and so how long a warmup can have been."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from optax_lr.identification.evidence import Evidence
from optax_lr.identification.fitting import LONGEST, Candidates, Family, solved

_MOST_WARMUPS = 2048  # tried one by one; of more, the first, the round ones and the usual shares of the run
_MOST_SOLVED = 256  # where each has to be solved for a length


@dataclasses.dataclass(frozen=True)
class Frame:
    """Rates, and what is known of the run.

    Fields:
        evidence: the rows to explain.
        offsets: which offsets are tried; the row at step k shows `schedule(k - offset)`.
        horizon: the length of the run, `max_steps`, where the log tells it.
        solve: look for the lengths with which a curve fits the rows, in place of `horizon`.
    """

    evidence: Evidence
    offsets: tuple[int, ...] = (0, 1)
    horizon: int | None = None
    solve: bool = False

    @cached_property
    def peak(self) -> int:
        """The first row after which the rate does not rise."""
        stops = np.flatnonzero(np.diff(self.evidence.rate) <= 0)
        return int(stops[0]) if len(stops) else len(self.evidence) - 1

    @cached_property
    def fallen(self) -> int:
        """The last row of the first fall: behind it the rate rises, stays, or is 0."""
        rate = self.evidence.rate
        level = np.flatnonzero(np.diff(rate[self.peak :]) < 0)
        if not len(level):
            return self.peak
        start = self.peak + int(level[0])
        ends = np.flatnonzero((np.diff(rate[start:]) >= 0) | (rate[start + 1 :] <= 0))
        return start + int(ends[0]) if len(ends) else len(rate) - 1

    @property
    def only_rises(self) -> bool:
        """No row shows the end of the warmup."""
        return self.peak == len(self.evidence) - 1 and len(self.evidence) > 1

    def starts(self, *, from_highest: bool = False) -> dict[str, np.ndarray]:
        """Every warmup that can be, with every offset: `warmup_steps` and `offset`, each [n].

        `from_highest`: it ends at the highest row; the rate may stay where it is before it rises.
        """
        peak = int(np.argmax(self.evidence.rate)) if from_highest else self.peak
        pairs = [(self._warmups(offset, peak), offset) for offset in self.offsets]
        return {
            "warmup_steps": np.concatenate([warmups for warmups, _ in pairs]),
            "offset": np.concatenate([np.full(len(warmups), offset) for warmups, offset in pairs]),
        }

    def _warmups(self, offset: int, peak: int) -> np.ndarray:
        """The warmup ends between the row before the peak and the row behind it."""
        step = self.evidence.step
        low = int(step[peak - 1]) - offset if peak else 0
        high = int(step[min(peak + 1, len(step) - 1)]) - offset
        if self.only_rises:
            high = max(high, self.horizon or 0, 2 * high)
        low, high = max(low, 0), max(high, 0)
        most = _MOST_SOLVED if self.solve else _MOST_WARMUPS
        if high - low < most:
            return np.arange(low, high + 1)
        unit = 10 ** max(len(str(high)) - 2, 0)
        usual = np.arange(low + -low % unit, high + 1, unit)
        shares = np.ceil((self.horizon or 0) * np.arange(1, 101) / 100).astype(np.int64)
        first = np.arange(low, low + 64)
        every = np.unique(np.concatenate([first, usual, shares, [low, high]]))
        return every[(every >= low) & (every <= high)]

    def crossed(self, name: str, values: Sequence[float], *, from_highest: bool = False) -> dict[str, np.ndarray]:
        """Every start with every one of `values`, for one call in place of many."""
        starts = self.starts(from_highest=from_highest)
        count = len(starts["offset"])
        made = {start: np.tile(column, len(values)) for start, column in starts.items()}
        return made | {name: np.repeat(np.asarray(values, float), count)}

    def candidates(self, family: Family, fields: dict[str, Any]) -> Candidates:
        """`fields` holds `offset` too; numbers among them count for all."""
        fields = dict(fields)
        offset = np.asarray(fields.pop("offset"))
        shape = np.broadcast_shapes(offset.shape, *(np.shape(value) for value in fields.values()))
        made = {name: np.broadcast_to(value, shape) for name, value in fields.items()}
        usable = np.all([np.isfinite(value) & (abs(value) < LONGEST) for value in made.values()], axis=0)
        usable = np.broadcast_to(usable, shape)
        return Candidates(family, made, np.broadcast_to(offset, shape))[usable]

    def with_length(
        self, family: Family, fields: dict[str, Any], name: str = "max_steps", known: np.ndarray | None = None
    ) -> Iterator[Candidates]:
        """The candidates with the length of the run, or with each that fits the first fall."""
        if not self.solve:
            if self.horizon is not None:
                yield self.candidates(family, {**fields, name: self.horizon if known is None else known})
            return
        found = self.candidates(family, fields)
        begun = found.offset + sum(found.fields.get(before, 0) for before in ("warmup_steps", "stable_steps"))
        first = np.maximum(self.peak, np.searchsorted(self.evidence.step, begun))
        rows = np.stack([first, (first + self.fallen) // 2, np.full_like(first, self.fallen)], axis=1)
        room = rows[:, 2] - rows[:, 0] >= (1 if family.floor is None else 2)
        if room.any():
            yield solved(found[room], name, self.evidence, rows[room])
