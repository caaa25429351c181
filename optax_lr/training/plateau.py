"""Lower the rate when a metric stops improving: torch's `ReduceLROnPlateau` over any schedule."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from optax_lr.schedules import fields
from optax_lr.schedules.base import schedule
from optax_lr.schedules.fields import Number
from optax_lr.training.base import Control, Level
from optax_lr.training.state import exported


@exported
class PlateauJudged(NamedTuple):
    """The judged part of the metric state of `reduce_on_plateau`; `cooldown` counts down its metrics."""

    best: jax.Array
    bad: jax.Array
    cooldown: jax.Array
    level: Level


@schedule
class reduce_on_plateau(Control):  # noqa: N801 - used as a function, as Optax's transformations are
    """`schedule`, multiplied by `factor` each time the metric has not improved for more than `patience` metrics.

    ```
    better:   metric < best * (1 - threshold)     (abs: best - threshold; mode max: >, +)
    bad       = 0 if better or in the cooldown, else bad + 1;  best = metric if better
    bad > patience:  new = max(rate * factor, min_lr); taken if rate - new > eps; then `cooldown` metrics count as not bad
    ```

    Fields:
        schedule: the schedule between reductions; `Constant(learning_rate)` is torch's own case.
        factor: from 0, below 1.
        patience: the number of metrics without improvement before the next one reduces the rate.
        threshold: the smallest improvement over the best; below 0, a tolerance.
        cooldown: the number of metrics after a reduction that do not count as bad.
        min_lr: absolute floor of a reduction, at least 0. The schedule itself may go lower.
        eps: reductions up to this size are not made; at least 0.
        accumulation_size: the number of metrics whose mean counts as one metric, for a noisy loss; at least 1.
        start_step: metrics before this step are ignored, such as those of a warmup.
        mode: `"min"` for a loss, `"max"` for an accuracy.
        threshold_mode: `"rel"` to the best, or `"abs"`. Use `abs` for a metric below 0: there `rel` accepts a metric that is
            slightly worse than the best, so that a constant metric counts as better and the rate is never reduced.

    Every number may be an array (a population) or traced. A NaN is not better. After a reduction the rate stays in
    proportion to the schedule; at the reduction it is exactly `new`.

    The metric comes from `update(..., value=metric)` or, between updates, from `olr.observe(state, metric)`. An update
    without a metric, or with `value=None`, changes nothing. It is an `optax.schedules.StatefulSchedule`, so
    `optax.inject_hyperparams` takes it too.

    Source: `torch.optim.lr_scheduler.ReduceLROnPlateau`, `reduce_lr_on_plateau` in `transformers`.

    >>> control = reduce_on_plateau(Constant(1e-3), factor=0.5, patience=2)
    >>> optimizer = inject_schedules(optax.sgd)(learning_rate=control)
    >>> state = optimizer.init({"w": jnp.zeros(3)})
    >>> for loss in (1.0, 0.9, 0.9, 0.9, 0.9):
    ...     state = observe(state, loss)
    >>> updates, state = optimizer.update({"w": jnp.ones(3)}, state)
    >>> print(f"{optax.tree.get(state, 'learning_rate'):.4g}")
    0.0005
    """

    _: dataclasses.KW_ONLY
    factor: Number = fields.number(default=0.1, least=0, below=1)
    patience: Number = fields.count(default=10, unit="metrics")
    cooldown: Number = fields.count(default=0, unit="metrics")
    min_lr: Number = fields.rate(default=0.0)
    eps: Number = fields.number(default=1e-8, least=0)

    def _start(self) -> PlateauJudged:
        zero = jnp.zeros((), jnp.int32)
        return PlateauJudged(self._worst(), zero, zero, Level.unchanged(self._dtype))

    def _judge(self, judged: PlateauJudged, step: ArrayLike, metric: ArrayLike) -> PlateauJudged:
        better = self._better(metric, judged.best)
        bad = jnp.where(better | (judged.cooldown > 0), 0, judged.bad + 1)
        due = bad > self.patience
        scheduled = self.schedule(step)
        rate = judged.level.at(scheduled)
        lower = jnp.maximum(rate * self.factor, self.min_lr)
        return PlateauJudged(
            best=jnp.where(better, metric, judged.best),
            bad=jnp.where(due, 0, bad),
            cooldown=jnp.where(due, self.cooldown, jnp.maximum(judged.cooldown - 1, 0)),
            level=judged.level.moved(due & (rate - lower > self.eps), lower, scheduled),
        )
