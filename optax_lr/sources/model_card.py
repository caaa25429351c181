"""The hyperparameters in a model card, as `transformers.Trainer` writes it beside a model."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from optax_lr.sources.errors import ConfigError

# The names of a card, and what they are in TrainingArguments.
_KEYS = {
    "learning_rate": "learning_rate",
    "lr_scheduler_type": "lr_scheduler_type",
    "lr_scheduler_warmup_steps": "warmup_steps",
    "lr_scheduler_warmup_ratio": "warmup_ratio",
    "training_steps": "max_steps",
    "num_epochs": "num_train_epochs",
    "train_batch_size": "per_device_train_batch_size",
    "gradient_accumulation_steps": "gradient_accumulation_steps",
}
_ITEM = re.compile(r"^[-*]\s+(\w+):\s*(.+?)\s*$")


class Card(NamedTuple):
    """The keys of a card by their names in `TrainingArguments`, and the line of each, from 1."""

    values: dict[str, Any]
    lines: dict[str, int]


def card_of(path: str, text: str) -> Card:
    """The list under "Training hyperparameters". Errors: `ConfigError` where the text holds none.

    >>> card_of("README.md", "- learning_rate: 2e-05\\n- lr_scheduler_type: cosine\\n- training_steps: 100").values
    {'learning_rate': '2e-05', 'lr_scheduler_type': 'cosine', 'max_steps': '100'}
    """
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = _ITEM.match(line)
        if match and match[1] in _KEYS and _KEYS[match[1]] not in values:
            values[_KEYS[match[1]]] = match[2]
            lines[_KEYS[match[1]]] = number
    if not {"learning_rate", "lr_scheduler_type"} & values.keys():
        raise ConfigError(f"{path}: this card has no list of training hyperparameters, such as - learning_rate: 5e-05")
    return Card(values, lines)
