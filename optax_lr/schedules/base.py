"""The base class of schedules: a frozen dataclass whose numbers are leaves of a pytree, and which can be called with a step.

Schedules can be multiplied by each other and by numbers.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, dataclass_transform, overload

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from optax_lr.arguments import shown, with_named_fields
from optax_lr.arrays import Float, Num
from optax_lr.numerics import HOST, Real, System, x64_is_on
from optax_lr.schedules import checks, evaluation, fields, flax, leaves
from optax_lr.schedules.fields import KINDS, Number
from optax_lr.schedules.formula import of_a_user
from optax_lr.schedules.pytree import register_pytree

_Kind = TypeVar("_Kind")


class Schedule:
    """A learning rate as a function of the step; the base of every schedule.

    `schedule(step)` is the rate of the update after `step` updates: steps are optimizer steps and count from 0, as
    Optax's count does, so update k (from 1) uses `schedule(k - 1)`. A step below 0 counts as 0.

    - A concrete number (Python's, NumPy's or a scalar of JAX) gives a NumPy scalar, float32 or, with x64 on, float64: no
      trace, about 2 microseconds.
    - An array of steps of shape `[*s]`, concrete or traced, gives an array `[*batch_shape, *s]`.

    Settings are kept as they are written, in float64, and the rate is that of the exact formula at these settings, rounded
    to float32: at most 1 ulp off, or 1.5 where the settings are arguments of a compiled function.

    Every number is a leaf: `jax.jit`, `vmap`, `grad` and checkpoints see it, and it may be traced. Leaves are float32 and
    int32 (float64 with x64 on). A number other than a rate, such as a `gamma`, has a second leaf, named `gamma_low`, with
    the error of rounding to float32; it has no gradient, and is ignored if it is more than half an ulp of
    the first leaf, so that a function mapped over the leaves acts on the setting.

    Leaves of shape `[n]` make `n` schedules, with `batch_shape == (n,)`; `schedule[i]`, `len` and iteration give the single
    ones back. Fields of different shapes are broadcast against each other when the schedule is made. Step counts are int32
    leaves, so differentiate with respect to the others by name, through `replace`, or to all of them with
    `jax.grad(..., allow_int=True)`.

    Schedules are equal, and have the same hash, if they are of one class with equal settings. An equal static argument
    does not compile again.

    A subclass is decorated with `@schedule`, declares its fields with the helpers of `optax_lr.schedules.fields`, and
    writes its formula once, in `_value`, for every number system of `optax_lr.numerics`.
    """

    __array_ufunc__: ClassVar[None] = None  # numpy scalars on the left of an operator use the schedule's operator
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]  # of every class; set by `schedule`
    _decorated: ClassVar[bool] = False  # set by `schedule` in each class

    if not TYPE_CHECKING:

        def __init__(self, *_: object, **__: object) -> None:  # each class gets its own from `schedule`
            raise TypeError(
                f"{type(self).__name__} is a base class: use one such as olr.Cosine, or decorate your own with olr.schedule"
            )

    def __post_init__(self) -> None:
        if not type(self).__dict__.get("_decorated"):
            raise TypeError(f"{type(self).__name__}: decorate the class with olr.schedule, not dataclasses.dataclass")
        flax.register()
        fields.canonicalise(self)
        self._check()

    def to_dict(self) -> dict[str, object]:
        """The kind and the settings as plain Python, for JSON or YAML; `from_dict` restores the schedule.

        >>> Linear(1e-4, max_steps=10).to_dict()
        {'kind': 'Linear', 'learning_rate': 0.0001, 'max_steps': 10, 'warmup_steps': 0, 'min_lr': 0.0}
        """
        kind = type(self).__name__
        return {"kind": kind} | {name: _to_plain(f"{kind}: {name}", value) for name, value in self._settings().items()}

    def _settings(self) -> dict[str, object]:
        """The settings by name, as texts and tables show them."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    def _check(self) -> None:
        """Refuse combinations of fields that are wrong. Only concrete values are checked; tracers pass."""

    def _value(self, step: Real, num: System) -> Real:
        """The rate at `step`, where `step` and the fields are reals of the number system `num`."""
        raise NotImplementedError

    @overload
    def __call__(self, step: Num[Array | np.ndarray, "*steps"]) -> Float[Array, "*batch *steps"]: ...
    @overload
    def __call__(self, step: Num[ArrayLike, "*steps"]) -> np.floating | Float[Array, "*batch *steps"]: ...
    def __call__(self, step: Num[ArrayLike, "*steps"]) -> np.floating | Float[Array, "*batch *steps"]:
        if isinstance(step, (int, float, np.integer, np.floating)) or _is_concrete_scalar(step):
            lifted, number = self._on_host(), float(step)  # type: ignore[arg-type]
            if lifted is not None and math.isfinite(number):
                value = HOST.result(_require_python_number(self, lifted._value(max(number, 0.0), HOST)))
                return np.float64(value) if x64_is_on() else np.float32(value)
        rates: Array = evaluation.evaluate(self, checks.checked_step(type(self).__name__, step))
        return rates

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The shape of the leaves: `()` for one schedule."""
        return leaves.shape_of(self)

    @property
    def end(self) -> Real:
        """The step at which the schedule, or the one inside it, ends, such as `max_steps`; None for one without an end."""
        inner = getattr(self, "schedule", None)
        if inner is not None and hasattr(inner, "end"):
            return inner.end
        return next(
            (getattr(self, name) for name in ("max_steps", "total_steps", "T_max") if hasattr(self, name)), None
        )

    def __getitem__(self, index: Any) -> Self:
        """The schedule, or the smaller batch, at `index` of the batch axes. Any NumPy index is allowed."""
        if not self.batch_shape:
            raise IndexError(f"this {type(self).__name__} is one schedule, not a batch, and has no index")
        if not any(isinstance(part, jax.core.Tracer) for part in jax.tree.leaves((index, self))):
            try:  # JAX would clamp an index that is out of range
                np.broadcast_to(False, self.batch_shape)[index]
            except (IndexError, TypeError) as error:
                raise IndexError(
                    f"{type(self).__name__}[{index!r}]: no index of a batch of shape {self.batch_shape}: {error}"
                ) from None
        return leaves.aligned(leaves.mapped(lambda leaf: leaf[index], self))

    def __len__(self) -> int:
        if not self.batch_shape:
            raise TypeError(f"this {type(self).__name__} is one schedule, not a batch, and has no length")
        return self.batch_shape[0]

    def __bool__(self) -> bool:
        return True  # without this, `if schedule:` would ask for the length

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(len(self)))

    def reshape(self, *shape: int) -> Self:
        """The same schedules in a batch of another shape; `reshape(-1)` gives one axis."""
        try:
            reshaped = leaves.mapped(lambda leaf: leaf.reshape(shape), self)
        except (TypeError, ValueError):
            asked = ", ".join(map(repr, shape))
            raise ValueError(
                f"{type(self).__name__}.reshape({asked}): a batch of shape {self.batch_shape} cannot take that shape; "
                "reshape(-1) gives one axis"
            ) from None
        return reshaped

    def replace(self, **changes: object) -> Self:
        """A copy with some fields changed, checked like a new schedule: `schedule.replace(learning_rate=1e-4)`."""
        lows = {name: low for name, low in self._lows.items() if name not in changes}
        kept = {name: leaves.Parts(getattr(self, name), low) for name, low in lows.items()}
        return dataclasses.replace(self, **kept, **changes)

    def __mul__(self, other: Schedule | Num[ArrayLike, "*#batch"] | Callable[..., ArrayLike]) -> Schedule:
        multiplies = callable(other) and not isinstance(other, type)
        made: Schedule = KINDS["Product"]((self, other)) if multiplies else KINDS["Scaled"](self, other)
        return made

    __rmul__ = __mul__

    def __truediv__(self, other: ArrayLike) -> Schedule:
        try:
            return self * (1 / other)
        except (TypeError, ZeroDivisionError):
            raise ValueError(f"{type(self).__name__}: divide by a number other than 0, not {shown(other)}") from None

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={fields.field_text(value)}" for name, value in self._settings().items())
        return f"{type(self).__name__}({shown})"

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Schedule):
            return NotImplemented
        ours, theirs = self._by_value(), other._by_value()
        return ours is not None and ours == theirs

    def __hash__(self) -> int:
        value = self._by_value()
        return id(self) if value is None else hash(value)

    def _by_value(self) -> object:
        """The kind, the choices and the settings, hashable; None if a setting is traced."""
        parts = self._parts()
        if any(isinstance(part, jax.core.Tracer) for part in parts):
            return None
        return jax.tree.structure(self), tuple(map(evaluation.hashable, parts))

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "_lifted"}

    @property
    def _lows(self) -> dict[str, Real]:
        """The low part of each setting that is not a NumPy number, by field."""
        lows: dict[str, Real] = self.__dict__.get("_low_parts", {})
        return lows

    def _mapped(self, function: Callable[[Real, Real], Real]) -> Self:
        """An unchecked copy with `function(setting, low part or None)` for each setting, those of inner schedules included."""
        new, lows = object.__new__(type(self)), self._lows
        for f in dataclasses.fields(self):
            value = self.__dict__[f.name]
            new.__dict__[f.name] = value if fields.is_static(f) else _mapped_value(value, lows.get(f.name), function)
        return new

    def _parts(self) -> list[Real]:
        """All settings, each followed by its low part or None."""
        parts: list[Real] = []
        self._mapped(lambda *both: parts.extend(both))
        return parts

    def _on_host(self) -> Self | None:
        """This schedule with Python floats as leaves, or None for a batch or a tracer. Cached, because leaves are immutable."""
        found: Self | None
        try:
            found = self.__dict__["_lifted"]
        except KeyError:
            single = all(np.ndim(part) == 0 and not isinstance(part, jax.core.Tracer) for part in self._parts())
            found = evaluation.lift(self, HOST, trailing_axes=0) if single else None
            self.__dict__["_lifted"] = found
        return found


def from_dict(values: Mapping[str, object]) -> Schedule:
    """The schedule that `schedule.to_dict()` describes.

    Args:
        values: what `to_dict` returns.

    Returns:
        The schedule.

    Raises:
        ValueError: If `kind` is missing or not defined. The class itself may raise other errors.

    >>> from_dict({"kind": "Linear", "learning_rate": 1e-4, "max_steps": 10})
    Linear(learning_rate=0.0001, max_steps=10, warmup_steps=0, min_lr=0.0)
    """
    kind = values.get("kind") if isinstance(values, Mapping) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"from_dict(): kind must name a class of schedules, such as 'Cosine', not {shown(kind)}")
    made: Schedule = KINDS[kind](**{name: _from_plain(value) for name, value in values.items() if name != "kind"})
    return made


def _to_plain(name: str, value: object) -> object:
    if isinstance(value, Schedule):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_to_plain(name, item) for item in value]
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, jax.core.Tracer) or callable(value):
        what = "traced" if isinstance(value, jax.core.Tracer) else "a function"
        raise TypeError(f"{name} is {what}, and no plain value")
    return np.asarray(value).tolist()


def _from_plain(value: object) -> object:
    if isinstance(value, Mapping):
        return from_dict(value)
    return [_from_plain(item) for item in value] if isinstance(value, list) else value


def _mapped_value(value: Real, low: Real, function: Callable[[Real, Real], Real]) -> Real:
    if value is None:
        return None
    if isinstance(value, tuple):
        return tuple(_mapped_value(item, None if low is None else low[i], function) for i, item in enumerate(value))
    return value._mapped(function) if isinstance(value, Schedule) else function(value, low)


def _require_python_number(schedule: Schedule, value: object) -> float:
    """The value of a formula of Python numbers, checked to be a number."""
    if isinstance(value, (int, float)):
        return value
    remedy = "compute with the functions of num, such as num.sqrt, or make an olr.Function"
    raise TypeError(f"{type(schedule).__name__}: _value gives a {type(value).__name__} for Python numbers; {remedy}")


def _is_concrete_scalar(step: object) -> bool:
    if not isinstance(step, jax.Array) or isinstance(step, jax.core.Tracer) or step.ndim:
        return False
    return step.is_fully_addressable and jnp.issubdtype(step.dtype, jnp.number)


def require_schedule(caller: str, value: object) -> Schedule:
    """Return `value`.

    Raises:
        TypeError: If `value` is not a schedule of this library.
    """
    if not isinstance(value, Schedule):
        many = "; stack([...]) makes a batch of several" if isinstance(value, (list, tuple)) else ""
        accepted = f"takes a schedule or a batch of them, such as olr.Cosine(...), not {shown(value)}{many}"
        raise TypeError(f"{caller}() {accepted}")
    return value


@dataclass_transform(
    frozen_default=True,
    eq_default=False,
    field_specifiers=(
        dataclasses.field,
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
    """Class decorator: make a frozen dataclass from a `Schedule`, and register it with JAX as a pytree.

    Args:
        cls: a subclass of `Schedule` whose fields are declared with `optax_lr.schedules.fields`, with a method `_value`.

    Returns:
        The class, with a constructor that checks the fields.

    Raises:
        TypeError: If the class has no formula, a field that no helper declares, or a name that the library uses.

    >>> from optax_lr.schedules import fields
    >>> @schedule
    ... class InverseRoot(Schedule):
    ...     learning_rate: fields.Number = fields.rate()
    ...     def _value(self, step, num):
    ...         return self.learning_rate * num.inverse_sqrt(step + 1)
    >>> InverseRoot(1.0)(3)
    np.float32(0.5)
    """
    if not isinstance(cls, type):
        raise TypeError(f"schedule() decorates a class, not {shown(cls)}; olr.Function takes a function")
    for name, value in vars(cls).items():
        if isinstance(value, dataclasses.Field) and name not in inspect.get_annotations(cls):
            raise TypeError(f"{cls.__name__}: {name} has no type; write {name}: Number = fields...")
    has_its_own = "__init__" in vars(cls)
    if issubclass(cls, Schedule) and not _is_ours(cls):
        if _is_ours(KINDS.get(cls.__name__)):
            raise TypeError(f"{cls.__name__}: optax_lr has a schedule of this name; give the class another")
        if "_value" in vars(cls):
            cls._value = of_a_user(cls._value)  # type: ignore[method-assign, assignment]
    cls = dataclasses.dataclass(frozen=True, eq=False, repr=False)(cls)
    if not has_its_own:
        cls = with_named_fields(cls)
    if issubclass(cls, Schedule):
        fields.require_helpers(cls, {*vars(Schedule), "kind"})
        _require_formula(cls)
        cls._decorated = True
    register_pytree(
        cls, exported=f"optax_lr.{cls.__name__}" if _is_ours(cls) else f"{cls.__module__}.{cls.__qualname__}"
    )
    if not cls.__name__.startswith("_"):  # the common fields of several classes
        KINDS[cls.__name__] = cls
    return cls


def _is_ours(cls: type | None) -> bool:
    return cls is not None and cls.__module__.startswith("optax_lr.")


def _require_formula(cls: type[Schedule]) -> None:
    if cls._value is Schedule._value or len(inspect.signature(cls._value).parameters) != 3:
        raise TypeError(f"{cls.__name__}: write the formula as a method _value(self, step, num) that returns the rate")


class WithWarmup(Schedule):
    """A `Schedule` that begins with a linear warmup from 0 to `learning_rate` over `warmup_steps` steps."""

    learning_rate: Number
    warmup_steps: Number

    def _after_warmup(self, step: Real, num: System) -> Real:
        """The rate from `warmup_steps` on."""
        raise NotImplementedError

    def _value(self, step: Real, num: System) -> Real:
        # Divide by `warmup_steps` first: the quotient is one number for the run, so a step costs one multiplication.
        warmup = num.ratio(self.learning_rate, num.at_least_one(self.warmup_steps)) * step
        return num.where(step < self.warmup_steps, warmup, self._after_warmup(step, num))
