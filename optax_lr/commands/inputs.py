"""The configs that a command reads: those in its file, or the one that `--set` states without a file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from optax_lr.commands.given import Given
from optax_lr.configs import ConfigError, RunConfig, read_config, read_configs
from optax_lr.configs.read import changes_nothing
from optax_lr.sources.errors import STATE


def configs_of(file: Path | None, reading: Given) -> list[RunConfig]:
    """Every config in a file, or the one that `--set` states.

    >>> configs_of(None, {"trainer": None, "values": {"learning_rate": 2e-5, "max_steps": 10}})[0].source
    '--set'
    """
    return [_stated(reading)] if file is None else read_configs(file, **reading)


def config_of(file: Path | None, reading: Given) -> RunConfig:
    """The config in a file, or the one that `--set` states."""
    return _stated(reading) if file is None else read_config(file, **reading)


def _stated(reading: Given) -> RunConfig:
    if not reading["values"]:
        raise ConfigError(f"name a file, or {STATE}")
    try:
        config = read_config(reading["values"], trainer=reading["trainer"])
    except ConfigError as error:
        raise type(error)(str(error).replace("<mapping>", "--set")) from None
    if config.unknown:
        raise ConfigError(changes_nothing(config.unknown[0], config))
    return dataclasses.replace(config, source="--set", settings=dataclasses.replace(config.settings, source="--set"))
