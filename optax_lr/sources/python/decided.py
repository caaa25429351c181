"""Tests of a Python script, such as `if CFG.scheduler == "linear"`, that its literals decide."""

from __future__ import annotations

import ast
import functools

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
