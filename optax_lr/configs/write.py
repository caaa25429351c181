"""From a schedule back to the keys of a config: those with which the trainer would run it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from optax_lr.configs.read import read_config
from optax_lr.schedules import (
    Constant,
    Cosine,
    CosineWarmupWithMinLR,
    CosineWithRestarts,
    InverseSqrt,
    JaggedRestarts,
    Linear,
    Polynomial,
    Rex,
    Schedule,
    WarmupStableDecay,
)
from optax_lr.schedules.base import require_schedule
from optax_lr.schedules.compositions import Product
from optax_lr.schedules.wsd import SHAPES
from optax_lr.sources.errors import ConfigError
from optax_lr.trainers import trainer_of

TRAINERS_WRITTEN = ("llamafactory", "hf", "axolotl", "maxtext", "levanter")
_AXOLOTL = {"lr_scheduler_type": "lr_scheduler"}


def write_config(schedule: Schedule, *, trainer: str = "llamafactory") -> dict[str, Any]:
    """The keys with which a trainer runs `schedule`: `read_config(write_config(x)).plan().schedule` is `x` again.

    Args:
        schedule: one schedule, not a batch.
        trainer: `llamafactory`, `hf` (`transformers.TrainingArguments`, and TRL), `axolotl`, `maxtext` or `levanter`.

    Returns:
        Plain numbers and words; `max_steps` is among them where the schedule has one.

    Raises:
        ConfigError: for a schedule that no setting of the trainer gives, which is named, and for a batch.

    Source: the functions that `transformers.get_scheduler` calls, and their keywords.

    >>> write_config(Cosine(5e-5, max_steps=1000, warmup_steps=100, min_lr=5e-6))
    {'learning_rate': 5e-05, 'lr_scheduler_type': 'cosine_with_min_lr', 'lr_scheduler_kwargs': {'min_lr': 5e-06},
    'warmup_steps': 100, 'max_steps': 1000}
    """
    if trainer not in TRAINERS_WRITTEN:
        raise ConfigError(f"trainer must be one of {', '.join(TRAINERS_WRITTEN)}, not {trainer!r}")
    require_schedule("write_config", schedule)
    if schedule.batch_shape:
        raise ConfigError(f"a config holds one schedule, not a batch of shape {schedule.batch_shape}: write one of it")
    if trainer in ("maxtext", "levanter"):
        return trainer_of(trainer).write(schedule)
    if trainer == "axolotl" and isinstance(schedule, (JaggedRestarts, Product)):
        return _wrapped(schedule)
    axolotl = _of_axolotl(schedule) if trainer == "axolotl" else None
    name, keywords, floors = axolotl or (*_of_transformers(schedule, trainer), {})
    made = {"learning_rate": _plain(schedule.learning_rate), "lr_scheduler_type": name}  # type: ignore[attr-defined]
    if keywords:
        made["lr_scheduler_kwargs"] = {key: _plain(value) for key, value in keywords.items()}
    made |= {key: _plain(value) for key, value in floors.items()}
    warmup = getattr(schedule, "warmup_steps", 0)
    if warmup:
        made["warmup_steps"] = _plain(warmup)
    elif trainer == "axolotl":
        made["warmup_steps"] = 0  # or axolotl fills one in
    if schedule.end is not None:
        made["max_steps"] = _plain(schedule.end)
    if trainer == "axolotl":
        if made["warmup_steps"] == 1:
            raise ConfigError("axolotl turns a warmup_steps of 1 into 2; take 0 or 2")
        made = {_AXOLOTL.get(key, key): value for key, value in made.items()}
        made |= {"micro_batch_size": 1, "gradient_accumulation_steps": 1}  # which axolotl asks for
    return made


def _of_transformers(schedule: Schedule, trainer: str) -> tuple[str, dict[str, Any]]:
    """`lr_scheduler_type` and `lr_scheduler_kwargs`."""
    rate: Any = getattr(schedule, "learning_rate", None)
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
            keywords |= {} if first is None else {"warmup_lr_rate": _share(first, rate)}
            return "cosine_warmup_with_min_lr", keywords | ({"num_cycles": cycles} if cycles != 0.5 else {})
        case Polynomial(power=power, min_lr=low):
            return "polynomial", {"power": power, "lr_end": low}
        case InverseSqrt(timescale=timescale):
            return "inverse_sqrt", {} if timescale is None else {"timescale": timescale}
        case WarmupStableDecay():
            return "warmup_stable_decay", _wsd(schedule, trainer)
    raise ConfigError(f"{type(schedule).__name__} is no schedule of transformers, and no config can express it")


def _wsd(schedule: WarmupStableDecay, trainer: str) -> dict[str, Any]:
    if schedule.decay_type not in SHAPES:
        raise ConfigError(f"decay_type {schedule.decay_type} is none of transformers', which are {', '.join(SHAPES)}")
    keywords, stable = {"num_decay_steps": schedule.decay_steps}, schedule.stable_steps
    if stable is None and trainer == "llamafactory":  # which fills in its own where none is given
        stable = schedule.end - schedule.warmup_steps - schedule.decay_steps
        if stable < 0:
            raise ConfigError("warmup and decay are longer than the run, which LLaMA-Factory cannot express")
    keywords |= {} if stable is None else {"num_stable_steps": stable}
    keywords |= {"min_lr_ratio": _share(schedule.min_lr, schedule.learning_rate)} if schedule.min_lr else {}
    defaults = {"warmup_type": "linear", "decay_type": "cosine", "num_cycles": 0.5}
    given = {name: getattr(schedule, name) for name in defaults}
    return keywords | {name: value for name, value in given.items() if value != defaults[name]}


def _of_axolotl(schedule: Schedule) -> tuple[str, dict[str, Any], Mapping[str, Any]] | None:
    """What axolotl has beside transformers: its own floors."""
    match schedule:
        case Rex(learning_rate=rate, min_lr=low):
            return "rex", {}, {"cosine_min_lr_ratio": _share(low, rate)} if low else {}
        case Cosine(learning_rate=rate, min_lr=low, num_cycles=cycles) if low and cycles == 0.5:
            return "cosine", {}, {"cosine_min_lr_ratio": _share(low, rate)}
    return None


def _wrapped(schedule: Schedule) -> dict[str, Any]:
    """What axolotl makes of a schedule inside: restarts, or the square of its warmup."""
    match schedule:
        case JaggedRestarts(schedule=inner, min_scale=low):
            keys = write_config(inner, trainer="axolotl")
            names = ("restart_steps", "restart_warmup_steps", "restart_anneal_steps")
            keys |= {f"jagged_{name}": _plain(getattr(schedule, name)) for name in names}
            keys |= {} if _plain(low) == 0.001 else {"cosine_min_lr_ratio": _plain(low)}
        case Product(schedules=(Cosine() as inner, Constant())):
            keys = write_config(inner, trainer="axolotl") | {"lr_quadratic_warmup": True}
        case _:
            raise ConfigError(
                "axolotl has no keys for a product of schedules, but for a cosine with a quadratic warmup"
            )
    read = read_config(keys).plan(max_steps=keys.get("max_steps", 1)).schedule
    if repr(read) != repr(schedule):  # a floor of its own, another shift: no key says that
        raise ConfigError(f"axolotl has no keys for {schedule!r}; the nearest that it has is {read!r}")
    return keys


def _share(rate: Any, peak: Any) -> float:
    """The shortest ratio that gives `rate` again when the trainer multiplies it by the peak."""
    if not peak:
        raise ConfigError(
            "min_lr cannot be written beside a learning_rate of 0: the key for it is a share of learning_rate"
        )
    kind, base = np.asarray(rate).dtype.type, _plain(peak)
    exact: float = float(rate) / base
    for digits in range(1, 18):
        ratio = float(f"{exact:.{digits}g}")
        if kind(ratio * base) == rate:
            return ratio
    near = (math.nextafter(exact, math.inf), math.nextafter(exact, -math.inf))
    return next((ratio for ratio in near if kind(ratio * base) == rate), exact)


def _plain(value: Any) -> Any:
    """The shortest Python number that is `value` again in the schedule's own precision."""
    value = np.asarray(value)[()]
    return float(str(value)) if isinstance(value, np.floating) else value.item()
