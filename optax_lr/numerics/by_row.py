"""The number system of a whole batch: reals are `[rows, 1]`, `[1, steps]` or `[rows, steps]`, and each row takes its own way."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from optax_lr.numerics.reals import Real, Truth
from optax_lr.numerics.sharing import Terms, in_places
from optax_lr.numerics.systems import Float64

_PLACES = 8  # XLA fuses a concatenation of no more operands, and LLVM unswitches a loop on no more conditions
_MOST_WAYS = 32  # with more, finding out what they share takes longer than it saves


class _Way(NamedTuple):
    taken: Any  # which rows choose so
    value: Any


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
        and no way is ever stored or computed for a row that does not take it. This holds for eight ways. If more are
        open, choices that only save time are dropped (`detail`); if eight still do not do, the ways share eight places:
        those with most in common stand in one, which computes once what they have in common.
        """
        self.detail = 1
        ways = self._ways(formula, _PLACES)
        if len(ways) > _PLACES:
            return self._shared(formula)
        for self.detail in (3, 2):
            more = self._ways(formula, _PLACES)
            if len(more) <= _PLACES:
                ways = more
                break
        if len(ways) == 1:
            rates: Array = self.lower(ways[0].value)
            return rates
        return self._gathered([way.value for way in ways], _number([way.taken for way in ways]))

    def _shared(self, formula: Callable[[], Array]) -> Array:
        terms = Terms()
        for self.detail, most in ((3, _MOST_WAYS), (0, math.inf)):
            ways = self._ways(formula, most, terms.of)
            if len(ways) <= most:
                break
        chosen = _number(terms.values([way.taken for way in ways]))

        def taken(some: Sequence[int]) -> Array:
            return functools.reduce(operator.or_, [chosen == number for number in some])

        groups = in_places(terms, [way.value for way in ways], _PLACES, taken)
        place = np.empty(len(ways), np.int32)
        for number, (members, _) in enumerate(groups):
            place[list(members)] = number
        return self._gathered(terms.values([term for _, term in groups]), jnp.asarray(place)[chosen])

    def _ways(
        self, formula: Callable[[], Array], most: float, run: Callable[[Callable[[], Any]], Any] = lambda way: way()
    ) -> list[_Way]:
        """The ways through the choices of `formula`, each gone inside `run`. Stops once past `most`."""

        def way() -> tuple[Truth, Array]:
            self._met = []
            value = formula()
            return functools.reduce(lambda rows, met: rows & (met[0] == met[1]), self._met, jnp.asarray(True)), value

        ways: list[_Way] = []
        pending: list[tuple[int, ...]] = [()]
        while pending and len(ways) <= most:
            path = self._path = pending.pop()
            ways.append(_Way(*run(way)))
            done = tuple(choice for _, choice, _ in self._met)
            for depth in range(len(path), len(done)):
                pending += [(*done[:depth], other) for other in range(1, self._met[depth][2])]
        return ways

    def _gathered(self, values: Sequence[Array], place: Array) -> Array:
        """Of `values`, at most `_PLACES`, the one at the place of each row."""
        rows, steps = jnp.broadcast_shapes(place.shape, *(value.shape for value in values))
        under_each_other = jnp.concatenate([jnp.broadcast_to(value, (rows, steps)) for value in values])
        index = jnp.broadcast_to(place, (rows, 1))[:, 0].astype(jnp.int32) * rows + jnp.arange(rows, dtype=jnp.int32)
        rates: Array = self.lower(under_each_other.at[index].get(mode="promise_in_bounds", unique_indices=True))
        return rates


def _number(taken: Sequence[Truth]) -> Array:
    """By row, the number of the way that is taken."""
    return sum((number * jnp.where(rows, 1, 0) for number, rows in enumerate(taken) if number), jnp.int32(0))
