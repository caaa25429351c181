"""The leaves of schedules: settings as leaves and back, mapped in float64, and as arrays that JAX can read without a copy.

A float64 must pass through compiled functions and checkpoints as float32. A schedule is proportional to its rates, so for
a rate the nearest float32 is enough. Any other number may be raised to a power or multiplied by the step, so it has two
leaves: the nearest float32, and the rounding error.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from optax_lr.arrays import PyTree, Shaped
from optax_lr.numerics import FLOAT64, Real, x64_is_on

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


@dataclasses.dataclass(frozen=True)
class Parts:
    """A setting and its low part, if they are not one NumPy number."""

    high: Real
    low: Real


def leaf(value: Real) -> Real:
    """A setting as a leaf: float64 only if x64 is on, and an array, because Orbax restores no NumPy scalars."""
    if isinstance(value, tuple):
        return tuple(map(leaf, value))
    if not isinstance(value, (np.ndarray, np.generic)):
        return value
    if value.dtype == np.float64 and not x64_is_on():
        with np.errstate(over="ignore", under="ignore"):
            value = value.astype(np.float32)
    return np.asarray(value)


def parted(value: Real, low: Real) -> tuple[Real, Real]:
    """The two leaves of a setting: the nearest float32, and the rounding error."""
    if low is not None or value is None:
        return value, low
    if isinstance(value, tuple):
        both = [parted(item, None) for item in value]
        return tuple(high for high, _ in both), tuple(low for _, low in both)
    if isinstance(value, (np.ndarray, np.floating)) and value.dtype == np.float64:
        with np.errstate(over="ignore", under="ignore"):
            near = value.astype(np.float32)
            low = (value - near).astype(np.float32)
            # So that the sum of both rounds to `near`, by which the low part is recognised.
            too_far = (near + low.astype(np.float64)).astype(np.float32) != near
            low = np.where(too_far, np.nextafter(low, np.float32(0)), low)
            return np.asarray(value if x64_is_on() else near), low
    return leaf(value), np.zeros(np.shape(value), np.float32)


def setting(leaf: Real) -> Real:
    """The setting that has only this leaf."""
    if isinstance(leaf, tuple):
        return tuple(map(setting, leaf))
    if isinstance(leaf, (np.ndarray, np.floating)) and leaf.dtype == np.float32:
        leaf = leaf.astype(np.float64)
    return leaf[()] if isinstance(leaf, np.ndarray) and not leaf.ndim else leaf


def rejoined(high: Real, low: Real) -> tuple[Real, Real]:
    """The setting with these two leaves, and its low part if it is stored apart."""
    if high is None or low is None:
        return high, low
    if isinstance(high, tuple) and isinstance(low, tuple) and len(high) == len(low):
        both = [rejoined(*pair) for pair in zip(high, low, strict=True)]
        if all(low is None for _, low in both):
            return tuple(high for high, _ in both), None
        return high, low
    if not all(isinstance(x, (np.ndarray, np.floating)) for x in (high, low)):
        return high, low
    return FLOAT64.joined(high, low), None


def shape_of(tree: object) -> tuple[int, ...]:
    """The shape to which the leaves of `tree` (an array or a schedule) broadcast."""
    shapes = {np.shape(leaf) for leaf in jax.tree.leaves(tree)}
    return shapes.pop() if len(shapes) == 1 else np.broadcast_shapes(*shapes)


def broadcast(tree: _Tree, shape: tuple[int, ...]) -> _Tree:
    """`tree` with every leaf broadcast to `shape`; NumPy leaves stay NumPy's."""

    def bring(leaf: Real) -> Real:
        return (np if isinstance(leaf, (np.ndarray, np.generic)) else jnp).broadcast_to(leaf, shape)

    return mapped(bring, tree)
