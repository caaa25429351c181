"""The settings of a config that the command line gives: the trainer, and values of keys."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypedDict

from optax_lr.sources.errors import ConfigError


class Given(TypedDict):
    """The arguments of `read_config`."""

    trainer: str | None
    values: Mapping[str, object]


def given(trainer: str | None, pairs: Sequence[str] | None) -> Given:
    """The arguments of `read_config`.

    >>> given("hf", ["learning_rate=2e-5", "lr_scheduler_type=cosine", "bf16=true"])
    {'trainer': 'hf', 'values': {'learning_rate': 2e-05, 'lr_scheduler_type': 'cosine', 'bf16': True}}
    """
    values = {}
    for pair in pairs or ():
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise ConfigError(f"--set {pair}: write it as KEY=VALUE, such as learning_rate=2e-5")
        values[key] = _value(text)
    return {"trainer": trainer, "values": values}


def _value(text: str) -> object:
    """The value by JSON, or as Python writes it; any other text is itself."""
    try:
        return json.loads({"True": "true", "False": "false", "None": "null"}.get(text, text))
    except (ValueError, RecursionError):
        pass
    try:
        return float(text)
    except ValueError:
        return text
