"""Warnings of the monitor, each failure once."""

from __future__ import annotations

import contextlib
import logging

from optax_lr.text import one_line

LOGGER = logging.getLogger("optax_lr")


class WarnOnce:
    """Logs a warning for the first failure of each `what`; never raises."""

    def __init__(self) -> None:
        self._logged: set[str] = set()

    def __call__(self, what: str, failure: object) -> None:
        if what not in self._logged:
            self._logged.add(what)
            warn("%s: %s; the run continues; further failures are not logged", what, _described(failure))


def warn(message: str, *values: object) -> None:
    """Log `message` with `values` in one line. A failure of the logger's own handlers is ignored."""
    with contextlib.suppress(Exception):
        LOGGER.warning(f"monitor: {message}", *(one_line(str(value)) for value in values))  # noqa: G004


def _described(failure: object) -> str:
    if not isinstance(failure, BaseException):
        return str(failure)
    try:
        text = str(failure)
    except BaseException:
        text = "an error without a message"
    return f"{type(failure).__name__}: {text}" if text else type(failure).__name__
