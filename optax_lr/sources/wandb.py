"""The `config.yaml` of a W&B run, in which `transformers.Trainer` records its arguments."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from optax_lr.sources.source import Source
from optax_lr.text import words

_ALWAYS = words("learning_rate lr_scheduler_type max_steps num_train_epochs per_device_train_batch_size warmup_steps")
_CURVE = _ALWAYS | words(
    "lr_scheduler_kwargs warmup_ratio gradient_accumulation_steps dataloader_drop_last deepspeed parallelism_config"
)


def recorded(source: Source) -> Source:
    """The arguments of the Trainer, if `source` is the config of such a run; otherwise `source`.

    W&B writes each value as `key: {value: ...}`. The Trainer records all of its arguments and all settings of the model; only
    those of the curve are kept. Runs of TRL's trainers that generate, and configs of other programs, stay as they are.

    >>> plain = {"learning_rate": 1e-5, "lr_scheduler_type": "linear", "max_steps": 9, "num_train_epochs": 3.0}
    >>> plain |= {"per_device_train_batch_size": 8, "warmup_steps": 0, "hidden_size": 64}
    >>> logged = {key: {"desc": None, "value": value} for key, value in plain.items()}
    >>> recorded(Source("config.yaml", logged, {}, "yaml")).values["max_steps"]
    9
    """
    inner = {key: value for key, value in source.values.items() if key not in ("wandb_version", "_wandb")}
    values = {key: value["value"] for key, value in inner.items() if isinstance(value, Mapping) and "value" in value}
    if len(values) < len(inner) or not values.keys() >= _ALWAYS or "num_generations" in values:
        return source
    kept = {key: value for key, value in values.items() if key in _CURVE}
    kept["lr_scheduler_type"] = str(kept["lr_scheduler_type"]).lower().removeprefix("schedulertype.")
    if not kept.get("warmup_ratio"):  # recorded by versions that have it, given or not
        kept.pop("warmup_ratio", None)
    notes = ["the arguments are those that a W&B run recorded; its number of processes is not among them"]
    version = re.match(r"\d+\.\d+(?:\.\d+)?", str(values.get("transformers_version", "")))
    if version is not None:
        notes.append(f"the rules are those of transformers {version[0]}, which the run had")
    lines = {key: source.lines[key] for key in kept if key in source.lines}
    return dataclasses.replace(
        source,
        values=kept,
        lines=lines,
        form="card",
        notes=(*source.notes, *notes),
        version=version[0] if version else "",
    )
