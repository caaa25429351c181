"""One way out: a thread, a bounded queue and a sink, whose failures stay with it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from optax_lr.monitor.warn_once import Once, warn

WAITING = 1000  # batches that may wait for a sink that hangs
KEPT = 10_000  # rows that are kept for a disk that is full


class Sink:
    """A destination of rows.

    Fields:
        name: the name in messages.
        whole: whether `write` writes all rows or, when it raises, none of them, so that it can be called with them again.
    """

    name: str
    whole = False

    def write(self, rows: list[Any]) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Called once, by the thread that closes the monitor, when nothing is left to write."""


class Channel:
    """Hands rows to a sink in a thread of its own: `put` never waits and never raises.

    The first failure is reported in a line of the log. A sink that is `whole` gets the rows of a failure again with the next
    ones; from any other they are lost, and counted in `lost`, as are those that find the queue full.
    """

    def __init__(self, sink: Sink, tell: Once):
        self.sink, self._tell = sink, tell
        self._given, self._written = 0, 0
        self._dropped, self._failed = 0, 0  # a count for each of the two threads, which would overwrite each other's
        self._left_behind = False
        self._kept: list[object] = []
        self._queue: queue.SimpleQueue[list[object] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"optax_lr {sink.name}", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """Rows that will not be written; of a sink that hangs, all that it has not written."""
        return self._given - self._written if self._left_behind else self._dropped + self._failed

    def put(self, rows: list[object]) -> None:
        self._given += len(rows)
        if self._queue.qsize() < WAITING:
            self._queue.put(rows)
        else:
            self._dropped += len(rows)
            self._tell(self.sink.name, "does not keep up, and loses rows")

    def finish(self) -> None:
        """Nothing comes any more; what waits is written."""
        self._queue.put(None)

    def close(self, deadline: float) -> None:
        """Wait for it until `deadline` of `time.monotonic()`, and report lost rows."""
        self._thread.join(max(deadline - time.monotonic(), 0))
        if self._thread.is_alive():
            self._left_behind = True
            warn("%s hangs and was left behind", self.sink.name)
        else:
            self._attempt(self.sink.close)
        if self.lost:
            warn("%s: %s rows were not written", self.sink.name, self.lost)

    def _run(self) -> None:
        for rows in iter(self._queue.get, None):
            if not self.sink.whole:
                self._failed += sum(not self._attempt(self.sink.write, [row]) for row in rows)
                continue
            self._kept += rows
            if self._attempt(self.sink.write, self._kept):
                self._kept = []
            elif len(self._kept) > KEPT:
                self._failed += len(self._kept)
                self._kept = []
        if self._kept and not self._attempt(self.sink.write, self._kept):
            self._failed += len(self._kept)

    def _attempt(self, action: Callable[..., None], *rows: list[object]) -> bool:
        try:
            action(*rows)
            self._written += sum(map(len, rows))
        except BaseException as error:
            # A sink may raise anything, SystemExit included; Ctrl+C belongs to the program, and reaches the main thread.
            if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                raise
            self._tell(self.sink.name, error)
            return False
        return True
