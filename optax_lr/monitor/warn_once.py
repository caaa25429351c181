"""One warning for each failure in the monitor's thread."""

from __future__ import annotations

import contextlib
import logging

from optax_lr.text import one_line

LOGGER = logging.getLogger("optax_lr")


class Once:
    """Logs a warning for the first failure of each `what`; never raises."""

    def __init__(self) -> None:
        self._logged: set[str] = set()

    def __call__(self, what: str, how: object) -> None:
        if what not in self._logged:
            self._logged.add(what)
            warn("%s: %s; the run continues; further failures are not logged", what, _described(how))


def warn(message: str, *values: object) -> None:
    """Log `message` with `values` as text in one line. A handler of the logger that fails is of no use to report to."""
    with contextlib.suppress(Exception):
        LOGGER.warning(f"monitor: {message}", *(one_line(str(value)) for value in values))  # noqa: G004


def _described(how: object) -> str:
    if not isinstance(how, BaseException):
        return str(how)
    try:
        text = str(how)
    except BaseException:
        text = "an error without a message"
    return f"{type(how).__name__}: {text}" if text else type(how).__name__
