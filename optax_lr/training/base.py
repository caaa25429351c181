"""Controls: schedules whose rate also follows a metric."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike, DTypeLike

from optax_lr.arrays import Bool, Float, Int32, Num, PyTree
from optax_lr.numerics import FLOAT64, Real, System
from optax_lr.schedules import fields
from optax_lr.schedules.base import Schedule, schedule
from optax_lr.schedules.checks import LARGEST_STEP, as_array
from optax_lr.schedules.fields import Number
from optax_lr.training.state import exported, owned


@exported
class MetricState(NamedTuple):
    """The metrics that a control has seen.

    Fields:
        total: sum of the metrics of the current group of `accumulation_size`.
        number: how many of them there are.
        judged: the result of the earlier groups, a NamedTuple of the control.
    """

    total: Float[jax.Array, "..."]
    number: Int32[jax.Array, "..."]
    judged: PyTree


@exported
class ControlState(NamedTuple):
    """The state of a control as an `optax.schedules.StatefulSchedule`.

    Fields:
        count: updates made so far, int32.
        position: the position given to the last update, float32; -1 if none was given and `count` is the position.
        metric_state: the metrics that the control has seen.
    """

    count: Int32[jax.Array, "..."]  # type: ignore[assignment]  # in place of tuple.count
    position: Float[jax.Array, "..."]
    metric_state: MetricState


@schedule
class Control(Schedule):
    """A schedule that also follows a metric: the base of `reduce_on_plateau`, `hold_on_plateau` and `greedy`.

    Its settings are leaves, as in every schedule. The metrics that it has seen are separate, in a `MetricState`, so that the
    settings of a running state can be replaced. Three pure functions define it:

    - `control.metric_state()`: the state before the first metric;
    - `control.observe(metric_state, step, metric)`: the state after one more metric, after `step` updates;
    - `control.rate(metric_state, step)`: the rate of the update after `step` updates.

    `init`, `update` and `__call__` make it an `optax.schedules.StatefulSchedule`, so that `optax.inject_hyperparams` accepts it.
    The metric is the `value` of the update; an update without one changes nothing.
    """

    schedule: Schedule = fields.inner()
    _: dataclasses.KW_ONLY
    threshold: Number = fields.number(default=1e-4)
    accumulation_size: Number = fields.count(default=1, unit="metrics", least=1)
    start_step: Number = fields.count(default=0)
    mode: str = fields.choice(default="min", among=("min", "max"))
    threshold_mode: str = fields.choice(default="rel", among=("rel", "abs"))

    def metric_state(self) -> MetricState:
        """The metric state before the first metric."""
        zero = jnp.zeros((), self._dtype)
        return owned(MetricState(zero, jnp.zeros((), jnp.int32), self._start()), apart_from=self)

    def observe(
        self, metric_state: MetricState, step: Num[ArrayLike, "*#batch"], metric: Num[ArrayLike, "*#batch"]
    ) -> MetricState:
        """The metric state after one more metric, after `step` updates."""
        counts = jnp.asarray(step) >= self.start_step
        total, number = metric_state.total + metric, metric_state.number + 1
        complete = counts & (number >= self.accumulation_size)
        judged = self._judge(metric_state.judged, step, total / number)
        return MetricState(
            total=jnp.where(counts, jnp.where(complete, 0, total), metric_state.total),
            number=jnp.where(counts, jnp.where(complete, 0, number), metric_state.number),
            judged=jax.tree.map(lambda new, old: jnp.where(complete, new, old), judged, metric_state.judged),
        )

    def rate(self, metric_state: MetricState, step: Num[ArrayLike, "*#batch"]) -> Float[jax.Array, "*batch"]:
        """The rate of the update after `step` updates."""
        return self._rate(metric_state.judged, step)

    def _start(self) -> PyTree:
        """The judged part of the metric state before the first metric."""
        raise NotImplementedError

    def _judge(self, judged: PyTree, step: ArrayLike, metric: ArrayLike) -> PyTree:
        """The judged part after one more mean of `accumulation_size` metrics."""
        raise NotImplementedError

    def _rate(self, judged: PyTree, step: ArrayLike) -> jax.Array:
        """The rate after the last change, which is the `level` of the judged part."""
        rate: jax.Array = judged.level.at(self.schedule(step))
        return rate

    # An optax.StatefulSchedule

    def init(self) -> ControlState:
        """The state before the first update."""
        count = jnp.zeros((), jnp.int32)
        return ControlState(count, no_position(count), self.metric_state())

    def update(
        self, state: ControlState, *, value: object = None, position: object = None, **extra: object
    ) -> ControlState:
        """The state after an update with the metric `value`, or None without a metric."""
        del extra
        step, kept = step_of(state.count, position)
        metric_state = self.with_metric(state.metric_state, step, value)
        return ControlState(optax.safe_increment(state.count), kept, metric_state)

    def __call__(  # type: ignore[override]
        self, state: object, *, value: object = None, position: object = None, **extra: object
    ) -> Float[jax.Array, ""]:
        """The rate of an update with the metric `value`: the metric is observed first."""
        del extra
        if not isinstance(state, ControlState):
            raise TypeError(self._no_function())
        step, _ = step_of(state.count, position)
        return self.rate(self.with_metric(state.metric_state, step, value), step)

    def with_metric(self, metric_state: MetricState, step: ArrayLike, value: object) -> MetricState:
        """The metric state after the metric `value`, checked; unchanged for None."""
        if value is None:
            return metric_state
        return self.observe(metric_state, step, as_metric(type(self).__name__, value, self._dtype))

    def _value(self, step: Real, num: System) -> Real:
        raise TypeError(self._no_function())

    def _no_function(self) -> str:
        return (
            f"{type(self).__name__} follows a metric, so it is not a function of the step alone: put it into an optimizer "
            "with olr.inject_schedules(optax.adamw)(learning_rate=control), and put other schedules inside it, not around it"
        )

    def _worst(self) -> jax.Array:
        """The worst metric: every other one is better."""
        return jnp.asarray(jnp.inf if self.mode == "min" else -jnp.inf, self._dtype)

    @property
    def _dtype(self) -> np.dtype:
        return np.dtype(jnp.result_type(float))

    def _better(
        self, metric: Num[ArrayLike, "*#batch"], best: Float[jax.Array, "*#batch"]
    ) -> Bool[jax.Array, "*batch"]:
        """Whether `metric` is better than `best` by the threshold: in float64 and in the reference's order of operations."""
        low = self._lows.get("threshold")
        with jax.enable_x64(True):
            metric, best = (jnp.asarray(x).astype(jnp.float64) for x in (metric, best))
            threshold = FLOAT64.joined(self.threshold, low)
            relative = self.threshold_mode == "rel"
            better: jax.Array
            if self.mode == "min":
                better = metric < (best * (1 - threshold) if relative else best - threshold)
            else:
                better = metric > (best * (1 + threshold) if relative else best + threshold)
            return better


@exported
class Level(NamedTuple):
    """The last change of the rate: `rate` while the schedule was at `origin`; from then on in proportion to the schedule.

    These are two numbers and not a ratio, so that over a constant schedule the rate is bit for bit that of repeated products.
    """

    rate: Float[jax.Array, "..."]
    origin: Float[jax.Array, "..."]

    @classmethod
    def unchanged(cls, dtype: np.dtype) -> Level:
        return cls(jnp.ones((), dtype), jnp.ones((), dtype))

    def at(self, scheduled: jax.Array | np.floating) -> jax.Array:
        """The rate while the schedule is at `scheduled`."""
        # A schedule that restarts near 0 must not make the ratio infinite: its product with a rate of 0 would be NaN.
        ratio = jnp.minimum(scheduled / self.origin, jnp.finfo(self.rate.dtype).max)
        return self.rate * ratio

    def moved(self, when: jax.Array, rate: jax.Array, scheduled: jax.Array | np.floating) -> Level:
        """This level, or if `when` holds, the level that sets the rate to `rate` now."""
        return Level(jnp.where(when, rate, self.rate), jnp.where(when, scheduled, self.origin))


def step_of(count: jax.Array, position: object) -> tuple[jax.Array, jax.Array]:
    """The step at which to evaluate, and the position to store in a state (-1 if none was given)."""
    if position is None:
        return count, no_position(count)
    step = as_position("update(..., position=...)", position)
    return step, jnp.maximum(step.astype(jnp.float32), 0)


def no_position(count: jax.Array) -> jax.Array:
    """The position in a state where `count` is the position. It is not NaN, at which `jax_debug_nans` stops."""
    return jnp.full(jnp.shape(count), -1, jnp.float32)


def as_position(where: str, position: object) -> Num[jax.Array, ""]:
    """`position` as one int32 or float number."""
    array = _one_number(where, "position", position, "use jax.vmap")
    if isinstance(array, np.ndarray):
        if not np.isfinite(array) or array < 0:
            raise ValueError(f"{where}: the position must be finite and at least 0, not {array}")
        if array.dtype.kind in "iu" and array > LARGEST_STEP:
            array = array.astype(np.float64)
    if jnp.issubdtype(array.dtype, jnp.integer):
        if isinstance(array, jax.Array) and jnp.iinfo(array.dtype).max > LARGEST_STEP:
            array = jnp.minimum(array, LARGEST_STEP)  # a conversion would wrap around
        return jnp.asarray(array, jnp.int32)
    return jnp.asarray(array, jnp.promote_types(jnp.result_type(array), jnp.float32))


def as_metric(where: str, value: object, dtype: DTypeLike) -> Float[jax.Array, ""]:
    """`value` as one number of `dtype`; NaN and infinities are allowed."""
    array = _one_number(where, "metric", value, "give its mean, or for a population of states use jax.vmap")
    with np.errstate(over="ignore"):
        return jnp.asarray(array, dtype)


def _one_number(where: str, what: str, value: object, instead: str) -> jax.Array | np.ndarray:
    array = as_array(f"{where}: the {what}", value, "a number")
    if array.shape:
        raise ValueError(f"{where}: the {what} must be one number, not of shape {array.shape}; {instead}")
    return array
