"""Limits on the work of following a shell script: words, characters, nesting and CPU time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from optax_lr.sources.errors import ConfigError

MOST_COMMANDS = 3_000
MOST_WORDS = 50_000  # that a script expands to
MOST_BYTES = 2**21  # of expanded text
MOST_TURNS = 200  # of a loop over literals
MOST_DOCUMENTS = 500  # here-documents; the time of the parser grows with the square
DEEPEST = 12  # of functions and `bash -c` inside each other
LONGEST = 0.7  # seconds of CPU time


class Limits:
    """What following a script has used so far."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.depth = -1  # of functions, loops and scripts inside each other; 0 in the script itself
        self._words = self._bytes = 0
        self._until = time.thread_time() + LONGEST

    def refusal(self, why: str) -> ConfigError:
        """The error for a script that is not followed further."""
        return ConfigError(f"{self.name}: {why}; write the training command out")

    def spent(self, made: list[str]) -> list[str]:
        """`made`, counted against the limits."""
        self._words += len(made)
        self._bytes += sum(map(len, made))
        if self._words > MOST_WORDS or self._bytes > MOST_BYTES:
            raise self.refusal(f"the script expands to more than {MOST_WORDS:,} words or {MOST_BYTES:,} characters")
        if time.thread_time() > self._until:
            raise self.refusal("the script takes too long to read")
        return made

    @contextlib.contextmanager
    def deeper(self) -> Iterator[None]:
        """One level more of functions, loops and scripts inside each other."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.refusal("commands are nested too deeply")
        yield
        self.depth -= 1
