"""The variable that counts the turns of a script's loop: where it begins, and what a turn may leave out."""

from __future__ import annotations

import ast
import functools
import itertools
from collections.abc import Iterator
from typing import NamedTuple

from optax_lr.sources.python.loops import updates_in
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.scopes import Scope
from optax_lr.sources.python.syntax import Function, UnknownError
from optax_lr.sources.python.truth import holds

_MOST_CALLS = 20  # of functions in each other
_EXITS = ("sys.exit", "exit", "quit", "os._exit")


class Counter(NamedTuple):
    """A variable that counts: of a loop over a range or over data, or one to which 1 is added in each turn.

    Fields:
        name: the variable.
        line: where it is counted.
        loop: the loop.
        scope: where that is.
        first: its first number; None for 0.
        later: whether 1 is added before the first turn uses it.
        turns: the number of turns; None where the loop does not say it.
    """

    name: str
    line: int
    loop: ast.For | ast.While
    scope: Scope
    first: ast.expr | None
    later: bool
    turns: ast.expr | None


def counter_of(script: Script, name: ast.Name, scope: Scope, use: ast.AST) -> Counter | None:
    """The counter that a name is; None for any other variable. `use` is the statement that needs its number.

    Raises:
        UnknownError: for a variable that begins again, counts by other numbers or in some turns only, or is set otherwise.
    """
    bindings, here = script.bound(name.id, scope)
    loops = [loop for loop, where in script.loops if where is here and _has_target(loop, name.id)]
    added = [
        node
        for node in script.nodes
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id == name.id
    ]
    set_to = [made for made in bindings if made.value is not None and script.assumed(made.tests)[0] is not False]
    if not loops and not (added and bindings):
        return None
    if len(loops) + len(added) > 1 or len(set_to) != len(added):
        raise UnknownError
    if loops:
        loop = loops[0]
        made = _turns(script, loop, name.id, here) if isinstance(loop, ast.For) else None
        if made is None or not isinstance(loop, ast.For) or _is_inside(script, loop):
            raise UnknownError
        return Counter(name.id, loop.lineno, loop, here, made[0], False, made[1])
    around = _loop_around(script, added[0])
    if around is None or not isinstance(added[0].op, ast.Add) or ast.unparse(added[0].value) != "1":
        raise UnknownError
    if here.in_loop(set_to[0].line) or not _in_each_turn(script, around, added[0]):
        raise UnknownError
    places = _place(script, around, added[0]), _place(script, around, use)
    if None in places or places[0] == places[1]:
        raise UnknownError
    return Counter(name.id, added[0].lineno, around, here, set_to[0].value, places[0] < places[1], None)  # type: ignore[operator]


def notes_on_turns(script: Script, loop: ast.For | ast.While, use: ast.stmt) -> Iterator[str]:
    """Notes where the turns of a loop are not the updates, and where `use` sets the rate after the update of its turn."""
    updates = [(place, call) for call in updates_in(script) if (place := _place(script, loop, call.node)) is not None]
    used = _place(script, loop, use)
    if updates and used is not None and min(place for place, _ in updates) < used:
        yield f"line {use.lineno} sets the rate after the update of its turn, for which the rate before holds"
    for _, call in updates:
        if not _is_certain(script, loop, call.node):
            yield f"line {call.node.lineno} does not make an update in each turn of line {loop.lineno}"
            break
    if (line := next(_leaving(script, loop), None)) is not None:
        yield f"line {line} may leave out turns of line {loop.lineno}, or end the run before"


def steps_before_update(script: Script, step: ast.Call) -> bool:
    """Whether a scheduler is stepped before the update in the same loop."""
    loop = _loop_around(script, step)
    if loop is None:
        return False
    places = [place for call in updates_in(script) if (place := _place(script, loop, call.node)) is not None]
    stepped = _place(script, loop, step)
    return bool(places) and stepped is not None and stepped < min(places)


def _has_target(loop: ast.For | ast.AsyncFor | ast.comprehension, name: str) -> bool:
    return any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(loop.target))


def _turns(script: Script, loop: ast.For, name: str, scope: Scope) -> tuple[ast.expr | None, ast.expr] | None:
    """The first number of a loop over a range or over `enumerate(data)`, None for 0, and its turns; None for other loops."""
    node = script.single(loop.iter, scope)
    while isinstance(node, ast.Call) and node.args:
        last = script.qualified(node.func).rpartition(".")[2]
        match loop.target, last, node.args:
            case ast.Name(id=target), "range" | "trange", [end] if target == name:
                return None, end
            case ast.Name(id=target), "range" | "trange", [first, end] if target == name:
                return first, ast.copy_location(ast.BinOp(end, ast.Sub(), first), end)
            case ast.Tuple(elts=[ast.Name(id=target), _]), "enumerate", [data, *first] if target == name:
                length = ast.Call(ast.Name("len", ast.Load()), [data], [])
                start = first[0] if first else next((word.value for word in node.keywords), None)
                return start, ast.fix_missing_locations(ast.copy_location(length, data))
            case _, "tqdm", [inner, *_]:
                node = inner
            case _:
                return None
    return None


def _loop_around(script: Script, node: ast.AST) -> ast.For | ast.While | None:
    """The innermost loop around a node in its function."""
    outside = script.around.get(node)
    while outside is not None and not isinstance(outside, (ast.For, ast.While, Function)):
        outside = script.around.get(outside)
    return outside if isinstance(outside, (ast.For, ast.While)) else None


def _way_up(script: Script, loop: ast.AST, node: ast.AST) -> list[ast.AST] | None:
    """A node and all that is around it below a loop, also around the one call of a function that it is in; None elsewhere."""
    way, calls = [node], 0
    while (outside := script.around.get(way[-1])) is not loop:
        if outside is None or calls > _MOST_CALLS:
            return None
        if isinstance(outside, ast.FunctionDef):
            made = [call for call in script.calls if call.last == outside.name]
            if len(made) != 1:
                return None
            outside, calls = made[0].node, calls + 1
        way.append(outside)
    return way


def _place(script: Script, loop: ast.For | ast.While, node: ast.AST) -> tuple[int, int] | None:
    """Where a node is in the turns of a loop, as a place that can be compared; None where it is not in it, or in several."""
    way = _way_up(script, loop, node)
    if way is None or way[-1] not in loop.body:
        return None
    inside = [part for part in way if isinstance(part, ast.stmt) and part.lineno >= way[-1].lineno]
    return loop.body.index(way[-1]), inside[0].lineno


def _is_inside(script: Script, node: ast.AST) -> bool:
    """Whether a loop is in another one, also by the calls of its function."""
    outside = script.around.get(node)
    while outside is not None:
        if isinstance(outside, (ast.For, ast.While)):
            return True
        if isinstance(outside, ast.FunctionDef):
            calls = script.calls_of(outside.name)
            if len(calls) != 1:
                return len(calls) > 1
            outside = calls[0].node
        outside = script.around.get(outside)
    return False


def _is_certain(script: Script, loop: ast.AST, node: ast.AST) -> bool:
    """Whether no test in a turn of a loop leaves a node out."""
    way = _way_up(script, loop, node) or []
    tests = [
        (outside, inside) for inside, outside in itertools.pairwise(way) if isinstance(outside, (ast.If, ast.IfExp))
    ]
    for outside, inside in tests:
        known = holds(functools.partial(script.value, scope=script.top), outside.test)
        body = outside.body if isinstance(outside.body, list) else [outside.body]
        if known is not (inside in body):
            return False
    return True


def _in_each_turn(script: Script, loop: ast.For | ast.While, added: ast.AugAssign) -> bool:
    """Whether 1 is added in each turn, or with each update."""
    if _is_certain(script, loop, added):
        return True
    outside = script.around[added]
    body = outside.body if isinstance(outside, ast.If) else []
    inside = {part for statement in body for part in ast.walk(statement)}
    return script.around.get(outside) is loop and any(call.node in inside for call in updates_in(script))


def _leaving(script: Script, loop: ast.For | ast.While) -> Iterator[int]:
    """The lines that may leave a turn of a loop or the run, without those that leave another loop in it."""
    left: list[tuple[ast.AST, bool]] = [(statement, True) for statement in loop.body]
    while left:
        node, own = left.pop(0)
        ends = isinstance(node, ast.Return) or (own and isinstance(node, (ast.Break, ast.Continue)))
        exits = isinstance(node, ast.Raise) and node.exc is not None and "SystemExit" in ast.unparse(node.exc)
        called = isinstance(node, ast.Call) and script.qualified(node.func) in _EXITS
        if isinstance(node, (ast.stmt, ast.expr)) and (ends or exits or called):
            yield node.lineno
        if not isinstance(node, Function):
            inner = own and not isinstance(node, (ast.For, ast.While))
            left[:0] = [(child, inner) for child in ast.iter_child_nodes(node)]
