"""A thread with a bounded queue for each sink, so that a sink that fails or hangs affects nothing else."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from optax_lr.monitor.warn_once import WarnOnce, warn

MOST_WAITING = 1000  # batches in the queue of a sink that hangs
MOST_KEPT = 10_000  # rows that are written again later, for a disk that is full


class Sink:
    """A destination of rows.

    Fields:
        name: the name in messages.
        atomic: whether `write` writes all rows or, when it raises, none, so that they can be written again.
    """

    name: str
    atomic = False

    def write(self, rows: list[Any]) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Release the resources; called once, by the thread that closes the monitor, after the last `write`."""


class Channel:
    """Write rows to a sink in a separate thread: `put` never waits and never raises.

    The first failure is logged as a warning. Rows of a failed `write` are written again with the next ones if the sink is
    `atomic`; otherwise they are lost. `lost` counts them, and those for which the queue was full.
    """

    def __init__(self, sink: Sink, warn_once: WarnOnce):
        self.sink, self._warn_once = sink, warn_once
        self._given, self._written = 0, 0
        self._dropped, self._failed = 0, 0  # one counter for each thread, so that neither overwrites the other's
        self._abandoned = False
        self._kept: list[object] = []
        self._queue: queue.SimpleQueue[list[object] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"optax_lr {sink.name}", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """The number of rows that will not be written; for a sink that hangs, all rows that it has not written."""
        return self._given - self._written if self._abandoned else self._dropped + self._failed

    def put(self, rows: list[object]) -> None:
        self._given += len(rows)
        if self._queue.qsize() < MOST_WAITING:
            self._queue.put(rows)
        else:
            self._dropped += len(rows)
            self._warn_once(self.sink.name, "is too slow: its queue is full, and rows are lost")

    def finish(self) -> None:
        """Let the thread end once the queue is written."""
        self._queue.put(None)

    def close(self, deadline: float) -> None:
        """Wait for the thread until `deadline`, a time of `time.monotonic()`; then report lost rows."""
        self._thread.join(max(deadline - time.monotonic(), 0))
        if self._thread.is_alive():
            self._abandoned = True
            warn("%s hangs and was abandoned", self.sink.name)
        else:
            self._attempt(self.sink.close)
        if self.lost:
            warn("%s: %s rows were not written", self.sink.name, self.lost)

    def _run(self) -> None:
        for rows in iter(self._queue.get, None):
            if not self.sink.atomic:
                self._failed += sum(not self._attempt(self.sink.write, [row]) for row in rows)
                continue
            self._kept += rows
            if self._attempt(self.sink.write, self._kept):
                self._kept = []
            elif len(self._kept) > MOST_KEPT:
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
            self._warn_once(self.sink.name, error)
            return False
        return True
