"""What each trainer's config means: one file a trainer, each of which turns keys with values into `Settings`."""

from __future__ import annotations

from typing import NamedTuple

from optax_lr.trainers.settings import Settings


class Reading(NamedTuple):
    """What a dialect makes of a config: the settings; keys that its trainer passes over, with the reason; and remarks."""

    settings: Settings
    ignored: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
