"""What a schedule is: a frozen dataclass whose numbers are leaves of a pytree, and which can be called with a step.

And what can be done with any two of them: they are multiplied, by each other or by a number.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import operator
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast, dataclass_transform, overload

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from optax_lr.arguments import shown, with_named_fields
from optax_lr.numerics import HOST, Real, System, in_trace, x64_is_on
from optax_lr.schedules import fields, flax
from optax_lr.schedules.aligned import aligned
from optax_lr.schedules.fields import Number, Several

_Kind = TypeVar("_Kind")
_Tree = TypeVar("_Tree")


class Schedule:
    """A learning rate as a function of the step; the base of every schedule.

    `schedule(step)` is the rate of the update after `step` updates: steps are optimizer steps and count from 0, as
    Optax's count does, so update k (from 1) uses `schedule(k - 1)`. A step below 0 counts as 0.

    - A Python or NumPy number gives a NumPy scalar, float32 or, with x64 on, float64: no trace, about a microsecond.
    - An array of steps of shape `[*s]`, concrete or traced, gives an array `[*batch_shape, *s]`.

    Every number is a leaf: `jax.jit`, `vmap`, `grad` and checkpoints see it, and it may be traced. Leaves of shape `[n]`
    make `n` schedules, with `batch_shape == (n,)`; `schedule[i]`, `len` and iteration give the single ones back. Step
    counts are int32 leaves, so differentiate with respect to the others by name, through `replace`, or to all of them
    with `jax.grad(..., allow_int=True)`.

    Fields of different shapes are broadcast against each other when the schedule is made.

    A subclass is decorated with `@schedule`, declares its fields with the helpers of `optax_lr.schedules.fields`, and
    writes its formula once, in `_value`, for every number system of `optax_lr.numerics`.
    """

    __array_ufunc__: ClassVar[None] = None  # numpy scalars on the left of an operator hand over to the schedule
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]  # of every kind; `schedule` makes them

    if not TYPE_CHECKING:

        def __init__(self, *_: Any, **__: Any) -> None:  # a kind of schedule gets its own, from `schedule`
            raise TypeError(
                f"{type(self).__name__} is no kind of schedule: take one, such as olr.Cosine, or decorate a class of your "
                "own with optax_lr.schedules.base.schedule"
            )

    def __post_init__(self) -> None:
        flax.register(type(self))
        fields.canonicalise(self)
        self._check()

    def _check(self) -> None:
        """Refuses what only several fields together show to be wrong. Concrete values only: tracers pass."""

    def _value(self, step: Real, num: System) -> Real:
        """The rate at `step`, where `step` and the fields are reals of the number system `num`."""
        raise NotImplementedError

    @overload
    def __call__(self, step: Array | np.ndarray) -> Array: ...
    @overload
    def __call__(self, step: ArrayLike) -> np.floating | Array: ...
    def __call__(self, step: ArrayLike) -> np.floating | Array:
        if isinstance(step, (int, float, np.integer, np.floating)):
            lifted = self._on_host()
            if lifted is not None and math.isfinite(step):
                value = HOST.lower(lifted._value(max(float(step), 0.0), HOST))
                return np.float64(value) if x64_is_on() else np.float32(value)
        rates: Array = _evaluate(self, fields.checked_step(type(self).__name__, step))
        return rates

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The shape of the leaves: `()` for one schedule."""
        return fields.shape_of(self)

    @property
    def end(self) -> Real:
        """The step at which the schedule ends, `max_steps`; None for one that has no end."""
        return getattr(self, "max_steps", None)

    def __getitem__(self, index: Any) -> Self:
        """The schedule, or the smaller batch, at `index` of the batch axes; any index that NumPy takes."""
        if not self.batch_shape:
            raise IndexError(f"this {type(self).__name__} is one schedule, not a batch, and takes no index")
        if not any(isinstance(part, jax.core.Tracer) for part in jax.tree.leaves((index, self))):
            try:  # JAX would take the nearest row for one that is not there
                np.broadcast_to(False, self.batch_shape)[index]
            except (IndexError, TypeError) as error:
                raise IndexError(
                    f"{type(self).__name__}[{index!r}]: no index of a batch of shape {self.batch_shape}: {error}"
                ) from None
        return cast("Self", aligned(jax.tree.map(lambda leaf: leaf[index], self)))

    def __len__(self) -> int:
        if not self.batch_shape:
            raise TypeError(f"this {type(self).__name__} is one schedule, not a batch, and has no length")
        return self.batch_shape[0]

    def __bool__(self) -> bool:
        return True  # without this, `if schedule:` would ask for the length

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(len(self)))

    def reshape(self, *shape: int) -> Self:
        """The same schedules in a batch of another shape; `reshape(-1)` makes one axis of all."""
        try:
            reshaped = jax.tree.map(
                lambda leaf: jnp.reshape(leaf, shape) if isinstance(leaf, jax.Array) else np.reshape(leaf, shape), self
            )
        except (TypeError, ValueError):
            asked = ", ".join(map(repr, shape))
            raise ValueError(
                f"{type(self).__name__}.reshape({asked}): a batch of shape {self.batch_shape} cannot take that shape; "
                "reshape(-1) makes one axis of all"
            ) from None
        return cast("Self", reshaped)

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed, checked as at the start: `schedule.replace(learning_rate=1e-4)`."""
        return dataclasses.replace(self, **changes)

    def __mul__(self, other: Schedule | ArrayLike) -> Schedule:
        return Product((self, other)) if isinstance(other, Schedule) else Scaled(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: ArrayLike) -> Schedule:
        try:
            return self * (1 / other)
        except (TypeError, ZeroDivisionError):
            raise ValueError(
                f"{type(self).__name__} can be divided by a number other than 0, not by {shown(other)}"
            ) from None

    def __repr__(self) -> str:
        shown = ", ".join(f"{f.name}={fields.show(getattr(self, f.name))}" for f in dataclasses.fields(self))
        return f"{type(self).__name__}({shown})"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lifted"}

    def _on_host(self) -> Self | None:
        """This schedule with Python floats for leaves, or None if it is a batch or holds a tracer. Kept: leaves are fixed."""
        lifted: Self | None
        try:
            lifted = self.__dict__["_lifted"]
        except KeyError:
            leaves, structure = jax.tree.flatten(self)
            single = all(np.ndim(leaf) == 0 and not isinstance(leaf, jax.core.Tracer) for leaf in leaves)
            lifted = jax.tree.unflatten(structure, [HOST.real(leaf) for leaf in leaves]) if single else None
            object.__setattr__(self, "_lifted", lifted)
        return lifted


@functools.partial(jax.jit, inline=True)
def _evaluate(schedule: Schedule, step: ArrayLike) -> Array:
    num, step = in_trace(), jnp.asarray(step)
    step = jnp.where(step < 0, jnp.zeros_like(step), step)
    lifted = lift(schedule, num, trailing_axes=step.ndim)
    # Compiled apart from what is made of it: with a cast to bfloat16 beside the pairs, LLVM under jax 0.12 never ends.
    value = jax.lax.optimization_barrier(num.lower(lifted._value(num.real(step), num)))
    return jnp.broadcast_to(value, schedule.batch_shape + step.shape)


def require_schedule(caller: str, value: Any) -> None:
    """Errors: `TypeError` for what is no schedule of this library."""
    if not isinstance(value, Schedule):
        many = "; stack([...]) makes a batch of several" if isinstance(value, (list, tuple)) else ""
        told = f"takes a schedule or a batch of them, such as olr.Cosine(...), not {shown(value)}{many}"
        raise TypeError(f"{caller}() {told}")


def lift(schedule: _Tree, num: System, *, trailing_axes: int) -> _Tree:
    """`schedule` with reals of `num` for leaves, each `[*batch]` leaf made to broadcast against `trailing_axes` of steps."""
    lifted: _Tree = jax.tree.map(
        lambda leaf: num.real(jnp.reshape(leaf, jnp.shape(leaf) + (1,) * trailing_axes)), schedule
    )
    return lifted


@dataclass_transform(
    frozen_default=True,
    eq_default=False,
    field_specifiers=(
        fields.rate,
        fields.count,
        fields.number,
        fields.counts,
        fields.numbers,
        fields.inner,
        fields.schedules,
        fields.choice,
    ),
)
def schedule(cls: type[_Kind]) -> type[_Kind]:
    """Class decorator: makes a frozen dataclass of a `Schedule` and registers it with JAX as a pytree."""
    cls = with_named_fields(dataclasses.dataclass(frozen=True, eq=False, repr=False)(cls))
    parts = dataclasses.fields(cls)  # type: ignore[arg-type]  # the line above is not seen to make a dataclass
    static = tuple(f.name for f in parts if f.metadata.get("static"))
    data = tuple(f.name for f in parts if not f.metadata.get("static"))

    def flatten_with_keys(self: _Kind) -> tuple[tuple[tuple[jax.tree_util.GetAttrKey, Any], ...], tuple[Any, ...]]:
        children = tuple((jax.tree_util.GetAttrKey(name), getattr(self, name)) for name in data)
        return children, tuple(getattr(self, name) for name in static)

    def flatten(self: _Kind) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return tuple(getattr(self, name) for name in data), tuple(getattr(self, name) for name in static)

    def unflatten(aux_data: Any, children: Iterable[Any]) -> _Kind:
        # Around __init__: JAX puts tracers, gradients and placeholders into the leaves, and none of them is to be checked.
        self = object.__new__(cls)
        self.__dict__.update(zip(data, children, strict=True))
        self.__dict__.update(zip(static, aux_data, strict=True))
        return self

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
    jax.export.register_pytree_node_serialization(
        cls,
        serialized_name=f"optax_lr.{cls.__name__}",
        serialize_auxdata=lambda choices: json.dumps(choices).encode(),
        deserialize_auxdata=lambda text: tuple(json.loads(text)),
        from_children=unflatten,
    )
    return cls


class WithWarmup(Schedule):
    """A `Schedule` that begins with `warmup_steps` steps from 0 up to `learning_rate` along a line."""

    learning_rate: Number
    warmup_steps: Number

    def _after_warmup(self, step: Real, num: System) -> Real:
        """The rate from `warmup_steps` on."""
        raise NotImplementedError

    def _value(self, step: Real, num: System) -> Real:
        # The rate per step first: it is one number for the run, so that a step costs one multiplication.
        warmup = num.ratio(self.learning_rate, num.at_least_one(self.warmup_steps)) * step
        return num.where(step < self.warmup_steps, warmup, self._after_warmup(step, num))


@schedule
class Scaled(Schedule):
    """`factor * schedule(step)`; what `schedule * 0.1` makes.

    Fields:
        schedule: the schedule that is scaled.
        factor: any finite number; a parameter group's ratio, for one.

    >>> (Linear(1.0, max_steps=10) * 0.5)(0)
    np.float32(0.5)
    """

    schedule: Schedule = fields.inner()
    factor: Number = fields.number()

    @property
    def end(self) -> Real:
        return self.schedule.end

    def _value(self, step: Real, num: System) -> Real:
        return self.factor * self.schedule._value(step, num)


@schedule
class Product(Schedule):
    """The product of several schedules at the same step; what `one * another` makes.

    Fields:
        schedules: at least one; usually one with a rate and others from 0 to 1.

    Source: `torch.optim.lr_scheduler.ChainedScheduler` of multiplying schedulers.

    >>> (Constant(1e-3) * LinearRamp(1.0, start_factor=0.5, total_iters=4))(2)
    np.float32(0.00075)
    """

    schedules: Several[Schedule] = fields.schedules()

    def _value(self, step: Real, num: System) -> Real:
        return functools.reduce(operator.mul, [factor._value(step, num) for factor in self.schedules])
