"""Cartesian grids of one kind of schedule, and the table of the settings of each row."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import jax
import numpy as np
from jax.typing import ArrayLike

from optax_lr.arguments import shown, unknown
from optax_lr.arrays import Num, Shaped
from optax_lr.batches.mixed import Mixed
from optax_lr.schedules.base import Schedule, require_schedule
from optax_lr.schedules.function import Function, function_name

_Kind = TypeVar("_Kind", bound=Schedule)


def grid(
    kind: type[_Kind],
    **axes: Num[ArrayLike, ""] | Num[ArrayLike, " _"] | Sequence[object] | Schedule | Callable[..., object] | None,
) -> _Kind:
    """Every combination of the given settings, as a batch with one axis for each list, in the order of the keywords.

    A list or a one-dimensional array is an axis; a single number applies to every schedule. `batch_shape` is the lengths of
    the axes.

    Args:
        kind: the class of the schedules.
        axes: each setting by name: a number, or a list or array `[n]`, which is an axis. For `Function`, `function` too.

    Returns:
        A batch of `kind` with one axis for each list.

    Raises:
        TypeError: If `kind` has no such field, or is `Function` and `function` is not given.
        ValueError: If an axis is empty or has more than one dimension, or if the field is a word and not a number (`stack` or
            `concatenate` one grid for each word).

    >>> batch = grid(Cosine, learning_rate=[1e-5, 1e-4, 1e-3], warmup_steps=[0, 100], max_steps=1000)
    >>> batch.batch_shape, batch[2, 1]
    ((3, 2), Cosine(learning_rate=0.001, max_steps=1000, warmup_steps=100, min_lr=0.0, num_cycles=0.5))
    """
    if not (isinstance(kind, type) and issubclass(kind, Schedule) and dataclasses.is_dataclass(kind)):
        raise TypeError(f"grid() takes a schedule class such as olr.Cosine, not {shown(kind)}")
    where = f"grid({kind.__name__}, ...)"
    known = {f.name: f.metadata for f in dataclasses.fields(kind)}
    if kind is Function and "function" not in axes:
        raise TypeError(
            f"{where}: function is missing; give a function of the step by name, function=f, and its settings"
        )
    lists: dict[str, jax.Array | np.ndarray] = {}
    for name, value in axes.items():
        if name not in known and kind is not Function:  # which takes settings of any name
            raise TypeError(unknown(where, "field", name, known))
        field: Mapping[str, object] = known.get(name, {})
        if field.get("several"):
            continue
        array = value if isinstance(value, jax.Array) else np.asarray(value)
        if array.ndim and field.get("static"):
            what = "one function" if name == "function" else "a word"
            raise ValueError(f"{where}: {name} is {what} and cannot be an axis; concatenate() one grid for each")
        if array.ndim > 1:
            raise ValueError(
                f"{where}: {name} must be a number or a list of numbers, not an array of shape {array.shape}; flatten it"
            )
        if not array.size:
            raise ValueError(f"{where}: {name} is empty; give it at least one value")
        if array.ndim:
            lists[name] = array
    reshaped = {name: array.reshape(-1, *[1] * axis) for axis, (name, array) in enumerate(reversed(lists.items()))}
    return kind(**{**axes, **reshaped})


def table(batch: Schedule) -> dict[str, Shaped[np.ndarray, " rows"]]:
    """The settings of each schedule of `batch`, as columns `[n]` in row order: ready for `pandas.DataFrame(table(batch))`.

    The first column, `kind`, names the class; then a column for each field, with NaN (or "" for words) where a kind has
    no such field or leaves it None. Fields of inner schedules are named with a dot. A `Function` has its settings by their
    names, and the name of its function.

    Args:
        batch: a batch of any shape and of any kinds, or one schedule.

    Returns:
        The columns by name, arrays `[n]`.

    >>> {name: column.tolist() for name, column in table(Constant([1e-3, 2e-3], warmup_steps=10)).items()}
    {'kind': ['Constant', 'Constant'], 'learning_rate': [0.001, 0.002], 'warmup_steps': [10, 10]}
    """
    require_schedule("table", batch)
    flat = batch.reshape(-1)
    rows = len(flat)
    if not isinstance(flat, Mixed):
        return {"kind": np.full(rows, type(flat).__name__), **_columns(flat, rows)}
    kind = np.asarray(flat.member)
    names = np.array([type(member).__name__ for member in flat.schedules])
    result = {"kind": names[kind]}
    for number in np.unique(kind):
        for name, column in _columns(flat.schedules[number], rows).items():
            words = column.dtype.kind == "U"
            blank = np.full(rows, "", dtype=object) if words else np.full(rows, np.nan)
            result[name] = np.where(kind == number, column, result.get(name, blank))
    return {name: _narrow(column) for name, column in result.items()}


def _columns(schedule: Schedule, rows: int, prefix: str = "") -> dict[str, Shaped[np.ndarray, " {rows}"]]:
    columns: dict[str, np.ndarray] = {}
    for name, value in schedule._settings().items():
        columns |= _columns_of(prefix + name, value, rows)
    return columns


def _columns_of(name: str, value: object, rows: int) -> dict[str, Shaped[np.ndarray, " {rows}"]]:
    """The column of a setting; several for a list and for an inner schedule."""
    if value is None:
        return {}
    if isinstance(value, tuple):
        items = [_columns_of(f"{name}.{i}", item, rows) for i, item in enumerate(value)]
        return {label: column for columns in items for label, column in columns.items()}
    if isinstance(value, Schedule):
        return {name: np.full(rows, type(value).__name__), **_columns(value, rows, f"{name}.")}
    array = np.broadcast_to(np.asarray(function_name(value) if callable(value) else value), (rows,))
    # The shortest decimals of the float32, not those of the float64 of the same value: 5e-05 and not 4.999999873689376e-05.
    return {name: array.astype(str).astype(np.float64) if array.dtype == np.float32 else array}


def _narrow(column: Shaped[np.ndarray, " rows"]) -> Shaped[np.ndarray, " rows"]:
    if column.dtype == object:
        return column.astype(str)
    whole = column.dtype.kind == "f" and np.isfinite(column).all() and (column == np.floor(column)).all()
    return column.astype(np.int64) if whole and (np.abs(column) > 0).any() else column
