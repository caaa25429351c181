"""Schedulers that a script defines itself: classes of `LambdaLR` with a function of the step, and those with a `get_lr`."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from typing import NamedTuple

from optax_lr.sources.python.arguments import Arguments
from optax_lr.sources.python.constructors import LAMBDA
from optax_lr.sources.python.formula import STEP, Formula, Locals, Term
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.scopes import Call, Scope
from optax_lr.sources.python.syntax import UnknownError, argument_names, defaults_of, places_of

_TORCH = "torch.optim.lr_scheduler."
_GET_LR = {f"{_TORCH}{name}" for name in ("LRScheduler", "_LRScheduler")}
_STATE = ("last_epoch", "base_lrs", "_step_count", "optimizer")  # which the base class sets


class OwnClass(NamedTuple):
    """A class of a schedule.

    Fields:
        script: the script or the module that defines it.
        definition: the class.
        base: the class of torch on which it is based.
    """

    script: Script
    definition: ast.ClassDef
    base: str

    def method(self, name: str) -> Scope:
        """The scope of a method that is defined once."""
        found = [
            scope for scope in self.script.scopes if scope.function in self.definition.body and scope.named == name
        ]
        if len(found) != 1 or not isinstance(found[0].function, ast.FunctionDef) or found[0].function.decorator_list:
            raise UnknownError
        return found[0]


def own_class(script: Script, call: Call) -> OwnClass | None:
    """The class of a schedule that a call makes an object of, in the script or in a module in its folder; None for another."""
    where, made = script, script.classes.get(call.name, [])
    if not made and (found := script.class_in_module(call.name)) is not None:
        where, made = found
    bases = {where.qualified(base) for kind in made for base in kind.bases}
    base = bases.pop() if len(made) == len(bases) == 1 else ""
    plain = (base == LAMBDA or base in _GET_LR) and not made[0].decorator_list
    return OwnClass(where, made[0], base) if plain else None


def rate_of(formula: Formula, call: Call, own: OwnClass) -> tuple[Term, ast.expr]:
    """The rate of a scheduler of such a class, and its optimizer.

    `formula` takes the settings in the arguments of the call; `learning_rate` is the rate of the optimizer.

    Raises:
        UnknownError: for a class that keeps a state of its own, or whose rate is no formula.
    """
    start = own.method("__init__")
    inner = formula if own.script is formula.script else Formula(Arguments(own.script))
    if call.unpacks or any(isinstance(part, ast.FunctionDef) and part.name == "step" for part in own.definition.body):
        raise UnknownError
    given = call.given(places_of(start.function))
    if len(call.node.args) > len(places_of(start.function)) or given.keys() - argument_names(start.function):
        raise UnknownError  # which the class refuses
    stated: dict[str, Callable[[], Term]] = {
        key: functools.partial(inner.term, part, own.script.top, {})
        for key, part in defaults_of(start.function).items()
        if part is not None
    }
    stated |= {key: functools.partial(formula.term, part, call.scope, {}) for key, part in given.items()}
    above, local = _started(own, start, inner, stated)
    optimizer = above.get("optimizer")
    if not isinstance(optimizer, ast.Name) or optimizer.id not in given:
        raise UnknownError
    kept = {name: term for name, term in local.items() if name.startswith("self.")}
    base = Term(lambda step, settings: settings["learning_rate"], False)
    if own.base == LAMBDA:
        function = above.get("lr_lambda")
        if not isinstance(function, ast.Attribute) or ast.unparse(function.value) != "self":
            raise UnknownError
        method = own.method(function.attr)
        factor = inner.result(method, {**kept, **{step: lambda: STEP for step in places_of(method.function)[:1]}})
        term = Term(lambda step, settings: settings["learning_rate"] * factor.of(step, settings), True)
    else:
        method = own.method("get_lr")
        inside = Term(lambda step, settings: True, False)
        state = {"last_epoch": STEP, "base_lrs": base, "_get_lr_called_within_step": inside}
        term = inner.result(
            method, kept | {f"self.{key}": functools.partial(lambda made: made, made) for key, made in state.items()}
        )
    if inner is not formula:
        formula.take_module(inner)
    return term, given[optimizer.id]


def _started(own: OwnClass, start: Scope, inner: Formula, local: Locals) -> tuple[dict[str, ast.expr], Locals]:
    """The arguments of `super().__init__(...)`, and what else an `__init__` sets, which does nothing but that."""
    assert isinstance(start.function, ast.FunctionDef)
    found = []
    for statement in start.function.body:
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr="__init__", value=holder)) as made):
                places = [] if isinstance(holder, ast.Call) else ["self"]
                places += (
                    ["optimizer", "lr_lambda", "last_epoch"] if own.base == LAMBDA else ["optimizer", "last_epoch"]
                )
                found.append(Call(made, "", start).given(places))
            case (
                ast.Assign(targets=[ast.Name() | ast.Attribute(value=ast.Name(id="self")) as target], value=value)
                | ast.AnnAssign(
                    target=ast.Name() | ast.Attribute(value=ast.Name(id="self")) as target, value=ast.expr() as value
                )
            ):
                local = {**local, ast.unparse(target): functools.partial(inner.term, value, start, local)}
            case ast.Assert() | ast.Pass() | ast.Expr(value=ast.Constant()) | ast.If(body=[ast.Raise()], orelse=[]):
                pass
            case _:
                raise UnknownError
    for (owner, key), bindings in own.script.attributes.items():
        mine = [binding for binding in bindings if own.script.class_of(binding.scope) == own.definition.name]
        if owner == "self" and mine and (len(mine) > 1 or f"self.{key}" not in local or key in _STATE):
            raise UnknownError  # a state that changes
    if len(found) != 1:
        raise UnknownError
    before = found[0].get("last_epoch")
    if before is not None:
        term = inner.term(before, start, local)
        if inner.settings or term.of(0, {}) != -1:
            raise UnknownError  # a resumed run, or a place that is not known
    return found[0], local
