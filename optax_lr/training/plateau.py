"""Lower rates where a metric has stopped improving: torch's `ReduceLROnPlateau` over any schedule."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from optax_lr.schedules import fields
from optax_lr.schedules.base import Schedule, schedule
from optax_lr.schedules.fields import Number
from optax_lr.training.base import Control, Level


class PlateauMemory(NamedTuple):
    """What `reduce_on_plateau` has seen; `cooldown` is how much of it is left."""

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
        schedule: what is followed between reductions; `Constant(learning_rate)` is torch's own case.
        factor: from 0, below 1.
        patience: metrics without improvement that are borne; the next one reduces.
        threshold: how much better than the best is better; below 0, how much worse still is.
        cooldown: metrics after a reduction that do not count as bad.
        min_lr: absolute floor of a reduction, at least 0. The schedule itself may go lower.
        eps: a reduction by no more than this is not made, at least 0.
        mode: `"min"` for a loss, `"max"` for an accuracy.
        threshold_mode: `"rel"` to the best, or `"abs"`. For a metric below 0 take `abs`: there `rel` asks for what is worse than
            the best by a share, so that the same metric again counts as better and nothing is ever reduced.
        strict: whether each update must say its metric, as `value=...` or `value=None`; False for a loop that cannot, and
            gives its metrics between updates (`olr.observe`).

    Every number may be an array (a population) or traced. A NaN is not better. From a reduction on the rate is in
    proportion to the schedule: at the reduction it is exactly `new`.

    Source: `torch.optim.lr_scheduler.ReduceLROnPlateau`, `reduce_lr_on_plateau` in `transformers`.

    >>> control = reduce_on_plateau(Constant(1e-3), factor=0.5, patience=2, strict=False)
    >>> optimizer = carried(optax.sgd, control)
    >>> state = optimizer.init({"w": jnp.zeros(3)})
    >>> for loss in (1.0, 0.9, 0.9, 0.9, 0.9):
    ...     state = observe(state, loss)
    >>> updates, state = optimizer.update({"w": jnp.ones(3)}, state)
    >>> print(f"{optax.tree.get(state, 'learning_rate'):.4g}")
    0.0005
    """

    schedule: Schedule = fields.inner()
    _: dataclasses.KW_ONLY
    factor: Number = fields.number(default=0.1, least=0, below=1)
    patience: Number = fields.count(default=10, unit="metrics")
    threshold: Number = fields.number(default=1e-4)
    cooldown: Number = fields.count(default=0, unit="metrics")
    min_lr: Number = fields.rate(default=0.0)
    eps: Number = fields.number(default=1e-8, least=0)
    mode: str = fields.choice(default="min", among=("min", "max"))
    threshold_mode: str = fields.choice(default="rel", among=("rel", "abs"))
    strict: bool = fields.choice(default=True, among=(True, False))

    def memory(self) -> PlateauMemory:
        zero = jnp.zeros((), jnp.int32)
        return PlateauMemory(self._worst(), zero, zero, Level.unchanged(self._dtype))

    def rate(self, memory: PlateauMemory, step: ArrayLike) -> jax.Array:
        return memory.level.at(self.schedule(step))

    def observe(self, memory: PlateauMemory, step: ArrayLike, metric: ArrayLike) -> PlateauMemory:
        better = self._better(metric, memory.best)
        bad = jnp.where(better | (memory.cooldown > 0), 0, memory.bad + 1)
        due = bad > self.patience
        scheduled = self.schedule(step)
        rate = memory.level.at(scheduled)
        lower = jnp.maximum(rate * self.factor, self.min_lr)
        return PlateauMemory(
            best=jnp.where(better, metric, memory.best),
            bad=jnp.where(due, 0, bad),
            cooldown=jnp.where(due, self.cooldown, jnp.maximum(memory.cooldown - 1, 0)),
            level=memory.level.moved(due & (rate - lower > self.eps), lower, scheduled),
        )
