"""Change the schedules in an optimizer's state during training."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from optax_lr.arguments import shown, unknown
from optax_lr.arrays import Num, PyTree
from optax_lr.schedules import Constant, WarmupStableDecay
from optax_lr.schedules.base import Schedule
from optax_lr.schedules.checks import whole_steps
from optax_lr.schedules.compositions import Stages
from optax_lr.schedules.fields import as_schedule
from optax_lr.schedules.function import AnySchedule
from optax_lr.schedules.wsd import DECAYS
from optax_lr.training.base import Control, as_position, no_position
from optax_lr.training.inject import as_value, in_use, require_one_schedule, scheduled_value
from optax_lr.training.rates import INJECTED, rates_at
from optax_lr.training.state import (
    InjectSchedulesState,
    ScheduleState,
    carriers,
    key_of,
    map_carriers,
    name_of,
    owned,
    placed,
    unwrapped,
)

_State = TypeVar("_State")
_Result = TypeVar("_Result")


def observe(state: _State, metric: Num[ArrayLike, ""]) -> _State:
    """Pass one more metric to every control in an optimizer's state, and return the new state.

    Args:
        state: state of an optimizer made by `inject_schedules`, or anything that holds it at any depth, such as a
            `TrainState`. An `nnx.Optimizer` is changed in place and returned.
        metric: one number, such as the validation loss; may be traced. NaN and infinities are metrics like others.

    For a population use `jax.vmap(observe)(states, metrics)`; inside `jit`, for metrics of some steps only, `jax.lax.cond`.

    Returns:
        The state after the metric, of the type that was given.

    Raises:
        TypeError: If no control is in the state, or the metric is not a number.
        ValueError: If the metric is not a single number.

    >>> optimizer = inject_schedules(optax.sgd)(learning_rate=reduce_on_plateau(Constant(1e-3), factor=0.5, patience=0))
    >>> state = optimizer.init({"w": jnp.zeros(3)})
    >>> state = observe(observe(state, 1.0), 1.0)
    >>> print(f"{optax.tree.get(state, 'learning_rate'):.4g}")
    0.0005
    """
    if metric is None:
        raise TypeError("observe() needs a metric, a number such as the validation loss, not None")
    return unwrapped(_observe, state, metric)


def set_schedule(
    state: _State,
    schedule: AnySchedule | Mapping[str, AnySchedule] | None = None,
    *,
    position: Num[ArrayLike, ""] | None = None,
    **schedules: AnySchedule,
) -> _State:
    """Replace schedules in an optimizer's state, or move them to another position, and return the new state.

    A schedule of the same kind compiles nothing again. A control of the same kind keeps the metrics that it has seen; one of
    another kind starts without any.

    ```
    olr.set_schedule(state, schedule)                                   # of the learning rate
    olr.set_schedule(state, learning_rate=schedule, weight_decay=other)
    olr.set_schedule(state, {"head": one, "body": other})               # of groups of parameters, see olr.rates
    olr.set_schedule(state, position=500)                               # the next update is at step 500
    ```

    Args:
        state: state of an optimizer made by `inject_schedules`, or anything that holds it at any depth, such as a
            `TrainState`. An `nnx.Optimizer` is changed in place and returned.
        schedule: a schedule, control, number or function of the step (another function compiles again), or a dictionary of them by
            group; a group that is not named keeps its own.
        position: the step, or the position given to `update`, from which the schedules of every group continue.
        schedules: the same for arguments of the optimizer by name.

    Returns:
        The state with the new schedules, of the type that was given.

    Raises:
        TypeError: If neither a schedule nor a position is given, or one is not a schedule.
        ValueError: If the state has no schedule or the group or argument is unknown, or for several groups without a dictionary.

    >>> optimizer = inject_schedules(optax.sgd)(learning_rate=Cosine(1e-3, max_steps=100))
    >>> state = set_schedule(optimizer.init({"w": jnp.zeros(3)}), Cosine(1e-4, max_steps=100), position=50)
    >>> print(f"{optax.tree.get(state, 'learning_rate'):.4g}")
    5e-05
    """
    if schedule is None and not schedules and position is None:
        raise TypeError("set_schedule(): give a schedule, a dictionary of them by group, or a position")
    where = None if position is None else as_position("set_schedule(..., position=...)", position)
    return unwrapped(lambda inner: _set_schedule(inner, schedule, schedules, where), state)


def cooldown(
    state: _State,
    steps: Num[ArrayLike, ""] | Mapping[str, Num[ArrayLike, ""]],
    shape: str | AnySchedule = "linear",
) -> _State:
    """Add a decay of the learning rate to 0, which begins at the rate of the next update, and return the new state.

    Args:
        state: as for `set_schedule`.
        steps: length of the decay in updates, or in the unit of `position`; may be traced, so that `jax.vmap` over it
            branches many cooldowns from one state. A dictionary of lengths by group leaves the other groups as they are.
        shape: a `decay_type` of `WarmupStableDecay` (`"linear"`, `"cosine"`, `"1-sqrt"`), or a schedule or a function of the
            step that is multiplied with the current rate and starts at its own step 0.

    With `position`, the decay begins at the position of the last update, rounded up to a whole one.

    Returns:
        The state with the decay, of the type that was given.

    Raises:
        ValueError: If a group is unknown, `steps` is not a whole number, or `shape` is not one of these words.

    >>> optimizer = inject_schedules(optax.sgd)(learning_rate=Constant(1e-3))
    >>> state = optimizer.init({"w": jnp.zeros(3)})
    >>> for state in jax.vmap(lambda steps: cooldown(state, steps))(jnp.array([4, 8])).schedules.values():
    ...     print(state.schedule(2))
    [0.0005  0.00075]
    """
    return unwrapped(lambda inner: _cooldown(inner, steps, shape), state)


def _observe(state: _State, metric: object) -> _State:
    found = carriers(state).values()
    if not any(isinstance(part.schedule, Control) for each in found for part in each.schedules.values()):
        remedy = INJECTED.replace("schedule)", "olr.reduce_on_plateau(schedule))")
        raise TypeError(f"observe(): no control is in this state; make the optimizer with {remedy}")
    return map_carriers(lambda _, each: _observed(each, metric), state)


def _observed(state: InjectSchedulesState, metric: object) -> InjectSchedulesState:
    for key, part in state.schedules.items():
        control = part.schedule
        if not isinstance(control, Control):
            continue
        if control.batch_shape or state.count.shape:
            raise ValueError(f"{type(control).__name__}: this state holds a population; use jax.vmap(olr.observe)")
        metric_state = _at(state, functools.partial(control.with_metric, part.metric_state, value=metric))
        state = _with_schedule(state, key, control, metric_state)
    return state


def _set_schedule(
    state: _State, schedule: object, schedules: Mapping[str, object], position: Num[jax.Array, ""] | None
) -> _State:
    found = _require_carriers("set_schedule", state)
    if schedule is None or isinstance(schedule, Mapping):
        by_group = schedule or {}
    elif len(found) == 1:
        by_group = dict.fromkeys(found, schedule)
    else:
        groups = ", ".join(f"{group!r}: ..." for group in found)
        raise ValueError(f"set_schedule(): the state has {len(found)} groups, not one; give a dictionary, {{{groups}}}")
    _require_groups("set_schedule()", by_group, found)

    def changed(group: str, each: InjectSchedulesState) -> InjectSchedulesState:
        main = {_main(each): by_group[group]} if group in by_group else {}
        return _with_schedules(each, {**schedules, **main}, position)

    return map_carriers(changed, state)


def _main(state: InjectSchedulesState) -> str:
    """The argument that an unnamed schedule replaces."""
    if "learning_rate" in state.hyperparams or len(state.schedules) != 1:
        return "learning_rate"
    return name_of(next(iter(state.schedules)))


def _with_schedules(
    state: InjectSchedulesState, schedules: Mapping[str, object], position: Num[jax.Array, ""] | None
) -> InjectSchedulesState:
    _require_one("set_schedule", state, "jax.vmap(olr.set_schedule)(states, batch_of_schedules)")
    if position is not None:
        whole = jnp.issubdtype(position.dtype, jnp.integer)
        count = position if whole else jnp.minimum(jnp.floor(position), 2**31 - 129).astype(jnp.int32)
        here = no_position(count) if whole else position.astype(jnp.float32)
        count, here = placed(owned((count, here), apart_from=position), state.count)
        state = state._replace(count=count, position=here)
    moved = state.schedules.items() if position is not None else ()
    new = {key: (part.schedule, part.metric_state) for key, part in moved if part.schedule is not None}
    for name, given in schedules.items():
        if name not in state.hyperparams:
            raise ValueError(_no_argument("set_schedule", name, state))
        schedule = _as_schedule(f"set_schedule(): {name}", given)
        metric_state = schedule.metric_state() if isinstance(schedule, Control) else None
        part = state.schedules.get(key_of(name))
        if part is not None and type(part.schedule) is type(schedule):
            before: object = jax.tree.structure(part.metric_state)
            metric_state = part.metric_state if before == jax.tree.structure(metric_state) else metric_state
        new[key_of(name)] = placed((owned(schedule, apart_from=schedule), metric_state), state.count)
    for key, (schedule, metric_state) in new.items():
        state = _with_schedule(state, key, schedule, metric_state, by_hand=False)
    return state


def _with_schedule(
    state: InjectSchedulesState, key: str, schedule: Schedule, metric_state: object, *, by_hand: bool = True
) -> InjectSchedulesState:
    """`state` with the schedule and its value in use; a value that was set by hand stays."""
    current = state.hyperparams[name_of(key)]
    value = as_value(_at(state, lambda step: scheduled_value(schedule, metric_state, step)), current.dtype)
    used, value = in_use(current, state.schedules[key].value, value) if by_hand else (owned(value, value), value)
    value, used = placed((value, used), state.count)
    return state._replace(
        hyperparams=state.hyperparams | {name_of(key): used},
        schedules=state.schedules | {key: ScheduleState(schedule, value, metric_state)},
    )


def _at(state: InjectSchedulesState, function: Callable[[Num[ArrayLike, ""]], _Result]) -> _Result:
    """`function` of the current step of the state: the last position that was given, or the count."""
    if not isinstance(state.position, jax.core.Tracer):
        position = state.position.item()
        return function(position if position >= 0 else state.count.item())
    by_count = ~(state.position >= 0)  # also for NaN, which older checkpoints may hold
    at_count, at_position = function(state.count), function(jnp.where(by_count, 0, state.position))
    chosen: _Result = jax.tree.map(lambda one, other: jnp.where(by_count, one, other), at_count, at_position)
    return chosen


def _as_schedule(name: str, given: object) -> Schedule:
    schedule = as_schedule(given)
    if not isinstance(schedule, Schedule):
        raise TypeError(f"{name} must be a schedule, a number or a function of the step, not {shown(given)}")
    require_one_schedule(name, schedule)
    return schedule


def _cooldown(state: _State, steps: object, shape: str | AnySchedule) -> _State:
    if isinstance(shape, str) and shape not in DECAYS:
        words = ", ".join(map(repr, DECAYS))
        raise ValueError(f"cooldown(): shape must be a schedule or one of {words}, not {shape!r}")
    found = _require_carriers("cooldown", state)
    given = steps if isinstance(steps, Mapping) else dict.fromkeys(found, steps)
    _require_groups("cooldown()", given, found)
    lengths = {group: whole_steps("cooldown(): steps", length) for group, length in given.items()}

    def cooled(group: str, each: InjectSchedulesState) -> InjectSchedulesState:
        if group not in lengths:
            return each
        _require_one("cooldown", each, "jax.vmap(lambda state: olr.cooldown(state, steps))(states)")
        name = _main(each)
        if name not in each.hyperparams:
            raise ValueError(_no_argument("cooldown", name, each))
        rate, part = each.hyperparams[name], each.schedules.get(key_of(name))
        if part is not None and part.schedule is not None:
            planned = _at(each, functools.partial(scheduled_value, part.schedule, part.metric_state))
            rate = in_use(rate, part.value, as_value(planned, rate.dtype))[0]
        now = jnp.asarray(_at(each, jnp.ceil), jnp.int32)
        decay: Schedule
        if isinstance(shape, str):
            decay = WarmupStableDecay(rate, decay_steps=lengths[group], max_steps=lengths[group], decay_type=shape)
        else:
            decay = rate * _as_schedule("cooldown(): shape", shape)
        schedule = Stages([Constant(rate), decay], boundaries=[now])
        return _with_schedules(each, {name: schedule}, None)

    return map_carriers(cooled, state)


def _require_one(where: str, state: InjectSchedulesState, instead: str) -> None:
    if jnp.shape(state.count):
        raise ValueError(f"{where}(): this state holds a population; use {instead}")


def _require_groups(where: str, given: Mapping[str, object], known: Mapping[str, object]) -> None:
    for group in given:
        if group not in known:
            raise ValueError(unknown(where, "group", group, known))


def _no_argument(where: str, name: str, state: InjectSchedulesState) -> str:
    return f"{where}(): this optimizer has no argument {name!r}; it has {', '.join(state.hyperparams)}"


def _require_carriers(where: str, state: PyTree) -> dict[str, InjectSchedulesState]:
    found = carriers(state)
    if not found:
        of_optax = ", whose arguments are those of optax.inject_hyperparams" if rates_at(state) else ""
        raise ValueError(f"{where}(): the state has no schedule in it; make the optimizer with {INJECTED}{of_optax}")
    return found
