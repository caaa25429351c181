"""The options of a Python script: those that its parsers declare, and those that its command gives."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Iterable, Mapping

from optax_lr.sources.python.scopes import Call, Names
from optax_lr.sources.python.syntax import Named, UnknownError, argument_names, keyword_of, parts_of, texts_of

_WRAPPERS = ("pyrallis.wrap", "draccus.wrap", "parser.wrap")  # that fill the dataclass of a function's first argument

STARTERS = ("fire.Fire", "typer.run", "tyro.cli", "jsonargparse.CLI")  # whose options are the arguments of a function
_TYPES: Mapping[str, Callable[[str], object]] = {"int": int, "float": float, "str": str}


class Options:
    """The options of a script.

    Fields:
        given: those that the command or the user gives, by the names of their values.
        whole: whether the command is known, so that every other option has its default.
        declared: the calls that declare each, by the name of its value.
        replaced: whether a file or a dict may replace any of their defaults.
        takes_words: whether words of the command that are no options may set values.
        holders: the names that hold what a parser gives; "dataclass" for fields of dataclasses.
    """

    def __init__(self, names: Names, given: Mapping[str, object] | None, added: Mapping[str, object]) -> None:
        """`given` are those of the command, None if that is not known, and `added` are keys that may be options."""
        self.declared: dict[str, list[Call]] = {}
        self.replaced = False
        self._names = names
        self._long: dict[str, str] = {}  # the name of the value of each option
        self._short: dict[str, str] = {}  # and of each with one dash
        self._negative: dict[str, str] = {}  # and of each that makes it false
        for call in names.calls:
            self._declare(call)
        self.takes_words = any(call.name in (*STARTERS, "click.argument") for call in names.calls)
        self.holders = _holders(names)
        stated = next((made for call in names.calls if (made := _stated(call)) is not None), given)
        self.whole = stated is not None
        self.given = self._in_full({**(stated or {}), **self.own(added)})

    @functools.cached_property
    def names(self) -> set[str]:
        """The names of the options, and of their values."""
        parts = [part.target for kind in self._filled() for part in kind.body if isinstance(part, ast.AnnAssign)]
        return {*self.declared, *self._long, *self._short, *self._negative, *self._arguments(), *_names_in(parts)}

    def own(self, values: Mapping[str, object]) -> dict[str, object]:
        """The options of the script among some keys, with numbers as the words of a command."""
        return {
            key.replace("-", "_"): str(value) if type(value) in (int, float) else value
            for key, value in values.items()
            if key.replace("-", "_") in self.names
        }

    @functools.cached_property
    def fills_training_arguments(self) -> bool:
        """Whether a parser fills transformers' `TrainingArguments`, or a class that is called as those that are based on it."""
        nodes: list[ast.AST] = [call.node for call in self._names.calls if call.last.endswith("Parser")]
        nodes += [value for name in _names_in(nodes) for value in self._names.top.values(name) if value is not None]
        return any(name.endswith("TrainingArguments") for name in _names_in(nodes))

    def _filled(self) -> list[ast.ClassDef]:
        """The classes of the script that a parser such as `HfArgumentParser` fills."""
        if "dataclass" not in self.holders.values():
            return []
        top = self._names.top
        nodes: list[ast.AST] = [call.node for call in self._names.calls if call.last.endswith("Parser")]
        nodes += [scope.function.args for scope in self._names.scopes if isinstance(scope.function, Named)]
        nodes += [value for name in _names_in(nodes) for value in top.values(name) if value is not None]
        return [kind for name in _names_in(nodes) for kind in self._names.classes.get(name, ())]

    def _arguments(self) -> set[str]:
        """The arguments of the functions whose options are these."""
        calls = [call.node.args[0] for call in self._names.calls if call.name in STARTERS and call.node.args]
        scopes = [scope for node in calls for scope in self._names.functions.get(ast.unparse(node), ())]
        return {name for scope in scopes for name in argument_names(scope.function)}

    def _declare(self, call: Call) -> None:
        """Remember an option of argparse by the name under which its value is found."""
        words = texts_of(call.node.args)
        match call.node.func:
            case ast.Attribute(attr="set_defaults"):
                for keyword in call.node.keywords:
                    self.declared.setdefault(keyword.arg or "", []).extend((call, call))  # twice: not known
                self.replaced |= any(keyword.arg is None for keyword in call.node.keywords)
                return
            case ast.Name() as function if self._adds_options(self._names.single(function, call.scope)):
                words = [f"--{word}" for word in words]
            case ast.Attribute(attr="add_argument"):
                pass
            case _ if call.name == "click.option":
                pass
            case _:
                return
        long = [word.lstrip("-").replace("-", "_") for word in words if word.startswith("--")]
        short = [word[1:] for word in words if re.match("-[A-Za-z]", word)]
        kept = "".join(texts_of([keyword_of(call.node, "dest")]) or (long or short)[:1])
        action = keyword_of(call.node, "action")
        reads_file = texts_of([action]) == ["config"]  # of jsonargparse
        self.replaced |= reads_file or keyword_of(call.node, "is_config_file") is not None  # of configargparse
        if call.name == "click.option":
            kept = "".join(click_names(call.node))
        elif kept:
            self.declared.setdefault(kept, []).append(call)
        if texts_of([action]) == ["store_false"]:
            self._negative |= dict.fromkeys([*long, *short], kept)
            return
        if action is not None and ast.unparse(action).endswith("BooleanOptionalAction"):
            self._negative |= {f"no_{name}": kept for name in long}
        self._short |= dict.fromkeys(short, kept)
        self._long |= dict.fromkeys(long, kept)

    def _adds_options(self, made: ast.expr | None) -> bool:
        """Whether it is `functools.partial(add_arguments, argparser=parser)`, which takes names without dashes."""
        if not (isinstance(made, ast.Call) and self._names.qualified(made.func) == "functools.partial"):
            return False
        return [ast.unparse(part) for part in made.args] == ["add_arguments"]

    def _in_full(self, options: Mapping[str, object]) -> dict[str, object]:
        """Options by the names of their values: argparse takes each beginning that only one option has."""
        made: dict[str, object] = {}
        for name, value in options.items():
            joined = re.fullmatch(r"([A-Za-z])(\d[\w.]*)", name)  # `-n7`
            known = self._long.get(name) or self._short.get(name)
            full = {known} if known else {kept for string, kept in self._long.items() if string.startswith(name)}
            if name in self._negative or f"no_{name}" in self._negative:
                made[self._negative.get(name) or self._negative[f"no_{name}"]] = name not in self._negative
            elif joined and joined[1] in self._short and value == "true":
                made[self._short[joined[1]]] = joined[2]
            else:
                made[full.pop() if len(full) == 1 else name] = value
        return made

    def tested(self, test: ast.expr) -> bool | None:
        """What the options decide of `args.x` and `args.x is None`, where x is not given, or has no value; None for any other."""
        is_none = isinstance(test, ast.Compare)
        match test:
            case (
                ast.Attribute(value=ast.Name(), attr=name)
                | ast.Compare(
                    left=ast.Attribute(value=ast.Name(), attr=name),
                    ops=[ast.Is()],
                    comparators=[ast.Constant(value=None)],
                )
            ) if len(made := self.declared.get(name, [])) == 1:
                action, default = (keyword_of(made[0].node, word) for word in ("action", "default"))
                given = self.given.get(name, False) not in (False, None)
                stated = isinstance(default, ast.Constant) and default.value
                if is_none:
                    return False if given or (isinstance(default, ast.Constant) and default.value is not None) else None
                return given if texts_of([action]) == ["store_true"] and not stated else None
        return None

    def empty(self, test: ast.expr) -> str:
        """The option that `args.x is None` tests, if it has no default and is not known to be given; empty for any other test."""
        match test:
            case ast.Compare(
                left=ast.Attribute(value=ast.Name(), attr=name), ops=[ast.Is()], comparators=[ast.Constant(value=None)]
            ) if len(made := self.declared.get(name, [])) == 1 and name not in self.given:
                default = keyword_of(made[0].node, "default")
                none = default is None or (isinstance(default, ast.Constant) and default.value is None)
                return ast.unparse(test.left) if none else ""
        return ""


def _names_in(nodes: Iterable[ast.AST]) -> set[str]:
    return {part.id for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name)}


def _holders(names: Names) -> dict[str, str]:
    """The names that hold what a parser of the command line gives; "dataclass" for fields of dataclasses."""
    found: dict[str, str] = {}
    readers = {name for name, scopes in names.functions.items() for scope in scopes if _reads(scope.function)}
    for node in ast.walk(names.tree):
        match node:
            case ast.FunctionDef(decorator_list=decorators, args=ast.arguments(args=[first, *_])):
                if any(ast.unparse(decorator).partition("(")[0] in _WRAPPERS for decorator in decorators):
                    found[first.arg] = "dataclass"
            case (
                ast.Assign(targets=[target], value=value)
                | ast.AnnAssign(target=target, value=value)
                | ast.NamedExpr(target=target, value=value)
            ):
                held = [part.id for part in parts_of(target) if isinstance(part, ast.Name)]
                if isinstance(value, ast.Subscript) and len(held) == 1:
                    value = value.value
                called = value.func if isinstance(value, ast.Call) else None
                method = called.attr if isinstance(called, ast.Attribute) else ""
                if method.startswith("parse_args_into_dataclasses"):
                    found |= dict.fromkeys(held, "dataclass")
                elif method in ("parse_args", "parse_known_args") or getattr(called, "id", "") in readers:
                    found |= dict.fromkeys(held[:1], "")
    return found


def _reads(function: ast.AST | None) -> bool:
    """Whether a function reads the command line."""
    return isinstance(function, Named) and any(
        isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr == "parse_args"
        for part in ast.walk(function)
    )


def _stated(call: Call) -> dict[str, object] | None:
    """The options in `parse_args(["--lr", "1e-4"])`; None for any other call."""
    given = call.node.args[0] if call.node.args else keyword_of(call.node, "args")
    if not call.last.startswith("parse_") or not isinstance(given, ast.List):
        return None
    words = texts_of(given.elts)
    made: dict[str, object] = {}
    for word, following in zip(words, [*words[1:], "--"], strict=False):
        name, equals, value = word.removeprefix("--").partition("=")
        if word.startswith("--"):
            made[name.replace("-", "_")] = value if equals else "true" if following.startswith("--") else following
    return made if len(words) == len(given.elts) else None


def click_names(declaration: ast.Call) -> list[str]:
    """The parameter of a function that `@click.option("--batch-size", ...)` fills."""
    words = texts_of(declaration.args)
    plain = [word for word in words if not word.startswith("-")]
    return [word.lstrip("-").replace("-", "_").lower() for word in plain or sorted(words, key=len)[-1:]]


def as_option(value: object, kind: ast.expr | None) -> object:
    """The text of an option as its parser converts it."""
    if not isinstance(value, str) or (name := _type_name(kind)) not in _TYPES:
        return value
    try:
        return _TYPES[name](value)
    except ValueError:
        raise UnknownError from None


def _type_name(kind: ast.expr | None) -> str:
    """The type of an option: `int`, also for `Optional[int]`, `int | None` and `"int"`; empty for others."""
    match kind:
        case ast.Name(id=name) | ast.Constant(value=str() as name):
            return name
        case ast.Subscript(value=ast.Name(id="Optional") | ast.Attribute(attr="Optional"), slice=inner):
            return _type_name(inner)
        case ast.BinOp(left=inner, op=ast.BitOr(), right=ast.Constant(value=None)):
            return _type_name(inner)
    return ""
