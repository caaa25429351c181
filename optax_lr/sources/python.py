"""Python scripts: literal arguments of known constructors, read from the syntax tree and never run."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from optax_lr.sources import constructors
from optax_lr.sources.constructors import FUNCTIONS, MAPPINGS, PARTS, RENAMED, SCHEDULES, TRAINING_ARGUMENTS, TRL
from optax_lr.sources.decided import is_left_out
from optax_lr.sources.documents import MOST_CONFIGS, renamed
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.literals import Script, UnknownError, field_default
from optax_lr.sources.overrides import own_optimizer, rates_by_hand, replacements, set_later
from optax_lr.sources.scopes import Call, Scope, keyword_of
from optax_lr.sources.source import Length, Processes, Source, count_of
from optax_lr.text import start_of, words

_SETTINGS = words(
    "learning_rate lr_scheduler_type lr_scheduler_kwargs warmup_steps warmup_ratio max_steps num_train_epochs "
    "per_device_train_batch_size gradient_accumulation_steps lr_scheduler num_epochs micro_batch_size"
)
# Settings whose expression may contain the length of the training data.
_LENGTHS = words(
    "max_steps warmup_steps num_training_steps num_warmup_steps T_max total_steps total_iters steps_per_epoch decay_steps "
    "transition_steps step_size"
)
_NO_CURVE = re.compile(
    r"^(?:output|logging|save|eval|seed|report|run_name|optim|bf16|fp16|weight_decay|max_.*length|temperature|beta|loss|push|hub|top_)"
)
_SAME_ROWS = words("shuffle with_format rename_column rename_columns remove_columns cast_column flatten_indices")
_LAUNCHES = {"ScalingConfig": "num_workers", "notebook_launcher": "num_processes"}


def script_sources(
    path: str, text: str, folder: Path | None, options: Mapping[str, object] | None = None
) -> list[Source]:
    """A source for each call of a known constructor. `options` are those of the command that starts the script.

    Raises:
        ConfigError: for a file that is not Python, and for one without such a call.

    >>> found = script_sources("a.py", "from transformers import TrainingArguments\\nTrainingArguments(learning_rate=LR)", None)
    >>> found[0].values, dict(found[0].unknown), found[0].constructor
    ({}, {'learning_rate': 'LR'}, 'transformers.TrainingArguments')
    """
    return Reader(path, text, folder, options).sources()


@dataclasses.dataclass
class _Found:
    """The result of reading a call: the values, the expressions that are not literals, and the line of each key."""

    values: dict[str, Any] = dataclasses.field(default_factory=dict)
    unknown: dict[str, str] = dataclasses.field(default_factory=dict)
    lines: dict[str, int] = dataclasses.field(default_factory=dict)
    lengths: dict[str, Length] = dataclasses.field(default_factory=dict)
    alone: dict[str, str] = dataclasses.field(default_factory=dict)

    def without(self, name: str) -> None:
        """Forget an argument."""
        for part in (self.values, self.unknown, self.lengths, self.alone):
            part.pop(name, None)

    def renamed(self, names: Mapping[str, str]) -> _Found:
        """The same under other names."""
        parts: tuple[dict[str, Any], ...] = (self.values, self.unknown, self.lines, self.lengths, self.alone)
        return _Found(*({names.get(name, name): value for name, value in part.items()} for part in parts))


class Reader:
    """The configs in a script."""

    def __init__(
        self, path: str, text: str, folder: Path | None = None, options: Mapping[str, object] | None = None
    ) -> None:
        self.path, self.text, self.folder = path, text, folder
        self.script = Script(path, text, options)
        self.processes = self._processes()

    def sources(self) -> list[Source]:
        """See `script_sources`."""
        calls = self.calls()
        if len(calls) > MOST_CONFIGS:
            raise ConfigError(
                f"{self.path}: {len(calls):,} configs are too many for a file; at most {MOST_CONFIGS} are read"
            )
        made = [self.source(call) for call in calls]
        if not made and (parsed := self.parsed()) is not None and _SETTINGS & parsed.values.keys():
            made = [parsed]
        if not made and (assigned := self.assigned()) is not None:
            made = [assigned]
        if not made:
            raise ConfigError(f"{self.path}: {self.nothing()}")
        if len(made) == 1:
            made = [self._with_examples(made[0])]
        return renamed(self.path, made)

    @functools.cached_property
    def _configs(self) -> set[ast.expr]:
        """The nodes of the calls that hold a config."""
        return {call.node for call in self.script.calls if self._holds_config(call)}

    @functools.cached_property
    def _changes(self) -> list[str]:
        """Notes on what changes the schedule outside of the arguments."""
        return replacements(self.script)

    def calls(self) -> list[Call]:
        """The calls of known constructors, in the order of the file."""
        script = self.script
        found = [call for call in script.calls if self._holds_config(call)]
        if not found and not any(call.last in constructors.NOT_READ_WHOLE for call in script.calls):
            parts = [id(node) for call in script.calls if call.name in PARTS for node in self._part_nodes(call)]
            found = [call for call in script.calls if call.name in SCHEDULES and id(call.node) not in parts]
        found = [call for call in found if not is_left_out(script, call)] or found
        return sorted(found, key=lambda call: (call.node.lineno, call.node.col_offset))

    def _holds_config(self, call: Call) -> bool:
        if call.name in self.script.classes:
            return self._plain_parent(call.name) is not None
        last = call.last
        functions = [getattr(scope.function, "name", "") for scope in self.script.scopes]
        if last in self.script.classes or last in functions:
            return False  # a class or a function of the script itself
        if call.name in MAPPINGS or (last in constructors.SWIFT and call.name.startswith("swift.")):
            return True
        return last in TRAINING_ARGUMENTS | TRL or last in FUNCTIONS

    def _plain_parent(self, name: str) -> str | None:
        """The class of arguments to which a class of the script only adds fields and defaults; None for any other class."""
        made = self.script.classes[name]
        if len(made) != 1 or len(made[0].bases) != 1 or made[0].keywords:
            return None
        if not all(isinstance(part, (ast.AnnAssign, ast.Expr, ast.Pass)) for part in made[0].body):
            return None
        parent = self.script.qualified(made[0].bases[0])
        known = parent.rpartition(".")[2] in TRAINING_ARGUMENTS | TRL and parent not in self.script.classes
        return parent if known else None

    def source(self, call: Call) -> Source:
        """The config that a call holds."""
        self.script.notes.clear()
        own = self.script.classes.get(call.name, [])
        call = call._replace(name=self._plain_parent(call.name) or "") if own else call
        last = call.last
        if call.name in SCHEDULES:
            found, notes = self._schedule(call)
        elif last in FUNCTIONS:
            found, notes = self._function(call, last)
        else:
            found, notes = self._arguments(call, own)
        root = call.name.partition(".")[0]
        if "." in call.name and root not in (*constructors.HOMES, "diffusers", "optax", "torch"):
            notes.append(f"{last} is imported from {call.name.rpartition('.')[0]}; read as that of its own package")
        source = self._source(call.name, found, notes)
        keywords = () if own else tuple(word.arg for word in call.node.keywords if word.arg is not None)
        return dataclasses.replace(source, keywords=keywords)

    def _source(self, constructor: str, found: _Found, notes: Iterable[str] = ()) -> Source:
        """What was found, with what the reader noted on the way."""
        return Source(
            self.path,
            found.values,
            found.lines,
            "python",
            self.text,
            self.folder,
            notes=(*notes, *self.script.notes),
            constructor=constructor,
            modules=frozenset(name.partition(".")[0] for name in self.script.modules),
            unknown=found.unknown,
            lengths=found.lengths,
            alone=found.alone,
            processes=self.processes,
        )

    def _with_examples(self, source: Source) -> Source:
        """The source with the number of training examples, if the script selects them by a range."""
        calls = [call for call in self.script.calls if call.last.endswith("Trainer")]
        given = [(data, call.scope) for call in calls if (data := keyword_of(call.node, "train_dataset")) is not None]
        if len(given) != 1 or source.values.get("packing"):
            return source
        node, scope = self.script.single(*given[0]), given[0][1]
        while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _SAME_ROWS:
            node = self.script.single(node.func.value, scope)
        match node:
            case ast.Call(func=ast.Attribute(attr="select"), args=[ast.Call(func=ast.Name(id="range"), args=[last])]):
                with contextlib.suppress(UnknownError):
                    number = self.script.value(last, scope)
                    if isinstance(number, int) and number > 0:
                        note = f"{number:,} training examples are selected in line {node.lineno}"
                        return dataclasses.replace(source, examples=number, notes=(*source.notes, note))
        return source

    def parsed(self) -> Source | None:
        """The training arguments that HfArgumentParser fills, with what the script's own subclass has for their defaults."""
        for call in self.script.calls:
            if call.last not in ("HfArgumentParser", "TrlParser") or not call.node.args:
                continue
            given = self.script.single(call.node.args[0], call.scope)
            for element in given.elts if isinstance(given, (ast.Tuple, ast.List)) else [given]:
                kind = "" if element is None else self.script.qualified(element)
                own = self.script.classes.get(kind, [])
                base = self.script.qualified(own[0].bases[0]) if len(own) == 1 and own[0].bases else kind
                if base.rpartition(".")[2] in TRAINING_ARGUMENTS | TRL and base not in self.script.classes:
                    return self._parsed_into(base, kind, own)
        return None

    def _parsed_into(self, base: str, kind: str, own: list[ast.ClassDef]) -> Source:
        """The source of a subclass in the script; `own` is empty where the class itself is parsed."""
        self.script.notes.clear()
        found = self._own_defaults(own)
        notes = [*self._changes]
        if found.values:
            notes.append(f"the settings are the defaults of {kind}; the command that starts the script may give others")
        found.unknown = {key: text for key, text in found.unknown.items() if key in _SETTINGS}
        return self._source(base, found, notes)

    def _own_defaults(self, own: list[ast.ClassDef]) -> _Found:
        """The defaults of a class of the script."""
        found = _Found()
        for statement in own[0].body if own else []:
            match statement:
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    self._take(name, field_default(value) or value, self.script.top, found)
        return found

    def assigned(self) -> Source | None:
        """A config of nanoGPT: a file of assignments; None for anything else."""
        names = {name: bound[0] for name, bound in self.script.top.names.items() if len(bound) == 1 and bound[0]}
        plain = all(
            isinstance(part, (ast.Assign, ast.Expr, ast.Import, ast.ImportFrom)) for part in self.script.tree.body
        )
        if not plain or "max_iters" not in names or not {"learning_rate", "lr_decay_iters"} & names.keys():
            return None
        self.script.notes.clear()
        found = _Found()
        for name, node in names.items():
            self._take(name, node, self.script.top, found)
        return self._source(constructors.NANOGPT, found)

    # --- arguments ---

    def _take(self, name: str, node: ast.expr, scope: Scope, found: _Found) -> None:
        """The value of one argument, or its text where it is not a literal."""
        found.lines[name] = node.lineno
        notes = dict(self.script.notes)
        try:
            found.values[name] = self.script.value(node, scope)
            if self.script.alone:
                found.alone[name] = self.script.alone
            if _NO_CURVE.search(name):  # whose value may be any
                self.script.notes = notes
        except UnknownError:
            text = start_of(ast.unparse((name in _LENGTHS and self.script.single(node, scope)) or node), 60)
            of_examples = functools.partial(self.script.value, node, scope)
            if name in _LENGTHS and _gives_number(of_examples):
                found.lengths[name] = Length(text, of_examples)
            elif name in ("max_steps", "num_training_steps"):
                found.lengths[name] = Length(text, None)
            else:
                found.unknown[name] = text

    def _pairs(self, call: Call, names: tuple[str, ...], found: _Found) -> list[tuple[str, ast.expr]]:
        """The arguments with their names; what has none is unknown."""
        pairs = list(zip(names, call.node.args, strict=False))
        for place, node in enumerate(call.node.args[len(names) :], len(names) + 1):
            found.unknown[f"*{place}"] = ast.unparse(node)[:60]
        if any(isinstance(node, ast.Starred) for node in call.node.args):
            found.unknown["*args"] = "unpacked arguments"
        for keyword in call.node.keywords:
            if keyword.arg is None:
                self._unpack(keyword.value, call.scope, found)
            else:
                pairs.append((keyword.arg, keyword.value))
        return pairs

    def _unpack(self, node: ast.expr, scope: Scope, found: _Found) -> None:
        """The entries of a dict behind `**`; of one that is written there, those that are not literals are unknown."""
        node = self._unchanged(node, scope)
        if isinstance(node, ast.Call) and (returned := self.script.returned(node)) is not None:
            node, scope = self._unchanged(*returned), returned[1]
        if isinstance(node, ast.Dict) and all(isinstance(key, ast.Constant) for key in node.keys):
            for key, value in zip(node.keys, node.values, strict=True):
                self._take(str(key.value), value, scope, found)  # type: ignore[union-attr]
            return
        try:
            unpacked = self.script.value(node, scope)
        except UnknownError:
            found.unknown[f"**{start_of(ast.unparse(node), 60)}"] = "a dict that is not a literal"
            return
        if isinstance(unpacked, dict):
            found.values |= {str(key): value for key, value in unpacked.items()}
            found.lines |= {str(key): node.lineno for key in unpacked}

    def _unchanged(self, node: ast.expr, scope: Scope) -> ast.expr:
        """What a name is bound to, where the script does not change that; else the expression itself."""
        if isinstance(node, ast.Name) and self._is_changed(node.id):
            return node
        return self.script.single(node, scope) or node

    def _is_changed(self, name: str) -> bool:
        """Whether the script changes a dict, other than by what a caller of a function may give, which is noted."""
        for call in self.script.changes.get(name, ()):
            match call.node:
                case ast.Call(func=ast.Attribute(attr="update"), args=[ast.Name(id=given)], keywords=[]) if (
                    self.script.bound(given, call.scope)[0] == [None]
                ):
                    what = f"{ast.unparse(call.node)[:60]} in line {call.node.lineno}"
                    self.script.notes[f"{what} is taken as without effect; a caller may give arguments"] = None
                case _:
                    return True
        return False

    def _arguments(self, call: Call, own: list[ast.ClassDef]) -> tuple[_Found, list[str]]:
        """A call of `TrainingArguments` or one of its subclasses, with what is set on the object later.

        The script's `own` subclass may have other defaults.
        """
        found = self._own_defaults(own)
        for name, node in self._pairs(call, ("output_dir",), found):
            if name == "output_dir" and call.name in MAPPINGS and node in call.node.args:
                self._unpack(node, call.scope, found)
            else:
                found.without(name)
                self._take(name, node, call.scope, found)
        notes = [*self._changes]
        if own:
            notes.append(
                f"{own[0].name} is read as {call.name.rpartition('.')[2]} with the defaults in line {own[0].lineno}"
            )
        holders, seen = self._holders(call), set[str]()
        for owner, name, value in set_later(self.script):
            if owner in holders:
                found.without(name)
                if value is None or name in seen:
                    found.unknown[name] = f"{owner}.{name} (set later)"
                else:
                    self._take(name, value, call.scope, found)
                seen.add(name)
            elif owner != "self" and name in _SETTINGS and (name in found.values or owner.endswith("args")):
                what = f"{owner}.{name} is set in this script"
                notes.append(f"{what}; if it belongs to these arguments, give it with --set")
        if (made := own_optimizer(self.script)) is not None:
            found.without("learning_rate")
            self._rate(*made, found)
            notes.append(
                f"the rate is that of the optimizer {ast.unparse(made[0])[:40]}, which the script gives its Trainer"
            )
        split = next((known.node for known in self.script.calls if known.name.endswith("train_test_split")), None)
        if split is not None and "max_steps" not in found.values:
            notes.append(
                f"train_test_split in line {split.lineno}: the number of examples is that of the training part"
            )
        if call.name.startswith("sentence_transformers."):
            notes.append("the steps are those of one data set; several are batched each for itself")
        return found, notes

    def _holders(self, call: Call) -> set[str]:
        """The names of the result of a call, and of a function of a mapping: `cfg = load_cfg(config)`."""
        bound: dict[str, list[ast.expr | None]] = {}
        for scope in self.script.scopes:
            for name, values in scope.names.items():
                bound.setdefault(name, []).extend(values)
        holders = {
            name
            for name, values in bound.items()
            if [value for value in values if value in self._configs] == [call.node]
        }
        if call.name not in MAPPINGS:
            return holders
        made = {name: values[0] for name, values in bound.items() if len(values) == 1}
        return holders | {
            name
            for name, value in made.items()
            if isinstance(value, ast.Call)
            and any(
                argument is call.node or (isinstance(argument, ast.Name) and argument.id in holders)
                for argument in value.args
            )
        }

    def _function(self, call: Call, last: str) -> tuple[_Found, list[str]]:
        """A call of `get_scheduler` or one of its family."""
        kind, names = FUNCTIONS[last]
        given = _Found()
        diffusers = call.name.startswith("diffusers.")
        if diffusers:
            names = ("optimizer", "step_rules", "num_warmup_steps", "num_training_steps", "num_cycles", "power")
        pairs = dict(self._pairs(call, (("name" if last == "get_scheduler" else "optimizer"), *names), given))
        for name, node in pairs.items():
            if name != "optimizer":
                self._take(name, node, call.scope, given)
        self._warmup_of_steps(pairs, call.scope, given)
        self._rate(pairs.get("optimizer"), call.scope, given)
        found = given.renamed(RENAMED)
        found.without("last_epoch")
        own = {*RENAMED.values(), "learning_rate"}
        keywords = dict(found.values.pop("lr_scheduler_kwargs", None) or {})
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
        note = f"the schedule of {last}: its unit is a call of scheduler.step(), and one that accelerate prepared is stepped once"
        trainers = [known for known in self.script.calls if known.last.endswith("Trainer")]
        others = [known.node for known in trainers if all(word.arg != "optimizers" for word in known.node.keywords)]
        beside = (
            f"the {ast.unparse(others[0].func)} in line {others[0].lineno} has a schedule of its own" if others else ""
        )
        notes = [f"{note} for each process", *([f"{beside}; this is not the plan of its run"] if beside else [])]
        notes += rates_by_hand(self.script)
        tests = [node for node in ast.walk(self.script.tree) if isinstance(node, ast.If)]
        rare = next((node.lineno for node in tests if _steps_at_intervals(node)), None)
        if rare is not None:
            notes.append(
                f"line {rare} steps the scheduler once in several batches: the run may end before the schedule does"
            )
        return found, notes

    def _warmup_of_steps(self, pairs: Mapping[str, ast.expr], scope: Scope, found: _Found) -> None:
        """Read a warmup that the script computes from its length, where that is not known yet."""
        length, node = pairs.get("num_training_steps"), pairs.get("num_warmup_steps")
        if length is None or node is None or "num_training_steps" not in found.lengths:
            return

        def of_steps(steps: int) -> object:
            return self.script.value(node, scope, steps=(ast.unparse(length), steps))

        if "num_warmup_steps" in found.unknown and _gives_number(of_steps):
            found.lengths["num_warmup_steps"] = Length(found.unknown.pop("num_warmup_steps"), None, of_steps)

    # --- schedules of other packages ---

    def _schedule(self, call: Call) -> tuple[_Found, list[str]]:
        """A schedule of Optax or torch."""
        found = self._one(call)
        several = f"this script makes {len(self.calls())} schedules; which one runs when is not read"
        read_as = f"{call.name} is read as the schedule of the learning rate"
        return found, [read_as, *([several] if len(self.calls()) > 1 else []), *rates_by_hand(self.script)]

    def _one(self, call: Call) -> _Found:
        found = _Found()
        for name, node in self._pairs(call, SCHEDULES[call.name], found):
            if name == "optimizer" and call.name not in constructors.OWN_RATE:
                self._rate(node, call.scope, found)
            elif name == PARTS.get(call.name):
                self._parts(call, name, found)
            elif name != "optimizer":
                self._take(name, node, call.scope, found)
        return found

    def _part_nodes(self, call: Call) -> list[ast.expr | None]:
        """The calls that make the parts of a schedule; None for a part that is not a call."""
        listed = self.script.single(call.given(SCHEDULES[call.name]).get(PARTS[call.name]), call.scope)
        if not isinstance(listed, (ast.List, ast.Tuple)):
            return [None]
        return [self.script.single(element, call.scope) for element in listed.elts]

    def _parts(self, call: Call, name: str, found: _Found) -> None:
        """The parts of a schedule, each with the name of its constructor."""
        made = []
        for node in self._part_nodes(call):
            inner = next((known for known in self.script.calls if known.node is node), None)
            if inner is None or inner.name not in SCHEDULES or inner.name in PARTS:
                found.unknown[name] = "a schedule that is not read"
                return
            part = self._one(inner)
            part.unknown |= {key: length.text for key, length in part.lengths.items()}
            if part.unknown:
                found.unknown |= {f"{name}.{key}": text for key, text in part.unknown.items()}
                return
            made.append({"constructor": inner.name, **part.values})
        found.values[name] = made

    def _rate(self, node: ast.expr | None, scope: Scope, found: _Found) -> None:
        """The rate of an optimizer that is made in the same file, in one place or with the same rate in each."""
        made, here = [node], scope
        if isinstance(node, ast.Name):
            bound, here = self.script.reaching(node, scope)
            made = [value for value, _ in bound]
        rates = [_rate_of(call) for call in made]
        if not rates or None in rates or len({ast.unparse(rate) for rate in rates if rate is not None}) > 1:
            found.unknown["learning_rate"] = "the optimizer's lr"
        else:
            self._take("learning_rate", rates[0], here, found)  # type: ignore[arg-type]
            for call in made:
                self._note_groups(call, here)

    def _note_groups(self, made: ast.expr | None, scope: Scope) -> None:
        """Note that the groups of an optimizer have rates of their own: `AdamW([{"params": p, "lr": 1e-5}], lr=1e-4)`."""
        given = made.args[0] if isinstance(made, ast.Call) and made.args else None
        nodes = self.script.bound(given.id, scope)[0] if isinstance(given, ast.Name) else [given]
        called = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
        functions = [kept.function for kept in self.script.scopes if getattr(kept.function, "name", None) in called]
        for part in (part for node in (*nodes, *functions) if node is not None for part in ast.walk(node)):
            if isinstance(part, ast.Dict) and any(
                isinstance(key, ast.Constant) and key.value == "lr" for key in part.keys
            ):
                note = f"a group of parameters has a rate of its own in line {part.lineno}; this plan is that of lr"
                self.script.notes[note] = None
                return

    # --- the rest of the script ---

    def _processes(self) -> Processes | None:
        """The number of processes that Ray's `ScalingConfig` or accelerate's `notebook_launcher` starts."""
        for call in self.script.calls:
            last = call.last
            option = _LAUNCHES.get(last, "")
            given = keyword_of(call.node, option)
            if given is None:
                continue
            count = None
            with contextlib.suppress(UnknownError):
                count = count_of(self.script.value(given, call.scope))
            return Processes(count, f"{last}({option}={ast.unparse(given)[:40]})")
        return self._devices()

    def _devices(self) -> Processes | None:
        """The devices to which the script restricts itself, on which transformers uses DataParallel."""
        set_to = [
            node.value
            for node in ast.walk(self.script.tree)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript)
            if self.script.qualified(node.targets[0].value) == "os.environ"
            if isinstance(node.targets[0].slice, ast.Constant) and node.targets[0].slice.value == "CUDA_VISIBLE_DEVICES"
        ]
        if len(set_to) != 1 or not isinstance(set_to[0], ast.Constant):
            return None
        devices = str(set_to[0].value)
        for node in ast.walk(self.script.tree):  # where the Trainer uses one process
            match node:
                case (
                    ast.keyword(
                        arg="device_map",
                        value=ast.Constant(value="auto" | "balanced" | "balanced_low_0" | "sequential"),
                    )
                    | ast.Assign(targets=[ast.Attribute(attr="is_parallelizable")], value=ast.Constant(value=True))
                ):
                    return Processes(1, f"line {node.value.lineno} divides the model among the devices")
                case ast.keyword(arg="deepspeed", value=value) if not (
                    isinstance(value, ast.Constant) and not value.value
                ):
                    return None  # DeepSpeed has one device for each process
        if not re.fullmatch(r"\d+(\s*,\s*\d+)*", devices):
            return None
        return Processes(len(devices.split(",")), f"CUDA_VISIBLE_DEVICES={devices} in the script")

    def files(self) -> dict[str, str]:
        """Dicts of literals that the script writes as JSON or YAML, as JSON by the name of their file."""
        made: dict[str, str] = {}
        opened = {
            item.optional_vars.id: item.context_expr
            for node in ast.walk(self.script.tree)
            if isinstance(node, ast.With)
            for item in node.items
            if isinstance(item.optional_vars, ast.Name)
        }
        for call in self.script.calls:
            if call.name not in ("json.dump", "yaml.dump", "yaml.safe_dump") or len(call.node.args) < 2:
                continue
            value, place = call.node.args[:2]
            target = opened.get(place.id) if isinstance(place, ast.Name) else place
            if not (isinstance(target, ast.Call) and target.args and self.script.qualified(target.func) == "open"):
                continue
            with contextlib.suppress(UnknownError, TypeError, ValueError):
                name, text = self.script.value(target.args[0], call.scope), self.script.value(value, call.scope)
                made[str(name)] = json.dumps(text)
        return made

    def nothing(self) -> str:
        """Why the file holds no config."""
        for call in self.script.calls:
            for module, way in constructors.ELSEWHERE.items():
                of_module = call.name.startswith((f"{module}.", f"tensorflow.{module}."))
                if of_module and re.search(r"schedule|onecycle|decay(?!ed)", call.name.lower()):
                    where = f"{call.name} in line {call.node.lineno}"
                    return f"{where} is made in Python, and is not read as a config; {way}"
        for call in self.script.calls:
            if call.name.endswith(("TrainingArguments", "TrainingConfig")) and call.name not in self.script.classes:
                return (
                    f"{call.name} in line {call.node.lineno} is not a class that is known; write its arguments to a YAML file with "
                    "the keys of TrainingArguments"
                )
        if "HfArgumentParser" in self.text or "TrlParser" in self.text or "argparse" in self.script.modules:
            return (
                "this script takes its settings from the command line; read the command that starts it, such as in a shell "
                "script, or its options as a list of words"
            )
        names = {name for name, bound in self.script.top.names.items() if bound}
        if {"max_lr", "warmup_steps"} <= names or {"max_lr", "warmup_iters"} <= names:
            return (
                "its rates come from a function of the script over max_lr, which is not run; make the same curve of "
                "olr.LinearRamp and olr.Cosine with olr.Stages, and compare a few steps"
            )
        return (
            "no call of TrainingArguments(...), one of TRL's configs or get_scheduler(...) is in this script; write the keys "
            "of its training to a YAML file"
        )


def _steps_at_intervals(node: ast.If) -> bool:
    """Whether it is `if i % n == 0:` with `scheduler.step()`."""
    return any(isinstance(part, ast.Mod) for part in ast.walk(node.test)) and any(
        isinstance(part, ast.Call) and re.search(r"(?i)sched\w*\.step$", ast.unparse(part.func))
        for statement in node.body
        for part in ast.walk(statement)
    )


def _rate_of(made: ast.expr | None) -> ast.expr | None:
    """The rate that makes an optimizer; None where it is not a call with one."""
    if not isinstance(made, ast.Call):
        return None
    rate = keyword_of(made, "lr")
    return made.args[1] if rate is None and len(made.args) > 1 else rate


def _gives_number(of_examples: Callable[[int], object]) -> bool:
    """Whether an expression is a number for a number of examples."""
    try:
        return isinstance(of_examples(1000), (int, float))
    except UnknownError:
        return False
