"""A config as it stands in a file, a mapping or a command line: parsed, and not yet held against its trainer's rules."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from optax_lr.arguments import file_name
from optax_lr.configs import shell
from optax_lr.configs.run_config import RunConfig
from optax_lr.sources import model_card
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.files import text_of
from optax_lr.sources.interpolation import require_plain
from optax_lr.sources.parsing import Document, as_omegaconf, parse, unresolved
from optax_lr.trainers import axolotl, deepspeed, hf, llamafactory
from optax_lr.trainers.reading import Reading
from optax_lr.trainers.recognise import Recognised, recognise
from optax_lr.trainers.settings import ARGPARSE, SETTING_NAMES, STRICT

_OMEGACONF = ("llamafactory", "llamafactory-ui", "llamafactory-v1")


@dataclasses.dataclass(frozen=True)
class Draft:
    """A config as it stands, parsed but not yet held against its trainer's rules.

    Fields:
        name: its source, with a number where a file holds several.
        values: every key, as parsed.
        lines: the line of each key, nested keys dotted.
        form: `mapping`, `yaml`, `json`, `command` or `card`.
        text: the document; empty where there is none.
        folder: where files that it names are looked for.
        ignored: options of a command that count for nothing.
    """

    name: str
    values: Mapping[str, Any]
    lines: Mapping[str, int]
    form: str
    text: str = ""
    folder: Path | None = None
    ignored: tuple[tuple[str, str], ...] = ()

    def recognised(self) -> Recognised:
        """Whose config it is. Errors: `ConfigError` where it is nobody's."""
        if self.form == "card":
            return Recognised("hf", "the training hyperparameters of a model card")
        if self.form != "command":
            return recognise(self.name, self.values)
        if {"stage", "finetuning_type"} & self.values.keys():
            return Recognised("llamafactory", "the options --stage or --finetuning_type of a command")
        return Recognised("hf", "the options of a training command")

    def config(self) -> RunConfig:
        """The config, by its trainer's rules. Errors: `ConfigError` for what the trainer would refuse."""
        found, values = self.recognised(), dict(self.values)
        if self.form in ("yaml", "json", "mapping"):
            require_plain(self.name, values)
        if self.form in ("yaml", "json") and found.dialect in _OMEGACONF:
            document = Document(self.name, self.text, values, self.lines)
            values = as_omegaconf(document, SETTING_NAMES if found.dialect != "llamafactory-ui" else frozenset())
        reading = self._reading(found, values)
        prefix = "".join(f"{part}." for part in found.section)
        ignored = tuple((prefix + key, why) for key, why in reading.ignored) + self.ignored
        notes = reading.notes
        if self.form in ("command", "card"):
            notes = tuple(note for note in notes if "is taken as a number" not in note)
        return RunConfig(
            source=self.name,
            values=values,
            settings=reading.settings,
            dialect=found.dialect,
            recognized_by=found.by,
            section=found.section,
            ignored=ignored,
            lines=self.lines,
            notes=notes,
        )

    def _reading(self, found: Recognised, values: Mapping[str, Any]) -> Reading:
        name, folder, is_command = self.name, self.folder, self.form == "command"
        match found.dialect:
            case "llamafactory":
                return llamafactory.read(name, values, folder=folder, rules=ARGPARSE if is_command else STRICT)
            case "llamafactory-ui":
                return llamafactory.read_form(name, values, folder=folder)
            case "llamafactory-v1":
                return llamafactory.read_v1(name, values)
            case "axolotl":
                return axolotl.read(name, values, folder=folder)
            case "deepspeed":
                return deepspeed.read(name, values)
        for part in found.section:
            values = values[part]
        values = {str(key): value for key, value in values.items()}
        rules = ARGPARSE if self.form in ("yaml", "command", "card") else STRICT
        return hf.read(name, values, rules=rules, folder=folder, place=found.place)


def drafts(source: str | os.PathLike[str] | Mapping[str, Any] | Sequence[str]) -> list[Draft]:
    """Every config in `source`, parsed. Errors: `ConfigError` for what cannot be parsed."""
    if isinstance(source, Mapping):
        return [Draft("<mapping>", unresolved(source), {}, "mapping")]
    if isinstance(source, (list, tuple)):
        return [_command("<command line>", shell.options_of(source), None)]
    path = file_name(
        "a config", source, of="a file", instead=", a mapping of its keys, or a command line as a list of words"
    )
    text, folder = text_of(path), Path(path).parent
    if path.endswith((".sh", ".bash", ".slurm", ".sbatch")) or text.startswith("#!"):
        commands = shell.commands_of(path, text)
        if not commands:
            raise ConfigError(
                f"{path}: no command of this script gives an option of a schedule, such as --learning_rate"
            )
        return [_command(name, command, folder) for name, command in _named(path, commands)]
    if path.lower().endswith(".md"):
        card = model_card.card_of(path, text)
        return [Draft(path, card.values, card.lines, "card", folder=folder)]
    is_json = path.endswith(".json")
    documents = [(0, text)] if is_json else list(_documents(text))
    documents = [(before, part) for before, part in documents if _has_content(part)]
    if not documents:
        raise ConfigError(f"{path}: the file is empty; a config needs at least learning_rate or lr_scheduler_type")
    return [
        draft_of(name, part, is_json=is_json, folder=folder, lines_before=before)
        for name, (before, part) in _named(path, documents)
    ]


def draft_of(name: str, text: str, *, is_json: bool, folder: Path | None, lines_before: int = 0) -> Draft:
    """The one document in `text`, parsed. Errors: `ConfigError` for what cannot be parsed."""
    document = parse(name, text, is_json=is_json, lines_before=lines_before)
    return Draft(name, document.values, document.lines, "json" if is_json else "yaml", text, folder)


def _command(name: str, command: shell.Command, folder: Path | None) -> Draft:
    return Draft(name, command.values, command.lines, "command", folder=folder, ignored=command.ignored)


def _named(path: str, parts: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Each part with its name: the path, and a number where there are several."""
    for place, part in enumerate(parts, 1):
        yield (path if len(parts) == 1 else f"{path}#{place}"), part


def _documents(text: str) -> Iterator[tuple[int, str]]:
    """The documents of a YAML file, each with the number of lines before it."""
    start = 0
    for mark in re.finditer(r"(?m)^---[ \t]*(?:#.*)?$", text):
        yield text.count("\n", 0, start), text[start : mark.start()]
        start = mark.end()
    yield text.count("\n", 0, start), text[start:]


def _has_content(text: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())
