"""What a Python script says about its run next to its config: processes, training examples, and files that it writes."""

from __future__ import annotations

import ast
import contextlib
import functools
import json
import re
from collections.abc import Iterator

from optax_lr.sources.python.lengths import OTHER_DATA
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.scopes import Call
from optax_lr.sources.python.syntax import UnknownError, keyword_of
from optax_lr.sources.python.truth import holds
from optax_lr.sources.source import Processes, count_of
from optax_lr.text import words

_SAME_ROWS = words("shuffle with_format rename_column rename_columns remove_columns cast_column flatten_indices")
_LAUNCHES = {"ScalingConfig": "num_workers", "notebook_launcher": "num_processes"}


def processes_of(script: Script) -> Processes | None:
    """The number of processes that Ray's `ScalingConfig` or accelerate's `notebook_launcher` starts."""
    for call in script.calls:
        last = call.last
        option = _LAUNCHES.get(last, "")
        given = keyword_of(call.node, option)
        if given is None:
            continue
        count = None
        with contextlib.suppress(UnknownError):
            count = count_of(script.value(given, call.scope))
        return Processes(count, f"{last}({option}={ast.unparse(given)[:40]})")
    return _devices(script)


def _devices(script: Script) -> Processes | None:
    """The devices to which the script restricts itself, on which transformers uses DataParallel."""
    set_to = [
        node.value
        for node in script.nodes
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript)
        if script.qualified(node.targets[0].value) == "os.environ"
        if isinstance(node.targets[0].slice, ast.Constant) and node.targets[0].slice.value == "CUDA_VISIBLE_DEVICES"
    ]
    if len(set_to) != 1 or not isinstance(set_to[0], ast.Constant):
        return None
    devices = str(set_to[0].value)
    if (one := divided_model(script)) is not None:
        return one
    for node in script.nodes:
        match node:
            case ast.keyword(arg="deepspeed", value=value) if not (isinstance(value, ast.Constant) and not value.value):
                return None  # DeepSpeed has one device for each process
    if not re.fullmatch(r"\d+(\s*,\s*\d+)*", devices):
        return None
    return Processes(len(devices.split(",")), f"CUDA_VISIBLE_DEVICES={devices} in the script")


def divided_model(script: Script) -> Processes | None:
    """One process, where the script divides the model among the devices, so that the Trainer uses no DataParallel."""
    for node in script.nodes:
        match node:
            case (
                ast.keyword(
                    arg="device_map",
                    value=ast.Constant(value="auto" | "balanced" | "balanced_low_0" | "sequential"),
                )
                | ast.Assign(targets=[ast.Attribute(attr="is_parallelizable")], value=ast.Constant(value=True))
            ):
                return Processes(1, f"line {node.value.lineno} divides the model among the devices")
    return None


# Arguments of trainers that transformers 5, and the versions of TRL for it, do not take.
_OF_TRAINER = frozenset({"tokenizer"})
_OF_SFT_TRAINER = words("tokenizer max_seq_length dataset_text_field packing num_of_sequences chars_per_token")


def older_argument(script: Script) -> str:
    """An argument of a trainer, or a class, that only versions before transformers 5 have; empty for none.

    unsloth's trainers take them all in every version.
    """
    if any(module.partition(".")[0] == "unsloth" for module in script.modules):
        return ""
    for call in script.calls:
        if call.name == "trl.DataCollatorForCompletionOnlyLM":
            return f"{call.last} in line {call.node.lineno}"
        trainer = call.name == "transformers.Trainer" or re.fullmatch(r"trl\.\w+Trainer", call.name) is not None
        older = _OF_SFT_TRAINER if call.name == "trl.SFTTrainer" else _OF_TRAINER if trainer else frozenset()
        for word in call.node.keywords:
            if word.arg in older:
                return f"{word.arg} of {call.last} in line {word.value.lineno}"
    return ""


def examples_of(script: Script) -> tuple[int, str] | None:
    """The number of training examples that the script selects by a range, and a note; None without one."""
    calls = [call for call in script.calls if call.last.endswith("Trainer")]
    given = [(data, call.scope) for call in calls if (data := keyword_of(call.node, "train_dataset")) is not None]
    if len(given) != 1:
        return None
    node, scope = script.single(*given[0]), given[0][1]
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _keeps_rows(node, node.func.attr):
        node = script.single(node.func.value, scope)
    match node:
        case ast.Call(func=ast.Attribute(attr="select"), args=[ast.Call(func=ast.Name(id="range"), args=[last])]):
            with contextlib.suppress(UnknownError):
                number = script.value(last, scope)
                if isinstance(number, int) and number > 0:
                    return number, f"{number:,} training examples are selected in line {node.lineno}"
    return None


def _selects(call: Call) -> bool:
    """Whether a call takes some rows of a data set: `train.select(range(9))`, `load_dataset("d", split="train[:9]")`."""
    match call.node:
        case ast.Call(func=ast.Attribute(value=data, attr="select"), args=[ast.Call(func=ast.Name(id="range")), *_]):
            return OTHER_DATA.search(ast.unparse(data)) is None
    split = keyword_of(call.node, "split")
    return isinstance(split, ast.Constant) and re.match(r"train\[", str(split.value)) is not None


def _keeps_rows(call: ast.Call, method: str) -> bool:
    """Whether a method of a data set keeps the number of rows, as `map` does without `batched`."""
    return method in _SAME_ROWS or (method == "map" and keyword_of(call, "batched") is None)


# Functions and methods that change the number of training examples, and what is counted then.
_PARTS = ("Subset", "shard", "filter")
_OF_DATA = {
    **dict.fromkeys(("train_test_split", "random_split"), "that of the training part"),
    **dict.fromkeys(_PARTS, "that after it"),
    "ConstantLengthDataset": "that of the packed rows",
}


def data_notes(script: Script) -> list[tuple[str, str]]:
    """Notes on what the script does with its data, the first of each kind with that: "packing", "filter"."""
    selected = examples_of(script) is not None
    notes: dict[str, tuple[int, str]] = {}  # the line, and what is counted
    for call in script.calls:
        line, how = call.node.lineno, getattr(call.node.func, "attr", call.last)
        packing = keyword_of(call.node, "packing") if call.last.endswith("Trainer") else None
        if packing is not None:
            packed = holds(functools.partial(script.value, scope=call.scope), packing)
            if packed is not False:
                notes.setdefault("packing", (line, f"that of the packed rows{', if it is true' * (packed is None)}"))
        if (
            how in _OF_DATA
            and call.name != "filter"
            and (how not in _PARTS or not (selected or OTHER_DATA.search(ast.unparse(call.node))))
        ):
            notes.setdefault(how, (line, _OF_DATA[how]))
        if isinstance(cut := keyword_of(call.node, "return_overflowing_tokens"), ast.Constant) and cut.value is True:
            notes.setdefault("return_overflowing_tokens", (line, "that of the pieces of the texts"))
        if not selected and _selects(call):
            notes.setdefault("the selection", (line, "that after it"))
    for scope in script.functions.get("group_texts", ()):
        notes.setdefault("group_texts", (getattr(scope.function, "lineno", 0), "that of the blocks"))
    return [(how, f"{how} in line {line}: the number of examples is {what}") for how, (line, what) in notes.items()]


def written_files(script: Script) -> dict[str, str]:
    """Dicts of literals that the script writes as JSON or YAML, as JSON by the name of their file.

    A file is empty here if it is written several times, or from values that are not literals.
    """
    made: dict[str, str] = {}
    opened = {name: files[-1] for scope in script.scopes for name, files in scope.opened.items()}
    for call in script.calls:
        if call.name not in ("json.dump", "yaml.dump", "yaml.safe_dump") or len(call.node.args) < 2:
            continue
        value, place = call.node.args[:2]
        target = opened.get(place.id) if isinstance(place, ast.Name) else place
        if not (isinstance(target, ast.Call) and target.args and script.qualified(target.func) == "open"):
            continue
        with contextlib.suppress(UnknownError):
            name = str(script.value(target.args[0], call.scope))
            again = name in made
            made[name] = ""
            with contextlib.suppress(TypeError, ValueError):
                made[name] = "" if again else json.dumps(script.value(value, call.scope))
    return made


def filled_classes(script: Script) -> Iterator[tuple[Call, str, list[ast.ClassDef]]]:
    """The classes that a parser such as `HfArgumentParser` fills from the command line.

    Yields:
        The call of the parser; the class, or the parent of one that the script itself has; and that class of the script.
    """
    for call in script.calls:
        if not call.last.endswith("Parser") or not call.node.args:
            continue
        given = script.single(call.node.args[0], call.scope) or call.node.args[0]
        for element in given.elts if isinstance(given, (ast.Tuple, ast.List)) else [given]:
            kind = script.qualified(element)
            own = script.classes.get(kind, [])
            base = script.qualified(own[0].bases[0]) if len(own) == 1 and own[0].bases else kind
            yield call, base, own
