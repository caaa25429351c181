"""DeepSpeed: a file of its own with a scheduler block and an optimizer's rate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from optax_lr.numerics import Real
from optax_lr.schedules import Schedule
from optax_lr.sources.source import Source
from optax_lr.text import words
from optax_lr.trainers import deepspeed_block as block
from optax_lr.trainers.base import Data, Reading, Recognised, Trainer, key_list, like
from optax_lr.trainers.settings import SETTING_NAMES, Settings

_MARKS = frozenset({"zero_optimization", "train_micro_batch_size_per_gpu", "train_batch_size", "gradient_clipping"})
# Its keys that look like settings of the curve.
_KEYS = words(
    "train_batch_size train_micro_batch_size_per_gpu gradient_accumulation_steps optimizer scheduler train_steps "
    "zero_allow_untested_optimizer zero_force_ds_cpu_optimizer curriculum_learning"
)


class DeepSpeed(Trainer):
    """A DeepSpeed config alone.

    `"auto"` means a setting of the trainer whose config names the file, which is unknown here.
    """

    name = "deepspeed"
    title = "DeepSpeed"
    varies = True

    def evidence(self, source: Source) -> str | None:
        values = source.given
        marks = _MARKS & values.keys()
        scheduler = values.get("scheduler")
        if block.is_of_deepspeed(scheduler) or (marks and (_has_type(scheduler) or _has_type(values.get("optimizer")))):
            return "its scheduler or optimizer block with a type"
        others = values.keys() & SETTING_NAMES - {"gradient_accumulation_steps"}
        sure = {"zero_optimization", "train_micro_batch_size_per_gpu"} & marks
        return key_list(marks) if sure and not others and source.form != "command" else None

    def read(self, source: Source, found: Recognised) -> Reading:
        name, values = source.name, source.values
        self.unknown(source, values, _KEYS)
        checked = block.checked_block(name, values.get("scheduler"))
        if checked is None:
            what = "this DeepSpeed config has no scheduler block, so that the trainer's own schedule holds"
            raise source.error(f"{what}; read the trainer's config")
        if auto := ", ".join(key for key, value in checked.params.items() if value == "auto"):
            what = f'"auto" for {auto} means a setting of the trainer'
            raise source.error(f"{what}; read the config whose deepspeed key names this file")
        if checked.type in ("OneCycle", "LRRangeTest"):  # the optimizer's rate is overwritten
            rate = checked.params.get("cycle_max_lr", checked.params.get("lr_range_test_min_lr", 1e-3))
            return Reading(Settings.of(name, {"learning_rate": rate}, trainer=self.name, scheduler_block=checked))
        optimizer = values.get("optimizer")
        params = optimizer.get("params") if isinstance(optimizer, Mapping) else None
        rate = params.get("lr") if isinstance(params, Mapping) else None
        if rate is None or rate == "auto":
            rate = checked.params.get("warmup_max_lr")
        if rate is None and checked.type != "WarmupDecayLR":
            raise source.error("the optimizer's rate is not here; read the config whose deepspeed key names it")
        steps = checked.params.get("total_num_steps")
        taken = {"learning_rate": 1e-3 if rate is None else rate, "max_steps": steps}
        return Reading(Settings.of(name, taken, trainer=self.name, scheduler_block=checked))

    def warmup_steps(self, settings: Settings, max_steps: Real, version: str, data: Data | None = None) -> Real:
        if settings.own_rates or settings.scheduler_block is None:
            return like(max_steps, 0)
        return like(max_steps, settings.scheduler_block.params.get("warmup_num_steps", 1000))

    def notes(self, settings: Settings, max_steps: int, version: str) -> Iterator[str]:
        return block.notes_of(settings)

    def schedule(self, settings: Settings, *, max_steps: Real, warmup_steps: Real, **changes: Real) -> Schedule:
        return block.schedule_of(settings, max_steps, warmup_steps, changes)


def _has_type(value: object) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("type"), str)
