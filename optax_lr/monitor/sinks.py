"""Sinks of rows: JSONL, TensorBoard, SwanLab, Weights & Biases, or any callable."""

from __future__ import annotations

import io
import itertools
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, cast

from optax_lr.arguments import unknown
from optax_lr.monitor.channel import Sink
from optax_lr.monitor.rows import Row

_COUNT = itertools.count()
RowCallback = Callable[[Row], object]


def sinks_of(report_to: str | RowCallback | Iterable[str | RowCallback], folder: str | None) -> list[Sink]:
    """A sink for each of `report_to`. Raises `ValueError` before anything is made."""
    alone = isinstance(report_to, str) or callable(report_to) or not isinstance(report_to, Iterable)
    chosen: list[Any] = [report_to] if alone else list(cast("Iterable[Any]", report_to))
    for one in chosen:
        if not callable(one) and one not in NAMED:
            raise ValueError(unknown("Monitor", "report_to", one, NAMED) + ", or any callable of a row")
        if not callable(one) and folder is None:
            raise ValueError(f"Monitor: report_to={one!r} needs a folder to write to")
    if folder is not None:
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            message = f"Monitor: the folder cannot be made: {error.strerror}"
            raise type(error)(error.errno, message, folder) from None
    # Last those that begin a run, which an error of another sink would leave open.
    chosen.sort(key=lambda one: one in ("swanlab", "wandb"))
    return [Callback(one) if callable(one) else NAMED[one](cast("str", folder)) for one in chosen]


class Callback(Sink):
    """Calls a function with each row, a dictionary."""

    def __init__(self, function: Callable[[Any], object]):
        self._function = function
        self.name = getattr(function, "__name__", type(function).__name__)

    def write(self, rows: list[object]) -> None:
        for row in rows:
            self._function(row)


class Jsonl(Sink):
    """One JSON object a line in `log.jsonl`, with the keys of a Trainer's `log_history`; an existing file is continued."""

    name = "jsonl"
    atomic = True

    def __init__(self, folder: str):
        self._path = os.path.join(folder, "log.jsonl")

    def write(self, rows: list[Row]) -> None:
        append(self._path, "".join(json.dumps(row) + "\n" for row in rows).encode(), lines=True)


class TensorBoard(Sink):
    """A new event file in the folder, with transformers' names; TensorBoard's own protobufs and record writer write it."""

    name = "tensorboard"
    atomic = True

    def __init__(self, folder: str):
        try:
            from tensorboard.compat.proto.event_pb2 import Event
            from tensorboard.summary.writer.record_writer import RecordWriter
        except ImportError:
            raise ImportError('Monitor: report_to="tensorboard" needs pip install "optax-lr[monitor]"') from None
        self._event, self._writer = Event, RecordWriter
        name = f"events.out.tfevents.{time.time():010.0f}.{socket.gethostname()}.{os.getpid()}.{next(_COUNT)}"
        self._path = os.path.join(folder, name)

    def write(self, rows: list[Row]) -> None:
        records = io.BytesIO()
        writer = self._writer(records)
        now = time.time()
        if not os.path.exists(self._path) or not os.path.getsize(self._path):
            writer.write(self._event(wall_time=now, file_version="brain.Event:2").SerializeToString())
        for row in rows:
            event = self._event(wall_time=now, step=row["step"])
            for name, value in named(row).items():
                # A simple value, as torch writes it: every reader of scalars reads it, and not all read tensors.
                event.summary.value.add(tag=name, simple_value=value)
            writer.write(event.SerializeToString())
        append(self._path, records.getvalue())


class _Run(Sink):
    """A run of a tracker, with transformers' names: the one that is open, which stays open, or a new one in offline mode."""

    def __init__(self, run: Any, *, opened_here: bool):
        self._run, self._opened_here = run, opened_here

    def write(self, rows: list[Row]) -> None:
        for row in rows:
            self._run.log(named(row), step=int(row["step"]))

    def close(self) -> None:
        if self._opened_here:
            self._finish(sys.exc_info()[1])

    def _finish(self, error: BaseException | None) -> None:
        raise NotImplementedError


class SwanLab(_Run):
    """A run of SwanLab.

    SwanLab's signal handler ends a run at Ctrl+C before the last rows are written; it is removed, and `close` ends the run
    as aborted. The run is opened and closed in the thread of the monitor, because signals belong to the main thread.
    """

    name = "swanlab"

    def __init__(self, folder: str):
        try:
            import swanlab
        except ImportError:
            raise ImportError('Monitor: report_to="swanlab" needs pip install swanlab') from None
        opened_here = not swanlab.has_run()
        if opened_here:
            handler = signal.getsignal(signal.SIGINT)
            swanlab.init(project=os.path.basename(os.path.abspath(folder)), log_dir=folder, mode="offline")
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, handler)
        super().__init__(swanlab.get_run(), opened_here=opened_here)

    def _finish(self, error: BaseException | None) -> None:
        if error is None:
            self._run.finish()
        else:
            self._run.finish("aborted" if isinstance(error, KeyboardInterrupt) else "crashed", error=repr(error))


class WandB(_Run):
    """A run of Weights & Biases."""

    name = "wandb"

    def __init__(self, folder: str):
        try:
            import wandb
        except ImportError:
            raise ImportError('Monitor: report_to="wandb" needs pip install wandb') from None
        open_run = wandb.run
        project = os.path.basename(os.path.abspath(folder))
        run = open_run or wandb.init(project=project, dir=folder, mode="offline")
        super().__init__(run, opened_here=open_run is None)

    def _finish(self, error: BaseException | None) -> None:
        self._run.finish(exit_code=int(error is not None))


NAMED: dict[str, Callable[[str], Sink]] = {
    "jsonl": Jsonl,
    "swanlab": SwanLab,
    "tensorboard": TensorBoard,
    "wandb": WandB,
}


def named(row: Row) -> Row:
    """`train/loss`, `train/learning_rate`, `eval/loss`, ...: the names of transformers' callbacks.

    >>> named({"step": 10, "loss": 2.5, "eval_loss": 3.0})
    {'train/loss': 2.5, 'eval/loss': 3.0}
    """
    return {
        f"eval/{name[5:]}" if name.startswith("eval_") else f"train/{name}": value
        for name, value in row.items()
        if name != "step"
    }


def append(path: str, data: bytes, *, lines: bool = False) -> None:
    """Append all of `data`, or raise `OSError` and leave the file unchanged.

    With `lines`, an incomplete last line, which a killed process leaves, is ended first.
    """
    with open(path, "ab+", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        if lines and end:
            file.seek(end - 1)
            data = data if file.read(1) == b"\n" else b"\n" + data
        try:
            rest = memoryview(data)
            while rest:  # a disk that fills up accepts a part, and fails at the next write
                rest = rest[file.write(rest) :]
        except OSError:
            file.truncate(end)
            raise
