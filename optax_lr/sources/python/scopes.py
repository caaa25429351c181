"""What is where in a Python script: its imports, its calls, and what is bound to each name in each scope."""

from __future__ import annotations

import ast
import bisect
import dataclasses
import functools
import itertools
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.python.constructors import SCHEDULES
from optax_lr.sources.python.syntax import (
    Function,
    arguments_of,
    attributes_of,
    parsed,
    places_of,
    returns_of,
)

_MOST_BOUND = 100  # that a name may have where it is used

# Tests, what they must be, and where they are.
Tests = tuple[tuple[ast.expr, bool, "Scope"], ...]


class Binding(NamedTuple):
    """What a statement binds to a name, or sets as an attribute of an object.

    Fields:
        value: the expression; None for anything else.
        line: the line of the name.
        tests: the tests that the statement is under.
        scope: the scope of the statement.
        entry: what is set or deleted of the object that the name has, if the name itself keeps its object: `name["a"]`.
        given: the value of that entry; None for no expression.
        until: the last line of an assignment outside of branches and loops; 0 for other statements.
    """

    value: ast.expr | None
    line: int
    tests: Tests
    scope: Scope
    entry: ast.Subscript | None = None
    given: ast.expr | None = None
    until: int = 0


@dataclasses.dataclass(eq=False)
class Scope:
    """The names of a function, or of the whole script, each with all that is bound to it.

    Fields:
        function: the function; None for the script.
        parent: the scope around it.
        names: what is bound to each name, in the order of the syntax tree.
        opened: what each name behind `with open("a.yaml") as` is opened from.
        outer: names that the function changes outside of itself.
        loops: the first and last lines of the outermost loops.
    """

    function: Function | None
    parent: Scope | None
    names: dict[str, list[Binding]] = dataclasses.field(default_factory=dict)
    opened: dict[str, list[ast.expr]] = dataclasses.field(default_factory=dict)
    outer: set[str] = dataclasses.field(default_factory=set)
    loops: list[tuple[int, int]] = dataclasses.field(default_factory=list)
    _ordered: dict[str, list[Binding]] = dataclasses.field(default_factory=dict)

    @property
    def named(self) -> str:
        """The name of its function; empty for the script and for a lambda."""
        return getattr(self.function, "name", "")

    def values(self, name: str) -> list[ast.expr | None]:
        """What is bound to a name."""
        return [binding.value for binding in self.names.get(name, ())]

    def in_loop(self, line: int) -> bool:
        """Whether a line is in a loop of this scope."""
        number = bisect.bisect_left(self.loops, (line + 1,))
        return number > 0 and line <= self.loops[number - 1][1]

    def before(self, name: str, line: int) -> list[Binding]:
        """What a name may have in a line: the last certain assignment before it, and all between; empty without one."""
        if name not in self._ordered:
            self._ordered[name] = sorted(self.names[name], key=lambda binding: binding.line)
        ordered = self._ordered[name]
        last = bisect.bisect_left(ordered, line, key=lambda binding: binding.line)
        for first in range(last - 1, -1, -1):
            if 0 < ordered[first].until < line:
                return [binding for binding in ordered[first:last] if binding.until <= line]  # not in its own statement
        return []


class Call(NamedTuple):
    """A call in a script, with the full name of what is called, and the tests that it is under, with what they must be."""

    node: ast.Call
    name: str
    scope: Scope
    tests: Tests = ()

    @property
    def last(self) -> str:
        """The name of what is called, without its module or its object."""
        return self.name.rpartition(".")[2]

    def given(self, names: Iterable[str]) -> dict[str, ast.expr]:
        """What is passed for each argument; `names` are those of the arguments by place."""
        by_place = dict(zip(names, self.node.args, strict=False))
        return by_place | {keyword.arg: keyword.value for keyword in self.node.keywords if keyword.arg is not None}

    @property
    def every(self) -> list[ast.expr]:
        """All that is passed."""
        return [*self.node.args, *(keyword.value for keyword in self.node.keywords)]

    @property
    def unpacks(self) -> bool:
        """Whether it unpacks arguments, which may be any."""
        starred = any(isinstance(argument, ast.Starred) for argument in self.node.args)
        return starred or any(keyword.arg is None for keyword in self.node.keywords)


class Names:
    """The syntax tree of a script, with its imports, its calls, and what is bound to each name in each scope.

    Fields:
        imported: the full name of each name that is imported.
        times_imported: how often each is.
        modules: the modules that are imported.
        starred: those that are imported by `*`.
        scopes: the script (`top`), and its functions.
        functions: the scopes of the functions of each name.
        classes: the classes of each name.
        calls: all calls.
        attributes: what is set as an attribute, by the text of its object and its name; `*` for any name.
        shared: names that a function changes outside of itself.
        direct: statements of a script or a function that are in no other statement.
        prepared: the line in which accelerate's `prepare()` replaces a name.
        loops: the loops over objects.
    """

    def __init__(self, path: str, text: str) -> None:
        self.text = text
        self.tree = parsed(path, text)
        self.imported: dict[str, str] = {}
        self.times_imported: dict[str, int] = {}
        self.modules: set[str] = set()
        self.starred: list[str] = []
        self.top = Scope(None, None)
        self.scopes = [self.top]
        self.functions: dict[str, list[Scope]] = {}
        self.classes: dict[str, list[ast.ClassDef]] = {}
        self.calls: list[Call] = []
        self.attributes: dict[tuple[str, str], list[Binding]] = {}
        self.shared: set[str] = set()
        self.direct = set(self.tree.body)
        self.prepared: dict[str, int] = {}
        self.loops: list[tuple[ast.For | ast.AsyncFor | ast.comprehension, Scope]] = []
        self._tests: Tests = ()  # that the statements in hand are under
        try:
            for statement in self.tree.body:
                self._visit(statement, self.top)
        except RecursionError:
            raise ConfigError(f"{path}: nested too deeply") from None

    # --- the syntax tree ---

    def _visit(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, (ast.For, ast.While, ast.AsyncFor)) and not scope.in_loop(node.lineno):
            scope.loops.append((node.lineno, node.end_lineno or node.lineno))
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                for decorator in getattr(node, "decorator_list", ()):
                    self._visit(decorator, scope)
                self._scope(node, scope)
                return
            case ast.If() | ast.IfExp() | ast.Match():
                self._branches(node, scope)
                return
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                scope.outer.update(names)
                self.shared.update(names)
            case ast.ClassDef(name=name):
                self.classes.setdefault(name, []).append(node)
            case ast.Import() | ast.ImportFrom():
                self._import(node, scope)
            case ast.Assign(targets=targets, value=value):
                shared = len(targets) > 1 and isinstance(value, (ast.Dict, ast.List))  # changed under either name
                for target in targets:
                    self._target(target, None if shared else value, scope, self._until(node))
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
                self._target(target, value, scope)
            case ast.Delete(targets=targets):
                for target in targets:
                    self._target(target, None, scope)
            case ast.withitem(context_expr=opened, optional_vars=ast.expr() as target):
                self._target(target, None, scope)
                if isinstance(target, ast.Name):
                    scope.opened.setdefault(target.id, []).append(opened)
            case ast.AugAssign(target=target):
                self._target(target, None, scope)
            case ast.For() | ast.AsyncFor() | ast.comprehension():
                self._target(node.target, None, scope)
                self.loops.append((node, scope))
            case ast.Call():
                self._call(node, scope)
            case ast.Attribute(value=owner, attr="__dict__"):  # which is vars(owner)
                made = ast.copy_location(ast.Call(ast.Name("vars"), [owner], []), node)
                self.calls.append(Call(made, "vars", scope, self._tests))
        for child in ast.iter_child_nodes(node):
            self._visit(child, scope)

    def _scope(self, function: Function, parent: Scope) -> None:
        scope = Scope(function, parent)
        for argument in arguments_of(function):
            scope.names[argument.arg] = [Binding(None, function.lineno, (), scope)]
        self.scopes.append(scope)
        if isinstance(function, ast.Lambda):
            self._visit(function.body, scope)
            return
        self.functions.setdefault(function.name, []).append(scope)
        self.direct.update(function.body)
        for statement in function.body:
            self._visit(statement, scope)

    def _branches(self, node: ast.If | ast.IfExp | ast.Match, scope: Scope) -> None:
        """Visit an `if`; a test of `__name__` holds, as the script is run."""
        if isinstance(node, ast.Match):
            self._cases(node, scope)
            return
        self._visit(node.test, scope)
        body, other = (node.body, node.orelse) if isinstance(node, ast.If) else ([node.body], [node.orelse])
        tests = self._tests
        if _is_main_guard(node.test):
            if node in self.direct:
                self.direct.update(node.body)
        else:
            self._tests = (*tests, (node.test, True, scope))
        for part in body:
            self._visit(part, scope)
        self._tests = (*tests, (node.test, False, scope))
        for part in other:
            self._visit(part, scope)
        self._tests = tests

    def _cases(self, node: ast.Match, scope: Scope) -> None:
        """Visit a `match`, whose cases are the branches of an `if`; a pattern that is no literal is a test without a value."""
        self._visit(node.subject, scope)
        before = self._tests
        for case in node.cases:
            patterns = case.pattern.patterns if isinstance(case.pattern, ast.MatchOr) else [case.pattern]
            literals = [pattern.value for pattern in patterns if isinstance(pattern, ast.MatchValue)]
            known = len(literals) == len(patterns) and case.guard is None
            listed = ast.List(literals, ast.Load()) if known else ast.Name(ast.unparse(case.pattern), ast.Load())
            test = ast.copy_location(ast.Compare(node.subject, [ast.In()], [listed]), node.subject)
            others = self._tests
            self._tests = others if ast.unparse(case.pattern) == "_" else (*others, (test, True, scope))
            for part in ast.iter_child_nodes(case):
                self._visit(part, scope)
            self._tests = (*others, (test, False, scope))
        self._tests = before

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        """Remember where names come from; the script itself has no expression for them."""
        place = "" if isinstance(node, ast.Import) else "." * node.level + (node.module or "")
        self.modules |= {place} if place else {alias.name for alias in node.names}
        for alias in node.names:
            first = alias.name.partition(".")[0]
            local = alias.asname or (alias.name if place else first)
            if alias.name == "*":
                self.starred.append(place)
                continue
            self.times_imported[local] = self.times_imported.get(local, 0) + 1
            self.imported[local] = f"{place}.{alias.name}" if place else alias.name if alias.asname else first
            binding = Binding(None, node.lineno, self._tests, scope, until=self._until(node))
            scope.names.setdefault(local, []).append(binding)

    def _call(self, node: ast.Call, scope: Scope) -> None:
        match node:
            case ast.Call(func=ast.Name(id="setattr") | ast.Attribute(attr="__setattr__"), args=[owner, name, value]):
                known = name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else "*"
                self._set(owner, known, value, node.lineno, scope)
            case ast.Call(func=ast.Attribute(value=holder, attr="update")) if whole := attributes_of(holder):
                self._set(whole, "*", None, node.lineno, scope)
            case _:
                self.calls.append(Call(node, self.qualified(node.func), scope, self._tests))

    def _target(self, target: ast.expr, value: ast.expr | None, scope: Scope, until: int = 0) -> None:
        """Bind what is assigned to a target; None for no expression."""
        if isinstance(value, ast.Call) and re.search(r"(?i)accel\w*\.prepare$", ast.unparse(value.func)):
            for part in ast.walk(target):
                if isinstance(part, ast.Name):
                    self.prepared.setdefault(part.id, part.lineno)
            return
        match target:
            case ast.Name(id=name) if name in scope.outer and scope.parent is not None:
                self._target(target, value, scope.parent)
            case ast.Name(id=name):
                binding = Binding(value, target.lineno, self._tests, scope, until=until)
                scope.names.setdefault(name, []).append(binding)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                values: list[ast.expr | None] = [None] * len(targets)
                if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(targets):
                    values = list(value.elts)
                for part, inner in zip(targets, values, strict=True):
                    self._target(part, inner, scope)
            case ast.Attribute(value=owner, attr=name):
                self._set(owner, name, value, target.lineno, scope)
            case ast.Subscript(value=holder) if whole := attributes_of(holder):
                self._set(whole, "*", None, target.lineno, scope)
            case ast.Subscript(value=ast.Attribute(value=ast.Name(id="self")) as holder, slice=key):
                self._set(holder, str(key.value) if isinstance(key, ast.Constant) else "*", value, target.lineno, scope)
            case ast.Subscript(value=holder):
                while isinstance(holder, ast.Subscript):
                    holder = holder.value
                if isinstance(holder, ast.Name):  # a dict that is changed is not known
                    binding = Binding(None, target.lineno, self._tests, scope, target, value)
                    scope.names.setdefault(holder.id, []).append(binding)

    def _set(self, owner: ast.expr, name: str, value: ast.expr | None, line: int, scope: Scope) -> None:
        self.attributes.setdefault((ast.unparse(owner), name), []).append(Binding(value, line, self._tests, scope))

    def _until(self, node: ast.stmt) -> int:
        return node.end_lineno or node.lineno if node in self.direct else 0

    # --- what is found ---

    @functools.cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the script."""
        return list(ast.walk(self.tree))

    @functools.cached_property
    def around(self) -> dict[ast.AST, ast.AST]:
        """The node that each node is a part of."""
        return {child: node for node in self.nodes for child in ast.iter_child_nodes(node)}

    def qualified(self, node: ast.expr) -> str:
        """The full name of what is called, by the imports: `transformers.TrainingArguments`."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        starred = (f"{module}.{node.id}" for module in self.starred)
        first = self.imported.get(node.id) or next((name for name in starred if name in SCHEDULES), node.id)
        name = ".".join([first, *reversed(parts)])
        for inner in (
            "optax.schedules.",
            "timm.scheduler.cosine_lr.",
        ):  # which defines what the package has under both names
            name = name.replace(inner, f"{inner.rstrip('.').rpartition('.')[0]}.")
        return name

    def bound(self, name: str, scope: Scope) -> tuple[list[Binding], Scope]:
        """What the nearest scope that binds a name binds to it, and that scope."""
        here: Scope | None = scope
        while here is not None:
            if name in here.names:
                return here.names[name], here
            here = here.parent
        return [], scope

    def reaching(self, use: ast.Name, scope: Scope) -> tuple[list[Binding], Scope]:
        """What a name may have where it is used, and the scope that binds it.

        In straight code an assignment replaces those before it, and those behind the use do not count.
        """
        bindings, here = self.bound(use.id, scope)
        line = getattr(use, "lineno", 0)
        straight = len(bindings) > 1 and here is scope and use.id not in self.shared and not here.in_loop(line)
        if straight and (before := here.before(use.id, line) or [made for made in bindings if made.line < line]):
            return before, here
        if len(bindings) > _MOST_BOUND:
            return [binding._replace(value=None) for binding in bindings[:2]], here
        return bindings, here

    def single(self, node: ast.expr | None, scope: Scope) -> ast.expr | None:
        """The expression itself, or the one that its name is bound to."""
        if not isinstance(node, ast.Name):
            return node
        bindings, _ = self.reaching(node, scope)
        return bindings[0].value if len(bindings) == 1 else None

    def returned(self, call: ast.Call) -> tuple[ast.expr, Scope] | None:
        """The one expression that a function of this file returns, and its scope; None for another call."""
        scopes = self.functions.get(ast.unparse(call.func), [])
        values = returns_of(scopes[0].function) if len(scopes) == 1 else []
        return (values[0], scopes[0]) if len(values) == 1 and values[0] is not None else None

    def returned_with(self, call: Call) -> list[ast.expr | None]:
        """What the function of a call returns, if that is the result of the call in one of its statements."""
        values = returns_of(call.scope.function)
        return values if call.node in values else []

    def calls_of(self, function: str) -> list[Call]:
        """The calls of a function or a class of this file."""
        return [call for call in self.calls if call.name == function]

    def argument(self, name: str, here: Scope) -> tuple[ast.expr, Scope] | None:
        """What the one call of a function passes for an argument, and where; None for several calls, and for a default."""
        calls = self.calls_of(here.named) if here.named else []
        given = calls[0].given(places_of(here.function)).get(name) if len(calls) == 1 else None
        return None if given is None else (given, calls[0].scope)

    def called(self, call: Call) -> list[Scope]:
        """The functions of this file that a call may call; for a class, its `__init__`."""
        made = [part for kind in self.classes.get(call.name, ()) for part in kind.body]
        starts = [scope for scope in self.functions.get("__init__", ()) if scope.function in made]
        return starts or self.functions.get(call.last, [])


def only_one(calls: Sequence[Call]) -> bool:
    """Whether a branch decides which one of these calls runs: they need opposite tests, or are returned by one function."""
    return len(calls) > 1 and all(are_opposed(*pair) for pair in itertools.combinations(calls, 2))


def are_opposed(first: Call, second: Call) -> bool:
    """Whether two calls need opposite tests, or are returned by one function in different statements."""
    if are_opposite(first.tests, second.tests):
        return True
    if first.scope is not second.scope:
        return False
    returned = [set(ast.walk(part)) for part in returns_of(first.scope.function) if part is not None]
    places = [[number for number, parts in enumerate(returned) if call.node in parts] for call in (first, second)]
    return all(places) and places[0] != places[1]


def are_opposite(first: Tests, second: Tests) -> bool:
    """Whether one of the first tests must have another outcome among the second."""
    return any(one[0] is other[0] and one[1] is not other[1] for one in first for other in second)


def _is_main_guard(test: ast.expr) -> bool:
    """Whether a test is `__name__ == "__main__"`, which holds where a script is run."""
    match test:
        case ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]):
            return True
    return False
