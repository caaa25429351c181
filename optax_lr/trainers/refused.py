"""Trainers that are recognised and not read: a table of what marks each, and the line that says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from optax_lr.sources.source import Source
from optax_lr.trainers.base import Trainer
from optax_lr.trainers.megatron import Megatron
from optax_lr.trainers.openrlhf import OpenRLHF
from optax_lr.trainers.torchtitan import Torchtitan, marks_of
from optax_lr.trainers.usual_names import by_metric, state_with
from optax_lr.trainers.verl import Verl
from optax_lr.trainers.verl_sft import VerlSFT


def _there(values: Mapping[str, object], place: str) -> bool:
    """Whether a dotted place has a value; `train.*` is any key in or below a section."""
    *sections, name = place.split(".")
    if name == "*":
        dotted = any(str(key).startswith(place[:-1]) for key in values)
        return dotted or isinstance(values.get(sections[0]), Mapping)
    inner: object = values
    for section in sections:
        inner = inner.get(section) if isinstance(inner, Mapping) else None
    return isinstance(inner, Mapping) and inner.get(name) is not None


def _megatron_deepspeed(values: Mapping[str, object]) -> bool:
    """Megatron's options of the length with those of DeepSpeed."""
    lengths = {"train_iters", "train_samples", "lr_decay_iters", "lr_decay_samples"} & values.keys()
    return bool(lengths and {"deepspeed", "deepspeed_config"} & values.keys())


def _dotted(values: Mapping[str, object]) -> bool:
    sections = ("training.", "lr_scheduler.", "optimizer.", "adam.", "train.batch")
    return "learning_rate" not in values and any(str(key).startswith(sections) for key in values)


def _like_torchtitan(values: Mapping[str, object]) -> bool:
    """Sections that torchtitan would read, without a key that only torchtitan has."""
    return marks_of(values) == "" and not Torchtitan().why_refused(Source("", values, {}, "yaml"))


def _gpt_neox(values: Mapping[str, object]) -> bool:
    """Keys of GPT-NeoX, in which dashes and underscores are equal."""
    plain = {str(key).replace("-", "_") for key in values}
    return "train_iters" in plain and ("pipe_parallel_size" in plain or _there(values, "optimizer.params"))


def _if_named(trainer: Trainer, condition: str = "") -> Callable[[Source], str]:
    """The advice to name a trainer, or the reason for which it would refuse the config."""
    return lambda source: trainer.why_refused(source) or f"{condition}name it with --trainer {trainer.name}"


def _of_openrlhf(source: Source) -> str:
    """What to do with options of OpenRLHF outside of its commands."""
    if source.program is None:
        return "write its command with these options to a shell script: python -m openrlhf.cli.train_sft --learning_rate ..."
    if re.search(OpenRLHF.command, source.program_name):
        return _if_named(OpenRLHF(), f"if {source.program_name} is a copy of one, ")(source)
    return state_with(source)


def _nemo_automodel(values: Mapping[str, object]) -> bool:
    """Whether a section is made by a class of NeMo AutoModel."""
    targets = (inner.get("_target_") for inner in values.values() if isinstance(inner, Mapping))
    return any(str(target).startswith("nemo_automodel.") for target in targets)


class Refused(NamedTuple):
    """One trainer that is not read.

    Fields:
        title: what the file is, for people.
        program: a pattern of the program's name; empty for none.
        marks: the keys by which a file is this trainer's: groups of dotted places. All of one group must be given.
        test: whether the keys are this trainer's, where `marks` cannot say it.
        way: what to do.
    """

    title: str
    program: str = ""
    marks: tuple[str, ...] = ()
    test: Callable[[Mapping[str, object]], bool] = lambda values: False
    way: str | Callable[[Source], str] = state_with

    def has(self, values: Mapping[str, object]) -> bool:
        """Whether the keys are this trainer's."""
        return self.test(values) or any(all(_there(values, place) for place in group.split()) for group in self.marks)


_CONTROL_NETS = r"(?:.*/)?(?:(?:sdxl|flux)_)?train_control_net\w*\.py"
_LIGHTNING = (
    *(f"{section}.class_path" for section in ("model", "optimizer", "lr_scheduler", "data")),
    "seed_everything trainer.*",
)
_SLIME = ("rm_type", "num_rollout", "hf_checkpoint", "megatron_to_hf_mode")
_DIFFUSERS = r"(?:.*/)?train_(?:unconditional|lcm_distill|wuerstchen|cogvideox|kandinsky)\w*\.py"
REFUSED: tuple[Refused, ...] = (
    Refused(
        "the state of a run, with its log", marks=("log_history",), way="audit reads it; lint and show need the config"
    ),
    Refused(
        "an accelerate config",
        marks=("compute_environment distributed_type",),
        way="it states only the number of processes: read the training config, or the command that names it",
    ),
    Refused(
        "a run of verl other than main_ppo and its trainers for SFT",
        r"verl\.|(?:.*/)?verl/trainer/\w+\.py$|recipe\.\w+\.main",
    ),
    Refused(
        "a run of open-instruct other than finetune and dpo_tune",
        r"(?:.*/)?open_instruct[/.](?!(?:finetune(?:_trainer)?|dpo_tune(?:_cache)?)\b)",
    ),
    Refused(
        "a run of slime",
        marks=("rollout_function_path", *(f"actor_num_gpus_per_node {key}" for key in _SLIME)),
    ),
    Refused(
        "a run with options of OpenRLHF that does not start one of its commands",
        r"openrlhf\.|.*openrlhf/cli/",
        ("actor_num_gpus_per_node", "ckpt.*", "micro_train_batch_size train_batch_size"),
        way=_of_openrlhf,
    ),
    Refused(
        "a file with sections such as torchtitan's, and with no key that only torchtitan has",
        test=_like_torchtitan,
        way="name it with --trainer torchtitan",
    ),
    Refused("a training of ControlNets by kohya's sd-scripts", _CONTROL_NETS),
    Refused(
        "a run of musubi-tuner",
        r"(?:.*/)?(?:hv|hv_1_5|wan|fpack|flux_kontext|flux_2|qwen_image|zimage|kandinsky5)_train\w*\.py",
        ("dit network_module", "dit max_train_steps", "dit max_train_epochs"),
    ),
    Refused(
        "a file of the kohya_ss GUI",
        marks=("lr_warmup epoch", "LoRA_type network_dim"),
        way="read the command that its button prints",
    ),
    Refused("a config of mlx-lm-lora", r"mlx_lm_lora\b", ("train_mode iters", "train_mode adapter_path")),
    Refused(
        "a run of DeepSpeed-Chat",
        r"(?i:.*deepspeed.?chat.*)\.py|(?:.*/)?step[123]_\w+_finetuning/main\.py",
        ("zero_stage num_warmup_steps data_split",),
    ),
    Refused("a config of GPT-NeoX", test=_gpt_neox),
    Refused(
        "a run of Megatron-DeepSpeed",
        test=_megatron_deepspeed,
        way=_if_named(Megatron(), "if its DeepSpeed config has no scheduler, "),
    ),
    Refused("a run of one of diffusers' example scripts", _DIFFUSERS),
    Refused(
        "a run of one of diffusers' scripts in Flax",
        r"(?:.*/)?(?:train_(?:text_to_image|dreambooth|controlnet)|textual_inversion)_flax\.py",
        way="its rate is constant, whatever --lr_scheduler says: olr.Constant",
    ),
    Refused("a config of litgpt", r"litgpt .*|.*litgpt/.*\.py", ("checkpoint_dir train.*",)),
    Refused(
        "a config of nanotron",
        r"(?:.*/)?run_train\.py|nanotron\.",
        ("optimizer.learning_rate_scheduler", "tokens.train_steps"),
    ),
    Refused(
        "a config of OLMo",
        r"olmo\.|.*OLMo/scripts/train\.py",
        (
            "device_train_microbatch_size scheduler.t_max",
            "device_train_microbatch_size optimizer.learning_rate",
            "scheduler.units",
        ),
    ),
    Refused(
        "a config of llm-foundry or Composer", r"composer .*|.*composer/cli", ("max_duration", "scheduler.t_warmup")
    ),
    Refused(
        "a config of NeMo", r"nemo .*|.*megatron_gpt_(?:pre)?\w*training\.py", ("model.optim.sched", "exp_manager")
    ),
    Refused("a config of NeMo AutoModel", r"automodel .*|nemo_automodel[./].*", test=_nemo_automodel),
    Refused("a config of Ludwig", r"ludwig .*", ("trainer.learning_rate_scheduler", "input_features")),
    Refused("a config of Lightning's CLI, or of a program with its class_path", r"lightning .*", _LIGHTNING),
    Refused(
        "a config with arguments of Lightning's Trainer",
        marks=("trainer.accelerator trainer.max_steps", "trainer.accelerator trainer.max_epochs"),
        way=lambda source: (
            f"if the script with the LightningModule has the schedule, read that, or {state_with(source)}"
        ),
    ),
    Refused("a config of fairseq", r"fairseq[-_.].*|.*fairseq_cli/", ("optimization.max_update",)),
    Refused(
        "a config of ultralytics",
        r"yolo .*",
        ("lr0 lrf", "lr0 task"),
        way="its optimizer: auto replaces lr0; the rates are in results.csv, which audit reads",
    ),
    Refused("a config of mmengine", r"(?:.*/)?tools/train\.py|mim .*", ("param_scheduler optim_wrapper",)),
    Refused("a config of timm's train.py", marks=("sched warmup_epochs", "sched epochs")),
    Refused("a command with dotted options", test=_dotted),
)


def refusal(source: Source) -> str | None:
    """The line about a trainer that is recognised and not read; None where none is."""
    if source.form in ("python", "notebook", "card"):
        return None
    program = source.program_name
    if re.match(r"levanter\.main\.|.*levanter/main/", program) or any(
        re.fullmatch(trainer.programs, program) for trainer in (OpenRLHF, Torchtitan, Verl, VerlSFT)
    ):
        return None  # whose options are those of others, too
    verl = any(re.match(r"[+~]*(?:actor_rollout_ref|algorithm|critic)\.[\w.]+=", word) for word in source.positional)
    if verl:
        advice = _if_named(Verl(), "if its options are those of main_ppo, ")(source)
        return f"{source.name}: {program or 'this'} runs verl; {advice}"
    for entry in REFUSED:
        if (entry.program and re.match(entry.program, program)) or entry.has(source.values):
            way = entry.way if isinstance(entry.way, str) else by_metric(source) or entry.way(source)
            return f"{source.name}: this is {entry.title}, which is not read; {way}"
    return None
