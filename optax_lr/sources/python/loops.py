"""The number of updates that the one loop of a script makes: `for epoch in range(3):` over `for batch in train_loader:`."""

from __future__ import annotations

import ast
from typing import NamedTuple

from optax_lr.sources.python.arguments import Arguments
from optax_lr.sources.python.lengths import passed
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.scopes import Call, Scope
from optax_lr.sources.python.syntax import UnknownError
from optax_lr.sources.source import Length
from optax_lr.text import words

_WRAPPERS = words("enumerate tqdm tqdm.tqdm tqdm.auto.tqdm tqdm.notebook.tqdm")  # that keep the length
_RANGES = ("range", "trange")
_MOST_CALLS = 20  # of functions in each other


class _Every(NamedTuple):
    """`if (step + 1) % n == 0:` around an update."""

    counter: str
    number: ast.expr
    first: bool  # whether it is true for the first batch, as `step % n == 0` is
    rest: bool  # whether `or step + 1 == len(loader)` follows


class _Loops:
    """The loops around a call, from the inside to the outside, up to what is also around the optimizer."""

    def __init__(self, script: Script, optimizer: Call) -> None:
        self.script = script
        self.parents = {child: node for node in ast.walk(script.tree) for child in ast.iter_child_nodes(node)}
        self.common = set[ast.AST]()  # around the optimizer itself: each turn of such a loop is a run
        node: ast.AST = optimizer.node
        while node in self.parents:
            node = self.parents[node]
            self.common.add(node)
        self.factors: list[tuple[ast.expr, Scope]] = []  # numbers of turns
        self.every: _Every | None = None
        self.alone = ""  # where the number differs if several processes run the script
        self.leaves: int | None = None  # the line of a `break`, `continue` or `return`

    def follow(self, node: ast.AST, scope: Scope, depth: int = 0) -> None:
        """Collect the loops around a node, also those around the one call of a function that it is in.

        Raises:
            UnknownError: for any other statement around it that may decide whether it runs.
        """
        inside = node
        while (outside := self.parents.get(inside)) is not None and outside not in self.common:
            match outside:
                case ast.For(orelse=[]) if inside in outside.body:
                    self._take(outside, scope)
                case ast.If(test=test) if "__name__" in ast.unparse(test) and inside in outside.body:
                    pass
                case ast.If(orelse=[]) if inside in outside.body and self.every is None and not self.factors:
                    self.every = _every(outside.test)
                case ast.With(items=items) if not any("accumulate" in ast.unparse(item.context_expr) for item in items):
                    pass
                case ast.FunctionDef(name=name):
                    method = isinstance(self.parents[outside], ast.ClassDef)
                    calls = [call for call in self.script.calls if _calls(call, name, method=method)]
                    if len(calls) != 1 or depth > _MOST_CALLS:
                        raise UnknownError
                    self.follow(calls[0].node, calls[0].scope, depth + 1)
                    return
                case ast.Expr() | ast.Assign() | ast.Try() | ast.Call() | ast.Attribute():
                    pass
                case _:
                    raise UnknownError
            inside = outside

    def _take(self, loop: ast.For, scope: Scope) -> None:
        of, shifted = loop.iter, False
        made, here = passed(self.script, of, scope)
        while isinstance(made, ast.Call) and self.script.qualified(made.func) in _WRAPPERS and made.args:
            shifted = shifted or (ast.unparse(made.func) == "enumerate" and len(made.args) + len(made.keywords) > 1)
            of, scope = made.args[0], here
            made, here = passed(self.script, of, scope)
        kind = self.script.qualified(made.func).rpartition(".")[2] if isinstance(made, ast.Call) else ""
        if kind not in ("DataLoader", *_RANGES):
            raise UnknownError
        counters = {part.id for part in ast.walk(loop.target) if isinstance(part, ast.Name)}
        if not self.factors and self.every is not None and (shifted or self.every.counter not in counters):
            raise UnknownError  # it may be counted over all epochs
        self.factors.append((of, scope))
        for part in ast.walk(loop):
            if isinstance(part, (ast.Break, ast.Continue, ast.Return)):
                self.leaves = part.lineno

    def updates(self, examples: int | None = None) -> int:
        """The number of updates for a number of training examples.

        Raises:
            UnknownError: where a loop has no known number of turns.
        """
        turns = [self._turns(of, scope, examples) for of, scope in self.factors]
        if self.every is not None:
            number = _whole(self.script.value(self.every.number, self.factors[0][1], examples))
            up = self.every.first or self.every.rest
            turns[0] = -(-turns[0] // number) if up else turns[0] // number
        made = 1
        for count in turns:
            made *= count
        if not turns or made < 1:
            raise UnknownError
        return made

    def _turns(self, of: ast.expr, scope: Scope, examples: int | None) -> int:
        if isinstance(of, ast.Call) and self.script.qualified(of.func).rpartition(".")[2] in _RANGES:
            if not of.args or len(of.args) > 2:
                raise UnknownError
            ends = [_whole(self.script.value(end, scope, examples), least=0) for end in of.args]
            return len(range(*ends))
        length = ast.Call(ast.Name("len", ast.Load()), [of], [])
        turns = _whole(self.script.value(ast.fix_missing_locations(ast.copy_location(length, of)), scope, examples))
        self.alone = self.alone or self.script.alone
        return turns

    def __str__(self) -> str:
        return " x ".join(ast.unparse(of) for of, _ in reversed(self.factors))


def take_length_of_loop(found: Arguments, optimizer: Call) -> list[str]:
    """Take the number of updates that the one loop with an update makes, where it is certain; notes on it."""
    steps = [call for call in found.script.calls if call.last == "step" and "sched" not in call.name.lower()]
    loops = _Loops(found.script, optimizer)
    if len(steps) != 1:
        return []
    try:
        loops.follow(steps[0].node, steps[0].scope)
        loops.updates(10**6)
    except UnknownError:
        return []
    try:
        found.values["max_steps"] = loops.updates()
    except UnknownError:
        found.lengths["max_steps"] = Length(str(loops), loops.updates)
    if loops.alone:
        found.alone["max_steps"] = loops.alone
    notes = [f"the length is that of the loop around line {steps[0].node.lineno}: {loops}"]
    if loops.leaves is not None:
        notes.append(f"line {loops.leaves} may leave out updates, or end the run before")
    return notes


def _calls(call: Call, name: str, *, method: bool) -> bool:
    """Whether a call may be that of a function of the script, or of a method of this name."""
    return getattr(call.node.func, "attr", None) == name if method else call.name == name


def _every(test: ast.expr) -> _Every:
    """The test, taken apart. Raises `UnknownError` for any other test."""
    rest = False
    match test:
        case ast.BoolOp(op=ast.Or(), values=[first, ast.Compare() as last]) if "len(" in ast.unparse(last):
            test, rest = first, True
    match test:
        case ast.Compare(
            left=ast.BinOp(left=left, op=ast.Mod(), right=number), ops=[ast.Eq()], comparators=[ast.Constant(value=0)]
        ):
            match left:
                case ast.Name(id=name):
                    return _Every(name, number, True, rest)
                case ast.BinOp(left=ast.Name(id=name), op=ast.Add(), right=ast.Constant(value=1)):
                    return _Every(name, number, False, rest)
    raise UnknownError


def _whole(value: object, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UnknownError
    return value
