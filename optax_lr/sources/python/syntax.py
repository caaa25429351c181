"""Parts of the syntax tree of Python: calls, functions, and what an expression is a part of."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterable

from optax_lr.sources.errors import ConfigError

Named = ast.FunctionDef | ast.AsyncFunctionDef
Function = Named | ast.Lambda


class UnknownError(Exception):
    """An expression that is not a literal."""


def parsed(path: str, text: str) -> ast.Module:
    """The syntax tree of a script.

    Raises:
        ConfigError: for what is not Python.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f" in line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        why = getattr(error, "msg", None) or "too deeply nested"
        newer = why.startswith("f-string") and sys.version_info < (3, 12)
        way = (
            "Python 3.12 allows more in f-strings: run optax-lr with that, or take the line out"
            if newer
            else "correct it"
        )
        raise ConfigError(f"{path}: not Python: {why}{line}; {way}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (twice := _given_twice(node)):
            raise ConfigError(
                f"{path}: not Python: keyword argument repeated: {twice} in line {node.lineno}; correct it"
            )
    return tree


def _given_twice(call: ast.Call) -> str:
    """A keyword that a call gives twice, which Python refuses when it compiles the script; empty for none."""
    names = [word.arg for word in call.keywords if word.arg is not None]
    return next((name for name in names if names.count(name) > 1), "") if len(set(names)) < len(names) else ""


# --- expressions ---


def is_none(node: ast.expr | None) -> bool:
    """Whether an expression is the literal None."""
    return isinstance(node, ast.Constant) and node.value is None


def texts_of(nodes: Iterable[ast.expr | None]) -> list[str]:
    """Those of some expressions that are literal texts."""
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def parts_of(node: ast.expr | None) -> list[ast.expr]:
    """The parts of a list or a tuple; else the expression itself."""
    if isinstance(node, (ast.List, ast.Tuple)):
        return node.elts
    return [] if node is None else [node]


def attributes_of(node: ast.AST) -> ast.expr | None:
    """The object all of whose attributes are in `vars(x)` or `x.__dict__`; None for any other expression."""
    match node:
        case ast.Attribute(value=owner, attr="__dict__") | ast.Call(func=ast.Name(id="vars"), args=[owner]):
            return owner
    return None


# --- calls and functions ---


def keyword_of(call: ast.Call, name: str | None) -> ast.expr | None:
    """What a call passes for a keyword; for None, what it unpacks."""
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def last_of(call: ast.Call) -> str:
    """The name of what is called, without its module or its object; empty for what has no name."""
    function = call.func
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def field_default(value: ast.expr) -> ast.expr | None:
    """The default in the `field(...)` of a dataclass or of pydantic; None where it is no such call, or has none."""
    if isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] in ("field", "Field"):
        made = keyword_of(value, "default_factory")
        if isinstance(made, ast.Lambda):
            return made.body
        return keyword_of(value, "default") or (value.args[0] if value.args else None)
    return None


def arguments_of(function: Function | None) -> list[ast.arg]:
    """Every argument of a function, `*args` and `**kwargs` last; none for no function."""
    if function is None:
        return []
    made = function.args
    every = [*made.posonlyargs, *made.args, *made.kwonlyargs, made.vararg, made.kwarg]
    return [argument for argument in every if argument is not None]


def argument_names(function: Function | None) -> list[str]:
    """The names of the arguments of a function."""
    return [argument.arg for argument in arguments_of(function)]


def places_of(function: Function | None) -> list[str]:
    """The names of the arguments that a call may give by place, without `self`."""
    names = [] if function is None else [part.arg for part in (*function.args.posonlyargs, *function.args.args)]
    return names[names[:1] == ["self"] :]


def annotation_of(function: Function | None, name: str) -> ast.expr | None:
    """The annotation of an argument of a function; None for none."""
    return next((argument.annotation for argument in arguments_of(function) if argument.arg == name), None)


def defaults_of(function: Function | None) -> dict[str, ast.expr | None]:
    """The default of each argument that has one."""
    if function is None:
        return {}
    made = function.args
    by_place = [argument.arg for argument in (*made.posonlyargs, *made.args)]
    defaults: dict[str, ast.expr | None] = dict(zip(reversed(by_place), reversed(made.defaults), strict=False))
    return defaults | dict(zip([argument.arg for argument in made.kwonlyargs], made.kw_defaults, strict=True))


def returns_of(function: Function | None) -> list[ast.expr | None]:
    """What the `return` statements of a function return, without those of functions in it."""
    found, left = list[ast.expr | None](), list[ast.AST]([] if function is None else [function])
    while left:
        node = left.pop()
        if isinstance(node, ast.Return):
            found.append(node.value)
        elif node is function or not isinstance(node, Function):
            left += reversed(list(ast.iter_child_nodes(node)))
    return found
