"""The schedule that a call in a Python script makes: a function of transformers or diffusers, or a class of torch or Optax."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence

from optax_lr.sources.python import constructors
from optax_lr.sources.python.arguments import Arguments, gives_number
from optax_lr.sources.python.constructors import FUNCTIONS, PARTS, RENAMED, SCHEDULES
from optax_lr.sources.python.loops import turns_of
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.overrides import rates_by_hand
from optax_lr.sources.python.scheduler_use import notes_on_scheduler, steps_of
from optax_lr.sources.python.scopes import Call, Scope, only_one
from optax_lr.sources.python.syntax import keyword_of
from optax_lr.sources.source import Computed, Length
from optax_lr.text import start_of

_EXAMPLES = 10_000  # for which lengths are compared


def arguments_of_function(script: Script, call: Call) -> tuple[Arguments, list[str]]:
    """The arguments of a call of `get_scheduler` or one of its family, and notes."""
    found = Arguments(script)
    pairs = take_function(found, call)
    return found, _notes_on_function(script, call, found, pairs)


def take_function(found: Arguments, call: Call) -> dict[str, ast.expr]:
    """Take the arguments of a call of `get_scheduler` or one of its family, by our names; their expressions by its own."""
    kind, names = FUNCTIONS[call.last]
    diffusers = call.name.startswith("diffusers.")
    if diffusers:
        names = ("optimizer", "step_rules", "num_warmup_steps", "num_training_steps", "num_cycles", "power")
    pairs = dict(found.pairs(call, ("name" if call.last == "get_scheduler" else "optimizer", *names)))
    for name, node in pairs.items():
        if name != "optimizer":
            found.take(name, node, call.scope)
    for name in ("num_warmup_steps", "num_training_steps"):
        if kind not in ("", "constant") and name in found.values and found.values[name] is None:
            found.without(name)  # which the function does not take
            found.unknown[name] = f"{start_of(ast.unparse(pairs[name]), 60)} (None)"
    _take_warmup_of_steps(found, pairs, call.scope)
    found.take_rate(pairs.get("optimizer"), call.scope)
    found.rename(RENAMED)
    found.without("last_epoch")
    own = {*RENAMED.values(), "learning_rate"}
    given = found.values.pop("lr_scheduler_kwargs", None)
    keywords: dict[object, object] = dict(given) if isinstance(given, dict) else {}
    keywords |= {name: value for name, value in found.values.items() if name not in own and value is not None}
    found.values = {name: value for name, value in found.values.items() if name in own}
    found.unknown = {
        name if name in own or name.startswith("*") else f"lr_scheduler_kwargs.{name}": text
        for name, text in found.unknown.items()
    }
    if kind:
        found.values["lr_scheduler_type"] = kind
    if diffusers:  # it hands both to every schedule, and each is for one
        used = {"cosine_with_restarts": "num_cycles", "polynomial": "power"}
        taken = ("step_rules", used.get(str(found.values.get("lr_scheduler_type"))))
        keywords = {name: value for name, value in keywords.items() if name in taken}
    if keywords:
        found.values["lr_scheduler_kwargs"] = keywords
    return pairs


def _notes_on_function(script: Script, call: Call, found: Arguments, pairs: Mapping[str, ast.expr]) -> list[str]:
    """What the script says about the run of a schedule that a function makes."""
    prepared = ""
    if re.search(r"\baccelerate\b|\bAccelerator\b|\baccelerator\.(?!current_accelerator|is_available)", script.text):
        prepared = ", and one that accelerate prepared is stepped once for each process"
        prepared += ", and only at updates" if any(known.last == "accumulate" for known in script.calls) else ""
    notes = [f"the schedule of {call.last}: its unit is a call of scheduler.step(){prepared}"]
    trainers = [known for known in script.calls if known.last.endswith("Trainer") and _is_of_package(script, known)]
    others = [known.node for known in trainers if not any(_is_of_schedule(word) for word in known.node.keywords)]
    if others:
        what = f"the {ast.unparse(others[0].func)} in line {others[0].lineno} has a schedule of its own"
        notes.append(f"{what}; this is not the plan of its run")
    given_to = next((known.node for known in trainers if keyword_of(known.node, "optimizers") is not None), None)
    if given_to is not None:
        notes.append(
            f"the Trainer in line {given_to.lineno} ends at the steps of its own arguments, before or after this schedule"
        )
    notes += notes_on_scheduler(script, call) + rates_by_hand(script)
    tests = [node for node in script.nodes if isinstance(node, ast.If)]
    rare = next((node.lineno for node in tests if _steps_at_intervals(node)), None)
    length = script.single(pairs.get("num_training_steps"), call.scope)
    divided = length is not None and any(isinstance(part, (ast.Div, ast.FloorDiv)) for part in ast.walk(length))
    if other := _other_length(script, call, found):
        notes.append(other)
    elif rare is not None and not divided:
        notes.append(
            f"line {rare} steps the scheduler once in several batches: the run may end before the schedule does"
        )
    open_length = found.lengths.get("max_steps")
    if open_length is not None and open_length.of_examples is None:
        notes.append(
            f"num_training_steps is {open_length.text}: --max-steps is taken for it, and the run may be shorter"
        )
    if isinstance(found.values.get("max_steps"), int):
        notes.append("the loop of the script decides how many of the schedule's steps are run")
    return notes + _early_stop(script)


def _other_length(script: Script, call: Call, found: Arguments) -> str:
    """A note where the loop of the script steps a scheduler less or more often than its length says; empty otherwise."""
    steps = steps_of(script, call)
    length, stated = found.lengths.get("max_steps"), found.values.get("max_steps")
    if len(steps) != 1 or script.prepared or any(known.last == "accumulate" for known in script.calls):
        return ""
    turns = turns_of(script, call, steps[0], _EXAMPLES)
    if length is not None and length.of_examples is not None:
        stated = length.of_examples(_EXAMPLES)
    if turns is None or not isinstance(stated, int) or abs(turns - stated) <= 0.05 * stated:
        return ""
    what = f"line {steps[0].node.lineno} steps the scheduler {turns:,} times in a run on {_EXAMPLES:,} examples"
    return (
        f"{what}, and the schedule has {stated:,} steps: the run ends {'before' if turns < stated else 'after'} its end"
    )


def _early_stop(script: Script) -> list[str]:
    """A note where a test of the script may end the run."""
    for node in script.nodes:
        if isinstance(node, ast.If) and re.search(r"(?i)early_?stop|patience", ast.unparse(node.test)):
            return [f"early stopping in line {node.lineno} may end the run before the schedule does"]
    return []


def _is_of_package(script: Script, trainer: Call) -> bool:
    """Whether a trainer is one of transformers or TRL, a similar one, or a class of the script that is based on one."""
    bases = [script.qualified(base) for kind in script.classes.get(trainer.last, ()) for base in kind.bases]
    return any(name.partition(".")[0] in constructors.HOMES for name in (trainer.name, *bases))


def _is_of_schedule(word: ast.keyword) -> bool:
    """Whether a keyword of a trainer gives it a schedule: `optimizers=(...)`, `scheduler=...`."""
    return re.search(r"optimizers|sched", word.arg or "") is not None


def _take_warmup_of_steps(found: Arguments, pairs: Mapping[str, ast.expr], scope: Scope) -> None:
    """Read a warmup that the script computes from its length, where that is not known yet."""
    length, node = pairs.get("num_training_steps"), pairs.get("num_warmup_steps")
    if length is None or node is None or "num_training_steps" not in found.lengths:
        return

    def of_steps(steps: int) -> object:
        return found.script.value(node, scope, numbers={ast.unparse(length): steps})

    if "num_warmup_steps" in found.unknown and gives_number(of_steps):
        found.lengths["num_warmup_steps"] = Length(found.unknown.pop("num_warmup_steps"), None, of_steps)


def arguments_of_class(script: Script, call: Call, made: Sequence[Call]) -> tuple[Arguments, list[str]]:
    """The arguments of one of the schedules of Optax or torch that a script has `made`, and notes."""
    notes = [f"{call.name} is read as the schedule of the learning rate"]
    if only_one(made):
        notes.append(f"a branch of this script decides which of its {len(made)} schedules is made")
    elif len(made) > 1:
        notes.append(f"this script makes {len(made)} schedules; which one runs when is not read")
    found = Arguments(script)
    take_class(found, call)
    notes += notes_on_scheduler(script, call) if call.name.startswith(("torch.", "timm.")) else []
    return found, notes + rates_by_hand(script) + _early_stop(script)


def take_class(found: Arguments, call: Call) -> None:
    """Take the arguments of a call of a class of torch or a function of Optax."""
    for name, node in found.pairs(call, SCHEDULES[call.name]):
        if name == "optimizer" and call.name not in constructors.OWN_RATE:
            found.take_rate(node, call.scope)
        elif name == PARTS.get(call.name):
            _take_parts(found, name, call)
        elif name != "optimizer":
            found.take(name, node, call.scope)


def part_nodes(script: Script, call: Call) -> list[ast.expr | None]:
    """The calls that make the parts of a schedule; None for a part that is not a call."""
    given = call.given(SCHEDULES[call.name]).get(PARTS[call.name])
    listed = script.single(given, call.scope)
    changed = isinstance(given, ast.Name) and script.is_changed(given.id, call.scope)  # `parts.append(...)`
    if changed or not isinstance(listed, (ast.List, ast.Tuple)):
        return [None]
    return [script.single(element, call.scope) for element in listed.elts]


def _take_parts(found: Arguments, name: str, call: Call) -> None:
    """The parts of a schedule, each with the name of its constructor."""
    parts = []
    for node in part_nodes(found.script, call):
        inner = next((known for known in found.script.calls if known.node is node), None)
        if inner is None or inner.name not in SCHEDULES or inner.name in PARTS:
            found.unknown[name] = "a schedule that is not read"
            return
        part = Arguments(found.script, found.numbers)
        take_class(part, inner)
        part.unknown |= {key: length.text for key, length in part.lengths.items()}
        if part.unknown:
            found.unknown |= {f"{name}.{key}": text for key, text in part.unknown.items()}
            return
        parts.append((inner.name, part))

    def made(count: int | None, numbers: Mapping[str, object]) -> list[dict[str, object]]:
        return [
            {"constructor": kind, **part.values}
            | {key: computed.of(count, numbers) for key, computed in part.computed.items()}
            for kind, part in parts
        ]

    texts = [f"{key}={computed.text}" for _, part in parts for key, computed in part.computed.items()]
    if texts:
        found.computed[name] = Computed(", ".join(texts), made)
    else:
        found.values[name] = made(None, {})


def _steps_at_intervals(node: ast.If) -> bool:
    """Whether it is `if i % n == 0:` with `scheduler.step()`."""
    return any(isinstance(part, ast.Mod) for part in ast.walk(node.test)) and any(
        isinstance(part, ast.Call) and re.search(r"(?i)sched\w*\.step$", ast.unparse(part.func))
        for statement in node.body
        for part in ast.walk(statement)
    )
