"""Raise the rate while a metric improves and lower it otherwise: transformers' `GreedyLR` over any schedule."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from optax_lr.arguments import whole_number
from optax_lr.schedules import checks, fields
from optax_lr.schedules.base import schedule
from optax_lr.schedules.fields import Number
from optax_lr.training.base import Control, Level
from optax_lr.training.state import exported


@exported
class Window(NamedTuple):
    """The last metrics and their running sum; the oldest metric is at index `seen` modulo their number."""

    metrics: jax.Array
    seen: jax.Array
    sum: jax.Array

    @classmethod
    def empty(cls, size: int, dtype: np.dtype) -> Window:
        return cls(jnp.zeros(size, dtype), jnp.zeros((), jnp.int32), jnp.zeros((), dtype))

    def push(self, metric: ArrayLike, size: ArrayLike) -> tuple[jax.Array, Window]:
        """The mean of the last `size` metrics including this one, and the new window.

        It is a running sum with the rounding errors of the reference's.
        """
        length = self.metrics.shape[0]
        oldest = self.metrics[(self.seen - size) % length]
        total = self.sum + metric
        total = jnp.where(self.seen >= size, total - oldest, total)
        mean = total / jnp.minimum(self.seen + 1, size)
        return mean, Window(self.metrics.at[self.seen % length].set(metric), self.seen + 1, total)


@exported
class GreedyJudged(NamedTuple):
    """The judged part of the metric state of `greedy`; `cooldown`, `warmup` and `until_reset` count down."""

    best: jax.Array
    good: jax.Array
    bad: jax.Array
    cooldown: jax.Array
    warmup: jax.Array
    until_reset: jax.Array
    level: Level
    window: Window | None


@schedule
class greedy(Control):  # noqa: N801 - used as a function, as Optax's transformations are
    """`schedule`, divided by `factor` after more than `patience` better metrics in a row, multiplied after as many worse ones.

    ```
    in a cooldown or a warmup: its remaining metrics are counted and ignored; otherwise
    better:          metric < best - threshold      (rel: best * (1 - threshold); mode max: >, +)
    better:          best = metric, good = good + 1, bad = 0;   else bad = bad + 1, good = 0
    good > patience: new = min(rate / factor, max_lr), taken if new - rate > eps;  a warmup begins
    bad > patience:  new = max(rate * factor, min_lr), taken if rate - new > eps;  a cooldown begins
    after `reset_start` falls at min_lr or below without a rise between them: reset, and the rate is the schedule's
    ```

    Fields:
        schedule: the schedule between changes; `Constant(learning_rate)` is the reference's own case.
        factor: above 0, below 1.
        patience: the number of better, or worse, metrics in a row without a change; the next one changes the rate.
        threshold: the smallest improvement over the best; below 0, a tolerance.
        cooldown, warmup: the number of ignored metrics after a fall, and after a rise.
        min_lr, max_lr: bounds of a change, at least 0. **The reference's floor of 1e-3 is above the rates of fine-tuning: a
            rate below it can only rise.** The schedule itself may leave the bounds.
        eps: changes up to this size are not made; at least 0.
        window_size: the number of metrics in the mean with `smooth`.
        reset_start: falls at the floor before a reset.
        accumulation_size, start_step, mode: those of `reduce_on_plateau`.
        threshold_mode: `"rel"` to the best, or `"abs"`.
        smooth: whether the mean of the last `window_size` metrics is used instead of each metric.
        longest_window: the largest `window_size`, which sets the size of the state; required only if `window_size` is traced.

    Every number but `longest_window` may be an array (a population) or traced. A NaN is not better; with `smooth` the mean
    stays NaN until a reset, as in the reference.

    Source: `transformers.optimization.GreedyLR`. One difference: parameter groups with their own controls reset
    independently, the reference's all together.

    >>> control = greedy(Constant(1e-3), factor=0.5, patience=1, min_lr=1e-5)
    >>> metric_state = control.metric_state()
    >>> for loss in (1.0, 0.9, 0.8, 0.7):
    ...     metric_state = control.observe(metric_state, 0, loss)
    >>> print(control.rate(metric_state, 0))
    0.004
    """

    _: dataclasses.KW_ONLY
    factor: Number = fields.number(default=0.95, above=0, below=1)
    patience: Number = fields.count(default=10, unit="metrics")
    threshold: Number = fields.number(default=1e-6)
    cooldown: Number = fields.count(default=0, unit="metrics")
    warmup: Number = fields.count(default=0, unit="metrics")
    min_lr: Number = fields.rate(default=1e-3)
    max_lr: Number = fields.rate(default=1.0)
    eps: Number = fields.number(default=1e-8, least=0)
    window_size: Number = fields.count(default=50, unit="metrics", least=1)
    reset_start: Number = fields.count(default=500, unit="falls of the rate")
    threshold_mode: str = fields.choice(default="abs", among=("rel", "abs"))
    smooth: bool = fields.choice(default=False, among=(True, False))
    longest_window: int | None = dataclasses.field(default=None, metadata={"static": True})

    def _check(self) -> None:
        window = checks.concrete(self.window_size)
        longest = None if window is None else int(window.max())
        if self.longest_window is None:
            if longest is None and self.smooth:
                raise ValueError("greedy: window_size is traced, so give longest_window, its largest value")
            object.__setattr__(self, "longest_window", longest)
        elif longest is not None and longest > whole_number("greedy: longest_window", self.longest_window):
            raise ValueError(
                f"greedy: window_size must be at most longest_window, not {longest} with {self.longest_window}"
            )

    def _start(self) -> GreedyJudged:
        zero = jnp.zeros((), jnp.int32)
        longest = self.longest_window
        window = Window.empty(longest, self._dtype) if self.smooth and longest is not None else None
        level = Level.unchanged(self._dtype)
        return GreedyJudged(self._worst(), zero, zero, zero, zero, jnp.asarray(self.reset_start), level, window)

    def _judge(self, judged: GreedyJudged, step: ArrayLike, metric: ArrayLike) -> GreedyJudged:
        window = judged.window
        if window is not None:
            metric, window = window.push(metric, self.window_size)
        cooling = judged.cooldown > 0
        warming = ~cooling & (judged.warmup > 0)
        looks = ~(cooling | warming)
        better = looks & self._better(metric, judged.best)
        good = jnp.where(better, judged.good + 1, 0)
        bad = jnp.where(looks & ~better, judged.bad + 1, 0)

        rises = good > self.patience
        falls = bad > self.patience
        scheduled = self.schedule(step)
        rate = judged.level.at(scheduled)
        higher = jnp.minimum(rate / self.factor, self.max_lr)
        lower = jnp.maximum(rate * self.factor, self.min_lr)
        level = judged.level.moved(rises & (higher - rate > self.eps), higher, scheduled)
        level = level.moved(falls & (rate - lower > self.eps), lower, scheduled)

        at_floor = falls & ~(level.at(scheduled) > self.min_lr)
        until_reset = jnp.where(rises, self.reset_start, judged.until_reset - at_floor)
        after = GreedyJudged(
            best=jnp.where(better, metric, judged.best),
            good=jnp.where(rises, 0, good),
            bad=jnp.where(falls, 0, bad),
            cooldown=jnp.maximum(judged.cooldown - 1, 0),
            warmup=jnp.where(rises, self.warmup, judged.warmup - warming),
            until_reset=until_reset,
            level=level,
            window=window,
        )
        resets = at_floor & (until_reset <= 0)
        kept: GreedyJudged = jax.tree.map(lambda new, old: jnp.where(resets, new, old), self._start(), after)
        return kept._replace(cooldown=jnp.where(falls, self.cooldown, kept.cooldown))
