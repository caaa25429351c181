"""The files that a command names: the config of its trainer, and that of its launcher."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Mapping
from itertools import chain
from pathlib import Path

from optax_lr.configs.private import UNUSABLE, Disguise, matching, plain, words_of
from optax_lr.launchers.accelerate import accumulation_note, file_processes, shipped_processes
from optax_lr.sources.documents import document_of
from optax_lr.sources.errors import ConfigError, UnreadableError
from optax_lr.sources.files import ELSEWHERE, NOT_FOUND, text_of
from optax_lr.sources.interpolation import require_plain
from optax_lr.sources.marks import is_known, readable
from optax_lr.sources.parsing import as_omegaconf
from optax_lr.sources.source import Form, Processes, Source, count_of
from optax_lr.text import start_of
from optax_lr.trainers import TRAINERS, Recognised, recognise, trainer_of
from optax_lr.trainers.base import Trainer
from optax_lr.trainers.curve_keys import concerns_curve, places_of_settings
from optax_lr.trainers.keys import assignments
from optax_lr.trainers.not_recognised import why_not_recognised
from optax_lr.trainers.refused import refusal
from optax_lr.trainers.settings import SETTING_NAMES

_CONFIG_OPTIONS = (
    "config",
    "config_file",
    "config_path",
    "cfg",
    "yaml",
    "config_yaml",
    "train_config",
    "train_args_file",
)
_FORMS: dict[str, Form] = {".json": "json", ".toml": "toml"}
_OF_DEEPSPEED = re.compile(r"(?i)(?:^|[/_-])(?:ds|deepspeed|zero\d?)[\w.-]*\.json$")  # usual names of its files
_OF_OPTIONS = re.compile(r"@[\w./~-]+\.(?:args|cfg|conf|config|flags|ini|opts|options|txt)")
_LIKE_A_CONFIG = re.compile(r"(?i)config|cfg|yaml|recipe")  # a variable whose value the script does not say


def recognised(source: Source, asked: str | None = None) -> tuple[Source, Recognised]:
    """The trainer of a config, and the config with the files that its command names.

    Raises:
        ConfigError: where no trainer or more than one is certain, and where a named file cannot be read.
    """
    if source.refusal:
        raise source.error(source.refusal)
    source = with_launcher(source)
    if source.form != "command":
        return source, recognise(source, asked)
    _check_option_files(source)
    try:
        found = recognise(source, asked)
    except ConfigError:
        name = named_file(source)
        if name is None or refusal(source) is not None:
            raise
        merged = _merged(source, name, None)
        try:
            found = recognise(merged, asked)
        except ConfigError:
            if not merged.named:
                raise
            raise ConfigError(f"{source.name}: {name}: {_why_not(merged)}") from None
        trainer = trainer_of(found.trainer)
        again = trainer.config_file(source) if trainer.omegaconf else None  # OmegaConf takes `1e-3` for a number
        return (merged if again is None else _merged(source, again, trainer)), found
    trainer = trainer_of(found.trainer)
    name = trainer.config_file(source)
    if name is None and (asked is not None or found.trainer == "hf"):
        name = named_file(source)
    if name is None:
        return source, found
    merged = _merged(source, name, trainer)
    return merged, found if asked is None else recognise(merged, asked)  # whose settings may be in a section


def _why_not(merged: Source) -> str:
    """Why no trainer is recognised by the settings of a file that a command names, without its private texts."""
    both = (merged, merged if merged.copy is None else merged.copy)
    alone = (dataclasses.replace(one, program=None, name="") for one in both)
    real, copy = ((refusal(one) or why_not_recognised(one, TRAINERS)).removeprefix(": ") for one in alone)
    found = matching(real, [copy])
    return "no trainer is recognised by its settings; read that file itself" if found is None else plain(found)


def _check_option_files(source: Source) -> None:
    """Refuse a command that takes more options from a file, as `python train.py @args.txt`."""
    program = source.command
    values = [value if isinstance(value, list) else [value] for value in program.options.values()]
    for word in chain(program.positional, *values):
        if isinstance(word, str) and _OF_OPTIONS.fullmatch(word):
            raise source.error(
                f"the command in line {program.line} takes options from {word[1:]}, which is not read; write them into the command"
            )


def named_file(source: Source) -> str | None:
    """The YAML or JSON file that a command of an unknown program names as its config."""
    program = source.command
    named = [program.options.get(option) for option in _CONFIG_OPTIONS]
    named += [word for word in program.positional[:1] if is_known(word) or _LIKE_A_CONFIG.search(str(readable(word)))]
    words = [word for word in named if isinstance(word, str) and not _OF_DEEPSPEED.search(word)]
    return next((word for word in words if not is_known(word) or word.endswith((".yaml", ".yml", ".json"))), None)


def _merged(source: Source, name: str, trainer: Trainer | None) -> Source:
    """The file that a command names, with the command's own settings over it."""
    written = source.written(name)
    own = written is not None  # the script itself writes it, so that nothing in it is private
    if not own and not is_known(name):
        shown = start_of(str(readable(name)), 50)
        if shown.startswith(("$(", "`")):
            line = source.command.line
            raise source.error(
                f"the command in line {line} takes its settings from {shown}, which is not run; write its output instead"
            )
        raise source.error(
            f"the settings of the command are in {shown}, and the script does not say which file that is; read that file itself, "
            "or write the options into the command"
        )
    text, folder = (written, source.folder) if written is not None else _text_below(source, name)
    if own and not text:
        raise source.error(
            f"{name} is written by the script, with values that are not read; write the file out, and read that"
        )
    name = str(readable(name))
    try:
        document = document_of(name, text, form=_FORMS.get(Path(name).suffix, "yaml"), folder=folder)
        values: dict[str, object] = dict(document.values)
        if trainer is None or not trainer.hydra:
            require_plain(name, values)
        if trainer is not None and trainer.omegaconf:
            values = as_omegaconf(name, text, SETTING_NAMES)
    except ConfigError:
        if own:
            raise
        raise ConfigError(f"{source.name}: {name} {UNUSABLE}") from None
    source = dataclasses.replace(source, folder=folder, below=source.below if own else "", twice=document.twice)
    if own:
        return _over_file(source, name, values, trainer)
    disguise = Disguise((*words_of(source.command), *(part for place in places_of_settings(values) for part in place)))
    twice = tuple(pair for pair in document.twice if disguise.of(pair[0].split(".")) == pair[0].split("."))
    source = dataclasses.replace(source, named=name)
    copy = _over_file(dataclasses.replace(source, twice=twice), name, disguise.mapping(values), trainer)
    return dataclasses.replace(_over_file(source, name, values, trainer), copy=copy)


def _text_below(source: Source, name: str) -> tuple[str, Path]:
    """The text of the file that a command names, and the folder of the file.

    Raises:
        ConfigError: where it cannot be read.
    """
    path, outside = source.file(name)
    if path is None:
        where = "is outside of the folders of the script and of this program" if outside else NOT_FOUND
        where = "is in a folder that the script does not say" if source.below is None else where
        way = "" if outside or source.below is None else f"{ELSEWHERE}, or "
        raise ConfigError(
            f"{source.name}: the settings of the command in line {source.command.line} are in {name}, which {where}; {way}read "
            f"that file{_of_command(source)}"
        )
    try:
        return text_of(str(path)), path.parent
    except UnreadableError as error:
        raise ConfigError(f"{source.name}: {error}") from None


def _of_command(source: Source) -> str:
    """The options with which a reader of the file has the processes and the settings of the command."""
    program, count = source.command, None if source.processes is None else source.processes.count
    given = {key: value for key, value in assignments(program.positional[1:]).items() if concerns_curve(key)}
    given |= {key: str(readable(value)) for key, value in program.options.items() if key in SETTING_NAMES}
    options = [] if count in (None, 1) else [f"--world-size {count}"]
    options += [f"--set {key}={value}" for key, value in given.items()]
    return f" with {' '.join(options)}" if options else ""


def _over_file(source: Source, name: str, values: dict[str, object], trainer: Trainer | None) -> Source:
    """The values of a file that a command names, with the command's own settings over them."""
    program, processes = source.command, source.processes
    environment = values.get("ENV")
    if isinstance(environment, Mapping) and "NPROC_PER_NODE" in environment.keys() - program.environment.keys():
        processes = Processes(count_of(environment["NPROC_PER_NODE"]), f"NPROC_PER_NODE in {name}")
    if trainer is not None:
        merged = trainer.merged(values, source)
    else:
        options = {
            key: value for key, value in source.values.items() if key not in _CONFIG_OPTIONS or readable(value) != name
        }
        merged = values | options
    return dataclasses.replace(
        source,
        values=merged,
        lines={key: line for key, line in source.lines.items() if key in merged},
        form="yaml",
        notes=(*source.notes, f"the settings are those of {name}, with the command's own over them"),
        processes=processes,
    )


def with_launcher(source: Source) -> Source:
    """The source with what the launcher's own config file says, if its command names one: the processes, and groups of batches."""
    program = source.program
    option = None if program is None else program.options.get("accelerate_config")
    if program is None or not isinstance(name := program.launcher_config or option, str) or not is_known(name):
        return source
    values: Mapping[str, object] = {}
    path, _ = source.file(name)
    if path is not None:
        with contextlib.suppress(ConfigError):
            values = document_of(name, text_of(str(path)), form="yaml", folder=None).values
    of_trl = program.name.startswith("trl ")
    processes = shipped_processes(option) if of_trl else None
    if processes is None and not (source.processes is not None and source.processes.decided):
        processes = file_processes(name, values)
    if (of_trl and "num_processes" in program.options) or processes is None:
        processes = source.processes
    note = accumulation_note(name, values, source.values.get("gradient_accumulation_steps", 1))
    return dataclasses.replace(source, processes=processes, notes=tuple(dict.fromkeys((*source.notes, *note))))
