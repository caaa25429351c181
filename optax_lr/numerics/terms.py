"""Formulas read as terms: operations on terms or values, of which equal ones are one and the same."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

_INLINED = {"jit": "jaxpr", "pjit": "jaxpr", "custom_jvp_call": "call_jaxpr"}
# fmt: off
_ELEMENTWISE = frozenset([
    "abs", "add", "and", "bitcast_convert_type", "ceil", "clamp", "convert_element_type", "cos", "div", "eq",
    "exp", "exp2", "expm1", "floor", "ge", "gt", "integer_pow", "is_finite", "le", "log", "log1p", "lt",
    "max", "min", "mul", "ne", "neg", "not", "or", "pow", "rem", "round", "rsqrt", "select_n", "shift_left",
    "shift_right_arithmetic", "shift_right_logical", "sign", "sin", "sqrt", "square", "sub", "tan", "tanh",
    "xor",
])
# fmt: on
# In additions, on a CPU, about; what is not named costs one. XLA does none of these for each row if one does for all.
_COSTS = dict.fromkeys(("div", "rem", "rsqrt", "sqrt"), 8) | dict.fromkeys(
    ("cos", "exp", "exp2", "expm1", "log", "log1p", "pow", "sin", "tan", "tanh"), 20
)


class _Other(NamedTuple):
    """One result of an operation that is not elementwise. Each is itself alone, so that it is like no other."""

    equation: Any
    result: int

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.equation.primitive.name)


class Term:
    """An operation on other terms, or a value."""

    def __init__(self, number: int, operation: Any, params: Any, operands: tuple[Term, ...], shape: Any, dtype: Any):
        self.number = number  # in the order in which terms are made: operands come first
        self.operation, self.params, self.operands = operation, params, operands
        self.shape, self.dtype = shape, dtype
        self.value: Any = None  # once it is computed

    @property
    def by_step(self) -> bool:
        """Whether it is computed at each step of each row, and not once for a row, nor for all of them."""
        return self.operation is not None and self.shape[-1] > 1 and not self.for_all_rows

    @property
    def for_all_rows(self) -> bool:
        """Whether it is computed once for all rows."""
        return self.operation is not None and self.shape[0] == 1 and self.operation.name in _COSTS

    @property
    def costly_by_row(self) -> bool:
        """Whether it is a costly operation that is done once for each row."""
        by_row = self.shape[-1] == 1 < self.shape[0]  # and not once for all, where it may have to remain one number
        return by_row and self.operation is not None and self.operation.name in _COSTS

    @functools.cached_property
    def cost(self) -> int:
        """What it costs for each step, with all that it needs."""
        needed = reached([self], lambda term: term.by_step)
        return sum(_COSTS.get(part.operation.name, 1) for part in needed if part.by_step)


class Terms:
    """The terms of some formulas. Those that are equal are one and the same."""

    def __init__(self) -> None:
        self._made: dict[Any, Term] = {}
        self._alive: list[Any] = []  # what terms are known by must not go: another might come to the same address

    def of(self, formula: Callable[[], Sequence[Array]]) -> list[Term]:
        """The terms of what `formula` returns."""
        traced = jax.make_jaxpr(functools.partial(formula))()  # a new function: what is traced of one is kept
        return self._run(traced.jaxpr, self.leaves(traced.consts))

    def leaves(self, values: Iterable[Any]) -> list[Term]:
        """The terms of values; one and the same is one term."""
        return [self._leaf(value, id(value)) for value in values]

    def select(self, condition: Array, a: Term, b: Term) -> Term:
        """`a` where the condition holds, else `b`."""
        return a if a is b else self.operation(lax.select_n_p, {}, (*self.leaves([condition]), b, a), a.dtype)

    def operation(self, operation: Any, params: Mapping[str, Any], operands: tuple[Term, ...], dtype: Any) -> Term:
        """The term of an elementwise operation."""
        shape = np.broadcast_shapes(*(operand.shape for operand in operands))
        return self._term((operation, *sorted(params.items()), operands), operation, params, operands, shape, dtype)

    def replaced(self, term: Term, known: dict[Term, Term]) -> Term:
        """`term` with what is `known` in place of its parts, all of which are known then."""
        for part in in_order(reached([term])):
            if part not in known:
                operands = tuple([known[x] for x in part.operands])
                known[part] = part if operands == part.operands else self._again(part, operands)
        return known[term]

    def values(self, terms: Sequence[Term]) -> list[Any]:
        """What `terms` come to."""
        for term in in_order(reached(terms)):
            if term.value is None:
                term.value = _computed(term)
        return [term.value for term in terms]

    def _run(self, jaxpr: Any, constants: Sequence[Term], arguments: Sequence[Term] = ()) -> list[Term]:
        known: dict[Any, Term] = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*constants, *arguments), strict=True))

        def read(x: Any) -> Term:
            if not hasattr(x, "val"):
                return known[x]
            value = np.asarray(x.val, x.aval.dtype)  # a literal
            return self._leaf(value, (value.dtype, value.tobytes()))

        for equation in jaxpr.eqns:
            results = self._results(equation, tuple([read(x) for x in equation.invars]))
            known.update(zip(equation.outvars, results, strict=True))
        return [read(x) for x in jaxpr.outvars]

    def _results(self, equation: Any, operands: tuple[Term, ...]) -> list[Term]:
        name, params = equation.primitive.name, equation.params
        if name in _INLINED:
            inner = params[_INLINED[name]]
            return self._run(inner.jaxpr, self.leaves(inner.consts), operands)
        results = [x.aval for x in equation.outvars]
        if {x.aval.ndim for x in equation.invars} | {x.ndim for x in results} <= {0, 2}:
            if name in _ELEMENTWISE:
                return [self.operation(equation.primitive, params, operands, results[0].dtype)]
            if name == "broadcast_in_dim" and params["broadcast_dimensions"] in ((), (0, 1)):
                return [operands[0]]  # elementwise operations broadcast by themselves
        self._alive.append(equation)
        return [self._other(_Other(equation, i), operands, x.shape or (1, 1), x.dtype) for i, x in enumerate(results)]

    def _again(self, term: Term, operands: tuple[Term, ...]) -> Term:
        if isinstance(term.operation, _Other):
            return self._other(term.operation, operands, term.shape, term.dtype)
        return self.operation(term.operation, term.params, operands, term.dtype)

    def _other(self, other: _Other, operands: tuple[Term, ...], shape: Any, dtype: Any) -> Term:
        return self._term((id(other.equation), other.result, operands), other, {}, operands, shape, dtype)

    def _leaf(self, value: Any, key: Any) -> Term:
        self._alive.append(value)
        array = jnp.asarray(value)
        array = array.reshape(array.shape or (1, 1))
        term = self._term(key, None, {}, (), array.shape, array.dtype)
        term.value = array
        return term

    def _term(self, key: Any, *parts: Any) -> Term:
        if key not in self._made:
            self._made[key] = Term(len(self._made), *parts)
        return self._made[key]


def in_order(terms: Iterable[Term]) -> list[Term]:
    """`terms`, operands first."""
    return sorted(terms, key=operator.attrgetter("number"))


def reached(terms: Iterable[Term], through: Callable[[Term], bool] = lambda term: True) -> set[Term]:
    """All that `terms` need, with themselves; what goes in where it is not gone `through` is left out."""
    reached: set[Term] = set()
    pending = list(terms)
    while pending:
        term = pending.pop()
        if term not in reached:
            reached.add(term)
            pending += term.operands if through(term) else ()
    return reached


def _computed(term: Term) -> Array:
    operands, operation = [operand.value for operand in term.operands], term.operation
    if not isinstance(operation, _Other):
        result: Array = operation.bind(*jnp.broadcast_arrays(*operands), **term.params)
        return result
    equation = operation.equation
    shapes = [x.aval.shape for x in equation.invars]
    operands = [
        x.reshape(()) if not shape else jnp.broadcast_to(x, shape) for x, shape in zip(operands, shapes, strict=True)
    ]
    results = equation.primitive.bind(*operands, **equation.params)
    result = results[operation.result] if equation.primitive.multiple_results else results
    return result.reshape(term.shape)
