"""Errors of configs: one line each, which names the file, the problem and the remedy."""

from __future__ import annotations

from optax_lr.text import shortened, visible

# What to do about a schedule that only the code of a program knows.
WRITE = "write the schedule as learning_rate, lr_scheduler_type, warmup_steps and max_steps to a YAML file"


class ConfigError(ValueError):
    """A config that cannot be read, or that its trainer would refuse. The message is one line and names the remedy."""

    def __init__(self, message: str = ""):
        super().__init__(visible(shortened(message)))


class UnreadableError(ConfigError):
    """A file that holds no text of a config: missing, binary or too large."""


class UnstatedError(ConfigError):
    """Settings whose values a script does not state. The message ends with the options that give them."""


class UnknownLengthError(ConfigError):
    """The config is valid but does not determine the length of the run; `num_examples` or `max_steps` would."""


class UnknownKeysError(ConfigError):
    """Keys that the trainer does not have, and that look like settings of the curve."""
