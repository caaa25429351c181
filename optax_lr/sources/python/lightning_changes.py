"""What changes a run of Lightning while it runs: hooks, callbacks, and code that reaches the Trainer."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.python.lightning import Run, is_scheduler
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.scheduler_use import KEPT
from optax_lr.sources.python.scopes import Call
from optax_lr.sources.python.syntax import keyword_of
from optax_lr.text import words

# Callbacks and methods of Lightning that change the rate, or the batches of an update.
_CHANGING = words(
    "StochasticWeightAveraging LearningRateFinder BackboneFinetuning GradientAccumulationScheduler BatchSizeFinder lr_find "
    "scale_batch_size tune"
)
_BY_HAND = re.compile(
    r"(?i)sched|anneal|warm_?up|(?:adjust|update|set|change|reduce|decay)_?(?:the_?)?(?:lr|learning_?rate)"
)
# What Lightning and torch keep of a run or of a scheduler, and read again as it runs.
_KEPT = KEPT | {"configure_optimizers"}
_HOOKS = {
    "optimizer_step": "decides which updates are made",
    "lr_scheduler_step": "decides when the scheduler is stepped",
    "on_train_batch_start": "may end an epoch before its last batch",
}


def changes_of(script: Script, run: Run) -> list[str]:
    """Notes on calls that change the length or the rate of a run."""
    found: dict[str, str] = {}
    for call in script.calls:
        line = call.node.lineno
        config = keyword_of(call.node, "config") if call.last in ("DeepSpeedStrategy", "DeepSpeedPlugin") else None
        if re.search(r"(?i)early_?stop", call.last):
            found.setdefault("stop", f"{call.last} in line {line} may end the run before its last update")
        elif call.last in _CHANGING or _is_true(keyword_of(call.node, "auto_lr_find")):
            found.setdefault("change", f"{call.last} in line {line} changes the run in a way that is not in this plan")
        elif is_scheduler(call) and (
            run.scheduler is None or (call.scope is run.method and not _is_part(script, run, call))
        ):
            found.setdefault("made", f"{call.last} in line {line} is not what configure_optimizers returns")
        elif run.scheduler is None and _BY_HAND.search(call.last):
            found.setdefault("hand", f"{call.last} in line {line} may change the rate, and is not read")
        elif getattr(call.node.func, "attr", "") == "load_state_dict" and re.search(
            r"(?i)opt|sched", ast.unparse(call.node.func)
        ):
            found.setdefault("load", f"load_state_dict in line {line} may give the rates of a saved run")
        elif config is not None:
            found.setdefault("config", f"the config of {call.last} in line {line} may have a schedule of its own")
    return [*found.values(), *dict(_as_it_runs(script, run)).values()]


def check_methods(script: Script) -> None:
    """Refuse a program that Lightning's CLI configures, and a module that steps its scheduler itself."""
    hand = "by code that is not run; write the curve in Python with the classes of olr"
    for call in script.calls:
        line = call.node.lineno
        bases = [
            base for kind in script.parents(call.name) for made in script.classes.get(kind, ()) for base in made.bases
        ]
        if any(name.endswith("LightningCLI") for name in (call.name, *map(ast.unparse, bases))):
            what = f"{call.last} in line {line} takes settings of the run from YAML files or its command, which are not read"
            raise ConfigError(f"{what}; write the schedule in Python with the classes of olr")
        if script.class_of(call.scope) and _steps_scheduler(script, call):
            raise ConfigError(f"{ast.unparse(call.node.func)}() in line {line} steps the scheduler, {hand}")


def _steps_scheduler(script: Script, call: Call) -> bool:
    """Whether it is `self.lr_schedulers().step()`, or a step in `lr_scheduler_step` that is not the usual one."""
    match call.node.func:
        case ast.Attribute(value=holder, attr="step" | "step_update" as how):
            made = ast.unparse(script.single(holder, call.scope) or holder)
            if isinstance(holder, ast.Attribute):
                kept = script.attributes.get((ast.unparse(holder.value), holder.attr), [])
                made += "".join(ast.unparse(binding.value) for binding in kept if binding.value is not None)
            given = len(call.node.args) + len(call.node.keywords)  # more than one are those of a scheduler of noise
            usual = given > 1 or (call.scope.named == "lr_scheduler_step" and not given and how == "step")
            return not usual and re.search(r"(?i)sched", f"{made} {ast.unparse(holder)}") is not None
    return False


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and bool(node.value)


def _is_part(script: Script, run: Run, call: Call) -> bool:
    """Whether a scheduler is the one that is returned, or a part of that."""
    if run.scheduler is None:
        return False
    names = {name for name in run.method.names if call.node in run.method.values(name)}
    nodes = list(ast.walk(run.scheduler.node))
    bound = (script.single(node, run.method) for node in nodes if isinstance(node, ast.Name))
    nodes += [part for value in bound if value is not None for part in ast.walk(value)]
    return call.node in nodes or any(isinstance(node, ast.Name) and node.id in names for node in nodes)


def _as_it_runs(script: Script, run: Run) -> Iterator[tuple[str, str]]:
    """Notes on code of the script that changes the run, by their kinds."""
    family = script.family(run.kind)
    own = {  # attributes of the module itself, which no scheduler has
        (name, binding.line)
        for (owner, name), bindings in script.attributes.items()
        for binding in bindings
        if owner == "self" and name in KEPT and script.class_of(binding.scope) in family
    }
    for node in script.nodes:
        match node:
            case ast.Attribute(attr="should_stop", ctx=ast.Store()):
                yield "stop", f"should_stop in line {node.lineno} may end the run before its last update"
            case ast.Attribute(attr=name, ctx=ast.Store()) if (name, node.lineno) in own:
                pass
            case ast.Attribute(value=holder, attr=name, ctx=ast.Store()) if name in _KEPT or _of_trainer(holder):
                yield (
                    "kept",
                    f"{ast.unparse(node)[:60]} in line {node.lineno} changes the run in a way that is not in this plan",
                )
            case (
                ast.Subscript(value=ast.Attribute(attr="hparams" as name), ctx=ast.Store())
                | ast.Attribute(attr="lr_scheduler_configs" as name)
            ):
                yield name, f"{name} in line {node.lineno} may be changed in a way that is not in this plan"
            case ast.FunctionDef(name=name) if name.startswith("on_") and any(
                isinstance(part, ast.Raise) for part in ast.walk(node)
            ):
                yield "raise", f"{name} in line {node.lineno} may end the run before its last update"
            case ast.FunctionDef(name=name) if name in _HOOKS and not _is_usual(node):
                yield name, f"{name} in line {node.lineno} {_HOOKS[name]}, by code that is not run"


def _of_trainer(holder: ast.expr) -> bool:
    """Whether it is the Trainer, or a part of it: `self.trainer`, `trainer.fit_loop`."""
    return re.search(r"(?:^|\.)trainer(?:\.|$)", ast.unparse(holder)) is not None


def _is_usual(hook: ast.FunctionDef) -> bool:
    """Whether a hook does what Lightning does without it: one statement that is no `pass`, and returns nothing."""
    body = hook.body[ast.get_docstring(hook) is not None :]
    if hook.name == "on_train_batch_start":
        return not any(isinstance(part, ast.Return) and part.value is not None for part in ast.walk(hook))
    return len(body) == 1 and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Call)
