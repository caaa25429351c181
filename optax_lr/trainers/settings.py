"""The settings that decide a schedule: their defaults, and what type each must have."""

from __future__ import annotations

import dataclasses
import enum
import math
import numbers
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, TypedDict, Unpack

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.parsing import scalar
from optax_lr.text import start_of, words


class Rules(NamedTuple):
    """The numbers that a trainer's parser accepts."""

    text: bool  # "2e-5" is a number too
    whole_floats: bool  # 10.0 is a whole number too


STRICT = Rules(text=False, whole_floats=False)  # values go into a dataclass as they are
ARGPARSE = Rules(text=True, whole_floats=False)  # values are read as a command line's are
PYDANTIC = Rules(text=True, whole_floats=True)


class SchedulerBlock(NamedTuple):
    """DeepSpeed's scheduler block: its kind, such as `WarmupLR`, and its checked parameters."""

    type: str
    params: Mapping[str, Any]  # numbers, words, and "auto"


class Filled(TypedDict, total=False):
    """Settings that no key of a config says: the trainer's reader fills them in."""

    trainer: str
    lr_scheduler_type: str
    method: str
    own: Mapping[str, Any]
    num_datasets: int
    sequence_parallel_size: int
    older: str
    scheduler_block: SchedulerBlock | None


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings that determine a schedule. The defaults are those of `transformers.TrainingArguments`."""

    learning_rate: float = 5e-5
    lr_scheduler_type: str = "linear"
    lr_scheduler_kwargs: Mapping[str, object] = dataclasses.field(default_factory=dict)
    warmup_steps: float = 0
    warmup_ratio: float | None = None
    max_steps: int = -1
    num_train_epochs: float = 3.0
    per_device_train_batch_size: int = 8
    gradient_accumulation_steps: int = 1
    dataloader_drop_last: bool = False
    max_samples: int | None = None
    streaming: bool = False
    val_size: float = 0
    ppo_buffer_size: int = 1
    # What no key says directly: the trainer's reader fills these in.
    source: str = dataclasses.field(default="config", repr=False, compare=False)  # the file, for messages
    trainer: str = "hf"  # the name of its class in the registry
    method: str = ""  # TRL's and ms-swift's: the class of the arguments, such as GRPOConfig
    own: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # what only this trainer has
    num_datasets: int = 1
    sequence_parallel_size: int = 1
    older: str = ""  # what shows that the run is of transformers before 4.52
    scheduler_block: SchedulerBlock | None = None  # DeepSpeed's

    def also(self, **own: object) -> Settings:
        """The settings with more that only this trainer has."""
        return dataclasses.replace(self, own={**self.own, **own})

    def error(self, text: str) -> ConfigError:
        """An error about the file."""
        return ConfigError(f"{self.source}: {text}")

    @property
    def own_rates(self) -> bool:
        """Whether DeepSpeed's scheduler takes neither rate nor warmup of the trainer's: its `OneCycle`, `LRRangeTest`."""
        return self.scheduler_block is not None and not self.scheduler_block.type.startswith("Warmup")

    @classmethod
    def of(
        cls,
        source: str,
        values: Mapping[str, object],
        rules: Rules = STRICT,
        *,
        key: Callable[[str], str] = str,
        **filled: Unpack[Filled],
    ) -> Settings:
        """The settings among `values`, the keys of a config; null counts as not given.

        Args:
            source: the file, for messages.
            values: the keys, by our names.
            rules: what the trainer's parser takes for a number.
            key: the trainer's key for each of our names, for messages.
            filled: what no key says; taken unchecked.
        """
        types = {field.name: str(field.type) for field in dataclasses.fields(cls) if field.name in SETTING_NAMES}
        given = {name: values[name] for name in types if values.get(name) is not None}
        checked = {name: _CHECKS[types[name]](f"{source}: {key(name)}", value, rules) for name, value in given.items()}
        for name in _AT_LEAST_ONE & checked.keys():
            if checked[name] < 1:
                raise ConfigError(f"{source}: {key(name)} must be at least 1, not {checked[name]}")
        if checked.get("warmup_steps", 0) > MOST_STEPS:
            raise ConfigError(
                f"{source}: {key('warmup_steps')} must be at most {MOST_STEPS}, not {checked['warmup_steps']:.3g}"
            )
        return cls(**checked, source=source, **filled)


LENGTH = words("per_device_train_batch_size gradient_accumulation_steps num_train_epochs dataloader_drop_last")
_FILLED = {"source", *Filled.__annotations__} - {"lr_scheduler_type"}
SETTING_NAMES = frozenset(field.name for field in dataclasses.fields(Settings)) - _FILLED
_OF_A_SEARCH = words("type values min max low high range choices distribution")
_AT_LEAST_ONE = {"per_device_train_batch_size", "gradient_accumulation_steps", "max_samples", "ppo_buffer_size"}
MOST_STEPS = 2**31 - 1  # what an int32 step counts to
YES, NO = (True, "true", "True"), (False, "false", "False")  # where a parser keeps the text
_TRUE, _FALSE = {"yes", "true", "t", "y", "1"}, {"no", "false", "f", "n", "0"}  # as transformers' string_to_bool


def finite_number(name: str, value: object, rules: Rules = STRICT) -> float:
    """`value` if it is a finite number for that parser; otherwise an error of one line."""
    if isinstance(value, str):
        try:
            converted = float(value)
        except ValueError:
            raise ConfigError(f"{name} must be a number, not {_short(value)}") from None
        if not rules.text and math.isfinite(converted):
            raise ConfigError(f"{name} must be a number, not the text {value!r}: {number_of(value)[1]}")
        value = converted
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        several = isinstance(value, list) or (isinstance(value, dict) and bool(_OF_A_SEARCH & value.keys()))
        way = (
            f"; a search has a value for each of its runs: --set {name.rsplit(maxsplit=1)[-1]}=VALUE gives that of one"
            * several
        )
        raise ConfigError(f"{name} must be a number, not {_short(value)}{way}")
    try:
        finite = math.isfinite(value)
    except OverflowError:  # a whole number of more than 308 digits
        raise ConfigError(f"{name} must be at most 1e308, not a number of more digits") from None
    if not finite:
        raise ConfigError(f"{name} must be finite, not {value}")
    return value  # type: ignore[return-value]


def number_of(text: str) -> tuple[float, str]:
    """The number that a text says, and how to write it so that YAML 1.1 reads it as a number.

    >>> number_of("0.1"), number_of("300")
    ((0.1, 'take the quotes away'), (300, 'take the quotes away'))
    >>> number_of("1e-6")
    (1e-06, 'write 1.0e-06, without quotes')
    """
    number = int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
    if re.fullmatch(r"[+-]?(?:0|[1-9]\d*)(?:\.\d*(?:[eE][+-]\d+)?)?", text):
        return number, "take the quotes away"
    return number, f"write {scalar(number)}, without quotes"


def whole_setting(name: str, value: object, rules: Rules = STRICT) -> int:
    """`value` as a whole number."""
    if isinstance(value, str) and rules.text:
        try:
            value = int(value)
        except ValueError:
            if not rules.whole_floats:
                raise ConfigError(f"{name} must be a whole number, not {value!r}") from None
    given = finite_number(name, value, rules)
    if given != math.floor(given):
        raise ConfigError(f"{name} must be a whole number, not {value}")
    if not isinstance(given, numbers.Integral) and not rules.whole_floats:
        raise ConfigError(f"{name} must be a whole number without a point, not {value}: write {int(given)}")
    if abs(given) > MOST_STEPS:
        option = name.rpartition(": ")[2].removeprefix("--").replace("-", "_")
        raise ConfigError(
            f"{name} must be at most {MOST_STEPS}, not {given:.3g}; --set {option}=VALUE gives another value"
        )
    return int(given)


def _cap(name: str, value: object, rules: Rules) -> int:
    """`value` as a number of examples that caps those of the data; a larger one than a run has steps caps none."""
    given = finite_number(name, value, rules)
    as_written = not isinstance(value, str) or value.isdigit()
    return int(given) if given > MOST_STEPS and as_written else whole_setting(name, value, rules)


def one_of(name: str, value: object, choices: Collection[str]) -> str:
    """`value` if it is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(choices)}, not {_short(value)}")
    return value


def _word(name: str, value: object, _rules: Rules) -> str:
    if isinstance(value, enum.Enum):
        value = value.value
    if not isinstance(value, str):
        raise ConfigError(f"{name} must be a word, not {_short(value)}")
    return value


def true_or_false(name: str, value: object, rules: Rules) -> bool:
    """`value` as true or false."""
    if isinstance(value, str) and rules.text and value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be true or false, not {_short(value)}")
    return value


def _mapping(name: str, value: object, _rules: Rules) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{name} must hold keys with values, such as {{min_lr: 1e-6}}, not {_short(value)}")
    return dict(value)


def _short(value: object) -> str:
    return start_of(" ".join(repr(value).split()), 60)


_CHECKS: dict[str, Callable[[str, Any, Rules], Any]] = {
    "float": finite_number,
    "float | None": finite_number,
    "int": whole_setting,
    "int | None": _cap,  # max_samples
    "str": _word,
    "bool": true_or_false,
    "Mapping[str, object]": _mapping,
}
