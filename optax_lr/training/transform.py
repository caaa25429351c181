"""A schedule as data: carried in the state of an optimizer, where it is read, exchanged and saved."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import optax

from optax_lr.arguments import shown, unknown
from optax_lr.schedules.base import Schedule
from optax_lr.training.base import Control, as_metric

_MISSING: Any = object()


class ScheduleState(NamedTuple):
    """What an optimizer knows of the schedule that it carries.

    Fields:
        count: updates made so far, int32.
        schedule: the schedule, or the control.
        learning_rate: the rate of the last update; at the start, and after `observe` and `set_schedule`, of the next.
        memory: what a control has seen; None for a schedule.
    """

    count: jax.Array  # type: ignore[assignment]  # in place of tuple.count
    schedule: Schedule
    learning_rate: jax.Array
    memory: Any


class CarriedState(NamedTuple):
    """The state of an optimizer that `carried` makes: its schedule's, and that of the optimizer itself."""

    schedule_state: ScheduleState
    inner_state: Any


def scale_by_learning_rate(schedule: Schedule, *, flip_sign: bool = True) -> optax.GradientTransformationExtraArgs:
    """The last link of an `optax.chain`: updates times the rate, downhill, with the schedule in the state.

    ```
    update k (from 1) = -schedule(k - 1) * gradient
    ```

    The state is a `ScheduleState`: `optax.tree.get(state, "learning_rate")` is the rate of the last update, and the
    schedule is data, so that a compiled train step serves every schedule of a kind (`set_schedule`) and a checkpoint holds
    it. Updates keep their dtype; the product is made in float32 at least.

    Args:
        schedule: a single schedule or control (a batch of n is a population: `jax.vmap`); any numbers in it may be traced.
        flip_sign: False to go uphill.

    A control takes its metric from `update(..., value=metric)`, before the rate of that update is made, or from `observe`.

    Errors: `TypeError` for what is no schedule of this library, and for an update without the metric that a control waits
    for; `ValueError` for a batch, and for a metric that is not one number.

    Source: `optax.scale_by_learning_rate`, which keeps the schedule in a closure.

    >>> optimizer = optax.chain(optax.scale_by_adam(), scale_by_learning_rate(Linear(1e-3, max_steps=10)))
    >>> state = optimizer.init({"w": jnp.zeros(3)})
    >>> for _ in range(3):
    ...     updates, state = optimizer.update({"w": jnp.ones(3)}, state)
    >>> print(f"{optax.tree.get(state, 'learning_rate'):.4g}")
    0.0008
    """
    _require_one_schedule("scale_by_learning_rate", schedule)

    def init(params: Any) -> ScheduleState:
        del params
        return _begin(schedule)

    def update(
        updates: Any, state: ScheduleState, params: Any = None, *, value: Any = _MISSING, **extra: Any
    ) -> tuple[Any, ScheduleState]:
        del params, extra
        state = _advance(state, value)
        rate = state.learning_rate if not flip_sign else -state.learning_rate

        def scaled(gradient: jax.Array) -> jax.Array:
            exact = jnp.promote_types(gradient.dtype, rate.dtype)
            return (rate * gradient.astype(exact)).astype(gradient.dtype)

        return jax.tree.map(scaled, updates), state

    return optax.GradientTransformationExtraArgs(init, update)


def carried(
    optimizer: Callable[..., optax.GradientTransformation], schedule: Schedule, **settings: Any
) -> optax.GradientTransformationExtraArgs:
    """`optimizer(learning_rate=schedule, **settings)`, with the schedule in the state and not in the compiled program.

    The optimizer is made anew in each update with the rate of that update, a traced number, so that the rate stands
    wherever the optimizer has it: AdamW's decay follows it, Adafactor's does not.

    Args:
        optimizer: what makes an optimizer of a `learning_rate`: `optax.adamw`, `sgd`, `lion`, `adafactor`, `muon`, ...
        schedule: as for `scale_by_learning_rate`, and so are the state, the metric and the errors.
        settings: its other arguments; schedules among them (a `weight_decay`) stay in the closure.

    Errors: also `TypeError` for an optimizer that is made already, that has no `learning_rate`, or that looks at it only
    once (`optax.rprop`).

    Source: `optax.inject_hyperparams`, which holds the value of a schedule but not the schedule.

    >>> optimizer = carried(optax.adamw, Cosine(1e-3, max_steps=100), weight_decay=0.1)
    >>> params = {"w": jnp.ones(3)}
    >>> state = optimizer.init(params)
    >>> updates, state = optimizer.update({"w": jnp.ones(3)}, state, params)
    >>> state = set_schedule(state, Cosine(5e-4, max_steps=100))  # compiles nothing again
    >>> print(f"{optax.tree.get(state, 'learning_rate'):.4g}")
    0.0004999
    """
    _require_one_schedule("carried", schedule)
    _require_factory(optimizer, settings)
    if "learning_rate" in settings:
        raise TypeError("carried(): the schedule is the learning rate; take learning_rate out")

    def built(rate: jax.Array) -> optax.GradientTransformationExtraArgs:
        return optax.with_extra_args_support(optimizer(learning_rate=rate, **settings))

    def init(params: Any) -> CarriedState:
        state = _begin(schedule)
        return CarriedState(state, built(state.learning_rate).init(params))

    def update(
        updates: Any, state: CarriedState, params: Any = None, *, value: Any = _MISSING, **extra: Any
    ) -> tuple[Any, CarriedState]:
        carrier = _advance(state.schedule_state, value)
        if value is not _MISSING:
            extra["value"] = value
        made, inner = built(carrier.learning_rate).update(updates, state.inner_state, params, **extra)
        # The rate is float32 or wider: a lower precision of the updates or of the state must not grow by it.
        return _in_dtypes_of(updates, made), CarriedState(carrier, _in_dtypes_of(state.inner_state, inner))

    return optax.GradientTransformationExtraArgs(init, update)


def observe(state: Any, metric: Any) -> Any:
    """The optimizer's state after one more metric; every control in it learns of it.

    Args:
        state: of an optimizer with a control, however deep in it; also a `TrainState`, or anything else that holds it.
        metric: one number, such as the validation loss; may be traced. NaN and infinities count as the control says.

    For a population `jax.vmap(observe)(states, metrics)`; inside `jit`, on some steps only, with `jax.lax.cond`.

    Errors: `TypeError` where no control is in the state, or the metric is no number; `ValueError` for a metric of another
    shape.

    >>> optimizer = carried(optax.sgd, reduce_on_plateau(Constant(1e-3), factor=0.5, patience=0, strict=False))
    >>> state = optimizer.init({"w": jnp.zeros(3)})
    >>> state = observe(observe(state, 1.0), 1.0)
    >>> print(f"{optax.tree.get(state, 'learning_rate'):.4g}")
    0.0005
    """
    controls = [part for part in _carriers(state) if isinstance(part.schedule, Control)]
    if not controls:
        raise TypeError("observe(): no control is in this state; make one with olr.reduce_on_plateau and olr.carried")
    return _map_carriers(lambda part: _observed(part, metric) if isinstance(part.schedule, Control) else part, state)


def set_schedule(state: Any, schedule: Schedule) -> Any:
    """The optimizer's state with another schedule; its count goes on.

    A schedule of the same kind compiles nothing again. A control of the same kind keeps what it has seen; one of another
    kind begins anew.

    Args:
        state: of an optimizer that carries one schedule, however deep in it; also a `TrainState`.
        schedule: as for `scale_by_learning_rate`.

    Errors: `ValueError` where the state carries no schedule, or several (groups of parameters: set each in its own part).

    >>> optimizer = carried(optax.sgd, Cosine(1e-3, max_steps=100))
    >>> state = set_schedule(optimizer.init({"w": jnp.zeros(3)}), Cosine(1e-4, max_steps=100))
    >>> print(f"{optax.tree.get(state, 'learning_rate'):.4g}")
    0.0001
    """
    _require_one_schedule("set_schedule", schedule)
    if (number := len(_carriers(state))) != 1:
        raise ValueError(
            f"set_schedule(): the state carries {number} schedules, not one; "
            + ("set each group's in its own part of the state" if number else "build it with olr.carried")
        )

    def exchanged(part: ScheduleState) -> ScheduleState:
        leaves, memory = _leaves_and_memory(schedule)
        before: Any = jax.tree.structure(part.memory)
        if type(schedule) is type(part.schedule) and before == jax.tree.structure(memory):
            memory = part.memory
        return ScheduleState(part.count, leaves, _rate(schedule, memory, part.count), memory)

    return _map_carriers(exchanged, state)


def _leaves_and_memory(schedule: Schedule) -> tuple[Schedule, Any]:
    return jax.tree.map(jnp.asarray, schedule), schedule.memory() if isinstance(schedule, Control) else None


def _begin(schedule: Schedule) -> ScheduleState:
    count = jnp.zeros((), jnp.int32)
    leaves, memory = _leaves_and_memory(schedule)
    return ScheduleState(count, leaves, _rate(schedule, memory, count), memory)


def _rate(schedule: Schedule, memory: Any, count: jax.Array) -> jax.Array:
    return schedule.rate(memory, count) if isinstance(schedule, Control) else schedule(count)


def _advance(state: ScheduleState, value: Any) -> ScheduleState:
    """The state after one more update, which is at the state's rate."""
    schedule = state.schedule
    if isinstance(schedule, Control):
        if value is _MISSING and schedule.strict:
            name = type(schedule).__name__
            raise TypeError(
                f"{name} waits for a metric: pass it to update as value=..., and value=None where there is none; or make "
                "the control with strict=False and give it metrics by olr.observe(state, metric)"
            )
        if value is not _MISSING and value is not None:
            state = _observed(state, value)
    rate = _rate(schedule, state.memory, state.count)
    return ScheduleState(optax.safe_increment(state.count), schedule, rate, state.memory)


def _observed(state: ScheduleState, metric: Any) -> ScheduleState:
    control = cast("Control", state.schedule)
    metric = as_metric(type(control).__name__, metric, control._dtype)
    if control.batch_shape or state.count.shape:
        raise ValueError(f"{type(control).__name__}: this state holds a population; use jax.vmap(olr.observe)")
    memory = control.observe(state.memory, state.count, metric)
    return state._replace(memory=memory, learning_rate=_rate(control, memory, state.count))


def is_carrier(node: Any) -> bool:
    """Whether this node of a tree is where an optimizer carries its schedule."""
    return isinstance(node, ScheduleState)


def _carriers(state: Any) -> list[ScheduleState]:
    found = [node for node in jax.tree.leaves(state, is_leaf=is_carrier) if is_carrier(node)]
    if any(hasattr(node.count, "get_value") for node in found):
        raise TypeError(
            "this state holds the variables of an nnx.Optimizer: take state = nnx.as_pure(optimizer.opt_state), and put "
            "the result back with nnx.update(optimizer.opt_state, nnx.state(result))"
        )
    return found


def _map_carriers(change: Callable[[ScheduleState], ScheduleState], state: Any) -> Any:
    return jax.tree.map(lambda node: change(node) if is_carrier(node) else node, state, is_leaf=is_carrier)


def _in_dtypes_of(like: Any, tree: Any) -> Any:
    return jax.tree.map(lambda old, new: new.astype(old.dtype) if hasattr(old, "dtype") else new, like, tree)


def _require_one_schedule(where: str, schedule: Any) -> None:
    if not isinstance(schedule, Schedule):
        raise TypeError(
            f"{where}(): the schedule must be one of this library, not {shown(schedule)}; a number "
            "is olr.Constant(...), and Optax's own optimizers take any other callable"
        )
    if schedule.batch_shape:
        raise ValueError(
            f"{where}(): this is a batch of schedules, of shape {schedule.batch_shape}; for a population build the optimizer "
            "inside jax.vmap, with one schedule each"
        )


def _require_factory(optimizer: Any, settings: Iterable[str]) -> None:
    name = getattr(optimizer, "__name__", type(optimizer).__name__)
    if not callable(optimizer):
        raise TypeError(
            f"carried() takes what makes the optimizer, such as optax.adamw, not {shown(optimizer)}; an optimizer that is "
            "made already has its rate in it (or chain one without a rate with olr.scale_by_learning_rate)"
        )
    known = inspect.signature(optimizer).parameters
    for setting in settings:
        if setting not in known and not any(one.kind is one.VAR_KEYWORD for one in known.values()):
            raise TypeError(unknown(f"carried({name}, ...)", "setting", setting, known))
    if "learning_rate" not in known:
        raise TypeError(
            f"carried(): {name} takes no learning_rate; use optax.chain(..., olr.scale_by_learning_rate(schedule))"
        )
    if optimizer is optax.rprop:
        raise TypeError("carried(): rprop looks at its learning_rate only at the start, so no schedule can lead it")
