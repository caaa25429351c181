"""Destinations of rows: JSONL, TensorBoard, SwanLab, Weights & Biases, or any callable."""

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
Tells = Callable[[Row], object]  # what a row is handed to


def sinks_of(report_to: str | Tells | Iterable[str | Tells], folder: str | None) -> list[Sink]:
    """One for each of `report_to`; `ValueError` and `ImportError` before anything is made."""
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
    chosen.sort(
        key=lambda one: one in ("swanlab", "wandb")
    )  # last: they begin a run, which another's error would leave open
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
    whole = True

    def __init__(self, folder: str):
        self._path = os.path.join(folder, "log.jsonl")

    def write(self, rows: list[Row]) -> None:
        append(self._path, "".join(json.dumps(row) + "\n" for row in rows).encode(), lines=True)


class TensorBoard(Sink):
    """An event file of its own in the folder, with transformers' names, by TensorBoard's own protobufs and record writer."""

    name = "tensorboard"
    whole = True

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
                # A simple value and no tensor: what torch writes, and every reader of scalars reads.
                event.summary.value.add(tag=name, simple_value=value)
            writer.write(event.SerializeToString())
        append(self._path, records.getvalue())


class SwanLab(Sink):
    """The SwanLab run that is open, or a new one in offline mode, with transformers' names.

    SwanLab ends its run at Ctrl+C by a signal handler of its own, before the last rows are there; the run is ended here
    instead, as aborted. It is opened and closed where the monitor is, since signals belong to the main thread.
    """

    name = "swanlab"

    def __init__(self, folder: str):
        try:
            import swanlab
        except ImportError:
            raise ImportError('Monitor: report_to="swanlab" needs pip install swanlab') from None
        self._opened_here = not swanlab.has_run()
        handler = signal.getsignal(signal.SIGINT)
        if self._opened_here:
            swanlab.init(project=os.path.basename(os.path.abspath(folder)), log_dir=folder, mode="offline")
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, handler)
        self._run = swanlab.get_run()

    def write(self, rows: list[Row]) -> None:
        for row in rows:
            self._run.log(named(row), step=row["step"])

    def close(self) -> None:
        if not self._opened_here:
            return
        kind, error, _ = sys.exc_info()
        if kind is None:
            self._run.finish()
        else:
            self._run.finish("aborted" if kind is KeyboardInterrupt else "crashed", error=repr(error))


class WandB(Sink):
    """The run of Weights & Biases that is open, or a new one in offline mode, with transformers' names."""

    name = "wandb"

    def __init__(self, folder: str):
        try:
            import wandb
        except ImportError:
            raise ImportError('Monitor: report_to="wandb" needs pip install wandb') from None
        self._opened_here = wandb.run is None
        self._run = wandb.run or wandb.init(
            project=os.path.basename(os.path.abspath(folder)), dir=folder, mode="offline"
        )

    def write(self, rows: list[Row]) -> None:
        for row in rows:
            self._run.log(named(row), step=int(row["step"]))

    def close(self) -> None:
        if self._opened_here:
            self._run.finish(exit_code=int(sys.exc_info()[0] is not None))


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
    """Appends all of `data`, or raises `OSError` and leaves the file as it was.

    With `lines`, a last line that lacks its end, as a kill leaves it, gets one first.
    """
    with open(path, "ab+", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        if lines and end:
            file.seek(end - 1)
            data = data if file.read(1) == b"\n" else b"\n" + data
        try:
            rest = memoryview(data)
            while rest:  # a disk that fills up takes a part, and refuses the next
                rest = rest[file.write(rest) :]
        except OSError:
            file.truncate(end)
            raise
