"""What may change the rate of an optimizer outside of the script that makes it, each as a note with its line."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from optax_lr.sources.python.flow import Reached
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.syntax import keyword_of
from optax_lr.sources.python.unread import LIGHTNING, changes_rate, is_elsewhere
from optax_lr.text import words

_CALLBACKS = words(  # of Lightning, that leave the rate alone
    "ModelCheckpoint EarlyStopping LearningRateMonitor TQDMProgressBar RichProgressBar ModelSummary RichModelSummary Timer "
    "DeviceStatsMonitor OnExceptionCheckpoint LambdaCallback ThroughputMonitor ProgressBar"
)
_MORE = "it may change the rate"
OF_GROUP = "a group of parameters has a rate of its own in line "


def may_change(script: Script, made: Sequence[ast.Call], schedules: Sequence[ast.expr] = ()) -> list[str]:
    """Notes on what may change the rates of the optimizers in `made`, apart from `schedules`: the first of each kind."""
    where = Reached(script.flow, made)
    kinds = (
        _takers(script, where, schedules),
        _parents(script, where),
        _callbacks(script),
        _restored(script, where),
        _partial(script, made),
        _of_updates(script),
        _of_chains(script, made),
    )
    return [note for kind in kinds if (note := next(kind, None)) is not None]


def group_added(script: Script) -> str:
    """A note where groups of parameters with rates of their own are added later; empty for none."""
    for node in script.nodes:
        match node:
            case ast.Call(func=ast.Attribute(attr="append" | "extend" | "add_param_group" as how), args=[group]):
                unknown = how == "add_param_group" and not isinstance(group, ast.Dict)
            case ast.AugAssign(value=group):
                unknown = False
            case _:
                continue
        if unknown or any(map(_is_group, ast.walk(group))):
            return f"{OF_GROUP}{node.lineno}; this plan is that of lr"
    return ""


def _is_group(node: ast.AST) -> bool:
    """Whether it is a dict of parameters with a rate."""
    match node:
        case ast.Dict(keys=keys):
            return {"params", "lr"} <= {key.value for key in keys if isinstance(key, ast.Constant)}
        case ast.Call(func=ast.Name(id="dict"), keywords=keywords):
            return {"params", "lr"} <= {word.arg for word in keywords}
    return False


def _takers(script: Script, where: Reached, schedules: Sequence[ast.expr]) -> Iterator[str]:
    """Calls of what is not read that take an optimizer."""
    kinds = {ast.unparse(one.func) for one in schedules if isinstance(one, ast.Call)}
    for call in script.calls:
        inside = call.node in schedules or script.class_of(call.scope) in kinds
        taken = not inside and changes_rate(script, call)
        if taken and any(where.holds(part, call.scope) for part in call.every):
            what = f"{ast.unparse(call.node.func)[:40]} in line {call.node.lineno}"
            yield f"{what} takes the optimizer and is not read; {_MORE}"


def _parents(script: Script, where: Reached) -> Iterator[str]:
    """Imported classes on which one with an optimizer is based, at any depth."""
    left, seen = sorted(where.classes), set[str]()
    while left:
        name = left.pop()
        for kind in script.classes.get(name, ()) if name not in seen else ():
            for base in kind.bases:
                if is_elsewhere(script, base):
                    yield f"{name} in line {kind.lineno} is based on {script.qualified(base)}, which is not read; {_MORE}"
                left.append(ast.unparse(base))
        seen.add(name)


def _callbacks(script: Script) -> Iterator[str]:
    """Callbacks of a Trainer that are not known."""
    for call in script.calls:
        given = keyword_of(call.node, "callbacks")
        made = script.single(given, call.scope)
        if given is None or (isinstance(made, ast.Constant) and made.value is None):
            continue
        parts = list(made.elts) if isinstance(made, (ast.List, ast.Tuple)) else [made]
        parts += [
            part
            for change in (script.flow.calls(given.id, call.scope) if isinstance(given, ast.Name) else ())
            for part in change.node.args
        ]
        for part in (script.single(part, call.scope) for part in parts):
            name = script.qualified(part.func) if isinstance(part, ast.Call) else ""
            quiet = name.partition(".")[0] in LIGHTNING and name.rpartition(".")[2] in _CALLBACKS
            if not quiet and name not in script.classes:
                shown = f"the callback {name}" if name else "a callback"
                yield f"{shown} of the Trainer in line {call.node.lineno} is not read; {_MORE}"


def _restored(script: Script, where: Reached) -> Iterator[str]:
    """States of optimizers that are loaded."""
    for call in script.calls:
        match call.node.func:
            case ast.Attribute(value=holder, attr="load_state_dict" | "load_state" as how) if (
                where.holds(holder, call.scope) or how == "load_state"
            ):
                what = f"{ast.unparse(holder)[:40]}.{how} in line {call.node.lineno}"
                yield f"{what} takes the rate of the optimizer that was saved, which may be another"


def _partial(script: Script, made: Sequence[ast.Call]) -> Iterator[str]:
    """Functions that make an optimizer, and that `partial` gives other arguments."""
    for call in script.calls:
        function = ast.unparse(call.node.args[0]) if call.name == "functools.partial" and call.node.args else ""
        inside = {
            part for scope in script.functions.get(function, ()) for part in ast.walk(scope.function or call.node)
        }
        if inside & set(made):
            what = f"{ast.unparse(call.node)[:60]} in line {call.node.lineno}"
            yield f"{what} makes an optimizer with other arguments, which are not read"


def _of_updates(script: Script) -> Iterator[str]:
    """Changes of what an optimizer of Optax returns: `jax.tree.map(lambda u: 0.1 * u, updates)`."""
    updates = {
        target.elts[0].id
        for node in script.nodes
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        for target in node.targets
        if isinstance(target, ast.Tuple) and target.elts and isinstance(target.elts[0], ast.Name)
        if re.search(r"\.update$", ast.unparse(node.value.func))
    }
    for call in script.calls:
        changes = re.search(r"(?:^|\.)tree(?:_util)?[._](?:tree_)?map$", call.name) is not None
        if changes and any(isinstance(part, ast.Name) and part.id in updates for part in call.node.args):
            yield f"{call.name} in line {call.node.lineno} changes the steps of the optimizer, and with them the rate"


def _of_chains(script: Script, made: Sequence[ast.Call]) -> Iterator[str]:
    """Parts of an Optax chain that are not of Optax, next to an optimizer."""
    for call in script.calls:
        parts = [script.single(part, call.scope) for part in call.node.args] if call.name == "optax.chain" else []
        for part in parts if any(part is one for part in parts for one in made) else ():
            if not (isinstance(part, ast.Call) and script.qualified(part.func).startswith("optax.")):
                shown = "" if part is None else f", {ast.unparse(part)[:40]},"
                yield f"a part of the chain in line {call.node.lineno}{shown} is not read; {_MORE}"
