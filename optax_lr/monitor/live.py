"""The findings of `patterns` during the run."""

from __future__ import annotations

import array
import time
from collections.abc import Iterator

import numpy as np

from optax_lr.auditing.loss_rules import WHOLE_RUN
from optax_lr.auditing.patterns import patterns
from optax_lr.findings import Finding
from optax_lr.logs.log import Log
from optax_lr.monitor.rows import Row

COLUMNS = ("learning_rate", "loss", "grad_norm", "eval_loss", "epoch")
SHARE = 1 / 200  # of the time that may be spent on `patterns`, which takes milliseconds


class Live:
    """The rows so far, and the findings in them, each code once.

    Findings that need the whole run (LR304, LR309) are reported only if `max_steps` gives its length.
    """

    def __init__(self, source: str, max_steps: int | None):
        self._source, self._max_steps = source, max_steps
        self._numbers = array.array("d")  # of each row: step, planned rate, columns, and whether it has each column
        self._reported = set() if max_steps else {rule.code for rule in WHOLE_RUN}
        self._next_check, self._checked = 0.0, 0

    def add(self, row: Row, planned: float | None) -> None:
        values = [row.get(name, np.nan) for name in COLUMNS]
        has = [float(name in row) for name in COLUMNS]
        plan = np.nan if planned is None else planned
        self._numbers.extend(array.array("d", [row["step"], plan, *values, *has]))

    def log(self) -> Log:
        return self._log(self._table())

    def look(self, *, last: bool = False) -> Iterator[Finding]:
        """The new findings; none before a check fits into its share of the time, except for the `last` check."""
        if len(self._numbers) == self._checked or (time.perf_counter() < self._next_check and not last):
            return
        start = time.perf_counter()
        self._checked = len(self._numbers)
        table = self._table()
        planned = table[:, 1] if np.isfinite(table[:, 1]).any() else None
        found = [one for one in patterns(self._log(table), planned=planned) if one.code not in self._reported]
        self._reported |= {finding.code for finding in found}
        end = time.perf_counter()
        self._next_check = end + (end - start) / SHARE
        yield from found

    def _table(self) -> np.ndarray:
        return np.array(self._numbers).reshape(-1, 2 + 2 * len(COLUMNS))

    def _log(self, table: np.ndarray) -> Log:
        values, has = table[:, 2 : 2 + len(COLUMNS)], table[:, 2 + len(COLUMNS) :] == 1
        columns = dict(zip(COLUMNS, values.T, strict=True))
        is_nan = dict(zip(COLUMNS, (has & np.isnan(values)).T, strict=True))
        step = table[:, 0].astype(np.int64)
        return Log(self._source, "monitor", step, **columns, max_steps=self._max_steps, is_nan=is_nan, writer="optax")
