"""The state of an optimizer with schedules: finding them in it, and the buffers of its leaves."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterator
from typing import NamedTuple, TypeVar

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

from optax_lr.arrays import Float, Int32, Num, PyTree
from optax_lr.schedules.base import Schedule

_Class = TypeVar("_Class", bound=type)
_Tree = TypeVar("_Tree")
KeyPath = tuple[Hashable, ...]  # of a node in a tree


def exported(cls: _Class) -> _Class:
    """Class decorator: register a NamedTuple with `jax.export`, under its name in this package."""
    jax.export.register_namedtuple_serialization(cls, serialized_name=f"optax_lr.{cls.__name__}")
    return cls


@exported
class ScheduleState(NamedTuple):
    """One scheduled argument of an optimizer.

    Fields:
        schedule: the schedule or control, whose settings are leaves; None for a function, which stays in the program.
        value: the value of the last update; after `init`, `observe` and `set_schedule`, of the next one. The lowest
            number of its dtype while a value that was put into `hyperparams` by hand is in use.
        metric_state: the metrics that a control has seen; None for a schedule.
    """

    schedule: Schedule | None
    value: Float[jax.Array, "..."]
    metric_state: PyTree


@exported
class InjectSchedulesState(NamedTuple):
    """The state of an optimizer made by `inject_schedules`.

    Fields:
        count: updates made so far, int32, or the step that `set_schedule(..., position=n)` has set.
        position: the position given to the last update, float32; -1 if none was given and `count` is the position.
        hyperparams: the value in use of each argument, by its name, as in `optax.inject_hyperparams`.
        schedules: the `ScheduleState` of each scheduled argument; that of `learning_rate` is `learning_rate_schedule`.
        inner_state: the state of the optimizer itself.
    """

    count: Int32[jax.Array, "..."]  # type: ignore[assignment]  # in place of tuple.count
    position: Float[jax.Array, "..."]
    hyperparams: dict[str, Num[jax.Array, "..."]]
    schedules: dict[str, ScheduleState]
    inner_state: PyTree


def key_of(name: str) -> str:
    """The key of an argument's schedule. It is not the bare name, which must be unique for `optax.tree.get`."""
    return f"{name}_schedule"


def name_of(key: str) -> str:
    """The argument's name, for the key of its schedule."""
    return key.removesuffix("_schedule")


def is_carrier(node: object) -> bool:
    """Whether a node of a tree is the state of an optimizer made by `inject_schedules`."""
    return isinstance(node, InjectSchedulesState)


def carriers(state: object) -> dict[str, InjectSchedulesState]:
    """The states of `inject_schedules` in a tree, also inside one another, by the name of their group of parameters."""
    found = list(nested(state, is_carrier))
    return dict(zip(group_names([path for path, _ in found]), [node for _, node in found], strict=True))


def nested(tree: PyTree, is_leaf: Callable[[PyTree], bool], above: KeyPath = ()) -> Iterator[tuple[KeyPath, PyTree]]:
    """The paths and nodes for which `is_leaf` holds, and those in the `inner_state` of each."""
    for path, node in jax.tree_util.tree_leaves_with_path(tree, is_leaf=is_leaf):
        if is_leaf(node):
            yield (*above, *path), node
            yield from nested(node.inner_state, is_leaf, (*above, *path, jax.tree_util.GetAttrKey("inner_state")))


def map_carriers(change: Callable[[str, InjectSchedulesState], InjectSchedulesState], state: _Tree) -> _Tree:
    """`state` with every state of `inject_schedules` replaced by `change(group, state)`."""
    groups = iter(carriers(state))

    def changed(node: PyTree) -> PyTree:
        if not is_carrier(node):
            return node
        return change(next(groups), node)._replace(inner_state=walked(node.inner_state))

    def walked(tree: PyTree) -> PyTree:
        return jax.tree.map(changed, tree, is_leaf=is_carrier)

    mapped: _Tree = walked(state)
    return mapped


def group_names(paths: list[KeyPath]) -> list[str]:
    """Short unique names for paths in a state: the labels of `optax.partition` on the path, or as much as makes them unique.

    A single path is named `learning_rate`, and so is a path that contains all the others.
    """
    if len(paths) == 1:
        return ["learning_rate"]
    labels = [[str(part.key) for part in path if isinstance(part, jax.tree_util.DictKey)] for path in paths]
    while labels and all(labels) and len({parts[0] for parts in labels}) == 1:
        labels = [parts[1:] for parts in labels]
    names = ["/".join(parts) for parts in labels]
    if "" in names or len(set(names)) < len(names):
        names = [jax.tree_util.keystr(path, simple=True, separator="/") or "learning_rate" for path in paths]
    return names


def unwrapped(function: Callable[..., _Tree], holder: _Tree, *arguments: object) -> _Tree:
    """`function(state, *arguments)` for the state that `holder` is or contains.

    The state of an `nnx.Optimizer`, which holds variables, is changed in place, and the optimizer is returned.
    """
    nnx = sys.modules.get("flax.nnx")
    if nnx is None:
        return function(holder, *arguments)
    _require_merged(holder)
    variables: PyTree = holder.opt_state if isinstance(holder, nnx.Optimizer) else holder
    if not any(isinstance(leaf, nnx.Variable) for leaf in jax.tree.leaves(variables, is_leaf=_is_variable)):
        return function(holder, *arguments)
    before = nnx.as_pure(variables)
    after = function(before, *arguments)
    structure: object = jax.tree.structure(before)
    if structure == jax.tree.structure(after):
        nnx.update(variables, nnx.state(after))
    elif holder is variables:
        raise ValueError(
            "another kind of schedule changes the state's structure: pass the nnx.Optimizer, not its opt_state"
        )
    else:
        setattr(holder, "opt_state", nnx.data(_with_carriers(variables, after)))  # noqa: B010 - of an nnx.Optimizer
    return holder


def _with_carriers(variables: PyTree, after: PyTree) -> PyTree:
    """The variables of an `nnx.Optimizer`, with the schedules of `after` in new variables."""
    from flax.nnx.training.optimizer import OptArray

    new = iter(carriers(after).values())

    def replaced(node: PyTree) -> PyTree:
        if not is_carrier(node):
            return node
        made: InjectSchedulesState = jax.tree.map(OptArray, next(new)._replace(inner_state=None))
        return made._replace(inner_state=walked(node.inner_state))

    def walked(tree: PyTree) -> PyTree:
        return jax.tree.map(replaced, tree, is_leaf=lambda node: is_carrier(node) or _is_variable(node))

    return walked(variables)


def pure(state: PyTree) -> PyTree:
    """`state` without the variables of an `nnx.Optimizer`."""
    nnx = sys.modules.get("flax.nnx")
    if nnx is None:
        return state
    _require_merged(state)
    return nnx.as_pure(state.opt_state if isinstance(state, nnx.Optimizer) else state)


def _require_merged(holder: object) -> None:
    """Refuse the state of `nnx.split`, which keeps arrays and no kinds."""
    if isinstance(holder, sys.modules["flax.nnx"].State) and not carriers(holder):
        remedy = "pass the nnx.Optimizer that nnx.merge(graphdef, state) gives"
        raise TypeError(f"an nnx.State of nnx.split does not know where the schedules are: {remedy}")


def _is_variable(node: object) -> bool:
    return isinstance(node, sys.modules["flax.nnx"].Variable)


# Buffers


def owned(tree: _Tree, apart_from: object = ()) -> _Tree:
    """`tree` with a separate buffer for every leaf, shared neither within the tree nor with `apart_from`.

    A state whose leaves share a buffer cannot be donated to a jitted step, and a donated buffer is deleted for all its users.
    """
    seen = {buffer for leaf in jax.tree.leaves(apart_from) for buffer in _buffers(leaf)}

    def own(leaf: object) -> object:
        if not isinstance(leaf, jax.Array):
            return jnp.array(leaf) if isinstance(leaf, (np.ndarray, np.generic, int, float)) else leaf
        if jnp.issubdtype(leaf.dtype, jax.dtypes.extended):  # random keys
            return leaf
        buffers = _buffers(leaf)
        if not seen.isdisjoint(buffers):
            leaf = _copied_leaf(leaf)
            buffers = _buffers(leaf)
        seen.update(buffers)
        return leaf

    mapped: _Tree = jax.tree.map(own, tree)
    return mapped


def placed(tree: _Tree, like: jax.Array) -> _Tree:
    """`tree`, a few small leaves, on the devices of `like`, with the same sharding."""
    if isinstance(like, jax.core.Tracer) or not like.committed:
        return tree
    mapped: _Tree = jax.tree.map(
        lambda leaf: (
            leaf
            if isinstance(leaf, jax.core.Tracer) or leaf.sharding == like.sharding
            else jax.device_put(leaf, like.sharding, may_alias=False)
        ),
        tree,
    )
    return mapped


def _copied_leaf(leaf: jax.Array) -> jax.Array:
    if isinstance(leaf, jax.core.Tracer) or leaf.ndim or leaf.committed:
        return jnp.array(leaf, copy=True)
    return jnp.array(np.asarray(leaf))  # through the host, without compiling


def _buffers(leaf: object) -> list[int | tuple[jax.Device, int]]:
    """The identity of an array's memory; for a tracer, the tracer."""
    if isinstance(leaf, jax.core.Tracer):
        return [id(leaf)]
    if not isinstance(leaf, jax.Array) or leaf.is_deleted():
        return []
    if jnp.issubdtype(leaf.dtype, jax.dtypes.extended):
        return []
    return [(shard.device, shard.data.unsafe_buffer_pointer()) for shard in leaf.addressable_shards]
