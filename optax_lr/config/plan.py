"""From settings to steps, and from steps to the schedule that the trainer runs."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from optax_lr.config.settings import ConfigError, Settings
from optax_lr.registry import get_scheduler
from optax_lr.schedules import Constant, Schedule

# These are not functions of the step: the trainer feeds them the evaluation's metric.
_BY_METRIC = {"reduce_lr_on_plateau": "reduce_on_plateau", "greedy": "greedy"}


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a config comes to.

    Fields:
        schedule: the learning rate as the trainer would set it.
        max_steps: optimizer steps of the run.
        warmup_steps: how many of them are warmup.
        steps_per_epoch: optimizer steps of one pass over the data; None where the number of examples is not known.
        epochs: passes over the data, the last of which may be cut short; None likewise.
    """

    schedule: Schedule
    max_steps: int
    warmup_steps: int
    steps_per_epoch: int | None
    epochs: float | None


def make_plan(
    settings: Settings, source: str, *, num_examples: int | None, world_size: int, transformers_version: str
) -> Plan:
    """See `RunConfig.plan`."""
    per_epoch = None if num_examples is None else steps_per_epoch(settings, num_examples, world_size)
    max_steps = total_steps(settings, source, per_epoch)
    warmup = int(warmup_of(settings, source, max_steps, transformers_version))
    return Plan(
        schedule=trainer_schedule(settings, source, max_steps=max_steps, warmup_steps=warmup),
        max_steps=max_steps,
        warmup_steps=warmup,
        steps_per_epoch=per_epoch,
        epochs=None if per_epoch is None else max_steps / per_epoch,
    )


def steps_per_epoch(settings: Settings, num_examples: int, world_size: int) -> int:
    """Optimizer steps of one epoch: batches are rounded up (down with `dataloader_drop_last`), and so are the groups of
    `gradient_accumulation_steps` batches: the last, smaller group of an epoch is a step of its own."""
    examples = num_examples if settings.max_samples is None else min(num_examples, settings.max_samples)
    rounded = math.floor if settings.dataloader_drop_last else math.ceil
    batches = rounded(rounded(examples / settings.per_device_train_batch_size) / world_size)
    return max(1, math.ceil(batches / settings.gradient_accumulation_steps))


def total_steps(settings: Settings, source: str, per_epoch: int | None) -> int:
    """Optimizer steps of the run: `max_steps` if it is above 0, else whole epochs, rounded up."""
    if settings.max_steps > 0:
        return settings.max_steps
    if settings.streaming:
        raise ConfigError(f"{source}: streaming data has no length; give max_steps")
    if per_epoch is None:
        raise ConfigError(
            f"{source}: the length of the run is not known: give max_steps in the file, or the number of training "
            "examples (num_examples=..., --num-examples)"
        )
    return math.ceil(settings.num_train_epochs * per_epoch)


def warmup_of(settings: Settings, source: str, max_steps: Any, transformers_version: str) -> Any:
    """Optimizer steps of warmup in a run of `max_steps` (a number or an array), by the rules of that version.

    Before 5.0, `warmup_steps` above 0 goes before `warmup_ratio`; from 5.0 on `warmup_ratio` goes before, and a number
    below 1 is a ratio under either name. A ratio is of `max_steps`, rounded up in float64 as the trainer does.
    """
    steps, ratio = settings.warmup_steps, settings.warmup_ratio
    if steps < 0:
        raise ConfigError(f"{source}: warmup_steps must be at least 0, not {steps}")
    if ratio is not None and not 0 <= ratio <= 1:
        raise ConfigError(f"{source}: warmup_ratio must lie in [0, 1], not {ratio}; a number of steps is warmup_steps")
    if int(transformers_version.split(".")[0]) < 5:
        if steps != int(steps):
            raise ConfigError(
                f"{source}: warmup_steps must be whole before transformers 5, not {steps}; a share is warmup_ratio"
            )
        return _steps_of_ratio(max_steps, ratio or 0) if steps == 0 else _like(max_steps, int(steps))
    given = steps if ratio is None else ratio
    return _like(max_steps, int(given)) if given >= 1 else _steps_of_ratio(max_steps, given)


def _steps_of_ratio(max_steps: Any, ratio: float) -> Any:
    return np.ceil(np.asarray(max_steps, np.float64) * ratio).astype(np.int64)


def _like(max_steps: Any, number: int) -> Any:
    return np.full(np.shape(max_steps), number)


def trainer_schedule(settings: Settings, source: str, *, max_steps: Any, warmup_steps: Any, **changes: Any) -> Schedule:
    """The schedule that the trainer makes of these settings; `changes` overrule `learning_rate` and keyword settings.

    It follows the trainer where the trainer departs from the documented meaning: `constant` ignores a warmup, and both
    constant schedules ignore `lr_scheduler_kwargs`.
    """
    name = settings.lr_scheduler_type
    learning_rate = changes.pop("learning_rate", settings.learning_rate)
    if name in _BY_METRIC:
        raise ConfigError(
            f"{source}: lr_scheduler_type {name} follows the evaluation's metric, not the step: it has no curve; "
            f"olr.{_BY_METRIC[name]} is its optimizer transformation"
        )
    try:
        if name == "constant":
            return Constant(learning_rate)
        if name == "constant_with_warmup":
            return Constant(learning_rate, warmup_steps)
        keywords = {**wsd_lengths(settings, max_steps, warmup_steps), **settings.lr_scheduler_kwargs, **changes}
        return get_scheduler(name, learning_rate, warmup_steps=warmup_steps, max_steps=max_steps, **keywords)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{source}: {error}") from None


def wsd_lengths(settings: Settings, max_steps: Any, warmup_steps: Any) -> dict[str, Any]:
    """The lengths that LLaMA-Factory fills in for `warmup_stable_decay`: a third of what follows the warmup is stable, the
    rest decays; each only where the config does not give it."""
    if settings.lr_scheduler_type != "warmup_stable_decay":
        return {}
    rest = np.maximum(np.asarray(max_steps) - warmup_steps, 0)
    return {"num_stable_steps": rest // 3, "num_decay_steps": rest - rest // 3}
