"""`read_config`: a training config as its trainer sees it, or one line on why there is none."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from optax_lr.configs.draft import drafts
from optax_lr.configs.run_config import RunConfig
from optax_lr.sources.errors import ConfigError


def read_config(source: str | os.PathLike[str] | Mapping[str, Any] | Sequence[str]) -> RunConfig:
    """The one config that is in `source`: a file, a mapping of its keys, or a command line as a list of words.

    A file is YAML, JSON, a shell script that starts the training, or a model card with its list of hyperparameters. Its keys
    tell whose it is:

    - LLaMA-Factory, also what its web UI saves: `1e-4` is a number, `${learning_rate}` refers to another key;
    - `transformers.TrainingArguments`, flat as in TRL's recipes, or under one section such as `training`;
    - axolotl;
    - DeepSpeed, alone, or named by the `deepspeed` key of the others: its scheduler block replaces theirs.

    Keys that do not concern the schedule are kept and not looked at; null counts as not given; a key given twice is an
    error. Nothing in a file is executed.

    Errors: `ConfigError`, one line, for a file that is missing, empty, not text, not a mapping, or too large, for what
    cannot be parsed, and for a setting that the trainer would refuse; also for a file of several configs
    (`read_configs`).

    >>> read_config({"learning_rate": 5e-5, "lr_scheduler_type": "linear", "max_steps": 100}).plan().schedule
    Linear(learning_rate=5e-05, max_steps=100, warmup_steps=0)
    >>> read_config(["--learning_rate", "2e-5", "--max_steps=100"]).dialect
    'hf'
    """
    configs = read_configs(source)
    if len(configs) > 1:
        raise ConfigError(f"{configs[0].source} holds {len(configs)} configs; read_configs() reads them all")
    return configs[0]


def read_configs(source: str | os.PathLike[str] | Mapping[str, Any] | Sequence[str]) -> list[RunConfig]:
    """Every config in `source`: as `read_config`; a YAML file may hold several, divided by `---`, and a script several
    commands.

    >>> [config.source for config in read_configs({"learning_rate": 5e-5})]
    ['<mapping>']
    """
    return [draft.config() for draft in drafts(source)]
