"""The leaves of schedules: mapped in float64, and NumPy's arrays as JAX can read them where they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import numpy as np

_ALIGNMENT = 64  # bytes; what begins elsewhere JAX copies in every call

_Tree = TypeVar("_Tree")


def mapped(function: Callable[[Any], Any], tree: _Tree) -> _Tree:
    """`tree` with `function` of each leaf; settings are leaves of float64 here."""
    with jax.enable_x64(True):
        result: _Tree = jax.tree.map(function, tree)
    return result


def flat(tree: Any) -> tuple[list[Any], Any]:
    """The leaves of `tree`, of float64 where settings are, and its structure."""
    with jax.enable_x64(True):
        return jax.tree.flatten(tree)


def aligned(tree: _Tree) -> _Tree:
    """`tree` with NumPy's arrays where JAX on a CPU need not copy them, and fixed: JAX may read them at any later time."""
    return mapped(_placed, tree)


def _placed(leaf: object) -> object:
    if not isinstance(leaf, np.ndarray) or leaf.ndim == 0:
        return leaf
    if not leaf.flags.c_contiguous or leaf.flags.writeable or leaf.ctypes.data % _ALIGNMENT:
        memory = np.empty(leaf.nbytes + _ALIGNMENT, np.uint8)
        start = -memory.ctypes.data % _ALIGNMENT
        placed = memory[start : start + leaf.nbytes].view(leaf.dtype).reshape(leaf.shape)
        placed[...] = leaf
        placed.flags.writeable = False
        return placed
    return leaf
