"""What the losses of a run say of its learning rate: too high, too low, dead, overfitting, or nothing.

Only what the numbers of a log show is said, and a healthy log gets no finding. Levels are medians and noise is measured from
row to row, so that one odd row decides nothing, and no threshold but two knows the size of a loss.
"""

from __future__ import annotations

import numpy as np
from jax.typing import ArrayLike

from optax_lr.arguments import shown
from optax_lr.auditing import thresholds as at
from optax_lr.auditing.broken import dead, hidden, jumps, not_a_number
from optax_lr.auditing.curve import curve_of, rows_of
from optax_lr.auditing.log import Log
from optax_lr.auditing.shapes import diverges, oscillates, overfits, slow_or_flat
from optax_lr.findings import Finding, worst_first


def patterns(log: Log, *, planned: ArrayLike | None = None) -> tuple[Finding, ...]:
    """What the losses and rates of `log` say of its learning rate; nothing of a healthy run.

    Args:
        log: the rows of one run.
        planned: the planned rate of each row; a jump that was planned is then none. NaN where nothing was planned.

    Errors: `ValueError` if `planned` is of another length than the log.

    At most one finding a code, worst first; `steps` are the optimizer steps that show it, and `edits` hold the remedy for the
    config:

        LR301  the loss rises by half and stays up, beyond its noise
        LR302  the loss is NaN or infinite: after which step, at what rate
        LR303  the loss swings 3 times as much while the rate is high as once it is low
        LR304  the loss falls in proportion to the summed rate to the end: it was still on its first slope
        LR305  the rate jumps, up after it fell, or down between rows that hold it
        LR306  every loss is NaN or exactly 0.0, and no gradient is a number
        LR307  the loss is exactly 0.0 where transformers' logging_nan_inf_filter hides NaN
        LR308  the evaluation loss rises while the training loss falls
        LR309  the loss stays at its start, within 2.5%

    A loss that goes below 0, or starts below 0.01, is a policy's: of its shape nothing is said. LR304 and LR309 are told of
    runs that begin at the beginning and are half through at least, by `max_steps` where the log has it.

    >>> step = np.arange(10, 310, 10)
    >>> nan = np.full(30, np.nan)
    >>> log = Log("<arrays>", "arrays", step, np.full(30, 0.005), 2.0 + step / 20, nan, nan, nan)
    >>> print(*patterns(log))
    LR301 error: the loss rises from 2.5 (step 10) to 16 (step 300) at rates up to 0.005; set learning_rate to 0.0005, a tenth
    """
    if not isinstance(log, Log):
        raise TypeError(f"patterns() takes a log, as read_log(...) gives it, not {shown(log)}")
    rows = rows_of(log)
    if planned is not None:
        try:
            planned = np.asarray(planned, np.float64)
        except (TypeError, ValueError):
            raise TypeError(f"patterns(): planned must be an array of rates, not {shown(planned)}") from None
        if planned.shape != (len(log),):
            raise ValueError(
                f"patterns(): planned must hold a rate for each of the {len(log)} rows of the log, not {planned.shape}"
            )
        planned = planned[np.argsort(log.step, kind="stable")]
    found = [*jumps(rows, planned)]
    lifeless = [*dead(rows)]
    if lifeless:
        return tuple(worst_first(lifeless + found))
    found += [*not_a_number(rows), *hidden(rows)]
    curve = curve_of(rows)
    if len(curve.loss) >= at.FEWEST and curve.loss.min() > 0 and np.median(curve.loss[:3]) >= at.LEAST_LOSS:
        too_high = [*diverges(curve)] or [*oscillates(curve)]
        found += too_high or [*slow_or_flat(curve, log.max_steps), *overfits(curve, rows)]
    return tuple(worst_first(found))
