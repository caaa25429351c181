"""`Plan`: from settings to steps, and from steps to the schedule that the trainer runs."""

from __future__ import annotations

import dataclasses
from typing import TypedDict

from optax_lr.arguments import whole_number
from optax_lr.schedules import Schedule
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.source import Processes
from optax_lr.trainers import Data, Default, Settings, trainer_of
from optax_lr.trainers.transformers import version_of

MOST = 10**12  # examples or processes: a larger number is a mistake, and no float holds one of 400 digits


@dataclasses.dataclass(frozen=True)
class Plan:
    """The schedule and the steps of a run, from its config.

    Fields:
        schedule: the learning rate as the trainer would set it.
        max_steps: optimizer steps of the run.
        warmup_steps: how many of them are warmup.
        steps_per_epoch: optimizer steps of one epoch; None if the number of examples is not known.
        epochs: the number of epochs; the last one may be incomplete. None if the number of examples is not known.
        notes: differences of other versions of the trainer, and numbers that depend on an assumption; a line each.
        world_size: processes that train together.
        world_size_from: the origin of that number.
        defaults: values that the file does not state, each with the owner of the default.
    """

    schedule: Schedule
    max_steps: int
    warmup_steps: int
    steps_per_epoch: int | None
    epochs: float | None
    notes: tuple[str, ...] = ()
    world_size: int = 1
    world_size_from: str = "assumed"
    defaults: tuple[Default, ...] = ()


class RunSize(TypedDict):
    """The size of a run, which no config states."""

    num_examples: int | None
    world_size: int | None


class Facts(RunSize, total=False):
    """The arguments of `RunConfig.plan`."""

    transformers_version: str | None
    max_steps: int | None


class LintFacts(RunSize):
    """The arguments of `lint`."""

    transformers_version: str | None
    train_steps: int | None


def check_options(*, transformers_version: str | None = None, **counts: int | None) -> None:
    """Check the facts about a run that are given with its config. Raises `ConfigError`, and `TypeError` for other types."""
    for name, value in counts.items():
        if value is not None:
            number = whole_number(name, value, least=1, error=ConfigError)
            if number > MOST:
                raise ConfigError(f"{name} must be at most {MOST:,}, not a number of {number.bit_length()} bits")
    if transformers_version is not None:
        version_of(transformers_version)


def world_size_of(given: int | None, processes: Processes | None) -> tuple[int, str, tuple[str, ...]]:
    """The number of processes, where it comes from, and a note where it is an assumption."""
    if given is not None:
        return given, "given", ()
    if processes is None:
        return 1, "assumed: the file does not start processes", ()
    if processes.count is None:
        return 1, f"assumed; {processes.origin}; give --world-size", ()
    return processes.count, processes.origin, ()


def _left_for_training(settings: Settings, examples: int) -> tuple[str, ...]:
    """A note on what `max_samples` and the validation set leave of the examples; none if that is all."""
    trainer = trainer_of(settings.trainer)
    left = trainer.training_examples(settings, examples)
    if left >= examples:
        return ()
    capped = dataclasses.replace(settings, val_size=0)
    names = [
        *(["max_samples"] if trainer.training_examples(capped, examples) < examples else []),
        *(["val_size"] if settings.val_size else []),
    ]
    why = " and ".join(f"{trainer.key(name)} {getattr(settings, name):g}" for name in names)
    return (f"{why}: {left:,} of {examples:,} examples are left for training",)


def make_plan(
    settings: Settings,
    *,
    num_examples: int | None,
    world_size: int | None,
    transformers_version: str | None,
    max_steps: int | None = None,
    processes: Processes | None = None,
    defaults: tuple[Default, ...] = (),
) -> Plan:
    """See `RunConfig.plan`."""
    check_options(
        num_examples=num_examples,
        world_size=world_size,
        transformers_version=transformers_version,
        max_steps=max_steps,
    )
    trainer = trainer_of(settings.trainer)
    version = transformers_version or trainer.newest
    if max_steps is not None:
        settings = dataclasses.replace(settings, max_steps=max_steps)
    count, origin, notes = world_size_of(world_size, processes)
    if settings.lr_scheduler_type == "inverse_sqrt" and version_of(version) < (5, 4) and settings.lr_scheduler_kwargs:
        notes += ("lr_scheduler_kwargs: transformers before 5.4 does not hand it to inverse_sqrt",)
        settings = dataclasses.replace(settings, lr_scheduler_kwargs={})
    data = None if num_examples is None or settings.streaming else Data(num_examples, count)
    settings = trainer.counted(settings, data, count)
    per_epoch = None if data is None else trainer.steps_per_epoch(settings, data, version)
    length = trainer.total_steps(settings, per_epoch, data, version)
    warmup = int(trainer.warmup_steps(settings, length, version, data))
    notes += tuple(trainer.notes(settings, length, version))
    if (
        settings.max_samples is not None
        and num_examples is not None
        and num_examples > settings.max_samples
        and settings.num_datasets > 1
    ):
        notes += (f"max_samples caps each of {settings.num_datasets} data sets; give their examples after the cap",)
    if per_epoch is not None and settings.max_steps <= 0:
        notes += _left_for_training(settings, num_examples or 0)
    if settings.learning_rate == 0 and not settings.own_rates:
        notes += (f"{trainer.key('learning_rate')} is 0: every update has rate 0, and nothing is trained",)
    schedule = trainer.checked_schedule(settings, max_steps=length, warmup_steps=warmup)
    warmup = int(getattr(schedule, "warmup_steps", warmup))  # `constant` has none, and DeepSpeed's have at least one
    return Plan(
        schedule=schedule,
        max_steps=length,
        warmup_steps=warmup,
        steps_per_epoch=per_epoch,
        epochs=None if per_epoch is None else length / per_epoch,
        notes=notes,
        world_size=count,
        world_size_from=origin,
        defaults=defaults,
    )
