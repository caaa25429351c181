"""A rate that a script computes itself, by its own function or expression: a schedule with its values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from optax_lr.numerics import Real
from optax_lr.schedules import Function, Schedule
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.python.constructors import OWN_RATES
from optax_lr.sources.source import Source
from optax_lr.text import words
from optax_lr.trainers.base import Reading, Recognised, Trainer
from optax_lr.trainers.settings import Settings, finite_number

_LOOKED_AT = np.unique(np.geomspace(1, 100_000, 300).round()) - 1  # steps among which the highest rate is looked for


class OwnRates(Trainer):
    """A function of a script in a `LambdaLR`, or an expression that its loop sets as the rate; it is evaluated, and not run."""

    name = "own"
    title = "the script"
    takes = words("learning_rate max_steps")
    no_length = "the length of the run is not in this script; give it with --max-steps"

    def recognise(self, source: Source) -> Recognised | None:
        return Recognised(self.name, OWN_RATES) if source.constructor == OWN_RATES else None

    def decides(self, key: str, values: object) -> bool:
        return True

    def read(self, source: Source, found: Recognised) -> Reading:
        assert source.rate is not None
        of = source.rate.of
        values = {key: _number(f"{source.name}: {key}", value) for key, value in source.values.items()}

        def rate(step: Any) -> Any:
            return of(step, values)

        rate.__name__ = source.rate.name
        with np.errstate(all="ignore"):
            some = np.array([float(rate(step)) for step in _LOOKED_AT])
        highest = max([*some[np.isfinite(some)], 0.0])
        taken = {"learning_rate": float(highest), "max_steps": source.given.get("max_steps")}
        settings = Settings.of(
            source.name, taken, trainer=self.name, lr_scheduler_type=source.rate.name, own={"rate": rate}
        )
        listed = {key: source.given.get(key) for key in source.rate.settings.difference(source.lengths)}
        shown = ", ".join(f"{key} {value:g}" for key, value in sorted(listed.items()) if isinstance(value, float | int))
        return Reading(
            settings, notes=(f"the rate is {source.rate.name} of the script, with {shown}",) if shown else ()
        )

    def notes(self, settings: Settings, max_steps: int, version: str) -> Iterator[str]:
        steps = np.unique(np.linspace(0, max_steps - 1, 300).round())
        with np.errstate(all="ignore"):
            rates = np.array([float(settings.own["rate"](step)) for step in steps], np.float32)
        if not np.isfinite(rates).all():
            step = int(steps[~np.isfinite(rates)][0])
            name = settings.lr_scheduler_type
            raise ConfigError(
                f"{name} of the script is not finite at step {step:,}; give a shorter run with --max-steps"
            )
        if (rates < 0).any():
            yield f"the formula is below 0 at step {steps[rates < 0][0]:.0f}, where the plan has a rate of 0"

    def curve(self, settings: Settings, rate: Real, steps: Real, warmup: Real) -> Schedule:
        return Function(settings.own["rate"])


def _number(name: str, value: object) -> object:
    """A number in float64, so that a division by 0 in a branch that is not taken is no error; anything else as it is."""
    return value if isinstance(value, (bool, str)) or value is None else np.float64(finite_number(name, value))
