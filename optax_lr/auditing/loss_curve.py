"""Levels and noise of a loss by medians, so that a single row has no effect; and the format of numbers in messages."""

from __future__ import annotations

import dataclasses
import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from optax_lr.arrays import Float64, Num
from optax_lr.auditing import loss_rules as at
from optax_lr.findings import Edit, Finding, Rule
from optax_lr.logs.log import Log


class LossCurve(NamedTuple):
    """The rows whose loss is a number other than 0."""

    step: Num[np.ndarray, " n"]
    rate: Float64[np.ndarray, " n"]
    loss: Float64[np.ndarray, " n"]


def sorted_rows(log: Log) -> Log:
    """The rows in the order of their steps, with numbers that can be computed with; rows of one step keep their order."""
    rows = log[np.argsort(log.step, kind="stable")]
    rate = _computable(rows.learning_rate)
    return dataclasses.replace(
        rows,
        learning_rate=_with_rates(rows.step, np.where(np.isfinite(rate), rate, np.nan)),
        loss=_computable(rows.loss),
        grad_norm=_computable(rows.grad_norm),
        eval_loss=_computable(rows.eval_loss),
    )


def _with_rates(step: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """The rates, those of other rows of the same step among them: Lightning writes rates and losses in rows of their own."""
    known = np.isfinite(rate)
    if not known.any():
        return rate
    place = np.minimum(np.searchsorted(step[known], step), int(known.sum()) - 1)
    same = step[known][place] == step
    return np.asarray(np.where(known, rate, np.where(same, rate[known][place], np.nan)))


def _computable(values: np.ndarray) -> np.ndarray:
    """Numbers whose sums and ratios are numbers; far beyond what a float32 holds nothing is lost."""
    size = np.abs(values)
    size = np.where(size < 1 / at.LARGEST, 0, np.where(np.isfinite(size), np.minimum(size, at.LARGEST), size))
    return np.asarray(np.copysign(size, values))


def curve_of(rows: Log) -> LossCurve:
    """The rows that have a shape: NaN, infinity and 0 have none."""
    valid = np.isfinite(rows.loss) & (rows.loss != 0)
    return LossCurve(rows.step[valid], rows.learning_rate[valid], rows.loss[valid])


def in_blocks(curve: LossCurve) -> LossCurve:
    """At most BLOCKS rows: the medians of as many consecutive ones."""
    size = -(-len(curve.loss) // at.BLOCKS)
    if size <= 1:
        return curve
    starts = range(0, len(curve.loss), size)
    return LossCurve(*(np.array([np.median(column[start : start + size]) for start in starts]) for column in curve))


def share_done(curve: LossCurve) -> np.ndarray:
    """The summed rate up to each row, as a share of all of it; the share of the steps where no rate is logged."""
    rates = np.nan_to_num(curve.rate)
    done = np.cumsum((rates if rates.any() else 1) * np.diff(curve.step, prepend=0))
    return np.asarray(done / (done[-1] or 1))


def moving_median(values: np.ndarray, window: int) -> np.ndarray:
    """The median of every `window` neighbours, one fewer each time: [n - window + 1]."""
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(values, window), axis=-1))


def growth(loss: np.ndarray) -> np.ndarray:
    """The logarithm of each loss over the one before it."""
    return np.asarray(np.log(loss[1:] / loss[:-1]))


def noise(changes: np.ndarray, share: float = 0.8) -> float:
    """The standard deviation of a row, estimated from its changes to the next row, so that a trend does not count.

    It is that of normal noise with the same quantile of the changes: with 0.8, a spike in ten rows counts,
    with 0.5 it does not.

    >>> round(noise(np.diff(np.random.default_rng(0).normal(scale=3, size=10_000) + np.arange(10_000))))
    3
    """
    if not len(changes):
        return 0.0
    deviation = np.quantile(abs(changes - np.median(changes)), share)
    return float(deviation / NormalDist().inv_cdf((1 + share) / 2) / math.sqrt(2))


def highest(rates: np.ndarray) -> float | None:
    """The highest rate; None where none is above 0."""
    rates = rates[rates > 0]
    return float(rates.max()) if len(rates) else None


def lower(rule: Rule, message: str, rate: float | None, steps: tuple[int, int]) -> Finding:
    """A finding whose remedy is a tenth of `rate`."""
    if rate is None:
        return Finding(rule, message, "set learning_rate to a tenth", key="learning_rate", steps=steps)
    tenth = rounded(rate / 10)
    remedy = f"set learning_rate to {four_digits(tenth)}, a tenth"
    return Finding(rule, message, remedy, key="learning_rate", edits=(Edit("learning_rate", tenth),), steps=steps)


def at_rates_up_to(rate: float | None) -> str:
    """The end of a message; nothing where no rate is known."""
    return "" if rate is None else f" at rates up to {four_digits(rate)}"


def span(steps: np.ndarray) -> tuple[int, int]:
    """The first and the last of these steps."""
    return int(steps[0]), int(steps[-1])


def rounded(value: float) -> float:
    """A rate to write into a config: three digits."""
    return float(f"{value:.3g}")


def four_digits(value: float) -> str:
    """A number for a message, in four digits."""
    return f"{value:.4g}"
