"""Schedules as data: in an optimizer's state, where they can be read, replaced and saved."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeGuard

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike, DTypeLike

from optax_lr.arguments import shown, unknown
from optax_lr.arrays import Float, Num, PyTree
from optax_lr.schedules.base import Schedule
from optax_lr.training.base import Control, no_position, step_of
from optax_lr.training.state import InjectSchedulesState, ScheduleState, is_carrier, key_of, name_of, owned

Scheduled = Schedule | Callable[..., ArrayLike]  # what an argument follows: a schedule, control or function of the step


def inject_schedules(
    inner_factory: Callable[..., optax.GradientTransformation],
    static_args: str | Iterable[str] = (),
    hyperparam_dtype: DTypeLike | None = None,
) -> Callable[..., optax.GradientTransformationExtraArgs]:
    """`optax.inject_hyperparams` with the schedules as data in the optimizer's state.

    ```
    optimizer = olr.inject_schedules(optax.adamw)(learning_rate=schedule, weight_decay=other, b1=0.9)
    state.hyperparams["learning_rate"]     # the value of the last update
    ```

    The call takes the arguments of `inner_factory`. Each may be a schedule or control of this library, whose settings
    become leaves of the state; a function of the step or an `optax.schedules.StatefulSchedule`, which stays in the compiled
    program; or a number. Floating-point numbers and arrays, defaults included, become leaves of `state.hyperparams`; whole numbers,
    booleans and everything else are not changed. Update k (from 1) uses `schedule(k - 1)`.

    A compiled train step then serves every schedule of one kind (`set_schedule`), and a checkpoint holds the schedule.
    A value that is set by hand in `state.hyperparams`, also with `optax.tree.set(state, learning_rate=x)`, stays until
    `set_schedule` is called. Updates and the optimizer's state keep their dtypes; the product with the rate is computed in
    float32 or wider.

    `update` takes two more arguments, which it also passes on:

    - `value=metric`: the metric for controls, observed before the rate of this update is computed;
    - `position=x`: the step at which the schedules are evaluated, instead of the number of updates: tokens, samples,
      seconds or epochs, in any unit, whole or fractional. Give it in every update, or in none.

    Args:
        inner_factory: the factory of the optimizer, such as `optax.adamw` or `optax.scale_by_adam`.
        static_args: names of arguments that are passed unchanged, such as a function that is not a schedule.
        hyperparam_dtype: dtype of the values; by default float32, or the parameters' dtype if that is wider.

    Returns:
        A function of the arguments of `inner_factory`, which returns the optimizer. Its state is an
        `InjectSchedulesState`.

    Raises:
        TypeError: If an optimizer is given instead of a factory, an argument is unknown, or the optimizer reads its learning
            rate only once (`optax.rprop`).
        ValueError: If an argument is a batch of schedules. For a population make the optimizer inside `jax.vmap`.

    Source: `optax.inject_hyperparams`, which keeps the values of schedules in the state, but not the schedules.

    >>> optimizer = inject_schedules(optax.adamw)(learning_rate=Cosine(1e-3, max_steps=100), weight_decay=0.1)
    >>> params = {"w": jnp.ones(3)}
    >>> state = optimizer.init(params)
    >>> updates, state = optimizer.update({"w": jnp.ones(3)}, state, params)
    >>> print(f"{state.hyperparams['learning_rate']:.4g}, {state.hyperparams['weight_decay']:.4g}")
    0.001, 0.1
    >>> state = set_schedule(state, Cosine(5e-4, max_steps=100))  # compiles nothing again
    >>> print(f"{state.hyperparams['learning_rate']:.4g}")
    0.0004999
    """
    static = {static_args} if isinstance(static_args, str) else set(static_args)
    name = getattr(inner_factory, "__name__", type(inner_factory).__name__)
    if not callable(inner_factory):
        raise TypeError(
            f"inject_schedules() takes the factory of an optimizer, such as optax.adamw, not {shown(inner_factory)}; an "
            "optimizer that exists already contains its rate"
        )
    signature = inspect.signature(inner_factory)
    defaults = {one.name: one.default for one in signature.parameters.values() if one.default is not one.empty}
    static |= {one for one, default in defaults.items() if callable(default)}  # it takes a function, not a schedule
    for one in static - signature.parameters.keys():
        raise TypeError(unknown(f"inject_schedules({name}, static_args=...)", "argument", one, signature.parameters))

    @functools.wraps(inner_factory)
    def make(*arguments: object, **settings: object) -> optax.GradientTransformationExtraArgs:
        scheduled: dict[str, Scheduled] = {}
        numbers: dict[str, ArrayLike] = {}
        fixed: dict[str, object] = {}
        for one, value in _bound(name, signature, arguments, settings).items():
            where, default = f"inject_schedules({name}): {one}", defaults.get(one)
            if one in static:
                fixed[one] = value
            elif _is_scheduled(value):
                require_one_schedule(where, value)
                if isinstance(default, bool):
                    raise TypeError(f"{where} is a flag and cannot follow a schedule; give True or False")
                scheduled[one] = value
            elif _is_number(value, one):
                numbers[one] = value
            elif _may_be_fixed(one, value, default):
                fixed[one] = value
            else:
                raise TypeError(
                    f"{where} must be a schedule, a function from the step to a number, or a number, not {shown(value)}"
                    f"{_untraceable(value)}"
                )

        if inner_factory is optax.rprop and "learning_rate" in scheduled:
            raise TypeError(
                "inject_schedules(): rprop reads its learning_rate only once, so it cannot follow a schedule"
            )

        def built(hyperparams: dict[str, jax.Array]) -> optax.GradientTransformationExtraArgs:
            return optax.with_extra_args_support(_optimizer_of(inner_factory, signature, fixed | hyperparams))

        def init(params: PyTree) -> InjectSchedulesState:
            dtype = hyperparam_dtype or _wide(optax.tree.dtype(params, "highest"))
            count = jnp.zeros((), jnp.int32)
            schedules = {key_of(one): begun(value, count, hyperparam_dtype) for one, value in scheduled.items()}
            hyperparams = {one: jnp.asarray(value, dtype) for one, value in numbers.items()}
            hyperparams |= {name_of(key): part.value for key, part in schedules.items()}
            inner = built(hyperparams).init(params)
            state = InjectSchedulesState(count, no_position(count), hyperparams, schedules, inner)
            return owned(state, apart_from=(params, list(scheduled.values()), list(numbers.values())))

        def update(
            updates: PyTree, state: InjectSchedulesState, params: PyTree = None, **extra: object
        ) -> tuple[PyTree, InjectSchedulesState]:
            if not is_carrier(state):
                raise TypeError(
                    f"inject_schedules({name}): update() takes the state that init(params) of this optimizer made, not a "
                    f"{type(state).__name__}"
                )
            if "step" in extra:
                warnings.warn(
                    f"inject_schedules({name}): update(step=...) moves no schedule; use position=", stacklevel=2
                )
            step, position = step_of(state.count, extra.get("position"))
            hyperparams, schedules = dict(state.hyperparams), {}
            for key, part in state.schedules.items():
                after = _advanced(part, scheduled.get(name_of(key)), step, extra, hyperparam_dtype)
                used, value = in_use(state.hyperparams[name_of(key)], part.value, after.value)
                hyperparams[name_of(key)], schedules[key] = used, after._replace(value=value)
            made, inner = built(hyperparams).update(updates, state.inner_state, params, **extra)
            # The rate is float32 or wider, but updates and states of lower precision must keep their dtypes.
            made, inner = _in_dtypes_of(updates, made), _in_dtypes_of(state.inner_state, inner)
            return made, InjectSchedulesState(
                optax.safe_increment(state.count), position, hyperparams, schedules, inner
            )

        return optax.GradientTransformationExtraArgs(init, update)

    return make


def scale_by_learning_rate(learning_rate: object, *, flip_sign: bool = True) -> optax.GradientTransformationExtraArgs:
    """`optax.scale_by_learning_rate` with the schedule in the state, for the end of an `optax.chain`.

    ```
    update k (from 1) = -learning_rate(k - 1) * gradient
    ```

    Args:
        learning_rate: a schedule, control, function of the step, or number.
        flip_sign: False for gradient ascent.

    It is `inject_schedules(optax.scale_by_learning_rate)`; see there.

    Returns:
        A transformation whose state is an `InjectSchedulesState`.

    >>> optimizer = optax.chain(optax.scale_by_adam(), scale_by_learning_rate(Linear(1e-3, max_steps=10)))
    >>> state = optimizer.init({"w": jnp.zeros(3)})
    >>> for _ in range(3):
    ...     updates, state = optimizer.update({"w": jnp.ones(3)}, state)
    >>> print(f"{optax.tree.get(state, 'learning_rate'):.4g}")
    0.0008
    """
    return inject_schedules(optax.scale_by_learning_rate)(learning_rate, flip_sign=flip_sign)


def begun(value: Scheduled, count: Num[jax.Array, ""], dtype: DTypeLike | None) -> ScheduleState:
    """The state of `value`, a schedule or another value of an argument, at step `count`."""
    if not isinstance(value, Schedule):
        metric_state = value.init() if isinstance(value, optax.schedules.StatefulSchedule) else None
        now = value(metric_state) if metric_state is not None else value(count)
        return ScheduleState(None, as_value(now, dtype), metric_state)
    schedule = owned(value, apart_from=value)
    metric_state = schedule.metric_state() if isinstance(schedule, Control) else None
    return ScheduleState(schedule, as_value(scheduled_value(schedule, metric_state, count), dtype), metric_state)


def scheduled_value(
    schedule: Schedule, metric_state: PyTree, step: Num[ArrayLike, ""]
) -> Float[jax.Array | np.floating, ""]:
    """The value of a schedule, or of a control with its metric state, at `step`."""
    if isinstance(step, jax.Array) and not isinstance(step, jax.core.Tracer):
        step = step.item()  # evaluated on the host, without compiling
    return schedule.rate(metric_state, step) if isinstance(schedule, Control) else schedule(step)


def as_value(value: object, dtype: DTypeLike | None) -> jax.Array:
    """`value` as an array of `dtype`; by default of its own dtype, but float32 or wider."""
    return jnp.asarray(value, dtype or _wide(jnp.result_type(value)))


def in_use(current: object, before: jax.Array, after: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The value of an argument, and what to compare it with at the next update.

    Both are `after`, unless `current` was set instead of `before` by hand, which means that they differ by more than about
    1e-5 of `before`: then `current` stays, and is compared with the lowest number. The first is made of the second, so
    that a program computes the schedule once and with few kernels.
    """
    current, low = jnp.asarray(current, after.dtype), jnp.finfo(after.dtype).min
    near = 1 << (jnp.finfo(after.dtype).nmant - 17)

    def bits(x: jax.Array) -> jax.Array:
        # Numbers near 0 are near each other after the addition; by its bits, NaN is equal to NaN.
        return jax.lax.bitcast_convert_type(x + 1e-10, f"uint{8 * x.dtype.itemsize}")

    with jax.disable_jit():  # each operation of jnp is a jitted function, which takes longer to trace
        # Not `current != before`: XLA may compute the schedule separately for each of the two results, and round differently.
        by_hand = bits(current) - bits(before) + near > 2 * near  # unsigned: the distance in either direction
        value = jnp.where(by_hand, low, after)
        return jnp.where(value == low, current, value), value


def require_one_schedule(where: str, value: object) -> None:
    """Refuse a batch of schedules."""
    if isinstance(value, Schedule) and value.batch_shape:
        raise ValueError(
            f"{where}: this is a batch of schedules, of shape {value.batch_shape}; for a population make the optimizer "
            "inside jax.vmap, with one schedule each"
        )


def _advanced(
    part: ScheduleState, function: Any, step: Num[jax.Array, ""], extra: dict[str, object], dtype: DTypeLike | None
) -> ScheduleState:
    """The state of one scheduled argument after an update at `step`."""
    schedule, metric_state = part.schedule, part.metric_state
    if isinstance(schedule, Control):
        metric_state = schedule.with_metric(metric_state, step, extra.get("value"))
    if isinstance(schedule, Schedule):
        value = scheduled_value(schedule, metric_state, step)
    elif metric_state is not None:
        value, metric_state = function(metric_state, **extra), function.update(metric_state, **extra)
    else:
        value = function(step)
    return ScheduleState(schedule, as_value(value, dtype), metric_state)


def _bound(
    name: str, signature: inspect.Signature, arguments: tuple[object, ...], settings: dict[str, object]
) -> dict[str, object]:
    parameters = signature.parameters
    if not any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        for setting in settings:
            if setting not in parameters:
                raise TypeError(unknown(f"inject_schedules({name})", "argument", setting, parameters))
    try:
        bound = signature.bind(*arguments, **settings)
    except TypeError as error:
        raise TypeError(f"inject_schedules({name}): {error}; arguments: {', '.join(parameters)}") from None
    bound.apply_defaults()
    given = dict(bound.arguments)
    for one in parameters.values():
        if one.kind is one.VAR_KEYWORD:
            given |= given.pop(one.name)
    return given


def _optimizer_of(
    factory: Callable[..., optax.GradientTransformation], signature: inspect.Signature, given: Mapping[str, PyTree]
) -> optax.GradientTransformation:
    positional, by_name = [], dict(given)
    for one in signature.parameters.values():
        if one.kind is one.POSITIONAL_ONLY:
            positional.append(by_name.pop(one.name))
        elif one.kind is one.VAR_POSITIONAL:
            positional += by_name.pop(one.name)
    return factory(*positional, **by_name)


def _is_scheduled(value: object) -> TypeGuard[Scheduled]:
    """Whether it is a schedule, or a callable that gives a number for a step, which a mask or a dtype does not."""
    if isinstance(value, (Schedule, optax.schedules.StatefulSchedule)):
        return True
    if not callable(value) or isinstance(value, type):
        return False
    try:
        made = jax.eval_shape(value, jnp.zeros((), jnp.int32))
    except Exception:  # noqa: BLE001 - it is called with what it was written for by the optimizer, which then says more
        return False
    return getattr(made, "shape", None) == () and jnp.issubdtype(made.dtype, jnp.number)


def _is_number(value: object, name: str) -> TypeGuard[ArrayLike]:
    """Whether the argument becomes a leaf: a floating-point number or array, or a whole learning rate."""
    if isinstance(value, float):
        return True
    if isinstance(value, (jax.Array, np.ndarray, np.generic)) and jnp.issubdtype(value.dtype, jnp.floating):
        return True
    return name == "learning_rate" and isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _untraceable(value: object) -> str:
    """Why a function is no function of the step."""
    if not callable(value) or isinstance(value, type):
        return ""
    try:
        made = jax.eval_shape(value, jnp.zeros((), jnp.int32))
    except (jax.errors.JAXTypeError, jax.errors.JAXIndexError) as error:
        return (
            f", which cannot be traced ({type(error).__name__}); use jax.numpy instead of NumPy and math, and jnp.where "
            "instead of if"
        )
    except Exception as error:  # noqa: BLE001 - whatever a user's function raises
        return f", which fails for a traced step: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return f", which gives {made}"


def _may_be_fixed(name: str, value: object, default: object) -> bool:
    """Whether `value`, neither a schedule nor a floating-point number, is an argument for the optimizer alone."""
    if value is default or name == "learning_rate":
        return value is default
    return (
        not isinstance(default, float) or value is None or isinstance(value, (int, np.integer, np.ndarray, jax.Array))
    )


def _wide(dtype: DTypeLike | None) -> np.dtype:
    return jnp.promote_types(dtype if dtype is not None else jnp.float32, jnp.float32)


def _in_dtypes_of(like: PyTree, tree: PyTree) -> PyTree:
    return jax.tree.map(lambda old, new: new.astype(old.dtype) if hasattr(old, "dtype") else new, like, tree)
