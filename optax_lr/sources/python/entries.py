"""The entries of a dict that a script passes with `**`, where their keys are written in the script."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.scopes import Binding, Call, Scope, Tests
from optax_lr.sources.python.syntax import UnknownError, is_none, returns_of
from optax_lr.text import start_of

_DEEPEST = 20


class Entry(NamedTuple):
    """An entry of a dict: its key, the expression of its value with its scope, whether it is there for certain, else the test."""

    key: str
    value: ast.expr
    scope: Scope
    certain: bool = True
    test: str = "under a condition"


def entries(script: Script, node: ast.expr, scope: Scope, depth: int = 0) -> list[Entry] | None:
    """The entries of a dict, of those with one key the last behind the others; None where the keys are not known.

    >>> script = Script("a.py", "kw = dict(a=1)\\nif fast():\\n    kw['b'] = 2\\nf(**kw)\\n")
    >>> [(entry.key, entry.certain) for entry in entries(script, script.calls[-1].node.keywords[0].value, script.top)]
    [('a', True), ('b', False)]
    """

    def of(part: ast.expr, here: Scope = scope) -> list[Entry] | None:
        return entries(script, part, here, depth + 1) if depth < _DEEPEST else None

    match node:
        case ast.Dict(keys=keys, values=values):
            parts = zip(keys, values, strict=True)
            return _joined(of(value) if key is None else _written(key, value, scope) for key, value in parts)
        case ast.Call(func=ast.Name(id="dict"), args=args, keywords=words):
            return _joined([*map(of, args), *_of_keywords(words, scope, of)])
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _joined([of(left), of(right)])
        case ast.IfExp(test=test, body=body, orelse=other):
            runs = script.outcome(((test, True, scope),))
            return _joined([_under(of(body), runs), _under(of(other), None if runs is None else not runs)])
        case ast.DictComp(
            generators=[ast.comprehension(iter=ast.Call(func=ast.Attribute(value=holder, attr="items")))]
        ):
            kept = _kept(script, node, scope)
            made = None if kept is None else of(holder)
            return None if made is None or kept is None else [entry for entry in made if kept(entry)]
        case ast.Name():
            return _of_name(script, node, scope, depth)
        case ast.Call():
            made_in = script.functions.get(ast.unparse(node.func), [])
            returned = returns_of(made_in[0].function) if len(made_in) == 1 else []
            runs = True if len(returned) == 1 else None
            return _joined(
                [_under(None if part is None else of(part, made_in[0]), runs) for part in returned or [None]]
            )
    return None


def _joined(parts: Iterable[list[Entry] | None]) -> list[Entry] | None:
    found = list(parts)
    return None if None in found else [entry for part in found for entry in part or ()]


def _under(made: list[Entry] | None, runs: bool | None, tests: Tests = ()) -> list[Entry] | None:
    """Entries in a branch that runs, that does not, or for None, that may run, by one of the tests."""
    if runs is False:
        return []
    if runs or made is None:
        return made
    test = "under a condition"
    if len(tests) == 1:
        test = f"if {'' if tests[0][1] else 'not '}({start_of(ast.unparse(tests[0][0]), 60)})"
    return [entry._replace(certain=False, test=test) for entry in made]


def _written(key: ast.expr, value: ast.expr, scope: Scope) -> list[Entry] | None:
    """The entry of `{"key": value}`."""
    match key:
        case ast.Constant(value=str(text)):
            return [Entry(text, value, scope)]
    return None


def _of_keywords(
    words: Iterable[ast.keyword], scope: Scope, of: Callable[[ast.expr], list[Entry] | None]
) -> list[list[Entry] | None]:
    return [of(word.value) if word.arg is None else [Entry(word.arg, word.value, scope)] for word in words]


def _kept(script: Script, made: ast.DictComp, scope: Scope) -> Callable[[Entry], bool] | None:
    """Which entries `{k: v for k, v in kw.items() if ...}` keeps: without None, or by their keys; None for another test.

    The fields and the parameters of a class are taken for all keys, as the class refuses the others.
    """
    part, key, value = made.generators[0], ast.unparse(made.key), ast.unparse(made.value)
    if ast.unparse(part.target) != f"({key}, {value})":
        return None
    allowed: list[list[object]] = []
    for test in part.ifs:
        match test:
            case ast.Compare(left=left, ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]) if (
                ast.unparse(left) == value
            ):
                continue
            case ast.Compare(left=left, ops=[ast.In()], comparators=[keys]) if ast.unparse(left) == key:
                text = ast.unparse(script.single(keys, scope) or keys)
                if re.search(r"signature|fields|__init__|parameters|__annotations__", text):
                    continue
                with contextlib.suppress(UnknownError):
                    names = script.value(keys, scope)
                    if isinstance(names, (list, dict)):
                        allowed.append(list(names))
                        continue
        return None
    return lambda entry: not is_none(entry.value) and all(entry.key in names for names in allowed)


def _of_name(script: Script, node: ast.Name, scope: Scope, depth: int) -> list[Entry] | None:
    """What a name holds: the dict that it is bound to, with what is set or updated later."""
    bindings, here = script.reaching(node, scope)
    if len([True for binding in bindings if binding.value is not None]) != 1 or script.flow.elsewhere(node.id, scope):
        return None
    script.note_taker(node.id, scope, node.lineno)
    events: list[tuple[int, Binding | Call]] = [(binding.line, binding) for binding in bindings]
    events += [
        (call.node.lineno if call.scope is here else node.lineno, call)
        for call in script.flow.calls(node.id, scope)
        if call.scope is not scope or call.node.lineno < node.lineno or scope.in_loop(node.lineno)
    ]
    made: list[Entry] | None = None
    for line, change in sorted(events, key=lambda event: event[0]):
        if isinstance(change, Binding) and change.value is not None:
            made = entries(script, change.value, here, depth + 1)
        elif made is None:  # a change before the dict was made
            continue
        elif isinstance(change, Call):
            sure = _is_sure(script, here, line, change.tests, change.node) if change.scope is here else None
            made = _joined([made, _under(_added(script, change, depth), sure)])
        else:
            item = None
            if change.given is not None and change.entry is not None and isinstance(change.entry.value, ast.Name):
                item = _written(change.entry.slice, change.given, here)
            made = _joined([made, _under(item, _is_sure(script, here, line, change.tests), change.tests)])
        if made is None:
            return None
    return made


def _is_sure(script: Script, scope: Scope, line: int, tests: Tests, call: ast.Call | None = None) -> bool | None:
    """Whether a statement runs for certain; None where it may."""
    if scope.in_loop(line):
        return None
    if tests:
        return script.outcome(tests)
    direct = (part for part in script.direct if part.lineno == line)
    return True if any(not isinstance(part, ast.Expr) or part.value is call for part in direct) else None


def _added(script: Script, call: Call, depth: int) -> list[Entry] | None:
    """What `kw.update(...)` adds, and a `pop` or `setdefault` of one key may change; None for any other change."""
    match call.node:
        case ast.Call(func=ast.Attribute(attr="pop" | "setdefault"), args=[ast.Constant(value=str(key)), *_]):
            return [Entry(key, call.node, call.scope, certain=False)]
        case ast.Call(func=ast.Attribute(attr="update"), args=[ast.Name(id=given)], keywords=[]) if [
            binding.value for binding in script.bound(given, call.scope)[0]
        ] == [None]:
            what = f"{ast.unparse(call.node)[:60]} in line {call.node.lineno}"
            script.notes[f"{what} is taken as without effect; a caller may give arguments"] = None
            return []
        case ast.Call(func=ast.Attribute(attr="update"), args=args, keywords=words):

            def of(part: ast.expr) -> list[Entry] | None:
                return entries(script, part, call.scope, depth + 1)

            return _joined([[], *map(of, args), *_of_keywords(words, call.scope, of)])
    return None
