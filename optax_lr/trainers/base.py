"""`Trainer`: what a trainer's file says how to do, and the words that all of them share."""

from __future__ import annotations

import abc
import dataclasses
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, NamedTuple, Unpack

import numpy as np

from optax_lr.numerics import Real
from optax_lr.schedules import Schedule
from optax_lr.sources.errors import ConfigError, UnknownKeysError, UnknownLengthError
from optax_lr.sources.marks import is_known
from optax_lr.sources.source import Processes, Source, count_of, product
from optax_lr.trainers.curve_keys import concerns_curve, places_of_settings
from optax_lr.trainers.keys import Default, Keys
from optax_lr.trainers.known import former_keys
from optax_lr.trainers.settings import LENGTH, MOST_STEPS, SETTING_NAMES, Filled, Settings
from optax_lr.trainers.usual_names import state_with

_FILES = (".yaml", ".yml", ".json")


class Recognised(NamedTuple):
    """Which trainer a config is for.

    Fields:
        trainer: its name, such as `axolotl`.
        by: what only this trainer has.
        section: the keys above the trainer's own, such as `("training",)`.
        certain: False where other trainers have all of these keys too.
    """

    trainer: str
    by: str
    section: tuple[str, ...] = ()
    certain: bool = True

    @property
    def place(self) -> str:
        """The place of the trainer's keys, as text."""
        return f"under {'.'.join(self.section)}" if self.section else "at the top level"


class Reading(NamedTuple):
    """A config as its trainer reads it.

    Fields:
        settings: what decides the schedule.
        ignored: keys without effect, each with the reason.
        notes: assumptions and other versions' behaviour; a line each.
        defaults: values that the file does not state.
        unknown: keys that the trainer does not have and that do not look like settings of the curve.
        processes: the number of processes, if the config itself states it.
        refused: those of the unknown keys that stop the trainer with an error.
    """

    settings: Settings
    ignored: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    defaults: tuple[Default, ...] = ()
    unknown: tuple[str, ...] = ()
    processes: Processes | None = None
    refused: tuple[str, ...] = ()


class Data(NamedTuple):
    """The training data of a run.

    Fields:
        examples: the number of training examples.
        processes: the number of processes that share them.
    """

    examples: int
    processes: int


class Trainer(abc.ABC):
    """One trainer. A subclass says how its configs are recognised, read and counted, and the schedule that it runs.

    Its methods have a docstring where they do something else than described here.
    """

    name: ClassVar[str]  # the word for `--trainer`
    title: ClassVar[str]  # the name for people

    # Recognising.
    calls: ClassVar[str] = ""  # a pattern of the classes and functions whose calls hold its configs
    programs: ClassVar[str] = ""  # a pattern of its commands, modules and scripts
    not_training: ClassVar[
        Mapping[str, frozenset[str]]
    ] = {}  # for each of its commands, the subcommands that do not train
    covers: ClassVar[frozenset[str]] = frozenset(
        {"hf"}
    )  # trainers whose keys its configs have too; their claims do not count

    # The file that its commands name.
    file_option: ClassVar[str] = ""  # the option that names it
    file_first: ClassVar[bool] = False  # whether the first word that is no option may be that file
    omegaconf: ClassVar[bool] = False  # whether OmegaConf reads it, which resolves `${learning_rate}`
    hydra: ClassVar[bool] = False  # whether Hydra does, whose resolvers stay as they are in keys that decide nothing

    # Reading.
    names: ClassVar[frozenset[str]] = frozenset()  # our names of the settings that are read as they are
    renamed: ClassVar[Mapping[str, str]] = {}  # our names of settings, each with the trainer's key where it differs
    history: ClassVar[Mapping[str, str]] = {}  # lists of all keys by section, where an unknown one stops the trainer
    elsewhere: ClassVar[str] = ""  # what has the keys that it does not have, as the end of a sentence
    options: ClassVar[frozenset[str]] = frozenset()  # those of its argparse parser, in any version and of any command
    deciding: ClassVar[frozenset[str]] = frozenset()  # the options whose values decide the curve or the length
    takes: ClassVar[frozenset[str] | None] = (
        None  # what a call in a script takes next to its arguments; None for any key
    )
    names_rates: ClassVar[bool] = False  # whether `read` itself names the rates of other parameters

    # Counting.
    in_updates: ClassVar[bool] = False  # whether neither batch nor processes decide the length of a run
    no_length: ClassVar[str] = "the length of the run is not in this file; give max_steps (--max-steps)"
    newest: ClassVar[str] = "5.24.0"  # the version of transformers whose rules hold by default

    varies: ClassVar[bool] = False  # whether `schedule` takes arrays, as `sweep` hands them over
    fine_tunes: ClassVar[bool] = False  # whether lint compares the rate with those usual for language models

    def recognise(self, source: Source) -> Recognised | None:
        """Whether the config is this trainer's for certain, and by what: a call, a program, or its keys."""
        made, program = source.constructor, source.program_name
        if self.calls and re.fullmatch(self.calls, made):
            return Recognised(self.name, f"the call of {made}")
        if source.form in ("python", "notebook", "card"):
            return None
        if self.programs and re.fullmatch(self.programs, program):
            kind = "script" if program.endswith(".py") else "command" if " " in program else "module"
            return Recognised(self.name, f"the {kind} {program}")
        by = self.evidence(source)
        return Recognised(self.name, by) if by else None

    def evidence(self, source: Source) -> str | None:
        """The keys by which a file or the options of a program of the user's are this trainer's for certain."""
        return None

    @abc.abstractmethod
    def read(self, source: Source, found: Recognised) -> Reading:
        """The settings. Raises `ConfigError` for what the trainer would refuse, and for keys that it does not know."""

    def why_refused(self, source: Source, name: str = "", section: tuple[str, ...] = ()) -> str:
        """The error of `read` if the caller named the trainer, without values that a script does not say; empty for none."""
        values = {key: value for key, value in source.values.items() if is_known(value)}
        words = tuple(word for word in source.positional if is_known(word))
        program = None if source.program is None else source.program._replace(positional=words)
        asked = name or self.name
        try:
            stated = dataclasses.replace(source, values=values, program=program)
            self.read(stated, Recognised(asked, f"--trainer {asked}", section))
        except ConfigError as error:
            return str(error).removeprefix(f"{source.name}: ")
        return ""

    def argparse_options(self) -> frozenset[str]:
        """The options of its `argparse` parser, which takes the beginning of one alone for it; empty where it has none."""
        return self.options

    def key(self, name: str) -> str:
        """The trainer's key for one of our names of settings, as its users write it."""
        return self.renamed.get(name, name)

    def decides(self, key: str, values: Mapping[str, object]) -> bool:
        """Whether the value of a key among `values` may change the curve or the length, so that it must be stated."""
        if self.deciding and key in self.options:
            return key in self.deciding
        return key in SETTING_NAMES or concerns_curve(key, in_updates=self.in_updates)

    def refused(self, unknown: Iterable[str], source: Source) -> tuple[str, ...]:
        """Those of a config's unknown keys that no version of the trainer has had, and that stop its parser."""
        once = self.former()
        return tuple(key for key in unknown if self.history and key not in once)

    def former(self) -> frozenset[str]:
        """The keys that only older versions of the trainer have."""
        return frozenset(f"{section}{key}" for section, name in self.history.items() for key in former_keys(name))

    def unknown(
        self,
        source: Source,
        values: Mapping[str, object],
        known: frozenset[str],
        *,
        section: str = "",
        also: Iterable[str] = (),
        meant: Mapping[str, str] | None = None,
    ) -> tuple[str, ...]:
        """The keys that the trainer does not have and that do not concern the curve; with the section in which they are.

        Raises:
            ConfigError: for one that looks like a setting of the curve: the trainer would refuse it, or the file is for
                another program; and for what is `also` wrong with the keys, in the same line. `meant` has keys that programs
                of people's own have for some of the trainer's, each with that.
        """
        above = f"{section}." if section else ""
        strange = {str(key): value for key, value in values.items() if key not in known and value is not None}
        wrong = [
            f"{above}{key}"
            for key, value in strange.items()
            if (key in (meant or ()) or concerns_curve(key, in_updates=self.in_updates))
            and not (key == "optimizer" and isinstance(value, str))  # its name
        ]
        hidden = places_of_settings({key: value for key, value in strange.items() if isinstance(value, Mapping)})
        if hidden and not wrong:
            where = " and ".join(above + ".".join(place) for place in hidden[:3])
            raise source.error(f"{self.title} does not read the settings under {where}; write its own to another file")
        said = [*also, *self.wrong_keys(source, wrong, meant or {})]
        if said:
            raise UnknownKeysError(f"{source.name}: {'; '.join(said)}")
        return tuple(f"{above}{key}" for key in strange)

    def wrong_keys(self, source: Source, keys: Sequence[str], meant: Mapping[str, str]) -> Iterator[str]:
        """What to do about keys of the curve that it does not have: those that are `meant` for one of its own, and the others."""
        options = source.command.options if source.form == "command" else {}
        called = bool(source.keywords)
        remedy = state_with(source)
        for some in filter(None, ([key for key in keys if key in meant], [key for key in keys if key not in meant])):
            several, it = len(some) > 1, "them" if len(some) > 1 else "it"
            kind = "argument" if called else "option" if some[0] in options else "key"
            verb = f"are not {kind}s" if several else f"is not a{'n' * (kind != 'key')} {kind}"
            more = f" and {len(some) - 8} more" if len(some) > 8 else ""
            shown = ", ".join(f"--{key}" if key in options else key for key in some[:8])
            elsewhere = self.elsewhere_for(source)
            what = f"{shown}{more} {verb} of {self.title}{elsewhere}"
            out = " ".join(f"--set {key}=null" for key in some) if len(some) < 4 else "--set KEY=null for each"
            right = list(dict.fromkeys(meant[key] for key in some if key in meant))
            if right and (options or called) and elsewhere:
                yield f"{what}; give what it means by {it}: {out} {' '.join(f'--set {key}=VALUE' for key in right)}"
            elif right:
                unless = "" if options or called else f", if the program that reads the file means that by {it}"
                yield f"{what}; write {', '.join(right)}{unless}"
            elif any(re.search(r"(?:^|[._])(?:lr|learning_rate)$", key) for key in some):  # which is what the curve is
                yield f"{what}; {remedy}"
            else:
                yield f"{what}; {out} leaves {it} out if the schedule does not depend on {it}; otherwise {remedy}"

    def elsewhere_for(self, source: Source) -> str:
        """`elsewhere` for the keys of a config."""
        return self.elsewhere

    def without_effect(self, settings: Settings) -> set[str]:
        """The keys that decide nothing where the number of steps is given."""
        return {self.renamed.get(name, name) for name in LENGTH} if settings.max_steps > 0 else set()

    def config_file(self, source: Source) -> str | None:
        """The file with settings that a command names; None where there is none."""
        first = [word for word in source.positional[:1] if word.endswith(_FILES) or not is_known(word)]
        value = source.command.options.get(self.file_option, first[0] if first and self.file_first else None)
        return value if isinstance(value, str) else None

    def merged(self, file: Mapping[str, object], source: Source) -> dict[str, object]:
        """The settings of the file that a command names, with those of the command."""
        return {**file, **source.values}

    def settings_of(self, keys: Keys, taken: Mapping[str, object], **filled: Unpack[Filled]) -> Settings:
        """The settings of a config.

        Args:
            keys: its keys, from which those of `names` are read.
            taken: other settings, by our names, and those in place of a key; None for no value.
            filled: settings that no key says.
        """
        read = {name: keys.get(self.renamed.get(name, name)) for name in self.names}
        whole: Filled = {"trainer": self.name, **filled}
        return Settings.of(keys.source, read | dict(taken), keys.rules, key=self.key, **whole)

    def counted(self, settings: Settings, data: Data | None, processes: int) -> Settings:
        """The settings with values that depend on the data and the processes; most trainers have no such values."""
        return settings

    def training_examples(self, settings: Settings, examples: int) -> int:
        """The number of training examples: `max_samples` caps each data set, and the validation set is subtracted.

        Source: `llamafactory.data.data_utils.split_dataset`, `datasets.Dataset.train_test_split`.
        """
        if settings.max_samples is not None:
            examples = min(examples, settings.max_samples * settings.num_datasets)
        held = settings.val_size
        if not held:
            return examples
        taken = int(held) if held >= 1 else self.validation_examples(examples, held)
        if held < 0 or taken >= examples:
            raise settings.error(f"a validation set of {held} leaves none of {examples} examples for training")
        return examples - taken

    def validation_examples(self, examples: int, share: float) -> int:
        """The examples that a share below 1 takes for validation."""
        return math.ceil(examples * share)

    def steps_per_epoch(self, settings: Settings, data: Data, version: str) -> int | None:
        """Optimizer steps of one epoch; None if the trainer does not count epochs."""
        return None

    def total_steps(self, settings: Settings, per_epoch: int | None, data: Data | None, version: str) -> int:
        """Optimizer steps of the run: those that the file says, else whole epochs."""
        if settings.max_steps > 0:
            return settings.max_steps
        if per_epoch is None:
            raise UnknownLengthError(f"{settings.source}: {self.no_length}")
        epochs, key = settings.num_train_epochs, f"{settings.source}: {self.key('num_train_epochs')}"
        if epochs <= 0:
            raise ConfigError(f"{key} must be above 0, not {epochs}: no step would be trained")
        if epochs * per_epoch > MOST_STEPS:
            raise ConfigError(f"{key} {epochs:g} makes {epochs * per_epoch:.3g} steps, more than {MOST_STEPS}")
        return self.steps_of_epochs(settings, per_epoch, data)

    def steps_of_epochs(self, settings: Settings, per_epoch: int, data: Data | None) -> int:
        """Optimizer steps of all epochs."""
        return int(settings.num_train_epochs) * per_epoch

    def warmup_steps(self, settings: Settings, max_steps: Real, version: str, data: Data | None = None) -> Real:
        """Optimizer steps of warmup in a run of `max_steps` (a number or an array)."""
        return like(max_steps, int(settings.warmup_steps))

    def schedule(self, settings: Settings, *, max_steps: Real, warmup_steps: Real, **changes: Real) -> Schedule:
        """The schedule; `changes` replace `learning_rate` and settings of `lr_scheduler_kwargs`."""
        return self.curve(settings, changes.get("learning_rate", settings.learning_rate), max_steps, warmup_steps)

    def curve(self, settings: Settings, rate: Real, steps: Real, warmup: Real) -> Schedule:
        """The schedule for a peak rate, where no other setting is changed; lengths are ints unless the trainer `varies`."""
        raise NotImplementedError

    def checked_schedule(self, settings: Settings, **lengths_and_changes: object) -> Schedule:
        """`schedule`, with the file in the error of a value that the schedule refuses."""
        try:
            return self.schedule(settings, **lengths_and_changes)
        except (TypeError, ValueError, OverflowError) as error:
            if isinstance(error, ConfigError):
                raise
            raise settings.error(str(error).splitlines()[0]) from None

    def notes(self, settings: Settings, max_steps: int, version: str) -> Iterator[str]:
        """The differences of other versions of the trainer, one line each."""
        yield from ()

    def write(self, schedule: Schedule) -> dict[str, object]:
        """The keys with which this trainer runs `schedule`. Raises `ConfigError` where it has none."""
        raise ConfigError(f"{self.title}: writing its configs is not supported")


def like(max_steps: Real, number: int) -> Real:
    """`number` in the shape of `max_steps`."""
    return np.full(np.shape(max_steps), number)


def part_of(max_steps: Real, ratio: float, *, up: bool = False) -> Real:
    """The steps of a ratio, rounded down or up in float64, as trainers do."""
    return (np.ceil if up else np.floor)(np.asarray(max_steps, np.float64) * ratio).astype(np.int64)


def whole_batches(settings: Settings, examples: int, each: int = 1) -> int | None:
    """The batches of an epoch that drops the rest; None if there are none and `max_steps` decides.

    Args:
        settings: the settings of the run.
        examples: the examples of all processes.
        each: how often an example is in the epoch.
    """
    batches = examples * each // settings.per_device_train_batch_size
    if batches == 0 and settings.max_steps <= 0:
        raise settings.error(f"{examples} examples make no batch of {settings.per_device_train_batch_size}")
    return batches or None


def without_steps(stated: Mapping[str, object]) -> Processes:
    """The processes of a config that states nodes and devices of each, where no step depends on their number."""
    origin = " and ".join(f"{key} {value}" for key, value in stated.items())
    number = product(*map(count_of, stated.values()))
    return Processes(number or 1, origin if number else f"assumed; the steps do not depend on {origin}")


def too_few(settings: Settings, data: Data, least: int) -> ConfigError:
    """The error for data that do not have `least` examples for each process."""
    return settings.error(
        f"{data.examples} examples on {data.processes} processes are fewer than {least} for each, and such a "
        "rest is dropped; give their right numbers, or lower the batch"
    )


def key_list(keys: Iterable[str], what: str = "key") -> str:
    """A few keys as text, for `Recognised.by`."""
    some = sorted(keys)
    return f"its {what}{'s' * (len(some) > 1)} {', '.join(some[:3])}"
