"""From calls to rows: the mean loss of the updates since the last row, and the rate of the row's own update."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from optax_lr.monitor.warn_once import WarnOnce

Row = dict[str, float]
_Result = TypeVar("_Result")


class RowBuilder:
    """Make a row from the calls of the training loop whenever one is due.

    Steps are counted in calls here; `per_update` calls make one update. A row is due at each multiple of `every`; if a call
    passes one, at the end of that call. `step` in a row counts updates.
    """

    def __init__(
        self, schedule: Callable[[int], object] | None, every: int, step: int, warn_once: WarnOnce, per_update: int = 1
    ):
        self._schedule, self._every, self._per_update = schedule, every, per_update
        self._step, self._warn_once = step, warn_once
        self._made: list[tuple[Row, float | None]] = []
        self._restart()

    def take(self, step: int, loss: object, metrics: Mapping[str, object]) -> None:
        """Add one call that ends at `step`: its loss, a number, `[n]` or None, and its metrics, each a number or `[n]`."""
        losses = None if loss is None else self._attempt("loss", lambda: np.asarray(loss))
        if loss is not None and losses is None:
            return
        single = losses is None or losses.ndim == 0
        count = len(losses) if losses is not None and losses.ndim else 1
        before, start = step - count, 0
        for end in (1,) if single else self._ends(before, count):
            if losses is not None:
                self._total += float(losses if single else losses[start:end].sum(dtype=np.float64))
                self._count += end - start
            if metrics:
                self._latest |= self._given(metrics, end, count)
            if (before + end) // self._every != self._step // self._every:
                self._make(before + end)
            start, self._step = end, before + end
        if not metrics:
            return
        evaluated = {name: value for name, value in metrics.items() if name.startswith("eval_")}
        if evaluated:
            at = {"epoch": metrics["epoch"]} if "epoch" in metrics else {}
            self._made.append(({"step": step // self._per_update, **self._numbers(evaluated | at)}, None))

    def rest(self) -> None:
        """Make a row of the updates since the last row, if there are any."""
        if self._count:
            self._make(self._step)

    def pop(self) -> list[tuple[Row, float | None]]:
        """Remove and return the rows that were made, each with the rate of the schedule."""
        made, self._made = self._made, []
        return made

    def _ends(self, before: int, count: int) -> Iterable[int]:
        """The numbers of updates, up to `count` after `before`, at which a row ends; and `count`."""
        return sorted({*range(self._every - before % self._every, count, self._every), count} - {0})

    def _given(self, metrics: Mapping[str, Any], end: int, count: int) -> dict[str, object]:
        """The metrics of update `end` of `count`; a single number belongs to the last update. Other values are not read."""
        given = {}
        for name, value in metrics.items():
            if not name.startswith("eval_") and (np.ndim(value) or end == count):
                given[name] = np.asarray(value)[end - 1] if np.ndim(value) else value
        return given

    def _make(self, step: int) -> None:
        step //= self._per_update
        row: Row = {"step": step}
        if self._count:
            row["loss"] = self._total / self._count
        rate_at = self._schedule
        planned = self._attempt("schedule", lambda: _as_float(rate_at(max(step - 1, 0)))) if rate_at else None
        if planned is not None:
            row["learning_rate"] = planned
        self._made.append((row | self._numbers(self._latest), planned))
        self._restart()

    def _numbers(self, values: Mapping[str, object]) -> Row:
        read = {name: self._attempt(name, functools.partial(_as_float, value)) for name, value in values.items()}
        return {name: value for name, value in read.items() if value is not None}

    def _attempt(self, what: str, action: Callable[[], _Result]) -> _Result | None:
        """The result of the action; None after a failure, which is reported."""
        try:
            return action()
        except BaseException as error:  # a schedule or a number of the user's may raise anything
            self._warn_once(what, error)
            return None

    def _restart(self) -> None:
        self._total, self._count = 0.0, 0
        self._latest: dict[str, object] = {}


def _as_float(value: object) -> float:
    return float(np.asarray(value))
