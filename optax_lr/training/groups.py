"""A factor on the learning rate of each group of parameters, as data, with one schedule for all groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike

from optax_lr.arguments import shown, unknown
from optax_lr.arrays import Float32, Num, PyTree
from optax_lr.training.state import exported, owned, placed, unwrapped

_State = TypeVar("_State")


@exported
class GroupScaleState(NamedTuple):
    """The state of `scale_by_group`: the factor of each group."""

    scales: dict[str, Float32[jax.Array, "..."]]


def scale_by_group(
    scales: Mapping[str, Num[ArrayLike, ""]], param_labels: PyTree | Callable[[PyTree], PyTree]
) -> optax.GradientTransformation:
    """Multiply the updates of each group of parameters by a factor: layer-wise decay, LoRA+, frozen layers.

    It follows the optimizer in an `optax.chain`. If the update of the optimizer is proportional to its learning rate, as in
    Optax, each group trains at `factor * schedule(step)`, with one schedule in the program. A factor of 0 freezes a
    group; its moments still follow the gradients. `set_scales` changes factors in a running state without compiling.

    Args:
        scales: the factor of each group, at least 0.
        param_labels: the group of each parameter, as in `optax.partition`: a tree of names, or a function from the
            parameters to one.

    Returns:
        A transformation for `optax.chain`.

    Raises:
        ValueError: If a label has no factor, or a factor is negative.

    >>> optimizer = optax.chain(
    ...     inject_schedules(optax.adamw)(learning_rate=Constant(1e-3)),
    ...     scale_by_group({"a": 1.0, "b": 16.0}, {"lora_a": "a", "lora_b": "b"}),
    ... )
    >>> state = optimizer.init({"lora_a": jnp.ones(2), "lora_b": jnp.ones(2)})
    >>> {group: f"{rate:.4g}" for group, rate in rates(state).items()}
    {'a': '0.001', 'b': '0.016'}
    """
    factors = {str(group): _factor("scale_by_group", group, scale) for group, scale in scales.items()}

    def init(params: PyTree) -> GroupScaleState:
        labels = _labels_of_parameters(param_labels, params)
        for label in jax.tree.leaves(labels):
            if label not in factors:
                raise ValueError(unknown("scale_by_group()", "group", label, factors))
        try:
            jax.tree.map(lambda label, group: None, labels, params)
        except (ValueError, TypeError):
            raise ValueError(
                f"scale_by_group(): param_labels must be a tree of names with the structure of the parameters, not {shown(labels)}"
            ) from None
        return GroupScaleState(owned(factors, apart_from=factors))

    def update(updates: PyTree, state: GroupScaleState, params: PyTree = None) -> tuple[PyTree, GroupScaleState]:
        del params

        def scaled(label: str, group: PyTree) -> PyTree:
            factor = state.scales[label]
            return jax.tree.map(lambda one: (factor * one.astype(_exact(one))).astype(one.dtype), group)

        return jax.tree.map(scaled, _labels_of_parameters(param_labels, updates), updates), state

    return optax.GradientTransformation(init, update)


def set_scales(state: _State, scales: Mapping[str, Num[ArrayLike, ""]]) -> _State:
    """Replace factors of `scale_by_group` in an optimizer's state, and return the new state; other groups keep their factors.

    Args:
        state: state of an optimizer with `scale_by_group`, or anything that holds it at any depth. An `nnx.Optimizer` is
            changed in place and returned.
        scales: the new factors by group; 0 freezes a group.

    Returns:
        The state with the new factors, of the type that was given.

    Raises:
        ValueError: If a group is unknown, a factor is negative, or `scale_by_group` is not in the state.

    >>> optimizer = scale_by_group({"a": 1.0, "b": 1.0}, {"x": "a", "y": "b"})
    >>> state = set_scales(optimizer.init({"x": jnp.ones(2), "y": jnp.ones(2)}), {"a": 0.0})
    >>> optimizer.update({"x": jnp.ones(2), "y": jnp.ones(2)}, state)[0]
    {'x': Array([0., 0.], dtype=float32), 'y': Array([1., 1.], dtype=float32)}
    """
    return unwrapped(lambda inner: _set_scales(inner, scales), state)


def is_scale(node: object) -> bool:
    """Whether this node of a tree is the state of `scale_by_group`."""
    return isinstance(node, GroupScaleState)


def _set_scales(state: _State, scales: Mapping[str, Num[ArrayLike, ""]]) -> _State:
    if not any(is_scale(node) for node in jax.tree.leaves(state, is_leaf=is_scale)):
        raise ValueError("set_scales(): no scale_by_group is in this state; chain one after the optimizer")

    def changed(node: PyTree) -> PyTree:
        if not is_scale(node):
            return node
        for group in scales:
            if group not in node.scales:
                raise ValueError(unknown("set_scales()", "group", group, node.scales))
        given = {group: _factor("set_scales", group, scale) for group, scale in scales.items()}
        new = owned(given, apart_from=given)
        return GroupScaleState(node.scales | {group: placed(new[group], node.scales[group]) for group in new})

    scaled: _State = jax.tree.map(changed, state, is_leaf=is_scale)
    return scaled


def _factor(where: str, group: str, scale: object) -> jax.Array:
    try:
        factor = jnp.asarray(scale, jnp.float32)
    except (TypeError, ValueError):
        raise TypeError(f"{where}(): the factor of {group!r} must be a number, not {shown(scale)}") from None
    if not isinstance(factor, jax.core.Tracer) and not (jnp.isfinite(factor) & (factor >= 0)).all():
        raise ValueError(f"{where}(): the factor of {group!r} must be finite and at least 0, not {shown(scale)}")
    return factor


def _labels_of_parameters(param_labels: PyTree | Callable[[PyTree], PyTree], params: PyTree) -> PyTree:
    return param_labels(params) if callable(param_labels) else param_labels


def _exact(one: jax.Array) -> np.dtype:
    return jnp.promote_types(one.dtype, jnp.float32)
