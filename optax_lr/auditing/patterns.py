"""Checks of the losses of a run for problems of its learning rate: too high, too low, dead, overfitting.

Findings state only what the numbers of a log show, and a healthy log has none. Levels are medians and noise is measured from
row to row, so that one odd row decides nothing, and no threshold but two knows the size of a loss.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike

from optax_lr.arguments import shown
from optax_lr.arrays import Num
from optax_lr.auditing import loss_rules as at
from optax_lr.auditing.loss_curve import (
    LossCurve,
    at_rates_up_to,
    curve_of,
    four_digits,
    growth,
    highest,
    in_blocks,
    lower,
    moving_median,
    noise,
    rounded,
    share_done,
    sorted_rows,
    span,
)
from optax_lr.findings import Edit, Finding, worst_first
from optax_lr.logs.columns import EPOCHS_ARE_STEPS
from optax_lr.logs.log import Log
from optax_lr.logs.writers import in_words_of
from optax_lr.text import counted


def patterns(log: Log, *, planned: Num[ArrayLike, " n"] | Sequence[float] | None = None) -> tuple[Finding, ...]:
    """Check the losses and rates of `log` for problems of the learning rate; a healthy run has no findings.

    Args:
        log: the rows of one run.
        planned: the planned rate of each row; a jump that was planned is then none. NaN where nothing was planned.

    Returns:
        The findings, the worst first.

    Raises:
        TypeError: If `log` is not a log, or `planned` is not an array of numbers.
        ValueError: If `planned` has another length than the log.

    One finding a code, and for LR301 one for each rise, worst first; `steps` are the optimizer steps that show it, and `edits`
    hold the remedy for the config:

        LR301  the loss rises by half and stays up, beyond its noise
        LR302  the loss is NaN or infinite: after which step, at what rate
        LR303  the loss swings 3 times as much while the rate is high as once it is low
        LR304  the loss falls in proportion to the summed rate to the end: it was still on its first slope
        LR305  the rate jumps, up after it fell, or down between rows that hold it
        LR306  every loss is NaN or exactly 0.0, and no gradient is a number
        LR307  the loss is exactly 0.0 where transformers' logging_nan_inf_filter hides NaN
        LR308  the evaluation loss rises while the training loss falls
        LR309  the loss stays at its start, within 2.5%

    A loss that goes below 0, or starts below 0.01, is a policy's, and its shape is not checked. LR304 and LR309 are for
    runs that begin at the beginning and are half through at least, by `max_steps` where the log has it.

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
    found += lifeless or [*not_a_number(rows), *hidden(rows), *_of_the_shape(rows)]
    counts_epochs = EPOCHS_ARE_STEPS in log.notes
    return tuple(worst_first([in_words_of(log.writer, one, epochs_are_steps=counts_epochs) for one in found]))


def _of_the_shape(rows: Log) -> list[Finding]:
    """What the curve of the losses shows; nothing for one that goes below 0, or starts close to it."""
    curve = curve_of(rows)
    if len(curve.loss) < at.FEWEST or curve.loss.min() <= 0 or np.median(curve.loss[:3]) < at.LEAST_LOSS:
        return []
    too_high = [*diverges(curve)] or [*oscillates(curve)]
    return too_high or [*slow_or_flat(curve, rows), *overfits(curve, rows)]


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


def diverges(curve: LossCurve) -> Iterator[Finding]:
    """The largest rise of the loss from one level to a later one, and others before it and after it has come down again."""
    blocks = in_blocks(curve)
    found: list[Finding] = []
    ranges = [(0, len(blocks.loss))]
    while ranges and len(found) < at.MOST_RISES:
        start, end = ranges.pop(0)
        rise = _rise(blocks, curve, start, end)
        if rise is not None:
            found += [] if rise.harmless else [rise.finding]
            ranges += [(start, rise.low)] + [(rise.recovered, end)] * bool(rise.recovered)
    yield from sorted(found, key=lambda one: one.steps or ())


class _Rise(NamedTuple):
    """A rise of the loss.

    Fields:
        finding: it, as it is reported.
        low: the block at which its low level ends.
        recovered: the block from which on the loss is down again; 0 if it stays up.
        harmless: whether the loss comes far below its low level at rates as high as those of the rise.
    """

    finding: Finding
    low: int
    recovered: int
    harmless: bool


def _rise(blocks: LossCurve, curve: LossCurve, start: int, end: int) -> _Rise | None:
    """The largest rise between two blocks. The first row and the first three are levels too: some runs leave at once."""
    step, loss = blocks.step[start:end], blocks.loss[start:end]
    window = max(5, len(blocks.loss) // 10)
    if len(loss) <= window:
        return None
    levels = moving_median(loss, window)
    later = np.maximum.accumulate(levels[::-1])[::-1]  # the highest level from each block on
    first_level = np.median(curve.loss[:3])
    # (level, number of rows in it, its first block, the first block of a level that is later)
    lows = [(curve.loss[0], 1, 0, 1), (first_level, 3, 0, 3)] if not start else []
    lows += [(level, window, place, place + window) for place, level in enumerate(levels)]
    lows = [low for low in lows if low[3] < len(levels)]
    if not lows:
        return None
    low, size, place, behind = max(lows, key=lambda low: later[low[3]] - low[0])
    top = behind + int(np.argmax(levels[behind:]))
    rise, gained = levels[top] - low, first_level - low if place else 0
    error = 1.25 * noise(growth(blocks.loss)) * math.sqrt(1 / size + 1 / window)
    beyond_noise = low > at.LEAST_LOSS and levels[top] > at.BEYOND_NOISE * low
    certain = beyond_noise or math.log(levels[top] / low) >= at.CERTAIN * error
    if not certain or rise < at.RISE * max(low, gained):
        return None
    first, last = int(step[place]), int(step[top + window - 1])
    final = np.median(loss[-window:])
    rate = highest(curve.rate[curve.step <= last])
    rises = f"from {four_digits(low)} (step {first}) to {four_digits(levels[top])} (step {last})"
    ends = f", and ends at {four_digits(final)}" if final < low + rise / 2 else ""
    steps = _band(step, loss, (place, top + window), low, levels[top])
    finding = lower(at.DIVERGES, f"the loss rises {rises}{at_rates_up_to(rate)}{ends}", rate, steps)
    down = np.flatnonzero(levels[top:] < low + rise / 2)
    as_high = blocks.rate[start + top + window - 1 : end] >= (rate or 0)
    harmless = bool((levels[top:][as_high] < low / (1 + at.RISE)).any())
    return _Rise(finding, start + place + size, start + top + int(down[0]) if len(down) else 0, harmless)


def _band(step: np.ndarray, loss: np.ndarray, span: tuple[int, int], low: float, top: float) -> tuple[int, int]:
    """The steps of the rise itself: from the last loss near the low level, on a logarithmic scale, to the first near the top."""
    part = loss[slice(*span)]
    high = int(np.argmax(part >= low * (top / low) ** 0.8)) or len(part) - 1
    below = np.flatnonzero(part[: high + 1] <= low * (top / low) ** 0.2)
    begin = int(below[-1]) if len(below) else 0
    return int(step[span[0] + begin]), int(step[span[0] + high])


def oscillates(curve: LossCurve) -> Iterator[Finding]:
    """Noise of the data stays when the rate falls; noise of the rate falls with it. A constant rate cannot distinguish them."""
    peak = highest(curve.rate)
    if peak is None:
        return
    above, below = 0.6 * peak, 0.25 * peak
    fallen = np.arange(len(curve.rate)) > np.nanargmax(curve.rate)
    bends = np.diff(growth(curve.loss))  # of a loss that falls fast, then slowly, they are 0
    swings = []
    for rows in (curve.rate > above, (curve.rate < below) & fallen):
        threes = rows[2:] & rows[1:-1] & rows[:-2]
        if threes.sum() < at.BENDS:
            return
        swings.append(noise(bends[threes], share=0.5) / math.sqrt(3))
    high, low = swings
    if high > at.SWING and high > at.SWINGS * low > 0:
        high_rate, low_rate = f"while the rate is above {four_digits(above)}", f"once it is below {four_digits(below)}"
        message = f"from row to row the loss swings by {high:.1%} {high_rate}, and by {low:.1%} {low_rate}"
        yield lower(at.OSCILLATES, message, peak, span(curve.step[curve.rate > above]))


def slow_or_flat(curve: LossCurve, rows: Log) -> Iterator[Finding]:
    """Only for logs from the beginning of a run; a slow run must be over, a flat one half over."""
    blocks = in_blocks(curve)
    begun = curve.step[0] <= 0.05 * curve.step[-1] + 1
    done = curve.step[-1] / (rows.max_steps or curve.step[-1] or 1)
    if len(blocks.loss) < at.ENOUGH or not begun or done < 0.5:
        return
    window = max(5, len(blocks.loss) // 10)
    first, start, end = (np.median(loss) for loss in (curve.loss[:3], blocks.loss[:window], blocks.loss[-window:]))
    error = 1.25 * noise(np.diff(blocks.loss)) * math.sqrt(2 / window)
    peak = highest(curve.rate)
    numbers = (
        f"the loss goes from {four_digits(first)} to {four_digits(end)} in {curve.step[-1]} steps{at_rates_up_to(peak)}"
    )
    if start - end < at.FLAT_FALL * start:
        rises = end - max(first, start) > max(at.CERTAIN * error, at.FLAT_FALL * start)
        fell_at_once = first - start > at.FLAT_FALL * start + at.CERTAIN / 2 * noise(np.diff(curve.loss))
        too_noisy_to_tell = 2 * error > at.FLAT_FALL * start
        if rises or not (fell_at_once or too_noisy_to_tell):
            yield _is_insensitive(curve, numbers, peak, rises=bool(rises))
        return
    share = share_done(blocks)
    quarter, half = (np.median(blocks.loss[np.argsort(abs(share - place))[:window]]) for place in (0.25, 0.5))
    fall = first - end
    early, late = (first - quarter) / fall, (half - end) / fall
    proportional = abs(early - 0.25) < at.QUARTER and abs(late - 0.5) < at.HALF
    # A drop within the first three rows, whose median `first` is, or data that are learned by heart, are no first slope.
    fell_at_once = curve.loss[0] - first > at.QUARTER * fall + at.CERTAIN / 2 * noise(np.diff(curve.loss))
    middle = float(blocks.step[np.argmin(abs(share - 0.5))])
    by_heart = _evaluations_fall(rows, middle) < at.EVAL_SHARE * (half - end)
    slow = done >= 0.9 and proportional and at.CERTAIN * error < fall < at.SLOW_FALL * first
    if slow and not fell_at_once and not by_heart:
        message = (
            f"{numbers}, {late:.0%} of that in the second half of the summed rate: it was still on its first slope"
        )
        edits: tuple[Edit, ...] = ()
        remedy = "set learning_rate ten times as high"
        if peak is not None:
            higher = rounded(10 * peak)
            edits = (Edit("learning_rate", higher),)
            remedy = f"set learning_rate to {four_digits(higher)}, ten times"
        yield Finding(at.SLOW, message, remedy, key="learning_rate", edits=edits, steps=span(curve.step))


def _evaluations_fall(rows: Log, since: float) -> float:
    """How far the evaluation loss falls from this step to the end; infinite where too few evaluations show it."""
    valid = np.isfinite(rows.eval_loss)
    before, after = rows.eval_loss[valid & (rows.step <= since)], rows.eval_loss[valid & (rows.step > since)]
    return float(before[-1] - after[-1]) if len(before) and len(after) else math.inf


def _is_insensitive(curve: LossCurve, numbers: str, peak: float | None, *, rises: bool) -> Finding:
    """Rates that are too high and too low give the same loss here, unless it rises."""
    if rises:
        return lower(at.FLAT, numbers, peak, span(curve.step))
    rates = "ten times as high and at a tenth"
    if peak is not None:
        rates = f"at {four_digits(rounded(10 * peak))} and {four_digits(rounded(peak / 10))}"
    remedy = (
        f"try learning_rate {rates} for some hundred steps; if the loss falls with neither, the rate is not the cause"
    )
    return Finding(at.FLAT, numbers, remedy, key="learning_rate", steps=span(curve.step))


def overfits(curve: LossCurve, rows: Log) -> Iterator[Finding]:
    """The evaluation loss rises while the training loss falls."""
    valid = np.isfinite(rows.eval_loss)
    step, loss = rows.step[valid], rows.eval_loss[valid]
    if len(loss) < 3 or loss.min() <= 0:
        return
    best = int(np.argmin(loss))
    rise = max(at.EVAL_RISE * loss[best], at.CERTAIN / 2 * noise(np.diff(loss)))
    lowest, last = int(step[best]), int(step[-1])
    if best > len(loss) - 3 or loss[-2:].min() < loss[best] + rise:
        return
    then, now = curve.loss[curve.step <= lowest][-5:], curve.loss[-5:]
    if not len(then) or np.median(now) > (1 - at.EVAL_RISE) * np.median(then):
        return
    if improving(rows, lowest):
        return  # a rising evaluation loss is harmless if the metric improves
    message = (
        f"the evaluation loss rises from {four_digits(loss[best])} (step {lowest}) to {four_digits(loss[-1])} (step {last}) "
        f"while the training loss falls from {four_digits(np.median(then))} to {four_digits(np.median(now))}"
    )
    remedy, edit = f"set max_steps to {lowest}, where the evaluation loss was lowest", Edit("max_steps", lowest)
    yield Finding(at.OVERFITS, message, remedy, key="max_steps", edits=(edit,), steps=(lowest, last))


_BETTER_BELOW = re.compile(r"(?:^|[_/])(?:wer|cer|ter|mae|mse|rmse|perplexity|ppl|error|err|fid|nll)(?:$|[_/(])")


def improving(rows: Log, since: int) -> bool:
    """Whether another number of the evaluations, than its loss, is better at the end than at the step `since`.

    Of names that do not say which direction is better, any change by a hundredth counts.
    """
    for name, values in rows.metrics.items():
        known = np.isfinite(values)
        before, after = values[known & (rows.step <= since)], values[known & (rows.step > since)]
        if len(before) and len(after):
            gain = after[-2:].mean() - before[-1]
            if (-gain if _BETTER_BELOW.search(name.lower()) else gain) > 0.01 * abs(before[-1]):
                return True
    return False
