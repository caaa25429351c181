"""From a schedule back to the keys of a config: those with which the trainer would run it."""

from __future__ import annotations

from optax_lr.schedules import Schedule
from optax_lr.schedules.base import require_schedule
from optax_lr.sources.errors import ConfigError
from optax_lr.trainers import TRAINERS

TRAINERS_WRITTEN = tuple(name for name, trainer in TRAINERS.items() if "write" in vars(type(trainer)))


def write_config(schedule: Schedule, *, trainer: str = "llamafactory") -> dict[str, object]:
    """The keys with which a trainer runs `schedule`: `read_config(write_config(x)).plan().schedule` is `x` again.

    Args:
        schedule: one schedule, not a batch.
        trainer: `llamafactory`, `hf` (`transformers.TrainingArguments`, and TRL), `axolotl`, `maxtext` or `levanter`.

    Returns:
        Plain numbers and words, including `max_steps` if the schedule has an end.

    Raises:
        ConfigError: for a schedule that the trainer cannot express, and for a batch.

    Source: the functions that `transformers.get_scheduler` calls, and their keywords.

    >>> from optax_lr import Cosine
    >>> write_config(Cosine(5e-5, max_steps=1000, warmup_steps=100, min_lr=5e-6))
    {'learning_rate': 5e-05, 'lr_scheduler_type': 'cosine_with_min_lr', 'lr_scheduler_kwargs': {'min_lr': 5e-06},
    'warmup_steps': 100, 'max_steps': 1000}
    """
    if trainer not in TRAINERS_WRITTEN:
        raise ConfigError(f"trainer must be one of {', '.join(TRAINERS_WRITTEN)}, not {trainer!r}")
    require_schedule("write_config", schedule)
    if schedule.batch_shape:
        raise ConfigError(f"a config holds one schedule, not a batch of shape {schedule.batch_shape}: write one of it")
    return TRAINERS[trainer].write(schedule)
