"""Checks of the losses of a run for problems of its learning rate: too high, too low, dead, overfitting.

Findings state only what the numbers of a log show, and a healthy log has none. The shape of the losses is checked in
`loss_shapes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jax.typing import ArrayLike

from optax_lr.arguments import shown
from optax_lr.arrays import Num
from optax_lr.auditing import loss_rules as at
from optax_lr.auditing.loss_curve import four_digits, highest, lower, rounded, sorted_rows, span
from optax_lr.auditing.loss_shapes import shape_findings
from optax_lr.findings import Edit, Finding, worst_first
from optax_lr.logs.columns import EPOCHS_ARE_STEPS
from optax_lr.logs.log import Log
from optax_lr.logs.writers import in_words_of
from optax_lr.text import counted


def patterns(log: Log, *, planned: Num[ArrayLike, " n"] | Sequence[float] | None = None) -> tuple[Finding, ...]:
    """Check the losses and rates of `log` for problems of the learning rate; a healthy run has no findings.

    Args:
        log: the rows of one run.
        planned: the planned rate of each row, or NaN; a planned jump is not reported.

    Returns:
        The findings, the worst first.

    Raises:
        TypeError: If `log` is not a log, or `planned` is not an array of numbers.
        ValueError: If `planned` has another length than the log.

    There is one finding for each code, and for LR301 one for each rise. `steps` are the optimizer steps that show the
    problem, and `edits` contain the remedy for the config:

        LR301  the loss rises by half, beyond its noise, and stays high
        LR302  the loss is NaN or infinite
        LR303  the loss changes 3 times as much from row to row at high rates as at low rates
        LR304  the loss falls in proportion to the summed rate until the end
        LR305  the rate jumps: it rises after a fall, or drops between rows of nearly equal rates
        LR306  every loss is NaN or exactly 0.0, and no gradient is a number
        LR307  the loss is exactly 0.0 where transformers' logging_nan_inf_filter hides NaN
        LR308  the evaluation loss rises while the training loss falls
        LR309  the loss stays at its start, within 2.5%

    A loss that falls below 0 or starts below 0.01 is taken for that of a policy, and its shape is not checked. LR304 needs a
    finished run and LR309 half of a run, by `max_steps` if the log has it; the log must contain the beginning of the run.

    >>> step = np.arange(10, 310, 10)
    >>> nan = np.full(30, np.nan)
    >>> log = Log("<arrays>", "arrays", step, np.full(30, 0.005), 2.0 + step / 20, nan, nan, nan)
    >>> print(*patterns(log))
    LR301 error: the loss rises from 2.5 (step 10) to 16 (step 300) at rates up to 0.005; set learning_rate to 0.0005, a tenth
    """
    if not isinstance(log, Log):
        raise TypeError(f"patterns() takes a log, as read_log(...) gives it, not {shown(log)}")
    rows = sorted_rows(log)
    if planned is not None:
        try:
            planned = np.asarray(planned, np.float64)
        except (TypeError, ValueError):
            raise TypeError(f"patterns(): planned must be an array of rates, not {shown(planned)}") from None
        if planned.shape != (len(log),):
            wanted = f"a rate for each of the {len(log)} rows of the log"
            raise ValueError(f"patterns(): planned must hold {wanted}, not {planned.shape}")
        planned = planned[np.argsort(log.step, kind="stable")]
    found = [*rate_jumps(rows, planned)]
    lifeless = [*dead(rows)]
    found += lifeless or [*not_a_number(rows), *hidden(rows), *shape_findings(rows)]
    counts_epochs = EPOCHS_ARE_STEPS in log.notes
    return tuple(worst_first([in_words_of(log.writer, one, epochs_are_steps=counts_epochs) for one in found]))


SHOW_NAN = Edit("logging_nan_inf_filter", False)  # of transformers' Trainer, whose default writes 0.0 for NaN


def dead(rows: Log) -> Iterator[Finding]:
    """No row has a loss, and no row a gradient."""
    valid = rows.nan("loss") | np.isfinite(rows.loss)
    empty = rows.nan("loss") | (rows.loss == 0)
    gradients = rows.nan("grad_norm") | np.isfinite(rows.grad_norm)
    if valid.sum() < 3 or not empty[valid].all() or not rows.nan("grad_norm")[gradients].all():
        return
    if rows.nan("loss").any() and not gradients.any():
        return  # NaN from the first row on says it all
    what, gradient = "NaN" if rows.nan("loss").any() else "exactly 0.0", "no gradient norm is logged"
    if gradients.any():
        several = f"every one of {gradients.sum()} gradient norms"
        gradient = f"{'its gradient norm' if gradients.sum() == 1 else several} is NaN"
    rates = rows.learning_rate[np.isfinite(rows.learning_rate)]
    frozen = f", and the rate stays at {four_digits(rates[0])}" if len(rates) and np.ptp(rates) == 0 else ""
    message = f"the loss is {what} in all of {valid.sum()} rows, {gradient}{frozen}"
    remedy = (
        "set logging_nan_inf_filter to false to see the real losses, check the labels of a batch, and train in bf16 "
        "or float32 if it was fp16"
    )
    yield Finding(at.DEAD, message, remedy, key=SHOW_NAN.key, edits=(SHOW_NAN,), steps=span(rows.step[valid]))


def not_a_number(rows: Log) -> Iterator[Finding]:
    """A loss of NaN or infinity: after which step, and at what rate."""
    lost = rows.nan("loss") | np.isinf(rows.loss)
    if not lost.any():
        return
    first = int(np.flatnonzero(lost)[0])
    what = f"the loss is {four_digits(rows.loss[first])}"
    later, again = int(np.isfinite(rows.loss[first:]).sum()), ""
    if later:
        again = f"; {counted(later, 'later row')} {'are numbers' if later > 1 else 'is a number'} again"
    before = np.flatnonzero(np.isfinite(rows.loss[:first]))
    if not len(before):
        message = f"{what} from the first row on (step {rows.step[first]}){again}"
        remedy = "look for labels that are all masked, for fp16 and for bad rows in the data before the rate is changed"
        yield Finding(at.NOT_A_NUMBER, message, remedy, steps=span(rows.step[lost]))
        return
    last = before[-1]
    rates = rows.learning_rate[: first + 1]
    known = rates[np.isfinite(rates)]
    its_rate = f", at a rate of {four_digits(known[-1])}" if len(known) else ""
    fell = f"after {four_digits(rows.loss[last])} at step {rows.step[last]}"
    message = f"{what} at step {rows.step[first]}, {fell}{its_rate}{again}"
    yield lower(at.NOT_A_NUMBER, message, highest(rates), (int(rows.step[last]), int(rows.step[lost][-1])))


def hidden(rows: Log) -> Iterator[Finding]:
    """Most zeros are losses of a model that knows its data by heart, rounded to four digits."""
    zero = rows.loss == 0
    if not zero.any() or (rows.loss < 0).any():
        return
    first = int(np.flatnonzero(zero)[0])
    before = np.flatnonzero(np.isfinite(rows.loss[:first]))
    if (zero & rows.nan("grad_norm")).any():
        zero &= rows.nan("grad_norm")
        shown = f"with a gradient norm of NaN in {'it' if zero.sum() == 1 else 'each'}"
    elif _fell_through(rows, zero, before):
        shown = f"after {four_digits(rows.loss[before[-1]])} at step {rows.step[before[-1]]}"
    else:
        return
    # Without an earlier loss, nothing shows that the rate is the cause.
    rate = highest(rows.learning_rate[: first + 1]) if len(before) else None
    message = f"the loss is exactly 0.0 in {zero.sum()} of {np.isfinite(rows.loss).sum()} rows, {shown}"
    remedy, edits = "set logging_nan_inf_filter to false to see NaN as NaN", [SHOW_NAN]
    if rate is not None:
        tenth = rounded(rate / 10)
        edits.append(Edit("learning_rate", tenth))
        remedy += f", and learning_rate to {four_digits(tenth)}, a tenth"
    yield Finding(at.HIDDEN, message, remedy, key=SHOW_NAN.key, edits=tuple(edits), steps=span(rows.step[zero]))


def _fell_through(rows: Log, zero: np.ndarray, before: np.ndarray) -> bool:
    """Without gradients: high losses, then 0.0 to the end, as weights that are NaN stay so."""
    valid = np.isfinite(rows.loss) & (np.arange(len(zero)) >= np.argmax(zero))
    known = np.isfinite(rows.grad_norm[zero]).any() or not len(before)
    fell = zero.sum() >= 2 and zero[valid].all()
    return bool(not known and fell and np.median(rows.loss[before[-5:]]) >= at.HIDDEN_BELOW)


def rate_jumps(rows: Log, planned: np.ndarray | None) -> Iterator[Finding]:
    """A rate that rises after it fell, or falls at once, other than `planned`."""
    valid = np.isfinite(rows.learning_rate)
    valid[:-1] &= (np.diff(rows.step) > 0) | ~valid[1:]  # of rows at one step, the last
    step, rate = rows.step[valid], rows.learning_rate[valid]
    if len(rate) < 4 or not rate.max() > 0:
        return
    change = np.diff(rate) / rate.max()
    before, behind = np.append(np.inf, abs(change[:-1])), np.append(abs(change[1:]), 0)
    alone = (abs(change) > at.ALONE * before) & (abs(change) > at.ALONE * behind)
    begun = np.append(False, np.maximum.accumulate(change <= 0)[:-1])  # the first rise is a warmup
    jump = alone & (((change > at.JUMP_UP) & begun) | (change < -at.JUMP_DOWN))
    if planned is not None:
        jump &= ~(abs(np.diff(planned[valid]) / rate.max() - change) <= 0.1 * abs(change))  # NaN plans nothing
    if not jump.any():
        return
    place = int(np.flatnonzero(jump)[0])
    left, right = (f"{four_digits(rate[row])} at step {step[row]}" for row in (place, place + 1))
    number = f" ({jump.sum()} jumps in all)" if jump.sum() > 1 else ""
    message = f"the rate goes from {left} to {right}{number}"
    remedy = "right for restarts and stages; else look for a resumed run with another length or another schedule"
    yield Finding(at.JUMPS, message, remedy, key="lr_scheduler_type", steps=span(step[place : place + 2]))
