"""LLaMA-Factory's runs on Megatron: by mcore_adapter (`USE_MCA=1`), or by Megatron-Bridge (`USE_MEGATRON_BRIDGE=1`)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from optax_lr.numerics import Real
from optax_lr.schedules import Constant, Schedule
from optax_lr.sources.source import Source
from optax_lr.text import words
from optax_lr.trainers.base import Data, Reading, Recognised, part_of, too_few
from optax_lr.trainers.megatron import data_ranks, one_group
from optax_lr.trainers.settings import SETTING_NAMES, YES, Rules, Settings, whole_setting
from optax_lr.trainers.transformers import Transformers

_PARALLEL = tuple(f"{kind}_parallel_size" for kind in ("tensor_model", "pipeline_model", "context", "expert_model"))
# Keys of Megatron-Bridge's arguments that mcore_adapter does not have.
_ONLY_BRIDGE = words(
    "mixed_precision use_packed_sequences export_hf_on_finish megatron_pretrained_checkpoint extra_config masked_softmax_fusion"
)


class LlamaFactoryMegatron(Transformers):
    """A run on Megatron, whose examples are divided among groups of processes.

    Source: `mcore_adapter.trainer.trainer.McaTrainer._prepare_train_loop`, `mcore_adapter.trainer.utils.get_megatron_lr_scheduler`,
    `llamafactory.train.megatron_bridge.config_builder`.
    """

    name = "llamafactory-megatron"
    title = "LLaMA-Factory on Megatron"
    newest = "5.8.0"  # the version that LLaMA-Factory pins
    names = SETTING_NAMES
    zero_steps_count = False

    def recognise(self, source: Source) -> Recognised | None:
        """Never: LLaMA-Factory's reader finds it by the keys of Megatron."""
        return None

    def steps_per_epoch(self, settings: Settings, data: Data, version: str) -> int | None:
        """Optimizer steps of one epoch: whole batches and whole groups alone with mcore_adapter, all with Megatron-Bridge."""
        ranks = data_ranks(settings, data.processes)
        data = Data(self.training_examples(settings, data.examples), ranks)
        batch, group = settings.per_device_train_batch_size, settings.gradient_accumulation_steps
        if settings.own["bridge"]:
            return math.ceil(data.examples / (batch * group * data.processes))
        batches = data.examples // batch // data.processes
        if batches < group and settings.max_steps <= 0:
            raise too_few(settings, data, batch * group)
        return max(1, batches // group)

    def counted(self, settings: Settings, data: Data | None, processes: int) -> Settings:
        """The settings with the epochs' examples by the examples of an update, which Megatron-Bridge rounds up once."""
        if not settings.own["bridge"] or data is None:
            return settings
        batch = settings.per_device_train_batch_size * settings.gradient_accumulation_steps
        update = batch * (processes // math.prod(settings.own["sizes"].values()) or 1)
        updates = self.training_examples(settings, data.examples) / update * settings.num_train_epochs
        return settings.also(updates=max(1, math.ceil(updates)))

    def steps_of_epochs(self, settings: Settings, per_epoch: int, data: Data | None) -> int:
        updates: int | None = settings.own.get("updates")
        return super().steps_of_epochs(settings, per_epoch, data) if updates is None else updates

    def warmup_steps(self, settings: Settings, max_steps: Real, version: str, data: Data | None = None) -> Real:
        """As transformers counts them; Megatron-Bridge rounds a ratio down, and takes steps before it."""
        if settings.own["bridge"] and not settings.warmup_steps:
            return part_of(max_steps, settings.warmup_ratio or 0.0)
        return super().warmup_steps(settings, max_steps, "4.57.6" if settings.own["bridge"] else version, data)

    def schedule(self, settings: Settings, *, max_steps: Real, warmup_steps: Real, **changes: Real) -> Schedule:
        """Those of Megatron's schedules that have the same form in transformers, and `constant` with a warmup."""
        kind, keywords = settings.lr_scheduler_type, settings.lr_scheduler_kwargs
        floor = kind == "cosine_with_min_lr" and set(keywords) == {"min_lr"} and not settings.own["bridge"]
        if not floor and (kind not in ("constant", "constant_with_warmup", "linear", "cosine") or keywords):
            other = f"{kind}{' with lr_scheduler_kwargs' if keywords else ''} has another meaning on Megatron, and is not read"
            raise settings.error(f"lr_scheduler_type {other}; write the schedule with the classes of olr")
        if kind == "constant":
            return Constant(changes.get("learning_rate", settings.learning_rate), warmup_steps)
        return super().schedule(settings, max_steps=max_steps, warmup_steps=warmup_steps, **changes)


def on_megatron(source: Source, values: Mapping[str, object], rules: Rules, reading: Reading) -> Reading:
    """The reading of a file with sizes of Megatron's groups, without which it is that of LLaMA-Factory's Trainer."""
    given = {key: values[key] for key in _PARALLEL if values.get(key) is not None}
    if not given:
        return reading
    if (stage := values.get("stage", "sft")) not in ("pt", "sft", "dpo"):
        raise source.error(f"{next(iter(given))} is for Megatron, on which LLaMA-Factory has no stage {stage}")
    sizes = {key: max(1, whole_setting(f"{source.name}: {key}", value, rules)) for key, value in given.items()}
    bridge = bool(_ONLY_BRIDGE & values.keys()) or source.command.environment.get("USE_MEGATRON_BRIDGE") in (*YES, "1")
    backend = "Megatron-Bridge" if bridge else "mcore_adapter"
    notes = [*reading.notes]
    experts = sizes.get("expert_model_parallel_size", 1)
    # All processes are whole groups of experts, too; each has the tensor's and the pipeline's processes.
    of_experts = experts * sizes.get("tensor_model_parallel_size", 1) * sizes.get("pipeline_model_parallel_size", 1)
    if not bridge:
        sizes.pop("expert_model_parallel_size", None)  # whose processes have examples of their own
        other = "Megatron-Bridge counts the last, smaller batches of an epoch, too"
        notes.append(f"{next(iter(given))}: read as a run with USE_MCA=1, by mcore_adapter; {other}")
    if reading.unknown:
        notes.append(f"{', '.join(reading.unknown[:8])}: taken for keys of {backend} that do not change the curve")
    processes = reading.processes
    if processes is None and (source.processes is None or source.processes.count is None):
        processes = one_group(sizes, of_experts)
    own = {"sizes": sizes, "bridge": bridge, "experts": of_experts}
    settings = dataclasses.replace(reading.settings, trainer=LlamaFactoryMegatron.name, older="", own=own)
    return reading._replace(settings=settings, notes=tuple(notes), unknown=(), processes=processes)
