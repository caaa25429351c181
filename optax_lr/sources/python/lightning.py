"""Modules of Lightning in a Python script: the optimizer and the scheduler that `configure_optimizers` returns."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.python.constructors import FUNCTIONS, OPTIMIZERS, SCHEDULES
from optax_lr.sources.python.entries import entries
from optax_lr.sources.python.imports import Program
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.overrides import rates_by_hand
from optax_lr.sources.python.scopes import Binding, Call, Scope, Tests
from optax_lr.sources.python.unread import LIGHTNING
from optax_lr.text import words

_TORCH = "torch.optim.lr_scheduler."
# Schedulers that leave the rate of the optimizer as it is until they are stepped.
_AT_RATE = words(
    "StepLR MultiStepLR ExponentialLR CosineAnnealingLR CosineAnnealingWarmRestarts PolynomialLR ReduceLROnPlateau "
    "get_constant_schedule"
)
_METHOD = "configure_optimizers"
_NOT_ONE = "which Lightning refuses; return one of them, two lists, or a dict with optimizer and lr_scheduler"


class Run(NamedTuple):
    """What Lightning runs.

    Fields:
        kind: the class of the module.
        method: its `configure_optimizers`.
        optimizer: the call that makes the optimizer.
        scheduler: the call that makes the scheduler; None without one.
        settings: the dict of the scheduler, with `interval` and `frequency`, and its scope; None without one.
        notes: what has no effect; a line each.
    """

    kind: str
    method: Scope
    optimizer: Call
    scheduler: Call | None
    settings: tuple[ast.expr, Scope] | None
    notes: tuple[str, ...] = ()


def modules_of(script: Script) -> list[Run]:
    """The modules of a script whose optimizer and scheduler are known calls."""
    return [run for kind, method in _modules(script) if (run := _run(script, kind, method)) is not None]


def module_of(script: Script, name: str) -> str:
    """The class whose `configure_optimizers` an object of a class has; empty where none has it."""
    methods = {script.class_of(scope) for scope in script.scopes if scope.named == _METHOD}
    return next((kind for kind in script.parents(name) if kind in methods), "")


def optimizers_elsewhere(
    script: Program, kind: str, path: Path | None = None, depth: int = 5
) -> tuple[Path, Program, Scope] | None:
    """Find the `configure_optimizers` of a class in another file of the folder.

    Args:
        script: the script, or the module in the file `path`.
        kind: the class.
        path: the file; None for the script itself.
        depth: the number of files to follow.

    Returns:
        The other file, its module, and the scope of the method; None if the class has no such method.
    """
    if kind not in script.classes:
        found = script.defined_in(kind) if depth else None
        return None if found is None else optimizers_elsewhere(found[1], found[2], found[0], depth - 1)
    for parent in script.parents(kind):
        for scope in script.functions.get(_METHOD, ()):
            if script.class_of(scope) == parent:
                return None if path is None else (path, script, scope)
    bases = [
        script.qualified(base)
        for parent in script.parents(kind)
        for made in script.classes[parent]
        for base in made.bases
    ]
    others = (optimizers_elsewhere(script, base, path, depth) for base in bases if base not in script.classes)
    return next((found for found in others if found is not None), None)


def is_scheduler(call: Call) -> bool:
    """Whether a call makes a scheduler of torch, or one of transformers."""
    return call.name.startswith(_TORCH) or call.last in FUNCTIONS


def is_trainer(call: Call) -> bool:
    """Whether a call makes a Trainer of Lightning."""
    name = call.name.removesuffix(".from_argparse_args")
    return name.partition(".")[0] in LIGHTNING and name.endswith(".Trainer")


def unread(script: Script) -> list[str]:
    """A note on a module whose `configure_optimizers` is not read."""
    method = next((scope.function for _, scope in _modules(script)), None)
    if method is None:
        return []
    what = f"configure_optimizers in line {method.lineno} is not read"
    every = "; Lightning steps a scheduler once an epoch, unless its dict says interval: step"
    said = any(text in ast.unparse(method) for text in ("'interval': 'step'", "interval='step'"))
    return [what if said else what + every]


def _modules(script: Script) -> Iterator[tuple[str, Scope]]:
    """Each class of Lightning with its `configure_optimizers`, without those that step their optimizers themselves."""
    for scope in script.scopes:
        kind = script.class_of(scope)
        if scope.named != _METHOD or not kind:
            continue
        bases = {
            script.qualified(base)
            for parent in script.parents(kind)
            for made in script.classes[parent]
            for base in made.bases
        }
        if not any(base.partition(".")[0] in LIGHTNING and base.endswith(".LightningModule") for base in bases):
            continue
        own = script.attributes.get(("self", "automatic_optimization"), [])
        places = [binding.scope for binding in own] + [
            one for one in script.scopes if one.named == "automatic_optimization"
        ]
        if not any(script.class_of(place) in script.family(kind) for place in places):
            yield kind, scope


class _Returned(NamedTuple):
    """The optimizer that `configure_optimizers` returns, its scheduler or the dict of that, and keys without effect."""

    optimizer: ast.expr
    scheduler: ast.expr | None = None
    ignored: tuple[str, ...] = ()


def _run(script: Script, kind: str, method: Scope) -> Run | None:
    """What one `configure_optimizers` runs; None where that is not read."""
    assert method.function is not None
    where = f"configure_optimizers in line {method.function.lineno}"
    returned = returned_of(script, getattr(method.function, "body", []), method)
    parts = None if returned is None else _parts(script, returned, method, where)
    if returned is None or parts is None:
        return None
    if any("sched" in key for key in parts.ignored) and not any(map(is_trainer, script.calls)):
        return None  # another trainer may read it
    optimizer = call_of(script, made_of(script, parts.optimizer, method))
    if optimizer is None:
        return None
    ignored = tuple(f"{key} next to the optimizer in {where} is no key that Lightning reads" for key in parts.ignored)
    run = Run(kind, method, optimizer, None, None, ignored)
    if parts.scheduler is None:
        _check_unreturned(script, run, returned.lineno)
        for by_hand in rates_by_hand(script):
            what = by_hand.removesuffix(", which is not in this plan")
            raise ConfigError(f"{what}, in code that is not run; write its function as an olr.Function")
        return run if optimizer.name in OPTIMIZERS else None
    settings = parts.scheduler
    if _is_dict(made_of(script, settings, method)):
        found = {entry.key: entry for entry in entries(script, settings, method) or ()}
        if "scheduler" not in found or not all(entry.certain for entry in found.values()):
            return None
        run, settings = run._replace(settings=(settings, method)), found["scheduler"].value
    scheduler = call_of(script, made_of(script, settings, method))
    return run._replace(scheduler=scheduler) if scheduler is not None and _is_schedule(scheduler) else None


def _parts(script: Script, node: ast.expr, scope: Scope, where: str) -> _Returned | None:
    """The parts of what is returned, in one of the forms that Lightning takes."""
    made = made_of(script, node, scope)
    if _is_dict(made):
        found = {entry.key: entry for entry in entries(script, node, scope) or ()}
        if "optimizer" not in found or not all(entry.certain for entry in found.values()):
            return None
        scheduler = found["lr_scheduler"].value if "lr_scheduler" in found else None
        ignored = tuple(sorted(found.keys() - {"optimizer", "lr_scheduler", "monitor"}))
        return _Returned(found["optimizer"].value, scheduler, ignored)
    match made:
        case ast.Call():
            return _Returned(made)
        case _ if isinstance(node, ast.Name) and script.is_changed(node.id, scope):
            return None
        case ast.List(elts=[one]) | ast.Tuple(elts=[one]):
            return _parts(script, one, scope, where)
        case ast.List(elts=[first, second]) | ast.Tuple(elts=[first, second]):
            optimizers, schedulers = made_of(script, first, scope), made_of(script, second, scope)
            if any(isinstance(one, ast.Name) and script.is_changed(one.id, scope) for one in (first, second)):
                return None
            match optimizers, schedulers:
                case ast.List(elts=[optimizer]), ast.List(elts=[] | [_] as given):
                    return _Returned(optimizer, given[0] if given else None)
                case ast.List(elts=[_]), ast.List(elts=several):
                    what = f"{where} returns {len(several)} schedulers of one optimizer, which change its rate together"
                    raise ConfigError(
                        f"{what}, and are not read; write them with the classes of olr, such as olr.Product"
                    )
                case ast.List(elts=[optimizer]), ast.Call() | ast.Dict():
                    return _Returned(optimizer, second)
                case ast.Call(), ast.Call() if (call := call_of(script, schedulers)) and _is_schedule(call):
                    raise ConfigError(f"{where} returns an optimizer and a scheduler side by side, {_NOT_ONE}")
    return None


def _is_schedule(call: Call) -> bool:
    return call.name in SCHEDULES or call.last in FUNCTIONS


def _check_unreturned(script: Script, run: Run, line: int) -> None:
    """Refuse a scheduler that is made before the return in a line, and sets another rate than the optimizer's when it is made."""
    for call in script.calls:
        if is_scheduler(call) and call.scope is run.method and call.node.lineno < line and call.last not in _AT_RATE:
            what = f"{call.last} in line {call.node.lineno} is not what configure_optimizers returns"
            raise ConfigError(f"{what}, so that its first rate stays in the whole run; write that as olr.Constant")


def _is_dict(node: ast.expr | None) -> bool:
    """Whether it is `{"optimizer": optimizer}` or `dict(optimizer=optimizer)`."""
    return isinstance(node, ast.Dict) or (isinstance(node, ast.Call) and ast.unparse(node.func) == "dict")


def call_of(script: Script, node: ast.expr | None) -> Call | None:
    """The call of an expression."""
    return next((call for call in script.calls if call.node is node), None)


def bindings_of(script: Script, node: ast.Name, scope: Scope, under: Tests = ()) -> list[Binding]:
    """What a name may have where it is used `under` some tests: by branches that may run, and not by later straight code."""
    bindings, here = script.reaching(node, scope)
    straight = here is scope and not scope.in_loop(node.lineno)
    others = [(test, not wanted, place) for test, wanted, place in under]
    return [
        binding
        for binding in bindings
        if binding.value is not None
        and (binding.line <= node.lineno or not straight)
        and not any(test in others for test in binding.tests)
        and script.outcome(binding.tests) is not False
    ]


def made_of(script: Script, node: ast.expr | None, scope: Scope, under: Tests = ()) -> ast.expr | None:
    """The expression itself, or the one that its name has for certain, where it is used `under` some tests."""
    if not isinstance(node, ast.Name):
        return node
    bindings = bindings_of(script, node, scope, under)
    tests = tuple(test for binding in bindings for test in binding.tests if test not in under)
    return bindings[0].value if len(bindings) == 1 and script.outcome(tests) else None


def returned_of(script: Script, body: Sequence[ast.stmt], scope: Scope) -> ast.expr | None:
    """What a method returns for certain; None where branches that are not decided return, too."""
    for statement in body:
        match statement:
            case ast.Return(value=value):
                return value
            case ast.If(test=test, body=inner, orelse=other):
                tests: Tests = ((test, True, scope),)
                runs = script.outcome(tests)
                if runs is None:
                    if any(isinstance(part, ast.Return) for part in ast.walk(statement)):
                        return None
                elif (made := returned_of(script, inner if runs else other, scope)) is not None:
                    return made
            case ast.For() | ast.While() | ast.With() | ast.Try():
                if any(isinstance(part, ast.Return) for part in ast.walk(statement)):
                    return None
    return None
