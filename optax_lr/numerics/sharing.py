"""Formulas laid over each other: what they compute alike is computed once, from operands that are chosen by row."""

from __future__ import annotations

import collections
import operator
from collections.abc import Callable, Sequence
from typing import Any

from jax import Array

from optax_lr.numerics.terms import Term, Terms, in_order, reached

_DEPTH = 100  # of what is compared: a thousand milestones are a thousand operations deep, and Python's stack is not


def where(terms: Terms, condition: Array, a: Term, b: Term) -> Term:
    """`a` where the `condition` holds, which is by row, else `b`. Operations that both have in one place are shared."""
    laid: dict[tuple[Term, Term], Term] = {}

    def lay(a: Term, b: Term, depth: int) -> Term:
        if (a, b) not in laid:
            if a is not b and depth < _DEPTH and _alike(a, b):
                operands = tuple([lay(x, y, depth + 1) for x, y in zip(a.operands, b.operands, strict=True)])
                laid[a, b] = terms.operation(a.operation, a.params, operands, a.dtype)
            else:
                laid[a, b] = terms.select(condition, a, b)
        return laid[a, b]

    return lay(a, b, 0)


def in_places(
    terms: Terms, ways: Sequence[tuple[Term, float]], most: int, taken: Callable[[Sequence[int]], Array]
) -> list[tuple[tuple[int, ...], Term]]:
    """`ways`, each with its odds, in at most `most` groups, each with the term that gives its members' values by row.

    Two groups become one where that costs a row least, on average, until they are few enough. `taken` tells which rows
    go one of some ways.
    """
    groups: list[tuple[tuple[int, ...], Term]] = [((number,), way) for number, (way, _) in enumerate(ways)]
    joined: dict[tuple[Any, Any], tuple[float, Any]] = {}  # by their members: what it costs more, and the group

    def costs(members: tuple[int, ...], term: Term) -> float:
        return term.cost * sum(ways[number][1] for number in members)

    while len(groups) > most:
        pairs = [pair for i, one in enumerate(groups) for pair in ((other, one) for other in groups[:i])]
        for (some, a), (others, b) in pairs:
            if (some, others) not in joined:
                both = some + others, where(terms, taken(some), a, b)
                joined[some, others] = costs(*both) - costs(some, a) - costs(others, b), both
        _, best = min((joined[some, others] for (some, _), (others, _) in pairs), key=operator.itemgetter(0))
        groups = [group for group in groups if group[0][0] not in best[0]] + [best]
    return groups


def with_row_costs_shared(terms: Terms, formulas: Sequence[Term], taken: Sequence[Array]) -> list[Term]:
    """`formulas`, of which each row takes one, with one operation for costly ones of several that are done once for a row.

    What one formula divides first stands with what the others divide first, and so on. `taken` are the rows of each.
    """
    known: list[dict[Term, Term]] = [{} for _ in formulas]
    waiting = [in_order(term for term in reached([formula]) if term.costly_by_row) for formula in formulas]
    while any(waiting):
        alike: dict[Any, list[tuple[int, Term]]] = collections.defaultdict(list)
        for number, costly in enumerate(waiting):
            ready = [term for term in costly if not reached(term.operands) & set(costly)]
            waiting[number] = [term for term in costly if term not in ready]
            kinds = collections.Counter[Any]()
            for term in ready:
                kind = (term.operation, *sorted(term.params.items()), *(x.dtype for x in term.operands))
                alike[kind, kinds[kind]].append((number, term))
                kinds[kind] += 1
        for members in alike.values():
            operands: list[Term] = []
            for number, term in members:
                own = [terms.replaced(x, known[number]) for x in term.operands]
                operands = [terms.select(taken[number], x, y) for x, y in zip(own, operands or own, strict=True)]
            shared = terms.operation(term.operation, term.params, tuple(operands), term.dtype)
            for number, term in members:
                known[number][term] = shared
    return [terms.replaced(formula, own) for formula, own in zip(formulas, known, strict=True)]


def with_own_steps(terms: Terms, formulas: Sequence[Term], step: Array, own: Sequence[Array]) -> list[Term]:
    """`formulas` of `step`, each of its `own` instead, so that no two have an operation on steps in common."""
    [shared] = terms.leaves([step])
    return [terms.replaced(formula, {shared: leaf}) for formula, leaf in zip(formulas, terms.leaves(own), strict=True)]


def _alike(a: Term, b: Term) -> bool:
    """Whether one operation can do for both."""
    return (
        a.operation is not None
        and a.operation is b.operation
        and a.params == b.params
        and [x.dtype for x in a.operands] == [x.dtype for x in b.operands]
        and not a.for_all_rows
        and not b.for_all_rows
    )
