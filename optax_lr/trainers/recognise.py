"""Which trainer a config is for, told by its keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from optax_lr.sources.errors import ConfigError
from optax_lr.trainers.settings import SETTING_NAMES

_LLAMAFACTORY = frozenset(
    {"stage", "finetuning_type", "template", "cutoff_len", "dataset_dir", "plot_loss", "lora_target", "use_swanlab"}
    | {"use_badam", "use_galore", "use_apollo", "use_muon", "pure_bf16", "val_size", "max_samples", "eval_dataset"}
)
_V1 = frozenset(
    {"model_class", "kernel_config", "dist_config", "peft_config", "quant_config", "train_dataset", "init_config"}
    | {"sample_backend", "optim_config", "lr_scheduler_config"}
)
_TRL = frozenset(
    {"dataset_mixer", "dataset_mixture", "dataset_name", "dataset_config", "dataset_streaming", "torch_dtype", "dtype"}
    | {"attn_implementation", "use_peft", "lora_r", "max_seq_length", "max_length", "max_prompt_length", "beta"}
    | {"loss_type", "chat_template", "hub_model_id", "hub_strategy", "reward_funcs", "num_generations", "script_args"}
    | {"use_cpu", "full_determinism", "optim_target_modules", "preprocessing_num_workers", "dataset_text_field"}
)
_AXOLOTL = frozenset(
    {"lr_scheduler", "micro_batch_size", "num_epochs", "val_set_size", "sequence_len", "sample_packing", "base_model"}
    | {"cosine_min_lr_ratio", "cosine_constant_lr_ratio", "lr_quadratic_warmup", "datasets", "adapter"}
    | {"evals_per_epoch", "saves_per_epoch", "jagged_restart_steps", "pretraining_dataset", "wandb_project"}
    | {"jagged_restart_warmup_steps", "jagged_restart_anneal_steps"}
)
_NOT_AXOLOTL = frozenset({"lr_scheduler_type", "num_train_epochs", "per_device_train_batch_size"})
_DEEPSPEED = frozenset({"zero_optimization", "train_micro_batch_size_per_gpu", "train_batch_size", "gradient_clipping"})
_SECTIONS = ("training", "training_arguments", "training_args", "trainer", "train", "args", "hyperparameters")


class Recognised(NamedTuple):
    """The dialect, what told it, and the section that holds the trainer's keys (() where they are at the top)."""

    dialect: str
    by: str
    section: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where the trainer's keys stand, in words."""
        return f"under {'.'.join(self.section)}" if self.section else "at the top level"


def recognise(source: str, values: Mapping[str, Any]) -> Recognised:
    """Which dialect the keys are of. Keys that several trainers share, alone, count as LLaMA-Factory's.

    >>> recognise("a.yaml", {"learning_rate": 1e-4, "micro_batch_size": 2, "lr_scheduler": "cosine"})
    Recognised(dialect='axolotl', by='its keys lr_scheduler, micro_batch_size', section=())
    """
    keys = frozenset(key for key, value in values.items() if isinstance(key, str))
    if any(key.startswith("train.") for key in keys):
        return Recognised("llamafactory-ui", "keys that begin with train., as the web UI saves them")
    if _has_type(values.get("scheduler")) or (_has_type(values.get("optimizer")) and keys & _DEEPSPEED):
        return Recognised("deepspeed", "its scheduler or optimizer block with a type")
    if len(keys & _DEEPSPEED) and not keys & SETTING_NAMES - {"gradient_accumulation_steps"}:
        return Recognised("deepspeed", _list(keys & _DEEPSPEED))
    if "log_history" in keys:
        raise ConfigError(f"{source}: this is the state of a run, with its log, not a config")
    if any(isinstance(values.get(key), Mapping) and "_component_" in values[key] for key in keys):
        raise ConfigError(
            f"{source}: this is a recipe of torchtune, which is not read; give olr.get_scheduler its numbers"
        )
    if keys & SETTING_NAMES or keys & {"lr_scheduler", "micro_batch_size", "lr_scheduler_config"}:
        return _flat(values, keys)
    return _nested(source, values)


def _flat(values: Mapping[str, Any], keys: frozenset[str]) -> Recognised:
    if keys & _V1 and not keys & (_LLAMAFACTORY - {"template", "cutoff_len"}) and "model_name_or_path" not in keys:
        return Recognised("llamafactory-v1", _list(keys & _V1))
    axolotl = keys & _AXOLOTL
    alone = values.get("lr_scheduler") in ("rex", "one_cycle") or "sequence_len" in keys
    if (len(axolotl) > 1 or alone) and not keys & (_NOT_AXOLOTL | {"stage", "finetuning_type"}):
        return Recognised("axolotl", _list(axolotl))
    if keys & _LLAMAFACTORY - {"preprocessing_num_workers"}:
        return Recognised("llamafactory", _list(keys & _LLAMAFACTORY))
    if keys & _TRL:
        return Recognised("hf", _list(keys & _TRL))
    return Recognised("llamafactory", "keys that LLaMA-Factory shares with transformers")


def _nested(source: str, values: Mapping[str, Any]) -> Recognised:
    """Training arguments in one section of a larger file."""
    found: list[tuple[str, ...]] = []
    for name in _SECTIONS:
        section = values.get(name)
        if not isinstance(section, Mapping):
            continue
        if SETTING_NAMES & section.keys():
            found.append((name,))
        elif isinstance(section.get("args"), Mapping) and SETTING_NAMES & section["args"].keys():
            found.append((name, "args"))
    if len(found) == 1:
        return Recognised("hf", f"training arguments under {'.'.join(found[0])}", found[0])
    if found:
        places = " and ".join(".".join(place) for place in found)
        raise ConfigError(f"{source}: training arguments stand under {places}; keep one")
    inside = [key for key, value in values.items() if isinstance(value, Mapping) and SETTING_NAMES & value.keys()]
    if inside:
        what = min(SETTING_NAMES & values[inside[0]].keys())
        raise ConfigError(
            f"{source}: {what} stands under {inside[0]}, where no trainer that is known looks for it; move it to the top "
            f"or under training"
        )
    seen = ", ".join(str(key) for key in list(values)[:5]) or "none"
    raise ConfigError(f"{source}: no key of a training run is there, such as learning_rate; the keys are: {seen}")


def _has_type(block: Any) -> bool:
    return isinstance(block, Mapping) and isinstance(block.get("type"), str)


def _list(keys: frozenset[str]) -> str:
    return f"its key{'s' * (len(keys) > 1)} {', '.join(sorted(keys)[:3])}"
