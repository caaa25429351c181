"""A config as a file states it: keys with values, and other facts about the run."""

from __future__ import annotations

import contextlib
import dataclasses
import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.files import file_below, text_of
from optax_lr.sources.marks import is_known

Option = str | list[str]  # what a command gives for an option; "true" for a flag
Form = Literal["mapping", "yaml", "json", "toml", "command", "card", "python", "notebook"]


@dataclasses.dataclass(frozen=True)
class Processes:
    """How many processes train together.

    Fields:
        count: the number; None where the file starts an unknown number, such as one for each visible GPU.
        origin: where the number comes from, for people.
        by_option: whether an option of the launcher decides the number, so that no file does.
    """

    count: int | None
    origin: str
    by_option: bool = False

    @property
    def decided(self) -> bool:
        """Whether no file can say another number."""
        return self.count is not None or self.by_option


def count_of(value: object) -> int | None:
    """A positive whole number; None for anything else."""
    text = str(value)
    return int(text) if re.fullmatch(r"\d{1,9}", text) and int(text) > 0 else None


def product(*counts: int | None) -> int | None:
    """The product; None where a factor is not known."""
    made = 1
    for count in counts:
        if count is None:
            return None
        made *= count
    return made


class Length(NamedTuple):
    """A number of steps that a script computes from the length of its data.

    Fields:
        text: the expression.
        of_examples: its value for a number of training examples; None where another value in it is not known.
        of_steps: its value for a length of the run; None where it is not computed from that.
    """

    text: str
    of_examples: Callable[[int], object] | None
    of_steps: Callable[[int], object] | None = None


class Computed(NamedTuple):
    """A value that a script computes from numbers of its run.

    Fields:
        text: the expression.
        of: its value for a number of training examples, if that is known, and for the numbers that the run gives
            expressions such as `self.trainer.max_epochs`.
    """

    text: str
    of: Callable[[int | None, Mapping[str, object]], object]


class OwnRate(NamedTuple):
    """A rate that a script computes itself.

    Fields:
        name: the function, or the expression.
        of: the rate at a step, for the values of the names in it.
        settings: these names.
    """

    name: str
    of: Callable[[Any, Mapping[str, Any]], Any]
    settings: frozenset[str]


class Program(NamedTuple):
    """The program that a command starts.

    Fields:
        name: the program after its launcher: `train.py`, `trl sft`, `swift sft`, or the module of `-m` or its file.
        positional: its words that are not options, in their order.
        options: its options as written, dashes turned into underscores; the last of a name counts.
        line: the line of the command in its file.
        launcher: the launcher's name, such as `torchrun`; empty for none.
        environment: variables that are set for the command or exported before it.
        launcher_config: the file that `accelerate launch --config_file` names.
        deepspeed: the file that `accelerate launch --deepspeed_config_file` names, which the Trainer takes without one of its own.
        module: the module of `-m`, as written; empty for a script or a command.
    """

    name: str
    positional: tuple[str, ...] = ()
    options: Mapping[str, Option] = {}
    line: int = 1
    launcher: str = ""
    environment: Mapping[str, str] = {}
    launcher_config: str = ""
    deepspeed: str = ""
    module: str = ""


def no_origin(_: str) -> str:
    """No words on where a value comes from."""
    return ""


@dataclasses.dataclass(frozen=True)
class Source:
    """A parsed config, before the trainer's rules are applied.

    Fields:
        name: the file, with a number where it holds several configs.
        values: every key, as parsed.
        lines: the line of each key, nested keys dotted.
        form: the format of the text.
        text: the document; empty where there is none.
        folder: where files that it names are looked for.
        below: the folder in which the command runs, seen from there; None where it is not known.
        ignored: keys without effect, each with the reason.
        notes: what the reader assumed; a line each.
        program: the command that starts the run, for shell scripts.
        own_parser: whether the script that a command starts is known to parse its options itself.
        constructor: the class or function that takes the keys, in Python: `transformers.TrainingArguments`.
        keywords: the keywords of a call of `constructor` itself.
        modules: the modules that a Python file imports.
        unknown: keys whose values the file does not state, each with the text in the file.
        origin: where the object in a text of `unknown` comes from, for people; empty where that is not known.
        lengths: numbers of steps that depend on the number of training examples.
        alone: keys whose values are those of one process, each with the place where a script changes it in several.
        computed: keys whose values a script computes from numbers of its run.
        rate: the formula of the rate, with the keys as its settings; None for any other schedule.
        processes: the number of processes that the file starts; None where it says nothing.
        examples: the number of training examples that a script selects; None where it does not say.
        version: the version of transformers that the file names; empty for none.
        per_epoch: about the number of steps of an epoch, by the table of results in a model card; None for no table.
        older: an argument in a script that only versions before transformers 5 take; empty for none.
        twice: keys that the file repeats, each with a message.
        files: texts that a script writes by here-documents before this command, by path.
        named: the file that a command names and whose settings are among `values`.
        copy: the same source with placeholders for the private texts of that file, from which messages are made.
        options: the names of the options of a script.
        refusal: why the script that a command starts is not read; empty for none.
    """

    name: str
    values: Mapping[str, object]
    lines: Mapping[str, int]
    form: Form
    text: str = ""
    folder: Path | None = None
    below: str | None = ""
    ignored: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    program: Program | None = None
    own_parser: bool = False
    constructor: str = ""
    keywords: tuple[str, ...] = ()
    modules: frozenset[str] = frozenset()
    unknown: Mapping[str, str] = dataclasses.field(default_factory=dict)
    origin: Callable[[str], str] = no_origin
    lengths: Mapping[str, Length] = dataclasses.field(default_factory=dict)
    alone: Mapping[str, str] = dataclasses.field(default_factory=dict)
    computed: Mapping[str, Computed] = dataclasses.field(default_factory=dict)
    rate: OwnRate | None = None
    processes: Processes | None = None
    examples: int | None = None
    version: str = ""
    per_epoch: int | None = None
    older: str = ""
    twice: tuple[tuple[str, str], ...] = ()
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    named: str = ""
    copy: Source | None = None
    options: frozenset[str] = frozenset()
    refusal: str = ""

    def called(self, name: str) -> Source:
        """The source under another name."""
        copy = None if self.copy is None else dataclasses.replace(self.copy, name=name)
        return dataclasses.replace(self, name=name, copy=copy)

    def noted(self, note: str) -> Source:
        """The source with a note before the others."""
        copy = None if self.copy is None else self.copy.noted(note)
        return dataclasses.replace(self, notes=(note, *self.notes), copy=copy)

    def file(self, name: str) -> tuple[Path | None, bool]:
        """The file that it names, as `file_below` says."""
        return file_below(name, self.folder, self.below)

    def written(self, name: str) -> str | None:
        """The text of a file that the script writes before this command; None for every other file."""
        in_folder = is_known(name) and not name.startswith("././")
        same = posixpath.normpath(name) if in_folder else name.removeprefix("./")
        return self.files.get(name, self.files.get(same))

    def script_text(self) -> str | None:
        """The text of the script that the command starts; None where it is not here, or cannot be read."""
        name = self.program_name
        path, _ = self.file(name) if name.endswith(".py") else (None, False)
        with contextlib.suppress(ConfigError):
            return self.written(name) if path is None else text_of(str(path))
        return None

    @property
    def command(self) -> Program:
        """The program of a source that is a command; one without a name, words or options for any other."""
        return self.program or Program("")

    def error(self, text: str) -> ConfigError:
        """An error about the file."""
        return ConfigError(f"{self.name}: {text}")

    @property
    def program_name(self) -> str:
        """The name of the program; empty where the source is no command."""
        return self.command.name

    @property
    def positional(self) -> tuple[str, ...]:
        """The words of a command that are not options."""
        return self.command.positional

    @property
    def given(self) -> dict[str, Any]:
        """The values without those that are null."""
        return {key: value for key, value in self.values.items() if value is not None}
