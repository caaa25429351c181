"""An optimizer of torch or Optax in a script without a schedule: a constant rate."""

from __future__ import annotations

import re

from optax_lr.numerics import Real
from optax_lr.schedules import Constant, Schedule
from optax_lr.sources.python.constructors import OPTIMIZERS
from optax_lr.sources.source import Source
from optax_lr.text import words
from optax_lr.trainers.base import Reading, Recognised, Trainer
from optax_lr.trainers.settings import STRICT, Settings


class Optimizers(Trainer):
    """A call such as `torch.optim.AdamW(model.parameters(), lr=1e-4)`, whose rate nothing in the script changes."""

    name = "optimizer"
    title = "optimizer"
    takes = words("learning_rate max_steps")
    calls = "|".join(re.escape(name) for name in sorted(OPTIMIZERS))
    no_length = "the rate is constant, and the loop of the run is not read; give its length with --max-steps"

    def read(self, source: Source, found: Recognised) -> Reading:
        if "learning_rate" not in source.given:
            raise source.error("the rate of the optimizer is None; give its value with --set learning_rate=VALUE")
        values = {"learning_rate": source.given["learning_rate"], "max_steps": source.given.get("max_steps")}
        return Reading(Settings.of(source.name, values, STRICT, trainer=self.name, lr_scheduler_type="constant"))

    def curve(self, settings: Settings, rate: Real, steps: Real, warmup: Real) -> Schedule:
        return Constant(rate)
