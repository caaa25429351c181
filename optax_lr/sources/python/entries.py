"""The entries of a dict that a script passes with `**`, where their keys are written in the script."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import NamedTuple

from optax_lr.sources.python.decided import outcome
from optax_lr.sources.python.literals import Script
from optax_lr.sources.python.scopes import Call, Scope

_DEEPEST = 20


class Entry(NamedTuple):
    """An entry of a dict: its key, the expression of its value with its scope, and whether it is there for certain."""

    key: str
    value: ast.expr
    scope: Scope
    certain: bool = True


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
            runs = outcome(script, ((test, True, scope),))
            return _joined([_under(of(body), runs), _under(of(other), None if runs is None else not runs)])
        case ast.DictComp(
            generators=[ast.comprehension(iter=ast.Call(func=ast.Attribute(value=holder, attr="items")))]
        ):
            made = of(holder) if _selects(node) else None
            return None if made is None else [entry for entry in made if not _is_none(entry.value)]
        case ast.Name():
            return _of_name(script, node, scope, depth)
        case ast.Call():
            made_in = [kept for kept in script.scopes if getattr(kept.function, "name", None) == ast.unparse(node.func)]
            if len(made_in) == 1 and made_in[0].function is not None:
                returned = [part.value for part in ast.walk(made_in[0].function) if isinstance(part, ast.Return)]
                runs = True if len(returned) == 1 else None
                returned = returned or [None]
                return _joined([_under(None if part is None else of(part, made_in[0]), runs) for part in returned])
    return None


def _joined(parts: Iterable[list[Entry] | None]) -> list[Entry] | None:
    found = list(parts)
    return None if None in found else [entry for part in found for entry in part or ()]


def _under(made: list[Entry] | None, runs: bool | None) -> list[Entry] | None:
    """Entries in a branch that runs, that does not, or for None, that may run."""
    if runs is False:
        return []
    return made if runs or made is None else [entry._replace(certain=False) for entry in made]


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


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _selects(made: ast.DictComp) -> bool:
    """Whether it is `{k: v for k, v in kw.items() if v is not None}`, or selects by `k in fields`."""
    part, key, value = made.generators[0], ast.unparse(made.key), ast.unparse(made.value)
    tests = [ast.unparse(test) for test in part.ifs]
    selecting = all(test == f"{value} is not None" or test.startswith(f"{key} in ") for test in tests)
    return selecting and ast.unparse(part.target) == f"({key}, {value})"


def _of_name(script: Script, node: ast.Name, scope: Scope, depth: int) -> list[Entry] | None:
    """What a name holds: the dict that it is bound to, with what is set or updated later."""
    bound, here = script.reaching(node, scope)
    if len([value for value, _ in bound if value is not None]) != 1 or node.id in script.mutated:
        return None
    made: list[Entry] | None = None
    for value, place in sorted(bound, key=lambda pair: pair[1].line):
        if value is not None:
            made = entries(script, value, here, depth + 1)
        else:
            runs = None if here.in_loop(place.line) else outcome(script, place.tests)
            items = here.items.get(node.id, ())
            item = next((_written(key, item, here) for other, key, item in items if other is place), None)
            made = _joined([made, _under(item, runs)])
        if made is None:
            return None
    changes = [
        call
        for call in script.changes.get(node.id, ())
        if call.scope is not scope or call.node.lineno < node.lineno or scope.in_loop(node.lineno)
    ]
    return _joined([made, *(_added(script, call, depth) for call in changes)])


def _added(script: Script, call: Call, depth: int) -> list[Entry] | None:
    """What `kw.update(...)` adds, and a `pop` or `setdefault` of one key may change; None for any other change."""
    match call.node:
        case ast.Call(func=ast.Attribute(attr="pop" | "setdefault"), args=[ast.Constant(value=str(key)), *_]):
            return [Entry(key, call.node, call.scope, certain=False)]
        case ast.Call(func=ast.Attribute(attr="update"), args=[ast.Name(id=given)], keywords=[]) if script.bound(
            given, call.scope
        )[0] == [None]:
            what = f"{ast.unparse(call.node)[:60]} in line {call.node.lineno}"
            script.notes[f"{what} is taken as without effect; a caller may give arguments"] = None
            return []
        case ast.Call(func=ast.Attribute(attr="update"), args=args, keywords=words):

            def of(part: ast.expr) -> list[Entry] | None:
                return entries(script, part, call.scope, depth + 1)

            return _under(
                _joined([[], *map(of, args), *_of_keywords(words, call.scope, of)]), outcome(script, call.tests)
            )
    return None
