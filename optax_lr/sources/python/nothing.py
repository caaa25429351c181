"""Why a Python script holds no config: what it has instead, and what to read or to write."""

from __future__ import annotations

import ast
import itertools
import os.path
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from optax_lr.sources.errors import CONSTANT, STATE, stated
from optax_lr.sources.python.constructors import BY_HAND, ELSEWHERE, HOMES, TRL
from optax_lr.sources.python.imports import Program
from optax_lr.sources.python.lightning import is_trainer, optimizers_elsewhere
from optax_lr.sources.python.lightning_run import fitted
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.origins import hydra_config, origin_of
from optax_lr.sources.python.overrides import rates_by_hand
from optax_lr.sources.python.own_classes import own_class
from optax_lr.sources.python.run_facts import filled_classes
from optax_lr.sources.python.scheduler_use import never_stepped
from optax_lr.sources.python.scopes import Call, Scope
from optax_lr.sources.python.syntax import UnknownError, defaults_of, field_default, keyword_of, places_of
from optax_lr.text import start_of, words

_PLATEAU = "torch.optim.lr_scheduler.ReduceLROnPlateau"
_METRIC = ELSEWHERE[_PLATEAU]
# Trainers by a module that only their own programs import: where the settings are.
_PROGRAMS = {
    r"torchtune\b": "torchtune, whose settings are in a YAML file; read that, or the command that names it",
    r"(?:.*\.)?(?:pyconfig|max_utils)\b": "MaxText, whose settings are in a YAML file and a command; read the command",
    r"(?:.*\.)?megatron\b": "Megatron-LM, whose settings are options; read the command that starts it",
    r"library\.\w*train_util\b": "kohya's sd-scripts, whose settings are options; read the command that starts it",
    r"fairseq\b": "fairseq, which is not read; " + STATE,
}
# Calls that decide the schedule in another file, by the full name or the last part of it.
_ELSEWHERE = {
    r"deepspeed\.initialize": ("may take the schedule of its config", "that JSON file"),
    r"(?:.*\.)?(?i:(?:lr|learning_?rate|get|create|make|build|setup)\w*_sched\w*)": ("makes the schedule", ""),
    r"(?:.*\.)?(?:\w*Trainer|(?i:train|fit|fine_?tune|run_train\w*))": ("trains", ""),
}
_MOST_CLASSES = 200  # that are looked for in other files
_NOT_COUNTED = words("PPOConfig AsyncGRPOConfig GOLDConfig")  # which --trainer cannot name
_HOMES = tuple(f"{home}." for home in HOMES)
_READ = re.compile(r"hyperparams|param_groups|_lr\(|\.item\(")  # from an optimizer or a schedule: no setting
_RATE = re.compile(r"(?i)(?:b|base_|peak_|max_|init(?:ial)?_)?(?:lr|learning_?rate)")
_SCHEDULER = re.compile(r"(?i)(?:lr_?|learning_?rate_)?sched(?:uler)?s?")


NOTHING = "this script makes no schedule, and states no rate; read the script, the command or the YAML file that trains"


def why_nothing(script: Program, is_config: Callable[[Path], bool]) -> str:
    """One line on what a script has instead of a config, and what to do.

    Args:
        script: the script.
        is_config: whether the file of a module below its folder holds a config.
    """
    for call in script.calls:
        if found := _of_call(script, call):
            return found
    if by_hand := rates_by_hand(script):
        return f"{by_hand[0].removesuffix(', which is not in this plan')}, in code that is not run; {BY_HAND}"
    for call, kind, _ in filled_classes(script):
        last = kind.rpartition(".")[2]
        in_module = script.class_in_module(kind)
        if in_module is not None and not in_module[1][0].bases:  # a class of the program's own
            continue
        start = (
            f"line {call.node.lineno} fills {last} from the command line: read the shell script that starts this one"
        )
        if last in TRL - _NOT_COUNTED and call.last != "HfArgumentParser":
            method = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", last.removesuffix("Config")).lower()
            return f"{start}, or the YAML file of its --config, with --trainer trl-{method}"
        if last in TRL or (last.endswith("TrainingArguments") and not last.startswith("Data")):
            return start
    for pattern, whose in _PROGRAMS.items():
        if any(re.match(pattern, name) for name in (*script.modules, *script.imported.values())):
            return f"this is the code of {whose}"
    rate = min(_rates(script), key=lambda rate: rate.value is None, default=None)
    if package := _open_mmlab(script):
        value = "RATE" if rate is None else rate.value
        return f"this is a config of {package}, which is not read; {stated(learning_rate=value or 'RATE')}"
    of_rate = f", with {rate.text}" if rate else ""
    if found := (
        _of_lightning(script, of_rate, is_config)
        or _elsewhere(script, of_rate, is_config)
        or _made_by_call(script, of_rate)
    ):
        return found
    if rate is None:
        return NOTHING
    if based := _computed_from(script, rate):
        return f"only the code of this script knows the rate, which line {based} computes from {rate.text}; {STATE}"
    return f"only the code of this script knows the use of {rate.text}; {stated(learning_rate=rate.value or 'RATE')}"


def _computed_from(script: Script, rate: _Rate) -> int | None:
    """The line that scales a base rate, as in `lr = args.base_lr * math.sqrt(batch)`; None without one."""
    name = re.split(r"[= ]", rate.text.removeprefix("--"), maxsplit=1)[0].replace("-", "_")
    if not name.startswith("b"):
        return None
    for node in script.nodes:
        match node:
            case ast.BinOp(op=ast.Mult() | ast.Div()) if re.search(rf"\b{re.escape(name)}\b", ast.unparse(node)):
                return node.lineno
    return None


def _of_call(script: Script, call: Call) -> str:
    """The line on a call that makes a schedule, or arguments, of a kind that is not read; empty for any other."""
    where = f"{call.name} in line {call.node.lineno}"
    if call.last == "ReduceLROnPlateau" and call.name != _PLATEAU and call.name not in script.classes:
        return f"{where} is not read as a config; {_METRIC}"
    for module, way in ELSEWHERE.items():
        of_module = f"{call.name}.".startswith((f"{module}.", f"tensorflow.{module}."))
        if of_module and re.search(r"schedule|onecycle|decay(?!ed)", call.name.lower()):
            if call.name == _PLATEAU and never_stepped(script, call):
                return f"{where} is never stepped, so that the rate of its optimizer is constant; {CONSTANT}"
            return f"{where} is not read as a config; {way}"
    if own_class(script, call) is not None:
        return f"{where} is a schedule of the script's own, and no formula of the step; {BY_HAND}"
    started = keyword_of(call.node, "entry_point") if call.name.startswith("sagemaker.") else None
    if isinstance(started, ast.Constant):
        return f"{where} runs {started.value!s} with these hyperparameters; read that script, and give them with --set KEY=VALUE"
    if call.name == "deepspeed.initialize" and isinstance(
        made := script.single(keyword_of(call.node, "config"), call.scope), ast.Dict
    ):
        if any(isinstance(key, ast.Constant) and key.value == "scheduler" for key in made.keys):
            return f"the config of {where} is the dict in line {made.lineno}; write that to a JSON file, and read it"
        return f"the config of {where} has no scheduler, so that the rate is constant; {CONSTANT}"
    if call.last == "fit" and keyword_of(call.node, "train_objectives") is not None:
        what = f"{where} is SentenceTransformer.fit, which is not read: a linear schedule after warmup_steps, 10,000 by default"
        return f"{what}, over epochs times the batches of the loader; {stated(lr_scheduler_type='linear')}"
    if call.name.startswith("setfit."):
        return f"{where} is a call of SetFit, which is not read; write the schedules of its two phases with olr.get_scheduler"
    if call.name.endswith(("TrainingArguments", "TrainingConfig", *TRL)) and call.name not in script.classes:
        return f"{where} is not a class that is known; write its arguments to a YAML file with the keys of TrainingArguments"
    return ""


def _of_lightning(script: Program, rate: str, is_config: Callable[[Path], bool]) -> str:
    """The line on a Trainer of Lightning whose module has its `configure_optimizers` in another file; empty without a Trainer."""
    trainer = next((call for call in script.calls if is_trainer(call)), None)
    if trainer is None:
        return ""
    what = f"{trainer.name} in line {trainer.node.lineno} runs"
    made = {call.name: call for call in reversed(script.calls) if call.name in script.classes or "." in call.name}
    names = dict.fromkeys([*(name for name in fitted(script) if name in made), *reversed(made)])
    for name in itertools.islice(names, _MOST_CLASSES):
        call, kind = made[name], name.removesuffix(".load_from_checkpoint")
        if (found := optimizers_elsewhere(script, kind)) is not None:
            passed = next(_rates_of(script, call.given(()).items()), None)
            if any(isinstance(part, ast.Name) and part.id in script.options.holders for part in ast.walk(call.node)):
                found[1].options = script.options  # which the class is given
            of_rate = rate if passed is None else f", with {passed.text}"
            return f"{what} {kind.rpartition('.')[2]}{of_rate}; {_of_method(script, *found, is_config)}"
    what = f"{what} a LightningModule{rate}"
    for name in itertools.islice(script.imported.values(), _MOST_CLASSES):
        if (found := optimizers_elsewhere(script, name)) is not None:
            return f"{what}; {_of_method(script, *found, is_config)}"
    return f"{what}; read the file with its configure_optimizers, or {STATE}"


def _of_method(script: Program, path: Path, module: Program, method: Scope, is_config: Callable[[Path], bool]) -> str:
    """The advice on a `configure_optimizers` in the file of a module."""
    for call in module.calls:
        if call.last == "ReduceLROnPlateau" and call.scope is method:
            runs, assumed = module.assumed(call.tests)
            if runs or (runs is None and not is_config(path)):
                shared = module.options is script.options  # else the notes have text of the module
                by = f", as {assumed[0].partition(';')[0]}" if assumed and shared else ""
                return f"line {call.node.lineno} of {_shown(script, path)} makes {call.last}{by}; {_METRIC}"
    return _read(script, path, is_config)


def _shown(script: Program, path: Path) -> str:
    """The file of a module, as it is seen from the folder of the script."""
    return os.path.relpath(path, script.beside)


def _read(script: Program, path: Path, is_config: Callable[[Path], bool]) -> str:
    """The advice to read the file of a module, or, if that is refused, to state the schedule."""
    file = _shown(script, path)
    return f"read {file}" if is_config(path) else f"{file} is refused, too: {STATE}"


def _made_by_call(script: Program, rate: str) -> str:
    """The line on an unread call that makes a scheduler of an optimizer, such as Hydra's `instantiate`; empty without one."""
    bound = [(name, binding) for scope in script.scopes for name, made in scope.names.items() for binding in made]
    bound += [(name, binding) for (_, name), made in script.attributes.items() for binding in made]
    for name, binding in bound:
        made = binding.value
        if (
            not isinstance(made, ast.Call)
            or _SCHEDULER.fullmatch(name) is None
            or script.qualified(made.func) in script.classes
        ):
            continue
        given = [*made.args, *(word.value for word in made.keywords)]
        if any(re.search(r"(?i)\bopt\b|optim", ast.unparse(part)) for part in given):
            what = f"{start_of(ast.unparse(made), 60)} in line {made.lineno} makes the schedule{rate}, and is not read"
            composed = next(filter(None, (hydra_config(script, scope.function) for scope in script.scopes)), "")
            origin = "" if composed else origin_of(script, ast.unparse(made))
            read = composed or "the config or the command of the training"
            return f"{what}{f'; {origin}' if origin else ''}; read {read}, or {STATE}"
    return ""


def _elsewhere(script: Program, rate: str, is_config: Callable[[Path], bool]) -> str:
    """What another file decides; empty where none does."""
    for call in script.calls:
        arguments = keyword_of(call.node, "args") if call.last.endswith("Trainer") else None
        if arguments is not None and ast.unparse(arguments).partition(".")[0] in script.imported:
            given = script.qualified(arguments)
            return f"{call.last} in line {call.node.lineno} gets its arguments from {given}; read the file of that"
    for pattern, (does, other) in _ELSEWHERE.items():
        for call in script.calls:
            if re.fullmatch(pattern, call.name) is None or call.name.startswith(_HOMES):
                continue
            if ast.unparse(call.node.func).partition(".")[0] not in script.imported:
                continue
            found = script.defined_in(call.name)
            what = f"{call.name} in line {call.node.lineno} {does}{rate}"
            if found is not None:
                return f"{what}; {_read(script, found[0], is_config)}"
            return f"{what}; read {other or 'the file that defines it'}, or {STATE}"
    return ""


def _open_mmlab(script: Script) -> str:
    """The package of OpenMMLab whose config the assignments of a script are; empty for none."""
    names = script.top.names.keys()
    if "param_scheduler" in names or "optim_wrapper" in names:
        return f"MMEngine ({', '.join(sorted({'param_scheduler', 'optim_wrapper'} & names))})"
    policy = script.top.values("lr_config")
    return "MMCV (lr_config)" if any(isinstance(node, (ast.Call, ast.Dict)) for node in policy) else ""


class _Rate(NamedTuple):
    """A rate in a script: where it is, and its value if that is a number."""

    text: str
    value: float | None


def _rates(script: Script) -> Iterator[_Rate]:
    """The rates that a script names: options, keywords, settings of classes, variables and entries of dicts."""
    for name, made in script.options.declared.items():
        if _RATE.fullmatch(name):
            default = _number(script, keyword_of(made[0].node, "default"))
            stated = "" if default is None else f", {default:g} by default"
            yield _Rate(f"--{name} (line {made[0].node.lineno}{stated})", default)
    scopes = {scope.function: scope for scope in script.scopes}
    called = {call.name: call for call in reversed(script.calls)}
    for node in script.nodes:
        match node:
            case ast.FunctionDef():
                kind = script.class_of(scopes[node]) if node.name == "__init__" else node.name
                pairs = list(_passed(node, called.get(kind)))
            case ast.Call(keywords=keywords):
                pairs = [(word.arg or "", word.value) for word in keywords]
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.Assign(targets=[target], value=value):
                pairs = [(ast.unparse(target), field_default(value) or value)]
            case ast.Dict(keys=keys, values=values):
                pairs = [(str(getattr(key, "value", "")), value) for key, value in zip(keys, values, strict=True)]
            case _:
                continue
        yield from _rates_of(script, pairs)


def _rates_of(script: Script, pairs: Iterable[tuple[str, ast.expr]]) -> Iterator[_Rate]:
    """The rates among names with their values."""
    for key, value in pairs:
        if _RATE.fullmatch(key) and not _READ.search(text := ast.unparse(value)):
            yield _Rate(f"{key}={start_of(text, 40)} (line {value.lineno})", _number(script, value))


def _passed(function: ast.FunctionDef, call: Call | None) -> Iterator[tuple[str, ast.expr]]:
    """The defaults of a function; what the first call of it, or of its class, passes instead."""
    given = {} if call is None else call.given(places_of(function))
    for name, default in defaults_of(function).items():
        if default is not None and (name in given or call is None or not call.unpacks):
            yield name, given.get(name, default)


def _number(script: Script, node: ast.expr | None) -> float | None:
    """The value of an expression that is a number; None for any other."""
    try:
        value = None if node is None else script.value(node, script.top)
        return float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else None
    except (UnknownError, ValueError):
        return None
