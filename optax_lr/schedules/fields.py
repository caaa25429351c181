"""The kinds of fields of a schedule: how each is declared, checked, stored and shown.

Concrete values are checked once, when a schedule is made, and stored as NumPy float64 or int32 of one shape; JAX arrays
are stored as they are. Tracers are not checked, because their values are unknown.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import jax
import numpy as np
from jax.tree_util import keystr, tree_leaves_with_path
from jax.typing import ArrayLike

from optax_lr.arguments import shown
from optax_lr.arrays import Num, PyTree, Shaped
from optax_lr.memory import require_memory
from optax_lr.numerics import Real
from optax_lr.schedules.checks import Metadata, check_number, refuse_empty_list, whole_steps
from optax_lr.schedules.leaves import Parts, aligned, broadcast, shape_of

_REQUIRED = dataclasses.MISSING
KINDS: dict[str, type] = {}  # the schedule classes by name, filled by `schedule`
Declared = Any  # what a helper returns: to a type checker, the field has the type of its annotation

_Taken = TypeVar("_Taken")
_Kept = TypeVar("_Kept")
_Item = TypeVar("_Item")
_Check = Callable[[str, object, Metadata], object]  # of the name and the value of a field
Setting = Num[ArrayLike, "*#batch"] | Sequence[ArrayLike]  # a number, an array or a list of numbers

if TYPE_CHECKING:

    class _Field(Generic[_Taken, _Kept]):
        """A field as a type checker sees it: it is set to a `_Taken`, and read as the `_Kept` that `canonicalise` stores."""

        def __get__(self, schedule: object, owner: object = None) -> _Kept: ...
        def __set__(self, schedule: object, value: _Taken) -> None: ...

    Number: TypeAlias = _Field[Setting, Real]
    OptionalNumber: TypeAlias = _Field[Setting | None, Real]
    Numbers: TypeAlias = _Field[Sequence[Setting], tuple[Real, ...]]
    Several: TypeAlias = _Field[Sequence[_Item], tuple[_Item, ...]]
else:
    Number = Setting
    OptionalNumber = Setting | None
    Numbers = Sequence[Setting]
    Several = Sequence


def _declared(kind: str, default: object = _REQUIRED, **metadata: object) -> Declared:
    return dataclasses.field(default=default, metadata={"kind": kind, **metadata})


def rate(default: object = _REQUIRED) -> Declared:
    """A learning rate: finite, at least 0."""
    return _declared("rate", default, least=0)


def count(default: object = _REQUIRED, *, least: int = 0, unit: str = "optimizer steps") -> Declared:
    """A number of steps, or of another `unit`: whole, from `least` to 2**31 - 1."""
    return _declared("count", default, least=least, unit=unit)


def number(
    default: object = _REQUIRED,
    *,
    above: float | None = None,
    least: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> Declared:
    """Any finite number within the given bounds."""
    return _declared("number", default, above=above, least=least, most=most, below=below, split=True)


def counts(default: object = _REQUIRED) -> Declared:
    """Several numbers of steps, in a tuple of leaves; a list of them is not an axis of a batch."""
    return _declared("counts", default, several=True)


def numbers(default: object = _REQUIRED, *, least: float | None = None) -> Declared:
    """Several finite numbers, in a tuple of leaves."""
    return _declared("numbers", default, several=True, split=True, least=least)


def inner() -> Declared:
    """A schedule inside a schedule."""
    return _declared("schedule")


def schedules() -> Declared:
    """Several schedules inside a schedule, in a tuple."""
    return _declared("schedules")


def choice(default: object, *, among: tuple[object, ...]) -> Declared:
    """One of a few words. It is static: another choice compiles again."""
    return _declared("choice", default, among=among, static=True)


def is_static(field: dataclasses.Field[object]) -> bool:
    """Whether the field is part of the structure of the pytree instead of a leaf."""
    return bool(field.metadata.get("static"))


def is_split(field: dataclasses.Field[object]) -> bool:
    """Whether the field has two leaves, both float32."""
    return bool(field.metadata.get("split"))


def require_helpers(kind: type, taken: Iterable[str]) -> None:
    """Raise `TypeError` for a class with a field that no function of this module declares, or with a `taken` name."""
    leaves = {f"{f.name}_low" for f in dataclasses.fields(kind) if is_split(f)}
    for f in dataclasses.fields(kind):
        if f.name in leaves or f.name in taken:
            raise TypeError(f"{kind.__name__}: a field cannot be named {f.name!r}, which schedules use; rename it")
        if not f.metadata:
            example = f"{f.name}: Number = fields.number()"
            raise TypeError(f"{kind.__name__}: {f.name} must be declared with optax_lr.schedules.fields, as {example}")


def canonicalise(schedule: PyTree) -> None:
    """Check the fields of a new schedule, and replace each by an array or scalar of the right dtype and the common shape."""
    owner = type(schedule).__name__
    values = {f.name: getattr(schedule, f.name) for f in dataclasses.fields(schedule)}
    lows = {name: value.low for name, value in values.items() if isinstance(value, Parts)}
    values |= {name: values[name].high for name in lows}
    for f in dataclasses.fields(schedule):
        if "kind" in f.metadata and not (values[f.name] is None and f.default is None):
            values[f.name] = _CHECKS[f.metadata["kind"]](f"{owner}: {f.name}", values[f.name], f.metadata)
    data = {f.name: values[f.name] for f in dataclasses.fields(schedule) if not is_static(f)}
    try:
        shapes = {name: shape_of(value) for name, value in data.items()}
        shape = np.broadcast_shapes(*shapes.values())
    except ValueError:
        leaves = tree_leaves_with_path(data)
        parts = [f"{keystr(at, simple=True, separator='.')} {np.shape(x)}" for at, x in leaves if np.shape(x)]
        raise ValueError(
            f"{owner}: the fields do not broadcast: {', '.join(parts)}; give them one shape, or use grid()"
        ) from None
    rows = math.prod(shape)
    if rows > 1:
        require_memory(
            f"{owner}: {' x '.join(f'{length:,}' for length in shape)} schedules",
            rows * len(jax.tree.leaves(data)) * np.dtype(np.float64).itemsize,
            "give fewer values, or make several batches one after the other",
        )
    values |= {
        name: broadcast(value, shape)
        for name, value in data.items()
        if shapes[name] != shape or isinstance(value, tuple)
    }
    if lows:
        schedule.__dict__["_low_parts"] = {name: broadcast(low, shape) for name, low in lows.items()}
    for name, value in values.items():
        object.__setattr__(schedule, name, aligned(value) if shape else value)


def field_text(value: object) -> str:
    """A field as `repr` prints it: text that evaluates to the value, shortened for large batches."""
    if isinstance(value, tuple):
        items = ", ".join(map(field_text, value))
        return f"({items},)" if len(value) == 1 else f"({items})"
    if isinstance(value, (jax.core.Tracer, str)) or value is None or not hasattr(value, "dtype"):
        return repr(value)
    array = shortest(np.asarray(value))
    if array.ndim == 0:
        return str(array[()])
    return np.array2string(array, separator=", ", threshold=100, max_line_width=10**6).replace("\n", "")


def shortest(array: Shaped[np.ndarray, "*batch"]) -> Shaped[np.ndarray, "*batch"]:
    """`array` in float32 if this is exact, so that its decimals are the shortest: 5e-05 instead of 4.999999873689376e-05."""
    if array.dtype != np.float64:
        return array
    with np.errstate(over="ignore", under="ignore"):
        short = array.astype(np.float32)
    return short if (short == array).all() else array


def _check_count(name: str, value: object, bounds: Metadata) -> Num[ArrayLike, "..."]:
    refuse_empty_list(name, value)
    return whole_steps(name, value, unit=bounds.get("unit", "optimizer steps"), least=bounds.get("least", 0))


def _check_each(check: _Check) -> _Check:
    """The check of a list whose items are checked by `check`."""

    def checked(name: str, value: object, bounds: Metadata) -> tuple[object, ...]:
        if isinstance(value, (list, tuple)) or (isinstance(value, Iterable) and getattr(value, "ndim", 0) > 0):
            return tuple(check(f"{name}[{i}]", item, bounds) for i, item in enumerate(value))
        one = f"; write [{value!r}] for one" if isinstance(value, (int, float)) else ""
        raise TypeError(f"{name} must be a list of numbers, not {shown(value)}{one}")

    return checked


def as_schedule(value: object) -> object:
    """`value` as a schedule, if it is a schedule, a number, or a function of the step; otherwise `value` itself."""
    if isinstance(value, (type, bool)) or (dataclasses.is_dataclass(value) and hasattr(value, "_value")):
        return value
    if isinstance(value, (int, float, np.number, np.ndarray, jax.Array)):
        return KINDS["Constant"](value)
    return KINDS["Function"](value) if callable(value) else value


def _check_inner(name: str, value: object, _bounds: Metadata) -> object:
    value = as_schedule(value)
    # An array of JAX has a `_value` too, and a class of schedule is not yet a schedule.
    if isinstance(value, type) or not dataclasses.is_dataclass(value) or not hasattr(value, "_value"):
        raise TypeError(f"{name} must be a schedule, a number or a function of the step, not {shown(value)}")
    if hasattr(value, "metric_state"):
        kind = type(value).__name__
        raise TypeError(f"{name}: {kind} follows a metric: put the other schedules inside it, {kind}(schedule)")
    return value


def _check_schedules(name: str, value: object, bounds: Metadata) -> tuple[object, ...]:
    if not isinstance(value, (list, tuple)) or not value:
        raise TypeError(f"{name} must be a list of at least one schedule, not {shown(value)}")
    return tuple(_check_inner(f"{name}[{i}]", item, bounds) for i, item in enumerate(value))


def _check_choice(name: str, value: object, bounds: Metadata) -> object:
    if not isinstance(value, (str, bool, np.bool)) or value not in bounds["among"]:
        given = repr(value) if isinstance(value, str) else shown(value)
        raise ValueError(f"{name} must be one of {', '.join(map(repr, bounds['among']))}, not {given}")
    return value


_CHECKS: dict[str, _Check] = {
    "rate": check_number,
    "count": _check_count,
    "number": check_number,
    "counts": _check_each(_check_count),
    "numbers": _check_each(check_number),
    "schedule": _check_inner,
    "schedules": _check_schedules,
    "choice": _check_choice,
}
