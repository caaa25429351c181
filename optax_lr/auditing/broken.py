"""Losses that are no numbers, or hide that they are none, and rates that jump."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from optax_lr.auditing import thresholds as at
from optax_lr.auditing.curve import Rows, highest, lower, rounded, short, span
from optax_lr.findings import Edit, Finding

SHOW_NAN = Edit("logging_nan_inf_filter", False)  # of transformers' Trainer, whose default writes 0.0 for NaN


def dead(rows: Rows) -> Iterator[Finding]:
    """No row has a loss, and no row a gradient."""
    told = rows.nan_loss | np.isfinite(rows.loss)
    empty = rows.nan_loss | (rows.loss == 0)
    gradients = rows.nan_gradient | np.isfinite(rows.grad_norm)
    if told.sum() < 3 or not empty[told].all() or not rows.nan_gradient[gradients].all():
        return
    if rows.nan_loss.any() and not gradients.any():
        return  # NaN from the first row on says it all
    what = "NaN" if rows.nan_loss.any() else "exactly 0.0"
    gradient = (
        f"every one of {gradients.sum()} gradient norms is NaN" if gradients.any() else "no gradient norm is logged"
    )
    rates = rows.rate[np.isfinite(rows.rate)]
    frozen = f", and the rate stays at {short(rates[0])}" if len(rates) and np.ptp(rates) == 0 else ""
    yield Finding(
        at.DEAD,
        f"the loss is {what} in all of {told.sum()} rows, {gradient}{frozen}",
        "set logging_nan_inf_filter to false to see the losses as they are, look at the labels of a batch, and train in bf16 "
        "or float32 if it was fp16",
        key=SHOW_NAN.key,
        edits=(SHOW_NAN,),
        steps=span(rows.step[told]),
    )


def not_a_number(rows: Rows) -> Iterator[Finding]:
    """A loss of NaN or infinity: after which step, and at what rate."""
    lost = rows.nan_loss | np.isinf(rows.loss)
    if not lost.any():
        return
    first = int(np.flatnonzero(lost)[0])
    what = f"the loss is {short(rows.loss[first])}"
    later = np.isfinite(rows.loss[first:]).sum()
    again = f"; {later} later rows are numbers again" if later else ""
    before = np.flatnonzero(np.isfinite(rows.loss[:first]))
    if not len(before):
        yield Finding(
            at.NOT_A_NUMBER,
            f"{what} from the first row on (step {rows.step[first]}){again}",
            "look for labels that are all masked, for fp16 and for bad rows in the data before the rate is changed",
            steps=span(rows.step[lost]),
        )
        return
    last = before[-1]
    rates = rows.rate[: first + 1]
    known = rates[np.isfinite(rates)]
    its_rate = f", at a rate of {short(known[-1])}" if len(known) else ""
    yield lower(
        at.NOT_A_NUMBER,
        f"{what} at step {rows.step[first]}, after {short(rows.loss[last])} at step {rows.step[last]}{its_rate}{again}",
        highest(rates),
        (int(rows.step[last]), int(rows.step[lost][-1])),
    )


def hidden(rows: Rows) -> Iterator[Finding]:
    """Most zeros are losses of a model that knows its data by heart, rounded to four digits."""
    zero = rows.loss == 0
    if not zero.any() or (rows.loss < 0).any():
        return
    first = int(np.flatnonzero(zero)[0])
    before = np.flatnonzero(np.isfinite(rows.loss[:first]))
    if (zero & rows.nan_gradient).any():
        zero &= rows.nan_gradient
        shown = f"with a gradient norm of NaN in {'it' if zero.sum() == 1 else 'each'}"
    elif _fell_through(rows, zero, before):
        shown = f"after {short(rows.loss[before[-1]])} at step {rows.step[before[-1]]}"
    else:
        return
    # Without a loss before, nothing tells that the rate did it.
    rate = highest(rows.rate[: first + 1]) if len(before) else None
    tenth = () if rate is None else (Edit("learning_rate", rounded(rate / 10)),)
    yield Finding(
        at.HIDDEN,
        f"the loss is exactly 0.0 in {zero.sum()} of {np.isfinite(rows.loss).sum()} rows, {shown}",
        "set logging_nan_inf_filter to false to see NaN as NaN"
        + "".join(f", and learning_rate to {short(edit.value)}, a tenth" for edit in tenth),
        key=SHOW_NAN.key,
        edits=(SHOW_NAN, *tenth),
        steps=span(rows.step[zero]),
    )


def _fell_through(rows: Rows, zero: np.ndarray, before: np.ndarray) -> bool:
    """Without gradients: high losses, then 0.0 to the end, as weights that are NaN stay so."""
    told = np.isfinite(rows.loss) & (np.arange(len(zero)) >= np.argmax(zero))
    known = np.isfinite(rows.grad_norm[zero]).any() or not len(before)
    fell = zero.sum() >= 2 and zero[told].all()
    return bool(not known and fell and np.median(rows.loss[before[-5:]]) >= at.HIDDEN_BELOW)


def jumps(rows: Rows, planned: np.ndarray | None) -> Iterator[Finding]:
    """A rate that rises after it fell, or falls at once, other than `planned`."""
    told = np.isfinite(rows.rate)
    told[:-1] &= (np.diff(rows.step) > 0) | ~told[1:]  # of rows at one step, the last
    step, rate = rows.step[told], rows.rate[told]
    if len(rate) < 4 or not rate.max() > 0:
        return
    change = np.diff(rate) / rate.max()
    before, behind = np.append(np.inf, abs(change[:-1])), np.append(abs(change[1:]), 0)
    alone = (abs(change) > at.ALONE * before) & (abs(change) > at.ALONE * behind)
    begun = np.append(False, np.maximum.accumulate(change <= 0)[:-1])  # the first rise is a warmup
    jump = alone & (((change > at.JUMP_UP) & begun) | (change < -at.JUMP_DOWN))
    if planned is not None:
        jump &= ~(abs(np.diff(planned[told]) / rate.max() - change) <= 0.1 * abs(change))  # NaN plans nothing
    if not jump.any():
        return
    place = int(np.flatnonzero(jump)[0])
    left, right = (f"{short(rate[row])} at step {step[row]}" for row in (place, place + 1))
    number = f" ({jump.sum()} jumps in all)" if jump.sum() > 1 else ""
    yield Finding(
        at.JUMPS,
        f"the rate goes from {left} to {right}{number}",
        "right for restarts and stages; else look for a resumed run with another length or another schedule",
        key="lr_scheduler_type",
        steps=(int(step[place]), int(step[place + 1])),
    )
