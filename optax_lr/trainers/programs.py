"""Programs of people's own that take training arguments, and may have defaults and a schedule of their own."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from optax_lr.sources.files import ELSEWHERE, folder_for
from optax_lr.sources.loading_script import program_of
from optax_lr.sources.python.constructors import HOMES
from optax_lr.sources.source import Source
from optax_lr.text import words
from optax_lr.trainers.base import Reading, Recognised
from optax_lr.trainers.data_notes import EXAMPLE, JOINED
from optax_lr.trainers.usual_names import rates_of

TARGET = "_target_"  # the class that Hydra turns a mapping into
# One of TRL's examples.
_OF_TRL = re.compile(
    r"(?:^|/)(?:run_)?(?:sft|dpo|grpo|kto|reward_modeling|rloo|orpo|cpo|bco|gkd|online_dpo|nash_md|xpo|prm|gspo)(?:_vlm|_video_llm)?\.py$"
)
_DECIDING = (
    "lr_scheduler_type",
    "num_train_epochs",
    "per_device_train_batch_size",
)  # the kind, the length and the batch
_RATES = words("lr learning_rate base_lr max_lr peak_lr")  # as programs of their own call it


class KnownScript(NamedTuple):
    """One script.

    Fields:
        whose: its repository and name.
        options: options that only this script has.
        defaults: the settings in which its arguments differ from those of transformers.
    """

    whose: str
    options: frozenset[str]
    defaults: Mapping[str, object]


SCRIPTS = {
    "qlora.py": KnownScript(  # class TrainingArguments at its 7f4e95a
        "artidoro/qlora's qlora.py",
        words(
            "source_max_len target_max_len double_quant quant_type full_finetune max_memory_MB mmlu_split do_mmlu_eval"
        ),
        {
            "learning_rate": 2e-4,
            "lr_scheduler_type": "constant",
            "warmup_ratio": 0.03,
            "max_steps": 10_000,
            "per_device_train_batch_size": 1,
            "gradient_accumulation_steps": 16,
        },
    )
}


def script_of(source: Source) -> KnownScript | None:
    """The script that a command starts, if it is one of these and its own file is not here."""
    return None if source.constructor else SCRIPTS.get(source.program_name.rpartition("/")[2])


def target_of(
    values: Mapping[Any, object], classes: Container[str], depth: int = 3
) -> tuple[str, tuple[str, ...]] | None:
    """The one of these classes that Hydra turns a mapping into, by its `_target_`, and where that mapping is.

    >>> target_of({"arguments": {"_target_": "transformers.TrainingArguments"}}, {"TrainingArguments"})
    ('TrainingArguments', ('arguments',))
    """
    name = class_of(values)
    found: list[tuple[str, tuple[str, ...]]] = [(name, ())] if name in classes else []
    for key, inner in values.items():
        if isinstance(inner, Mapping) and depth and (below := target_of(inner, classes, depth - 1)):
            found.append((below[0], (str(key), *below[1])))
    return found[0] if len(found) == 1 else None


def class_of(values: Mapping[Any, object]) -> str:
    """The class of transformers, TRL or a package like them that Hydra turns a mapping into; empty for any other."""
    home, _, name = str(values.get(TARGET, "")).partition(".")
    return name.rpartition(".")[2] if home in HOMES else ""


def is_own(program: str) -> bool:
    """Whether a command starts a script or module of the user's, such as `train.py` or, with `-m`, `train`."""
    return program.endswith(".py") or not (" " in program or program.partition(".")[0] in ("trl", "transformers"))


def of_own_program(source: Source, found: Recognised, reading: Reading) -> Reading:
    """The reading of a file that only a program of its own can take, which may have other defaults.

    transformers' and TRL's parsers take no sections, and no keys that they do not know.

    Raises:
        ConfigError: for a section that leaves the kind of the schedule to that program, and for a rate of its own in a file
            without `learning_rate`.
    """
    absent = [default.key for default in reading.defaults]
    if source.form in ("yaml", "json", "toml", "mapping") and "learning_rate" in absent:
        given = {key: value for key, value in source.given.items() if key != "deepspeed"}
        rates = [f"{place} {value}" for place, value in rates_of(given) if place.rpartition(".")[2] in _RATES]
        if rates:
            raise source.error(
                f"learning_rate is not given, and {', '.join(rates[:3])} may be the rate that a program of its own reads; "
                "--set learning_rate=VALUE gives the right one"
            )
    note = ""
    if (script := script_of(source)) is not None:
        reading = reading._replace(unknown=tuple(key for key in reading.unknown if key not in script.options))
        if absent:
            note = f"{source.program_name} is not here, and is read as {script.whose}; a changed copy may have other defaults"
    elif source.program is not None:
        note = _of_a_script(source, found, absent)
    elif source.form in ("yaml", "json", "toml"):
        note = _of_a_file(source, found, reading, absent)
    return reading._replace(notes=(*reading.notes, note)) if note else reading


def _others(absent: Sequence[str]) -> str:
    return f"other defaults for {', '.join(absent)}, or " if absent else ""


def _of_a_script(source: Source, found: Recognised, absent: Sequence[str]) -> str:
    """The note on a script or module of the user's that is not read; empty for any other program."""
    program = source.program_name
    if not is_own(program) or source.constructor or JOINED.search(program):
        return ""
    asked = not program or found.trainer != "hf" or found.by.startswith("--trainer")
    if "learning_rate" in absent and not asked:
        raise source.error(
            f"learning_rate is not in the command, and {program}, which is not read, may have a default of its own; give it with "
            "--set learning_rate=VALUE"
        )
    what, way = _where(source)
    guessed = [key for key in _DECIDING if key in absent]
    elsewhere = found.trainer != "hf" or "outside" in what or _is_moved(source)
    if way and guessed and elsewhere and not found.by.startswith("--trainer") and not _is_shipped(program):
        give = " ".join(f"--set {key}=VALUE" for key in guessed)
        raise source.error(
            f"{', '.join(guessed)} would be defaults, and {program}, which may have others, {what}; {way}, or give {give}"
        )
    return f"{program} {what}, and may have {_others(absent)}a schedule, batches or a loop of its own"


def _where(source: Source) -> tuple[str, str]:
    """Why the script or module of a command is not read, and where it would be; the latter is empty where that is not known."""
    program = source.program_name
    file = program if program.endswith(".py") else f"{program.replace('.', '/')}.py"
    path, outside = source.file(file)
    itself = (
        posixpath.basename(file) == posixpath.basename(source.name).partition("#")[0]
    )  # whose docstring has the command
    if path is not None or source.folder is None or itself or source.written(file) is not None:
        return "is not read", ""
    if not outside:
        return "is not found from here", ELSEWHERE
    above = folder_for(file, source.folder, source.below)
    return "is outside of this folder", f"start optax-lr in {above}" if above else ELSEWHERE


def _is_moved(source: Source) -> bool:
    """Whether the folder into which the commands go is here, so that a script that it does not have is somewhere else."""
    return bool(source.below) and any(
        (place / str(source.below)).is_dir() for place in (source.folder or Path(), Path())
    )


def _is_shipped(program: str) -> bool:
    """Whether a script has the name of an example of transformers or TRL, whose defaults are known."""
    return EXAMPLE.search(program) is not None or _OF_TRL.search(program) is not None


def _of_a_file(source: Source, found: Recognised, reading: Reading, absent: Sequence[str]) -> str:
    """The note on a section or keys that transformers' parser does not take; empty where there are none."""
    section, by_class = ".".join(found.section), found.by.startswith(TARGET)
    if section and "lr_scheduler_type" in absent and not (by_class or found.by.startswith("--trainer")):
        program = program_of(source) or "the program that reads this file"
        raise source.error(
            f"lr_scheduler_type is not under {section}, and {program} may have a default of its own; give it with "
            f"--set lr_scheduler_type=VALUE, or take that of transformers with --trainer {found.trainer}"
        )
    shown = [f"the section {section}"] if section else reading.unknown[:3]
    if not shown or by_class:
        return ""
    why = f"{', '.join(shown)} show{'' if shown[1:] else 's'} that another program reads this file"
    of_command = " or one of a DeepSpeed config that its command names" if section else ""
    return f"{why}, which may have {_others(absent)}a schedule of its own{of_command}"
