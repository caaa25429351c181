"""The number system of a whole batch: reals are `[rows, 1]`, `[1, steps]` or `[rows, steps]`; a row evaluates only its branch."""

from __future__ import annotations

import copy
import functools
import itertools
import math
import operator
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import jax
import jax.numpy as jnp
from jax import Array

from optax_lr.numerics.float64 import Float64
from optax_lr.numerics.reals import Branch, Real, Result, Truth
from optax_lr.numerics.system import System

_FUSED = 8  # the most operands of a concatenation that XLA fuses, and of conditions on which LLVM unswitches a loop
_MOST_WITH_SHORTCUTS = 9  # with more branches than this, no shortcut splits a branch


def is_by_row(x: Real) -> bool:
    """Whether `x` has one number for each row, or one for all rows."""
    return jnp.shape(x)[-1:] in [(), (1,)]


class _Branch(NamedTuple):
    path: tuple[int, ...]  # the index of the value taken at each choice
    taken: Truth  # by row: whether the row takes the branch
    probability: float
    cost: int  # in operations


class ByRow(Float64):
    """A float64 system in which a row computes only the branch it chooses, for `rows` rows and steps up to `last_step`."""

    _path: tuple[int, ...]  # of the branch that is being evaluated
    _met: list[
        tuple[Real, int, Sequence[float]]
    ]  # the choices on the path: the kind by row, the index taken, the probability of each value
    _takes_shortcuts: bool

    def __init__(self, last_step: Array, rows: int) -> None:
        self.last_step, self.rows = self.real(last_step), rows
        self._path, self._met, self._takes_shortcuts = (), [], True

    # JAX's own maximum and minimum also propagate NaN, which costs operations of each rate.
    maximum, minimum = System.maximum, System.minimum

    def result(self, value: Real) -> Real:
        # No `where` here: LLVM would no longer move the branch out of the loop. The formulas give no rate below 0.
        return value

    def real(self, x: Real) -> Real:
        return jnp.asarray(x).astype(jnp.float64)

    def ahead(self, by: Real) -> Self:
        further = copy.copy(self)
        further.last_step = self.last_step + self.maximum(by, self.real(0))
        return further

    def faster(self, factor: Real) -> Self:
        further = copy.copy(self)
        further.last_step = self.last_step * factor
        return further

    def choose(self, kind: Real, values: Sequence[Callable[[], Real]]) -> Real:
        """One of `values`, by row. Only inside `by_row`."""
        return self._chosen(kind, values, [1 / len(values)] * len(values))

    def _one_of(
        self,
        holds: Truth,
        x: Real,
        one: Branch[Result],
        other: Branch[Result],
        probability: float,
        both: Callable[[], Result],
    ) -> Result:
        if not self._takes_shortcuts or not is_by_row(holds) or is_by_row(x):
            return both()
        values = [functools.partial(one, x), functools.partial(other, x)]
        return self._chosen(jnp.where(holds, 0, 1), values, [probability, 1 - probability])

    def _chosen(self, kind: Real, values: Sequence[Callable[[], Result]], probabilities: Sequence[float]) -> Result:
        taken = self._path[len(self._met)] if len(self._met) < len(self._path) else 0
        self._met.append((jnp.atleast_2d(kind), taken, probabilities))
        return values[taken]()

    def by_row(self, formula: Callable[[Real], Array], steps: Array) -> Array:
        """The rates of `formula` at `steps` `[1, steps]`, where each row evaluates only its own branch.

        The formula is evaluated once for each branch through its choices. The branches are then concatenated, and each row
        gathers its own: XLA fuses the gather into the concatenation, LLVM moves the condition out of the loop over a row,
        and nothing is stored or computed for a row that does not take the branch. This holds for up to eight branches. If
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
            # LLVM would hoist what two groups share above the condition, and then no longer move the condition out of the
            # loop. `chosen` is never negative, but LLVM cannot prove it, and so takes the steps of the groups for different.
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
            operations = jax.make_jaxpr(functools.partial(self._counted, formula, path=path))(steps).eqns
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

    def _counted(self, formula: Callable[[Real], Array], steps: Array, path: tuple[int, ...]) -> Array:
        value = self._value(formula, steps, path)
        self._met = []  # `jax.checking_leaks` would find the tracers of this trace
        return value

    def _value(self, formula: Callable[[Real], Array], steps: Array, path: tuple[int, ...]) -> Array:
        self._path, self._met = path, []
        return formula(self.real(steps))


def _grouped(branches: Sequence[_Branch]) -> list[list[_Branch]]:
    """`branches` in at most `_FUSED` groups. A row computes all of its group, so cheap or improbable branches are joined."""
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
    """The number of the group that is taken, by row."""
    return sum((number * jnp.where(rows, 1, 0) for number, rows in enumerate(taken) if number), jnp.int32(0))


def _gathered(values: Sequence[Array], chosen: Array) -> Array:
    """The value whose number is `chosen`, by row."""
    rows, steps = jnp.broadcast_shapes(chosen.shape, *(value.shape for value in values))
    under_each_other = jnp.concatenate([jnp.broadcast_to(value, (rows, steps)) for value in values])
    index = jnp.broadcast_to(chosen, (rows, 1))[:, 0].astype(jnp.int32) * rows + jnp.arange(rows, dtype=jnp.int32)
    return under_each_other.at[index].get(mode="promise_in_bounds", unique_indices=True)
