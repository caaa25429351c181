"""LLaMA-Factory: its training files, those of its version 1 trainer, and the form that its web UI saves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optax_lr.sources.errors import ConfigError
from optax_lr.trainers.hf import reading
from optax_lr.trainers.reading import Reading
from optax_lr.trainers.settings import ARGPARSE, SETTING_NAMES, STRICT, Rules, Settings

# What the form shows before anybody touches it; the trainer's own defaults differ.
_FORM: dict[str, Any] = {
    "batch_size": 2,
    "gradient_accumulation_steps": 8,
    "learning_rate": "5e-5",
    "lr_scheduler_type": "cosine",
    "max_samples": "100000",
    "num_train_epochs": "3.0",
    "training_stage": "Supervised Fine-Tuning",
    "warmup_steps": 0,
}
_MEGATRON = frozenset({"tensor_model_parallel_size", "pipeline_model_parallel_size", "expert_model_parallel_size"})


def read(source: str, values: Mapping[str, Any], *, folder: Path | None, rules: Rules = STRICT) -> Reading:
    """A training file of LLaMA-Factory, whose values go into dataclasses as OmegaConf parsed them."""
    if values.get("eval_dataset") is not None and values.get("val_size") not in (None, 0, 0.0, "0"):
        raise ConfigError(f"{source}: val_size beside eval_dataset is refused by LLaMA-Factory; keep one")
    trainer = "llamafactory-ppo" if values.get("stage") == "ppo" else "llamafactory"
    found = reading(source, values, trainer, SETTING_NAMES, rules=rules, folder=folder)
    megatron = sorted(_MEGATRON & values.keys())
    if not megatron:
        return found
    note = (
        f"{megatron[0]}: with USE_MEGATRON_BRIDGE=1 LLaMA-Factory hands the run to Megatron-Bridge, whose schedules are its "
        "own: cosine, linear and constant alone, a warmup ratio rounded down; this is what its Trainer runs"
    )
    return found._replace(notes=(*found.notes, note))


def read_form(source: str, values: Mapping[str, Any], *, folder: Path | None) -> Reading:
    """What the web UI saves: keys with the prefix `train.`, many numbers as text, and JSON under `train.extra_args`.

    Source: `llamafactory.webui.runner`, which makes the arguments of the run of them.
    """
    form = _FORM | {
        key.removeprefix("train."): value
        for key, value in values.items()
        if key.startswith("train.") and value not in (None, "")
    }
    extra = form.get("extra_args") or "{}"
    try:
        arguments = json.loads(extra) if isinstance(extra, str) else dict(extra)
        if not isinstance(arguments, dict):
            raise TypeError
    except (ValueError, TypeError, RecursionError):
        raise ConfigError(f"{source}: train.extra_args must be a JSON mapping, not {extra!r}") from None
    made = {key: form[key] for key in SETTING_NAMES & form.keys()}
    made["per_device_train_batch_size"] = form["batch_size"]
    if form["training_stage"] == "PPO":
        made["stage"] = "ppo"
    if form.get("dataset"):
        made["dataset"] = form["dataset"]
    found = read(source, made | arguments, folder=folder, rules=ARGPARSE)
    stray = tuple((key, "the web UI reads keys that begin with train.") for key in SETTING_NAMES & values.keys())
    ignored = tuple((f"train.{key}", why) for key, why in found.ignored if f"train.{key}" in values)
    notes = tuple(note for note in found.notes if "is taken as a number" not in note)
    return Reading(found.settings, ignored + stray, notes)


def read_v1(source: str, values: Mapping[str, Any]) -> Reading:
    """A file of the version 1 trainer, which trains at a constant rate unless a scheduler plugin is named.

    Source: `llamafactory.v1`; it ships no such plugin.
    """
    if values.get("lr_scheduler_config") is not None:
        raise ConfigError(
            f"{source}: lr_scheduler_config names a plugin, and LLaMA-Factory's v1 trainer has none of them; "
            "without it the rate is constant"
        )
    for key in ("lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps", "warmup_ratio"):
        if values.get(key) is not None:
            raise ConfigError(f"{source}: {key} is not a key of LLaMA-Factory's v1 trainer, which would refuse it")
    names = ("learning_rate", "max_steps", "num_train_epochs")
    taken = {name: values[name] for name in names if name in values}
    taken["per_device_train_batch_size"] = values.get("micro_batch_size")
    settings = Settings.of(source, taken, trainer="llamafactory-v1", lr_scheduler_type="constant")
    return Reading(settings, notes=("the v1 trainer has no scheduler: the rate is constant, without a warmup",))
