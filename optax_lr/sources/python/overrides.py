"""Statements that change what a call of `TrainingArguments` says: values set later, own optimizers and schedulers."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from optax_lr.sources.python.constructors import HOMES
from optax_lr.sources.python.decided import outcome
from optax_lr.sources.python.literals import Script
from optax_lr.sources.python.scopes import Call, Place, Scope, keyword_of

# The methods of `TrainingArguments` that set arguments: each parameter with its argument and its default, in order.
_SETTERS: dict[str, dict[str, tuple[str, str | float]]] = {
    "set_training": {
        "learning_rate": ("learning_rate", 5e-5),
        "batch_size": ("per_device_train_batch_size", 8),
        "weight_decay": ("weight_decay", 0),
        "num_epochs": ("num_train_epochs", 3),
        "max_steps": ("max_steps", -1),
        "gradient_accumulation_steps": ("gradient_accumulation_steps", 1),
    },
    "set_optimizer": {"name": ("optim", "adamw_torch"), "learning_rate": ("learning_rate", 5e-5)},
    "set_lr_scheduler": {
        "name": ("lr_scheduler_type", "linear"),
        "num_epochs": ("num_train_epochs", 3),
        "max_steps": ("max_steps", -1),
        "warmup_ratio": ("warmup_ratio", 0),
        "warmup_steps": ("warmup_steps", 0),
    },
    "set_dataloader": {"train_batch_size": ("per_device_train_batch_size", 8)},
}


def set_later(script: Script, made: Call) -> Iterator[tuple[str, str, ast.expr | None]]:
    """The owner, the name and the value of each attribute that is set on an object; None for a value that is not read.

    What is set after the run, or in a function that nothing calls, is left out; `made` is the call that makes the arguments.

    Source: `transformers.TrainingArguments.set_training` and its other `set_` methods; `dataclasses.replace`.
    """
    for (owner, name), values in script.attributes.items():
        runs = [outcome(script, place.tests) for place in script.places[owner, name]]
        places = script.places[owner, name]
        kept = [
            (value, run)
            for value, run, place in zip(values, runs, places, strict=True)
            if run is not False and _before_the_run(script, made, place)
        ]
        if kept and name != "*":
            yield owner, name, kept[0][0] if len(kept) == 1 and kept[0][1] else None
    for call in script.calls:
        match call.node:
            case ast.Call(args=[holder], keywords=changed) if call.name in ("dataclasses.replace", "copy.replace"):
                yield from ((ast.unparse(holder), keyword.arg or "**", None) for keyword in changed)
            case ast.Call(func=ast.Attribute(value=holder, attr=method)) if method in _SETTERS:
                given = dict(zip(_SETTERS[method], call.node.args, strict=False))
                given |= {keyword.arg: keyword.value for keyword in call.node.keywords if keyword.arg}
                for parameter, (name, default) in _SETTERS[method].items():
                    value = given.get(parameter) or ast.copy_location(ast.Constant(default), call.node)
                    yield ast.unparse(holder), name, value


def _is_run(script: Script, call: Call) -> bool:
    """Whether a call is `trainer.train()`."""
    holder = (
        call.node.func.value if isinstance(call.node.func, ast.Attribute) and call.node.func.attr == "train" else None
    )
    made = script.single(holder, call.scope)
    return isinstance(made, ast.Call) and ast.unparse(made.func).endswith("Trainer")


def _before_the_run(script: Script, made: Call, place: Place) -> bool:
    """Whether a statement may run between the call that makes the arguments and the training."""
    scope = place.scope
    name = getattr(scope.function, "name", "") if scope is not None else ""
    if name and scope is not made.scope and not any(call.last == name for call in script.calls):
        return False
    return not any(
        call.node.lineno < place.line for call in script.calls if call.scope is scope and _is_run(script, call)
    )


def replacements(script: Script) -> list[str]:
    """Notes on what replaces the schedule of training arguments, or changes the rates in another place."""
    for call in script.calls:
        if getattr(call.node.func, "attr", "") == "hyperparameter_search":
            return [f"hyperparameter_search in line {call.node.lineno} replaces some of these arguments in each trial"]
    notes = []
    for node in ast.walk(script.tree):
        match node:
            case ast.FunctionDef(name="create_scheduler" | "create_optimizer_and_scheduler" as name):
                notes.append(f"{name} in line {node.lineno} replaces the schedule of these arguments")
            case ast.FunctionDef(name="get_train_dataloader"):
                notes.append(f"get_train_dataloader in line {node.lineno} may have other batches")
            case ast.keyword(arg="optimizer_cls_and_kwargs", value=value):
                notes.append(f"optimizer_cls_and_kwargs in line {value.lineno} may give another rate")
            case ast.Attribute(attr="should_training_stop", ctx=ast.Store()):
                notes.append(f"should_training_stop in line {node.lineno} may end the run early")
            case ast.Call(func=ast.Name(id="EarlyStoppingCallback")):
                notes.append(f"EarlyStoppingCallback in line {node.lineno} may end the run early")
            case ast.FunctionDef(name="create_optimizer"):
                notes.append(f"create_optimizer in line {node.lineno} may give rates other than learning_rate")
            case ast.keyword(arg="optimizers", value=ast.Tuple(elts=[_, second])) if not _is_none(second):
                what = f"optimizers=(..., {ast.unparse(second)[:40]}) in line {node.value.lineno}"
                notes.append(f"{what} replaces the schedule of these arguments")
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id=owner), attr="lr_scheduler")]) if owner != "self":
                notes.append(
                    f"{owner}.lr_scheduler, set in line {node.lineno}, replaces the schedule of these arguments"
                )
            case ast.Call(func=ast.Name(id="setattr"), args=[_, name, _]) if not isinstance(name, ast.Constant):
                notes.append(f"setattr in line {node.lineno} may replace any of these arguments")
            case (
                ast.Subscript(value=ast.Call(func=ast.Name(id="vars")), ctx=ast.Store())
                | ast.Call(func=ast.Attribute(value=ast.Attribute(attr="__dict__"), attr="update"))
            ):
                notes.append(f"line {node.lineno} may replace any of these arguments")
    return notes[:3] + _other_trainers(script) + rates_by_hand(script)


def _other_trainers(script: Script) -> list[str]:
    """Notes on a trainer that is not known, and on a script without one that makes its own optimizer."""
    bases = {name: [base for kind in kinds for base in kind.bases] for name, kinds in script.classes.items()}
    no_trainers = {
        name for name, above in bases.items() if not any(ast.unparse(base).endswith("Trainer") for base in above)
    }
    trainers = [call for call in script.calls if call.last.endswith("Trainer") and call.last not in no_trainers]
    unknown = [
        call
        for call in trainers
        if "." in call.name
        and call.name.partition(".")[0] not in (*HOMES, "peft", "accelerate")
        and "self" not in call.name
    ]
    runs = [call.node.lineno for call in script.calls if not call.tests and _is_run(script, call)]
    if runs[1:]:
        return [f"train() is called in lines {runs[0]} and {runs[1]}; this is the plan of the first run"]
    if unknown:
        return [
            f"{unknown[0].last} in line {unknown[0].node.lineno} is not read; it may make another schedule or optimizer"
        ]
    own = [
        call
        for call in script.calls
        if call.name.startswith("torch.optim.") and keyword_of(call.node, "lr") is not None
    ]
    if own and not trainers:
        what = f"the optimizer in line {own[0].node.lineno} has a rate of its own"
        return [f"{what}, and no Trainer takes these arguments in this script"]
    return []


def rates_by_hand(script: Script) -> list[str]:
    """A note where the script sets the rate of an optimizer itself: `group["lr"] = 1e-4`."""
    groups = {
        part.id
        for node in ast.walk(script.tree)
        if isinstance(node, (ast.For, ast.comprehension)) and ".param_groups" in ast.unparse(node.iter)
        for part in ast.walk(node.target)
        if isinstance(part, ast.Name)
    }
    for node in ast.walk(script.tree):
        match node:
            case ast.Subscript(value=holder, slice=ast.Constant(value="lr"), ctx=ast.Store()):
                text = ast.unparse(holder)
                if text in groups or ".param_groups" in text:
                    return [f'{text[:60]}["lr"] in line {node.lineno} sets the rate by hand, which is not in this plan']
    return []


def own_optimizer(script: Script) -> tuple[ast.expr, Scope] | None:
    """The optimizer that a Trainer takes without a scheduler, and its scope; None without one.

    Its rate is the peak, and `learning_rate` has no effect.
    Source: `transformers.Trainer.create_optimizer`, which creates none if one is given.
    """
    for call in script.calls:
        match keyword_of(call.node, "optimizers"):
            case ast.Tuple(elts=[first, second]) if _is_none(second) and not _is_none(first):
                return first, call.scope
    return None


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
