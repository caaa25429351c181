"""Sweeps that are computed block by block, and reduced block by block, so that they need not fit into memory."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from optax_lr.arrays import Float, Float64, Int, Int32
from optax_lr.numerics import ByRow, x64_is_on
from optax_lr.schedules.base import Schedule, require_schedule
from optax_lr.schedules.fields import as_schedule
from optax_lr.schedules.function import AnySchedule
from optax_lr.sweeps.evaluate import Steps, checked_steps, curves, in_float64, sweep, system, word_of
from optax_lr.sweeps.past_end import PAST_END, ended

BLOCK_BYTES = 16 * 2**20  # of rates in a block that is written
REDUCED_BYTES = 2 * 2**20  # of rates in a block that is only reduced, so that its intermediates stay in the cache


class BlockLayout:
    """The division of a sweep of `rows` x `steps` into blocks of one shape, so that one compilation serves them all."""

    def __init__(self, rows: int, steps: int, block_bytes: int):
        numbers = max(1, block_bytes // 4)
        self.rows, self.steps = rows, steps
        self.block_steps = min(steps, numbers)
        self.block_rows = max(1, min(rows, numbers // self.block_steps))  # at least 1, for an empty batch too

    @property
    def blocks(self) -> list[tuple[slice, slice]]:
        """The rows and the steps of each block; the last blocks may be smaller."""
        return [
            (slice(row, min(row + self.block_rows, self.rows)), slice(step, min(step + self.block_steps, self.steps)))
            for row in range(0, self.rows, self.block_rows)
            for step in range(0, self.steps, self.block_steps)
        ]


def computed(
    batch: Schedule, steps: Int32[np.ndarray, " steps"], layout: BlockLayout, blocks: list[tuple[slice, slice]]
) -> Iterator[tuple[tuple[slice, slice], Float[np.ndarray, "block_rows block_steps"]]]:
    """Yield each of `blocks` with its rates, while the next one is computed: at most two are in memory.

    The rates must not be used after the next block is requested, because their memory is reused.
    """
    memory: list[jax.Array | None] = [None, None]
    ahead = None
    for number, block in enumerate([*blocks, None]):
        rates = None
        if block is not None:
            rows, columns = (
                _padded(part, length)
                for part, length in zip(block, (layout.block_rows, layout.block_steps), strict=True)
            )
            rates = sweep(batch[rows], steps[columns], out=memory[number % 2])
            memory[number % 2] = rates
        if ahead is not None:
            (row, column), ready = ahead
            view = np.asarray(ready)[: row.stop - row.start, : column.stop - column.start]
            yield (row, column), view
            del view
        ahead = None if block is None else (block, rates)


def _padded(part: slice, length: int) -> Int[np.ndarray, " {length}"]:
    """The indices of `part`, with the last one repeated up to `length`."""
    indices: np.ndarray = np.minimum(np.arange(part.start, part.start + length), part.stop - 1)
    return indices


class Summary(NamedTuple):
    """The result of `sweep_summary`: float64 arrays of shape `[*batch_shape]`.

    area: the sum of the rates over the steps: the distance that an optimizer with unit updates can go.
    mean: `area` over the number of steps.
    max, min: the largest and the smallest rate.
    """

    area: Float64[np.ndarray, "*batch"]
    mean: Float64[np.ndarray, "*batch"]
    max: Float64[np.ndarray, "*batch"]
    min: Float64[np.ndarray, "*batch"]


def sweep_summary(schedule: AnySchedule, steps: Steps, *, past_end: str = "reference") -> Summary:
    """Area, mean, largest and smallest rate of every schedule of a batch, without keeping the curves.

    Errors are those of `sweep`. Only one block of rates is in memory, however long the sweep. The
    rates are those of `sweep`, added in float64. NaN (`past_end="nan"`) is left out of every figure. For the
    rates at a few steps, sweep those: `sweep(schedule, [0, 100, 1000])`.

    Args:
        schedule: as for `sweep`.
        steps: as for `sweep`.
        past_end: as for `sweep`.

    Returns:
        The four figures, each float64 of shape `[*batch_shape]`.

    >>> summary = sweep_summary(grid(Linear, learning_rate=[1.0, 2.0], max_steps=4), 4)
    >>> summary.area, summary.max
    (array([2.5, 5. ]), array([1., 2.]))
    """
    schedule = require_schedule("sweep_summary", as_schedule(schedule))
    schedule = ended(schedule, word_of("sweep_summary", "past_end", past_end, PAST_END))
    chosen, count = checked_steps("sweep_summary", steps)
    chosen = None if chosen is None else np.ravel(chosen)
    total = count if chosen is None else chosen.size
    shape = schedule.batch_shape
    batch = schedule.reshape(math.prod(shape))
    layout = BlockLayout(len(batch), total, REDUCED_BYTES)
    area, largest, smallest = np.zeros(layout.rows), np.full(layout.rows, -np.inf), np.full(layout.rows, np.inf)
    valid = np.zeros(layout.rows, np.int64)
    for rows, columns in layout.blocks:
        padded = _padded(columns, layout.block_steps)
        block_steps = (padded if chosen is None else chosen[padded]).astype(np.int32)
        size = np.int32(columns.stop - columns.start)
        numbers = system()
        with in_float64():
            parts = _reduced(batch[_padded(rows, layout.block_rows)], block_steps, size, numbers)
        block_area, block_valid, block_max, block_min = (np.asarray(part)[: rows.stop - rows.start] for part in parts)
        area[rows] += block_area
        valid[rows] += block_valid
        largest[rows] = np.maximum(largest[rows], block_max)
        smallest[rows] = np.minimum(smallest[rows], block_min)
    return Summary(*(figure.reshape(shape) for figure in (area, area / valid, largest, smallest)))


@functools.partial(jax.jit, static_argnums=3)
def _reduced(
    batch: Schedule, steps: Int32[jax.Array, " steps"], size: Int32[jax.Array, ""], numbers: type[ByRow] | None
) -> tuple[Float[jax.Array, " rows"], Int[jax.Array, " rows"], Float[jax.Array, " rows"], Float[jax.Array, " rows"]]:
    rates = curves(batch, steps, steps.max(), numbers)
    counts = (jnp.arange(steps.size) < size) & ~jnp.isnan(rates)
    wide = jnp.float64 if x64_is_on() else jnp.float32
    return (
        jnp.sum(jnp.where(counts, rates, 0), axis=1, dtype=wide),
        jnp.sum(counts, axis=1),
        jnp.max(jnp.where(counts, rates, -jnp.inf), axis=1),
        jnp.min(jnp.where(counts, rates, jnp.inf), axis=1),
    )
