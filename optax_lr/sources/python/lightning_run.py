"""What runs a module of Lightning in a Python script: its `Trainer` and the loader of its data."""

from __future__ import annotations

import ast

from optax_lr.sources.python.arguments import Arguments
from optax_lr.sources.python.constructors import SCHEDULES
from optax_lr.sources.python.entries import Entry, entries
from optax_lr.sources.python.lightning import (
    Run,
    bindings_of,
    call_of,
    is_trainer,
    made_of,
    module_of,
    modules_of,
    returned_of,
)
from optax_lr.sources.python.lightning_changes import changes_of, check_methods
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.overrides import rates_by_hand
from optax_lr.sources.python.rate_changes import may_change
from optax_lr.sources.python.schedules import take_class, take_function
from optax_lr.sources.python.scopes import Call, Scope, Tests
from optax_lr.sources.python.syntax import UnknownError
from optax_lr.sources.source import Processes
from optax_lr.text import words

# The arguments of a Trainer that decide the length of a run, and with them those of its data loader.
_OF_TRAINER = words("max_epochs max_steps accumulate_grad_batches limit_train_batches")
TRAINER_KEYS = _OF_TRAINER | {"batch_size", "drop_last"}
_ENDING = ("fast_dev_run", "max_time")
_SHARED = ("use_distributed_sampler", "replace_sampler_ddp")  # which share the examples, unless they are off
_DEVICES = ("devices", "gpus", "tpu_cores", "num_processes")  # the last three until Lightning 2
_STATED = TRAINER_KEYS | words(
    "learning_rate max_lr lr_scheduler_type interval frequency"
)  # without numbers of the run
# What the run gives an expression in `configure_optimizers`, by the name of the number in `trainers.lightning`.
_SELF = "self.trainer."
_LOADERS = (
    *("self.train_dataloader()", f"{_SELF}datamodule.train_dataloader()"),
    f"{_SELF}_data_connector._train_dataloader_source.dataloader()",
)
# Without num_training_batches and train_dataloader of the Trainer, which are not known yet when it makes the optimizers.
NUMBERS = {
    **{f"{_SELF}{name}": name for name in ("max_epochs", "max_steps", "accumulate_grad_batches")},
    **{f"{_SELF}estimated_stepping_batches{end}": "estimated_stepping_batches" for end in ("", "()")},
    **{f"len({loader})": "loader_batches" for loader in _LOADERS},
}
_SAMPLE = dict.fromkeys(NUMBERS, 1000)


def runs(script: Script) -> list[Run]:
    """The modules of a script that are read; those that a `fit` takes, where one takes any."""
    found = modules_of(script)
    fitted = [run for run in found if any(_is_of(script, run, fit) for fit in _fits(script))]
    return fitted or found


def _fits(script: Script) -> list[Call]:
    """The calls of `trainer.fit(model)`."""
    found = [call for call in script.calls if getattr(call.node.func, "attr", "") == "fit"]
    return [call for call in found if _trainer_of(script, call) is not None]


def _trainer_of(script: Script, fit: Call) -> Call | None:
    """The call that makes the Trainer of a `fit`; the first of several in branches that give the run one length."""
    assert isinstance(fit.node.func, ast.Attribute)
    node = fit.node.func.value
    nodes = (
        [one.value for one in bindings_of(script, node, fit.scope, fit.tests)] if isinstance(node, ast.Name) else [node]
    )
    made = [call_of(script, node) for node in nodes]
    trainers = [call for call in made if call is not None and is_trainer(call)]
    stated = {
        tuple(sorted(ast.unparse(word) for word in call.node.keywords if word.arg in (None, *_OF_TRAINER)))
        for call in trainers
    }
    return trainers[0] if len(stated) == 1 and len(trainers) == len(made) else None


def _model_of(script: Script, fit: Call) -> str:
    """What makes the module that a `fit` takes: `Net` or `Net.load_from_checkpoint`; empty where that is not known."""
    given = fit.given(["model"]).get("model")
    model = None if given is None else call_of(script, made_of(script, given, fit.scope, fit.tests))
    return "" if model is None else model.name


def fitted(script: Script) -> list[str]:
    """What makes the modules that a Trainer fits, as `net.Net`; empty texts where that is not known."""
    return [_model_of(script, fit) for fit in _fits(script)]


def _is_of(script: Script, run: Run, fit: Call) -> bool:
    """Whether a `fit` is of the module: of an object of a class that has its `configure_optimizers`."""
    return module_of(script, _model_of(script, fit).partition(".")[0]) == run.kind


def arguments_of_run(script: Script, run: Run) -> tuple[Arguments, list[str], Processes | None]:
    """The schedule of a module and the length of its run, notes, and the number of processes.

    Raises:
        ConfigError: for a module that steps its scheduler in a way of its own.
    """
    check_methods(script)
    found = Arguments(script, _SAMPLE)
    call = run.scheduler or run.optimizer
    if run.scheduler is None:
        found.take_rate(call.node, call.scope)
    elif call.name in SCHEDULES:
        take_class(found, call)
    else:
        take_function(found, call)
        found.rename({"max_steps": "num_training_steps", "warmup_steps": "num_warmup_steps"})
    found.values["schedule"] = call.name
    found.values |= {"interval": "epoch", "frequency": 1} if run.scheduler is not None else {}
    for entry in entries(script, *run.settings) or () if run.settings is not None else ():
        if entry.key in ("interval", "frequency"):
            found.without(entry.key)
            found.take(entry.key, entry.value, entry.scope)
    fits = _fits(script)
    mine = [fit for fit in fits if _is_of(script, run, fit)]
    if not mine and len(modules_of(script)) == 1:
        mine = [fit for fit in fits if _model_of(script, fit) in ("", *script.functions)]
    trainers = [call for call in script.calls if is_trainer(call)]
    trainer = _trainer_of(script, mine[0]) if mine else trainers[0] if len(trainers) == 1 and not fits else None
    notes = [*run.notes, *rates_by_hand(script), *may_change(script, [run.optimizer.node])]
    others = [
        fit for fit in fits if fit not in mine and not module_of(script, _model_of(script, fit).partition(".")[0])
    ]
    other = next((fit.node.lineno for fit in others), None)
    if other is not None:
        notes.append(f"the module that fit() in line {other} takes is not read")
    if len(mine) > 1:
        lines = [fit.node.lineno for fit in mine[:2]]
        notes.append(f"fit() is called in lines {lines[0]} and {lines[1]}; this is the plan of the first run")
    if mine and _model_of(script, mine[0]).endswith(".load_from_checkpoint"):
        notes.append(f"the checkpoint in line {mine[0].node.lineno} may give the module other arguments")
    notes += changes_of(script, run)
    if trainer is not None:
        _take_trainer(found, trainer)
    else:
        several = "one of several Trainers" if len(trainers) > 1 else "the Trainer of another module"
        whose = several if trainers else "a Trainer in another file"
        found.unknown["max_epochs"] = f"that of {whose}"
    holder = ast.unparse(mine[0].node.func).rpartition(".")[0] if mine else ""
    for key in sorted(_OF_TRAINER) if trainer is not None else ():
        if (holder, key) in script.attributes:
            found.without(key)
            found.unknown[key] = f"{holder}.{key}, set later"
    _take_loader(found, run, mine[0] if mine else None)
    for key in _STATED & found.computed.keys():
        found.unknown[key] = found.computed.pop(key).text
    return found, notes, None if trainer is None else _processes(script, trainer)


def _take_trainer(found: Arguments, trainer: Call) -> None:
    """The arguments of a Trainer that decide the length of its run."""
    script, keywords = found.script, list(trainer.node.keywords)
    if trainer.name.endswith(".from_argparse_args"):
        keywords[:0] = [ast.keyword(None, part) for part in trainer.node.args[:1]]
    for word in keywords:
        whole = [Entry(word.arg, word.value, trainer.scope)] if word.arg is not None else None
        parts = whole or entries(script, word.value, trainer.scope)
        for key in sorted(_OF_TRAINER) if parts is None else ():
            found.without(key)
            found.unknown[key] = f"that of {ast.unparse(word.value)[:40]}"
        for key, value, scope, certain, _ in parts or ():
            off = isinstance(value, ast.Constant) and not value.value
            if key in (_SHARED if off else _ENDING):
                effect = "gives each process all examples" if off else "may end the run before its last update"
                script.notes[f"{key} of the Trainer in line {value.lineno} {effect}"] = None
            key = "limit_train_batches" if key == "overfit_batches" else key
            if key in _OF_TRAINER:
                found.without(key)
                if certain:
                    found.take(key, value, scope)
                else:
                    found.unknown[key] = f"{ast.unparse(value)[:60]} (under a condition)"


def _processes(script: Script, trainer: Call) -> Processes:
    """The number of processes that a Trainer starts."""
    given = {word.arg: word.value for word in trainer.node.keywords}
    where = f"the Trainer in line {trainer.node.lineno}"

    def value(name: str) -> object:
        try:
            return script.value(given[name], trainer.scope) if name in given else None
        except UnknownError:
            return given

    if value("accelerator") == "cpu" and "devices" not in given:
        return Processes(1, f"accelerator=cpu of {where}")
    name = next((name for name in _DEVICES if name in given), "")
    devices, nodes = value(name) if name else "auto", value("num_nodes")
    count = len(devices) if isinstance(devices, list) else devices
    if isinstance(count, int) and count > 0 and value("strategy") not in ("dp", "ddp2"):
        nodes = 1 if nodes is None else nodes
        if isinstance(nodes, int):
            return Processes(count * nodes, f"{name} of {where}")
    if name and not isinstance(count, int):
        return Processes(None, f"{name}={ast.unparse(given[name])[:40]} of {where}")
    return Processes(None, f"{where} takes all devices")


# --- the data ---


def _take_loader(found: Arguments, run: Run, fit: Call | None) -> None:
    """The batch size and `drop_last` of the loader of the training data."""
    loader = _loader_of_run(found.script, run, fit)
    if loader is None:
        found.unknown["batch_size"] = "that of a loader that is not read"
        return
    given = loader.given(("dataset", "batch_size", "shuffle", "sampler", "batch_sampler"))
    if "batch_sampler" in given or loader.unpacks:
        found.unknown["batch_size"] = f"that of {ast.unparse(loader.node)[:40]}"
        return
    if "sampler" in given:
        found.script.notes[f"the sampler in line {loader.node.lineno} decides the number of examples of an epoch"] = (
            None
        )
    found.values["batch_size"] = 1
    for name in ("batch_size", "drop_last"):
        if name in given:
            found.without(name)
            found.take(name, given[name], loader.scope)
    if found.values.get("batch_size", 1) is None:
        found.without("batch_size")
        found.unknown["batch_size"] = "None, which leaves the batches to the data"


def _loader_of_run(script: Script, run: Run, fit: Call | None) -> Call | None:
    """The one `DataLoader` that a run trains on."""
    given = {} if fit is None else fit.given(("model", "train_dataloaders", "val_dataloaders", "datamodule"))
    for name in ("train_dataloaders", "train_dataloader", "datamodule"):
        if name in given and fit is not None:
            return _loader(script, given[name], fit.scope, fit.tests)
    for kind in (run.kind, *script.children(run.kind)):
        if (made := _loader_of_class(script, kind)) is not None:
            return made
    return None


def _loader(script: Script, node: ast.expr, scope: Scope, under: Tests = (), depth: int = 0) -> Call | None:
    """The `DataLoader` that an expression is: a name, a method of a data module, an object of one."""
    made = made_of(script, node, scope, under)
    if made is None and isinstance(node, ast.Name):
        made, scope = _part_of_returned(script, node, scope)
    call = call_of(script, made if not isinstance(made, ast.Name) else made_of(script, made, scope))
    if call is None or depth > 5:
        return None
    if call.last == "DataLoader":
        return call
    if call.name in script.classes:
        return _loader_of_class(script, call.name)
    function = call.node.func
    if isinstance(function, ast.Attribute) and function.attr == "train_dataloader":
        owner = call_of(script, made_of(script, function.value, scope))
        return None if owner is None or owner.name not in script.classes else _loader_of_class(script, owner.name)
    returned = script.returned(call.node)
    return None if returned is None else _loader(script, *returned, depth=depth + 1)


def _part_of_returned(script: Script, name: ast.Name, scope: Scope) -> tuple[ast.expr | None, Scope]:
    """What a function of the script returns for a name in `train, val = loaders()`, and the scope of that."""
    for statement in script.nodes:
        match statement:
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Call() as call) if (
                len(script.bound(name.id, scope)[0]) == 1
            ):
                names = [part.id if isinstance(part, ast.Name) else "" for part in targets]
                returned, here = script.returned(call) or (None, scope)
                if name.id in names and isinstance(returned, ast.Tuple) and len(returned.elts) == len(names):
                    return returned.elts[names.index(name.id)], here
    return None, scope


def _loader_of_class(script: Script, kind: str) -> Call | None:
    """The `DataLoader` that `train_dataloader` of a class returns."""
    for parent in script.parents(kind):
        for scope in script.scopes:
            if scope.named == "train_dataloader" and script.class_of(scope) == parent:
                node = returned_of(script, getattr(scope.function, "body", []), scope)
                return None if node is None else _loader(script, node, scope)
    return None
