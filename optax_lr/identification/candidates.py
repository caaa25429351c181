"""Settings of one family of schedules that may explain the rates of a log, and their curves."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from optax_lr.arrays import Float64, Int64, Num
from optax_lr.identification.evidence import Rows
from optax_lr.numerics import FLOAT64
from optax_lr.schedules import Schedule
from optax_lr.schedules.evaluation import lift

_MOST_CHECKED = 256
_checked: dict[tuple[object, ...], Schedule] = {}  # a schedule of each family whose settings were checked and lifted


class Family(NamedTuple):
    """A kind of schedule whose rate is linear in its peak and in its floor: the rest are the fields to search.

    Fields:
        kind: the class, or a function that makes such schedules.
        words: its choices, which no array can hold.
        peak, floor: the linear fields; `floor` is None where there is none, or where it is taken as 0.
        free: how many of the searched fields were fitted to the rows and may be any number.
    """

    kind: Callable[..., Schedule]
    words: Mapping[str, object] = MappingProxyType({})
    peak: str = "learning_rate"
    floor: str | None = None
    free: int = 0

    @property
    def name(self) -> str:
        """The kind's name; a description if it is not a class."""
        return self.kind.__name__ if isinstance(self.kind, type) else self.kind.__name__.strip("_").replace("_", " ")

    def schedule(self, fields: Mapping[str, object], peak: object, floor: object = None) -> Schedule:
        linear = {self.peak: peak} if self.floor is None else {self.peak: peak, self.floor: floor}
        return self.kind(**self.words, **fields, **linear)


@dataclasses.dataclass(frozen=True)
class Candidates:
    """Settings of one family that may explain the rates.

    Fields:
        family: the family that the settings belong to.
        fields: each searched field, [n].
        offset: int64 [n]; the row at step k shows the rate `schedule(k - offset)`.
        peak, floor: float64 [n], once they are fitted.
        cost: what it takes to believe in the family, in digits of a setting.
    """

    family: Family
    fields: dict[str, Num[np.ndarray, " n"]]
    offset: Int64[np.ndarray, " n"]
    peak: Any = None  # an array or None, which each use would have to ask
    floor: Any = None
    cost: float = 0.0

    def __len__(self) -> int:
        return len(self.offset)

    def __getitem__(self, rows: Rows) -> Candidates:
        fields = {name: value[rows] for name, value in self.fields.items()}
        peak, floor = (None if fitted is None else fitted[rows] for fitted in (self.peak, self.floor))
        return dataclasses.replace(self, fields=fields, offset=self.offset[rows], peak=peak, floor=floor)

    def first(self) -> Schedule:
        """The first candidate, fitted, as a schedule."""
        fields = {name: values[0].item() for name, values in self.fields.items()}
        return self.family.schedule(fields, float(self.peak[0]), None if self.floor is None else float(self.floor[0]))

    def unfitted(self) -> Candidates:
        return dataclasses.replace(self, peak=None, floor=None)

    def curves(self, step: np.ndarray) -> np.ndarray:
        """The fitted rates, float64 [n, steps]."""
        level, above = self.columns(step)
        return np.asarray(self.peak[:, None] * level + (0 if above is None else self.floor[:, None] * above))

    def curve(self, step: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """The fitted rates of the first candidate."""
        return np.asarray(self[:1].curves(step)[0])

    def level(self, step: np.ndarray) -> np.ndarray:
        """The rates of a peak of 1 and a floor of 0 at `step`, [steps] or [n, steps]; float64 [n, steps]."""
        return self._evaluated(step, 0.0)

    def columns(self, step: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """The coefficients of the peak and of the floor, each [n, steps]."""
        level = self.level(step)
        return level, None if self.family.floor is None else 2 * (self._evaluated(step, 0.5) - level)

    def lifted(self, floor: float = 0.0) -> Schedule:
        """The schedules with float64 leaves [n, 1], a peak of 1 and that floor."""
        ones = np.ones(len(self))
        if not isinstance(self.family.kind, type) or not len(self):
            return lift(self.family.schedule(self.fields, ones, floor * ones), FLOAT64, trailing_axes=1)
        # Only the first is checked, for all, and once for all calls: the checks take longer than the formula.
        key = (self.family.kind, repr(self.family.words), self.family.floor, floor, *self.fields)
        if key not in _checked:
            if len(_checked) >= _MOST_CHECKED:
                _checked.clear()
            first = {name: value[0] for name, value in self.fields.items()}
            _checked[key] = lift(self.family.schedule(first, 1.0, floor), FLOAT64, trailing_axes=1)
        lifted = copy.copy(_checked[key])
        lifted.__dict__.update({name: value[:, None].astype(np.float64) for name, value in self.fields.items()})
        return lifted

    def position(self, step: np.ndarray) -> np.ndarray:
        """The step of the schedule that each candidate has at `step`, [steps] or [n, steps]."""
        return np.asarray(np.maximum(np.atleast_2d(step) - self.offset[:, None], 0).astype(np.float64))

    def _evaluated(self, step: np.ndarray, floor: float) -> np.ndarray:
        position = self.position(step)
        return np.broadcast_to(self.lifted(floor)._value(position, FLOAT64), position.shape)


def joined(parts: Sequence[Candidates]) -> Candidates:
    """Candidates of one family after each other."""
    kept = [part for part in parts if len(part)] or parts[:1]
    fields = {name: np.concatenate([part.fields[name] for part in kept]) for name in kept[0].fields}
    offset, peak = (np.concatenate([getattr(part, name) for part in kept]) for name in ("offset", "peak"))
    floor = None if kept[0].floor is None else np.concatenate([part.floor for part in kept])
    return dataclasses.replace(kept[0], fields=fields, offset=offset, peak=peak, floor=floor)
