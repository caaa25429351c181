"""The `config.yaml` of a W&B run, in which a program records its settings, and `transformers.Trainer` all of its arguments."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from optax_lr.sources.errors import stated
from optax_lr.sources.source import Source
from optax_lr.text import words

_ALWAYS = words("learning_rate lr_scheduler_type max_steps num_train_epochs per_device_train_batch_size warmup_steps")
_CURVE = _ALWAYS | words(
    "lr_scheduler_kwargs warmup_ratio gradient_accumulation_steps dataloader_drop_last deepspeed parallelism_config"
)


def recorded(source: Source) -> Source:
    """The settings that a W&B run recorded, if `source` is its config; otherwise `source`.

    W&B writes each value as `key: {value: ...}`. The Trainer records all of its arguments and all settings of the model; only
    those of the curve are kept.

    Raises:
        ConfigError: for a run of a trainer of TRL that generates, whose steps are not those of these arguments.

    >>> logged = {key: {"desc": None, "value": value} for key, value in {"lr": 1e-5, "epochs": 3}.items()}
    >>> recorded(Source("config.yaml", logged, {}, "yaml")).values
    {'lr': 1e-05, 'epochs': 3}
    """
    rows = {key: row for key, row in source.values.items() if key not in ("wandb_version", "_wandb")}
    plain = {"value"}, {"value", "desc"}
    values = {key: row["value"] for key, row in rows.items() if isinstance(row, Mapping) and row.keys() in plain}
    if not values or len(values) < len(rows):
        return source
    if not values.keys() >= _ALWAYS:
        note = "the settings are those that a W&B run recorded"
        return dataclasses.replace(source, values=values, text="", notes=(*source.notes, note))
    kept = {key: value for key, value in values.items() if key in _CURVE}
    kept["lr_scheduler_type"] = str(kept["lr_scheduler_type"]).lower().removeprefix("schedulertype.")
    if "num_generations" in values and values["max_steps"] == -1:
        state = stated(learning_rate=values["learning_rate"], warmup_steps=values["warmup_steps"] or None)
        raise source.error(f"the number of steps of a W&B run of GRPO or RLOO is not counted; {state}")
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
