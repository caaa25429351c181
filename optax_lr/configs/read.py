"""`read_config`: a training config as its trainer sees it, or one line on why there is none."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from optax_lr.configs.gather import sources_of
from optax_lr.configs.named_file import named_file, recognised
from optax_lr.configs.private import both, plain, shown_notes
from optax_lr.configs.run_config import RunConfig
from optax_lr.configs.stated import checked, is_there
from optax_lr.sources.errors import ConfigError, UnknownKeysError, UnstatedError
from optax_lr.sources.interpolation import require_plain
from optax_lr.sources.parsing import as_omegaconf
from optax_lr.sources.python.constructors import SCHEDULES, TRAINING_ARGUMENTS, TRL
from optax_lr.sources.source import Length, Processes, Source, count_of
from optax_lr.trainers import TRAINERS, Recognised, Trainer, trainer_of
from optax_lr.trainers.curve_keys import abbreviated, concerns_curve, other_rates, places_of_settings, sections_of_run
from optax_lr.trainers.keys import assignments
from optax_lr.trainers.settings import SETTING_NAMES
from optax_lr.trainers.transformers import CURVE_KEYS, in_section

_OF_A_RUN = frozenset({"max_steps", "num_train_epochs", "learning_rate"})
_PROCESSES = "num_processes"
_FILES = ("extends", "_base_", "inherit", "inherits", "include", "includes", "defaults")  # keys that name other files
_RATE = re.compile(r"(?:^|_)(?:lr|learning_rate)(?:_|$)")
_OF_NO_CURVE = re.compile(r"(?:lora|wandb|logging|hub|adam|eval)_")  # keys that change neither the curve nor its length
_EARLY = re.compile(r"(?:use_|enable_)?early_?stop")
_MOST_LEFT_OUT = 3  # configs of a file that are left out and named


def read_config(
    source: str | os.PathLike[str] | Mapping[str, object] | Sequence[str],
    *,
    trainer: str | None = None,
    values: Mapping[str, object] | None = None,
) -> RunConfig:
    """Read the config in `source`: a file, a mapping of its keys, or a command line as a list of words.

    A file is YAML, JSON, TOML, a shell script that starts the training, a Python script, a notebook, or a model card with its
    list of hyperparameters. Keys, commands or imports that only one trainer has identify it: LLaMA-Factory,
    transformers, TRL, axolotl, ms-swift, MaxText, Levanter, Megatron-LM, torchtune or DeepSpeed. Nothing in a file is
    executed.

    Args:
        source: what to read. Null counts as not given.
        trainer: the trainer's name, such as `hf`, `trl-sft` or `llamafactory`, if it cannot be recognised.
        values: keys that replace those of the file, such as those that a script computes.

    Returns:
        The config, whose `plan` has the schedule.

    Raises:
        ConfigError: one line, for a file that cannot be read or parsed; if no supported trainer, or more than one, is
            recognised; for keys that the trainer does not have; for a setting that the trainer would refuse; and for a
            file with several configs (use `read_configs`).

    >>> read_config({"learning_rate": 5e-5, "lr_scheduler_type": "linear", "max_steps": 100}).plan().schedule
    Linear(learning_rate=5e-05, max_steps=100, warmup_steps=0, min_lr=0.0)
    >>> read_config(["--learning_rate", "2e-5", "--max_steps=100"]).trainer
    'hf'
    """
    configs = read_configs(source, trainer=trainer, values=values)
    if len(configs) > 1:
        raise ConfigError(f"{configs[0].source} holds {len(configs)} configs; read_configs() reads them all")
    return configs[0]


def read_configs(
    source: str | os.PathLike[str] | Mapping[str, object] | Sequence[str],
    *,
    trainer: str | None = None,
    values: Mapping[str, object] | None = None,
) -> list[RunConfig]:
    """Every config in `source`, as `read_config` reads one: a YAML file may have several documents, a script several commands.

    Args:
        source: as for `read_config`.
        trainer: as for `read_config`.
        values: as for `read_config`.

    Returns:
        The configs, in the order of the file.

    Raises:
        ConfigError: As for `read_config`.

    >>> [config.source for config in read_configs({"learning_rate": 5e-5})]
    ['<mapping>']
    """
    found = sources_of(source, values)
    made: list[RunConfig] = []
    refused: list[ConfigError] = []
    rated: list[ConfigError] = []  # the part of these about commands that state a rate
    silent: list[ConfigError] = []  # the part of these about commands without a setting of a schedule
    for one in found:
        try:
            one, whose = recognised(one, trainer)
        except ConfigError as error:
            if one.form != "command":
                if "defaults" not in one.given:  # Hydra's files are those of a program of its own
                    _require_plain(one, values or ())
                raise
            refused.append(error)
            silent += [error] * (not _states_settings(one))
            rated += [error] * any(_RATE.search(key) for key in one.given)
            continue
        try:
            made.append(read_recognised(one, whose, _of_trainer(one, values or {})))
        except ConfigError as error:
            if one.program is None and one.constructor.rpartition(".")[2] not in TRAINING_ARGUMENTS | TRL:
                raise  # another call may be a part of this one, and no config of its own
            refused.append(error)
    if refused:  # then a call that states nothing of the curve is no config of a run
        made = [config for config in made if not {*CURVE_KEYS} <= {default.key for default in config.defaults}]
    if refused and not made:
        raise next((error for error in refused if error in rated), refused[0])
    for key in values or ():
        if made and all(key in config.lost for config in made):
            raise ConfigError(f"{made[0].source}: {changes_nothing(key, made[0])}")
    what = "command" if found[0].form == "command" else "config"
    if what == "command":
        made = _noted_repeated(made)
    told = [error for error in refused if error not in silent]
    left_out = [f"another {what} is left out: {error}" for error in told[:_MOST_LEFT_OUT]]
    if (more := len(told) - _MOST_LEFT_OUT) > 0:
        left_out.append(f"{more} more {what}s are left out" if more > 1 else f"1 more {what} is left out")
    if values and len(made) > 1:
        left_out.append(f"--set {', '.join(values)} holds for each of the {len(made)} configs of this file")
    return [dataclasses.replace(config, notes=(*config.notes, *left_out)) for config in made]


def _noted_repeated(configs: Sequence[RunConfig]) -> list[RunConfig]:
    """The configs of commands, with a note on one that equals an earlier one, as where two branches start the same command."""
    first: dict[str, str] = {}
    made = []
    for config in configs:
        settings = dataclasses.replace(config.settings, source="")
        whole = repr(dataclasses.replace(config, source="", lines={}, settings=settings, copy=None))
        same = first.setdefault(re.sub(r"\bline \d+", "line", whole), config.source)
        notes = () if same == config.source else (f"the command is the same as that of {same}",)
        made.append(dataclasses.replace(config, notes=(*notes, *config.notes)))
    return made


def changes_nothing(key: str, config: RunConfig) -> str:
    """The line about a key that the user gives and the trainer does not have."""
    script = config.form in ("python", "notebook")
    whose = "option or argument in the script" if script else f"key of {trainer_of(config.trainer).title}"
    way = "give the length with --max-steps" if key == "max_steps" else "leave it out, or correct its name"
    return f"--set {key} changes nothing, as it is no {whose}; {way}"


def _of_trainer(source: Source, values: Mapping[str, object]) -> dict[str, object]:
    """The values that the user gives, without options of a script that decided the values of the config."""
    open_ = {*source.unknown, *source.lengths, *source.computed}
    return {key: value for key, value in values.items() if key.replace("-", "_") not in source.options or key in open_}


def _states_settings(command: Source) -> bool:
    """Whether a command may train: it states a setting, or names a config."""
    keys = command.given.keys()
    return bool(SETTING_NAMES & keys) or any(map(concerns_curve, keys)) or named_file(command) is not None


def read_recognised(source: Source, found: Recognised, values: Mapping[str, object] | None = None) -> RunConfig:
    """The config of a source whose trainer is known."""
    alone, copy = dataclasses.replace(source, copy=None), source.copy
    if copy is None:
        return _read_source(source, found, values)
    config, told = both(
        lambda: _read_source(alone, found, values), lambda: _read_source(copy, found, values), source.named, source.name
    )
    if told is None:
        unread = {key: length._replace(text="an expression") for key, length in config.open.items()}
        told = dataclasses.replace(config, notes=(), ignored=(), defaults=(), open=unread)
    return dataclasses.replace(
        config,
        notes=shown_notes(source.named, config.notes, told.notes),
        ignored=tuple(pair for pair in config.ignored if pair in told.ignored),
        defaults=tuple(default for default in config.defaults if default in told.defaults),
        open={key: _without_expression(length) for key, length in told.open.items() if key in config.open},
        named=source.named,
        copy=told,
    )


def _without_expression(length: Length) -> Length:
    """A length whose expression is not shown if it has a private text."""
    return length if plain(length.text) == length.text else length._replace(text="an expression")


def _read_source(source: Source, found: Recognised, values: Mapping[str, object] | None) -> RunConfig:
    lengths = {key: length for key, length in source.lengths.items() if key not in (values or {})}
    if lengths:
        return _with_lengths(source, found, values or {}, lengths)
    trainer = trainer_of(found.trainer)
    if not trainer.hydra:
        _require_plain(source, values or {})
    twice = tuple(pair for pair in source.twice if pair[0] not in (values or {}))
    repeated = _repeated(dataclasses.replace(source, twice=twice), omegaconf=trainer.omegaconf)
    if trainer.omegaconf and source.form in ("yaml", "json") and source.text:
        required = frozenset() if found.trainer == "llamafactory-ui" else SETTING_NAMES.difference(values or ())
        source = dataclasses.replace(source, values=as_omegaconf(source.name, source.text, required))
    values = values or {}
    lost = [key for key in values if not _is_argument(source, trainer, key)]
    stated = source.values
    values = {key: value for key, value in values.items() if key not in lost}
    try:
        source = checked(source, trainer, values, found.section)
    except UnstatedError as error:
        raise UnstatedError(f"{error}{_wrong_keys(source, trainer, found)}") from None
    source = _completed(source, trainer.argparse_options())
    source = _with_processes(source, found.section)
    reading = trainer.read(source, found)
    if not trainer.history:  # those that refuse an unknown key refuse this one, too
        reading = reading._replace(unknown=tuple(key for key in reading.unknown if key != _PROCESSES))
    prefix = "".join(f"{part}." for part in found.section)
    values_read = in_section(source.values, found.section)
    others = () if trainer.names_rates else other_rates(values_read, reading.unknown)
    notes = source.notes + repeated + reading.notes + others
    notes += _other_sections(source, found.section)
    if source.form in ("yaml", "json", "toml"):
        notes += tuple(
            f"{key}: another file, which is not read, may hold more settings"
            for key in _FILES
            if key in reading.unknown or (found.section and source.values.get(key))
        )
    if not found.certain:
        notes += (f"these are {found.by}; read as transformers' Trainer, --trainer names another",)
    stops = [key for key in values_read if _EARLY.match(key) and values_read[key]]
    notes += (f"{', '.join(stops)}: the run may end early",) if stops else ()
    lost += [key for key in values if key in reading.unknown and not is_there(stated, (*found.section, key))]
    strange = [key for key in reading.unknown if key not in source.options]  # which the script itself defines
    unknown = tuple(
        key
        for key in strange
        if key not in stops and not any(note.startswith(f"{key}: the rate of other") for note in notes)
    )
    if source.named and source.program is not None:
        own = {*source.program.options, *assignments(source.program.positional)}
        own |= {key.partition(".")[0] for key in own}
        unknown = tuple(key for key in unknown if key in own)
        if hidden := len(strange) - len(unknown):
            several = "keys, which are" if hidden > 1 else "key, which is"
            notes += (f"{source.named} has {hidden} {several} not known to {trainer.title}; read that file itself",)
    launched = source.program is not None and source.program.launcher
    processes = reading.processes if reading.processes is not None and not launched else source.processes
    return RunConfig(
        source=source.name,
        values=source.values,
        settings=reading.settings,
        trainer=trainer.name,
        recognized_by=found.by,
        section=found.section,
        ignored=tuple((prefix + key, why) for key, why in reading.ignored) + source.ignored,
        lines=source.lines,
        notes=notes,
        defaults=reading.defaults,
        processes=processes,
        examples=source.examples,
        version=source.version,
        per_epoch=source.per_epoch,
        alone=source.alone,
        unknown=unknown,
        refused=(*reading.refused, *trainer.refused(unknown, source)),
        form=source.form,
        lost=tuple(lost),
    )


def _is_argument(source: Source, trainer: Trainer, key: str) -> bool:
    """Whether the trainer takes a key: in a script, one of the arguments of the call, or a setting that every such call has."""
    if trainer.takes is None or source.form not in ("python", "notebook"):
        return True
    own = (source.values, source.unknown, source.lengths, source.computed, SCHEDULES.get(source.constructor, ()))
    return key.partition(".")[0] in trainer.takes or any(key in part for part in own)


def _wrong_keys(source: Source, trainer: Trainer, found: Recognised) -> str:
    """What is wrong with the options of a command whose values are not all stated; empty where nothing is."""
    try:
        if source.form == "command":
            trainer.read(source, found)
    except UnknownKeysError as error:
        return f"; {str(error).removeprefix(f'{source.name}: ')}"
    except ConfigError:
        pass
    return ""


def _with_lengths(
    source: Source, found: Recognised, values: Mapping[str, object], lengths: Mapping[str, Length]
) -> RunConfig:
    """The config of a script that computes lengths from its data, which are not set in `settings`."""

    def reread(made: Mapping[str, object]) -> RunConfig:
        return read_recognised(source, found, {**made, **values})

    try:
        config = reread(dict.fromkeys(lengths, 1000))
    except UnstatedError as error:
        option = "--max-steps" if any(length.of_examples is None for length in lengths.values()) else "--num-examples"
        whose = " of the schedule" if found.trainer == "get_scheduler" and option == "--max-steps" else ""
        raise ConfigError(f"{error}, and the length{whose} with {option}") from None
    settings = config.settings
    if "max_steps" in lengths:
        settings = dataclasses.replace(settings, max_steps=-1)
    if "warmup_steps" in lengths:
        settings = dataclasses.replace(settings, warmup_steps=0)
    stated = {key: value for key, value in config.values.items() if key not in lengths}
    alone = {**config.alone, **{key: place for key, place in source.alone.items() if key in lengths}}
    return dataclasses.replace(config, settings=settings, values=stated, open=lengths, reread=reread, alone=alone)


def _repeated(source: Source, *, omegaconf: bool) -> tuple[str, ...]:
    """Notes on keys that are given twice.

    Raises:
        ConfigError: where the trainer refuses them, and for a setting of the curve.
    """
    for key, message in source.twice:
        word = key.rpartition(".")[2]
        concerned = word in SETTING_NAMES or "lr_scheduler_kwargs" in key or concerns_curve(word)
        if omegaconf or (concerned and "twice with one value" not in message):
            raise ConfigError(message)
    return tuple(
        f"{message.removeprefix(f'{source.name}: ').removesuffix('; keep one')}; the last counts"
        for key, message in source.twice
        if not _OF_NO_CURVE.match(key.rpartition(".")[2])
    )


def _completed(source: Source, options: frozenset[str]) -> Source:
    """The source of a command whose options are written out where `argparse` takes their beginning."""
    if source.form != "command":
        return source
    whole = abbreviated(source.given, options)
    for key, name in whole.items():
        if name in source.given:
            raise source.error(
                f"--{key} and --{name} are the same option to argparse, which takes the last one; keep one"
            )
    if not whole:
        return source
    return dataclasses.replace(
        source,
        values={whole.get(key, key): value for key, value in source.values.items()},
        lines={whole.get(key, key): line for key, line in source.lines.items()},
        notes=(
            *source.notes,
            *(f"--{key} is read as --{name}: argparse takes the beginning of an option" for key, name in whole.items()),
        ),
    )


def _other_sections(source: Source, section: tuple[str, ...]) -> tuple[str, ...]:
    """A note on the settings next to the section that is read; none where all are in it, and for the arguments of a call."""
    if source.constructor:
        return ()
    places = places_of_settings(source.given) if section else []
    others = [".".join(place) for place in places if place[: len(section)] != section] + _listed_settings(source.given)
    others += sorted(sections_of_run(source.given) - {*others, *section[:1]} if section else ())
    if not others:
        return ()
    shown = ", ".join(others[:4])
    whose = ".".join(section) or "the keys next to them"
    return (f"the settings under {shown} are not in this plan, which is that of {whose}",)


def _listed_settings(values: Mapping[Any, object], above: tuple[str, ...] = (), depth: int = 3) -> list[str]:
    """The keys of lists whose entries have settings of a run, such as `curriculum.phases`."""
    found = []
    for key, inner in values.items():
        place = (*above, str(key))
        if isinstance(inner, list) and any(isinstance(entry, Mapping) and _OF_A_RUN & entry.keys() for entry in inner):
            found.append(".".join(place))
        elif isinstance(inner, Mapping) and depth:
            found += _listed_settings(inner, place, depth - 1)
    return found


def _with_processes(source: Source, section: tuple[str, ...]) -> Source:
    """The source with the processes by the `num_processes` of a file, where no launcher of a command says how many it starts."""
    count = {**source.values, **in_section(source.values, section)}.get(_PROCESSES)
    if count is None or source.form not in ("yaml", "json", "toml", "mapping"):
        return source
    if source.program_name.startswith("trl ") and _PROCESSES in source.command.options:
        return source  # the command's own number
    name = source.named or source.name
    started = source.processes
    if started is None or not started.decided or source.program_name.startswith("trl "):
        stated = Processes(count_of(count), f"{_PROCESSES} in {name}")
        return dataclasses.replace(source, processes=stated)
    note = f"{_PROCESSES} {count} in {name} does not decide; the command does: {started.count or 'unknown'} ({started.origin})"
    return dataclasses.replace(source, notes=(*source.notes, note))


def _require_plain(source: Source, others: Collection[str]) -> None:
    """Refuse what an interpolating reader would execute, except in files of Hydra and in the keys `others`."""
    of_hydra = any(trainer.hydra and trainer.evidence(source) is not None for trainer in TRAINERS.values())
    if source.form in ("yaml", "json", "mapping", "toml") and not of_hydra:
        require_plain(source.name, {key: value for key, value in source.values.items() if key not in others})
