"""Python scripts: literal arguments of known constructors, read from the syntax tree and never run."""

from __future__ import annotations

import ast
import dataclasses
import functools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from optax_lr.sources.documents import MOST_CONFIGS, renamed
from optax_lr.sources.errors import BranchError, ConfigError, PartError
from optax_lr.sources.files import text_of
from optax_lr.sources.python import constructors, lightning, lightning_run
from optax_lr.sources.python.arguments import Arguments
from optax_lr.sources.python.branches import check_branches, notes_on_branches, that_run
from optax_lr.sources.python.constructors import (
    FUNCTIONS,
    MAPPINGS,
    OPTIMIZERS,
    PARTS,
    SCHEDULES,
    TRAINING_ARGUMENTS,
    TRL,
)
from optax_lr.sources.python.imports import Program, changes_folder
from optax_lr.sources.python.nothing import why_nothing
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.optimizers import arguments_of_optimizer, optimizers_alone
from optax_lr.sources.python.origins import origin_of
from optax_lr.sources.python.overrides import Overrides, programs_started, values_replaced
from optax_lr.sources.python.own_rates import own_rates
from optax_lr.sources.python.rate_changes import OF_GROUP, group_added, may_change
from optax_lr.sources.python.run_facts import data_notes, examples_of, filled_classes, older_argument, processes_of
from optax_lr.sources.python.schedules import arguments_of_class, arguments_of_function, part_nodes
from optax_lr.sources.python.scopes import Call
from optax_lr.sources.python.syntax import UnknownError, field_default
from optax_lr.sources.python.unread import LIGHTNING
from optax_lr.sources.source import Source
from optax_lr.text import words

_SETTINGS = words(
    "learning_rate lr_scheduler_type lr_scheduler_kwargs warmup_steps warmup_ratio max_steps num_train_epochs "
    "per_device_train_batch_size gradient_accumulation_steps lr_scheduler num_epochs micro_batch_size"
)

_FUNCTIONS_OF = re.compile(
    r"(?:transformers|diffusers)(?:\.|$)"
)  # the packages that have `get_scheduler` and its family


def script_sources(
    path: str,
    text: str,
    folder: Path | None,
    options: Mapping[str, object] | None = None,
    added: Mapping[str, object] | None = None,
    *,
    reads_files: bool = True,
) -> list[Source]:
    """A source for each call of a known constructor.

    Args:
        path: the script.
        text: its text.
        folder: where files that it names are looked for.
        options: those of the command that starts the script.
        added: keys that the user gives, which may be options of the script.
        reads_files: whether what it loads and imports are the files in that folder.

    Raises:
        ConfigError: for a file that is not Python, and for one without such a call.

    >>> found = script_sources("a.py", "from transformers import TrainingArguments\\nTrainingArguments(learning_rate=LR)", None)
    >>> found[0].values, dict(found[0].unknown), found[0].constructor
    ({}, {'learning_rate': 'LR'}, 'transformers.TrainingArguments')
    """
    try:
        return Reader(path, text, folder, options, added=added, reads_files=reads_files).sources()
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply") from None


class Reader:
    """The configs in a script."""

    def __init__(
        self,
        path: str,
        text: str,
        folder: Path | None = None,
        options: Mapping[str, object] | None = None,
        environment: Mapping[str, str] | None = None,
        beside: Path | None = None,
        *,
        package: Path | None = None,
        added: Mapping[str, object] | None = None,
        reads_files: bool = True,
    ) -> None:
        """`folder` is where the script is started, `beside` where Python looks for its modules, and `package` where it is.

        The last two are given if they are other folders.
        """
        self.path, self.text, self.folder = path, text, folder
        self.script = Program(path, text, options, added)
        self.script.reads_files = reads_files and not changes_folder(self.script)
        self.script.environment, self.script.folder = environment or {}, folder
        self.script.beside = folder if beside is None else beside
        self.script.package = package
        self.processes = processes_of(self.script)

    def sources(self) -> list[Source]:
        """See `script_sources`."""
        try:
            return self._sources()
        except PartError as error:
            raise ConfigError(f"{self.path}: {error}") from None

    def _sources(self) -> list[Source]:
        calls = self.calls
        if len(calls) > MOST_CONFIGS:
            raise ConfigError(
                f"{self.path}: {len(calls):,} configs are too many for a file; at most {MOST_CONFIGS} are read"
            )
        made = self._of_lightning(calls) or [self.source(call) for call in calls]
        if not made and (parsed := self.parsed()) is not None and _SETTINGS & parsed.values.keys():
            made = [parsed]
        if not made and (assigned := self.assigned()) is not None:
            made = [assigned]
        made = made or self.own()
        if not made:
            raise ConfigError(f"{self.path}: {why_nothing(self.script, self._is_config)}")
        if len(made) == 1:
            made = [self._with_examples(made[0])]
        return renamed(self.path, made)

    def _is_config(self, path: Path) -> bool:
        """Whether the file of a module below the folder of the script holds a config."""
        try:
            return bool(Reader(str(path), text_of(str(path))).calls)
        except ConfigError:
            return False

    @functools.cached_property
    def _configs(self) -> set[ast.expr]:
        """The nodes of the calls that hold a config."""
        return {call.node for call in self.script.calls if self._holds_config(call)}

    @functools.cached_property
    def _overrides(self) -> Overrides:
        """What changes the schedule outside of the arguments."""
        return Overrides(self.script, several=len(self._configs) > 1)

    @functools.cached_property
    def _data(self) -> list[tuple[str, str]]:
        """Notes on the data, with their kinds."""
        return data_notes(self.script)

    @functools.cached_property
    def _changes(self) -> list[str]:
        """Notes on what may change the rates of the optimizers."""
        return may_change(self.script, [call.node for call in self.calls])

    @functools.cached_property
    def _replaced(self) -> list[str]:
        """Notes on what may set any variable, and on other programs."""
        return values_replaced(self.script) + programs_started(self.script)

    @functools.cached_property
    def _group(self) -> str:
        return group_added(self.script)

    def _note_group(self) -> None:
        """Note that groups of parameters have rates of their own, where no note says so yet."""
        if self._group and not any(note.startswith(OF_GROUP) for note in self.script.notes):
            self.script.notes[self._group] = None

    @functools.cached_property
    def calls(self) -> list[Call]:
        """The calls of known constructors, in the order of the file."""
        script = self.script
        found = [call for call in script.calls if self._holds_config(call)]
        found = [call for call in found if not _is_thrown_away(script, call)] or found
        whole = (call for call in script.calls if call.last in constructors.NOT_READ_WHOLE)
        if not found and all(script.assumed(call.tests)[0] is False for call in whole):
            parts = [id(node) for call in script.calls if call.name in PARTS for node in part_nodes(script, call)]
            found = [call for call in script.calls if call.name in SCHEDULES and id(call.node) not in parts]
            found = found or optimizers_alone(script)
        self._made = found
        return sorted(that_run(script, found), key=lambda call: (call.node.lineno, call.node.col_offset))

    def _holds_config(self, call: Call) -> bool:
        last = call.last
        if self._own_classes(call.name)[1]:
            return self._plain_parent(call.name) is not None
        if last in self.script.classes or last in self.script.functions:
            return False  # a class or a function of the script itself
        if call.name.startswith("setfit."):
            return False  # whose arguments have other names and defaults
        if call.name in MAPPINGS or (last in constructors.SWIFT and call.name.startswith("swift.")):
            return True
        return last in TRAINING_ARGUMENTS | TRL or (last in FUNCTIONS and self._is_of_package(call.name))

    def _is_of_package(self, name: str) -> bool:
        """Whether a function of that name is the one of transformers or diffusers: by its import, also in another module."""
        root, dot, _ = name.partition(".")
        if not dot:
            return not self.script.starred or any(_FUNCTIONS_OF.match(module) for module in self.script.starred)
        module, _, last = name.rpartition(".")
        return (
            _FUNCTIONS_OF.match(root) is not None
            or _FUNCTIONS_OF.match(self.script.imported_in(module, last)) is not None
        )

    def _plain_parent(self, name: str) -> str | None:
        """The class of arguments to which a class of the script only adds fields and defaults; None for any other class."""
        script, made = self._own_classes(name)
        if len(made) != 1 or len(made[0].bases) != 1 or made[0].keywords:
            return None
        if not all(isinstance(part, (ast.AnnAssign, ast.Expr, ast.Pass)) for part in made[0].body):
            return None
        parent = script.qualified(made[0].bases[0])
        known = parent.rpartition(".")[2] in TRAINING_ARGUMENTS | TRL and parent not in script.classes
        return parent if known else None

    def _own_classes(self, name: str) -> tuple[Script, list[ast.ClassDef]]:
        """The classes of a name in the script, or of a name of training arguments in a module in its folder, and where they are."""
        known = name.rpartition(".")[2] in TRAINING_ARGUMENTS | TRL
        found = self.script.class_in_module(name) if known and name not in self.script.classes else None
        return found or (self.script, self.script.classes.get(name, []))

    def _of_lightning(self, calls: list[Call]) -> list[Source]:
        """The configs of modules of Lightning, in a script without training arguments."""
        if not all(call.last in FUNCTIONS or call.name in SCHEDULES or call.name in OPTIMIZERS for call in calls):
            return []
        try:
            return [self._of_module(run) for run in lightning_run.runs(self.script)]
        except ConfigError as error:
            raise ConfigError(f"{self.path}: {error}") from None

    def _of_module(self, run: lightning.Run) -> Source:
        """The config that a module of Lightning and its Trainer make."""
        self.script.notes.clear()
        found, notes, processes = lightning_run.arguments_of_run(self.script, run)
        self._note_group()
        notes += [note for kind, note in self._data if kind != "packing"] + self._replaced
        source = self._source(constructors.LIGHTNING, found, notes)
        return dataclasses.replace(source, processes=self.processes or processes, computed=found.computed)

    def source(self, call: Call) -> Source:
        """The config that a call holds."""
        of_branches = self._notes_on_branches(call)
        self.script.notes.clear()
        own = self._own_classes(call.name)[1]
        call = call._replace(name=self._plain_parent(call.name) or "") if own else call
        last = call.last
        if call.name in SCHEDULES:
            found, notes = arguments_of_class(self.script, call, self.calls)
            if call.name.startswith(("torch.", "timm.")):
                self._note_group()
        elif call.name in OPTIMIZERS:
            found, notes = arguments_of_optimizer(self.script, call, self.calls)
            self._note_group()
            notes += self._changes
        elif last in FUNCTIONS:
            found, notes = arguments_of_function(self.script, call)
            self._note_group()
        else:
            found, notes = self._arguments(call, own)
        if call.name in SCHEDULES or last in FUNCTIONS:
            notes += lightning.unread(self.script)
        notes += of_branches
        if call.name in SCHEDULES or call.name in OPTIMIZERS or last in FUNCTIONS:
            notes += self._replaced
            if any(length.of_examples is not None for length in found.lengths.values()):
                notes += [note for _, note in self._data]
        root = call.name.partition(".")[0]
        if "." in call.name and root not in (*constructors.HOMES, "diffusers", "optax", "timm", "torch"):
            whose = "transformers" if last in TRAINING_ARGUMENTS else "TRL" if last in TRL else "its own package"
            what = f"{last} is imported from {call.name.rpartition('.')[0]}, which is not read"
            known = re.sub("^(?:ORT|Gaudi|Neuron)", "", last)
            notes.append(f"{what}: the defaults and the schedule of {known} of {whose} are assumed")
        source = self._source(call.name, found, notes)
        keywords = () if own else tuple(word.arg for word in call.node.keywords if word.arg is not None)
        return dataclasses.replace(source, keywords=keywords)

    def _notes_on_branches(self, call: Call) -> list[str]:
        """Notes on the tests that decide whether a call runs.

        Raises:
            BranchError: where a schedule that is not read runs instead, or may.
        """
        read = {made.node for made in self.script.calls if made.name in SCHEDULES} | {made.node for made in self._made}
        try:
            if call.name in (*SCHEDULES, constructors.LAMBDA) or call.last in FUNCTIONS:
                check_branches(self.script, call, read)
        except BranchError as error:
            raise BranchError(f"{self.path}: {error}") from None
        return notes_on_branches(self.script, call, self._made)

    def _source(self, constructor: str, found: Arguments, notes: Iterable[str] = ()) -> Source:
        """What was found, with what the reader noted on the way."""
        return Source(
            self.path,
            found.values,
            found.lines,
            "python",
            self.text,
            self.folder,
            notes=(*notes, *_joined(self.script.notes)),
            constructor=constructor,
            modules=frozenset(name.partition(".")[0] for name in self.script.modules),
            unknown=found.unknown,
            origin=functools.partial(origin_of, self.script),
            lengths=found.lengths,
            alone=found.alone,
            processes=self.processes,
            older=older_argument(self.script),
            options=self.script.option_names,
        )

    def _with_examples(self, source: Source) -> Source:
        """The source with the number of training examples that the script selects."""
        selected = None if source.values.get("packing") else examples_of(self.script)
        if selected is None:
            return source
        return dataclasses.replace(source, examples=selected[0], notes=(*source.notes, selected[1]))

    def parsed(self) -> Source | None:
        """The training arguments that HfArgumentParser fills, with what the script's own subclass has for their defaults."""
        for call, base, own in filled_classes(self.script):
            script, in_module = (self.script, own) if own else self._own_classes(base)
            if in_module and not own:
                own = in_module
                base = script.qualified(own[0].bases[0]) if own[0].bases else ""
            known = base.rpartition(".")[2] in TRAINING_ARGUMENTS | TRL and base not in self.script.classes
            if known and call.last in ("HfArgumentParser", "TrlParser"):
                return self._parsed_into(base, own)
        return None

    def _parsed_into(self, base: str, own: list[ast.ClassDef]) -> Source:
        """The source of a subclass in the script; `own` is empty where the class itself is parsed."""
        self.script.notes.clear()
        found = self._own_defaults(own)
        notes = [*self._overrides.notes]
        if found.values:
            notes.append(
                f"the settings are the defaults of {own[0].name}; the command that starts the script may give others"
            )
        found.unknown = {key: text for key, text in found.unknown.items() if key in _SETTINGS}
        return self._source(base, found, notes)

    def _own_defaults(self, own: list[ast.ClassDef]) -> Arguments:
        """The defaults of a class of the script."""
        found = Arguments(self.script)
        for statement in own[0].body if own else []:
            match statement:
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    found.take(name, field_default(value) or value, self.script.top)
        return found

    def assigned(self) -> Source | None:
        """A config of nanoGPT: a file of assignments; None for anything else."""
        top = self.script.top
        names = {name: bound[0].value for name, bound in top.names.items() if len(bound) == 1 and bound[0].value}
        plain = all(
            isinstance(part, (ast.Assign, ast.Expr, ast.Import, ast.ImportFrom)) for part in self.script.tree.body
        )
        if not plain or "max_iters" not in names or not {"learning_rate", "lr_decay_iters"} & names.keys():
            return None
        self.script.notes.clear()
        found = Arguments(self.script)
        for name, node in names.items():
            found.take(name, node, top)
        return self._source(constructors.NANOGPT, found)

    def own(self) -> list[Source]:
        """The rates that the script computes itself, by `LambdaLR` or for its groups; none where one is no formula."""
        script = self.script
        if LIGHTNING & {name.partition(".")[0] for name in script.modules}:
            return []
        made = []
        script.notes.clear()
        try:
            for own in own_rates(script):
                self._note_group()
                optimizers = [call.node for call in script.calls if call.name in OPTIMIZERS]
                notes = [*own.notes, *may_change(script, optimizers, own.schedules), *self._replaced]
                if len(optimizers) > 1:
                    notes.append(f"this script makes {len(optimizers)} optimizers, each with a rate of its own")
                source = self._source(constructors.OWN_RATES, own.found, notes)
                made.append(dataclasses.replace(source, rate=own.rate))
                script.notes.clear()
        except UnknownError:
            return []
        return made

    # --- arguments ---

    def _arguments(self, call: Call, own: list[ast.ClassDef]) -> tuple[Arguments, list[str]]:
        """A call of `TrainingArguments` or one of its subclasses, with what is set on the object later.

        The script's `own` subclass may have other defaults.
        """
        found = self._own_defaults(own)
        for name, node in found.pairs(call, ("output_dir",)):
            if name == "output_dir" and call.name in MAPPINGS and node in call.node.args:
                found.unpack(node, call.scope)
            else:
                found.without(name)
                found.take(name, node, call.scope)
        notes = [*self._overrides.notes]
        if own:
            notes.append(
                f"{own[0].name} is read as {call.name.rpartition('.')[2]} with the defaults in line {own[0].lineno}"
            )
        holders, seen = self._holders(call), set[str]()
        for holder in sorted(holders):
            self.script.note_taker(holder, call.scope, len(self.text))  # before the run
        for owner, name, value in self._overrides.set_later(call):
            if owner in holders:
                found.without(name)
                if value is None or name in seen:
                    found.unknown[name] = f"{owner}.{name} (set later)"
                else:
                    found.take(name, value, call.scope)
                seen.add(name)
            elif (
                owner not in ("self", "state")
                and name in _SETTINGS
                and (name in found.values or owner.endswith("args"))
            ):
                what = f"{owner}.{name} is set in this script"
                notes.append(f"{what}; if it belongs to these arguments, give it with --set")
        if (made := self._overrides.optimizer) is not None:
            found.without("learning_rate")
            found.take_rate(*made)
            self._note_group()
            notes.append(
                f"the rate is that of the optimizer {ast.unparse(made[0])[:40]}, which the script gives its Trainer"
            )
        if "packing" in found.unknown and "max_steps" not in found.values:
            what = f"packing={found.unknown['packing']} in line {found.lines['packing']}"
            notes.append(f"{what}: if it is true, the number of examples is that of the packed rows")
        noted = "packing" if found.values.get("packing") is None else ""
        for kind, note in self._data:
            if kind == noted or (kind != "packing" and "max_steps" not in found.values):
                notes.append(note)
        if call.name.startswith("sentence_transformers."):
            notes.append("the steps are those of one data set; several are batched each for itself")
        return found, notes

    def _holders(self, call: Call) -> set[str]:
        """The names of the result of a call, and of a function of a mapping: `cfg = load_cfg(config)`."""
        bound: dict[str, list[ast.expr | None]] = {}
        for scope in self.script.scopes:
            for name in scope.names:
                bound.setdefault(name, []).extend(scope.values(name))
        for (owner, name), bindings in self.script.attributes.items():
            bound.setdefault(f"{owner}.{name}", []).extend(binding.value for binding in bindings)
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


def _is_thrown_away(script: Script, call: Call) -> bool:
    """Whether a script makes arguments for the sake of what their class does: `_ = TrainingArguments(".")`."""
    match script.around.get(call.node):
        case ast.Assign(targets=[ast.Name(id="_")]):
            return True
    return False


def _joined(notes: Iterable[str]) -> list[str]:
    """Notes, with those on defaults of options in one."""
    end = "; the command that starts the script may give "
    stated = [note.removesuffix(f"{end}another") for note in notes if note.endswith(f"{end}another")]
    others = [note for note in notes if not note.endswith(f"{end}another")]
    return [*others, *([f"{'; '.join(stated)}{end}{'others' if len(stated) > 1 else 'another'}"] if stated else [])]
