"""What is where in a Python script: its imports, its calls, its options, and what is bound to each name in each scope."""

from __future__ import annotations

import ast
import bisect
import dataclasses
import re
import sys
import warnings
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.python.constructors import SCHEDULES
from optax_lr.text import words

_MOST_BOUND = 100  # that a name may have where it is used
_CHANGING = re.compile(r"(?i)overrid|merge|patch")  # functions that may change a dict or list that they are given
_WRAPPERS = ("pyrallis.wrap", "draccus.wrap", "parser.wrap")  # that fill the dataclass of a function's first argument
_CHANGES = words("__setitem__ update setdefault pop popitem clear append extend insert remove")  # methods

Named = ast.FunctionDef | ast.AsyncFunctionDef
Function = Named | ast.Lambda


# Tests, what they must be, and where they are.
Tests = tuple[tuple[ast.expr, bool, "Scope"], ...]


class UnknownError(Exception):
    """An expression that is not a literal."""


class Place(NamedTuple):
    """The line of a statement, the tests that it is under, with what they must be, and its scope."""

    line: int
    tests: Tests
    scope: Scope | None = None


@dataclasses.dataclass(eq=False)
class Scope:
    """The names of a function or of the whole script, each with all that is bound to it: None for no expression."""

    function: Function | None
    parent: Scope | None
    names: dict[str, list[ast.expr | None]] = dataclasses.field(default_factory=dict)
    places: dict[str, list[Place]] = dataclasses.field(default_factory=dict)  # of what is bound, in the same order
    # What is set in a dict under a literal key: the place of each, which is that of a None in `names`, the key and the value.
    items: dict[str, list[tuple[Place, ast.expr, ast.expr]]] = dataclasses.field(default_factory=dict)
    stored: dict[str, int] = dataclasses.field(
        default_factory=dict
    )  # how often an entry of each name is set or deleted
    outer: set[str] = dataclasses.field(default_factory=set)  # names that the function changes outside of itself
    # By name, the last and the first line of each assignment outside of branches and loops.
    certain: dict[str, list[tuple[int, int]]] = dataclasses.field(default_factory=dict)
    loops: list[tuple[int, int]] = dataclasses.field(
        default_factory=list
    )  # the first and last lines of outermost loops
    _orders: dict[str, list[tuple[int, int]]] = dataclasses.field(default_factory=dict)

    @property
    def named(self) -> str:
        """The name of its function; empty for the script and for a lambda."""
        return getattr(self.function, "name", "")

    def bind(self, name: str, value: ast.expr | None, place: Place) -> None:
        """Bind a name to an expression, or to None for anything else."""
        self.names.setdefault(name, []).append(value)
        self.places.setdefault(name, []).append(place)

    def order(self, name: str) -> list[tuple[int, int]]:
        """What is bound to a name in the order of lines: each line, and the place in `names`."""
        if name not in self._orders:
            self._orders[name] = sorted((place.line, number) for number, place in enumerate(self.places[name]))
        return self._orders[name]

    def in_loop(self, line: int) -> bool:
        """Whether a line is in a loop of this scope."""
        number = bisect.bisect_left(self.loops, (line + 1,))
        return number > 0 and line <= self.loops[number - 1][1]


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
    def unpacks(self) -> bool:
        """Whether it unpacks arguments, which may be any."""
        starred = any(isinstance(argument, ast.Starred) for argument in self.node.args)
        return starred or any(keyword.arg is None for keyword in self.node.keywords)


class _Flag(NamedTuple):
    """A test of an option: that it is given, or `is_none`, that it has no value."""

    name: str
    is_none: bool


class Names:
    """The syntax tree of a script: its imports, its calls, and what is bound to each name in each scope.

    `options` are those of the command that starts the script.
    """

    def __init__(self, path: str, text: str, options: Mapping[str, object] | None = None) -> None:
        self.text = text
        self.given: Mapping[str, object] | None = options  # of the command that starts the script; None if not known
        self.tree = parsed(path, text)
        self.imported: dict[str, str] = {}
        self.times_imported: dict[str, int] = {}
        self.modules: set[str] = set()
        self.starred: list[str] = []  # modules imported by `*`
        self.top = Scope(None, None)
        self.direct = set(self.tree.body)  # statements of a script or a function that are in no other statement
        self.shared: set[str] = set()  # names that a function changes outside of itself
        self.scopes = [self.top]
        self.attributes: dict[tuple[str, str], list[ast.expr | None]] = {}
        self.places: dict[tuple[str, str], list[Place]] = {}  # of each value of an attribute
        self.classes: dict[str, list[ast.ClassDef]] = {}
        self.calls: list[Call] = []
        self.options: dict[str, list[Call]] = {}
        self.sets_defaults = False  # whether a dict may replace any of their defaults
        self.strings: dict[str, str] = {}  # the name of the value of each option
        self.short: dict[str, str] = {}  # and of each with one dash
        self.negative: dict[str, str] = {}  # and of each that makes it false
        self.parsed: dict[str, str] = {}
        self.opened: dict[str, str] = {}  # the file of each name behind `with open("a.yaml") as`
        self.prepared: dict[str, int] = {}  # the line in which accelerate's prepare() replaces a name
        self.flags: list[_Flag] = []  # the options that the statements in hand are under
        self.tests: Tests = ()  # and the tests
        self.under_flags: list[tuple[_Flag, tuple[str, str], ast.expr | None, Place]] = []
        self.readers = {
            node.name for node in ast.walk(self.tree) if isinstance(node, Named) and _reads_command_line(node)
        }
        try:
            for statement in self.tree.body:
                self._visit(statement, self.top)
        except RecursionError:
            raise ConfigError(f"{path}: nested too deeply") from None
        self.changes: dict[str, list[Call]] = {}  # by the name of the dict or list
        for call in self.calls:
            if call.last in _CHANGES:
                self.changes.setdefault(call.name.rpartition(".")[0], []).append(call)
            for given in call.node.args if _CHANGING.search(call.last) else ():
                self.changes.setdefault(ast.unparse(given), []).append(call)
            self._option(call)
        self.mutated = self._mutations()
        stated = next((made for call in self.calls if (made := _stated_options(call)) is not None), options)
        self.given = None if stated is None else self._in_full(stated)
        for flag, attribute, value, place in self.under_flags:
            if not self.is_off(flag):
                self._assign(attribute, value, place)

    def _mutations(self) -> set[str]:
        """The dicts and lists that are changed in part, under another name, or in a function that takes or knows them."""
        found: set[str] = set()
        taken: dict[str, set[str]] = {}  # by the function, the arguments that it changes
        for scope in self.scopes[1:]:
            arguments = {argument.arg for argument in arguments_of(scope.function)} if scope.function else set()
            taken.setdefault(scope.named, set()).update(
                arguments.intersection(scope.stored.keys() | self.changes.keys())
            )
            for name, times in scope.stored.items():
                if name not in arguments and len(scope.names[name]) == times:  # one of an outer scope
                    found.add(name)
        for scope in self.scopes:
            if isinstance(scope.function, Named) and taken.get(scope.function.name):
                names, changed = argument_names(scope.function), taken[scope.function.name]
                calls = [
                    call.given(names) for call in self.calls if call.name.rpartition(".")[2] == scope.function.name
                ]
                found |= {root_of(given) for call in calls for name, given in call.items() if name in changed}
            for name, values in scope.names.items():
                if name in scope.stored or name in self.changes:
                    found |= {root_of(part) for value in values for part in _listed(value)}
        for call in self.calls:
            function = call.node.func
            if isinstance(function, ast.Attribute):
                inner = function.attr in _CHANGES and not isinstance(function.value, ast.Name)
                if inner or function.attr.startswith("merge_with"):
                    found.add(root_of(function.value))
            if call.name.endswith("OmegaConf.update") and call.node.args:
                found.add(root_of(call.node.args[0]))
        return found - {""}

    def _scope(self, function: Function, parent: Scope) -> None:
        scope = Scope(function, parent)
        for argument in arguments_of(function):
            scope.bind(argument.arg, None, Place(function.lineno, ()))
        self.scopes.append(scope)
        if isinstance(function.body, list):
            self.direct.update(function.body)
        for statement in function.body if isinstance(function.body, list) else [function.body]:
            self._visit(statement, scope)

    def _visit(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, (ast.For, ast.While, ast.AsyncFor)) and not scope.in_loop(node.lineno):
            scope.loops.append((node.lineno, node.end_lineno or node.lineno))
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._decorators(node, scope)
                self._scope(node, scope)
                return
            case ast.Lambda():
                self._scope(node, scope)
                return
            case ast.If():
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
                for target in targets:
                    self._target(target, value, scope)
                    if node in self.direct and isinstance(target, ast.Name):
                        lines = (node.end_lineno or node.lineno, node.lineno)
                        scope.certain.setdefault(target.id, []).append(lines)
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
                self._target(target, value, scope)
            case ast.AugAssign() | ast.For() | ast.AsyncFor() | ast.comprehension() | ast.withitem() | ast.Delete():
                self._without_value(node, scope)
            case ast.Call(func=ast.Name(id="setattr"), args=[owner, name, value]):
                known = name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else "*"
                self._assign((ast.unparse(owner), known), value, Place(node.lineno, self.tests, scope))
            case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="vars"), args=[owner]), attr="update")):
                self._assign((ast.unparse(owner), "*"), None, Place(node.lineno, self.tests, scope))
            case ast.Call(func=ast.Attribute(value=ast.Attribute(value=owner, attr="__dict__"), attr="update")):
                self._assign((ast.unparse(owner), "*"), None, Place(node.lineno, self.tests, scope))
            case ast.Call(func=function):
                self.calls.append(Call(node, self.qualified(function), scope, self.tests))
        for child in ast.iter_child_nodes(node):
            self._visit(child, scope)

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
            scope.bind(local, None, Place(node.lineno, self.tests))
            if node in self.direct:
                scope.certain.setdefault(local, []).append((node.end_lineno or node.lineno, node.lineno))

    def _without_value(
        self,
        node: ast.AugAssign | ast.For | ast.AsyncFor | ast.comprehension | ast.withitem | ast.Delete,
        scope: Scope,
    ) -> None:
        """Bind what a statement sets or deletes to no expression."""
        match node:
            case ast.withitem(context_expr=opened, optional_vars=target):
                if target is not None:
                    self._target(target, None, scope)
                    if isinstance(opened, ast.Call) and opened.args and isinstance(opened.args[0], ast.Constant):
                        self.opened[ast.unparse(target)] = str(opened.args[0].value)
            case ast.Delete(targets=targets):
                for target in targets:
                    self._target(target, None, scope)
            case _:
                self._target(node.target, None, scope)

    def _decorators(self, function: Named, scope: Scope) -> None:
        for decorator in function.decorator_list:
            self._visit(decorator, scope)
            if ast.unparse(decorator).partition("(")[0] in _WRAPPERS and function.args.args:
                self.parsed[function.args.args[0].arg] = "dataclass"

    def _branches(self, node: ast.If, scope: Scope) -> None:
        self._visit(node.test, scope)
        as_script = _is_main_guard(node.test)
        if as_script and node in self.direct:
            self.direct.update(node.body)
        flags, tests = self.flags, self.tests
        if (flag := option_tested(node.test)) is not None:
            self.flags = [*flags, flag]
        self.tests = tests if as_script else (*tests, (node.test, True, scope))
        for statement in node.body:
            self._visit(statement, scope)
        self.flags, self.tests = flags, (*tests, (node.test, False, scope))
        for statement in node.orelse:
            self._visit(statement, scope)
        self.tests = tests

    def _target(self, target: ast.expr, value: ast.expr | None, scope: Scope) -> None:
        if isinstance(value, ast.Call) and re.search(r"(?i)accel\w*\.prepare$", ast.unparse(value.func)):
            for part in ast.walk(target):
                if isinstance(part, ast.Name):
                    self.prepared.setdefault(part.id, part.lineno)
            return
        match target:
            case ast.Name(id=name) if name in scope.outer and scope.parent is not None:
                self._target(target, value, scope.parent)
            case ast.Name(id=name):
                scope.bind(name, value, Place(target.lineno, self.tests))
                self._parsed([name], value)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                values: list[ast.expr | None] = [None] * len(targets)
                if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(targets):
                    values = list(value.elts)
                for part, inner in zip(targets, values, strict=True):
                    self._target(part, inner, scope)
                self._parsed([part.id if isinstance(part, ast.Name) else "" for part in targets], value)
            case ast.Attribute(value=owner, attr=name) if self.flags:
                place = Place(target.lineno, self.tests[:-1], scope)  # of the option, `is_off` knows
                self.under_flags.append((self.flags[-1], (ast.unparse(owner), name), value, place))
            case ast.Attribute(value=owner, attr=name):
                self._assign((ast.unparse(owner), name), value, Place(target.lineno, self.tests, scope))
            case ast.Subscript(
                value=ast.Attribute(value=owner, attr="__dict__") | ast.Call(func=ast.Name(id="vars"), args=[owner])
            ):
                self._assign((ast.unparse(owner), "*"), None, Place(target.lineno, self.tests, scope))
            case ast.Subscript(value=ast.Attribute(value=ast.Name(id="self")) as holder, slice=key):
                literal = key.value if isinstance(key, ast.Constant) else "*"
                self._assign((ast.unparse(holder), str(literal)), value, Place(target.lineno, self.tests, scope))
            case ast.Subscript(value=holder, slice=key):
                place = Place(target.lineno, self.tests)
                if isinstance(holder, ast.Name) and value is not None:
                    scope.items.setdefault(holder.id, []).append((place, key, value))
                while isinstance(holder, ast.Subscript):
                    holder = holder.value
                if isinstance(holder, ast.Name):  # a dict that is changed is not known
                    scope.bind(holder.id, None, place)
                    scope.stored[holder.id] = scope.stored.get(holder.id, 0) + 1

    def _assign(self, attribute: tuple[str, str], value: ast.expr | None, place: Place) -> None:
        self.attributes.setdefault(attribute, []).append(value)
        self.places.setdefault(attribute, []).append(place)

    def _parsed(self, names: list[str], value: ast.expr | None) -> None:
        """Remember which names hold what a parser of the command line gives."""
        if isinstance(value, ast.Subscript) and len(names) == 1:
            value = value.value
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in self.readers:
            self.parsed[names[0]] = ""
        elif isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            method = value.func.attr
            if method in ("parse_args", "parse_known_args"):
                self.parsed[names[0]] = ""
            elif method.startswith("parse_args_into_dataclasses"):
                self.parsed |= dict.fromkeys(names, "dataclass")

    def _option(self, call: Call) -> None:
        """Remember an option of argparse by the name under which its value is found."""
        words = [argument.value for argument in call.node.args if isinstance(argument, ast.Constant)]
        match call.node.func:
            case ast.Attribute(attr="set_defaults"):
                for keyword in call.node.keywords:
                    self.options.setdefault(keyword.arg or "", []).extend((call, call))  # twice: not known
                self.sets_defaults |= any(keyword.arg is None for keyword in call.node.keywords)
                return
            case ast.Name() as function if self._adds_options(self.single(function, call.scope)):
                words = [f"--{word!s}" for word in words]
            case ast.Attribute(attr="add_argument"):
                pass
            case _ if call.name == "click.option":
                pass
            case _:
                return
        given = keyword_of(call.node, "dest")
        names = [
            word.lstrip("-").replace("-", "_") for word in words if isinstance(word, str) and word.startswith("--")
        ]
        short = [word[1:] for word in words if isinstance(word, str) and re.match("-[A-Za-z]", word)]
        kept = str(given.value) if isinstance(given, ast.Constant) else "".join((names or short)[:1])
        action = keyword_of(call.node, "action")
        reads_file = isinstance(action, ast.Constant) and action.value == "config"  # of jsonargparse
        if reads_file or keyword_of(call.node, "is_config_file") is not None:  # of configargparse
            self.sets_defaults = True
        if call.name == "click.option":
            plain = [word for word in words if isinstance(word, str) and not word.startswith("-")]
            kept = "".join(plain or sorted(names or short, key=len)[-1:]).replace("-", "_").lower()
        elif kept:
            self.options.setdefault(kept, []).append(call)
        if isinstance(action, ast.Constant) and action.value == "store_false":
            self.negative |= dict.fromkeys([*names, *short], kept)
            return
        if action is not None and ast.unparse(action).endswith("BooleanOptionalAction"):
            self.negative |= {f"no_{name}": kept for name in names}
        self.short |= dict.fromkeys(short, kept)
        self.strings |= dict.fromkeys(names, kept)

    def _adds_options(self, made: ast.expr | None) -> bool:
        """Whether it is `functools.partial(add_arguments, argparser=parser)`, which takes names without dashes."""
        if not (isinstance(made, ast.Call) and self.qualified(made.func) == "functools.partial"):
            return False
        return [ast.unparse(part) for part in made.args] == ["add_arguments"]

    def _in_full(self, options: Mapping[str, object]) -> dict[str, object]:
        """Options by the names of their values: argparse takes each beginning that only one option has."""
        made = dict(options)
        for name in options:
            if name in self.negative or f"no_{name}" in self.negative:
                del made[name]
                made[self.negative.get(name) or self.negative[f"no_{name}"]] = name not in self.negative
                continue
            joined = re.fullmatch(r"([A-Za-z])(\d[\w.]*)", name)
            if joined and joined[1] in self.short and made[name] == "true":  # `-n7`
                made[self.short[joined[1]]] = joined[2]
                continue
            full = (
                {self.strings.get(name) or self.short[name]}
                if name in self.strings or name in self.short
                else {kept for string, kept in self.strings.items() if string.startswith(name)}
            )
            if len(full) == 1:
                made[full.pop()] = made.pop(name)
        return made

    def is_off(self, flag: _Flag) -> bool:
        """Whether an option without a value, such as `--scale_lr`, is not given, or one that is tested for None is."""
        made = self.options.get(flag.name, [])
        if len(made) != 1:
            return False
        if flag.is_none:
            default = keyword_of(made[0].node, "default")
            return flag.name in (self.given or ()) or (isinstance(default, ast.Constant) and default.value is not None)
        action, default = (keyword_of(made[0].node, name) for name in ("action", "default"))
        if isinstance(default, ast.Constant) and default.value:
            return False
        return isinstance(action, ast.Constant) and action.value == "store_true" and flag.name not in (self.given or ())

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
        return name.replace("optax.schedules.", "optax.")  # where Optax defines what it has under both names

    def bound(self, name: str, scope: Scope) -> tuple[list[ast.expr | None], Scope]:
        """The value of a name in the nearest scope that binds it, and that scope."""
        here: Scope | None = scope
        while here is not None:
            if name in here.names:
                return here.names[name], here
            here = here.parent
        return [], scope

    def reaching(self, use: ast.Name, scope: Scope) -> tuple[list[tuple[ast.expr | None, Place]], Scope]:
        """What a name may have where it is used, with the places, and the scope that binds it.

        In straight code an assignment replaces those before it, and those behind the use do not count.
        """
        values, here = self.bound(use.id, scope)
        places = here.places.get(use.id, [])
        line = getattr(use, "lineno", 0)
        certain = here.certain.get(use.id, [])
        before = bisect.bisect_left(certain, (line,))
        if len(values) > 1 and before and here is scope and use.id not in self.shared and not here.in_loop(line):
            order = here.order(use.id)
            start = bisect.bisect_left(order, (certain[before - 1][1],))
            chosen = [place for _, place in order[start : bisect.bisect_left(order, (line,))]]
            return [(values[place], places[place]) for place in chosen], here
        if len(values) > _MOST_BOUND:
            return [(None, place) for place in places[:2]], here
        return list(zip(values, places, strict=True)), here

    def single(self, node: ast.expr | None, scope: Scope) -> ast.expr | None:
        """The expression itself, or the one that its name is bound to."""
        if not isinstance(node, ast.Name):
            return node
        bound, _ = self.reaching(node, scope)
        return bound[0][0] if len(bound) == 1 else None

    def returned(self, call: ast.Call) -> tuple[ast.expr, Scope] | None:
        """The one expression that a function of this file returns, and its scope; None for another call."""
        scopes = [made for made in self.scopes if getattr(made.function, "name", None) == ast.unparse(call.func)]
        if len(scopes) != 1 or scopes[0].function is None:
            return None
        values = [part.value for part in ast.walk(scopes[0].function) if isinstance(part, ast.Return)]
        return (values[0], scopes[0]) if len(values) == 1 and values[0] is not None else None


def root_of(node: ast.expr) -> str:
    """The name of the dict or list that an expression is a part of: `a["b"]`, `a.get("b")`, `a.b`; empty for none."""
    while not isinstance(node, ast.Name):
        match node:
            case (
                ast.Subscript(value=inner)
                | ast.Attribute(value=inner)
                | ast.Call(func=ast.Attribute(value=inner, attr="get"))
            ):
                node = inner
            case _:
                return ""
    return node.id


def _listed(value: ast.expr | None) -> list[ast.expr]:
    """The parts of a list or a tuple, or the expression itself."""
    if isinstance(value, (ast.List, ast.Tuple)):
        return value.elts
    return [] if value is None else [value]


def _stated_options(call: Call) -> dict[str, object] | None:
    """The options in `parse_args(["--lr", "1e-4"])`; None for any other call."""
    given = call.node.args[0] if call.node.args else keyword_of(call.node, "args")
    if not call.last.startswith("parse_") or not isinstance(given, ast.List):
        return None
    words = [part.value for part in given.elts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    made: dict[str, object] = {}
    for word, following in zip(words, [*words[1:], "--"], strict=False):
        name, equals, value = word.removeprefix("--").partition("=")
        if word.startswith("--"):
            made[name.replace("-", "_")] = value if equals else "true" if following.startswith("--") else following
    return made if len(words) == len(given.elts) else None


def parsed(path: str, text: str) -> ast.Module:
    """The syntax tree of a script.

    Raises:
        ConfigError: for what is not Python.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f" in line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        why = getattr(error, "msg", None) or "too deeply nested"
        newer = why.startswith("f-string") and sys.version_info < (3, 12)
        way = "; Python 3.12 allows more in f-strings: run optax-lr with that, or take the line out" * newer
        raise ConfigError(f"{path}: not Python: {why}{line}{way}") from None


def option_tested(test: ast.expr) -> _Flag | None:
    """The option that `if args.x:` and `if args.x is None:` test; None for another test."""
    match test:
        case ast.Attribute(value=ast.Name(), attr=name):
            return _Flag(name, is_none=False)
        case ast.Compare(
            left=ast.Attribute(value=ast.Name(), attr=name), ops=[ast.Is()], comparators=[ast.Constant(value=None)]
        ):
            return _Flag(name, is_none=True)
    return None


def _is_main_guard(test: ast.expr) -> bool:
    """Whether a test is `__name__ == "__main__"`, which holds where a script is run."""
    match test:
        case ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]):
            return True
    return False


def _reads_command_line(function: Named) -> bool:
    """Whether a function reads the command line."""
    return any(
        isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr == "parse_args"
        for part in ast.walk(function)
    )


def arguments_of(function: Function) -> list[ast.arg]:
    """Every argument of a function, `*args` and `**kwargs` last."""
    made = function.args
    every = [*made.posonlyargs, *made.args, *made.kwonlyargs, made.vararg, made.kwarg]
    return [argument for argument in every if argument is not None]


def argument_names(function: Function) -> list[str]:
    """The names of the arguments of a function."""
    return [argument.arg for argument in arguments_of(function)]


def annotation_of(function: Function | None, name: str) -> ast.expr | None:
    """The annotation of an argument of a function; None for none."""
    arguments = [] if function is None else arguments_of(function)
    return next((argument.annotation for argument in arguments if argument.arg == name), None)


def defaults_of(function: Function) -> dict[str, ast.expr | None]:
    """The default of each argument that has one."""
    made = function.args
    by_place = [argument.arg for argument in (*made.posonlyargs, *made.args)]
    defaults: dict[str, ast.expr | None] = dict(zip(reversed(by_place), reversed(made.defaults), strict=False))
    return defaults | dict(zip([argument.arg for argument in made.kwonlyargs], made.kw_defaults, strict=True))


def keyword_of(call: ast.Call, name: str | None) -> ast.expr | None:
    """What a call passes for a keyword; for None, what it unpacks."""
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
