"""Checks of the numbers in settings and steps, with one-line errors; tracers pass, because their values are unknown."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from optax_lr.arguments import shown, unquoted
from optax_lr.arrays import Num, Shaped
from optax_lr.numerics import x64_is_on

Metadata = Mapping[str, Any]  # of a field: its kind, bounds, words and flags
LARGEST_STEP = 2**31 - 1
LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
_BOUNDS = {
    "above": ("above", operator.gt),
    "least": ("at least", operator.ge),
    "most": ("at most", operator.le),
    "below": ("below", operator.lt),
}


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


def check_number(name: str, value: object, bounds: Metadata) -> Num[ArrayLike, "..."]:
    """`value` as floating-point numbers that are finite and within the bounds."""
    refuse_empty_list(name, value)
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
        if (limit := bounds.get(bound)) is not None:
            _require(name, f"{words} {limit}", seen, holds(seen, limit))
    return _scalar(array)


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


def concrete(value: object) -> Shaped[np.ndarray, "..."] | None:
    """`value` as a NumPy array, or None if it is a tracer or None."""
    return None if value is None or isinstance(value, jax.core.Tracer) else np.asarray(value)


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


def refuse_empty_list(name: str, value: object) -> None:
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
