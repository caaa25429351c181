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
from optax_lr.numerics.sharing import in_places, with_own_steps, with_row_costs_shared
from optax_lr.numerics.systems import Float64
from optax_lr.numerics.terms import Terms

_PLACES = 8  # XLA fuses a concatenation of no more operands, and LLVM unswitches a loop on no more conditions
_AHEAD = 8  # jagged restarts, which may be in each other, look one step ahead
_MOST_WAYS = 32  # with more, finding out what they share takes longer than it saves
# By how many ways may be open: what a way's odds must be for a shortcut that is met on it to make two of it.
_LEAST_ODDS = ((_PLACES, 0.0), (_MOST_WAYS, 0.005), (_MOST_WAYS, 0.02), (math.inf, 2.0))


def is_by_row(x: Any) -> bool:
    """Whether `x` is one number for each row, or for all."""
    return jnp.shape(x)[-1:] in [(), (1,)]


class _Way(NamedTuple):
    taken: Any  # which rows choose so
    value: Any
    odds: float


class ByRow(Float64):
    """A float64 system in which a row computes only what it chooses, for `rows` rows and steps up to `last_step`."""

    _path: tuple[int, ...]  # what is chosen on the way that is being gone
    _met: list[tuple[Real, int, Sequence[float]]]  # the choices met on it: by row, the one taken, and the odds of each
    _least_odds: float  # of a way that a shortcut makes two of

    def __init__(self, last_step: Array, rows: int) -> None:
        self.last_step, self.rows = self.real(last_step) + _AHEAD, rows
        self._met, self._least_odds = [], 0.0

    def choose(self, kind: Real, values: Sequence[Callable[[], Real]]) -> Real:
        """One of `values`, by row. Inside `by_row` only; see there."""
        return self._chosen(kind, values, [1 / len(values)] * len(values))

    def shortcut(
        self,
        holds: Truth,
        x: Real,
        special: Callable[[Real], Any],
        general: Callable[[Real], Any],
        odds: float = 0.85,
    ) -> Any:
        """`special(x)` in the rows in which it `holds`, `general(x)` in the others.

        It is so where that is known by row, and `x` is not, unless few rows come here at all.
        """
        return self._parted(holds, x, special, general, odds) if self._parts(holds, x) else general(x)

    def either(
        self,
        holds: Truth,
        x: Real,
        one: Callable[[Real], Sequence[Real]],
        other: Callable[[Real], Sequence[Real]],
        odds: float = 0.85,
    ) -> tuple[Real, ...]:
        """Rows in which it `holds` compute `one(x)` alone; where `shortcut` does so."""
        if self._parts(holds, x):
            return tuple(self._parted(holds, x, one, other, odds))
        return super().either(holds, x, one, other, odds)

    def _parts(self, holds: Truth, x: Real) -> bool:
        return self._odds() >= self._least_odds and is_by_row(holds) and not is_by_row(x)

    def _odds(self) -> float:
        """Of the way that is being gone, as far as it has come."""
        return math.prod(odds[taken] for _, taken, odds in self._met)

    def _parted(self, holds: Truth, x: Real, one: Callable[..., Any], other: Callable[..., Any], odds: float) -> Any:
        ways = [functools.partial(one, x), functools.partial(other, x)]
        return self._chosen(jnp.where(holds, 0, 1), ways, [odds, 1 - odds])

    def _chosen(self, kind: Real, values: Sequence[Callable[[], Any]], odds: Sequence[float]) -> Any:
        taken = self._path[len(self._met)] if len(self._met) < len(self._path) else 0
        self._met.append((kind, taken, odds))
        return values[taken]()

    def by_row(self, formula: Callable[[Real], Array], steps: Array) -> Array:
        """The rates that `formula` gives at `steps` `[1, steps]`, where each row computes only what it chooses.

        The formula runs once for each way through its choices. The ways are then laid one under the other, and each row
        gathers its own: XLA fuses the gather into the concatenation, LLVM moves the branch out of the loop over a row,
        and no way is ever stored or computed for a row that does not take it. This holds for eight ways. If more are
        open, the rarest shortcuts are not taken, and those ways with most in common stand in one place, which computes once
        what they have in common.
        """
        terms, step = Terms(), self.real(steps)
        for most, self._least_odds in _LEAST_ODDS:
            ways = self._ways(functools.partial(formula, step), most, terms)
            if len(ways) <= most:
                break
        if len(ways) == 1:
            rates: Array = self.lower(terms.values([ways[0].value])[0])
            return rates
        chosen = _number(terms.values([way.taken for way in ways]))

        def taken(some: Sequence[int]) -> Array:
            return functools.reduce(operator.or_, [chosen == number for number in some])

        groups = in_places(terms, [(way.value, way.odds) for way in ways], _PLACES, taken)
        of_way = np.empty(len(ways), np.int32)
        for number, (members, _) in enumerate(groups):
            of_way[list(members)] = number
        place = jnp.asarray(of_way)[chosen]
        formulas = with_row_costs_shared(
            terms, [term for _, term in groups], [place == number for number in range(len(groups))]
        )
        # LLVM would move what two places compute alike out of the branch between them, and no branch out of the loop then.
        # It cannot know that the number of a place is never negative, nor so that the steps of all places are the same.
        unseen = [
            jnp.where(place[:1] < -number, 1, 0).astype(steps.dtype) for number, _ in enumerate(formulas, start=1)
        ]
        formulas = with_own_steps(terms, formulas, step, [self.real(steps + zero) for zero in unseen])
        return self._gathered(terms.values(formulas), place)

    def _ways(self, formula: Callable[[], Array], most: float, terms: Terms) -> list[_Way]:
        """The ways through the choices of `formula`, as `terms`. Stops once past `most`."""

        def way() -> tuple[Truth, Array]:
            self._met = []
            value = formula()
            return functools.reduce(lambda rows, met: rows & (met[0] == met[1]), self._met, jnp.asarray(True)), value

        ways: list[_Way] = []
        pending: list[tuple[int, ...]] = [()]
        while pending and len(ways) <= most:
            path = self._path = pending.pop()
            taken, value = terms.of(way)
            ways.append(_Way(taken, value, self._odds()))
            done = tuple(choice for _, choice, _ in self._met)
            for depth in range(len(path), len(done)):
                pending += [(*done[:depth], other) for other in range(1, len(self._met[depth][2]))]
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
