"""From a schedule back to the keys with which transformers, and the trainers built on it, run it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from optax_lr.numerics import Real
from optax_lr.schedules import (
    Constant,
    Cosine,
    CosineWarmupWithMinLR,
    CosineWithRestarts,
    InverseSqrt,
    Linear,
    Polynomial,
    Schedule,
    WarmupStableDecay,
)
from optax_lr.schedules.wsd import SHAPES
from optax_lr.sources.errors import ConfigError


def training_arguments_of(schedule: Schedule) -> dict[str, Any]:
    """The keys of `TrainingArguments` with which transformers runs a schedule."""
    return keys_of_run(schedule, *named_schedule(schedule))


def keys_of_run(schedule: Schedule, name: str, keywords: dict[str, object]) -> dict[str, object]:
    """The rate, the schedule's name and keywords, and the lengths where there are any."""
    made = {"learning_rate": plain(schedule.learning_rate), "lr_scheduler_type": name}  # type: ignore[attr-defined]
    if keywords:
        made["lr_scheduler_kwargs"] = {key: plain(value) for key, value in keywords.items()}
    warmup = getattr(schedule, "warmup_steps", 0)
    if warmup:
        made["warmup_steps"] = plain(warmup)
    if schedule.end is not None:
        made["max_steps"] = plain(schedule.end)
    return made


def named_schedule(schedule: Schedule) -> tuple[str, dict[str, object]]:
    """`lr_scheduler_type` and `lr_scheduler_kwargs`.

    Raises:
        ConfigError: for a schedule that transformers does not have.
    """
    rate: object = getattr(schedule, "learning_rate", None)
    match schedule:
        case Constant(warmup_steps=warmup):
            return ("constant_with_warmup" if warmup else "constant"), {}
        case Linear(min_lr=low):
            if low:
                raise ConfigError(f"the linear schedule of transformers has no floor, and min_lr is {low:g}; take 0")
            return "linear", {}
        case Cosine(min_lr=low, num_cycles=cycles):
            keywords = {"min_lr": low} if low else {}
            keywords |= {"num_cycles": cycles} if cycles != 0.5 else {}
            return ("cosine_with_min_lr" if low else "cosine"), keywords
        case CosineWithRestarts(num_cycles=cycles):
            return "cosine_with_restarts", {"num_cycles": cycles}
        case CosineWarmupWithMinLR(min_lr=low, warmup_lr=first, num_cycles=cycles):
            keywords = {"min_lr": low}
            keywords |= {} if first is None else {"warmup_lr_rate": share_of(first, rate)}
            return "cosine_warmup_with_min_lr", keywords | ({"num_cycles": cycles} if cycles != 0.5 else {})
        case Polynomial(power=power, min_lr=low):
            return "polynomial", {"power": power, "lr_end": low}
        case InverseSqrt(timescale=timescale):
            return "inverse_sqrt", {} if timescale is None else {"timescale": timescale}
        case WarmupStableDecay():
            return "warmup_stable_decay", _phases(schedule)
    raise ConfigError(f"{type(schedule).__name__} is not a schedule of transformers, and no config can express it")


def _phases(schedule: WarmupStableDecay) -> dict[str, object]:
    """The keywords of `warmup_stable_decay`."""
    if schedule.decay_type not in SHAPES:
        raise ConfigError(f"decay_type {schedule.decay_type} is none of transformers', which are {', '.join(SHAPES)}")
    keywords, stable = {"num_decay_steps": schedule.decay_steps}, schedule.stable_steps
    keywords |= {} if stable is None else {"num_stable_steps": stable}
    keywords |= {"min_lr_ratio": share_of(schedule.min_lr, schedule.learning_rate)} if schedule.min_lr else {}
    defaults = {"warmup_type": "linear", "decay_type": "cosine", "num_cycles": 0.5}
    given = {name: getattr(schedule, name) for name in defaults}
    return keywords | {name: value for name, value in given.items() if value != defaults[name]}


def share_of(rate: Real, peak: Real) -> float:
    """The shortest ratio that gives `rate` again when the trainer multiplies it by the peak."""
    if not peak:
        raise ConfigError("min_lr cannot be written with a learning_rate of 0: its key is a share of learning_rate")
    kind, base = np.asarray(rate).dtype.type, plain(peak)
    exact: float = float(rate) / base
    for digits in range(1, 18):
        ratio = float(f"{exact:.{digits}g}")
        if kind(ratio * base) == rate:
            return ratio
    near = (math.nextafter(exact, math.inf), math.nextafter(exact, -math.inf))
    return next((ratio for ratio in near if kind(ratio * base) == rate), exact)


def plain(value: object) -> Any:
    """The shortest Python number that is `value` again in the schedule's own precision."""
    value = np.asarray(value)[()]
    return float(str(value)) if isinstance(value, np.floating) else value.item()
