"""Checks of the shape of a loss curve: too high a rate, too low a rate, overfitting.

Levels are medians and noise is measured from row to row, so that one odd row decides nothing, and no threshold but two knows the
size of a loss.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

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
    span,
)
from optax_lr.findings import Edit, Finding
from optax_lr.logs.log import Log


def shape_findings(rows: Log) -> list[Finding]:
    """What the curve of the losses shows; nothing for one that goes below 0, or starts close to it."""
    curve = curve_of(rows)
    if len(curve.loss) < at.FEWEST or curve.loss.min() <= 0 or np.median(curve.loss[:3]) < at.LEAST_LOSS:
        return []
    too_high = [*diverges(curve)] or [*oscillates(curve)]
    return too_high or [*slow_or_flat(curve, rows), *overfits(curve, rows)]


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
