"""The kinds of fields of a schedule: how each is checked, stored, shown, and converted to leaves of a pytree.

Concrete values are checked once, when a schedule is made, and stored as NumPy float64 or int32 of one shape; JAX arrays
are stored as they are. Tracers are not checked, because their values are unknown.

A float64 must pass through compiled functions and checkpoints as float32. A schedule is proportional to its rates, so for
a rate the nearest float32 is enough. Any other number may be raised to a power or multiplied by the step, so it has two
leaves: the nearest float32, and the rounding error.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.tree_util import keystr, tree_leaves_with_path
from jax.typing import ArrayLike

from optax_lr.arguments import shown, unquoted
from optax_lr.arrays import Num, PyTree, Shaped
from optax_lr.memory import require_memory
from optax_lr.numerics import FLOAT64, Real, x64_is_on
from optax_lr.schedules.leaves import aligned, mapped

LARGEST_STEP = 2**31 - 1
LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
_REQUIRED = dataclasses.MISSING
KINDS: dict[str, type] = {}  # the schedule classes by name, filled by `schedule`
Declared = Any  # what a helper returns: to a type checker, the field has the type of its annotation
_Metadata = Mapping[str, Any]  # of a field: its kind, bounds, words and flags

_Taken = TypeVar("_Taken")
_Kept = TypeVar("_Kept")
_Item = TypeVar("_Item")
_Tree = TypeVar("_Tree")
_Check = Callable[[str, object, _Metadata], object]  # of the name and the value of a field
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


@dataclasses.dataclass(frozen=True)
class Parts:
    """A setting and its low part, if they are not one NumPy number."""

    high: Real
    low: Real


def is_static(field: dataclasses.Field[object]) -> bool:
    """Whether the field is part of the structure of the pytree instead of a leaf."""
    return bool(field.metadata.get("static"))


def is_split(field: dataclasses.Field[object]) -> bool:
    """Whether the field has two leaves, both float32."""
    return bool(field.metadata.get("split"))


def leaf(value: Real) -> Real:
    """A setting as a leaf: float64 only if x64 is on, and an array, because Orbax restores no NumPy scalars."""
    if isinstance(value, tuple):
        return tuple(map(leaf, value))
    if not isinstance(value, (np.ndarray, np.generic)):
        return value
    if value.dtype == np.float64 and not x64_is_on():
        with np.errstate(over="ignore", under="ignore"):
            value = value.astype(np.float32)
    return np.asarray(value)


def parted(value: Real, low: Real) -> tuple[Real, Real]:
    """The two leaves of a setting: the nearest float32, and the rounding error."""
    if low is not None or value is None:
        return value, low
    if isinstance(value, tuple):
        both = [parted(item, None) for item in value]
        return tuple(high for high, _ in both), tuple(low for _, low in both)
    if isinstance(value, (np.ndarray, np.floating)) and value.dtype == np.float64:
        with np.errstate(over="ignore", under="ignore"):
            near = value.astype(np.float32)
            low = (value - near).astype(np.float32)
            # So that the sum of both rounds to `near`, by which the low part is recognised.
            too_far = (near + low.astype(np.float64)).astype(np.float32) != near
            low = np.where(too_far, np.nextafter(low, np.float32(0)), low)
            return np.asarray(value if x64_is_on() else near), low
    return leaf(value), np.zeros(np.shape(value), np.float32)


def setting(leaf: Real) -> Real:
    """The setting that has only this leaf."""
    if isinstance(leaf, tuple):
        return tuple(map(setting, leaf))
    if isinstance(leaf, (np.ndarray, np.floating)) and leaf.dtype == np.float32:
        leaf = leaf.astype(np.float64)
    return leaf[()] if isinstance(leaf, np.ndarray) and not leaf.ndim else leaf


def rejoined(high: Real, low: Real) -> tuple[Real, Real]:
    """The setting with these two leaves, and its low part if it is stored apart."""
    if high is None or low is None:
        return high, low
    if isinstance(high, tuple) and isinstance(low, tuple) and len(high) == len(low):
        both = [rejoined(*pair) for pair in zip(high, low, strict=True)]
        if all(low is None for _, low in both):
            return tuple(high for high, _ in both), None
        return high, low
    if not all(isinstance(x, (np.ndarray, np.floating)) for x in (high, low)):
        return high, low
    return FLOAT64.joined(high, low), None


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


def shape_of(tree: object) -> tuple[int, ...]:
    """The shape to which the leaves of `tree` (an array or a schedule) broadcast."""
    shapes = {np.shape(leaf) for leaf in jax.tree.leaves(tree)}
    return shapes.pop() if len(shapes) == 1 else np.broadcast_shapes(*shapes)


def broadcast(tree: _Tree, shape: tuple[int, ...]) -> _Tree:
    """`tree` with every leaf broadcast to `shape`; NumPy leaves stay NumPy's."""

    def bring(leaf: Real) -> Real:
        return (np if isinstance(leaf, (np.ndarray, np.generic)) else jnp).broadcast_to(leaf, shape)

    return mapped(bring, tree)


def concrete(value: object) -> Shaped[np.ndarray, "..."] | None:
    """`value` as a NumPy array, or None if it is a tracer or None."""
    return None if value is None or isinstance(value, jax.core.Tracer) else np.asarray(value)


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


def as_array(name: str, value: object, what: str = "a number or an array of numbers") -> Num[Array | np.ndarray, "..."]:
    """`value` as a tracer, a `jax.Array` or a NumPy array of numbers; `what` is allowed."""
    if isinstance(value, jax.core.Tracer):
        return value
    if hasattr(value, "__jax_array__"):  # such as a variable of Flax
        return as_array(name, value.__jax_array__(), what)
    try:
        array = value if isinstance(value, jax.Array) else np.asarray(value)
    except ValueError:  # lists of different lengths
        array = np.asarray(None)
    if array.dtype == object and isinstance(value, int):  # beyond what int64 holds
        array = np.asarray(float(value) if abs(value) < 2**1023 else math.inf)
    if not (jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)):
        raise TypeError(f"{name} must be {what}, not {shown(value)}{unquoted(value)}")
    return array


def _refuse_empty_list(name: str, value: object) -> None:
    """An empty array makes an empty batch; an empty list is a mistake."""
    if isinstance(value, (list, tuple)) and not value:
        raise ValueError(f"{name} is empty; give it at least one value")


def _scalar(array: Num[Array | np.ndarray, "*batch"]) -> Num[Array | np.ndarray | np.number, "*batch"]:
    """Convert a NumPy array without axes to a NumPy scalar, which is immutable and fast to read."""
    return array[()] if isinstance(array, np.ndarray) and array.ndim == 0 else array


def _require(name: str, must: str, array: np.ndarray, right: np.ndarray | np.bool, more: str = "") -> None:
    """Raise `ValueError` with the first value of `array` that is not `right`."""
    if not right.all():
        raise ValueError(f"{name} must be {must}, not {_first(array, ~right)}{more}")


def _first(array: np.ndarray, which: np.ndarray | np.bool) -> str:
    """The first of the chosen values, in the digits of its dtype."""
    return str(array[which].ravel()[0] if array.ndim else array[()])


_BOUNDS = {
    "above": ("above", operator.gt),
    "least": ("at least", operator.ge),
    "most": ("at most", operator.le),
    "below": ("below", operator.lt),
}


def _check_number(name: str, value: object, bounds: _Metadata) -> Num[ArrayLike, "..."]:
    _refuse_empty_list(name, value)
    array = as_array(name, value)
    floating = jnp.float64 if x64_is_on() else jnp.float32
    array = array.astype(floating if isinstance(array, jax.Array) else np.float64)
    if isinstance(array, jax.core.Tracer):
        return array
    seen = np.asarray(array)
    _require(name, "finite", seen, np.isfinite(seen))
    if floating == jnp.float32:
        _require(name, "at most 3.4e+38, the largest float32", seen, abs(seen) <= LARGEST_FLOAT32)
    for bound, (words, holds) in _BOUNDS.items():
        if bounds.get(bound) is not None:
            _require(name, f"{words} {bounds[bound]}", seen, holds(seen, bounds[bound]))
    return _scalar(array)


def _check_count(name: str, value: object, bounds: _Metadata) -> Num[ArrayLike, "..."]:
    _refuse_empty_list(name, value)
    return whole_steps(name, value, unit=bounds.get("unit", "optimizer steps"), least=bounds.get("least", 0))


def _check_items(name: str, value: object) -> list[object]:
    if isinstance(value, (list, tuple)) or (isinstance(value, Iterable) and getattr(value, "ndim", 0) > 0):
        return list(value)
    one = f"; write [{value!r}] for one" if isinstance(value, (int, float)) else ""
    raise TypeError(f"{name} must be a list of numbers, not {shown(value)}{one}")


def _check_each(check: _Check) -> _Check:
    """The check of a list whose items are checked by `check`."""

    def checked(name: str, value: object, bounds: _Metadata) -> tuple[object, ...]:
        return tuple(check(f"{name}[{i}]", item, bounds) for i, item in enumerate(_check_items(name, value)))

    return checked


def whole_steps(
    name: str, value: object, *, unit: str = "optimizer steps", least: int = 0
) -> Num[Array | np.ndarray | np.number, "..."]:
    """`value` as int32, if every number in it is whole and from `least` to 2**31 - 1; `unit` is what it counts."""
    if type(value) is int and least <= value <= LARGEST_STEP:  # as in nearly every sweep, and far quicker than NumPy
        return np.int32(value)
    array = as_array(name, value)
    if isinstance(array, jax.core.Tracer):
        return array
    seen, of_steps = np.asarray(array), unit == "optimizer steps"
    _require(name, "finite", seen, np.isfinite(seen))
    more = " (a Trainer takes the ceiling of a ratio of the run)" * of_steps
    whole = f"a whole number of {unit}" if unit else "a whole number"
    _require(name, whole, seen, seen == np.floor(seen), f"; round it first{more}")
    _require(name, f"at least {least}", seen, seen >= least)
    more = ": count in a larger unit, such as millions of tokens, and pass update(..., position=...)" * of_steps
    _require(name, "at most 2**31 - 1", seen, seen <= LARGEST_STEP, more)
    return _scalar(array.astype(jnp.int32))


def checked_step(owner: str, step: object) -> Num[Array | np.ndarray | np.number, "..."]:
    """A step, or an array of steps.

    Raises:
        TypeError: If `step` is not a number.
        ValueError: If int32 cannot count it.
    """
    array = as_array(f"{owner}: step", step)
    if not isinstance(array, np.ndarray):
        return array
    if array.ndim == 0:
        _require(f"{owner}: step", "finite", array, np.isfinite(array))
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8 and not x64_is_on():  # JAX would wrap it around
        _require(f"{owner}: step", "at most 2**31 - 1", array, array <= LARGEST_STEP, ": JAX counts in int32")
        array = np.maximum(array, 0)
    return array


def as_schedule(value: object) -> object:
    """`value` as a schedule, if it is a schedule, a number, or a function of the step; otherwise `value` itself."""
    if isinstance(value, (type, bool)) or (dataclasses.is_dataclass(value) and hasattr(value, "_value")):
        return value
    if isinstance(value, (int, float, np.number, np.ndarray, jax.Array)):
        return KINDS["Constant"](value)
    return KINDS["Function"](value) if callable(value) else value


def _check_inner(name: str, value: object, _bounds: _Metadata) -> object:
    value = as_schedule(value)
    # An array of JAX has a `_value` too, and a class of schedule is not yet a schedule.
    if isinstance(value, type) or not dataclasses.is_dataclass(value) or not hasattr(value, "_value"):
        raise TypeError(f"{name} must be a schedule, a number or a function of the step, not {shown(value)}")
    if hasattr(value, "metric_state"):
        kind = type(value).__name__
        raise TypeError(f"{name}: {kind} follows a metric: put the other schedules inside it, {kind}(schedule)")
    return value


def _check_schedules(name: str, value: object, bounds: _Metadata) -> tuple[object, ...]:
    if not isinstance(value, (list, tuple)) or not value:
        raise TypeError(f"{name} must be a list of at least one schedule, not {shown(value)}")
    return tuple(_check_inner(f"{name}[{i}]", item, bounds) for i, item in enumerate(value))


def _check_choice(name: str, value: object, bounds: _Metadata) -> object:
    if not isinstance(value, (str, bool, np.bool)) or value not in bounds["among"]:
        given = repr(value) if isinstance(value, str) else shown(value)
        raise ValueError(f"{name} must be one of {', '.join(map(repr, bounds['among']))}, not {given}")
    return value


_CHECKS: dict[str, _Check] = {
    "rate": _check_number,
    "count": _check_count,
    "number": _check_number,
    "counts": _check_each(_check_count),
    "numbers": _check_each(_check_number),
    "schedule": _check_inner,
    "schedules": _check_schedules,
    "choice": _check_choice,
}


def require_below(schedule: object, low: str, high: str, why: str) -> None:
    """Refuse a schedule in which field `low` is not below field `high`, if both are concrete."""
    lows, highs = concrete(getattr(schedule, low)), concrete(getattr(schedule, high))
    if lows is not None and highs is not None and (wrong := lows >= highs).any():
        found = f"{_first(lows, wrong)} with {high} {_first(highs, wrong)}"
        raise ValueError(f"{type(schedule).__name__}: {low} must be below {high}, not {found}: {why}")


def require_rising(owner: str, name: str, values: Sequence[object]) -> None:
    """Refuse step counts that do not rise from one to the next, if they are concrete."""
    for i, (before, after) in enumerate(itertools.pairwise(map(concrete, values))):
        if before is not None and after is not None and (after <= before).any():
            raise ValueError(f"{owner}: {name} must rise, but {name}[{i + 1}] is {after} after {before}")
