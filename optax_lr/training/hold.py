"""A schedule until a metric stops improving, and from then on a lower, constant rate."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from optax_lr.schedules import fields
from optax_lr.schedules.base import schedule
from optax_lr.schedules.fields import Number
from optax_lr.training.base import Control
from optax_lr.training.state import exported


@exported
class HoldJudged(NamedTuple):
    """The judged part of the metric state of `hold_on_plateau`, and the held rate once `holds` is true."""

    best: jax.Array
    bad: jax.Array
    holds: jax.Array
    held: jax.Array


@schedule
class hold_on_plateau(Control):  # noqa: N801 - used as a function, as Optax's transformations are
    """`schedule` while the metric improves; afterwards its rate at that moment times `factor`, for the rest of the run.

    ```
    better:  metric < best * (1 - threshold)     (abs: best - threshold; mode max: >, +)
    bad      = 0 if better, else bad + 1;  best = metric if better
    bad > patience, for the first time:  held = max(rate * factor, min(rate, min_lr)), and the rate is `held` from then on
    ```

    Fields:
        schedule: the schedule while the metric improves, often a `Cosine`.
        factor: from 0 to 1; with 1 the rate is only held.
        patience: the number of metrics without improvement before the rate is held by the next one.
        threshold: the smallest improvement over the best; below 0, a tolerance.
        min_lr: absolute floor of the held rate, at least 0; it does not raise a rate that is below it.
        accumulation_size, start_step, mode, threshold_mode: those of `reduce_on_plateau`.

    Every number may be an array (a population) or traced. A NaN is not better. The metric is given as for
    `reduce_on_plateau`.

    Source: the practitioner's rule "continue the cosine while the validation loss improves; when it stops, multiply the
    rate by 0.5 and hold it". Metrics are compared as in `torch.optim.lr_scheduler.ReduceLROnPlateau`.

    >>> control = hold_on_plateau(Cosine(1e-3, max_steps=100))
    >>> optimizer = inject_schedules(optax.sgd)(learning_rate=control)
    >>> state = optimizer.init({"w": jnp.zeros(3)})
    >>> for step in range(60):
    ...     if step in (0, 25, 50):
    ...         state = observe(state, {0: 1.0, 25: 0.8, 50: 0.9}[step])
    ...     updates, state = optimizer.update({"w": jnp.ones(3)}, state)
    >>> print(f"{optax.tree.get(state, 'learning_rate'):.4g}")  # half of the cosine's rate at step 50
    0.00025
    """

    _: dataclasses.KW_ONLY
    factor: Number = fields.number(default=0.5, least=0, most=1)
    patience: Number = fields.count(default=0, unit="metrics")
    min_lr: Number = fields.rate(default=0.0)

    def _start(self) -> HoldJudged:
        return HoldJudged(self._worst(), jnp.zeros((), jnp.int32), jnp.zeros((), bool), jnp.zeros((), self._dtype))

    def _rate(self, judged: HoldJudged, step: ArrayLike) -> jax.Array:
        return jnp.where(judged.holds, judged.held, self.schedule(step))

    def _judge(self, judged: HoldJudged, step: ArrayLike, metric: ArrayLike) -> HoldJudged:
        better = self._better(metric, judged.best)
        bad = jnp.where(better, 0, judged.bad + 1)
        rate = self._rate(judged, step)
        lower = jnp.maximum(rate * self.factor, jnp.minimum(rate, self.min_lr))
        return HoldJudged(
            best=jnp.where(better, metric, judged.best),
            bad=bad,
            holds=judged.holds | (bad > self.patience),
            held=jnp.where(judged.holds, judged.held, lower),
        )
