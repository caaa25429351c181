"""The settings in a Python script that a command starts, with the options of the command."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from optax_lr.configs.named_file import named_file, with_launcher
from optax_lr.configs.private import Disguise, plain, words_of
from optax_lr.sources.errors import STATE, BranchError, ConfigError
from optax_lr.sources.files import text_of
from optax_lr.sources.marks import is_known, readable
from optax_lr.sources.python import Reader
from optax_lr.sources.python.constructors import TRL
from optax_lr.sources.python.imports import texts_below
from optax_lr.sources.python.run_facts import divided_model
from optax_lr.sources.shell.commands import PASSED_ON
from optax_lr.sources.source import Source
from optax_lr.trainers.settings import SETTING_NAMES

# What a program of the Trainer has somewhere: its parsers, dataclasses for them, and the Trainer or one built on it.
_OF_TRAINER = re.compile(
    rf"\b(?:(?:Hf|H4|Trl)ArgumentParser|TrlParser|\w+Arguments|\w*Trainer|{'|'.join(sorted(TRL))})\b"
)
# Options with a place in a run.
_BEGINS = re.compile(r"(?:start|begin|initial|resume|skip)_(?:from_)?(?:step|iter|iteration|epoch)s?")


def configs_of_script(command: Source, files: Mapping[str, str], values: Mapping[str, object]) -> list[Source]:
    """The configs in the Python script that a command starts; empty where there are none.

    Args:
        command: the command.
        files: texts of files that were written before it, by path.
        values: keys that the user gives, which may be options of the script.
    """
    written = {**(files if command.below == "" else {}), **command.files}
    name = command.command.name.removeprefix("./")
    if not name.endswith(".py") or not is_known(name):
        return []
    text = written.get(name, written.get(command.command.name))
    private = text is None  # a file on the disk, which the commands did not write
    path = None
    try:
        if text is None:
            path, _ = command.file(command.command.name)
            if path is None:
                return []
            text = text_of(str(path))
        beside, package = (None, None) if path is None else (_beside(command, path), path.parent)
        folder = None if command.folder is None else command.folder / (command.below or "")
        replaced = any(command.file(other)[0] for other in written if other != name)
        reader = Reader(
            command.name,
            text,
            folder,
            command.command.options,
            command.command.environment,
            beside,
            package=package,
            added=values,
            reads_files=not replaced and command.below is not None,
        )
        calls = bool(reader.calls)
        found = reader.sources() if calls else _defaults(reader, command)
        command = with_launcher(command)
        if not command.command.launcher and (one := divided_model(reader.script)) is not None:
            command = dataclasses.replace(command, processes=one)
    except BranchError as error:
        why, state, _ = str(error).removeprefix(f"{command.name}: ").partition(STATE)
        why = plain(Disguise(words_of(command.command), script=True).note(why)) if private else why
        return [dataclasses.replace(command, refusal=f"{name} with the options of the command: {why}{state}")]
    except (ConfigError, RecursionError):
        return []
    if found and (unread := _unread_words(command, every=reader.script.options.takes_words)):
        note = f"{', '.join(map(str, map(readable, unread)))} in the command: not read, and may set values of {name}"
        command = dataclasses.replace(command, notes=(*command.notes, note))
    begins = {key: value for key, value in command.command.options.items() if _BEGINS.fullmatch(key) and value != "0"}
    late = [
        f"--{key} {readable(value)}: the run may begin there, and this plan begins at step 0"
        for key, value in begins.items()
    ]
    command = dataclasses.replace(command, notes=(*command.notes, *late))
    complete = _as_called if calls else _as_parsed
    origin = _origin_of(command, name, reader.script.options.names)
    found = [dataclasses.replace(config, origin=origin) for config in found]  # no texts of the script itself
    if not private:
        return [complete(config, command, name) for config in found]
    known = [*words_of(command.command), *reader.script.options.names]
    return [
        dataclasses.replace(
            complete(config, command, name), named=name, copy=complete(_disguised(config, known), command, name)
        )
        for config in found
    ]


def _beside(command: Source, path: Path) -> Path:
    """The folder in which Python looks for the modules of a script: its own, or for `-m package.module` that of the package."""
    module = command.command.module
    return path.parents[module.count(".") + (path.name == "__main__.py")] if module else path.parent


def _origin_of(command: Source, name: str, options: Collection[str]) -> Callable[[str], str]:
    """Where keys come from that a call unpacks, and values that the script `name` has from arguments which are not known."""
    file = named_file(command)
    unpacked = "" if file is None or not is_known(file) else f"the command names {file}; read that file"
    also = ", or the YAML file of its --config" if "config" in options else ""
    passed = f'{name} gets the arguments of this script ("$@"); read its command with them{also}'
    return lambda text: unpacked if text.endswith(".") else passed if PASSED_ON in command.notes else ""


def with_own_parser(command: Source) -> Source:
    """The command, marked if its script parses the options itself: it has their names and nothing of the Trainer.

    Modules below the folder of the script count as parts of it.
    """
    path, _ = command.file(command.program_name) if command.program_name.endswith(".py") else (None, False)
    if path is None:
        return command
    texts = texts_below(path, _beside(command, path))
    named = any(re.search(rf"\b{key}\b", text) for text in texts for key in SETTING_NAMES & command.values.keys())
    own = named and not any(map(_OF_TRAINER.search, texts))
    return dataclasses.replace(command, own_parser=own)


def _unread_words(command: Source, *, every: bool) -> list[str]:
    """The words that may be options in forms that are not read: `-learning_rate 1`, `@args.txt`, and numbers alone.

    All words are, where the script takes `every` word for a value.
    """
    options = [word for value in command.command.options.values() if isinstance(value, list) for word in value]
    dashed = [word for word in (*command.command.positional, *options) if re.match(r"-[A-Za-z]", word)]
    others = [word for word in command.command.positional if every or re.match(r"@|[\d.]+(?:e-?\d+)?$", word)]
    return list(dict.fromkeys([*dashed, *others]))


def _as_called(config: Source, command: Source, name: str) -> Source:
    """The config in a call of the script `name`."""
    shown = f"the settings are those in {name}, with the options of the command in line {command.command.line}"
    processes = command.processes if command.command.launcher else config.processes or command.processes
    notes = (*command.notes, shown, *config.notes)
    return dataclasses.replace(config, text="", lines={}, notes=notes, processes=processes)


def _defaults(reader: Reader, command: Source) -> list[Source]:
    """The defaults of a script that parses its options into training arguments, without those that the command replaces."""
    parsed = reader.parsed()
    if parsed is None:
        return []
    return [
        dataclasses.replace(
            parsed,
            values={key: value for key, value in parsed.values.items() if key not in command.values},
            unknown={key: text for key, text in parsed.unknown.items() if key not in command.values},
            lengths={key: length for key, length in parsed.lengths.items() if key not in command.values},
            notes=tuple(note for note in parsed.notes if "defaults of" not in note),
        )
    ]


def _as_parsed(defaults: Source, command: Source, _: str) -> Source:
    """The command over the defaults of its script."""
    own = ", ".join(f"{key} {value}" for key, value in defaults.values.items() if key in SETTING_NAMES)
    return dataclasses.replace(
        command,
        values={**defaults.values, **command.values},
        notes=(*command.notes, *defaults.notes, *([f"the defaults of the script itself are {own}"] if own else [])),
        constructor=defaults.constructor,
        unknown=defaults.unknown,
        lengths=defaults.lengths,
        options=defaults.options,
    )


def _disguised(config: Source, known: Iterable[str]) -> Source:
    """The config with placeholders for the private texts of its script, other than the words that are `known`."""
    disguise = Disguise(known, script=True)
    return dataclasses.replace(
        config,
        values=disguise.mapping(config.values),
        notes=tuple(map(disguise.note, config.notes)),
        alone={disguise.key(key): disguise.text(place) for key, place in config.alone.items()},
        unknown={disguise.key(key): disguise.expression(text) for key, text in config.unknown.items()},
        lengths={key: length._replace(text=disguise.expression(length.text)) for key, length in config.lengths.items()},
    )
