"""Tests of a Python script, such as `if CFG.scheduler == "linear"`, that its literals decide."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

from optax_lr.sources.python.literals import Script, UnknownError
from optax_lr.sources.python.scopes import Call, Scope, Tests

_COMPARISONS: Mapping[type[ast.cmpop], Callable[[object, object], object]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda one, other: isinstance(other, (list, str)) and one in other,
    ast.NotIn: lambda one, other: isinstance(other, (list, str)) and one not in other,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}


def is_left_out(script: Script, call: Call) -> bool:
    """Whether a call is in a branch that does not run.

    >>> script = Script("a.py", "KIND = 'a'\\nif KIND == 'a':\\n    first()\\nelse:\\n    second()\\n")
    >>> [is_left_out(script, call) for call in script.calls]
    [False, True]
    """
    return outcome(script, call.tests) is False


def outcome(script: Script, tests: Tests) -> bool | None:
    """Whether what is under these tests runs; None where literals do not say."""
    met = [None if (known := _holds(script, test, scope)) is None else known is wanted for test, wanted, scope in tests]
    return False if False in met else None if None in met else True


def _holds(script: Script, test: ast.expr, scope: Scope) -> bool | None:
    """Whether a test is true; None where literals do not say, or only with an assumption."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            known = _holds(script, operand, scope)
            return None if known is None else not known
        case ast.BoolOp(op=operation, values=values):
            parts = [_holds(script, value, scope) for value in values]
            deciding = isinstance(operation, ast.Or)
            return deciding if deciding in parts else None if None in parts else not deciding
    before = dict(script.notes)
    try:
        match test:
            case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in _COMPARISONS:
                made = _COMPARISONS[type(sign)](script.value(left, scope), script.value(right, scope))
            case _:
                made = script.value(test, scope)
    except (UnknownError, TypeError):
        made = None
    assumed, script.notes = script.notes != before, before
    return None if assumed or not isinstance(made, bool) else made
