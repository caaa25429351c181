"""Which rows of a long log a screen can show."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from optax_lr.logs.log import Log

SHORT, BUCKETS = 2000, 400
NUMBERS = ("learning_rate", "loss", "grad_norm", "eval_loss")


def kept_rows(log: Log, more: Mapping[str, np.ndarray], first: int, last: int) -> np.ndarray:
    """The rows to draw, int64, in the order of the log: all of up to 2,000.

    Of more, the steps are cut into 400 parts, and of each part the row with the lowest and with the highest value of every
    number stays, and one in which the number is NaN or infinite; so do the first row and the last.
    """
    if len(log) <= SHORT:
        return np.arange(len(log))
    part = (log.step - first) * BUCKETS // (last - first + 1)
    kept = [np.array([0, len(log) - 1])]
    for name, values in {**{name: getattr(log, name) for name in NUMBERS}, **more}.items():
        finite = np.flatnonzero(np.isfinite(values))
        order = finite[np.lexsort((values[finite], part[finite]))]
        new = np.diff(part[order], prepend=-1) > 0
        kept += [order[new], order[np.append(new[1:], True)[: len(order)]]]
        wrong = np.flatnonzero(log.nan(name) | np.isinf(values))
        kept.append(wrong[np.unique(part[wrong], return_index=True)[1]])
    return np.unique(np.concatenate(kept))
