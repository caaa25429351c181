"""NumPy's arrays as JAX can read them where they are."""

from __future__ import annotations

from typing import TypeVar

import jax
import numpy as np

_ALIGNMENT = 64  # bytes; what begins elsewhere JAX copies in every call

_Tree = TypeVar("_Tree")


def aligned(tree: _Tree) -> _Tree:
    """`tree` with NumPy's arrays where JAX on a CPU need not copy them, and fixed: JAX may read them at any later time."""
    placed: _Tree = jax.tree.map(_placed, tree)
    return placed


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
