"""The arguments of a call in a Python script: those that are literals, and the text of the others."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from optax_lr.sources.python.constructors import OPTIMIZERS
from optax_lr.sources.python.entries import entries
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.scopes import Call, Scope
from optax_lr.sources.python.syntax import UnknownError, keyword_of
from optax_lr.sources.source import Computed, Length
from optax_lr.text import start_of, words

_Part = TypeVar("_Part")
# Settings whose expression may contain the length of the training data.
_LENGTHS = words(
    "max_steps warmup_steps num_training_steps num_warmup_steps T_max total_steps total_iters steps_per_epoch decay_steps "
    "transition_steps step_size t_initial warmup_t"
)
_NO_CURVE = re.compile(
    r"^(?:output|logging|save|eval|seed|report|run_name|optim|bf16|fp16|weight_decay|temperature|beta|loss|push|hub|top_|fsdp|ddp"
    r"|(?:max_|min_)?.*length|per_device_eval|gradient_checkpointing|remove_unused|vllm|use_|max_grad|group_by|tf32|dtype|torch"
    r"|dataloader_(?:num|pin|pre|per)|metric|load_best|greater|label|neftune|adam_|dataset_|max_.*tokens|disable|prediction)"
)


class Arguments:
    """The arguments of a call.

    Attributes:
        values: those that are literals.
        unknown: the text of each of the others.
        lines: the line of each.
        lengths: numbers of steps that depend on the length of the data.
        alone: those whose values are those of one process, each with the place that changes it in several.
        computed: those that depend on numbers of the run.
    """

    def __init__(self, script: Script, numbers: Mapping[str, object] | None = None) -> None:
        """`numbers` are expressions that the run gives a value, each with one that it may have."""
        self.script, self.numbers = script, numbers or {}
        self.values: dict[str, object] = {}
        self.unknown: dict[str, str] = {}
        self.lines: dict[str, int] = {}
        self.lengths: dict[str, Length] = {}
        self.alone: dict[str, str] = {}
        self.computed: dict[str, Computed] = {}

    def without(self, name: str) -> None:
        """Forget an argument."""
        for part in (self.values, self.unknown, self.lengths, self.alone, self.computed):
            part.pop(name, None)

    def rename(self, names: Mapping[str, str]) -> None:
        """Give arguments other names."""
        self.values = _renamed(self.values, names)
        self.unknown = _renamed(self.unknown, names)
        self.lines = _renamed(self.lines, names)
        self.lengths = _renamed(self.lengths, names)
        self.alone = _renamed(self.alone, names)
        self.computed = _renamed(self.computed, names)

    def take(self, name: str, node: ast.expr, scope: Scope) -> None:
        """The value of one argument, or its text where it is not a literal."""
        self.lines[name] = node.lineno
        notes = dict(self.script.notes)
        try:
            self.values[name] = self.script.value(node, scope)
            if self.script.alone:
                self.alone[name] = self.script.alone
            if _NO_CURVE.search(name):  # whose value may be any
                self.script.notes = notes
        except UnknownError:
            text = start_of(ast.unparse((name in _LENGTHS and self.script.single(node, scope)) or node), 60)
            of_examples = functools.partial(self.script.value, node, scope)
            if self.numbers and _has_value(functools.partial(of_examples, 1000, numbers=self.numbers)):
                self.computed[name] = Computed(text, lambda count, numbers: of_examples(count, numbers=numbers))
            elif name in _LENGTHS and gives_number(of_examples):
                self.lengths[name] = Length(text, of_examples)
                if self.script.alone:
                    self.alone[name] = self.script.alone
            # In a LightningModule this is the length of the schedule, and that of the run is asked for apart.
            elif name in ("max_steps", "num_training_steps") and not self.numbers:
                self.lengths[name] = Length(text, None)
            else:
                self.unknown[name] = text

    def pairs(self, call: Call, names: tuple[str, ...]) -> list[tuple[str, ast.expr]]:
        """The arguments with their names; what has none is unknown."""
        pairs = list(zip(names, call.node.args, strict=False))
        for place, node in enumerate(call.node.args[len(names) :], len(names) + 1):
            self.unknown[f"*{place}"] = ast.unparse(node)[:60]
        if any(isinstance(node, ast.Starred) for node in call.node.args):
            self.unknown["*args"] = "unpacked arguments"
        for keyword in call.node.keywords:
            if keyword.arg is None:
                self.unpack(keyword.value, call.scope)
            else:
                pairs.append((keyword.arg, keyword.value))
        return pairs

    def unpack(self, node: ast.expr, scope: Scope) -> None:
        """The entries of a dict behind `**`; one whose keys are not written in the script may hold any setting."""
        made = entries(self.script, node, scope)
        if made is None:
            self.unknown[f"**{start_of(ast.unparse(node), 60)}"] = "a dict that is not a literal"
        for entry in made or ():
            self.without(entry.key)
            if entry.certain:
                self.take(entry.key, entry.value, entry.scope)
            else:
                self.unknown[entry.key] = f"{start_of(ast.unparse(entry.value), 60)} ({entry.test})"

    def take_rate(self, node: ast.expr | None, scope: Scope) -> None:
        """The rate of an optimizer that is made in the same file, in one place or with the same rate in each."""
        if isinstance(node, ast.Name):  # it may be an argument of the function that makes the scheduler
            bindings, here = self.script.bound(node.id, scope)
            given = self.script.argument(node.id, here) if [made.value for made in bindings] == [None] else None
            node, scope = given or (node, scope)
        made, here = [node], scope
        if isinstance(node, ast.Name):
            bindings, here = self.script.reaching(node, scope)
            runs = [self.script.assumed(binding.tests) for binding in bindings]
            self.script.notes |= dict.fromkeys(note for out, notes in runs if out is False for note in notes)
            made = [binding.value for binding, (out, _) in zip(bindings, runs, strict=True) if out is not False]
        made = [part for node in made for part in ([node.body, node.orelse] if isinstance(node, ast.IfExp) else [node])]
        every = [self._rate_of(call, here) or self._rate_of_first_group(call, here) for call in made]
        rates = [rate for rate in every if rate is not None]
        if not rates or len(rates) < len(every) or len({ast.unparse(rate) for rate, _ in rates}) > 1:
            self.unknown["learning_rate"] = "the optimizer's lr"
        else:
            self.take("learning_rate", *rates[0])
            for call in made:
                self._note_groups(call, here)

    def _rate_of(self, made: ast.expr | None, scope: Scope) -> tuple[ast.expr, Scope] | None:
        """The rate that makes an optimizer; None where it is not a call with one, or one that wraps another optimizer."""
        if not isinstance(made, ast.Call):
            return None
        name = self.script.qualified(made.func)
        if name.startswith("optax."):
            return self._argument(made, "learning_rate", 0, scope)
        if name in self.script.classes:
            return None
        if made.args and re.match(r"(?i)(?:\w*_)?opt(?:im(?:izer)?)?\b", ast.unparse(made.args[0])):
            return None
        return self._argument(made, "lr", 1 if name in OPTIMIZERS else None, scope)

    def _argument(self, made: ast.Call, key: str, place: int | None, scope: Scope) -> tuple[ast.expr, Scope] | None:
        """An argument of a call, which may be at a place or among the entries of a dict: `AdamW(p, **settings)`."""
        if (given := keyword_of(made, key)) is not None:
            return given, scope
        if place is not None and len(made.args) > place:
            return made.args[place], scope
        unpacked = [entries(self.script, word.value, scope) for word in made.keywords if word.arg is None]
        found = [entry for part in unpacked for entry in part or () if entry.key == key]
        certain = None not in unpacked and found and found[-1].certain
        return (found[-1].value, found[-1].scope) if certain else None

    def _rate_of_first_group(self, made: ast.expr | None, scope: Scope) -> tuple[ast.expr, Scope] | None:
        """The rate of the first group of an optimizer that is made without a rate for all: `AdamW([{"params": p, "lr": 1e-5}])`."""
        given = made.args[0] if isinstance(made, ast.Call) and made.args else None
        groups = self.script.single(given, scope)
        first = groups.elts[0] if isinstance(groups, (ast.List, ast.Tuple)) and groups.elts else None
        rate = _keys_of(self.script.single(first, scope)).get("lr")
        return None if rate is None else (rate, scope)

    def _note_groups(self, made: ast.expr | None, scope: Scope) -> None:
        """Note that the groups of an optimizer have rates of their own: `AdamW([{"params": p, "lr": 1e-5}], lr=1e-4)`."""
        given = made.args[0] if isinstance(made, ast.Call) and made.args else None
        nodes = [given]
        if isinstance(given, ast.Name):
            nodes = [binding.value for binding in self.script.bound(given.id, scope)[0]]
        called = [ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)]
        functions = [made_in.function for name in called for made_in in self.script.functions.get(name, ())]
        for part in (part for node in (*nodes, *functions) if node is not None for part in ast.walk(node)):
            if isinstance(part, ast.expr) and "lr" in _keys_of(part):
                which = "lr" if self._rate_of(made, scope) is not None else "the first group"
                note = (
                    f"a group of parameters has a rate of its own in line {part.lineno}; this plan is that of {which}"
                )
                self.script.notes[note] = None
                return


def _keys_of(node: ast.expr | None) -> dict[object, ast.expr]:
    """The entries of `{"lr": 1e-4}` or `dict(lr=1e-4)`; none of anything else."""
    match node:
        case ast.Dict(keys=keys, values=values):
            return {key.value: value for key, value in zip(keys, values, strict=True) if isinstance(key, ast.Constant)}
        case ast.Call(func=ast.Name(id="dict"), keywords=given):
            return {word.arg: word.value for word in given}
    return {}


def _renamed(part: Mapping[str, _Part], names: Mapping[str, str]) -> dict[str, _Part]:
    return {names.get(name, name): value for name, value in part.items()}


def _has_value(of: Callable[[], object]) -> bool:
    """Whether an expression has a value."""
    try:
        of()
    except UnknownError:
        return False
    return True


def gives_number(of_examples: Callable[[int], object]) -> bool:
    """Whether an expression is a number for a number of examples."""
    try:
        return isinstance(of_examples(1000), (int, float))
    except UnknownError:
        return False
