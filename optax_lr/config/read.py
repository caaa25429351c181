"""`read_config`: a LLaMA-Factory training file as its trainer sees it, or one line on why there is none."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
from collections.abc import Mapping
from typing import Any

from optax_lr.config.plan import Plan, make_plan
from optax_lr.config.settings import SETTING_NAMES, ConfigError, Settings, refuse_foreign_keys

LARGEST_FILE = 2**20  # bytes; a training config is a few hundred
MOST_ALIASES = 50  # of YAML anchors, each of which is expanded to a copy


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """A training config, as its trainer understands it.

    Fields:
        source: where it came from: the path, or `<mapping>`.
        values: every key of the file, as parsed.
        settings: what decides the schedule, checked, with the trainer's defaults for what is not there.
    """

    source: str
    values: Mapping[str, Any]
    settings: Settings

    def plan(
        self, *, num_examples: int | None = None, world_size: int = 1, transformers_version: str = "5.8.0"
    ) -> Plan:
        """The steps and the schedule of the run, by the trainer's own arithmetic.

        Args:
            num_examples: training examples, where the file gives no `max_steps`; `max_samples` caps it.
            world_size: processes that share each step.
            transformers_version: whose rules hold for `warmup_ratio` beside `warmup_steps`; by default the newest that
                LLaMA-Factory takes.

        Errors: `ConfigError` where the length cannot be known, or the trainer would refuse the setting.

        Source: `transformers.Trainer.set_initial_training_values`, `TrainingArguments.get_warmup_steps`.

        >>> config = read_config({"learning_rate": 1e-4, "lr_scheduler_type": "cosine", "warmup_ratio": 0.1})
        >>> plan = config.plan(num_examples=1000)
        >>> plan.max_steps, plan.warmup_steps, plan.steps_per_epoch
        (375, 38, 125)
        """
        return make_plan(
            self.settings,
            self.source,
            num_examples=num_examples,
            world_size=world_size,
            transformers_version=transformers_version,
        )


def read_config(source: str | os.PathLike | Mapping[str, Any]) -> RunConfig:
    """The one config that is in `source`: a LLaMA-Factory YAML or JSON file, or a mapping of its keys.

    YAML is read as LLaMA-Factory reads it, by OmegaConf: `1e-4` is a number, `${learning_rate}` refers to another key, a
    key given twice is an error. Keys that do not concern the schedule are kept and not looked at.

    Errors: `ConfigError`, one line, for a file that is missing, empty, not text, not a mapping, or larger than 1 MiB, for
    what YAML cannot parse, and for a setting of the wrong type; also for a file of several documents (`read_configs`).

    >>> read_config({"learning_rate": 5e-5, "lr_scheduler_type": "linear", "max_steps": 100}).plan().schedule
    Linear(learning_rate=5e-05, max_steps=100, warmup_steps=0)
    """
    configs = read_configs(source)
    if len(configs) > 1:
        raise ConfigError(f"{configs[0].source} holds {len(configs)} configs; read_configs() reads them all")
    return configs[0]


def read_configs(source: str | os.PathLike | Mapping[str, Any]) -> list[RunConfig]:
    """Every config in `source`: as `read_config`, and a YAML file may hold several, divided by `---`.

    >>> [config.source for config in read_configs({"learning_rate": 5e-5})]
    ['<mapping>']
    """
    if isinstance(source, Mapping):
        return [_config("<mapping>", dict(source))]
    path = os.fspath(source)
    documents = [part for part in re.split(r"(?m)^---\s*(?:#.*)?$", _text(path)) if _has_content(part)]
    if not documents:
        raise ConfigError(f"{path}: the file is empty; a config needs at least learning_rate or lr_scheduler_type")
    names = [path] if len(documents) == 1 else [f"{path}#{number}" for number in range(1, len(documents) + 1)]
    return [_config(name, _parse(name, text)) for name, text in zip(names, documents, strict=True)]


def _text(path: str) -> str:
    try:
        if os.path.getsize(path) > LARGEST_FILE:
            raise ConfigError(
                f"{path}: {os.path.getsize(path):,} bytes are too many for a config; is it the right file?"
            )
        with open(path, "rb") as file:
            raw = file.read()
    except IsADirectoryError:
        raise ConfigError(f"{path}: this is a folder; name the config file in it") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: this is not UTF-8 text; save it as UTF-8") from None
    if "\0" in text:
        raise ConfigError(f"{path}: this is a binary file, not a config")
    return text


def _has_content(text: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())


def _parse(name: str, text: str) -> dict[str, Any]:
    try:
        import omegaconf
        import yaml
    except ImportError:
        raise ImportError('reading config files needs OmegaConf: pip install "optax-lr[config]"') from None
    try:
        aliases = sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text))
        if aliases > MOST_ALIASES:
            raise ConfigError(f"{name}: {aliases} YAML aliases are more than a config needs; write the values out")
        loaded = omegaconf.OmegaConf.load(io.StringIO(text))
        values = omegaconf.OmegaConf.to_container(loaded)
        if isinstance(values, dict):
            # Only what is looked at must resolve: paths and names often refer to variables of a shell.
            values |= {key: _resolved(loaded, key) for key in SETTING_NAMES & values.keys()}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{name}: {getattr(error, 'problem', None) or error}{where}") from None
    except RecursionError:
        raise ConfigError(f"{name}: nested too deeply for a config") from None
    except ConfigError:
        raise
    except (omegaconf.errors.OmegaConfBaseException, OSError, ValueError) as error:
        raise ConfigError(f"{name}: {str(error).splitlines()[0]}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{name}: the file holds a {type(values).__name__}, not keys with values")
    return values


def _resolved(loaded, key: str) -> Any:
    import omegaconf

    value = loaded[key]
    return omegaconf.OmegaConf.to_container(value, resolve=True) if omegaconf.OmegaConf.is_config(value) else value


def _config(name: str, values: dict[str, Any]) -> RunConfig:
    values = {str(key): value for key, value in values.items()}
    kwargs = values.get("lr_scheduler_kwargs")
    if isinstance(kwargs, str):
        try:
            values["lr_scheduler_kwargs"] = json.loads(kwargs)
        except json.JSONDecodeError as error:
            raise ConfigError(f"{name}: lr_scheduler_kwargs is not JSON ({error.msg}): {kwargs!r}") from None
    refuse_foreign_keys(name, values)
    return RunConfig(name, values, Settings.of(name, values))
