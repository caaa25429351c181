"""The number system of a whole batch: reals are `[rows, 1]`, `[1, steps]` or `[rows, steps]`, and each row takes its own way."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from optax_lr.numerics.reals import Real, Truth
from optax_lr.numerics.systems import Float64

_MOST_WAYS = 8  # XLA fuses a concatenation of no more operands, and LLVM unswitches a loop on no more conditions


class _Way(NamedTuple):
    taken: Truth  # which rows choose so
    value: Array


class ByRow(Float64):
    """A float64 system in which a row computes only what it chooses. `last_step` bounds the steps of the sweep."""

    _path: tuple[int, ...]  # what is chosen on the way that is being gone
    _met: list[tuple[Real, int, int]]  # the choices met on it: by row, the one taken, and how many there are

    def __init__(self, last_step: Array) -> None:
        self.last_step = self.real(last_step)
        self.detail = 3

    def choose(self, kind: Real, values: Sequence[Callable[[], Real]]) -> Real:
        """One of `values`, by row. Inside `by_row` only; see there."""
        taken = self._path[len(self._met)] if len(self._met) < len(self._path) else 0
        self._met.append((kind, taken, len(values)))
        return values[taken]()

    def by_row(self, formula: Callable[[], Array]) -> Array:
        """The rates that `formula()` gives, where each row computes only what it chooses.

        The formula runs once for each way through its choices. The ways are then laid one under the other, and each row
        gathers its own: XLA fuses the gather into the concatenation, LLVM moves the branch out of the loop over a row,
        and no way is ever stored or computed for a row that does not take it. This holds for eight ways. With more, the
        choices that only save time are dropped first (`detail`); of what is still too many, neighbours share a place, and
        a row computes all that stand in its own.
        """
        for self.detail, most in ((3, _MOST_WAYS), (2, _MOST_WAYS), (1, _MOST_WAYS), (0, math.inf)):
            ways = self._ways(formula, most)
            if len(ways) <= most:
                break
        if len(ways) == 1:
            rates: Array = self.lower(ways[0].value)
            return rates
        chosen = sum((number * jnp.where(way.taken, 1, 0) for number, way in enumerate(ways) if number), jnp.int32(0))
        places = min(len(ways), _MOST_WAYS)
        values: dict[int, Array] = {}
        for number, way in enumerate(ways):
            place = number * places // len(ways)
            others = values.get(place)
            values[place] = way.value if others is None else jnp.where(chosen == number, way.value, others)
        return self._gathered(list(values.values()), chosen * places // len(ways))

    def _ways(self, formula: Callable[[], Array], most: float) -> list[_Way]:
        """The ways through the choices of `formula`. Stops once past `most`."""
        ways: list[_Way] = []
        pending: list[tuple[int, ...]] = [()]
        while pending and len(ways) <= most:
            path = pending.pop()
            self._path, self._met = path, []
            value = formula()
            taken = functools.reduce(lambda rows, met: rows & (met[0] == met[1]), self._met, True)
            done = tuple(choice for _, choice, _ in self._met)
            ways.append(_Way(taken, value))
            for depth in range(len(path), len(done)):
                pending += [(*done[:depth], other) for other in range(1, self._met[depth][2])]
        return ways

    def _gathered(self, values: Sequence[Array], place: Array) -> Array:
        """Of `values`, at most `_MOST_WAYS`, the one at the place of each row."""
        rows, steps = jnp.broadcast_shapes(place.shape, *(value.shape for value in values))
        under_each_other = jnp.concatenate([jnp.broadcast_to(value, (rows, steps)) for value in values])
        index = jnp.broadcast_to(place, (rows, 1))[:, 0].astype(jnp.int32) * rows + jnp.arange(rows, dtype=jnp.int32)
        rates: Array = self.lower(under_each_other.at[index].get(mode="promise_in_bounds", unique_indices=True))
        return rates
