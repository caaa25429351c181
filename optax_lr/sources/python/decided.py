"""Tests of a Python script, such as `if CFG.scheduler == "linear"`, that its literals decide."""

from __future__ import annotations

import ast
import functools
import itertools
from collections.abc import Sequence

from optax_lr.sources.python.literals import Script
from optax_lr.sources.python.scopes import Call, Scope, Tests, UnknownError
from optax_lr.sources.python.truth import holds


def is_left_out(script: Script, call: Call) -> bool:
    """Whether a call is in a branch that does not run.

    >>> script = Script("a.py", "KIND = 'a'\\nif KIND == 'a':\\n    first()\\nelse:\\n    second()\\n")
    >>> [is_left_out(script, call) for call in script.calls]
    [False, True]
    """
    return outcome(script, call.tests) is False


def only_one(calls: Sequence[Call]) -> bool:
    """Whether a branch decides which one of these calls runs: they need opposite tests, or are returned by one function."""
    return len(calls) > 1 and all(_opposed(*pair) for pair in itertools.combinations(calls, 2))


def _opposed(first: Call, second: Call) -> bool:
    tests = [(one, other) for one in first.tests for other in second.tests]
    if any(one[0] is other[0] and one[1] is not other[1] for one, other in tests):
        return True
    function = first.scope.function
    if function is None or function is not second.scope.function:
        return False
    returns = [set(ast.walk(part)) for part in ast.walk(function) if isinstance(part, ast.Return)]
    places = [[number for number, parts in enumerate(returns) if call.node in parts] for call in (first, second)]
    return all(places) and places[0] != places[1]


def outcome(script: Script, tests: Tests) -> bool | None:
    """Whether what is under these tests runs; None where literals do not say, or only with an assumption."""
    met = []
    for test, wanted, scope in tests:
        known = holds(functools.partial(_certain, script, scope), test)
        met.append(None if known is None else known is wanted)
    return False if False in met else None if None in met else True


def _certain(script: Script, scope: Scope, node: ast.expr) -> object:
    """The value of an expression that needs no assumption."""
    before = dict(script.notes)
    value = script.value(node, scope)
    if script.notes != before:
        script.notes = before
        raise UnknownError
    return value
