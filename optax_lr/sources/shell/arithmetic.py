"""Integer arithmetic by the shell's rules."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping


def _quotient(one: int, other: int) -> int:
    """Division that rounds towards 0, as in the shell."""
    return abs(one) // abs(other) * (1 if (one < 0) == (other < 0) else -1)


_OPERATIONS: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _quotient,
    ast.Mod: lambda one, other: one - other * _quotient(one, other),
    ast.Pow: lambda one, other: one**other if 0 <= other < 64 else 2**63,  # the latter is refused
}


def integer(text: str) -> int | None:
    """The value of an expression of literals; None where it has none.

    >>> integer("(7 - 2) / 2 * 3"), integer("1 / 0"), integer("8 * A")
    (6, None, None)
    """
    try:
        return _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, LookupError, TypeError, ZeroDivisionError, RecursionError, MemoryError):
        return None


def _value(node: ast.AST) -> int:
    match node:
        case ast.Constant(value=int() as value) if not isinstance(value, bool):
            made = value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            made = -_value(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            made = _value(operand)
        case ast.BinOp(left=left, op=operation, right=right):
            made = _OPERATIONS[type(operation)](_value(left), _value(right))
        case _:
            raise ValueError
    if abs(made) >= 2**63:
        raise ValueError
    return made
