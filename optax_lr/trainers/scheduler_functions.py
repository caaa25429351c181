"""`get_scheduler` of transformers or diffusers and its family in a script that has its own loop of training."""

from __future__ import annotations

from collections.abc import Mapping

from optax_lr.numerics import Real
from optax_lr.sources.python.constructors import FUNCTIONS
from optax_lr.sources.source import Source
from optax_lr.text import words
from optax_lr.trainers.base import Data, like
from optax_lr.trainers.keys import Default
from optax_lr.trainers.settings import Settings
from optax_lr.trainers.transformers import Transformers


class SchedulerFunctions(Transformers):
    """A call of `get_scheduler(...)`: the script has no epochs or batches that are read, and no defaults of a class."""

    name = "get_scheduler"
    title = "get_scheduler"
    takes = words("learning_rate lr_scheduler_type warmup_steps max_steps lr_scheduler_kwargs")
    calls = rf"(?:.*\.)?(?:{'|'.join(FUNCTIONS)})"
    fine_tunes = False  # a script may train anything
    zero_steps_count = False
    no_length = "the script does not give its scheduler the length of the run; give it (max_steps=..., --max-steps)"

    def defaults(self, source: Source, values: Mapping[str, object]) -> tuple[Default, ...]:
        return ()

    def warmup_steps(self, settings: Settings, max_steps: Real, version: str, data: Data | None = None) -> Real:
        """The whole steps of `num_warmup_steps`, which is no share of the run."""
        steps = settings.warmup_steps
        if (steps < 0 or steps != int(steps)) and settings.lr_scheduler_type != "constant":
            raise settings.error(
                f"num_warmup_steps must be a whole number of steps, not {steps:g} and no share; write int(...) around it"
            )
        return like(max_steps, int(steps))

    def steps_per_epoch(self, settings: Settings, data: Data, version: str) -> int | None:
        """The epochs are those of the script, which are not read."""
        return None
