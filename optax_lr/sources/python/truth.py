"""Whether a test is true, by the values of its parts."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from optax_lr.sources.python.syntax import UnknownError

_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], object]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda one, other: one in other,
    ast.NotIn: lambda one, other: one not in other,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}


def holds(value: Callable[[ast.expr], object], test: ast.expr) -> bool | None:
    """Whether a test is true by the values of its parts; None where one that is needed is not known.

    Args:
        value: gives the value of an expression, or raises `UnknownError`.
        test: the test.
    """
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            known = holds(value, operand)
            return None if known is None else not known
        case ast.BoolOp(op=operation, values=values):
            parts = [holds(value, part) for part in values]
            deciding = isinstance(operation, ast.Or)
            return deciding if deciding in parts else None if None in parts else not deciding
    try:
        match test:
            case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in _COMPARISONS:
                made = _COMPARISONS[type(sign)](value(left), value(right))
            case _:
                made = value(test)
    except (UnknownError, TypeError):
        return None
    return made if isinstance(made, bool) else None
