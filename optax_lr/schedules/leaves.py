"""The leaves of schedules: mapped in float64, and NumPy arrays that JAX can read without a copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import jax
import numpy as np

from optax_lr.arrays import PyTree, Shaped

_ALIGNMENT = 64  # bytes; JAX copies an array with another alignment in every call

_Tree = TypeVar("_Tree")


def mapped(function: Callable[[PyTree], PyTree], tree: _Tree) -> _Tree:
    """`tree` with `function` applied to each leaf; settings are float64 leaves here."""
    with jax.enable_x64(True):
        result: _Tree = jax.tree.map(function, tree)
    return result


def flat(tree: PyTree) -> tuple[list[Shaped[jax.Array | np.ndarray, "..."]], jax.tree_util.PyTreeDef]:
    """The leaves of `tree`, with settings in float64, and its structure."""
    with jax.enable_x64(True):
        leaves, structure = jax.tree.flatten(tree)
    return leaves, structure


def aligned(tree: _Tree) -> _Tree:
    """`tree` with NumPy arrays that JAX on a CPU need not copy, and read-only, because JAX may read them at any later time."""
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
