"""The shape of a loss: it diverges, oscillates, falls too slowly or not at all, or overfits."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from optax_lr.auditing import thresholds as at
from optax_lr.auditing.curve import (
    Curve,
    Rows,
    at_rates_up_to,
    growth,
    highest,
    in_blocks,
    lower,
    moving_median,
    noise,
    rounded,
    share_done,
    short,
    span,
)
from optax_lr.findings import Edit, Finding


def diverges(curve: Curve) -> Iterator[Finding]:
    """The largest rise from one level to a later one; the first row and the first three are levels too: some runs leave at once."""
    blocks = in_blocks(curve)
    window = max(5, len(blocks.loss) // 10)
    levels = moving_median(blocks.loss, window)
    later = np.maximum.accumulate(levels[::-1])[::-1]  # the highest level from each block on
    # (level, number of rows in it, its first block, the first block of a level that is later)
    lows = [(curve.loss[0], 1, 0, 1), (np.median(curve.loss[:3]), 3, 0, 3)]
    lows += [(level, window, place, place + window) for place, level in enumerate(levels)]
    lows = [low for low in lows if low[3] < len(levels)]
    low, size, place, behind = max(lows, key=lambda low: later[low[3]] - low[0])
    top = behind + int(np.argmax(levels[behind:]))
    rise, gained = levels[top] - low, np.median(curve.loss[:3]) - low if place else 0
    error = 1.25 * noise(growth(blocks.loss)) * math.sqrt(1 / size + 1 / window)
    beyond_noise = low > at.LEAST_LOSS and levels[top] > at.BEYOND_NOISE * low
    certain = beyond_noise or math.log(levels[top] / low) >= at.CERTAIN * error
    if not certain or rise < at.RISE * max(low, gained):
        return
    first, last = int(blocks.step[place]), int(blocks.step[top + window - 1])
    end = np.median(blocks.loss[-window:])
    rate = highest(curve.rate[curve.step <= last])
    yield lower(
        at.DIVERGES,
        f"the loss rises from {short(low)} (step {first}) to {short(levels[top])} (step {last}){at_rates_up_to(rate)}"
        + (f", and ends at {short(end)}" if end < low + rise / 2 else ""),
        rate,
        (first, last),
    )


def oscillates(curve: Curve) -> Iterator[Finding]:
    """Noise of the data stays when the rate falls; noise of the rate goes with it. A constant rate cannot tell them apart."""
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
        yield lower(
            at.OSCILLATES,
            f"from row to row the loss swings by {high:.1%} while the rate is above {short(above)}, and by {low:.1%} once it "
            f"is below {short(below)}",
            peak,
            span(curve.step[curve.rate > above]),
        )


def slow_or_flat(curve: Curve, max_steps: int | None) -> Iterator[Finding]:
    """Of runs that begin at the beginning; a slow one must be over, a flat one half through."""
    blocks = in_blocks(curve)
    begun = curve.step[0] <= 0.05 * curve.step[-1] + 1
    done = curve.step[-1] / (max_steps or curve.step[-1] or 1)
    if len(blocks.loss) < at.ENOUGH or not begun or done < 0.5:
        return
    window = max(5, len(blocks.loss) // 10)
    first, start, end = (np.median(loss) for loss in (curve.loss[:3], blocks.loss[:window], blocks.loss[-window:]))
    error = 1.25 * noise(np.diff(blocks.loss)) * math.sqrt(2 / window)
    peak = highest(curve.rate)
    numbers = f"the loss goes from {short(first)} to {short(end)} in {curve.step[-1]} steps{at_rates_up_to(peak)}"
    if start - end < at.FLAT_FALL * start:
        rises = end - max(first, start) > max(at.CERTAIN * error, at.FLAT_FALL * start)
        fell_at_once = first - start > at.FLAT_FALL * start + at.CERTAIN / 2 * noise(np.diff(curve.loss))
        too_noisy_to_tell = 2 * error > at.FLAT_FALL * start
        if rises or not (fell_at_once or too_noisy_to_tell):
            yield _flat(curve, numbers, peak, rises=bool(rises))
        return
    share = share_done(blocks)
    quarter, half = (np.median(blocks.loss[np.argsort(abs(share - place))[:window]]) for place in (0.25, 0.5))
    fall = first - end
    early, late = (first - quarter) / fall, (half - end) / fall
    proportional = abs(early - 0.25) < at.QUARTER and abs(late - 0.5) < at.HALF
    if done >= 0.9 and proportional and at.CERTAIN * error < fall < at.SLOW_FALL * first:
        tenfold = None if peak is None else rounded(10 * peak)
        yield Finding(
            at.SLOW,
            f"{numbers}, {late:.0%} of that in the second half of the summed rate: it was still on its first slope",
            "set learning_rate ten times as high"
            if tenfold is None
            else f"set learning_rate to {short(tenfold)}, ten times",
            key="learning_rate",
            edits=() if tenfold is None else (Edit("learning_rate", tenfold),),
            steps=span(curve.step),
        )


def _flat(curve: Curve, numbers: str, peak: float | None, *, rises: bool) -> Finding:
    """Too high and too low a rate look alike here, unless the loss rises."""
    if rises:
        return lower(at.FLAT, numbers, peak, span(curve.step))
    rates = (
        "ten times as high and at a tenth"
        if peak is None
        else f"at {short(rounded(10 * peak))} and {short(rounded(peak / 10))}"
    )
    remedy = (
        f"try learning_rate {rates} for some hundred steps; if the loss falls with neither, the rate is not the cause"
    )
    return Finding(at.FLAT, numbers, remedy, key="learning_rate", steps=span(curve.step))


def overfits(curve: Curve, rows: Rows) -> Iterator[Finding]:
    """The evaluation loss rises while the training loss falls."""
    told = np.isfinite(rows.eval_loss)
    step, loss = rows.step[told], rows.eval_loss[told]
    if len(loss) < 3 or loss.min() <= 0:
        return
    best = int(np.argmin(loss))
    rise = max(at.EVAL_RISE * loss[best], at.CERTAIN / 2 * noise(np.diff(loss)))
    if best > len(loss) - 3 or loss[-2:].min() < loss[best] + rise:
        return
    then, now = curve.loss[curve.step <= step[best]][-5:], curve.loss[-5:]
    if not len(then) or np.median(now) > (1 - at.EVAL_RISE) * np.median(then):
        return
    yield Finding(
        at.OVERFITS,
        f"the evaluation loss rises from {short(loss[best])} (step {step[best]}) to {short(loss[-1])} (step {step[-1]}) while "
        f"the training loss falls from {short(np.median(then))} to {short(np.median(now))}",
        f"set max_steps to {step[best]}, where the evaluation loss was lowest",
        key="max_steps",
        edits=(Edit("max_steps", int(step[best])),),
        steps=(int(step[best]), int(step[-1])),
    )
