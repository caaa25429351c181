"""Which of the calls in branches of a Python script run, and those that are not read and may be made instead."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator

from optax_lr.sources.errors import STATE, BranchError
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.scopes import Call, are_opposed
from optax_lr.text import start_of

_WRAPS = ("prepare", "print", "DummyScheduler")  # whose result is an argument, or the schedule of a DeepSpeed config


def that_run(script: Script, calls: list[Call]) -> list[Call]:
    """Those of some calls that no test rules out, by literals, options and the defaults of these; all where that leaves none."""
    return [call for call in calls if script.assumed(call.tests)[0] is not False] or calls


def notes_on_branches(script: Script, call: Call, made: Collection[Call]) -> list[str]:
    """Notes on the tests that a call is under, and on the calls of `made` that they rule out."""
    runs, notes = script.assumed(call.tests)
    if runs is None:
        notes = [f"line {call.node.lineno} is run only if {_shown(call)}"]
    for other in made:
        ruled_out, why = script.assumed(other.tests)
        if ruled_out is False and other.node is not call.node:
            notes += [f"{other.last} in line {other.node.lineno} is left out, which needs {_shown(other)}", *why]
    return list(dict.fromkeys(notes))


def check_branches(script: Script, call: Call, read: Collection[ast.expr]) -> None:
    """Refuse a schedule that does not run, or that competes with one in another branch that is not among those that are `read`.

    Raises:
        BranchError: one line without the file, which names what is made instead.
    """
    runs, notes = script.assumed(call.tests)
    others = [one for one in _instead(script, call) if not _is_read(script, one, read)]
    if not others and (runs is not False or notes):
        return
    where = f"{call.last} in line {call.node.lineno}"
    made = f"{others[0].name} in line {others[0].node.lineno}, which is not read" if others else "nothing"
    tests = " ".join(ast.unparse(test) for one in (call, *others[:1]) for test, _, _ in one.tests)
    options = [name for name in re.findall(r"\.(\w+)", tests) if name in script.options.declared]
    way = f"give another value with --set {options[0]}=VALUE, or {STATE}" if options else STATE
    if runs is False:
        why = f" ({'; '.join(notes)})" if notes else ""
        needs = f"{where} is made only if {_shown(call)}, which does not hold{why}"
        raise BranchError(f"{needs}; made instead is {made}; {way}")
    raise BranchError(f"instead of {where}, a branch may make {made}; {way}")


def _shown(call: Call) -> str:
    """The last test of a call that must hold, else the last that must not."""
    test, wanted, _ = next((one for one in reversed(call.tests) if one[1]), call.tests[-1])
    text = start_of(ast.unparse(test), 60)
    return text if wanted else f"not ({text})"


def _instead(script: Script, call: Call) -> Iterator[Call]:
    """The calls that may run, and whose result has the name of that of a call, or is returned by the same function."""
    names = {name for name in call.scope.names if call.node in call.scope.values(name)}
    values = [value for name in names for value in call.scope.values(name)]
    for key, bindings in script.attributes.items():
        if any(binding.value is call.node for binding in bindings):
            values += [binding.value for binding in script.attributes[key] if binding.scope is call.scope]
    values += script.returned_with(call)
    runs = script.assumed(call.tests)[0]
    for other in script.calls:
        if other.node is call.node or other.node not in values or other.last in _WRAPS:
            continue
        later = other.node.lineno > call.node.lineno
        replaces = later and other.scope is call.scope and bool(other.tests) and other.tests != call.tests
        if not (are_opposed(call, other) or replaces) or script.assumed(other.tests)[0] is False:
            continue
        if not (runs and later and are_opposed(call, other)):  # of two that are returned, the first is the one
            yield other


def _is_read(script: Script, call: Call, read: Collection[ast.expr]) -> bool:
    """Whether a call is read, or is one of a function or class of the script in which one is."""
    if call.node in read:
        return True
    bodies = [scope.function for scope in script.functions.get(call.last, ())] + script.classes.get(call.name, [])
    return any(node in read for body in bodies if body is not None for node in ast.walk(body))
