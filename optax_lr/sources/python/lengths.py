"""The length of the training data of a Python script, or of a loader of it."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable
from typing import NamedTuple

from optax_lr.sources.python.scopes import Names, Scope
from optax_lr.sources.python.syntax import Named, UnknownError, keyword_of

OTHER_DATA = re.compile(r"(?i)eval|val(?!ue)|test|dev(?!ice)")
_DIVIDES = re.compile(r"\b(?:random_split|train_test_split)\(")
_LOADER = re.compile(r"(?i)loader|(?:^|_)dl$|iterator|batches")

_Value = Callable[[ast.expr, Scope], object]  # of an expression in a scope


class Found(NamedTuple):
    """A length, what it assumes, and where it differs if several processes run the script."""

    number: int
    note: str
    alone: str = ""


def length_of(names: Names, node: ast.expr, scope: Scope, examples: int | None, value: _Value) -> Found:
    """`len` of the training data, or of a loader of it, for a number of training examples.

    Raises:
        UnknownError: for the length of anything else.
    """
    text = ast.unparse(node)
    if examples is None or OTHER_DATA.search(text):
        raise UnknownError
    prepared = names.prepared.get(node.id, node.lineno) if isinstance(node, ast.Name) else node.lineno
    made, here = passed(names, node, scope)
    kind = names.qualified(made.func).rpartition(".")[2] if isinstance(made, ast.Call) else ""
    if isinstance(made, ast.Call) and kind == "DataLoader" and kind not in names.classes:
        alone = (
            f"line {prepared}, by the prepare() of accelerate" if node.lineno > prepared else ""
        )  # which has a part each
        return _batches(names, text, made, here, examples, value)._replace(alone=alone)
    part = "train" not in text.lower() and "split" in names.text
    if _LOADER.search(text) or part or node.lineno > prepared:  # a loader from elsewhere, or data that is divided
        raise UnknownError
    return Found(examples, f"len({text}) is taken as the number of training examples")


def passed(names: Names, node: ast.expr, scope: Scope) -> tuple[ast.expr | None, Scope]:
    """What an expression is bound to, also where it is an argument of a function with one call, and its scope."""
    if not isinstance(node, ast.Name):
        return node, scope
    bindings, here = names.bound(node.id, scope)
    if [binding.value for binding in bindings] != [None] or not isinstance(here.function, Named):
        return names.single(node, scope), here
    given = names.argument(node.id, here)
    return (None, scope) if given is None else (names.single(*given), given[1])


def _batches(names: Names, text: str, made: ast.Call, scope: Scope, examples: int, value: _Value) -> Found:
    """The number of batches of a `DataLoader`."""
    data = made.args[0] if made.args else keyword_of(made, "dataset")
    given = keyword_of(made, "sampler")
    sampler = names.single(given, scope)
    whole = (
        isinstance(sampler, ast.Call)
        and len([*sampler.args, *sampler.keywords]) == 1  # of all examples, once each
        and ast.unparse(sampler.func).rpartition(".")[2] in ("RandomSampler", "SequentialSampler")
    )
    sampled = any(keyword.arg in (None, "batch_sampler") for keyword in made.keywords) or (
        given is not None and not whole
    )
    if sampled or len(made.args) > 3 or data is None or OTHER_DATA.search(ast.unparse(data)):
        raise UnknownError
    size = made.args[1] if len(made.args) > 1 else keyword_of(made, "batch_size")
    batch = 1 if size is None else value(size, scope)
    if isinstance(batch, bool) or not isinstance(batch, (int, float)) or batch < 1:
        raise UnknownError
    divided = "train" not in f"{text} {ast.unparse(data)}".lower() and _DIVIDES.search(names.text)
    if divided or re.search(r"\bSubset\(", names.text):
        raise UnknownError
    drops = keyword_of(made, "drop_last")
    number = (math.floor if drops is not None and value(drops, scope) else math.ceil)(examples / batch)
    return Found(number, f"{text} is taken to have all training examples, in batches of {batch}")
