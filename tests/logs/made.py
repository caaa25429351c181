"""Logs created from numbers."""

from __future__ import annotations

import numpy as np

from optax_lr import Log

COLUMNS = ("learning_rate", "loss", "grad_norm", "eval_loss", "epoch")


def log_of(
    loss, learning_rate=None, *, every: int = 10, step=None, max_steps=None, source: str = "<arrays>", **columns
) -> Log:
    """A log with a row every `every` steps. NaN in `loss` or `grad_norm` means a logged NaN, and None a missing value."""
    given = {"loss": loss, "learning_rate": learning_rate, **columns}
    length = len(loss)
    made, is_nan = {}, {}
    for name in COLUMNS:
        values = given.get(name)
        if values is None or np.ndim(values) == 0:
            values = [values] * length
        made[name] = np.array([np.nan if value is None else value for value in values], np.float64)
        is_nan[name] = np.array([value is not None and np.isnan(value) for value in values], bool)
    step = np.arange(1, length + 1) * every if step is None else step
    return Log(source, "arrays", np.asarray(step, np.int64), **made, max_steps=max_steps, is_nan=is_nan)


def beginning(log: Log, rows: int) -> Log:
    """The first rows of a log, as a monitor sees them during a run."""
    return log[:rows]
