"""Batches of different kinds of schedule: `stack`, `concatenate` and the `Mixed` batch that they return."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from optax_lr.arguments import shown
from optax_lr.arrays import Int32, Shaped
from optax_lr.memory import require_memory
from optax_lr.numerics import Real, System
from optax_lr.schedules import checks, fields
from optax_lr.schedules.base import Schedule, schedule
from optax_lr.schedules.fields import Number, Several, as_schedule
from optax_lr.schedules.function import AnySchedule
from optax_lr.schedules.leaves import aligned, broadcast, flat, mapped


@schedule
class Mixed(Schedule):
    """A batch whose rows are of different kinds; made by `stack` and `concatenate`.

    Row `i` follows `schedules[member[i]][i]`. Each member of `schedules` has the shape of the whole batch, with copies of
    one of its own rows where the row is of another kind. So the mix is data, and another mix compiles nothing.

    Fields:
        member: int32 `[*batch]`, which of the `schedules` each row follows.
        schedules: one batch `[*batch]` for each kind.

    >>> batch = stack([Linear(5e-5, max_steps=1000), Constant(1e-4)])
    >>> print(batch(500))
    [2.5e-05 1.0e-04]
    >>> batch[1]
    Constant(learning_rate=0.0001, warmup_steps=0)
    """

    member: Number = fields.count(unit="")
    schedules: Several[Schedule] = fields.schedules()

    def _check(self) -> None:
        member, known = checks.concrete(self.member), len(self.schedules)
        if member is not None and (member >= known).any():
            raise ValueError(f"Mixed: member must be below {known}, the number of schedules, not {member.max()}")

    def _value(self, step: Real, num: System) -> Real:
        return num.choose(self.member, [functools.partial(one._value, step, num) for one in self.schedules])

    def __getitem__(self, index: object) -> Any:
        rows = super().__getitem__(index)
        member = checks.concrete(rows.member)
        return rows.schedules[int(member)] if member is not None and member.ndim == 0 else rows


def stack(schedules: Sequence[AnySchedule]) -> Schedule:
    """One batch of `schedules`, in the order given, along a new first axis; kinds may differ.

    Schedules of one kind give a batch of that kind, others a `Mixed`; numbers, Optax's schedules and other functions of
    the step are schedules too. All must have the same `batch_shape`.

    Args:
        schedules: schedules, numbers and functions of the step, all of one `batch_shape`.

    Returns:
        A batch of shape `[len(schedules), *batch_shape]`.

    Raises:
        TypeError: If one is not a schedule.
        ValueError: If there is none, or the shapes differ.

    >>> stack([Linear(5e-5, max_steps=1000), Linear(1e-4, max_steps=1000)]).learning_rate
    array([5.e-05, 1.e-04])
    """
    schedules = listed("stack", schedules)
    shapes = {s.batch_shape for s in schedules}
    if len(shapes) > 1:
        shown = " and ".join(map(str, sorted(shapes)))
        raise ValueError(f"stack() takes schedules of one batch_shape, not {shown}; concatenate() joins batches")
    return concatenate([mapped(lambda leaf: leaf[None], s) for s in schedules])


def concatenate(batches: Sequence[Schedule]) -> Schedule:
    """One batch of the rows of `batches`, in the order given, along the first axis; kinds may differ.

    All but the first axis must agree.

    Args:
        batches: batches whose shapes differ only in the first axis.

    Returns:
        A batch whose first axis is as long as theirs together: of their kind, or a `Mixed`.

    Raises:
        TypeError: If one is not a schedule.
        ValueError: If there is none, one is not a batch, the other axes differ, or the result does not fit into memory.

    >>> concatenate([grid(Linear, learning_rate=[1e-5, 1e-4], max_steps=1000), stack([Constant(1e-4)])]).batch_shape
    (3,)
    """
    batches = listed("concatenate", batches)
    for batch in batches:
        if not batch.batch_shape:
            raise ValueError(f"concatenate() joins batches, and {batch!r} is one schedule; stack() takes those")
        if batch.batch_shape[1:] != batches[0].batch_shape[1:]:
            shapes = f"{batches[0].batch_shape} and {batch.batch_shape}"
            raise ValueError(
                f"concatenate(): the shapes {shapes} differ after the first axis; reshape(-1) gives one axis"
            )
    batches = [batch for batch in batches if len(batch)] or batches[:1]
    rows = sum(len(batch) for batch in batches)
    groups: dict[jax.tree_util.PyTreeDef, _Group] = {}
    kinds, start = [], 0
    for batch in batches:
        which, members = (batch.member, batch.schedules) if isinstance(batch, Mixed) else (np.int32(0), (batch,))
        numbers = []
        for member in members:
            leaves, structure = flat(broadcast(member, batch.batch_shape))
            group = groups.setdefault(structure, _Group(len(groups), [], np.zeros(rows, np.int32)))
            group.source[start : start + len(batch)] = np.arange(len(batch)) + sum(len(part[0]) for part in group.parts)
            group.parts.append(leaves)
            numbers.append(group.number)
        kinds.append(broadcast(np.asarray(numbers, np.int32)[which], batch.batch_shape))
        start += len(batch)
    trailing = batches[0].batch_shape[1:]
    require_memory(
        f"concatenate(): {' x '.join(f'{length:,}' for length in (rows, *trailing))} schedules of {len(groups)} kinds",
        math.prod((rows, *trailing)) * sum(len(group.parts[0]) for group in groups.values()) * 8,
        "join fewer schedules, or fewer kinds: each kind has a copy of every row",
    )
    members = tuple(jax.tree.unflatten(structure, group.leaves()) for structure, group in groups.items())
    return members[0] if len(members) == 1 else Mixed(_join(kinds), members)


@dataclasses.dataclass
class _Group:
    """The rows of one kind on their way into a `Mixed`: the leaves of each part, and the source of each result row."""

    number: int
    parts: list[list[Array | np.ndarray]]
    source: Int32[np.ndarray, " rows"]

    def leaves(self) -> list[Array | np.ndarray]:
        return aligned([_join(parts)[self.source] for parts in zip(*self.parts, strict=True)])


def _join(arrays: Sequence[Shaped[Array | np.ndarray, " _ *shape"]]) -> Shaped[Array | np.ndarray, " rows *shape"]:
    return jnp.concatenate(arrays) if any(isinstance(a, jax.Array) for a in arrays) else np.concatenate(arrays)


def listed(caller: str, given: object) -> list[Schedule]:
    """The schedules of a list or a batch.

    Raises:
        TypeError: If `given` is neither.
        ValueError: If it is empty.
    """
    if isinstance(given, str) or not isinstance(given, Iterable) or getattr(given, "batch_shape", None) == ():
        raise TypeError(f"{caller}() takes a list of schedules, not {shown(given)}")
    schedules = []
    for item in given:
        made = as_schedule(item)
        if not isinstance(made, Schedule):
            raise TypeError(f"{caller}() takes schedules, not {shown(made)}")
        schedules.append(made)
    if not schedules:
        raise ValueError(f"{caller}() needs at least one schedule")
    return schedules
