"""`Keys`: the keys of a config, with the defaults of its trainer behind them."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from optax_lr.sources.errors import ConfigError
from optax_lr.trainers.settings import PYDANTIC, Rules, finite_number, true_or_false, whole_setting


class Default(NamedTuple):
    """A value that the file does not state.

    Fields:
        key: the trainer's key.
        value: what the trainer takes.
        whose: the class and version that has this default.
    """

    key: str
    value: object
    whose: str

    def in_version(self, version: str) -> Default:
        """The default in another version of transformers: those of `TrainingArguments` are the same in all that are known."""
        return self._replace(whose=re.sub(r"^transformers \S+ ", f"transformers {version} ", self.whose))


class Keys(dict[str, Any]):
    """The keys of a config that are not null; for the others, the trainer's defaults.

    >>> from optax_lr.trainers.settings import ARGPARSE
    >>> keys = Keys("run.yaml", {"lr": "1e-4", "steps": None}, ARGPARSE, {"steps": 100, "warmup": 10})
    >>> keys.number("lr"), keys.whole("steps"), keys.defaults("Trainer", without={"warmup"})
    (0.0001, 100, (Default(key='steps', value=100, whose='Trainer'),))
    """

    def __init__(
        self,
        source: str,
        given: Mapping[str, Any],
        rules: Rules,
        fallbacks: Mapping[str, Any] | None = None,
        *,
        section: str = "",
    ) -> None:
        """Take the keys of a config.

        Args:
            source: the file, for messages.
            given: its keys; null counts as not given.
            rules: what the trainer's parser takes for a number.
            fallbacks: the trainer's defaults.
            section: the section of the keys with a dot behind it, for messages and `defaults`.
        """
        self.source, self.rules, self.fallbacks, self._section = source, rules, fallbacks or {}, section
        self._where = f"{source}: {section}"
        self.given = {str(key): value for key, value in given.items() if value is not None}
        super().__init__({**self.fallbacks, **self.given})

    def error(self, text: str) -> ConfigError:
        """An error about the file."""
        return ConfigError(f"{self.source}: {text}")

    def whole(self, key: str, default: int = 0, *, least: int | None = None) -> int:
        """The value of a key as a whole number, which must be at least `least`."""
        value = whole_setting(f"{self._where}{key}", self.get(key, default), self.rules)
        if least is not None and value < least:
            raise self.error(f"{self._section}{key} must be at least {least}, not {value}")
        return value

    def number(self, key: str, default: float = 0.0, *, least: float | None = None) -> float:
        """The value of a key as a finite number, which must be at least `least`."""
        value = finite_number(f"{self._where}{key}", self.get(key, default), self.rules)
        if least is not None and value < least:
            raise self.error(f"{self._section}{key} must be at least {least:g}, not {value:g}")
        return value

    def share(self, key: str, default: float = 0.0) -> float:
        """The value of a key as a number from 0 to 1."""
        value = self.number(key, default)
        if not 0 <= value <= 1:
            raise self.error(f"{self._section}{key} must lie in [0, 1], not {value:g}")
        return value

    def flag(self, key: str) -> bool:
        """The value of a key as true or false; false where it is not given."""
        value = self.get(key, False)
        return bool(value) if value in (0, 1) else true_or_false(f"{self._where}{key}", value, PYDANTIC)

    def refuse(self, keys: Iterable[str], why: str) -> None:
        """Raise for one of these keys that has a value, with the reason behind its name."""
        for key in keys:
            if self.given.get(key):
                raise self.error(f"{self._section}{key} {why}")

    def defaults(
        self, whose: str, *, without: Iterable[str] = (), before: Mapping[str, str] | None = None
    ) -> tuple[Default, ...]:
        """The trainer's defaults for keys that the file does not state.

        Args:
            whose: the class or program that has them.
            without: keys that decide nothing in this run.
            before: what other versions have, by key.
        """
        left_out, older = {*self.given, *without}, before or {}
        return tuple(
            Default(f"{self._section}{key}", value, f"{whose}; {older[key]}" if key in older else whose)
            for key, value in self.fallbacks.items()
            if key not in left_out
        )


def assignments(words: Iterable[str]) -> dict[str, str]:
    """The words `key=value` of a command; Hydra's `+` in front of a key only says that the key is new.

    >>> assignments(["+trainer.epochs=3", "run"])
    {'trainer.epochs': '3'}
    """
    return {key.lstrip("+"): value for key, equals, value in (word.partition("=") for word in words) if equals}


def flattened(values: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    """The values of nested sections by their dotted keys, such as those that a caller gives next to the options of a command.

    >>> dict(flattened({"optim": {"lr": 1e-5}, "seed": 3}))
    {'optim.lr': 1e-05, 'seed': 3}
    """
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def with_places(values: Mapping[str, Any], places: Mapping[str, object]) -> dict[str, Any]:
    """A copy of nested sections with values at dotted places; a section is made where there is none.

    >>> with_places({"optimizer": {"lr": 1e-4}}, {"optimizer.schedule.type": "cosine"})
    {'optimizer': {'lr': 0.0001, 'schedule': {'type': 'cosine'}}}
    """
    made = copy.deepcopy(dict(values))
    for place, value in places.items():
        *above, name = place.split(".")
        section = made
        for key in above:
            if not isinstance(section.get(key), dict):
                section[key] = {}
            section = section[key]
        section[name] = value
    return made
