"""Rows from calls: the mean loss of the updates since the last row, and the rate of its own update."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from optax_lr.monitor.warn_once import Once

Row = dict[str, float]


class RowBuilder:
    """Takes what each call of the loop brought, and makes a row where one is due.

    Steps are counted in calls; `per_update` calls make one update. A row is due at each multiple of `every`; where a call
    goes past one, at its end. Its `step` counts updates.
    """

    def __init__(self, schedule: Callable[[int], Any] | None, every: int, step: int, tell: Once, per_update: int = 1):
        self._schedule, self._every, self._step, self._tell, self._per_update = schedule, every, step, tell, per_update
        self._made: list[tuple[Row, float | None]] = []
        self._restart()

    def take(self, step: int, loss: object, metrics: Mapping[str, object]) -> None:
        """One call, which ends at `step` updates: its losses, one or `[n]` or None, and metrics, each one or `[n]`."""
        losses: Any = None if loss is None else self._attempt("loss", lambda: np.asarray(loss))
        if loss is not None and losses is None:
            return
        single = losses is None or losses.ndim == 0
        count = 1 if single else len(losses)
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
        """A row of the updates since the last one, where there are any."""
        if self._count:
            self._make(self._step)

    def pop(self) -> list[tuple[Row, float | None]]:
        """The rows that were made, each with the rate that the schedule has for it; they are here no longer."""
        made, self._made = self._made, []
        return made

    def _ends(self, before: int, count: int) -> Iterable[int]:
        """The ends of rows in `count` updates after `before`, and the end of the updates."""
        return sorted({*range(self._every - before % self._every, count, self._every), count} - {0})

    def _given(self, metrics: Mapping[str, Any], end: int, count: int) -> dict[str, Any]:
        """The metrics of update `end` of `count`; one number is of the last. What is not needed is not read."""
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
        planned = self._attempt("schedule", lambda: float(rate_at(max(step - 1, 0)))) if rate_at else None
        if planned is not None:
            row["learning_rate"] = planned
        self._made.append((row | self._numbers(self._latest), planned))
        self._restart()

    def _numbers(self, values: Mapping[str, object]) -> Row:
        read = {name: self._attempt(name, functools.partial(_as_float, value)) for name, value in values.items()}
        return {name: value for name, value in read.items() if value is not None}

    def _attempt(self, what: str, action: Callable[[], Any]) -> Any:
        """The result of the action; None after a failure, which is reported."""
        try:
            return action()
        except BaseException as error:  # a schedule or a number of the user's may raise anything
            self._tell(what, error)
            return None

    def _restart(self) -> None:
        self._total, self._count = 0.0, 0
        self._latest: dict[str, object] = {}


def _as_float(value: object) -> float:
    return float(np.asarray(value))
