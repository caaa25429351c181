"""Statements that change what a call of `TrainingArguments` says: values set later, own optimizers and schedulers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from optax_lr.sources.python.constructors import HOMES
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.scopes import Binding, Call, Scope
from optax_lr.sources.python.syntax import Named, argument_names, attributes_of, is_none, keyword_of, texts_of
from optax_lr.sources.python.unread import KNOWN
from optax_lr.text import words

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

# Functions that start a program.
_STARTS = words(
    "subprocess.run subprocess.call subprocess.check_call subprocess.check_output subprocess.Popen os.system os.popen"
)
_TRAINS = re.compile(r"(?:\w*_)?(?:train|training|fit)(?:_\w+)?$|hyperparameter_search$")


class Overrides:
    """What a script changes outside of the calls that make arguments; found once for all of its configs.

    Fields:
        notes: what replaces the schedule of the arguments, or changes the rates in another place.
        optimizer: the optimizer that a Trainer takes without a scheduler, and its scope; None without one.
    """

    def __init__(self, script: Script, *, several: bool) -> None:
        """`several` configs are in the script."""
        runs = [call for call in script.calls if _is_run(script, call)]
        parts = list(script.nodes)
        self._used = {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}
        self._used |= {part.attr for part in parts if isinstance(part, ast.Attribute)}
        self._first_run = {call.scope: call.node.lineno for call in reversed(runs)}
        self._assigned = _assigned(script)
        self._by_call = list(_set_by_calls(script))
        self.optimizer = _own_optimizer(script)
        self.notes = [
            *_replacements(script),
            *_trainers(script, runs, several),
            *rates_by_hand(script),
            *values_replaced(script),
            *programs_started(script),
        ]

    def set_later(self, made: Call) -> Iterator[tuple[str, str, ast.expr | None]]:
        """The owner, the name and the value of each attribute that is set on an object; None for a value that is not read.

        What is set after the run, or in a function that nothing uses, is left out; a method may be used by other files. `made`
        is the call that makes the arguments.
        """
        for (owner, name), found in self._assigned.items():
            kept = [
                (binding.value, certain and not self._is_unused(binding.scope.function))
                for binding, certain in found
                if self._before_the_run(made, binding)
            ]
            if kept:
                yield owner, name, kept[0][0] if len(kept) == 1 and kept[0][1] else None
        yield from self._by_call

    def _before_the_run(self, made: Call, binding: Binding) -> bool:
        """Whether a statement may run between the call that makes the arguments and the training."""
        scope = binding.scope
        if (
            scope is not made.scope
            and self._is_unused(scope.function)
            and argument_names(scope.function)[:1] != ["self"]
        ):
            return False
        return binding.line <= self._first_run.get(scope, binding.line)

    def _is_unused(self, function: object) -> bool:
        """Whether nothing in this file uses a function."""
        if not isinstance(function, Named) or function.name.startswith("__"):
            return False
        return function.name not in self._used and not function.decorator_list


def _assigned(script: Script) -> dict[tuple[str, str], list[tuple[Binding, bool]]]:
    """What a script sets as attributes, without that in branches that do not run, and whether each is certain."""
    found: dict[tuple[str, str], list[tuple[Binding, bool]]] = {}
    for (owner, name), bindings in script.attributes.items():
        for binding in bindings:
            runs = script.outcome(binding.tests)
            if runs is not False and name != "*":
                found.setdefault((owner, name), []).append((binding, runs is True))
    return found


def _set_by_calls(script: Script) -> Iterator[tuple[str, str, ast.expr | None]]:
    """What calls set on an object.

    Source: `transformers.TrainingArguments.set_training` and its other `set_` methods; `dataclasses.replace`.
    """
    for call in script.calls:
        match call.node:
            case ast.Call(args=[holder], keywords=changed) if call.name in ("dataclasses.replace", "copy.replace"):
                yield from ((ast.unparse(holder), keyword.arg or "**", None) for keyword in changed)
            case ast.Call(func=ast.Attribute(value=holder, attr=method)) if method in _SETTERS:
                given = call.given(_SETTERS[method])
                for parameter, (name, default) in _SETTERS[method].items():
                    value = given.get(parameter) or ast.copy_location(ast.Constant(default), call.node)
                    yield ast.unparse(holder), name, value


def _is_run(script: Script, call: Call) -> bool:
    """Whether a call is `trainer.train()`, of no class of the script with a `train` of its own."""
    function = call.node.func
    if not (isinstance(function, ast.Attribute) and function.attr == "train"):
        return False
    values = [script.single(function.value, call.scope)]
    if isinstance(function.value, ast.Name):
        values = [binding.value for binding in script.bound(function.value.id, call.scope)[0]]
    made = [
        value.func for value in values if isinstance(value, ast.Call) and ast.unparse(value.func).endswith("Trainer")
    ]
    bodies = [part for name in made for kind in script.classes.get(script.qualified(name), ()) for part in kind.body]
    return bool(made) and not any(isinstance(part, ast.FunctionDef) and part.name == "train" for part in bodies)


def _replacements(script: Script) -> list[str]:
    """Notes on what replaces arguments, their optimizer or their schedule, or may end the run: the first of each kind."""
    found: dict[str, str] = {}  # by kind
    schedule = "replaces the schedule of these arguments"
    for node in script.nodes:
        match node:
            case ast.Call(func=ast.Attribute(attr="hyperparameter_search")):
                found.setdefault(
                    "search",
                    f"hyperparameter_search in line {node.lineno} replaces some of these arguments in each trial",
                )
            case ast.FunctionDef(name="create_scheduler" | "create_optimizer_and_scheduler" as name):
                found.setdefault("scheduler", f"{name} in line {node.lineno} {schedule}")
            case ast.keyword(arg="optimizers", value=ast.Tuple(elts=[_, second])) if not is_none(second):
                what = f"optimizers=(..., {ast.unparse(second)[:40]}) in line {node.value.lineno}"
                found.setdefault("optimizers", f"{what} {schedule}")
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id=owner), attr="lr_scheduler")]) if owner != "self":
                found.setdefault("lr_scheduler", f"{owner}.lr_scheduler, set in line {node.lineno}, {schedule}")
            case ast.FunctionDef(name="create_optimizer"):
                found.setdefault(
                    "optimizer", f"create_optimizer in line {node.lineno} may give rates other than learning_rate"
                )
            case ast.keyword(arg="optimizer_cls_and_kwargs", value=value):
                found.setdefault("class", f"optimizer_cls_and_kwargs in line {value.lineno} may give another rate")
            case ast.FunctionDef(name="get_train_dataloader"):
                found.setdefault("loader", f"get_train_dataloader in line {node.lineno} may have other batches")
            case ast.Attribute(attr="should_training_stop", ctx=ast.Store()):
                found.setdefault("stop", f"should_training_stop in line {node.lineno} may end the run early")
            case ast.Attribute(value=ast.Name(id="state"), attr="max_steps", ctx=ast.Store()):
                found.setdefault("steps", f"state.max_steps in line {node.lineno} gives the run another end")
            case ast.Call(func=ast.Attribute(value=ast.Name(id="lr_scheduler"), attr="step")):
                found.setdefault("stepped", f"lr_scheduler.step in line {node.lineno} steps the schedule, too")
            case ast.Call(func=ast.Name(id=name)) if re.search("(?i)early_?stop", name):
                found.setdefault("stopping", f"{name} in line {node.lineno} may end the run early")
            case ast.Call(func=ast.Name(id="setattr"), args=[_, name, _]) if not isinstance(name, ast.Constant):
                found.setdefault("setattr", f"setattr in line {node.lineno} may replace any of these arguments")
            case (
                ast.Subscript(value=holder, ctx=ast.Store()) | ast.Call(func=ast.Attribute(value=holder, attr="update"))
            ) if attributes_of(holder):
                found.setdefault("dict", f"line {node.lineno} may replace any of these arguments")
    return list(found.values())


def values_replaced(script: Script) -> list[str]:
    """A note where a script may set any of its variables: by `exec`, `globals()`, or a `*` behind an assignment."""
    assigned = min((node.lineno for node in script.tree.body if isinstance(node, ast.Assign)), default=None)
    for node in script.nodes:
        match node:
            case (
                ast.Call(func=ast.Name(id="exec"))
                | ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="globals"))))
                | ast.Subscript(value=ast.Call(func=ast.Name(id="globals")), ctx=ast.Store())
            ):
                return [f"line {node.lineno} may replace any value of this script"]
            case ast.ImportFrom(names=[ast.alias(name="*")], module=module):
                other = (module or "").partition(".")[0] not in {*KNOWN, *HOMES}
                if other and assigned is not None and node.lineno > assigned:
                    return [f"line {node.lineno} may replace any value of this script"]
    return []


def programs_started(script: Script) -> list[str]:
    """A note where a script starts another program that may train."""
    for call in script.calls:
        if call.name in _STARTS and call.node.args:
            given = script.single(call.node.args[0], call.scope) or call.node.args[0]
            text = " ".join(texts_of(part for part in ast.walk(given) if isinstance(part, ast.expr)))
            installs = re.search(r"\bpip3? install\b", text) is not None
            if not text or (
                not installs and re.search(r"(?i)\.py\b|torchrun|accelerate|deepspeed|train|tune|axolotl|swift", text)
            ):
                what = f"{call.name} in line {call.node.lineno} starts another program, which is not read"
                return [f"{what}; this is not the plan of its run"]
    return []


def _trainers(script: Script, runs: list[Call], several: bool) -> list[str]:
    """Notes on several runs, on a trainer that is not known, and on a script without one that makes its own optimizer."""
    notes = []
    lines = [call.node.lineno for call in runs if not call.tests]
    loop = next((call for call in runs if call.scope.in_loop(call.node.lineno)), None)
    if lines[1:] and several:
        notes.append(
            f"train() is called in lines {lines[0]} and {lines[1]}; which run takes these arguments is not read"
        )
    elif lines[1:]:
        notes.append(f"train() is called in lines {lines[0]} and {lines[1]}; this is the plan of the first run")
    elif loop is not None:
        notes.append(f"train() in line {loop.node.lineno} is in a loop; this is the plan of the first run")
    made = [
        call
        for call in script.calls
        if (call.last.endswith("Trainer") or {"args", "train_dataset"} <= {word.arg for word in call.node.keywords})
        and not _is_other_class(script, call.last)
    ]
    homes = (*HOMES, "peft", "accelerate", "self")
    unknown = next((call for call in made if "." in call.name and call.name.partition(".")[0] not in homes), None)
    if unknown is not None:
        what = f"{ast.unparse(unknown.node.func)[:40]} in line {unknown.node.lineno} is not read"
        notes.append(f"{what}; it may make another schedule or optimizer")
    called = [(ast.unparse(call.node.func).rpartition(".")[2], call.node.lineno) for call in script.calls]
    use = next(((name, line) for name, line in called if name in ("predict", "evaluate")), None)
    if made and use is not None and not any(_TRAINS.match(name) for name, _ in called):
        notes.append(f"{use[0]}() is called in line {use[1]}, and no code of this script calls train()")
    elif made and (line := _never_trained(script)):
        notes.append(f"the trainer of line {line} is not used to train in this script: no code of it calls train()")
    own = next(
        (
            call
            for call in script.calls
            if call.name.startswith("torch.optim.") and keyword_of(call.node, "lr") is not None
        ),
        None,
    )
    if own is not None and not made:
        what = f"the optimizer in line {own.node.lineno} has a rate of its own"
        notes.append(f"{what}, and no Trainer takes these arguments in this script")
    return notes


def _never_trained(script: Script) -> int | None:
    """The line of a trainer that this script makes and never trains; None without one.

    A trainer that is returned or passed on may be trained elsewhere, so only attributes of its name may be used.
    """
    attributes = [node for node in script.nodes if isinstance(node, ast.Attribute)]
    functions = [node.name for node in script.nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    # `peft.prepare_model_for_kbit_training` does not train.
    imported = [name for name, whole in script.imported.items() if not whole.startswith("peft.")]
    if any(_TRAINS.match(name) for name in [*(node.attr for node in attributes), *imported, *functions]):
        return None
    read = [node for node in script.nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    passed = {id(node.value) for node in attributes}
    for node in script.nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=made)):
                if (
                    ast.unparse(made).endswith("Trainer")
                    and not _is_other_class(script, ast.unparse(made))
                    and all(id(use) in passed for use in read if use.id == name)
                ):
                    return node.lineno
    return None


def _is_other_class(script: Script, name: str) -> bool:
    """Whether a name is that of a class of the script that is based on no Trainer."""
    bases = [ast.unparse(base) for kind in script.classes.get(name, ()) for base in kind.bases]
    return name in script.classes and not any(base.endswith("Trainer") for base in bases)


def rates_by_hand(script: Script) -> list[str]:
    """A note where the script sets the rate of an optimizer itself: `group["lr"] = 1e-4`."""
    for node, what in rates_set(script):
        return [f"{what} in line {node.lineno} sets the rate by hand, which is not in this plan"]
    return []


def rates_set(script: Script) -> Iterator[tuple[ast.Subscript | ast.Call, str]]:
    """The places where the script sets the rate of an optimizer itself, each with what is set."""
    groups = {
        part.id
        for node in script.nodes
        if isinstance(node, (ast.For, ast.comprehension))
        and re.search(r"param_groups|\bgroups\b|_groups\b", ast.unparse(node.iter))
        for part in ast.walk(node.target)
        if isinstance(part, ast.Name)
    }
    for node in script.nodes:
        match node:
            case ast.Subscript(
                value=ast.Attribute(attr="hyperparams"), slice=ast.Constant(value=name), ctx=ast.Store()
            ):
                yield node, f'hyperparams["{name!s}"]'
            case (
                ast.Subscript(value=holder, slice=ast.Constant(value="lr"), ctx=ast.Store())
                | ast.Call(func=ast.Attribute(value=holder, attr="update" | "__setitem__"))
            ) if isinstance(node, ast.Subscript) or _gives_rate(node):
                text = ast.unparse(holder)
                if text in groups or ".param_groups" in text:
                    yield node, f'{text[:60]}["lr"]'


def _gives_rate(call: ast.Call) -> bool:
    """Whether it is `update(lr=1e-4)`, `update({"lr": 1e-4})` or `__setitem__("lr", 1e-4)`."""
    keys = [key for given in call.args for key in (given.keys if isinstance(given, ast.Dict) else [given])]
    return keyword_of(call, "lr") is not None or any(
        isinstance(key, ast.Constant) and key.value == "lr" for key in keys
    )


def _own_optimizer(script: Script) -> tuple[ast.expr, Scope] | None:
    """The optimizer that a Trainer takes without a scheduler, and its scope; None without one.

    Its rate is the peak, and `learning_rate` has no effect.
    Source: `transformers.Trainer.create_optimizer`, which creates none if one is given.
    """
    for call in script.calls:
        match keyword_of(call.node, "optimizers"):
            case ast.Tuple(elts=[first, second]) if is_none(second) and not is_none(first):
                return first, call.scope
    return None
