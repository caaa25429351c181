"""Early stopping: transformers' `EarlyStoppingCallback` as a pytree, updated by each metric."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from optax_lr.arrays import Bool, Float, Num
from optax_lr.numerics import FLOAT64
from optax_lr.schedules import fields, flax, leaves
from optax_lr.schedules.base import schedule
from optax_lr.schedules.fields import Number
from optax_lr.training.base import as_metric


@schedule
class EarlyStopping:
    """Whether to stop, after `patience` metrics in a row that do not improve on the best by more than `threshold`.

    ```
    better:  metric < best and |metric - best| > threshold     (mode max: >); the first metric is better
    bad      = 0 if better, else bad + 1;  best = min(metric, best), whether better or not
    should_stop = should_stop or bad >= patience
    ```

    Fields:
        patience: at least 0; the number of metrics without improvement that stops the run.
        threshold: at least 0, absolute.
        mode: `"min"` for a loss, `"max"` for an accuracy.
        best, bad, seen, should_stop: its state; do not give them.

    Every number may be an array (a population, under `jax.vmap`) or traced. `best` changes with every better metric, however
    small the improvement: a slow descent in steps below `threshold` stops the run, as in the reference. A NaN is not better.

    Source: `transformers.EarlyStoppingCallback` with `Trainer._determine_best_metric`.

    >>> stopping = EarlyStopping(patience=3, threshold=0.01)
    >>> for loss in (1.0, 0.5, 0.495, 0.49, 0.485):
    ...     stopping = stopping.observe(loss)
    >>> bool(stopping.should_stop), float(stopping.best)
    (True, 0.48500001430511475)
    """

    patience: Number = fields.count(default=1, unit="metrics")
    threshold: Number = fields.number(default=0.0, least=0)
    mode: str = fields.choice(default="min", among=("min", "max"))
    best: Any = dataclasses.field(default=None, kw_only=True)  # all arrays [*batch]
    bad: Any = dataclasses.field(default=None, kw_only=True)
    seen: Any = dataclasses.field(default=None, kw_only=True)
    should_stop: Any = dataclasses.field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        flax.register()
        fields.canonicalise(self)
        if self.best is None:
            shape, worst = leaves.shape_of((self.patience, self.threshold)), np.inf if self.mode == "min" else -np.inf
            self.__dict__.update(
                best=jnp.full(shape, worst, jnp.result_type(self.threshold)),
                bad=jnp.zeros(shape, jnp.int32),
                seen=jnp.zeros(shape, bool),
                should_stop=jnp.zeros(shape, bool),
            )

    def observe(self, metric: Num[ArrayLike, ""]) -> EarlyStopping:
        """The state after one more metric, one number; may be traced."""
        if jnp.ndim(self.best):
            raise ValueError(
                "EarlyStopping: this is a population; use jax.vmap(lambda each, metric: each.observe(metric))"
            )
        metric = as_metric("EarlyStopping", metric, self.best.dtype)
        improves = metric < self.best if self.mode == "min" else metric > self.best
        better = ~self.seen | (improves & self._by_more_than_threshold(metric))
        bad = jnp.where(better, 0, self.bad + 1)
        after = copy.copy(self)  # settings are not checked again, and keep all their digits
        after.__dict__.update(
            best=jnp.where(improves, metric, self.best),
            bad=bad,
            seen=jnp.ones_like(self.seen),
            should_stop=self.should_stop | (bad >= self.patience),
        )
        return after

    def _by_more_than_threshold(self, metric: Float[jax.Array, ""]) -> Bool[jax.Array, ""]:
        with jax.enable_x64(True):  # in float64, like the reference
            metric, best = (jnp.asarray(x).astype(jnp.float64) for x in (metric, self.best))
            threshold = FLOAT64.joined(self.threshold, getattr(self, "_low_parts", {}).get("threshold"))
            return jnp.asarray(jnp.abs(metric - best) > threshold)

    def __repr__(self) -> str:
        shown = ", ".join(f"{f.name}={fields.field_text(getattr(self, f.name))}" for f in dataclasses.fields(self))
        return f"EarlyStopping({shown})"
