"""Rows from calls: the mean loss of the steps since the last row, and the rate of its last update."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

Row = dict[str, float]


class Rows:
    """Takes what each call of the loop brought, and makes a row where one is due.

    A row is due at each multiple of `logging_steps`, and at the first step behind one that no call ended at.
    """

    def __init__(self, schedule: Callable[[int], Any] | None, logging_steps: int, step: int):
        self._schedule, self._every, self._step = schedule, logging_steps, step
        self._start_anew()

    def take(
        self, step: int, losses: np.ndarray | None, metrics: Mapping[str, np.ndarray]
    ) -> Iterator[tuple[Row, float | None]]:
        """The rows that are due after a call that ends at `step` updates, each with its scheduled rate.

        Args:
            step: the updates done, those of this call included.
            losses: one number, or `[n]`, of the last n updates; None for a call that made none.
            metrics: each one number, of the call's last update, or `[n]`.
        """
        count = len(losses) if losses is not None and losses.ndim else 1
        before = step - count
        start = 0
        for end in sorted({*range(self._every - before % self._every, count, self._every), count} - {0}):
            if losses is not None:
                self._total += float(losses[start:end].sum(dtype=np.float64) if losses.ndim else losses)
                self._count += end - start
            for name, values in metrics.items():
                if (values.ndim or end == count) and not name.startswith("eval_"):
                    self._latest[name] = number(values[end - 1] if values.ndim else values)
            if (before + end) // self._every != self._step // self._every:
                yield self._row(before + end)
            start, self._step = end, before + end
        evaluated = {name: number(values) for name, values in metrics.items() if name.startswith("eval_")}
        if evaluated:
            epoch = {"epoch": number(metrics["epoch"])} if "epoch" in metrics else {}
            yield {"step": step, **evaluated, **epoch}, None

    def rest(self) -> Iterator[tuple[Row, float | None]]:
        """A row of the steps since the last one, where there are any."""
        if self._count:
            yield self._row(self._step)

    def _row(self, step: int) -> tuple[Row, float | None]:
        planned = None if self._schedule is None else number(np.asarray(self._schedule(max(step - 1, 0))))
        loss = {"loss": self._total / self._count} if self._count else {}
        rate = {"learning_rate": planned} if planned is not None else {}
        row = {"step": step, **loss, **rate, **self._latest}
        self._start_anew()
        return row, planned

    def _start_anew(self) -> None:
        self._total, self._count = 0.0, 0
        self._latest: Row = {}


def number(value: np.ndarray | np.generic) -> float:
    """As a Python float that prints as the number does in its own dtype.

    >>> number(np.float32(5e-5)), float(np.float32(5e-5))
    (5e-05, 4.999999873689376e-05)
    """
    return float(str(value))
