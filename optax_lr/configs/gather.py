"""Every config that a file, a mapping or a command line holds, with the files that its commands name."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optax_lr.arguments import file_name
from optax_lr.configs.private import UNUSABLE, Disguise
from optax_lr.launchers import options_of, program_of
from optax_lr.launchers.accelerate import file_processes, shipped_processes
from optax_lr.sources import card, notebook, python, shell, wandb
from optax_lr.sources.constructors import EMBEDDING_KEYS
from optax_lr.sources.documents import document_of, documents_of, numbered
from optax_lr.sources.errors import ConfigError, UnreadableError, UnstatedError
from optax_lr.sources.files import LARGEST_FILE, LARGEST_NOTEBOOK, file_below, text_of
from optax_lr.sources.interpolation import require_plain
from optax_lr.sources.marks import MARK, is_known, readable
from optax_lr.sources.parsing import as_omegaconf, unresolved
from optax_lr.sources.source import Form, Processes, Program, Source, count_of
from optax_lr.text import words
from optax_lr.trainers import Recognised, recognise, trainer_of
from optax_lr.trainers.base import Trainer, concerns_curve
from optax_lr.trainers.refused import refusal
from optax_lr.trainers.settings import SETTING_NAMES
from optax_lr.trainers.trl import apart

_SHELL = (".sh", ".bash", ".slurm", ".sbatch", ".zsh", ".job")
_FORMS: Mapping[str, Form] = {".json": "json", ".toml": "toml"}
_NOT_READ = {
    ".bat": "a batch file of Windows",
    ".cmd": "a batch file of Windows",
    ".ps1": "a PowerShell script",
    ".cfg": "an INI file",
    ".ini": "an INI file",
    ".xml": "an XML file",
    ".gin": "a gin file",
    ".jsonnet": "a Jsonnet file",
}
_CONFIG_OPTIONS = ("config", "config_file", "config_path", "cfg", "yaml", "config_yaml", "train_config")
_LIKE_A_CONFIG = re.compile(r"(?i)config|cfg|yaml|recipe")  # a variable whose value the script does not say
_MOST_COMMANDS = 500
_TOOLS = words("ls rm cp mv tar grep sed awk find git pip conda wget curl sleep kill exit")
# Subcommands of training programs that do not train.
_OTHER_WORK: Mapping[str, frozenset[str]] = {
    "llamafactory-cli": words("api chat env eval export help version webchat webui"),
    "lmf": words("api chat env eval export help version webchat webui"),
    "swift": words("app deploy eval export infer merge-lora rollout sample web-ui"),
    "axolotl": words("evaluate fetch inference merge-lora merge-sharded-fsdp-weights preprocess quantize vllm-serve"),
    "trl": words("chat env vllm-serve"),
    "tune": words("cat cp download ls validate"),
}
_BY_COMMAND = (
    *("llamafactory", "axolotl", "swift", "trl", "maxtext", "levanter", "megatron", "torchtune"),
    *("verl", "nanogpt", "diffusers", "open-instruct"),
)
_NOT_ALONE = words("streaming max_samples val_size gradient_accumulation_steps ppo_buffer_size warmup_steps")
_LENGTH = frozenset({"per_device_train_batch_size", "gradient_accumulation_steps", "num_train_epochs"})


def sources_of(source: str | os.PathLike[str] | Mapping[str, object] | Sequence[str]) -> list[Source]:
    """Every config in `source`, parsed.

    Raises:
        ConfigError: for what cannot be parsed, and for a file without a config.
    """
    if isinstance(source, Mapping):
        return [Source("<mapping>", unresolved(source), {}, "mapping")]
    if isinstance(source, (list, tuple)):
        if not all(isinstance(word, str) for word in source):
            raise ConfigError("<command line>: a command line is a list of text, such as ['--learning_rate', '2e-5']")
        return [_command("<command line>", shell.Ran(tuple(source), {}, 1), None)]
    path = file_name(
        "a config", source, of="a file", instead=", a mapping of its keys, or a command line as a list of words"
    )
    suffix = Path(path).suffix.lower()
    if suffix in _NOT_READ:
        raise ConfigError(
            f"{path}: {_NOT_READ[suffix]} is not read; write the options of its training command to a YAML file or a shell script"
        )
    text, folder = text_of(path, LARGEST_NOTEBOOK if suffix == ".ipynb" else LARGEST_FILE), Path(path).parent
    if suffix == ".py" or (text.startswith("#!") and re.match(r"#!.*\bpython", text)):
        export = notebook.export_of(text)
        if export is None:
            return python.script_sources(path, text, folder)
        return _of_cells(path, export, text, folder, "python")
    if suffix == ".ipynb":
        return notebook_configs(path, text, folder)
    if suffix in _SHELL or text.startswith("#!"):
        return _commands(path, text, folder)
    if suffix == ".md":
        try:
            return [card.source_of(path, text, folder)]
        except ConfigError as error:
            with contextlib.suppress(ConfigError):
                return _commands(path, card.shell_blocks(text), folder)
            raise ConfigError(f"{error}, and no block of shell commands that trains") from None
    documents = documents_of(path, text, _FORMS.get(suffix, "yaml"), folder)
    parts = [part for one in documents for part in apart(wandb.recorded(one))]
    return [part.called(name) for name, part in numbered(path, parts)]


def notebook_configs(path: str, text: str, folder: Path) -> list[Source]:
    """Every config in the text of a notebook."""
    return _of_cells(path, notebook.cells_of(path, text), text, folder, "notebook")


def _of_cells(path: str, cells: notebook.Notebook, text: str, folder: Path, form: Form) -> list[Source]:
    """The configs in the cells: in their Python, in their commands, and in the files that they write."""
    found: list[Source] = []
    ran: list[Source] = []
    why: ConfigError | None = None
    try:
        made = python.script_sources(path, cells.code, folder)
        found = [dataclasses.replace(source, form=form, text=text) for source in made]
    except ConfigError as error:
        why = error
    with contextlib.suppress(ConfigError):
        script = notebook.cell_commands(path, cells)
        written = python.Reader(path, cells.code).files()
        commands = _commands(path, script, folder, cells.files)
        ran = [dataclasses.replace(source, files={**written, **source.files}) for source in commands]
    found = [
        dataclasses.replace(source, lines=notebook.lines_in_file(source.lines, cells.places))
        for source in (*found, *ran)
    ]
    lines = [line for line in cells.commands.splitlines() if not line.startswith("cat >")]
    for name, body in cells.files.items():
        if ran and any(Path(name).name in line for line in lines):  # a command takes it
            continue
        with contextlib.suppress(ConfigError):
            found += _of_written(name, body, folder)
    if not found:
        raise why or ConfigError(f"{path}: no config is in the cells of this notebook")
    return [source.called(name) for name, source in numbered(path, found)]


def _of_written(name: str, body: str, folder: Path) -> list[Source]:
    """The configs in a file that a notebook writes.

    Raises:
        ConfigError: where it is none.
    """
    if name.endswith(".py"):
        return python.script_sources(name, body, folder)
    if name.endswith((".yaml", ".yml", ".json")):
        made = documents_of(name, body, "json" if name.endswith(".json") else "yaml", folder)
        for source in made:
            recognise(source)
        return made
    return _commands(name, body, folder) if name.endswith(_SHELL) else []


def _commands(path: str, text: str, folder: Path, files: Mapping[str, str] | None = None) -> list[Source]:
    """The training commands of a script."""
    ran = [made for made in shell.commands_of(path, text) if len(made.words) > 1]
    if len(ran) > _MOST_COMMANDS:
        raise ConfigError(f"{path}: {len(ran)} commands are too many; read the one that matters as a list of words")
    kept: list[Source] = []
    cut: list[str] = []
    for made in ran:
        source = _command(path, made, folder)
        cut += [why for _, why in source.ignored]
        inside = _of_script(source, files or {})
        kept += inside or ([source] if _trains(source) else [])
    if not kept and cut:
        raise ConfigError(f"{path}: {cut[0]}; take the comment out, or write the missing \\")
    if not kept:
        raise ConfigError(f"{path}: no command of this script gives an option of a schedule, such as --learning_rate")
    named = [source.called(name) for name, source in numbered(path, kept)]
    return [
        source if source.form != "command" else dataclasses.replace(source, lines=_option_lines(source.command, text))
        for source in named
    ]


def _of_script(source: Source, files: Mapping[str, str]) -> list[Source]:
    """The configs in the Python script that a command starts, with the command's options; empty where there are none."""
    program = source.command
    name = program.name.removeprefix("./")
    if not name.endswith(".py") or not is_known(name):
        return []
    written = {**files, **source.files}
    text, path = written.get(name) or written.get(program.name), None
    try:
        if text is None:
            path, _ = file_below(name, source.folder)
            if path is None:
                return []
            text = text_of(str(path))
        reader = python.Reader(source.name, text, source.folder, program.options)
        if reader.calls():
            shown = f"the settings are those in {name}, with the options of the command in line {program.line}"
            notes = (*source.notes, shown)
            made = [_started(one, source, notes) for one in reader.sources()]
        else:
            notes, made = source.notes, _parsed(source, reader)
    except ConfigError:
        return []
    return made if path is None else [_disguised(one, name, notes) for one in made]


def _started(source: Source, by: Source, notes: tuple[str, ...]) -> Source:
    """A config of a Python script that the command `by` starts."""
    processes = by.processes if by.command.launcher else source.processes or by.processes
    return dataclasses.replace(source, text="", lines={}, notes=(*notes, *source.notes), processes=processes)


def _disguised(source: Source, name: str, notes: tuple[str, ...]) -> Source:
    """The settings in a Python script that a command starts, with the copy from which messages are made.

    Args:
        source: the settings.
        name: the script.
        notes: those of its notes that do not quote the script.
    """
    disguise = Disguise()
    copy = dataclasses.replace(
        source,
        values=disguise.of(source.values),
        notes=(*notes, *(disguise.note(note) for note in source.notes if note not in notes)),
        unknown={str(disguise.of(key)): disguise.text(text) for key, text in source.unknown.items()},
        lengths={key: length._replace(text=disguise.text(length.text)) for key, length in source.lengths.items()},
    )
    return dataclasses.replace(source, named=name, copy=copy)


def _parsed(source: Source, reader: python.Reader) -> list[Source]:
    """The command of a script that parses its options into training arguments, over the script's own defaults."""
    parsed = reader.parsed()
    if parsed is None:
        return []
    stated = {key: value for key, value in parsed.values.items() if key not in source.values}
    own = ", ".join(f"{key} {value}" for key, value in stated.items() if key in SETTING_NAMES)
    notes = (*source.notes, *(note for note in parsed.notes if "defaults of" not in note))
    notes += (f"the defaults of the script itself are {own}",) if own else ()
    values = stated | dict(source.values)
    unknown = {key: text for key, text in parsed.unknown.items() if key not in source.values}
    lengths = {key: length for key, length in parsed.lengths.items() if key not in source.values}
    return [
        dataclasses.replace(
            source, values=values, notes=notes, constructor=parsed.constructor, unknown=unknown, lengths=lengths
        )
    ]


def _command(name: str, ran: shell.Ran, folder: Path | None) -> Source:
    """One command as a source; words that begin with options are those of a training program."""
    words = list(ran.words)
    processes = None
    if words and words[0].startswith("-"):
        options, positional = options_of(words)
        program = Program("", tuple(positional), options, ran.line)
    else:
        program, processes = program_of(words, ran.environment, ran.line) or (Program(""), None)
    program, unset = _without_unset(program)
    notes = tuple(dict.fromkeys(ran.notes))
    notes += (f"{', '.join(unset)}: not set in the script, and taken as empty",) if unset else ()
    cut = ", ".join(ran.cut[:4])
    why = f"the command of line {ran.line} ends before {cut}: a comment or a missing \\ cuts it off, and these are not passed"
    return Source(
        name,
        dict(program.options),
        {},
        "command",
        folder=folder,
        ignored=((cut, why),) if cut else (),
        notes=notes,
        program=program,
        processes=processes,
        files=ran.files,
    )


def _without_unset(program: Program) -> tuple[Program, list[str]]:
    """The program without words that the script does not say, such as `$MORE` in `--max_steps 5 $MORE`, and these words."""
    unset = [word for word in program.positional[1:] if MARK.fullmatch(word)]
    options: dict[str, Any] = dict(program.options)
    for key, value in options.items():
        stated = [word for word in value if not MARK.fullmatch(word)] or value[:1] if isinstance(value, list) else []
        if stated and len(stated) < len(value):
            unset += [word for word in value if word not in stated]
            options[key] = stated if stated[1:] else stated[0]
    return program._replace(options=options), [str(readable(word)) for word in dict.fromkeys(unset)]


def _option_lines(program: Program, text: str) -> dict[str, int]:
    """The line of each option: from the command on, else of a variable that was set before."""
    rows = list(enumerate(text.splitlines(), 1))
    lines: dict[str, int] = {}
    for number, line in rows[program.line - 1 :] + rows[: program.line - 1]:
        for key in re.findall(r"--([\w.-]+)", "" if line.lstrip().startswith("#") else line):
            lines.setdefault(key.replace("-", "_"), number)
    return {key: lines[key] for key in program.options if key in lines}


def _trains(source: Source) -> bool:
    """Whether a command of a script is a training run, and no other program."""
    program = source.command
    head, _, work = program.name.partition(" ")
    if program.name in ("", *_TOOLS) or work in _OTHER_WORK.get(head, ()):
        return False
    if refusal(source) is not None or any(trainer_of(name).recognise(source) is not None for name in _BY_COMMAND):
        return True
    if SETTING_NAMES & source.values.keys() - _NOT_ALONE:
        return True
    if program.launcher or program.name.endswith(".py"):
        return any(map(concerns_curve, source.values)) or _named_file(source) is not None
    return False


def recognised(source: Source, asked: str | None = None) -> tuple[Source, Recognised]:
    """The trainer of a config, and the config with the file that its command names.

    Raises:
        ConfigError: where no trainer or more than one is certain, and where a named file cannot be read.
    """
    source = _with_launcher(source)
    if source.form != "command":
        return source, recognise(source, asked)
    try:
        found = recognise(source, asked)
    except ConfigError:
        name = _named_file(source)
        if name is None or refusal(source) is not None:
            raise
        merged = _merged(source, name, None)
        try:
            return merged, recognise(merged, asked)
        except ConfigError:
            if not merged.named:
                raise
            raise ConfigError(
                f"{source.name}: no trainer is recognised by the settings in {name}; name it with --trainer, or read that file"
            ) from None
    name = trainer_of(found.trainer).config_file(source)
    if name is None and (asked is not None or found.trainer == "hf"):
        name = _named_file(source)
    if name is not None:
        source = _merged(source, name, found)
    return source, found


def _named_file(source: Source) -> str | None:
    """The YAML or JSON file that a command of an unknown program names as its config."""
    program = source.command
    named = [program.options.get(option) for option in _CONFIG_OPTIONS]
    named += [word for word in program.positional[:1] if is_known(word) or _LIKE_A_CONFIG.search(str(readable(word)))]
    words = [word for word in named if isinstance(word, str)]
    return next((word for word in words if not is_known(word) or word.endswith((".yaml", ".yml", ".json"))), None)


def _merged(source: Source, name: str, found: Recognised | None) -> Source:
    """The file that a command names, with the command's own settings over it."""
    if not is_known(name):
        raise ConfigError(
            f"{source.name}: the settings of the command are in {readable(name)}, and the script does not say which file that is; "
            "read that file itself, or write the options into the command"
        )
    text, folder = source.files.get(name), source.folder
    if text is None:
        path, outside = file_below(name, folder)
        if path is None:
            where = "is outside of the folders of the script and of this program" if outside else "is not here"
            raise ConfigError(
                f"{source.name}: the settings of the command in line {source.command.line} are in {name}, which {where}; read that "
                f"file{_settings_of_command(source)}"
            )
        try:
            text, folder = text_of(str(path)), path.parent
        except UnreadableError as error:
            raise ConfigError(f"{source.name}: {error}") from None
    own = name in source.files  # the script itself writes it, so that nothing in it is private
    trainer = trainer_of(found.trainer) if found is not None else None
    try:
        document = document_of(name, text, form="json" if name.endswith(".json") else "yaml", folder=folder)
        values: dict[str, object] = dict(document.values)
        require_plain(name, values)
        if trainer is not None and trainer.omegaconf:
            values = as_omegaconf(name, text, values, SETTING_NAMES)
    except ConfigError:
        if own:
            raise
        raise ConfigError(f"{source.name}: {name} {UNUSABLE}") from None
    source = dataclasses.replace(source, folder=folder, twice=document.twice)
    if own:
        return _with_file(source, name, values, trainer)
    disguise = Disguise()
    twice = tuple(pair for pair in document.twice if disguise.of(pair[0].split(".")) == pair[0].split("."))
    named = dataclasses.replace(source, named=name)
    copy = _with_file(dataclasses.replace(named, twice=twice), name, disguise.of(values), trainer)
    return dataclasses.replace(_with_file(named, name, values, trainer), copy=copy)


def _with_file(source: Source, name: str, values: dict[str, object], trainer: Trainer | None) -> Source:
    """The values of a file that a command names, with the command's own settings over them."""
    program, processes = source.command, source.processes
    if program.name.startswith("trl ") and "num_processes" in values:
        processes = Processes(count_of(values.pop("num_processes")), f"num_processes in {name}")
    environment = values.get("ENV")
    if isinstance(environment, Mapping) and "NPROC_PER_NODE" in environment.keys() - program.environment.keys():
        processes = Processes(count_of(environment["NPROC_PER_NODE"]), f"NPROC_PER_NODE in {name}")
    if trainer is not None:
        merged = trainer.merged(values, source)
    else:
        options = {key: value for key, value in source.values.items() if key not in _CONFIG_OPTIONS or value != name}
        merged = values | options
    return dataclasses.replace(
        source,
        values=merged,
        lines={key: line for key, line in source.lines.items() if key in merged},
        form="yaml",
        notes=(*source.notes, f"the settings are those of {name}, with the command's own over them"),
        processes=processes,
    )


def _settings_of_command(source: Source) -> str:
    """The settings in the command that a reader of the file must not forget."""
    program = source.command
    pairs = [word for word in program.positional[1:] if "=" in word]
    pairs.sort(
        key=lambda pair: not concerns_curve(pair.partition("=")[0]) and pair.partition("=")[0] not in SETTING_NAMES
    )
    pairs += [f"--{key} {readable(value)}" for key, value in program.options.items() if key in SETTING_NAMES]
    return f", and mind that {', '.join(pairs[:6])} replace its values" if pairs else ""


def _with_launcher(source: Source) -> Source:
    """The source with the number of processes of the launcher's own config file, if its command names one."""
    program = source.program
    if program is None:
        return source
    shipped = program.options.get("accelerate_config")
    known = shipped_processes(shipped) if program.name.startswith("trl ") else None
    if known is not None:
        return dataclasses.replace(source, processes=known)
    name = program.launcher_config or (shipped if isinstance(shipped, str) else "")
    if not name or not is_known(name) or (source.processes is not None and source.processes.count is not None):
        return source
    path, _ = file_below(name, source.folder)
    if path is None:
        return source
    try:
        values = document_of(name, text_of(str(path)), form="yaml", folder=None).values
    except ConfigError:
        return source
    found = file_processes(name, values)
    return source if found is None else dataclasses.replace(source, processes=found)


def checked(source: Source, overrides: Mapping[str, object], section: tuple[str, ...] = ()) -> Source:
    """The source with `overrides`, and without marks of what a script does not say.

    Raises:
        ConfigError: where a setting of the curve has a value that the file does not say.
    """
    values = dict(source.values)
    for key, value in overrides.items():
        place: dict[str, Any] = values
        *above, name = (*section, *key.split("."))
        for part in above:
            inner = place.get(part)
            place[part] = dict(inner) if isinstance(inner, Mapping) else {}
            place = place[part]
        place[name] = value
    unknown = {key: value for key, value in source.unknown.items() if key not in overrides}
    unreadable = next((key for key in unknown if key.startswith("*")), None)
    if unreadable is not None:
        what = unreadable if unreadable.startswith("**") else f"argument {unreadable[1:]}"
        raise ConfigError(
            f"{source.name}: {what} of the call is not a literal and may hold any setting; write the keys to a YAML file"
        )
    unknown |= {key: str(readable(value)) for key, value in values.items() if not is_known(value)}
    decided = frozenset() if count_of(values.get("max_steps")) is None else _LENGTH
    words = [] if source.program is None else [word.partition("=") for word in source.program.positional]
    stated = unknown | {
        key: str(readable(value)) for key, _, value in words if not is_known(value) and key not in overrides
    }
    whole_call = source.constructor.startswith(("optax.", "torch.optim."))  # every argument counts
    missing = {
        key: text
        for key, text in stated.items()
        if (whole_call or key in SETTING_NAMES or concerns_curve(key)) and key not in decided | EMBEDDING_KEYS
    }
    if missing:
        raise UnstatedError(f"{source.name}: {_missing(source, missing)}")
    without = set(source.unknown) | {key for key in unknown if key in decided}  # what max_steps makes irrelevant
    kept = {key: value for key, value in values.items() if key not in without or key in overrides}
    return dataclasses.replace(source, values={key: readable(value) for key, value in kept.items()})


def _missing(source: Source, missing: Mapping[str, str]) -> str:
    """Which settings have values that the source does not say, and what to do."""
    way = " ".join(f"--set {key}=VALUE" for key in missing)
    if source.form in ("python", "notebook"):
        what = ", ".join(f"{key}={text}" for key, text in missing.items())
        verb, its = ("are not literals", "their values") if len(missing) > 1 else ("is not a literal", "its value")
        return f"{what} {verb}; give {its} with {way}"
    line = 1 if source.program is None else source.program.line
    what = ", ".join(f"--{key} {text}" for key, text in missing.items())
    return f"the script does not say what {what} in the command of line {line} is; write the value out, or give it with {way}"
