"""LLaMA-Factory: its training files, those of its version 1 trainer, and the form that its web UI saves."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from optax_lr.numerics import Real
from optax_lr.schedules import Constant, InSamples, Schedule, WarmupStableDecay
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.marks import is_known
from optax_lr.sources.source import Processes, Source
from optax_lr.text import start_of, words
from optax_lr.trainers.base import Data, Reading, Recognised, Trainer, key_list
from optax_lr.trainers.curve_keys import concerns_curve
from optax_lr.trainers.known import keys_of
from optax_lr.trainers.llamafactory_megatron import on_megatron
from optax_lr.trainers.settings import ARGPARSE, SETTING_NAMES, STRICT, YES, Rules, Settings, whole_setting
from optax_lr.trainers.training_arguments import FIELDS, MARKS
from optax_lr.trainers.transformers import Transformers
from optax_lr.trainers.writing import plain, training_arguments_of

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
_MARKS = words(
    "val_size max_samples streaming stage finetuning_type template cutoff_len dataset_dir plot_loss lora_target "
    "use_badam use_galore use_apollo use_muon pure_bf16 eval_dataset flash_attn freeze_trainable_layers pref_loss "
    "pref_beta mix_strategy overwrite_cache visual_inputs upcast_layernorm enable_liger_kernel"
)
# Two of these are needed: other programs have one of them.
_WEAK = words("streaming template cutoff_len val_size max_samples dataset_dir stage eval_dataset flash_attn")
_V1 = words(
    "model_class kernel_config dist_config peft_config quant_config train_dataset init_config sample_backend "
    "optim_config lr_scheduler_config"
)
_V1_WEAK = words(
    "peft_config quant_config train_dataset optim_config lr_scheduler_config"
)  # each alone may be of any program
_STAGES = ("pt", "sft", "rm", "ppo", "dpo", "kto")
_CUTS = ("max_samples", "val_size")
_OLD = words(
    "max_seq_length max_source_length max_target_length finetuning_args lora_modules quantization "
    "ray_run_name resources_per_worker placement_strategy"
)


class LlamaFactory(Transformers):
    """LLaMA-Factory, whose files go into dataclasses as OmegaConf parsed them."""

    name = "llamafactory"
    title = "LLaMA-Factory"
    covers = frozenset({"hf", "trl"})
    whose = "LLaMA-Factory, from transformers TrainingArguments"
    calls = r"llamafactory\..*"
    programs = r"lmf train|.*llamafactory.*"
    not_training = dict.fromkeys(
        ("llamafactory-cli", "lmf"), words("api chat env eval export help version webchat webui")
    )
    newest = "5.8.0"  # the version that it pins
    names = SETTING_NAMES
    file_first = True
    omegaconf = True
    history = {"": "llamafactory"}
    elsewhere = " but of a fork or another program"

    def evidence(self, source: Source) -> str | None:
        keys = frozenset(source.given)
        marks = _MARKS & keys
        if source.program is not None:
            script = source.program.name
            known = script.endswith(("train_bash.py", "src/train.py"))
            ours = {"stage", "finetuning_type"} <= keys or (known and marks)
            return f"the script {script} and {key_list(marks, 'option')}" if ours else None
        if not keys & (SETTING_NAMES | MARKS) or any(str(key).startswith("train.") for key in keys):
            return None
        others = {str(key) for key in keys - self.known()}
        strange = "stage" not in marks and any(map(concerns_curve, others))
        sure = marks - _WEAK or (marks and not others) or (len(marks) > 1 and not strange)
        return key_list(marks) if sure else None

    def config_file(self, source: Source) -> str | None:
        """The YAML behind `llamafactory-cli train`, behind which no option is taken."""
        first = super().config_file(source)
        if first is not None and is_known(first) and source.command.options:
            wrong = next(iter(source.command.options))
            raise source.error(f"after a YAML, LLaMA-Factory takes key=value and not --{wrong}; write {wrong}=...")
        return first

    def merged(self, file: Mapping[str, object], source: Source) -> dict[str, object]:
        """The file with the overrides `key=value`, which OmegaConf reads."""
        words = source.positional[1:]
        if other := [word for word in words if "=" not in word]:
            raise source.error(f"{other[0]} after the YAML is not key=value, which LLaMA-Factory needs")
        return _over(file, _overrides(source, words))

    def known(self) -> frozenset[str]:
        return FIELDS | keys_of("llamafactory") | _OLD

    def read(self, source: Source, found: Recognised) -> Reading:
        if source.form == "command" and not SETTING_NAMES & source.given.keys():
            raise source.error("the command gives no settings; read the YAML that it trains by")
        from_command = source.form == "command" and not self.config_file(source)
        return self.read_values(source, source.values, rules=ARGPARSE if from_command else STRICT)

    def read_values(self, source: Source, values: Mapping[str, object], *, rules: Rules) -> Reading:
        """The settings among `values`."""
        if values.get("eval_dataset") is not None and values.get("val_size") not in (None, 0, 0.0, "0"):
            raise source.error("val_size with eval_dataset is refused by LLaMA-Factory; keep one")
        found = self.reading(
            source,
            values,
            rules=rules,
            trainer=LlamaFactoryPPO.name if values.get("stage") == "ppo" else self.name,
            num_datasets=_number_of_datasets(values),
        )
        settings, notes = found.settings, [*found.notes, *_notes(values, found.settings)]
        if (packs := _packs(values)) is not None:
            # Which the texts, and not the packed rows, are counted by: `llamafactory.data.loader`.
            cut = [key for key in _CUTS if getattr(settings, key)]
            settings = dataclasses.replace(settings, max_samples=None, val_size=0.0)
            if packs != "packing":
                notes.append(f"{packs} packs the texts; the number of examples is that of the packed rows")
            if cut:
                notes.append(f"{' and '.join(cut)}: of the texts, before they are packed; give the packed rows")
        processes = None
        if (workers := values.get("ray_num_workers")) is not None:
            count = whole_setting(f"{source.name}: ray_num_workers", workers, rules)
            processes = Processes(count if count > 0 else None, "ray_num_workers of the file")
        found = found._replace(settings=settings, notes=tuple(notes), processes=processes)
        found = on_megatron(source, values, rules, found)
        if never := [key for key in found.unknown if key not in self.former()]:
            note = f"{', '.join(never[:3])}: not of LLaMA-Factory but of a fork or another program, which may train otherwise"
            found = found._replace(notes=(*found.notes, note))
        return found

    def filled_keywords(self, settings: Settings, max_steps: Real, warmup_steps: Real) -> dict[str, object]:
        """The lengths of `warmup_stable_decay` that the config does not give.

        A third of the steps after the warmup is stable, and the rest decays.
        """
        if settings.lr_scheduler_type != "warmup_stable_decay":
            return {}
        rest = np.maximum(np.asarray(max_steps) - warmup_steps, 0)
        return {"num_stable_steps": rest // 3, "num_decay_steps": rest - rest // 3}

    def write(self, schedule: Schedule) -> dict[str, object]:
        """The keys of transformers, with the stable phase that would otherwise be filled in."""
        keys = training_arguments_of(schedule)
        if isinstance(schedule, WarmupStableDecay) and schedule.stable_steps is None:
            stable = schedule.end - schedule.warmup_steps - schedule.decay_steps
            if stable < 0:
                raise ConfigError("warmup and decay are longer than the run, which LLaMA-Factory cannot express")
            keys["lr_scheduler_kwargs"] |= {"num_stable_steps": plain(stable)}
        return keys


class LlamaFactoryPPO(LlamaFactory):
    """LLaMA-Factory's stage ppo, which counts steps of its own and hands no keywords to the scheduler."""

    name = "llamafactory-ppo"
    zero_steps_count = False

    def recognise(self, source: Source) -> Recognised | None:
        """Never: LLaMA-Factory's reader finds it by `stage: ppo`."""
        return None

    def steps_per_epoch(self, settings: Settings, data: Data, version: str) -> int | None:
        batch = settings.per_device_train_batch_size * settings.gradient_accumulation_steps
        examples = self.training_examples(settings, data.examples)
        return math.ceil(examples / (batch * settings.ppo_buffer_size * data.processes))

    def steps_of_epochs(self, settings: Settings, per_epoch: int, data: Data | None) -> int:
        """Optimizer steps of all epochs, which must be a whole number."""
        steps, epochs = settings.num_train_epochs * per_epoch, settings.num_train_epochs
        if steps != int(steps):
            raise settings.error(f"{epochs} epochs of {per_epoch} steps are not a whole number for PPO; give max_steps")
        return int(steps)

    def counted(self, settings: Settings, data: Data | None, processes: int) -> Settings:
        """The settings with the number of processes, because each one steps the schedule."""
        return settings.also(processes=processes)

    def schedule(self, settings: Settings, *, max_steps: Real, warmup_steps: Real, **changes: Real) -> Schedule:
        """The schedule of all updates, which accelerate steps once for each process, so that it ends early.

        Source: `trl.PPOTrainer` 0.9.6, which prepares the scheduler; `accelerate.scheduler.AcceleratedScheduler.step`.
        """
        made = super().schedule(settings, max_steps=max_steps, warmup_steps=warmup_steps, **changes)
        processes: int = settings.own["processes"]
        return made if processes == 1 or isinstance(made, Constant) else InSamples(made, per_step=processes)

    def notes(self, settings: Settings, max_steps: int, version: str) -> Iterator[str]:
        """What a step is, in addition to what transformers needs."""
        yield from super().notes(settings, max_steps, version)
        if (processes := settings.own["processes"]) > 1 and settings.lr_scheduler_type != "constant":
            yield f"each of the {processes} processes steps the schedule, which ends before the run does"
        yield "a step is one batch of PPO: the updates of ppo_epochs have one rate"

    def filled_keywords(self, settings: Settings, max_steps: Real, warmup_steps: Real) -> dict[str, object]:
        return {}

    def keywords(self, settings: Settings) -> dict[str, object]:
        """None: the PPO trainer does not hand them on."""
        return {}


class LlamaFactoryUI(LlamaFactory):
    """The file of the web UI: keys with the prefix `train.`, many numbers as text, and JSON under `train.extra_args`.

    Source: `llamafactory.webui.runner`, which makes the arguments of the run of them.
    """

    name = "llamafactory-ui"

    def recognise(self, source: Source) -> Recognised | None:
        ours = any(str(key).startswith("train.") for key in source.values) and source.form != "command"
        return Recognised(self.name, "keys that begin with train., as the web UI saves them") if ours else None

    def read(self, source: Source, found: Recognised) -> Reading:
        """The form, with what it shows before anybody touches it."""
        values = source.values
        shown = {key.removeprefix("train."): value for key, value in values.items() if key.startswith("train.")}
        form = _FORM | {key: value for key, value in shown.items() if value not in (None, "")}
        extra = form.get("extra_args") or "{}"
        try:
            arguments = dict(json.loads(extra) if isinstance(extra, str) else extra)
        except (ValueError, TypeError, RecursionError):
            raise source.error(f"train.extra_args must be a JSON mapping, not {extra!r}") from None
        made = {key: form[key] for key in SETTING_NAMES & form.keys()}
        made["per_device_train_batch_size"] = form["batch_size"]
        made["packing"] = form.get("packing") or form.get("neat_packing")
        if form["training_stage"] == "PPO":
            made |= {"stage": "ppo", "val_size": None}
        made["dataset"] = form.get("dataset") or None
        read = self.read_values(source, made | arguments, rules=ARGPARSE)
        other = [key for key in values if key in SETTING_NAMES or ("." not in key and concerns_curve(key))]
        stray = tuple((key, "the web UI reads keys that begin with train.") for key in sorted(other))
        ignored = tuple((f"train.{key}", why) for key, why in read.ignored if f"train.{key}" in values)
        notes = tuple(note for note in read.notes if "is taken as a number" not in note)
        return Reading(read.settings, ignored + stray, notes, read.defaults)


class LlamaFactoryV1(Trainer):
    """The version 1 trainer, which trains at a constant rate unless a scheduler plugin is named.

    Source: `llamafactory.v1`; it ships no such plugin.
    """

    name = "llamafactory-v1"
    title = "LLaMA-Factory's v1 trainer"
    fine_tunes = True
    varies = True
    covers = frozenset({"hf", "trl", "axolotl", "llamafactory"})
    omegaconf = True
    newest = "5.8.0"

    def evidence(self, source: Source) -> str | None:
        keys = frozenset(source.given)
        others = (_MARKS - _WEAK) | {"model_name_or_path"}
        length = keys & (SETTING_NAMES | {"micro_batch_size", "lr_scheduler_config"})
        marks = _V1 & keys
        ours = marks - _V1_WEAK or len(marks) > 1
        ours = ours and length and not keys & others and source.form != "command"
        return key_list(marks) if ours else None

    def read(self, source: Source, found: Recognised) -> Reading:
        values = source.values
        if values.get("lr_scheduler_config") is not None:
            has = "names a plugin, and LLaMA-Factory's v1 trainer has none of them; without it the rate is constant"
            raise source.error(f"lr_scheduler_config {has}")
        for key in ("lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps", "warmup_ratio"):
            if values.get(key) is not None:
                raise source.error(f"{key} is not a key of LLaMA-Factory's v1 trainer; --set {key}=null leaves it out")
        taken = {key: values.get(key) for key in ("learning_rate", "max_steps", "num_train_epochs")}
        taken["per_device_train_batch_size"] = values.get("micro_batch_size")
        settings = Settings.of(source.name, taken, trainer=self.name, lr_scheduler_type="constant")
        return Reading(settings, notes=("the v1 trainer has no scheduler: the rate is constant, without a warmup",))

    def curve(self, settings: Settings, rate: Real, steps: Real, warmup: Real) -> Schedule:
        return Constant(rate)


def _notes(values: Mapping[str, object], settings: Settings) -> Iterator[str]:
    """What the examples must be, and what is of a fork."""
    if settings.num_datasets > 1 and (strategy := values.get("mix_strategy")) not in (None, "concat"):
        yield f"mix_strategy {strategy}: the number of examples must be that after the mixing"
    cut = [key for key in _CUTS if values.get(key)]
    if values.get("tokenized_path") is not None and cut:
        yield f"tokenized_path: where it exists, its rows are taken whole, and {' and '.join(cut)} without effect"
    for name in ("galore", "apollo"):
        if values.get(f"use_{name}") in YES and values.get(f"{name}_layerwise") in YES:
            what = "from transformers 5.1 on each parameter keeps its rate at the peak, and this plan is not what runs"
            yield f"{name}_layerwise: {what}"
    if (stage := values.get("stage")) is not None and stage not in _STAGES:
        yield f"stage {stage} is of a fork of LLaMA-Factory, which may have a trainer of its own for it"
    if (parallel := values.get("sequence_parallel_size")) not in (None, 1, "1"):
        yield f"sequence_parallel_size: of a fork of LLaMA-Factory, which may make {parallel} times as many steps"


def _packs(values: Mapping[str, object]) -> str | None:
    """The setting for which LLaMA-Factory packs the texts; None where it does not."""
    if values.get("neat_packing") in YES:
        return "neat_packing"
    given = values.get("packing")
    if given is not None:
        return "packing" if given in YES else None
    return "stage: pt" if values.get("stage") == "pt" else None


def _number_of_datasets(values: Mapping[str, object]) -> int:
    named = values.get("dataset")
    sets = [name for name in named.split(",") if name.strip()] if isinstance(named, str) else named
    return max(1, len(sets)) if isinstance(sets, list) else 1


def _overrides(source: Source, words: tuple[str, ...]) -> dict[str, object]:
    """Words `key=value` as OmegaConf reads them; aliases are refused, since they may expand to any size."""
    import omegaconf
    import yaml

    try:
        events = [event for word in words for event in yaml.parse(word.partition("=")[2], Loader=yaml.SafeLoader)]
        if any(isinstance(event, yaml.AliasEvent) for event in events):
            raise yaml.YAMLError
        given = omegaconf.OmegaConf.to_container(omegaconf.OmegaConf.from_dotlist(list(words)), resolve=False)
    except (yaml.YAMLError, omegaconf.errors.OmegaConfBaseException, RecursionError):
        shown = start_of(" ".join(words), 100)
        raise source.error(f"OmegaConf does not read {shown} after the YAML; check its quotes") from None
    return {str(key): value for key, value in given.items()} if isinstance(given, dict) else {}


def _over(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    """The values of `below`, with those of `above` over them, section by section."""
    made = dict(below)
    for key, value in above.items():
        inner = made.get(str(key))
        made[str(key)] = _over(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return made
