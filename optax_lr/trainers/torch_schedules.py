"""torch's schedulers in a Python script, made of literals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from optax_lr.schedules import (
    ConstantFactor,
    CosineAnnealing,
    CosineAnnealingWarmRestarts,
    Exponential,
    LinearRamp,
    MultiStep,
    PolynomialDecay,
    Schedule,
    Step,
)
from optax_lr.sources.source import Source
from optax_lr.trainers.base import Reading, Recognised, Trainer
from optax_lr.trainers.settings import Settings

_CLASSES: Mapping[str, Any] = {
    "StepLR": Step,
    "MultiStepLR": MultiStep,
    "ExponentialLR": Exponential,
    "CosineAnnealingLR": CosineAnnealing,
    "CosineAnnealingWarmRestarts": CosineAnnealingWarmRestarts,
    "LinearLR": LinearRamp,
    "ConstantLR": ConstantFactor,
    "PolynomialLR": PolynomialDecay,
}
_LENGTHS = ("T_max", "total_iters")


class TorchSchedules(Trainer):
    """A call such as `torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50)`, with the rate of that optimizer."""

    name: ClassVar[str] = "torch"
    title: ClassVar[str] = "torch"

    def recognise(self, source: Source) -> Recognised | None:
        """By the class."""
        made = source.constructor
        return Recognised(self.name, f"the call of {made}") if made.startswith("torch.optim.lr_scheduler.") else None

    def read(self, source: Source, found: Recognised) -> Reading:
        """The arguments: the step of the plan is a call of `scheduler.step()`, an epoch in most scripts."""
        kind = source.constructor.rpartition(".")[2]
        values = {key: value for key, value in source.given.items() if key != "last_epoch"}
        length = next((values[key] for key in _LENGTHS if key in values), None)
        taken = {"learning_rate": values.pop("learning_rate", None), "max_steps": length}
        settings = Settings.of(source.name, taken, trainer=self.name, lr_scheduler_type=kind, own=values)
        return Reading(settings, notes=("a step of this plan is a call of scheduler.step(), an epoch in most scripts",))

    def schedule(
        self, settings: Settings, source: str, *, max_steps: Any, warmup_steps: Any, **changes: Any
    ) -> Schedule:
        """The same schedule of this library."""
        rate = changes.get("learning_rate", settings.learning_rate)
        made: Schedule = _CLASSES[settings.lr_scheduler_type](rate, **settings.own)
        return made
