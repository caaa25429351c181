"""The training commands among the commands of a shell script, each as a source."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from optax_lr.configs.named_file import named_file
from optax_lr.configs.no_command import what_it_has
from optax_lr.configs.started import configs_of_script, with_own_parser
from optax_lr.launchers import options_of, program_of, separated
from optax_lr.sources import shell
from optax_lr.sources.documents import renamed
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.marks import MARK, readable
from optax_lr.sources.source import Program, Source
from optax_lr.text import words
from optax_lr.trainers import TRAINERS
from optax_lr.trainers.curve_keys import concerns_curve
from optax_lr.trainers.data_notes import EXAMPLE
from optax_lr.trainers.refused import refusal
from optax_lr.trainers.settings import SETTING_NAMES

SHELL = (".sh", ".bash", ".slurm", ".sbatch", ".zsh", ".job")  # the suffixes of shell scripts
_MOST_COMMANDS = 500
_TOOLS = words("ls rm cp mv tar grep sed awk find git pip conda wget curl sleep kill exit xargs parallel")
# Those whose claim shows that a command trains; hf claims every command with one of its settings.
_CERTAIN = tuple(trainer for trainer in TRAINERS.values() if trainer.name != "hf")
# Those whose scripts compute in code what their options say.
_LOOPS = tuple(trainer for trainer in TRAINERS.values() if trainer.name in ("diffusers", "open-instruct", "sd-scripts"))
_HERE = re.compile(r"(?:\$\(pwd\)|`pwd`|\$\{?PWD\}?|\.)/(?!\./)")  # before a folder in PYTHONPATH
_NOT_ALONE = words("streaming max_samples val_size gradient_accumulation_steps ppo_buffer_size warmup_steps")


def training_commands(
    path: str,
    text: str,
    folder: Path,
    files: Mapping[str, str] | None = None,
    values: Mapping[str, object] | None = None,
) -> list[Source]:
    """The training commands of a script; a command that starts a Python script with settings becomes those settings.

    Args:
        path: the script.
        text: its text.
        folder: where files that it names are looked for.
        files: texts of files that were written before it, by path.
        values: keys that the user gives, which may be options of the Python scripts.

    Raises:
        ConfigError: for a script without a training command.
    """
    every = shell.commands_of(path, text)
    ran = [
        made._replace(words=tuple(words)) for made in every if len(made.words) > 1 for words in separated(made.words)
    ]
    if len(ran) > _MOST_COMMANDS:
        raise ConfigError(
            f"{path}: {len(ran)} commands are too many; write the one that matters to a script of its own"
        )
    windows = [made.line for made in ran if made.words[-1] == "^"]
    ran = [made for made in ran if made.words[-1] != "^"]
    kept: list[Source] = []
    cut: list[str] = []
    evaluations: list[str] = []
    for made in ran:
        source = command_source(path, made, folder)
        cut += [why for _, why in source.ignored]
        if option := _only_evaluates(source):
            what = f"the command in line {made.line} has --{option} and no --do_train, so that it trains nothing"
            evaluations.append(f"{what}; add --do_train for a plan")
            continue
        by_options = any(trainer.recognise(source) is not None for trainer in _LOOPS)
        found = [] if by_options else configs_of_script(source, files or {}, values or {})
        for config in found or ([with_own_parser(source)] if _trains(source) else []):
            lines = _option_lines(config.command, text) if config.form == "command" else {}
            kept.append(dataclasses.replace(config, lines=lines))
    if windows:
        what = f"the command in line {windows[0]} is continued by ^, as in a batch file of Windows; write \\ there"
        if not kept:
            raise ConfigError(f"{path}: {what}")
        kept = [source.noted(f"{what}; until then it is left out") for source in kept]
    if not kept and cut:
        raise ConfigError(f"{path}: {cut[0]}; take the comment out, or write the missing \\")
    if not kept:
        raise ConfigError(f"{path}: {evaluations[0] if evaluations else what_it_has(every, text, folder)}")
    return renamed(path, kept)


def command_source(name: str, ran: shell.Ran, folder: Path | None) -> Source:
    """One command as a source; words that begin with options are those of a training program."""
    processes = None
    if ran.words and ran.words[0].startswith("-"):
        options, positional = options_of(ran.words)
        program = Program("", tuple(positional), options, ran.line)
    else:
        program, processes = program_of(ran.words, ran.environment, ran.line) or (Program(""), None)
    program, unset = _without_unset(program)
    notes = tuple(dict.fromkeys(ran.notes))
    notes += (f"{', '.join(unset)}: not set in the script, and taken as empty",) if unset else ()
    notes += tuple(
        f"--{key} is given more than once; the last counts" for key in SETTING_NAMES if _given_twice(ran.words, key)
    )
    cut = ", ".join(ran.cut[:4])
    why = f"the command of line {ran.line} ends before {cut}: a comment or a missing \\ cuts it off, and these are not passed"
    source = Source(
        name,
        dict(program.options),
        {},
        "command",
        folder=folder,
        below=ran.below,
        ignored=((cut, why),) if cut else (),
        notes=notes,
        program=program,
        processes=processes,
        files=ran.files,
    )
    file = _file_of_module(source) if program.module else None
    return source if file is None else dataclasses.replace(source, program=program._replace(name=file))


def _file_of_module(source: Source) -> str | None:
    """The file of the module that a command starts, in its folder, one of `PYTHONPATH`, or `src`, from which projects install.

    None where it is not there, and for a module that names a trainer.
    """
    program = source.command
    if refusal(source) is not None or any(re.fullmatch(one.programs, program.module) for one in TRAINERS.values()):
        return None
    inner = program.module.replace(".", "/")
    listed = str(readable(program.environment.get("PYTHONPATH", ""))).split(":")
    folders = ["", *(f"{folder.rstrip('/')}/" for folder in listed if folder.strip("./")), "src/"]
    names = [folder[len(here[0]) :] if (here := _HERE.match(folder)) else folder for folder in folders]
    files = [f"{name}{inner}{end}" for name in names for end in (".py", "/__main__.py")]
    return next((file for file in files if source.file(file)[0] is not None), None)


def _given_twice(words: Sequence[str], key: str) -> bool:
    """Whether an option is given more than once."""
    return sum(word.partition("=")[0].replace("-", "_") == f"__{key}" for word in words) > 1


def _without_unset(program: Program) -> tuple[Program, list[str]]:
    """The program without words that the script does not say, such as `$MORE` in `--max_steps 5 $MORE`, and these words."""
    unset = [word for word in program.positional[1:] if MARK.fullmatch(word)]
    options = dict(program.options)
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
    if program.name in ("", *_TOOLS) or any(work in trainer.not_training.get(head, ()) for trainer in _CERTAIN):
        return False
    if refusal(source) is not None or any(trainer.recognise(source) is not None for trainer in _CERTAIN):
        return True
    if SETTING_NAMES & source.values.keys() - _NOT_ALONE:
        return True
    if program.launcher or program.name.endswith(".py"):
        return any(map(concerns_curve, source.values)) or named_file(source) is not None
    return False


def _only_evaluates(source: Source) -> str:
    """The option by which a command only evaluates, in scripts that train with --do_train alone; empty for any other command."""
    program = source.command
    option = next((word for word in ("do_predict", "do_eval") if word in program.options), "")
    if not option or "do_train" in program.options:
        return ""
    text = source.script_text()
    tests = option == "do_predict" if text is None else ".do_train" in text
    return option if tests or EXAMPLE.search(program.name) else ""
