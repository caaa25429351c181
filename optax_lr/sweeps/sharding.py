"""Batches sharded over the devices of a mesh, on one host or on many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from optax_lr.arguments import shown
from optax_lr.schedules.base import Schedule, require_schedule

_Batch = TypeVar("_Batch", bound=Schedule)


def shard(batch: _Batch, mesh: Mesh | None = None, *, axis: str | None = None) -> _Batch:
    """Shard the rows of `batch` over the devices of `mesh`, for `sweep` or for training a population.

    Args:
        batch: a batch of any shape; its first axis is sharded. With several processes each passes the whole batch.
        mesh: the devices; by default all of them, on one axis `rows`.
        axis: the mesh axis to shard over; by default the first.

    Returns:
        A batch whose first axis is padded, with copies of the last row, to a multiple of the number of devices:
        `sweep(shard(batch), steps)[: len(batch)]` are the curves of `batch`, to an ulp: settings on devices are float32.
        Rows are independent, and nothing is exchanged between devices.

    Raises:
        TypeError: If `batch` is not a schedule, or `mesh` is not a mesh.
        ValueError: If `batch` is a single schedule, the mesh does not have the axis, or the mesh has explicit axes.

    >>> sharded = shard(grid(Linear, learning_rate=[1e-4, 2e-4, 3e-4], max_steps=10))
    >>> sweep(sharded, 10)[:3].shape
    (3, 10)
    """
    require_schedule("shard", batch)
    if not batch.batch_shape:
        raise ValueError(f"shard() takes a batch, and {batch!r} is one schedule; stack() or grid() makes a batch")
    if not isinstance(mesh, (Mesh, type(None))):
        raise TypeError(f"shard(): mesh must be a jax.sharding.Mesh, such as jax.make_mesh makes, not {shown(mesh)}")
    if mesh is None:
        mesh = jax.make_mesh((jax.device_count(),), ("rows",), axis_types=(jax.sharding.AxisType.Auto,))
    axis = mesh.axis_names[0] if axis is None else axis
    if axis not in mesh.axis_names:
        raise ValueError(f"shard(): the mesh has no axis {axis!r}, only {', '.join(map(repr, mesh.axis_names))}")
    if mesh.axis_types[mesh.axis_names.index(axis)] != jax.sharding.AxisType.Auto:
        raise ValueError(
            f"shard(): mesh axis {axis!r} must be AxisType.Auto: jax.make_mesh(..., axis_types=(AxisType.Auto,))"
        )
    sharding = NamedSharding(mesh, PartitionSpec(axis))
    devices = mesh.shape[axis]
    rows = np.minimum(np.arange(-(-len(batch) // devices) * devices), len(batch) - 1)

    def spread(leaf: object) -> jax.Array:
        padded = np.asarray(leaf)[rows]
        return jax.make_array_from_callback(padded.shape, sharding, lambda index: padded[index])

    spread_batch: _Batch = jax.tree.map(spread, batch)
    return spread_batch


def spread_over(leaves: Sequence[object]) -> NamedSharding | None:
    """The common sharding of all `leaves` of a batch, if its rows are on several devices."""
    shardings = {getattr(leaf, "sharding", None) for leaf in leaves}
    if len(shardings) != 1:
        return None
    (sharding,) = shardings
    named = isinstance(sharding, NamedSharding) and sharding.num_devices > 1 and any(sharding.spec)
    return sharding if named else None
