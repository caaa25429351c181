"""The number system of a whole batch: reals are `[rows, 1]`, `[1, steps]` or `[rows, steps]`; a row computes its branch alone."""

from __future__ import annotations

import copy
import functools
import itertools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
from jax import Array

from optax_lr.numerics.float64 import Float64
from optax_lr.numerics.reals import Real, Truth

_FUSED = 8  # XLA fuses a concatenation of no more operands, and LLVM unswitches a loop on no more conditions
_MOST_WITH_SHORTCUTS = 9  # branches; where there are more, no shortcut makes two of one


def is_by_row(x: Any) -> bool:
    """Whether `x` is one number for each row, or for all."""
    return jnp.shape(x)[-1:] in [(), (1,)]


class _Branch(NamedTuple):
    path: tuple[int, ...]  # what is chosen at each choice in it
    taken: Truth  # by row
    probability: float
    cost: int  # in operations


class ByRow(Float64):
    """A float64 system in which a row computes only the branch it chooses, for `rows` rows and steps up to `last_step`."""

    _path: tuple[int, ...]  # of the branch that is being evaluated
    _met: list[
        tuple[Real, int, Sequence[float]]
    ]  # the choices met on it: by row, the one taken, and the probability of each
    _takes_shortcuts: bool

    def __init__(self, last_step: Array, rows: int) -> None:
        self.last_step, self.rows = self.real(last_step), rows
        self._path, self._met, self._takes_shortcuts = (), [], True

    def result(self, value: Real) -> Real:
        # No selection here: after it LLVM would leave the branch inside of the loop. Formulas see to it that none is below 0.
        return value

    def real(self, x: Real) -> Real:
        return jnp.asarray(x).astype(jnp.float64)

    def ahead(self, by: Real) -> Self:
        further = copy.copy(self)
        further.last_step = self.last_step + self.maximum(by, self.real(0))
        return further

    def choose(self, kind: Real, values: Sequence[Callable[[], Real]]) -> Real:
        """One of `values`, by row. Inside `by_row` only; see there."""
        return self._chosen(kind, values, [1 / len(values)] * len(values))

    def shortcut(
        self,
        holds: Truth,
        x: Real,
        special: Callable[[Real], Any],
        general: Callable[[Real], Any],
        probability: float = 0.85,
    ) -> Any:
        """`special(x)` in the rows where it `holds`, `general(x)` in the others, if the choice is by row and `x` is not."""
        return self._parted(holds, x, special, general, probability) if self._parts(holds, x) else general(x)

    def either(
        self,
        holds: Truth,
        x: Real,
        one: Callable[[Real], Sequence[Real]],
        other: Callable[[Real], Sequence[Real]],
        probability: float = 0.85,
    ) -> tuple[Real, ...]:
        """Like `shortcut`, for values that differ."""
        if self._parts(holds, x):
            return tuple(self._parted(holds, x, one, other, probability))
        return tuple([self.where(holds, a, b) for a, b in zip(one(x), other(x), strict=True)])

    def _parts(self, holds: Truth, x: Real) -> bool:
        return self._takes_shortcuts and is_by_row(holds) and not is_by_row(x)

    def _parted(
        self, holds: Truth, x: Real, one: Callable[..., Any], other: Callable[..., Any], probability: float
    ) -> Any:
        values = [functools.partial(one, x), functools.partial(other, x)]
        return self._chosen(jnp.where(holds, 0, 1), values, [probability, 1 - probability])

    def _chosen(self, kind: Real, values: Sequence[Callable[[], Any]], probabilities: Sequence[float]) -> Any:
        taken = self._path[len(self._met)] if len(self._met) < len(self._path) else 0
        self._met.append((kind, taken, probabilities))
        return values[taken]()

    def by_row(self, formula: Callable[[Real], Array], steps: Array) -> Array:
        """The rates that `formula` gives at `steps` `[1, steps]`, where each row computes only what it chooses.

        The formula is evaluated once for each branch through its choices. The branches are then laid one under the other,
        and each row gathers its own: XLA fuses the gather into the concatenation, LLVM moves the branch out of the loop
        over a row, and nothing is stored or computed for a row that does not take it. This holds for eight branches. If
        there are more, some are computed together, and one is selected.
        """
        self._takes_shortcuts = True
        branches = self._branches(formula, steps)
        if len(branches) > _MOST_WITH_SHORTCUTS:
            self._takes_shortcuts = False
            branches = self._branches(formula, steps)
        if len(branches) == 1:
            only: Array = self.result(self._value(formula, steps, branches[0].path))
            return only
        groups = _grouped(branches)
        chosen = _numbered([functools.reduce(operator.or_, [branch.taken for branch in group]) for group in groups])
        values = []
        for number, group in enumerate(groups, start=1):
            # LLVM would compute what two groups share before it branches, and then no longer move the branch out of the
            # loop. It cannot know that `chosen` is never negative, nor so that the steps of all groups are the same.
            own_steps = steps + jnp.where(chosen[:1] < -number, 1, 0).astype(steps.dtype)
            value = self._value(formula, own_steps, group[0].path)
            for branch in group[1:]:
                value = self.where(branch.taken, self._value(formula, own_steps, branch.path), value)
            values.append(value)
        rates: Array = self.result(_gathered(values, chosen))
        return rates

    def _branches(self, formula: Callable[[Real], Array], steps: Array) -> list[_Branch]:
        """The branches through the choices of `formula`."""
        branches: list[_Branch] = []
        pending: list[tuple[int, ...]] = [()]
        while pending:
            path = pending.pop()
            operations = jax.make_jaxpr(functools.partial(self._value, formula, path=path))(steps).eqns
            self._value(formula, steps, path)
            taken = [kind == choice for kind, choice, _ in self._met]
            probability = math.prod(probabilities[choice] for _, choice, probabilities in self._met)
            done = tuple(choice for _, choice, _ in self._met)
            branches.append(
                _Branch(done, functools.reduce(operator.and_, taken, jnp.asarray(True)), probability, len(operations))
            )
            for depth in range(len(path), len(done)):
                pending += [(*done[:depth], other) for other in range(1, len(self._met[depth][2]))]
        return branches

    def _value(self, formula: Callable[[Real], Array], steps: Array, path: tuple[int, ...]) -> Array:
        self._path, self._met = path, []
        return formula(self.real(steps))


def _grouped(branches: Sequence[_Branch]) -> list[list[_Branch]]:
    """`branches` in at most `_FUSED` groups. A row computes all of its group, so what is joined is cheap or rarely taken."""
    groups = [[branch] for branch in branches]

    def added_cost(two: tuple[list[_Branch], list[_Branch]]) -> float:
        (cost, probability), (other_cost, other_probability) = (
            (sum(branch.cost for branch in group), sum(branch.probability for branch in group)) for group in two
        )
        return cost * other_probability + other_cost * probability

    while len(groups) > _FUSED:
        one, other = min(itertools.combinations(groups, 2), key=added_cost)
        groups = [group for group in groups if group is not one and group is not other] + [one + other]
    return groups


def _numbered(taken: Sequence[Truth]) -> Array:
    """By row, the number of the group that is taken."""
    return sum((number * jnp.where(rows, 1, 0) for number, rows in enumerate(taken) if number), jnp.int32(0))


def _gathered(values: Sequence[Array], chosen: Array) -> Array:
    """Of `values`, the one whose number is `chosen`, by row."""
    rows, steps = jnp.broadcast_shapes(chosen.shape, *(value.shape for value in values))
    under_each_other = jnp.concatenate([jnp.broadcast_to(value, (rows, steps)) for value in values])
    index = jnp.broadcast_to(chosen, (rows, 1))[:, 0].astype(jnp.int32) * rows + jnp.arange(rows, dtype=jnp.int32)
    return under_each_other.at[index].get(mode="promise_in_bounds", unique_indices=True)
