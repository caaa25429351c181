"""What fails beside the loop is told in one line, once."""

from __future__ import annotations

import logging

LOGGER = logging.getLogger("optax_lr")


class Once:
    """Called with what failed and how; of each `what` the first is told."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def __call__(self, what: str, how: object) -> None:
        if what not in self._told:
            self._told.add(what)
            kind = f"{type(how).__name__}: " if isinstance(how, Exception) else ""
            LOGGER.warning("monitor: %s: %s%s; the run goes on, and this is told once", what, kind, how)
