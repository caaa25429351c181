"""The time that a search may take, and what it had not tried when the time was over."""

from __future__ import annotations

import time

SECONDS = 10.0
STAGES = (
    "linear, cosine and constant schedules",
    "the other kinds",
    "schedules that are stepped once an epoch",
    "skipped steps, single rows and resumed runs",
)


class OutOfTimeError(Exception):
    """The time of a search is over."""


class Budget:
    """CPU time of this thread, so that other work on the machine does not change an answer.

    Fields:
        seconds: how much there is.
        spent: whether it was too little.
        stage: which of `STAGES` is being tried.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self.spent = False
        self.stage = STAGES[0]
        self._end = time.thread_time() + seconds

    def check(self) -> None:
        """Raise `OutOfTimeError` if the time is over."""
        if time.thread_time() >= self._end:
            self.spent = True
            raise OutOfTimeError

    @property
    def text(self) -> str:
        """A message that the search has stopped, with the kinds that it has not tried."""
        left = ", ".join(STAGES[STAGES.index(self.stage) :])
        return f"open: the search gave up after {self.seconds:g} s of CPU time, before it had tried all of: {left}"
