"""`read_config`: a training config as its trainer sees it, or one line on why there is none."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optax_lr.config.dialects import Reading, axolotl, deepspeed, hf, llamafactory, shell
from optax_lr.config.files import text_of
from optax_lr.config.parsing import Document, as_omegaconf, parse
from optax_lr.config.plan import Plan, make_plan
from optax_lr.config.recognise import Recognised, recognise
from optax_lr.config.settings import ARGPARSE, SETTING_NAMES, STRICT, ConfigError, Settings

_OMEGACONF = ("llamafactory", "llamafactory-ui", "llamafactory-v1")


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """A training config, as its trainer understands it.

    Fields:
        source: where it came from: the path, `<mapping>` or `<command line>`.
        values: every key of the file, as parsed.
        settings: what decides the schedule, checked, with the trainer's defaults for what is not there.
        dialect: whose config it is: `llamafactory`, `llamafactory-ui` (saved by its web UI), `llamafactory-v1`, `hf`
            (transformers and TRL), `axolotl` or `deepspeed`.
        recognised_by: which keys or what file told the dialect.
        ignored: keys that are there and that the trainer silently passes over, each with the reason.
        lines: the line of each key in the file, from 1, nested keys dotted; empty for a mapping.
        notes: what the reader took for granted; a line each.
    """

    source: str
    values: Mapping[str, Any]
    settings: Settings
    dialect: str = "llamafactory"
    recognised_by: str = ""
    ignored: tuple[tuple[str, str], ...] = ()
    lines: Mapping[str, int] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def plan(
        self,
        *,
        num_examples: int | None = None,
        world_size: int = 1,
        transformers_version: str = "5.24.0",
        max_steps: int | None = None,
    ) -> Plan:
        """The steps and the schedule of the run, by the trainer's own arithmetic.

        Args:
            num_examples: training examples, before `max_samples` caps them and `val_size` takes its part; of packed data,
                the packed rows. Not needed where the file gives `max_steps`.
            world_size: processes that share each step.
            transformers_version: whose rules hold for `warmup_ratio` beside `warmup_steps`. From 5.15 on, `warmup_ratio`
                is refused by transformers; it is still read here as 5.0 to 5.14 did, and `Plan.notes` says so.
            max_steps: the length, in place of what the config says.

        Errors: `ConfigError` where the length cannot be known, or the trainer would refuse the setting.

        Source: `transformers.Trainer.set_initial_training_values`, `TrainingArguments.get_warmup_steps`.

        >>> config = read_config({"learning_rate": 1e-4, "lr_scheduler_type": "cosine", "warmup_steps": 0.1})
        >>> plan = config.plan(num_examples=1000)
        >>> plan.max_steps, plan.warmup_steps, plan.steps_per_epoch
        (375, 38, 125)
        """
        return make_plan(
            self.settings,
            self.source,
            num_examples=num_examples,
            world_size=world_size,
            transformers_version=transformers_version,
            max_steps=max_steps,
        )


def read_config(source: str | os.PathLike | Mapping[str, Any] | Sequence[str]) -> RunConfig:
    """The one config that is in `source`: a file, a mapping of its keys, or a command line as a list of words.

    A file is YAML, JSON, or a shell script that starts the training. Its keys tell whose it is:

    - LLaMA-Factory, also what its web UI saves: `1e-4` is a number, `${learning_rate}` refers to another key;
    - `transformers.TrainingArguments`, flat as in TRL's recipes, or under one section such as `training`;
    - axolotl;
    - DeepSpeed, alone, or named by the `deepspeed` key of the others: its scheduler block replaces theirs.

    Keys that do not concern the schedule are kept and not looked at; null counts as not given; a key given twice is an
    error. Nothing in a file is executed.

    Errors: `ConfigError`, one line, for a file that is missing, empty, not text, not a mapping, or too large, for what
    cannot be parsed, and for a setting that the trainer would refuse; also for a file of several configs
    (`read_configs`).

    >>> read_config({"learning_rate": 5e-5, "lr_scheduler_type": "linear", "max_steps": 100}).plan().schedule
    Linear(learning_rate=5e-05, max_steps=100, warmup_steps=0)
    >>> read_config(["--learning_rate", "2e-5", "--max_steps=100"]).dialect
    'hf'
    """
    configs = read_configs(source)
    if len(configs) > 1:
        raise ConfigError(f"{configs[0].source} holds {len(configs)} configs; read_configs() reads them all")
    return configs[0]


def read_configs(source: str | os.PathLike | Mapping[str, Any] | Sequence[str]) -> list[RunConfig]:
    """Every config in `source`: as `read_config`; a YAML file may hold several, divided by `---`, and a script several
    commands.

    >>> [config.source for config in read_configs({"learning_rate": 5e-5})]
    ['<mapping>']
    """
    if isinstance(source, Mapping):
        values = {str(key): value for key, value in source.items()}
        return [_config(Document("<mapping>", "", values, {}), None, is_file=False)]
    if isinstance(source, (list, tuple)):
        command = shell.options_of(source)
        return [_command("<command line>", command, None)]
    path = os.fspath(source)
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    text, folder = text_of(path), Path(path).parent
    if path.endswith((".sh", ".bash", ".slurm", ".sbatch")) or text.startswith("#!"):
        commands = shell.commands_of(path, text)
        if not commands:
            raise ConfigError(
                f"{path}: no command of this script gives an option of a schedule, such as --learning_rate"
            )
        names = _names(path, len(commands))
        return [_command(name, command, folder) for name, command in zip(names, commands, strict=True)]
    is_json = path.endswith(".json")
    documents = [(0, text)] if is_json else list(_documents(text))
    documents = [(before, part) for before, part in documents if _has_content(part)]
    if not documents:
        raise ConfigError(f"{path}: the file is empty; a config needs at least learning_rate or lr_scheduler_type")
    return [
        _config(parse(name, part, is_json=is_json, lines_before=before), folder, is_file=True)
        for name, (before, part) in zip(_names(path, len(documents)), documents, strict=True)
    ]


def _names(path: str, number: int) -> list[str]:
    return [path] if number == 1 else [f"{path}#{place}" for place in range(1, number + 1)]


def _documents(text: str):
    """The documents of a YAML file, each with the number of lines before it."""
    start = 0
    for mark in re.finditer(r"(?m)^---[ \t]*(?:#.*)?$", text):
        yield text.count("\n", 0, start), text[start : mark.start()]
        start = mark.end()
    yield text.count("\n", 0, start), text[start:]


def _has_content(text: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())


def _config(document: Document, folder: Path | None, *, is_file: bool) -> RunConfig:
    name, values = document.name, document.values
    found = recognise(name, values)
    if is_file and found.dialect in _OMEGACONF:
        values = as_omegaconf(document, SETTING_NAMES if found.dialect != "llamafactory-ui" else frozenset())
    reading = _read(name, found, values, folder, is_yaml=is_file and not name.split("#")[0].endswith(".json"))
    prefix = "".join(f"{part}." for part in found.section)
    ignored = tuple((prefix + key, why) for key, why in reading.ignored)
    return RunConfig(name, values, reading.settings, found.dialect, found.by, ignored, document.lines, reading.notes)


def _read(name: str, found: Recognised, values: Mapping[str, Any], folder: Path | None, *, is_yaml: bool) -> Reading:
    match found.dialect:
        case "llamafactory":
            return llamafactory.read(name, values, folder=folder)
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
    place = f"under {'.'.join(found.section)}" if found.section else "at the top level"
    return hf.read(name, values, rules=ARGPARSE if is_yaml else STRICT, folder=folder, place=place)


def _command(name: str, command: shell.Command, folder: Path | None) -> RunConfig:
    """A command line, whose options LLaMA-Factory and transformers share; what only the former has tells it."""
    values = command.values
    if {"stage", "finetuning_type"} & values.keys():
        dialect, by = "llamafactory", "the options --stage or --finetuning_type of a command"
        reading = llamafactory.read(name, values, folder=folder, rules=ARGPARSE)
    else:
        dialect, by = "hf", "the options of a training command"
        reading = hf.read(name, values, rules=ARGPARSE, folder=folder)
    notes = tuple(note for note in reading.notes if "is taken as a number" not in note)
    return RunConfig(
        name, values, reading.settings, dialect, by, reading.ignored + command.ignored, command.lines, notes
    )
