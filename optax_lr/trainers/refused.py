"""Trainers that are recognised and not read: a table of what marks each, and the line that says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from optax_lr.sources.source import Source

_WAY = "write its schedule with olr.get_scheduler, or in Python with the classes of olr"
_Marks = Callable[[Mapping[str, object]], bool]


def _inner(values: Mapping[str, object], *places: str) -> object:
    """The value under nested keys; None where one is missing."""
    found: object = values
    for place in places:
        found = found.get(place) if isinstance(found, Mapping) else None
    return found


def _none(_values: Mapping[str, object]) -> bool:
    return False


def _has(*names: str) -> _Marks:
    """Whether all of these keys are there."""
    return lambda values: all(name in values for name in names)


def _any(*places: str) -> _Marks:
    """Whether one of these dotted places is there."""
    return lambda values: any(_inner(values, *place.split(".")) is not None for place in places)


def _weights_and_biases(values: Mapping[str, object]) -> bool:
    """The config.yaml of a W&B run: every value under `value`."""
    inner = [value for key, value in values.items() if key not in ("wandb_version", "_wandb")]
    wrapped = [isinstance(value, Mapping) and "value" in value and set(value) <= {"value", "desc"} for value in inner]
    return bool(inner) and all(wrapped)


def _verl(values: Mapping[str, object]) -> bool:
    return "actor_rollout_ref" in values or any(str(key).startswith("actor_rollout_ref.") for key in values)


def _openrlhf(values: Mapping[str, object]) -> bool:
    return "actor_num_gpus_per_node" in values or any(str(key).startswith("ckpt.") for key in values)


def _torchtitan(values: Mapping[str, object]) -> bool:
    training = values.get("training")
    if not isinstance(training, Mapping) or not isinstance(values.get("lr_scheduler"), Mapping):
        return False
    return bool({"steps", "local_batch_size", "seq_len", "global_batch_size"} & training.keys())


def _kohya(values: Mapping[str, object]) -> bool:
    keys = values.keys()
    data = {"network_dim", "unet_lr", "max_train_steps", "train_data_dir", "dataset_config"} & keys
    named = {"pretrained_model_name_or_path", "output_name"} <= keys
    return (named and bool(data)) or {"network_dim", "unet_lr"} <= keys


def _litgpt(values: Mapping[str, object]) -> bool:
    return "checkpoint_dir" in values and isinstance(values.get("train"), Mapping)


def _olmo(values: Mapping[str, object]) -> bool:
    micro = "device_train_microbatch_size" in values and _inner(values, "scheduler", "t_max") is not None
    return micro or _inner(values, "scheduler", "units") is not None


def _lightning(values: Mapping[str, object]) -> bool:
    if _any("model.class_path", "optimizer.class_path", "lr_scheduler.class_path", "data.class_path")(values):
        return True
    return "seed_everything" in values and isinstance(values.get("trainer"), Mapping)


def _ultralytics(values: Mapping[str, object]) -> bool:
    return "lr0" in values and ("lrf" in values or "task" in values)


def _dotted(values: Mapping[str, object]) -> bool:
    sections = ("training.", "lr_scheduler.", "optimizer.", "adam.", "train.batch")
    return "learning_rate" not in values and any(str(key).startswith(sections) for key in values)


def _megatron_swift(values: Mapping[str, object]) -> bool:
    """ms-swift's YAML for Megatron, whose lengths and rates have Megatron's names."""
    own = {"micro_batch_size", "global_batch_size", "lr", "lr_warmup_fraction", "min_lr"} & values.keys()
    swift = {"tuner_type", "train_type", "rlhf_type", "split_dataset_ratio", "external_plugins"} & values.keys()
    return len(own) > 1 and bool(swift) and "learning_rate" not in values


def _timm(values: Mapping[str, object]) -> bool:
    return "sched" in values and bool({"warmup_epochs", "epochs"} & values.keys())


class Refused(NamedTuple):
    """One trainer that is not read.

    Fields:
        title: what the file is, for people.
        program: a pattern of the program's name; empty for none.
        marks: whether the keys are this trainer's.
        way: what to do.
    """

    title: str
    program: str = ""
    marks: _Marks = _none
    way: str = _WAY


_KOHYA = r"(?:.*/)?(?:(?:sdxl_|flux_|sd3_|lumina_)?train_(?:network|db|textual_inversion)\.py|(?:sdxl|flux|sd3)_train\w*\.py)"
_DIFFUSERS = r"(?:.*/)?train_(?:unconditional|lcm_distill|wuerstchen|cogvideox|kandinsky)\w*\.py"
REFUSED: tuple[Refused, ...] = (
    Refused(
        "the config.yaml of a Weights & Biases run",
        marks=_weights_and_biases,
        way="write the values below `value` as plain keys, and read that file",
    ),
    Refused(
        "the state of a run, with its log",
        marks=_has("log_history"),
        way="audit reads it; lint and show need the config",
    ),
    Refused(
        "an accelerate config, which states only the number of processes",
        marks=_has("compute_environment", "distributed_type"),
        way="read the training config, or the command that names it",
    ),
    Refused("a run of verl other than main_ppo", r"verl\.(?!trainer\.main_ppo$)|recipe\.\w+\.main", _verl),
    Refused(
        "a run of open-instruct other than finetune", r"(?:.*/)?open_instruct[/.](?!(?:finetune|dpo_tune_cache)\b)"
    ),
    Refused("a run of OpenRLHF", r"openrlhf\.|.*openrlhf/cli/", _openrlhf),
    Refused("a run of Megatron-SWIFT", r"megatron (?:sft|pt|rlhf)|.*swift/cli/_megatron", _megatron_swift),
    Refused("a config of torchtitan", r"torchtitan\.|.*torchtitan/train\.py", _torchtitan),
    Refused("a config of kohya's sd-scripts", _KOHYA, _kohya),
    Refused("a run of one of diffusers' example scripts", _DIFFUSERS),
    Refused("a config of litgpt", r"litgpt .*|.*litgpt/.*\.py", _litgpt),
    Refused(
        "a config of nanotron",
        r"(?:.*/)?run_train\.py|nanotron\.",
        _any("optimizer.learning_rate_scheduler", "tokens.train_steps"),
    ),
    Refused("a config of OLMo", r"olmo\.|.*OLMo/scripts/train\.py", _olmo),
    Refused(
        "a config of llm-foundry or Composer", r"composer .*|.*composer/cli", _any("max_duration", "scheduler.t_warmup")
    ),
    Refused(
        "a config of NeMo",
        r"nemo .*|.*megatron_gpt_(?:pre)?\w*training\.py",
        _any("model.optim.sched", "exp_manager"),
    ),
    Refused("a config of Ludwig", r"ludwig .*", _any("trainer.learning_rate_scheduler", "input_features")),
    Refused("a config of Lightning's CLI", r"lightning .*", _lightning),
    Refused("a config of fairseq", r"fairseq[-_.].*|.*fairseq_cli/", _any("optimization.max_update")),
    Refused(
        "a config of ultralytics",
        r"yolo .*",
        _ultralytics,
        "its optimizer: auto replaces lr0; the rates are in results.csv, which audit reads",
    ),
    Refused("a config of mmengine", r"(?:.*/)?tools/train\.py|mim .*", _has("param_scheduler", "optim_wrapper")),
    Refused("a config of timm's train.py", marks=_timm),
    Refused("a command with dotted options, such as torchtitan's and OpenRLHF's", marks=_dotted),
)


def refusal(source: Source) -> str | None:
    """The line about a trainer that is recognised and not read; None where none is."""
    if source.form in ("python", "notebook", "card"):
        return None
    program = source.program.name if source.program is not None else ""
    words = source.program.positional if source.program is not None else ()
    if re.match(r"levanter\.main\.|.*levanter/main/", program):
        return None  # whose options are dotted too
    verl = any(re.match(r"[+~]*(?:actor_rollout_ref|algorithm|critic)\.[\w.]+=", word) for word in words)
    if verl and program != "verl.trainer.main_ppo":
        return f"{source.name}: this is a run of verl, which is not read; {_WAY}"
    for entry in REFUSED:
        if (entry.program and re.match(entry.program, program)) or entry.marks(source.values):
            return f"{source.name}: this is {entry.title}, which is not read; {entry.way}"
    return None
