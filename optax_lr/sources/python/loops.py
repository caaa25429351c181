"""The number of updates that the one loop of a script makes: `for epoch in range(3):` over `for batch in train_loader:`."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import NamedTuple

from optax_lr.sources.python.arguments import Arguments
from optax_lr.sources.python.lengths import passed
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.scopes import Call, Scope
from optax_lr.sources.python.syntax import UnknownError, places_of
from optax_lr.sources.source import Length
from optax_lr.text import words

_WRAPPERS = words("enumerate tqdm tqdm.tqdm tqdm.auto.tqdm tqdm.notebook.tqdm")  # that keep the length
# Of the last batch: `step + 1 == len(loader)`, `step == len(loader) - 1`.
_LAST = re.compile(r"\(?\w+ \+ 1\)? == len\(\w+\)|\w+ == len\(\w+\) - 1")
_OPTIMIZER = re.compile(r"(?i)(?:\w*[._])?opt(?:im(?:izer)?)?\w?")
_DECORATORS = ("torch.", "hydra.", "click.", "typer.", "staticmethod", "classmethod")
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
        self.parents = script.around
        self.common = set[ast.AST]()  # around the optimizer itself: each turn of such a loop is a run
        self._enclose(optimizer.node)
        self.factors: list[tuple[ast.expr, Scope]] = []  # numbers of turns
        self.every: _Every | None = None
        self.alone = ""  # where the number differs if several processes run the script
        self.leaves: int | None = None  # the line of what leaves a loop or a function

    def _enclose(self, node: ast.AST) -> None:
        """Collect what is around the optimizer, also around the one call of the function that makes it."""
        while node in self.parents:
            node = self.parents[node]
            if node in self.common:
                return
            self.common.add(node)
            if isinstance(node, ast.FunctionDef):
                calls = self._calls_of(node)
                if len(calls) > 1:
                    raise UnknownError
                for call in calls:
                    self._enclose(call.node)

    def _calls_of(self, function: ast.FunctionDef) -> list[Call]:
        """The calls of a function, or of methods of its name.

        Raises:
            UnknownError: where it may be called otherwise: it has a decorator, or is handed to something.
        """
        known = (
            self.script.qualified(one.func if isinstance(one, ast.Call) else one) for one in function.decorator_list
        )
        if not all(name.startswith(_DECORATORS) for name in known):
            raise UnknownError
        kind = self.parents[function]
        if isinstance(kind, ast.ClassDef) and function.name == "__init__":
            return self.script.calls_of(kind.name)
        method = isinstance(kind, ast.ClassDef)
        calls = [call for call in self.script.calls if _calls(call, function.name, method=method)]
        named = [
            node
            for node in self.parents
            if isinstance(getattr(node, "ctx", None), ast.Load)
            and (getattr(node, "attr", None) if method else getattr(node, "id", None)) == function.name
        ]
        if {id(node) for node in named} - {id(call.node.func) for call in calls}:
            raise UnknownError
        return calls

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
                case ast.If(test=test) if ast.unparse(test) == "__name__ == '__main__'" and inside in outside.body:
                    pass
                case ast.If(orelse=[]) if inside in outside.body and self.every is None and not self.factors:
                    self.every = _every(outside.test)
                case ast.With(items=items) if not any("suppress" in ast.unparse(item.context_expr) for item in items):
                    pass
                case ast.FunctionDef():
                    calls = self._calls_of(outside)
                    if len(calls) != 1 or depth > _MOST_CALLS:
                        raise UnknownError
                    if self.every is not None and not self.factors:  # by what the caller counts
                        counted = calls[0].given(places_of(outside)).get(self.every.counter)
                        if not isinstance(counted, ast.Name):
                            raise UnknownError
                        self.every = self.every._replace(counter=counted.id)
                    self._leave(outside, before=getattr(inside, "lineno", 0))
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
        if kind not in ("DataLoader", *_RANGES) or kind in self.script.classes:
            raise UnknownError
        if not self.factors and self.every is not None:
            targets = [part for part in ast.walk(loop.target) if isinstance(part, ast.Name)]
            set_in_it = [
                part for part in ast.walk(loop) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
            ]
            counters = [part.id for part in set_in_it].count(self.every.counter)
            if shifted or counters != 1 or self.every.counter not in {part.id for part in targets}:
                raise UnknownError  # it may be counted over all epochs
        self.factors.append((of, scope))
        self._leave(loop)

    def _leave(self, around: ast.AST, before: int = 10**9) -> None:
        """Find what leaves a loop or a function before an update."""
        for part in ast.walk(around):
            match part:
                case ast.Break() | ast.Continue() | ast.Return() | ast.Raise():
                    line = part.lineno
                case ast.Call(func=function) if self.script.qualified(function) in (
                    "sys.exit",
                    "exit",
                    "quit",
                    "os._exit",
                ):
                    line = part.lineno
                case _:
                    continue
            if line < before:
                self.leaves = line

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


def updates_in(script: Script) -> list[Call]:
    """The calls that make an update."""
    return [call for call in script.calls if _makes_update(call)]


def take_length_of_loop(found: Arguments, made: Call, steps: Sequence[Call]) -> list[str]:
    """Take the number of `steps` that the one loop with such a call makes, where it is certain; notes on it.

    Args:
        found: takes it as `max_steps`.
        made: the call that makes the optimizer or the scheduler.
        steps: the calls that step it.
    """
    script = found.script
    if len(steps) != 1 or any(call.last == "accumulate" for call in script.calls):
        return []
    try:
        loops = _Loops(script, made)
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
    if "scaler" in ast.unparse(steps[0].node.func).lower():
        notes.append("a GradScaler leaves out an update where a gradient is not finite")
    if loops.leaves is not None:
        notes.append(f"line {loops.leaves} may leave out updates, or end the run before")
    return notes


def turns_of(script: Script, made: Call, step: Call, examples: int) -> int | None:
    """How often the loops of a script run a call, within one run of another call; None where that is not certain."""
    notes = dict(script.notes)
    try:
        loops = _Loops(script, made)
        loops.follow(step.node, step.scope)
        return loops.updates(examples)
    except UnknownError:
        return None
    finally:
        script.notes = notes


def _calls(call: Call, name: str, *, method: bool) -> bool:
    """Whether a call may be that of a function of the script, or of a method of this name."""
    return getattr(call.node.func, "attr", None) == name if method else call.name == name


def _makes_update(call: Call) -> bool:
    """Whether it is `optimizer.step()` or `scaler.step(optimizer)`."""
    match call.node:
        case ast.Call(func=ast.Attribute(value=owner, attr="step"), args=given):
            return any(_OPTIMIZER.fullmatch(ast.unparse(one)) for one in (owner, *given[:1]))
    return False


def _every(test: ast.expr) -> _Every:
    """The test, taken apart. Raises `UnknownError` for any other test."""
    rest = False
    match test:
        case ast.BoolOp(op=ast.Or(), values=[first, ast.Compare() as last]) if _LAST.fullmatch(ast.unparse(last)):
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
