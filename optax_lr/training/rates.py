"""The learning rates in an optimizer's state, by group of parameters."""

from __future__ import annotations

import math

import jax
from jax.typing import ArrayLike

from optax_lr.arrays import Num, PyTree
from optax_lr.training.groups import is_scale
from optax_lr.training.state import KeyPath, group_names, nested, pure

INJECTED = "olr.inject_schedules(optax.adamw)(learning_rate=schedule)"


def rates(state: PyTree) -> dict[str, Num[ArrayLike, "..."]]:
    """The learning rate in use of each group of parameters, by name.

    Args:
        state: state of optimizers made by `inject_schedules` or `optax.inject_hyperparams`, or anything that holds it.

    Returns:
        `{name: rate}`. The name of a group is its label in `optax.partition` (or its path, if labels are ambiguous);
        a state with one rate gives `{"learning_rate": rate}`, or with `scale_by_group` the rate of each of
        its groups.

    Raises:
        ValueError: If the state holds no learning rate, or it is not known which rates and scales belong together.

    >>> groups = {"head": inject_schedules(optax.sgd)(Constant(0.5)), "body": inject_schedules(optax.sgd)(Constant(0.25))}
    >>> optimizer = optax.partition(groups, {"a": "head", "b": "body"})
    >>> {group: float(rate) for group, rate in rates(optimizer.init({"a": jnp.zeros(3), "b": jnp.zeros(3)})).items()}
    {'body': 0.25, 'head': 0.5}
    """
    found = rate_factors(pure(state))
    if not found:
        raise ValueError(f"rates(): the state holds no learning rate; make the optimizer with {INJECTED}")
    return {group: math.prod(factors) for group, factors in found.items()}


def rate_factors(state: PyTree) -> dict[str, tuple[PyTree, ...]]:
    """The leaves of the state whose product is the learning rate of each group."""
    found = rates_at(state)
    scales = [node.scales for node in jax.tree.leaves(state, is_leaf=is_scale) if is_scale(node)]
    if len(found) == len(scales) == 1:
        return {group: (found[0][1], scale) for group, scale in scales[0].items()}
    if found and scales:
        several = f"{len(found)} learning rates and {len(scales)} scale_by_group"
        raise ValueError(
            f"the state has {several}; which belong together is not known: read its hyperparams and scales"
        )
    return dict(zip(group_names([path for path, _ in found]), [(rate,) for _, rate in found], strict=True))


def rates_at(state: PyTree) -> list[tuple[KeyPath, PyTree]]:
    """The path of each state with a learning rate, and the rate."""
    return [(path, node.hyperparams["learning_rate"]) for path, node in nested(state, _has_rate)]


def _has_rate(node: object) -> bool:
    hyperparams = getattr(node, "hyperparams", None)
    return isinstance(hyperparams, dict) and "learning_rate" in hyperparams
