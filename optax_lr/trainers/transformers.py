"""`transformers.Trainer`: the keys of `TrainingArguments`, its count of steps, its warmup and its schedules."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any, Unpack

from optax_lr.arguments import unknown
from optax_lr.interop.transformers import BY_METRIC, get_scheduler
from optax_lr.numerics import Real
from optax_lr.schedules import Constant, Schedule
from optax_lr.schedules.wsd import SHAPES
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.python.constructors import EMBEDDING_KEYS, HOMES, TRAINING_ARGUMENTS, TRL
from optax_lr.sources.source import Source
from optax_lr.text import words
from optax_lr.trainers import deepspeed_block as block
from optax_lr.trainers.base import Data, Reading, Recognised, Trainer, like, part_of, too_few
from optax_lr.trainers.data_notes import of_the_data
from optax_lr.trainers.keys import Default
from optax_lr.trainers.known import class_keys, default_of, last_version, newest, version_number
from optax_lr.trainers.programs import TARGET, class_of, is_own, of_own_program, script_of
from optax_lr.trainers.settings import (
    ARGPARSE,
    LENGTH,
    NO,
    SETTING_NAMES,
    STRICT,
    YES,
    Filled,
    Rules,
    Settings,
    finite_number,
    one_of,
    whole_setting,
)
from optax_lr.trainers.training_arguments import (
    FIELDS,
    MEANT,
    foreign_keys,
    foreign_line,
    ignored_by_trainer,
    kwargs_of_text,
    no_arguments,
)

ZERO_COUNTS = (4, 49)  # the first version in which max_steps: 0 does not mean the epochs
ROUNDED_UP = (4, 52)  # the first version that counts the last, smaller group of an epoch
RATIO_GONE = (5, 15)  # the first version without warmup_ratio
# What each name takes in lr_scheduler_kwargs; the constant ones drop whatever is there.
KEYWORDS: Mapping[str, frozenset[str]] = {
    "linear": words(""),
    "cosine": words("num_cycles"),
    "cosine_with_restarts": words("num_cycles"),
    "polynomial": words("lr_end power"),
    "inverse_sqrt": words("timescale"),
    "cosine_with_min_lr": words("num_cycles min_lr min_lr_rate"),
    "cosine_warmup_with_min_lr": words("num_cycles min_lr min_lr_rate warmup_lr_rate"),
    "warmup_stable_decay": words("num_decay_steps num_stable_steps min_lr_ratio num_cycles warmup_type decay_type"),
    "constant": words(""),
    "constant_with_warmup": words(""),
}
_WORDS = {"warmup_type", "decay_type"}
_MAY_BE_NULL = ("min_lr", "min_lr_rate", "timescale", "num_stable_steps", "warmup_lr_rate")
_NUMBERS = ("learning_rate", "warmup_ratio", "warmup_steps")
_OWN_USE = words("block_size doc_stride")  # options that scripts use in ways of their own
_MOST_STATED = 50  # more fields of TrainingArguments are a record of all of them
_NAMES = SETTING_NAMES - {"max_samples", "val_size", "ppo_buffer_size"}
_TRL_CLASSES = words("SFTConfig DPOConfig KTOConfig ORPOConfig RewardConfig ScriptArguments ModelConfig")
# Keys of a file that TrlParser and others read in addition to the fields of their classes.
_BESIDE = frozenset({"env", "deepspeed", "ddp_timeout_seconds"})


class Transformers(Trainer):
    """What all trainers that are built on `transformers.Trainer` share: reading, steps, warmup and schedules."""

    covers = frozenset()
    fine_tunes = True
    varies = True
    whose = ""  # whose the defaults are, if not those of a version of transformers
    converted = "as the trainer's parser takes it"  # a number that is written as text in YAML
    names = _NAMES
    no_length = (
        "the length of the run is not known: give max_steps in the file, or the number of training examples "
        "(num_examples=..., --num-examples)"
    )

    def counted(self, settings: Settings, data: Data | None, processes: int) -> Settings:
        """The settings; what is of older versions is only kept where these count the updates of an epoch otherwise."""
        if data is None or not settings.older:
            return settings
        counts = {self.steps_per_epoch(settings, data, version) for version in ("4.48.3", "5.8.0")}
        return settings if len(counts) > 1 else dataclasses.replace(settings, older="")

    # --- reading ---

    def read(self, source: Source, found: Recognised) -> Reading:
        """The settings of a run.

        Its parser converts text to numbers where it reads YAML or a command line (`ARGPARSE`), and not where a mapping or a
        JSON file goes into the dataclass as it is (`STRICT`).
        """
        values = in_section(source.values, found.section)
        rules = ARGPARSE if source.form in ("yaml", "command", "card") else STRICT
        return of_own_program(source, found, self.reading(source, values, rules=rules, place=found.place))

    def argparse_options(self) -> frozenset[str]:
        """The fields of the classes from which `HfArgumentParser` makes its options, unless it has a parser of its own."""
        return self.options or (self.known() | self.names)

    def elsewhere_for(self, source: Source) -> str:
        """The program or class of the user's that has the options, or diffusers' scripts, whose names they are."""
        if words("lr_scheduler lr_warmup_steps train_batch_size") <= source.given.keys():
            return " but of diffusers' scripts (--trainer diffusers)"
        home, _, name = source.constructor.partition(".")
        if name and home not in HOMES:
            return f" but of {source.constructor}"
        own = source.form == "command" and source.program_name and is_own(source.program_name)
        return f" but of {source.program_name}" if own else self.elsewhere

    def known(self) -> frozenset[str]:
        """Every key that the parser may take."""
        return FIELDS | EMBEDDING_KEYS | _BESIDE | class_keys("trl", *_TRL_CLASSES)

    def reading(
        self,
        source: Source,
        values: Mapping[str, Any],
        *,
        rules: Rules,
        place: str = "at the top level",
        defaults: tuple[Default, ...] | None = None,
        **filled: Unpack[Filled],
    ) -> Reading:
        """Read the keys of this trainer and those built on it; `defaults` replace those of `TrainingArguments`."""
        name = source.name
        all_recorded = len(FIELDS & values.keys()) > _MOST_STATED  # then false is the default, whatever was run
        if source.form not in ("python", "notebook", "card") and values.get("do_train") in NO and not all_recorded:
            raise source.error("do_train is false, so that nothing is trained; --set do_train=true gives a plan")
        if (
            self.name in ("hf", "llamafactory")
            and not source.constructor
            and values.get("do_train") is None
            and values.get("do_predict") in YES
        ):
            raise source.error("do_predict without do_train trains nothing; --set do_train=true gives a plan")
        foreign = list(foreign_keys(values, self.title, place))
        meant = dict(MEANT)
        if source.form == "command":  # whose program may take them for its own use
            meant |= {one.key: one.moved for one in foreign if one.moved is not None}
        foreign = [one for one in foreign if one.key not in meant]
        said = foreign_line(values, foreign, place)
        known = self.known() | self.names | {one.key for one in foreign}
        known |= {TARGET} if class_of(values) in TRAINING_ARGUMENTS | TRL else set()
        strange = self.unknown(source, values, known, also=said, meant=meant)
        taken = {key: value for key, value in values.items() if key in self.names}
        if values.get("per_gpu_train_batch_size") is not None:  # which transformers 4 took first
            taken["per_device_train_batch_size"] = values["per_gpu_train_batch_size"]
        if isinstance(taken.get("lr_scheduler_kwargs"), str):
            taken["lr_scheduler_kwargs"] = kwargs_of_text(name, taken["lr_scheduler_kwargs"])
        scheduler_block, notes = block.scheduler_of(source, values.get("deepspeed"))
        standing = self.defaults(source, values) if defaults is None else defaults
        standing = tuple(default for default in standing if taken.get(default.key) is None)
        filled_in = {default.key: default.value for default in standing if default.key in self.names}
        parallel = values.get("parallelism_config")
        shared = parallel.get("sp_size") if isinstance(parallel, Mapping) else None
        whole: Filled = {
            "trainer": self.name,
            "sequence_parallel_size": max(1, whole_setting(f"{name}: parallelism_config.sp_size", shared or 1)),
            "scheduler_block": scheduler_block,
            "older": source.older or _older({**dict.fromkeys(source.unknown, ""), **values}, source.program_name),
            **filled,
        }
        given = {key: value for key, value in taken.items() if value is not None}
        settings = Settings.of(name, filled_in | given, rules, **whole)
        if rules.text and source.form == "yaml":
            texts = (key for key in _NUMBERS if isinstance(taken.get(key), str))
            notes += tuple(f"{key}: the text {taken[key]!r} is taken as a number, {self.converted}" for key in texts)
        if settings.older and 0 < settings.warmup_steps < 1:
            share = f"a warmup_steps of {settings.warmup_steps:g}; for a run of that time write warmup_ratio"
            notes += (f"{settings.older} is of older versions, and none of these takes {share}",)
        notes += tuple(
            note
            for note in of_the_data(values, source)
            if note.partition(":")[0] not in self.names | source.options & _OWN_USE
        )
        strange = tuple(key for key in strange if key != "block_size")
        wrong = no_arguments(source.constructor, source.keywords) if "unsloth" not in source.modules else ()
        strange += tuple(key for key in wrong if key not in strange)
        ignored = ignored_by_trainer(settings, values)
        return Reading(settings, ignored, notes, _listed(standing, settings), strange, refused=wrong)

    def defaults(self, source: Source, values: Mapping[str, object]) -> tuple[Default, ...]:
        """The curve's settings that the file does not state."""
        whose = self.whose or f"transformers {source.version or newest('transformers')} TrainingArguments"
        standing = {key: Default(key, value, whose) for key, value in DEFAULTS.items()}
        script = script_of(source)
        if script is not None:
            standing |= {key: Default(key, value, script.whose) for key, value in script.defaults.items()}
        return tuple(default for key, default in standing.items() if values.get(key) is None)

    # --- steps ---

    def steps_per_epoch(self, settings: Settings, data: Data, version: str) -> int | None:
        """Optimizer steps of one epoch.

        Batches are rounded up (down with `dataloader_drop_last`), and so are the groups of `gradient_accumulation_steps`
        batches: the last, smaller group of an epoch is one step. transformers before 4.52 rounds the groups down.

        Source: `transformers.Trainer.set_initial_training_values`, `accelerate.data_loader.BatchSamplerShard`.
        """
        examples = self.training_examples(settings, data.examples)
        batch, group = settings.per_device_train_batch_size, settings.gradient_accumulation_steps
        batches = -(-examples // batch)
        if settings.dataloader_drop_last:
            batches = examples // batch // data.processes
            if batches == 0:
                raise too_few(settings, data._replace(examples=examples), batch)
        else:
            batches = -(-batches // data.processes)
        batches *= settings.sequence_parallel_size
        return updates_of(batches, group, version)

    def total_steps(self, settings: Settings, per_epoch: int | None, data: Data | None, version: str) -> int:
        """Optimizer steps of the run: `max_steps` unless it is negative, else whole epochs, rounded up.

        Before transformers 4.49 a `max_steps` of 0 means the epochs too.
        """
        if settings.max_steps == 0 and self.zero_steps_count and version_of(version) >= ZERO_COUNTS:
            return 0
        if settings.max_steps <= 0 and settings.streaming:
            raise settings.error("streaming data has no length; give max_steps")
        return super().total_steps(settings, per_epoch, data, version)

    zero_steps_count = True  # max_steps: 0 is a length, and not "not given"

    def steps_of_epochs(self, settings: Settings, per_epoch: int, data: Data | None) -> int:
        return math.ceil(settings.num_train_epochs * per_epoch)

    # --- warmup ---

    def warmup_steps(self, settings: Settings, max_steps: Real, version: str, data: Data | None = None) -> Real:
        """Optimizer steps of warmup, by the rules of that version of transformers.

        Before 5.0, `warmup_steps` above 0 takes precedence over `warmup_ratio`; from 5.0 on `warmup_ratio` does, and a number
        below 1 is a ratio under either name. A ratio is of `max_steps`, rounded up in float64 as the trainer does. From
        5.15 on there is no `warmup_ratio`; it keeps the meaning that it had just before.
        """
        if settings.own_rates:
            return like(max_steps, 0)
        steps, ratio = settings.warmup_steps, settings.warmup_ratio
        at = version_of(version)
        if steps < 0:
            raise settings.error(f"warmup_steps must be at least 0, not {steps}")
        if ratio is not None and (ratio < 0 or (ratio > 1 and not (5, 0) <= at < RATIO_GONE)):
            raise settings.error(f"warmup_ratio must lie in [0, 1], not {ratio}; a number of steps is warmup_steps")
        if at < (5, 0):
            if steps != int(steps) and settings.lr_scheduler_type != "constant":
                raise settings.error(
                    f"warmup_steps must be whole before transformers 5, not {steps}; write warmup_ratio"
                )
            return part_of(max_steps, ratio or 0, up=True) if steps == 0 else like(max_steps, int(steps))
        given = steps if ratio is None else ratio
        return like(max_steps, int(given)) if given >= 1 else part_of(max_steps, given, up=True)

    def notes(self, settings: Settings, max_steps: int, version: str) -> Iterator[str]:
        """The versions in which the warmup has another length, or the key is refused."""
        yield from block.notes_of(settings)
        ratio, steps, at = settings.warmup_ratio, settings.warmup_steps, version_of(version)
        if max_steps == 0:
            meaning = "max_steps: 0 does not mean the epochs from transformers 4.49 on: the trainer makes one step, at schedule(0)"
            yield f"{meaning}. -1 means them; for a run before that give --transformers-version 4.48.3"
        yield from rounding_notes(settings, version)
        if ratio is None or (settings.lr_scheduler_type == "constant" and settings.scheduler_block is None):
            return
        here = int(self.warmup_steps(settings, max_steps, version))
        if at >= RATIO_GONE and here:
            gone = f"warmup_ratio is gone from transformers 5.15 on, and {version} refuses it"
            yield f"{gone}; read as 5.0 to 5.14 read it: {here} steps. The key is warmup_steps: {ratio}"
        if ratio <= 1 and steps == int(steps):
            other = "4.57.0" if at >= (5, 0) else "5.8.0"
            there = int(self.warmup_steps(settings, max_steps, other))
            if there != here:
                what = f"warmup_ratio {ratio:g}{f' with warmup_steps {steps:g}' if steps else ''} is {here} steps"
                where = f"in transformers {version} and {there} in {other}"
                yield f"{what} {where}; keep one of the two keys, or write the steps out"

    # --- the schedule ---

    def schedule(self, settings: Settings, *, max_steps: Real, warmup_steps: Real, **changes: Real) -> Schedule:
        """The schedule of `lr_scheduler_type`, with the trainer's deviations from its documentation.

        `constant` ignores a warmup, and both constant schedules ignore `lr_scheduler_kwargs`.
        """
        if settings.scheduler_block is not None:
            return block.schedule_of(settings, max_steps, warmup_steps, changes)
        name = settings.lr_scheduler_type
        learning_rate = changes.pop("learning_rate", settings.learning_rate)
        if name in BY_METRIC:
            raise settings.error(
                f"lr_scheduler_type {name} follows the evaluation's metric, not the step: it has no curve; "
                f"olr.{BY_METRIC[name]} is its optimizer transformation"
            )
        if name not in KEYWORDS:
            key = self.key("lr_scheduler_type")
            raise ConfigError(
                unknown(f"{settings.source}: {key}", "scheduler", name, [*KEYWORDS, *BY_METRIC, *self.more_schedules])
            )
        if name == "constant":
            return Constant(learning_rate)
        if name == "constant_with_warmup":
            return Constant(learning_rate, warmup_steps)
        filled = self.filled_keywords(settings, max_steps, warmup_steps)
        keywords = {**filled, **self.keywords(settings), **changes}
        return get_scheduler(name, learning_rate, warmup_steps=warmup_steps, max_steps=max_steps, **keywords)

    more_schedules: tuple[str, ...] = ()  # those of the trainer that transformers does not have

    def filled_keywords(self, settings: Settings, max_steps: Real, warmup_steps: Real) -> dict[str, object]:
        """Keywords that the trainer fills in where the config does not give them."""
        return {}

    def keywords(self, settings: Settings) -> dict[str, object]:
        """`lr_scheduler_kwargs`; the trainer's function takes every name."""
        name = settings.lr_scheduler_type
        taken: dict[str, object] = {}
        for key, value in settings.lr_scheduler_kwargs.items():
            where = f"{settings.source}: lr_scheduler_kwargs.{key}"
            if not KEYWORDS[name]:
                raise settings.error(f"lr_scheduler_kwargs: {name} takes none, not even {key}; take it out")
            if key not in KEYWORDS[name]:
                of_kind = f"{settings.source}: lr_scheduler_kwargs of {name}"
                raise ConfigError(unknown(of_kind, "keyword", str(key), KEYWORDS[name]))
            if key in _WORDS:
                taken[key] = one_of(where, value, SHAPES)
            elif value is not None:
                text = key == "num_cycles" and name in ("cosine", "cosine_with_restarts")  # which convert it
                taken[key] = finite_number(where, value, ARGPARSE if text else STRICT)
            elif key not in _MAY_BE_NULL:
                raise ConfigError(f"{where} must not be null; take it out for its default")
        return taken


CURVE_KEYS = (
    *("learning_rate", "lr_scheduler_type", "warmup_steps", "num_train_epochs"),
    *("per_device_train_batch_size", "gradient_accumulation_steps"),
)
DEFAULTS: Mapping[str, object] = {
    key: default.value
    for key in CURVE_KEYS
    if (default := default_of("transformers", "TrainingArguments", key)) is not None
}


def updates_of(batches: int, group: int, version: str) -> int:
    """The updates of an epoch of batches: transformers before 4.52 does not count the last, smaller group."""
    return max(1, batches // group if version_of(version) < ROUNDED_UP else -(-batches // group))


def rounding_notes(settings: Settings, version: str) -> Iterator[str]:
    """A note that an older version counts the updates of an epoch otherwise, where a key shows that the run may be of one."""
    several = settings.gradient_accumulation_steps > 1 or settings.own.get("accumulates")
    if settings.older and settings.max_steps < 0 and several and version_of(version) >= ROUNDED_UP:
        rounds = f"{settings.older} is of older versions; transformers before 4.52 rounds the updates of an epoch down"
        yield f"{rounds}. For a run of that time give --transformers-version 4.48.3"


def in_section(values: Mapping[str, Any], section: tuple[str, ...]) -> dict[str, Any]:
    """The values of a section, with the name of transformers for the option that several programs call `dataset_streaming`."""
    for part in section:
        if not isinstance(inner := values.get(part), Mapping):
            raise ConfigError(f"{'.'.join(section)} holds the settings, and must have keys with values, not {inner!r}")
        values = inner
    made = {str(key): value for key, value in values.items()}
    if made.get("streaming") is None and "dataset_streaming" in made:
        made["streaming"] = made["dataset_streaming"]
    return made


def version_of(text: str) -> tuple[int, int]:
    """The first two numbers of a version.

    >>> version_of("4.57.6")
    (4, 57)
    """
    try:
        major, minor = text.split(".")[:2]
        return int(major), int(minor)
    except (ValueError, AttributeError):
        raise ConfigError(f"transformers_version must be like 5.8.0, not {text!r}") from None


def _listed(defaults: tuple[Default, ...], settings: Settings) -> tuple[Default, ...]:
    """The defaults that decide something in this run."""
    without = {*LENGTH, "num_generations"} if settings.max_steps > 0 else set()
    if settings.warmup_ratio is not None:
        without.add("warmup_steps")
    if settings.scheduler_block is not None:
        without |= {"lr_scheduler_type", "warmup_steps"}
    return tuple(default for default in defaults if default.key not in without)


def _older(values: Mapping[str, object], program: str) -> str:
    """What shows that a run is of a transformers that rounds the updates of an epoch down; empty without evidence."""
    if program.endswith("train_bash.py"):  # LLaMA-Factory's script, until early 2024
        return program
    keys = sorted(key for key in FIELDS & values.keys() if values[key] is not None)
    for key in keys:
        last = last_version("transformers", "TrainingArguments", key)
        if last is not None and version_number(last) < (5, 0):
            return key
    return ""
