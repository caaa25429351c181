"""Optax's schedules in a Python script, made of literals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from optax_lr.schedules import Constant, Cosine, Polynomial, Schedule
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.source import Source
from optax_lr.trainers.base import Reading, Recognised, Trainer
from optax_lr.trainers.settings import PYDANTIC, Settings, finite_number, whole_setting

_LENGTHS = ("decay_steps", "transition_steps", "warmup_steps", "transition_begin")
_DEFAULTS: Mapping[str, float] = {"alpha": 0.0, "exponent": 1.0, "end_value": 0.0, "transition_begin": 0, "power": 1.0}


class OptaxSchedules(Trainer):
    """A call such as `optax.warmup_cosine_decay_schedule(...)`; the run is as long as the schedule."""

    name: ClassVar[str] = "optax"
    title: ClassVar[str] = "Optax"

    def recognise(self, source: Source) -> Recognised | None:
        """By the function."""
        made = source.constructor
        return Recognised(self.name, f"the call of {made}") if made.startswith("optax.") else None

    def read(self, source: Source, found: Recognised) -> Reading:
        """The arguments, with the function's defaults."""
        name = source.name
        values = {
            key: whole_setting(f"{name}: {key}", value, PYDANTIC)
            if key in _LENGTHS
            else finite_number(f"{name}: {key}", value)
            for key, value in source.given.items()
        }
        full = dict(_DEFAULTS) | values
        if full["exponent"] != 1 or full["transition_begin"] != 0:
            raise ConfigError(
                f"{name}: exponent and transition_begin of {source.constructor} are not read; olr.plot draws it"
            )
        if "peak_value" in values and full.get("init_value", 0) != 0:
            raise ConfigError(
                f"{name}: a warmup of {source.constructor} from init_value above 0 is not read; olr.plot draws it"
            )
        rate = values.get("peak_value", values.get("init_value", values.get("value")))
        if rate is None:
            raise ConfigError(f"{name}: {source.constructor} lacks its rate")
        length = values.get("decay_steps", values.get("transition_steps"))
        kind = source.constructor.rpartition(".")[2]
        low = full["alpha"] * rate if kind == "cosine_decay_schedule" else full["end_value"]
        if not kind.endswith("constant_schedule") and (length is None or low > rate):
            raise ConfigError(
                f"{name}: {source.constructor} without a length, or to a higher rate, is not read; olr.plot draws it"
            )
        settings = Settings.of(
            name,
            {"learning_rate": rate, "max_steps": length, "warmup_steps": values.get("warmup_steps", 0)},
            PYDANTIC,
            trainer=self.name,
            lr_scheduler_type=kind,
            own={"low": low, "power": full["power"]},
        )
        return Reading(settings)

    def schedule(
        self, settings: Settings, source: str, *, max_steps: Any, warmup_steps: Any, **changes: Any
    ) -> Schedule:
        """The same schedule of this library."""
        rate = changes.get("learning_rate", settings.learning_rate)
        end = settings.max_steps
        if settings.lr_scheduler_type.endswith("constant_schedule"):
            return Constant(rate, warmup_steps=warmup_steps)
        if "cosine" in settings.lr_scheduler_type:
            return Cosine(rate, max_steps=end, warmup_steps=warmup_steps, min_lr=settings.own["low"])
        return Polynomial(rate, max_steps=end, power=settings.own["power"], min_lr=settings.own["low"])
