"""torch's schedulers, and timm's cosine, in a Python script, made of literals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from optax_lr.numerics import Real
from optax_lr.schedules import (
    ConstantFactor,
    CosineAnnealing,
    CosineAnnealingWarmRestarts,
    Exponential,
    LinearRamp,
    MultiStep,
    OneCycle,
    PolynomialDecay,
    Schedule,
    Step,
    TimmCosine,
)
from optax_lr.schedules.compositions import Stages
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.source import Source
from optax_lr.text import words
from optax_lr.trainers.base import Data, Reading, Recognised, Trainer, like
from optax_lr.trainers.settings import STRICT, Settings, finite_number, whole_setting

_CLASSES: Mapping[str, Callable[..., Schedule]] = {
    "StepLR": Step,
    "MultiStepLR": MultiStep,
    "ExponentialLR": Exponential,
    "CosineAnnealingLR": CosineAnnealing,
    "CosineAnnealingWarmRestarts": CosineAnnealingWarmRestarts,
    "LinearLR": LinearRamp,
    "ConstantLR": ConstantFactor,
    "PolynomialLR": PolynomialDecay,
    "CosineLRScheduler": TimmCosine,
}
# Our names of timm's arguments, and those that leave the curve alone.
_OF_TIMM = {"lr_min": "min_lr", "warmup_t": "warmup_steps", "warmup_lr_init": "warmup_lr"}
_OF_RUN = ("last_epoch", "t_in_epochs", "initialize", "noise_pct", "noise_std", "noise_seed")
_LENGTHS = ("T_max", "total_iters", "total_steps")
_MOMENTUM = ("cycle_momentum", "base_momentum", "max_momentum")
_UNIT = "a step of this plan is a call of scheduler.step(), an epoch in some scripts and an update in others"


class TorchSchedules(Trainer):
    """A call such as `torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50)`, with the rate of that optimizer."""

    name = "torch"
    title = "torch"
    takes = words("learning_rate")
    calls = r"(?:torch\.optim\.lr_scheduler|timm\.scheduler)\..*"
    no_length = "the schedule has no end of its own; give the number of calls of scheduler.step() (--max-steps)"

    def read(self, source: Source, found: Recognised) -> Reading:
        """The arguments: the step of the plan is a call of `scheduler.step()`, an epoch in some scripts and an update in others."""
        name, kind = source.name, source.constructor.rpartition(".")[2]
        values = {key: value for key, value in source.given.items() if key not in (*_OF_RUN, *_MOMENTUM)}
        _check(source, values)
        notes: tuple[str, ...] = (_UNIT,)
        if kind == "OneCycleLR":
            values = _one_cycle(name, values)
            notes = ("a step of this plan is a call of scheduler.step(), which OneCycleLR takes after each batch",)
        if kind == "MultiStepLR" and isinstance(values.get("milestones"), list):
            ordered = sorted(values["milestones"])
            notes += ("milestones are out of order; torch takes them by size",) * (ordered != values["milestones"])
            values["milestones"] = ordered
        if kind == "CosineLRScheduler":
            values = {_OF_TIMM.get(key, key): value for key, value in values.items()}
            notes = (
                "a step of this plan is the number that scheduler.step() or step_update() is given, an epoch in most scripts",
            )
            if "noise_range_t" in values:
                raise source.error(
                    "noise_range_t adds random noise to the rates; leave it out with --set noise_range_t=null"
                )
        rate = values.pop("learning_rate", values.pop("max_lr", None))
        length = next((values[key] for key in _LENGTHS if key in values), None)
        if kind == "SequentialLR":
            parts = [(part.pop("constructor").rpartition(".")[2], part) for part in map(dict, values["schedulers"])]
            for _, part in parts:
                own = part.pop("learning_rate", rate)
                if own != rate:
                    raise source.error("the schedulers of SequentialLR are of different optimizers")
            starts = [whole_setting(f"{name}: milestones", step, STRICT) for step in values["milestones"]]
            last = next((parts[-1][1][key] for key in _LENGTHS if key in parts[-1][1]), None)
            length = None if last is None else last + sum(starts[-1:])
            values = {"parts": parts, "milestones": starts}
        if kind == "CosineLRScheduler" and values.get("cycle_limit", 1) == 1:
            length = values["t_initial"] + (values.get("warmup_steps", 0) if values.get("warmup_prefix") else 0)
        taken = {"learning_rate": rate, "max_steps": length}
        settings = Settings.of(name, taken, trainer=self.name, lr_scheduler_type=kind, own=values)
        return Reading(settings, notes=notes)

    def warmup_steps(self, settings: Settings, max_steps: Real, version: str, data: Data | None = None) -> Real:
        """The steps in which the rate rises at first."""
        kind, own = settings.lr_scheduler_type, settings.own
        return like(max_steps, _rising(*(own["parts"][0] if kind == "SequentialLR" else (kind, own))))

    def curve(self, settings: Settings, rate: Real, steps: Real, warmup: Real) -> Schedule:
        kind, own = settings.lr_scheduler_type, settings.own
        if kind == "OneCycleLR":
            return OneCycle(rate, **own)
        if kind == "SequentialLR":
            made = [_CLASSES[part](rate, **values) for part, values in own["parts"]]
            return Stages(made, boundaries=own["milestones"])
        return _CLASSES[kind](rate, **own)


def _rising(kind: str, values: Mapping[str, Any]) -> int:
    """The steps before the peak of a scheduler that begins below it."""
    if kind == "CosineLRScheduler":
        return int(values.get("warmup_steps", 0))
    if kind == "OneCycleLR":
        return max(0, math.ceil(float(values.get("pct_start", 0.3)) * int(values["total_steps"]) - 1))
    rises = kind == "LinearLR" and values.get("start_factor", 1 / 3) < values.get("end_factor", 1.0)
    return int(values.get("total_iters", 5)) if rises else 0


def _check(source: Source, values: Mapping[str, Any]) -> None:
    """Raise ConfigError for an argument that is not a number, and for a schedule without parts."""
    for key, value in values.items():
        if key == "milestones":
            if not isinstance(value, list):
                raise source.error(f"milestones must be a list of steps, such as [30,60], not {value!r}")
            for step in value:
                whole_setting(f"{source.name}: milestones", step, STRICT)
        elif key == "schedulers":
            if not value or not isinstance(value, list):
                raise source.error("SequentialLR without a list of schedulers is no schedule")
            for part in value:
                _check(source, {name: inner for name, inner in part.items() if name != "constructor"})
        elif key not in ("anneal_strategy", "three_phase", "warmup_prefix") and value is not None:
            finite_number(f"{source.name}: {key}", value)


def _one_cycle(source: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `OneCycleLR`, its length in steps."""
    made = dict(values)
    epochs, each = made.pop("epochs", None), made.pop("steps_per_epoch", None)
    if made.get("total_steps") is None:
        if epochs is None or each is None:
            raise ConfigError(f"{source}: OneCycleLR needs total_steps, or epochs and steps_per_epoch")
        made["total_steps"] = epochs * each
    return made
