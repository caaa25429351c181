"""Schedules in `flax.serialization`: `to_bytes`, `from_bytes`, and the functions built on them."""

from __future__ import annotations

import sys

import jax

from optax_lr.arrays import PyTree

_waiting: list[type] = []


def known(cls: type) -> None:
    """Remember a pytree class, to register it once Flax is imported."""
    _waiting.append(cls)


def register() -> None:
    """Register the remembered classes with Flax if it is imported. Called whenever a schedule is made or flattened."""
    serialization = sys.modules.get("flax.serialization")
    if not _waiting or not hasattr(serialization, "register_serialization_state"):
        return
    while _waiting:
        serialization.register_serialization_state(_waiting.pop(), _to_state, _from_state, override=True)  # type: ignore[union-attr]


def _children(tree: object) -> tuple[dict[str, object], object]:
    """The children of a pytree by name, and its structure without them."""
    paths, structure = jax.tree_util.tree_flatten_with_path(tree, is_leaf=lambda node: node is not tree)
    names = [jax.tree_util.keystr(path, simple=True) for path, _ in paths]
    names = [name if names.count(name) == 1 else f"{name}_{names[:i].count(name)}" for i, name in enumerate(names)]
    return dict(zip(names, (child for _, child in paths), strict=True)), structure


def _to_state(tree: object) -> dict[str, object]:
    import flax.serialization

    return {name: flax.serialization.to_state_dict(child) for name, child in _children(tree)[0].items()}


def _from_state(tree: object, state: dict[str, PyTree]) -> object:
    import flax.serialization

    children, structure = _children(tree)
    if state.keys() != children.keys():
        raise ValueError(
            f"{type(tree).__name__}: the saved schedule is of another kind: it has {', '.join(state)}, not "
            f"{', '.join(children)}; build the optimizer with a schedule of the saved kind"
        )
    restored = [flax.serialization.from_state_dict(child, state[name], name) for name, child in children.items()]
    return jax.tree.unflatten(structure, restored)
