"""From settings to steps, and from steps to the schedule that the trainer runs."""

from __future__ import annotations

import dataclasses

from optax_lr.arguments import whole_number
from optax_lr.schedules import Schedule
from optax_lr.sources.errors import ConfigError
from optax_lr.trainers.schedules_of import trainer_schedule
from optax_lr.trainers.settings import Settings
from optax_lr.trainers.steps import data_steps, steps_per_epoch, total_steps
from optax_lr.trainers.warmup import newest_version, version_of, warmup_notes, warmup_of


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a config means for a run: its schedule, and its steps.

    Fields:
        schedule: the learning rate as the trainer would set it.
        max_steps: optimizer steps of the run.
        warmup_steps: how many of them are warmup.
        steps_per_epoch: optimizer steps of one pass over the data; None where the number of examples is not known.
        epochs: passes over the data, the last of which may be cut short; None likewise.
        notes: where another version of the trainer would do otherwise, or a number rests on a guess; a line each.
    """

    schedule: Schedule
    max_steps: int
    warmup_steps: int
    steps_per_epoch: int | None
    epochs: float | None
    notes: tuple[str, ...] = ()


MOST = 10**12  # examples or processes: a larger number is a mistake, and no float holds one of 400 digits


def check_options(
    *,
    num_examples: int | None = None,
    world_size: int = 1,
    transformers_version: str | None = None,
    max_steps: int | None = None,
    train_steps: int | None = None,
) -> None:
    """Looks at what is said of a run beside its config. Errors: `ConfigError`; `TypeError` for what is no number."""
    counts = {
        "num_examples": num_examples,
        "world_size": world_size,
        "max_steps": max_steps,
        "train_steps": train_steps,
    }
    for name, value in counts.items():
        if value is not None or name == "world_size":
            number = whole_number(name, value, least=1, error=ConfigError)
            if number > MOST:
                raise ConfigError(f"{name} must be at most {MOST:,}, not a number of {number.bit_length()} bits")
    if transformers_version is not None:
        version_of(transformers_version)


def make_plan(
    settings: Settings,
    source: str,
    *,
    num_examples: int | None,
    world_size: int,
    transformers_version: str | None,
    max_steps: int | None = None,
) -> Plan:
    """See `RunConfig.plan`."""
    check_options(
        num_examples=num_examples,
        world_size=world_size,
        transformers_version=transformers_version,
        max_steps=max_steps,
    )
    transformers_version = transformers_version or newest_version(settings)
    version = version_of(transformers_version)
    if max_steps is not None:
        settings = dataclasses.replace(settings, max_steps=max_steps)
    notes: list[str] = []
    if settings.lr_scheduler_type == "inverse_sqrt" and version < (5, 4) and settings.lr_scheduler_kwargs:
        notes.append("lr_scheduler_kwargs: transformers before 5.4 does not hand it to inverse_sqrt")
        settings = dataclasses.replace(settings, lr_scheduler_kwargs={})
    unmeasured = settings.streaming or settings.trainer in ("deepspeed", "llamafactory-v1")
    examples = None if unmeasured else num_examples
    per_epoch = None if examples is None else steps_per_epoch(settings, examples, world_size, source)
    length = total_steps(settings, source, per_epoch, num_examples=num_examples, world_size=world_size)
    data = None
    if settings.trainer == "axolotl" and examples is not None:
        data = data_steps(settings, source, examples, world_size)
    warmup = int(warmup_of(settings, source, length, transformers_version, data_steps=data))
    notes += warmup_notes(settings, source, length, transformers_version)
    notes += [
        f"{name}: DeepSpeed before 0.19.4 takes it and goes along a line all the same"
        for name, value in (settings.scheduler_block or {"params": {}})["params"].items()
        if name.endswith("_stair_count") and value > 0
    ]
    if length == 0:
        notes.append("max_steps: 0 does not mean the epochs: the trainer makes one step, at schedule(0); -1 means them")
    capped = settings.max_samples is not None and num_examples is not None and num_examples > settings.max_samples
    if capped and settings.num_datasets > 1:
        notes.append(f"max_samples caps each of {settings.num_datasets} data sets; give their examples after the cap")
    return Plan(
        schedule=trainer_schedule(settings, source, max_steps=length, warmup_steps=warmup),
        max_steps=length,
        warmup_steps=warmup,
        steps_per_epoch=per_epoch,
        epochs=None if per_epoch is None else length / per_epoch,
        notes=tuple(notes),
    )
