"""Errors of configs: one line each, which names the file, the problem and the remedy."""

from __future__ import annotations

from optax_lr.text import shortened, visible


def stated(**known: object) -> str:
    """The command that shows a schedule which only the code of a program knows, with the settings that are known.

    >>> stated(learning_rate=1e-3, lr_scheduler_type="cosine", warmup_steps=None)
    'state the schedule: optax-lr show --set learning_rate=0.001 --set lr_scheduler_type=cosine --set max_steps=N'
    """
    settings = {"learning_rate": "RATE", "lr_scheduler_type": "KIND", "warmup_steps": "N", "max_steps": "N"} | known
    given = (f"--set {key}={value}" for key, value in settings.items() if value is not None)
    return f"state the schedule: optax-lr show {' '.join(given)}"


STATE = stated()
CONSTANT = stated(lr_scheduler_type="constant", warmup_steps=None)


class ConfigError(ValueError):
    """A config that cannot be read, or that its trainer would refuse. The message is one line and names the remedy."""

    def __init__(self, message: str = ""):
        super().__init__(visible(shortened(message)))


class BranchError(ConfigError):
    """A script in which a branch makes a schedule that is not read, or may make it."""


class PartError(ConfigError):
    """A script whose scheduler is a part of another one, which is not read."""


class UnreadableError(ConfigError):
    """A file that holds no text of a config: missing, binary or too large."""


class UnstatedError(ConfigError):
    """Settings whose values a script does not state. The message ends with the options that give them."""


class UnknownLengthError(ConfigError):
    """The config is valid but does not determine the length of the run; `num_examples` or `max_steps` would."""


class UnknownKeysError(ConfigError):
    """Keys that the trainer does not have, and that look like settings of the curve."""
