"""ms-swift: `swift sft`, `pt` and `rlhf`, with defaults of its own and batches that are cut for each process first."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

from optax_lr.sources.source import Processes, Source
from optax_lr.text import words
from optax_lr.trainers.base import Data, Reading, Recognised, key_list, too_few
from optax_lr.trainers.generations import generation_keys, generation_marks, generation_steps
from optax_lr.trainers.keys import Default
from optax_lr.trainers.known import keys_of
from optax_lr.trainers.settings import ARGPARSE, SETTING_NAMES, STRICT, Settings
from optax_lr.trainers.training_arguments import FIELDS
from optax_lr.trainers.transformers import Transformers, rounding_notes, updates_of

_MARKS = words("tuner_type train_type split_dataset_ratio model_author rlhf_type use_hf agent_template")
_OLD = words("sft_type custom_train_dataset_path dataset_test_ratio template_type lora_dtype train_dataset_sample")
_PARALLEL = ("sequence_parallel_size", "deepspeed_autotp_size")
_OLD_NEEDS = ("lr_scheduler_type", "num_train_epochs", "learning_rate", "warmup_ratio")
_ALIASES = frozenset({"train_type", "dataset_shuffle", "check_model", "use_chat_template", "config", "target_modules"})
_TORCHACC = words(
    "metric_warmup_step acc_steps"
)  # `TorchAccArguments` of 3.0 to 3.6: the steps of its own speed measurement
WORLD = (
    "global_world_size"  # in the args.json that it saves with a run, where its keys are all attributes of its arguments
)


class Swift(Transformers):
    """ms-swift, from version 3 on.

    Source: `swift.trainers.arguments`, `swift.arguments.sft_args`, `swift.dataloader.shard`.
    """

    name = "swift"
    title = "ms-swift"
    covers = frozenset({"hf", "trl", "llamafactory", "axolotl"})
    renamed = {"val_size": "split_dataset_ratio"}
    calls = r"swift\.(?:.*\.)?(?!Megatron)\w+"
    programs = r"swift (?:sft|pt|rlhf)|(?:.*swift/cli/|swift\.cli\.)(?:sft|pt|rlhf)(?:\.py)?"
    not_training = {"swift": words("app deploy eval export infer merge-lora rollout sample web-ui")}
    names = SETTING_NAMES - {"max_samples", "ppo_buffer_size"}
    file_option = "config"
    file_first = True
    history = {"": "swift"}

    def evidence(self, source: Source) -> str | None:
        marks = _MARKS & source.given.keys()
        data = {"model", "dataset", "model_id_or_path"} & source.given.keys()
        return key_list(marks) if marks and data and source.form != "command" else None

    def merged(self, file: Mapping[str, object], source: Source) -> dict[str, object]:
        """The settings of the file and the command in order: options after the file replace its values."""
        values = dict(file)
        values.pop("ENV", None)
        return values | {key: value for key, value in source.values.items() if key != "config"}

    def known(self) -> frozenset[str]:
        return FIELDS | keys_of("swift") | _ALIASES | _OLD | _TORCHACC | {WORLD, "local_world_size"}

    def read(self, source: Source, found: Recognised) -> Reading:
        values, name = {str(key): value for key, value in source.values.items()}, source.name
        values.pop("ENV", None)
        old = sorted(_OLD & source.given.keys())
        missing = [f"--set {key}=VALUE" for key in _OLD_NEEDS if values.get(key) is None]
        if old and missing:
            others = f"{old[0]} is a key of ms-swift 1 and 2, which have other defaults (cosine, warmup_ratio 0.05, one epoch)"
            raise source.error(f"{others}; give {' '.join(missing)}")
        if old:  # its own name, and the share of the examples that it keeps for validation
            values["per_device_train_batch_size"] = values.pop("batch_size", values.get("per_device_train_batch_size"))
            values["split_dataset_ratio"] = values.pop("dataset_test_ratio", 0.01)
        marks = generation_marks(source.given) if values.get("rlhf_type") is None else frozenset()
        if marks and (source.program is None or " rlhf" in source.program_name):
            values["rlhf_type"] = "grpo"
        method = values.get("rlhf_type")
        generates = method == "grpo"
        uncounted = [f"of rlhf_type {method}"] if method in ("ppo", "gkd") else []
        uncounted += [f"with {key}" for key in _PARALLEL if str(values.get(key) or 1) != "1"]
        if uncounted and not values.get("max_steps"):
            raise source.error(
                f"the steps {uncounted[0]} in ms-swift are not counted; give them with --set max_steps=VALUE"
            )
        if re.fullmatch(r"zero[0-3](_offload)?", str(values.get("deepspeed"))):
            del values["deepspeed"]  # a config that it ships, without a scheduler
        ratio = values.pop("split_dataset_ratio", None)
        if values.get("cached_dataset") is not None and values.get("dataset") is None:
            ratio = None  # which divides no data set that is made before
        if values.get("val_dataset") is None:
            values["val_size"] = ratio
        tuner_of(source, values)
        rules = ARGPARSE if source.form in ("command", "yaml") else STRICT
        made = self.reading(
            source,
            values,
            rules=rules,
            defaults=self._defaults(values, of_class=source.constructor.endswith("TrainingArguments")),
            own={
                "accumulates": values.get("gradient_accumulation_steps") is None and not generates,
                "generations": generation_keys(f"{name}: ", values, rules, 8) if generates else None,
            },
        )
        if made.settings.warmup_ratio and made.settings.warmup_steps:
            raise source.error("ms-swift refuses warmup_ratio with warmup_steps; keep one")
        if (made.settings.warmup_ratio or 0) >= 1:
            raise source.error("warmup_ratio must be below 1 in ms-swift; a number of steps is warmup_steps")
        unsplit = ratio is None and values.get("val_dataset") is None and not made.settings.streaming
        notes = (
            *(note for note in made.notes if "is taken as a number" not in note),
            *([f"read as rlhf_type grpo, by {key_list(marks)}"] if generates and marks else []),
            *_notes(values, unsplit=unsplit and made.settings.max_steps <= 0),
        )
        ignored = tuple((key, why) for key, why in made.ignored if key != "val_size")
        if ratio is not None and values.get("val_dataset") is not None:
            ignored += (("split_dataset_ratio", "ms-swift sets it to 0 with val_dataset"),)
        unknown = () if WORLD in values else made.unknown
        return made._replace(notes=notes, ignored=ignored, unknown=unknown, processes=_processes(values))

    def _defaults(self, values: Mapping[str, object], *, of_class: bool) -> tuple[Default, ...]:
        """Its defaults; the rate by the tuner is that of its commands, and its class has transformers' own."""
        tuner = values.get("tuner_type", values.get("train_type", "lora"))
        inherited = "ms-swift, from transformers TrainingArguments"
        rate = (5e-5, inherited) if of_class else (1e-5 if tuner == "full" else 1e-4, f"ms-swift, for {tuner}")
        group = (None, "ms-swift: 16 examples an update, divided by batch and processes")
        standing = {
            "learning_rate": rate,
            "lr_scheduler_type": ("cosine", "ms-swift"),
            "warmup_steps": (0, inherited),
            "num_train_epochs": (3.0, "ms-swift 3, from transformers TrainingArguments"),
            "per_device_train_batch_size": (1, "ms-swift"),
            "gradient_accumulation_steps": (1, "ms-swift from 3.7 on, for grpo")
            if values.get("rlhf_type") == "grpo"
            else group,
        }
        return tuple(Default(key, value, whose) for key, (value, whose) in standing.items() if values.get(key) is None)

    def steps_per_epoch(self, settings: Settings, data: Data, version: str) -> int | None:
        """Each process takes its part of the examples, rounded down, and batches are rounded up; GRPO has TRL's sampler.

        The groups are those of the Trainer in that version of transformers.
        """
        group, batch = settings.gradient_accumulation_steps, settings.per_device_train_batch_size
        if settings.own["accumulates"]:  # as many as make 16 examples an update
            group = max(1, math.ceil(16 / batch / data.processes))
        examples = self.training_examples(settings, data.examples)
        if settings.own["generations"] is not None:
            return generation_steps(settings, data._replace(examples=examples), **settings.own["generations"])
        examples //= data.processes
        batches = examples // batch if settings.dataloader_drop_last else -(-examples // batch)
        if batches == 0:
            raise too_few(settings, data, batch)
        return updates_of(batches, group, version)

    def validation_examples(self, examples: int, share: float) -> int:
        """Rounded down, but at least one."""
        return validation_examples(examples, share)

    def notes(self, settings: Settings, max_steps: int, version: str) -> Iterator[str]:
        """The count of older versions; it keeps `warmup_ratio` for every version of transformers."""
        yield from rounding_notes(settings, version)


def tuner_of(source: Source, values: Mapping[str, object]) -> str | None:
    """The method of the tuning; None where it is not given."""
    given = {str(values[key]) for key in ("tuner_type", "train_type") if values.get(key) is not None}
    if len(given) > 1:
        raise source.error("train_type and tuner_type differ; keep tuner_type, or train_type for ms-swift 3")
    return next(iter(given), None)


def common_notes(values: Mapping[str, object]) -> Iterator[str]:
    """Notes on the cut of the data and on the name of the tuner."""
    if cut := re.findall(r"#\d+", str(values.get("dataset", ""))):
        yield f"dataset: {', '.join(cut[:3])} takes so many examples; the number of examples must be that after the cut"
    if values.get("train_type") is not None:
        yield "train_type is the key of ms-swift 3; from 4.1 on it is tuner_type, and train_type is refused"


def _notes(values: Mapping[str, object], *, unsplit: bool) -> Iterator[str]:
    """What the examples must be, and what the versions of ms-swift do not share."""
    if values.get("max_epochs") is not None:
        yield f"max_epochs {values['max_epochs']} ends the training; the schedule is that of num_train_epochs"
    yield from common_notes(values)
    if unsplit and values.get("tuner_type") is None:
        yield "split_dataset_ratio: ms-swift before 3.6 keeps 1% of the examples for validation by default; give 0.01 for it"


def validation_examples(examples: int, share: float) -> int:
    """The examples that a share takes for validation. Source: `post_process` in `swift.dataset.dataset_meta`."""
    return max(1, int(examples * share))


def _processes(values: Mapping[str, object]) -> Processes | None:
    """The number that a saved run had, or that of the group of devices that trains, where Ray starts it."""
    saved, groups = values.get(WORLD), values.get("device_groups")
    if isinstance(saved, int) and saved > 0:
        return Processes(saved, f"{WORLD} of the file")
    if not isinstance(groups, Mapping):
        return None
    for group in groups.values():
        if not isinstance(group, Mapping) or "default" not in (group.get("workers") or ()):
            continue
        ranks = str(group.get("ranks"))
        found = re.fullmatch(r"(?:list\()?range\((\d{1,6}),\s*(\d{1,6})\)\)?", ranks)
        count = int(found[2]) - int(found[1]) if found else int(ranks) if re.fullmatch(r"\d{1,6}", ranks) else 0
        return Processes(count if count > 0 else None, "device_groups of the file")
    return Processes(None, "device_groups of the file")
