"""The settings that decide a schedule: their defaults, and what type each must have."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any


class ConfigError(ValueError):
    """A config that cannot be read, or that its trainer would refuse; the message is one line and names the remedy."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a trainer makes a schedule of. The defaults are those of `transformers.TrainingArguments`."""

    learning_rate: float = 5e-5
    lr_scheduler_type: str = "linear"
    lr_scheduler_kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    warmup_steps: float = 0
    warmup_ratio: float | None = None
    max_steps: int = -1
    num_train_epochs: float = 3.0
    per_device_train_batch_size: int = 8
    gradient_accumulation_steps: int = 1
    dataloader_drop_last: bool = False
    max_samples: int | None = None
    streaming: bool = False

    @classmethod
    def of(cls, source: str, values: Mapping[str, Any]) -> Settings:
        """The settings among `values`, the keys of a config; null counts as not given."""
        known = {field.name: field for field in dataclasses.fields(cls)}
        given = {name: values[name] for name in known if values.get(name) is not None}
        checked = {name: _CHECKS[str(known[name].type)](f"{source}: {name}", value) for name, value in given.items()}
        return cls(**checked)


SETTING_NAMES = frozenset(field.name for field in dataclasses.fields(Settings))

# What people write at the top level, where LLaMA-Factory refuses it: its parser takes no key that it does not know.
_SCHEDULE_KEYWORDS = frozenset(
    {"decay_type", "eta_min", "lr_end", "min_lr", "min_lr_rate", "min_lr_ratio", "num_cycles", "num_decay_steps"}
    | {"num_stable_steps", "power", "timescale", "warmup_type"}
)
_OTHER_TRAINERS = {
    "lr_scheduler": "lr_scheduler_type",
    "micro_batch_size": "per_device_train_batch_size",
    "num_epochs": "num_train_epochs",
    "num_training_steps": "max_steps",
    "num_warmup_steps": "warmup_steps",
    "scheduler_specific_kwargs": "lr_scheduler_kwargs",
}


def refuse_foreign_keys(source: str, values: Mapping[str, Any]) -> None:
    """Refuses a file that would give another schedule than it seems to: keys of another trainer, or in the wrong place."""
    for key in values:
        if key in _OTHER_TRAINERS:
            raise ConfigError(
                f"{source}: {key} is not a key of LLaMA-Factory, which would refuse it; the key is {_OTHER_TRAINERS[key]}"
            )
        if key in _SCHEDULE_KEYWORDS:
            raise ConfigError(
                f"{source}: {key} is refused at the top level; move it: lr_scheduler_kwargs: {{{key}: {values[key]}}}"
            )
    if not SETTING_NAMES & values.keys():
        seen = ", ".join(list(values)[:5]) or "none"
        raise ConfigError(f"{source}: no key of a training run is there, such as learning_rate; the keys are: {seen}")


def _number(name: str, value: Any) -> float:
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            raise ConfigError(f"{name} must be a number, not {value!r}") from None
        raise ConfigError(f"{name} must be a number, not the text {value!r}: take the quotes away")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(f"{name} must be a number, not {value!r}")
    if not math.isfinite(value):
        raise ConfigError(f"{name} must be finite, not {value}")
    return value


def _whole(name: str, value: Any) -> int:
    number = _number(name, value)
    if number != int(number):
        raise ConfigError(f"{name} must be a whole number, not {value}")
    return int(number)


def _word(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{name} must be a word, not {value!r}")
    return value


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be true or false, not {value!r}")
    return value


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{name} must hold keys with values, such as {{min_lr: 1e-6}}, not {value!r}")
    return dict(value)


_CHECKS = {
    "float": _number,
    "float | None": _number,
    "int": _whole,
    "int | None": _whole,
    "str": _word,
    "bool": _flag,
    "Mapping[str, Any]": _mapping,
}
