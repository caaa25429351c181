"""`read_log`: the log of a run, whoever wrote it, or one line on why there is none."""

from __future__ import annotations

import csv
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from optax_lr.arguments import file_name
from optax_lr.configs import ConfigError
from optax_lr.logs.columns import COLUMNS, Builder, column_of
from optax_lr.logs.events import is_events, read_events
from optax_lr.logs.json_logs import LARGEST_ENTRY, read_lines, read_list, read_state
from optax_lr.logs.log import Log

_HEAD = 4096
_IN_A_FOLDER = ("trainer_state.json", "trainer_log.jsonl", "log.jsonl")  # the last is of `Monitor`


def read_log(source: str | os.PathLike[str] | Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> Log:
    """The log in `source`: a file, a folder of a run, a Trainer's `log_history`, or columns of numbers.

    - `trainer_state.json` of transformers, or the folder of a run or checkpoint that holds it;
    - `trainer_log.jsonl` of LLaMA-Factory, `log.jsonl` of `Monitor`, and any file of one JSON object a line, as W&B's history
      is;
    - event files of TensorBoard, or a folder of them;
    - CSV as W&B and SwanLab export it, and any with a column of steps;
    - a list of entries, `trainer.state.log_history`; or a mapping of columns, `{"step": ..., "learning_rate": ...}`.

    Rows are kept as they were written: evaluations among them, steps that repeat or go back, NaN and Infinity. A file that
    breaks off is read as far as it goes. Files are read a piece at a time and never changed, so that their size does not
    matter; what was passed over or taken for granted is in `Log.notes`.

    Errors: `ConfigError`, one line, for a file that is missing, empty, no log, or something else by its content.

    Source: `transformers.TrainerState`; LLaMA-Factory's `LogCallback`; TensorBoard's scalars as
    `transformers.integrations.TensorBoardCallback` writes them.

    >>> log = read_log([{"step": 10, "learning_rate": 5e-5, "loss": 2.1}, {"step": 10, "eval_loss": 2.2}])
    >>> log.step, log.learning_rate
    (array([10, 10]), array([5.e-05,   nan]))
    """
    if isinstance(source, Mapping):
        return _of_columns(source)
    if isinstance(source, Iterable) and not isinstance(source, (str, bytes, os.PathLike)):
        builder = Builder()
        for entry in source:
            if not isinstance(entry, Mapping):
                raise ConfigError(
                    f"<entries>: each must be a mapping, such as a Trainer's log_history holds, not {entry!r:.60}"
                )
            builder.add(entry)
        return _finished(builder, "<entries>", "log_history", {}, [])
    return _of_path(file_name("a log", source, instead=", a list of entries, or a mapping of columns"))


def _of_columns(columns: Mapping[str, Any]) -> Log:
    known = {name: np.asarray(values) for name, values in columns.items() if column_of(name) and np.ndim(values) == 1}
    if "step" not in _columns_of(known):
        raise ConfigError("<columns>: a column named step is needed, the optimizer steps done at each row")
    if len({len(values) for values in known.values()}) > 1:
        lengths = ", ".join(f"{name} {len(values)}" for name, values in known.items())
        raise ConfigError(f"<columns>: the columns must be of one length, not {lengths}")
    builder = Builder()
    for row in zip(*known.values(), strict=True):
        builder.add(dict(zip(known, row, strict=True)))
    return _finished(builder, "<columns>", "columns", columns, [])


def _of_path(path: str) -> Log:
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):
            return _of_folder(Path(path))
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ConfigError(f"{path}: this is not a regular file; save the log to one")
        with open(path, "rb") as raw:
            head = raw.read(_HEAD)
        _refuse_other_files(path, head)
        if is_events(path, head):
            return read_events([path], path)
        with open(path, encoding="utf-8-sig", newline="") as file:
            return _of_text(file, path, head)
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: this is neither text nor an event file of TensorBoard") from None
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _of_folder(folder: Path) -> Log:
    """The folder's own log, or that of its latest checkpoint, or its event files."""
    places = [folder, *sorted(folder.glob("checkpoint-*"), key=_number_of, reverse=True)]
    for place in places:
        for name in _IN_A_FOLDER:
            if (place / name).is_file():
                return _of_path(str(place / name))
    events = sorted(str(path) for path in folder.rglob("*tfevents*") if path.is_file())
    if events:
        return read_events(events, str(folder))
    raise ConfigError(
        f"{folder}: no log is in this folder: no {', no '.join(_IN_A_FOLDER)}, no checkpoint with one, no event file"
    )


def _number_of(folder: Path) -> int:
    number = folder.name.rsplit("-", 1)[-1]
    return int(number) if number.isdecimal() else -1


def _refuse_other_files(path: str, head: bytes) -> None:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text:
        raise ConfigError(f"{path}: the file is empty")
    if text.startswith(b"version https://git-lfs"):
        raise ConfigError(f"{path}: this is a pointer of Git LFS, not the log itself: run git lfs pull")
    if text[:1] == b"<":
        raise ConfigError(f"{path}: this is a web page or XML, not a log; was it downloaded from the page of the file?")
    if text[:2] == b"PK" or text[:2] == b"\x1f\x8b":
        raise ConfigError(f"{path}: this is an archive; unpack it first")


def _of_text(file: IO[str], path: str, head: bytes) -> Log:
    text = head.decode("utf-8-sig", errors="ignore").lstrip()
    builder = Builder()
    if text[:1] == "[":
        format, found = "log_history", read_list(file, path, builder)
    elif text[:1] == "{" and _one_a_line(text):
        format = "trainer_log" if '"current_steps"' in text else "jsonl"
        found = read_lines(file, path, builder)
    elif text[:1] == "{":
        format, found = "trainer_state", read_state(file, path, builder)
    else:
        format, found = "csv", _read_csv(file, path, builder)
    header, notes = found
    return _finished(builder, path, format, header, notes)


def _one_a_line(text: str) -> bool:
    """The first line is an object by itself, not the beginning of one."""
    first = text.splitlines()[0].rstrip()
    return first.endswith("}") and '"log_history"' not in first


def _read_csv(file: IO[str], path: str, builder: Builder) -> tuple[dict[str, Any], list[str]]:
    first = file.readline(LARGEST_ENTRY)
    separator = max(",;\t", key=first.count)
    names = next(csv.reader([first], delimiter=separator), [])
    chosen: dict[int, str] = {}
    others: list[str] = []
    for place, name in enumerate(names):
        found = column_of(name)
        if found is None:
            continue
        if found[0] in _columns_of(chosen.values()) and found[0] != "step" and not found[2]:
            others.append(name)
        else:
            chosen[place] = name
    if "step" not in _columns_of(chosen.values()):
        raise ConfigError(
            f"{path}: this is no log: neither JSON nor a table with a column of steps (a config goes to --config)"
        )
    for row in csv.reader(file, delimiter=separator):
        builder.add({name: row[place] for place, name in chosen.items() if place < len(row)})
    notes = [f"several runs or names for one number: {', '.join(others[:3])} is passed over"] if others else []
    return {}, notes


def _columns_of(names: Iterable[str]) -> set[str]:
    """Which columns these names stand for."""
    return {found[0] for name in names if (found := column_of(name))}


def _finished(builder: Builder, source: str, format: str, header: Mapping[str, Any], notes: list[str]) -> Log:
    if not len(builder):
        why = "its entries hold no step" if builder.stepless else "it holds no entry"
        why = "its entries hold steps, and no rate, loss or other number under a known name" if builder.bare else why
        raise ConfigError(f"{source}: no row of a log is in it: {why}")
    return builder.log(source, format, header, notes)


__all__ = ["COLUMNS", "read_log"]
