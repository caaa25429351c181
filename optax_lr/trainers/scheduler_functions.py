"""`get_scheduler` of transformers or diffusers and its family in a script that has its own loop of training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from optax_lr.sources.constructors import FUNCTIONS
from optax_lr.sources.errors import UnknownLengthError
from optax_lr.sources.source import Source
from optax_lr.trainers.base import Data, Recognised
from optax_lr.trainers.keys import Default
from optax_lr.trainers.settings import Settings
from optax_lr.trainers.transformers import Transformers


class SchedulerFunctions(Transformers):
    """A call of `get_scheduler(...)`: the script has no epochs or batches that are read, and no defaults of a class."""

    name: ClassVar[str] = "get_scheduler"
    title: ClassVar[str] = "get_scheduler"
    covers: ClassVar[frozenset[str]] = frozenset()

    def recognise(self, source: Source) -> Recognised | None:
        """Recognise the function."""
        made = source.constructor
        return Recognised(self.name, f"the call of {made}") if made.rpartition(".")[2] in FUNCTIONS else None

    def defaults(self, values: Mapping[str, object]) -> tuple[Default, ...]:
        """Its arguments have none."""
        return ()

    def steps_per_epoch(self, settings: Settings, data: Data, version: str) -> int | None:
        """The epochs are those of the script, which are not read."""
        return None

    def total_steps(self, settings: Settings, per_epoch: int | None, data: Data | None) -> int:
        """`num_training_steps`; a schedule that does not need it does not determine the length of the run."""
        if settings.max_steps > 0:
            return settings.max_steps
        raise UnknownLengthError(
            f"{settings.source}: the script does not give its scheduler the length of the run; give it (max_steps=..., "
            "--max-steps)"
        )
