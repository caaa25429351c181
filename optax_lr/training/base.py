"""What a control is: a schedule whose rate also follows a metric, by a memory of the metrics that it was given."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from optax_lr.arguments import shown, unquoted
from optax_lr.numerics import Real, System
from optax_lr.schedules.base import Schedule
from optax_lr.schedules.fields import Number


class Control(Schedule):
    """A schedule that also follows a metric: the base of `reduce_on_plateau`, `hold_on_plateau` and `greedy`.

    Its settings are leaves, like those of any schedule. What it has seen is its memory, a NamedTuple apart from it, so that
    another setting can be put into a running state. It is carried in an optimizer (`carried`, `scale_by_learning_rate`),
    whose state holds both; without one it is three functions:

    - `control.memory()`: the memory before the first metric;
    - `control.observe(memory, step, metric)`: the memory after one more, `step` updates into the run;
    - `control.rate(memory, step)`: the rate of the update after `step` updates.
    """

    schedule: Schedule
    threshold: Number
    mode: str
    threshold_mode: str
    strict: bool

    @property
    def end(self) -> Real:
        return self.schedule.end

    def memory(self) -> Any:
        """The memory before the first metric."""
        raise NotImplementedError

    def observe(self, memory: Any, step: ArrayLike, metric: ArrayLike) -> Any:
        """The memory after one more metric, `step` updates into the run."""
        raise NotImplementedError

    def rate(self, memory: Any, step: ArrayLike) -> jax.Array:
        """The rate of the update after `step` updates."""
        raise NotImplementedError

    def _value(self, step: Real, num: System) -> Real:
        raise TypeError(
            f"{type(self).__name__} follows a metric, so it is no function of the step alone: carry it in an optimizer, "
            "olr.carried(optax.adamw, control), and put other schedules inside of it, not around it"
        )

    def _worst(self) -> jax.Array:
        """The metric that any other is better than."""
        return jnp.asarray(jnp.inf if self.mode == "min" else -jnp.inf, self._dtype)

    @property
    def _dtype(self) -> np.dtype:
        return np.dtype(jnp.result_type(self.threshold))

    def _better(self, metric: ArrayLike, best: jax.Array) -> Any:
        """Whether `metric` is better than `best` by the threshold, in the reference's own order of operations."""
        relative = self.threshold_mode == "rel"
        if self.mode == "min":
            return metric < (best * (1 - self.threshold) if relative else best - self.threshold)
        return metric > (best * (1 + self.threshold) if relative else best + self.threshold)


class Level(NamedTuple):
    """Where a control has put the rate: at `rate` when the schedule stood at `origin`, and in proportion ever since.

    Two numbers and not their ratio, so that over a constant schedule the rate is what repeated multiplication gives, to
    the last bit.
    """

    rate: jax.Array
    origin: jax.Array

    @classmethod
    def unchanged(cls, dtype: np.dtype) -> Level:
        return cls(jnp.ones((), dtype), jnp.ones((), dtype))

    def at(self, scheduled: jax.Array | np.floating) -> jax.Array:
        """The rate where the schedule stands at `scheduled`."""
        # A schedule that restarts from nearly 0 must not make an infinity of the ratio, which a rate of 0 would turn to NaN.
        ratio = jnp.minimum(scheduled / self.origin, jnp.finfo(self.rate.dtype).max)
        return self.rate * ratio

    def moved(self, when: jax.Array, rate: jax.Array, scheduled: jax.Array | np.floating) -> Level:
        """This level, or where `when` holds the one that puts the rate at `rate` now."""
        return Level(jnp.where(when, rate, self.rate), jnp.where(when, scheduled, self.origin))


def as_metric(where: str, value: Any, dtype: Any) -> jax.Array:
    """`value` as one number of `dtype`; NaN and infinities are metrics like others."""
    if value is None:
        raise TypeError(f"{where} needs a metric, a number such as the validation loss, not None")
    array = value if isinstance(value, jax.Array) else np.asarray(value)
    if not (jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)):
        raise TypeError(f"{where}: the metric must be a number, not {shown(value)}{unquoted(value)}")
    if array.shape:
        raise ValueError(
            f"{where}: the metric must be one number, not of shape {array.shape}: give its mean, or for a population of "
            "states use jax.vmap"
        )
    with np.errstate(over="ignore"):
        return jnp.asarray(array, dtype)
