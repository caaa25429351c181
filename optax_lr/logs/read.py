"""`read_log`: the log of a run, whoever wrote it, or one line on why there is none."""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

import numpy as np

from optax_lr.arguments import file_name, whole_number
from optax_lr.configs import ConfigError
from optax_lr.logs import (
    fairseq,
    hf_console,
    json_logs,
    megatron,
    mmengine,
    nanogpt,
    notebook,
    step_lines,
    tables,
    torchtune,
)
from optax_lr.logs.columns import Builder, NoStepsError, column_of
from optax_lr.logs.events import is_events, read_events
from optax_lr.logs.formats import HEAD, MOST_BYTES, Format
from optax_lr.logs.log import Log

# Every text format; the first that recognises a file reads it. A new format is one file and one line here.
FORMATS: tuple[Format, ...] = (
    notebook.FORMAT,
    json_logs.LIST,
    json_logs.TRAINER_LOG,
    json_logs.LINES,
    json_logs.STATE,
    hf_console.FORMAT,
    fairseq.FORMAT,
    megatron.FORMAT,
    mmengine.FORMAT,
    torchtune.FORMAT,
    nanogpt.FORMAT,
    tables.FORMAT,
    step_lines.FORMAT,
)
_IN_A_FOLDER = ("trainer_state.json", "trainer_log.jsonl", "log.jsonl")  # the last is of `Monitor`


def read_log(
    source: str | os.PathLike[str] | Mapping[str, object] | Iterable[Mapping[str, object]],
    *,
    logging_steps: int | None = None,
    steps_per_epoch: int | None = None,
) -> Log:
    """Read a log: a file, a folder of a run, a Trainer's `log_history`, or columns of numbers.

    - `trainer_state.json` of transformers, or the folder of a run or checkpoint that holds it;
    - one JSON object a line: `trainer_log.jsonl` of LLaMA-Factory, `logging.jsonl` of ms-swift, `log.jsonl` of `Monitor`,
      mmengine's JSON, W&B's history;
    - event files of TensorBoard, or a folder of them;
    - tables with a header: CSV of W&B, SwanLab, Lightning, Keras, ultralytics, timm;
    - what a run printed: a transformers Trainer (also as W&B's `output.log`), fairseq, Megatron, mmengine, torchtune, nanoGPT,
      and lines with a step and a loss or a rate; a Jupyter notebook;
    - a list of entries, `trainer.state.log_history`; or a mapping of columns, `{"step": ..., "learning_rate": ...}`.

    Rows are kept as they were written, including evaluations, steps that repeat or decrease, NaN and infinity. A row whose
    step is negative, fractional or too large is dropped. A truncated file is read up to its end. Files are read one entry at
    a time and never changed. `Log.notes` lists what was ignored or assumed. A file may have 1 GiB, 2,000,000 rows, and
    4,194,304 characters in a line.

    Args:
        source: a path; or entries, or columns.
        logging_steps: the optimizer steps between two rows, for a log whose rows have no step.
        steps_per_epoch: the optimizer steps of an epoch, for a log whose rows have an epoch and no step.

    Returns:
        The rows, as columns.

    Raises:
        ConfigError: one line, for a file that is missing, empty, too large, or not a log.

    Source: `transformers.TrainerState`; LLaMA-Factory's `LogCallback`; TensorBoard's scalars as
    `transformers.integrations.TensorBoardCallback` writes them.

    >>> log = read_log([{"step": 10, "learning_rate": 5e-5, "loss": 2.1}, {"step": 10, "eval_loss": 2.2}])
    >>> log.step, log.learning_rate
    (array([10, 10]), array([5.e-05,   nan]))
    """
    counted = {
        name: None if value is None else whole_number(f"read_log(): {name}", value, least=1)
        for name, value in (("logging_steps", logging_steps), ("steps_per_epoch", steps_per_epoch))
    }
    builder = Builder(**counted)
    if isinstance(source, Mapping):
        return _of_columns(source, builder)
    if isinstance(source, Iterable) and not isinstance(source, (str, bytes, os.PathLike)):
        for entry in source:
            if not isinstance(entry, Mapping):
                raise ConfigError(
                    f"<entries>: each must be a mapping, such as a Trainer's log_history holds, not {entry!r:.60}"
                )
            builder.add(entry)
        return _finished(builder, "<entries>", "log_history", {}, [])
    return _of_path(file_name("a log", source, instead=", a list of entries, or a mapping of columns"), builder)


def _of_columns(columns: Mapping[str, object], builder: Builder) -> Log:
    arrays = {name: np.asarray(values) for name, values in columns.items() if column_of(name)}
    known = {name: values for name, values in arrays.items() if values.ndim == 1}
    if "step" not in tables.columns_of(known):
        raise ConfigError("<columns>: a column named step is needed, the optimizer steps done at each row")
    if len({len(values) for values in known.values()}) > 1:
        lengths = ", ".join(f"{name} {len(values)}" for name, values in known.items())
        raise ConfigError(f"<columns>: the columns must be of one length, not {lengths}")
    sparse = [name for name in known if tables.columns_of([name]) & {"learning_rate", "eval_loss"}]
    for row in zip(*known.values(), strict=True):
        entry = dict(zip(known, row, strict=True))
        # In a column NaN is what a row without the number has; of a training loss alone it may be what was logged.
        builder.add({name: value for name, value in entry.items() if name not in sparse or value == value})  # noqa: PLR0124
    return _finished(builder, "<columns>", "columns", columns, [])


def _of_path(path: str, builder: Builder) -> Log:
    try:
        found = os.stat(path)
        if stat.S_ISDIR(found.st_mode):
            return _of_folder(Path(path), builder)
        _refuse_unread(path, found)
        with open(path, "rb") as raw:
            head = raw.read(HEAD)
        _refuse_other_files(path, head)
        if is_events(path, head):
            return read_events([path], path, builder)
        with open(path, encoding="utf-8-sig", newline="") as file:
            return _of_text(file, path, head, builder)
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: this is neither text nor an event file of TensorBoard") from None
    except ConfigError as error:
        raise error if str(error).startswith(path) else ConfigError(f"{path}: {error}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _refuse_unread(path: str, found: os.stat_result) -> None:
    """Refuse files that must not be opened: a pipe would block, and a file of `/proc` has no size."""
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"{path}: this is not a regular file; save the log to one")
    if not found.st_size:
        raise ConfigError(f"{path}: the file is empty")
    if found.st_size > MOST_BYTES:
        raise ConfigError(f"{path}: the file has {found.st_size:,} bytes; at most {MOST_BYTES:,} are read")


def _of_folder(folder: Path, builder: Builder) -> Log:
    """The folder's own log, or that of its latest checkpoint, or its event files."""
    for place in [folder, *sorted(folder.glob("checkpoint-*"), key=_number_of, reverse=True)]:
        for name in _IN_A_FOLDER:
            if (place / name).is_file():
                return _of_path(str(place / name), builder)
    events = sorted(str(path) for path in folder.rglob("*tfevents*") if path.is_file())
    if events:
        return read_events(events, str(folder), builder)
    raise ConfigError(
        f"{folder}: no log is in this folder: no {', no '.join(_IN_A_FOLDER)}, no checkpoint with one, no event file"
    )


def _number_of(folder: Path) -> int:
    number = folder.name.rsplit("-", 1)[-1]
    return int(number) if number.isdecimal() else -1


_ARCHIVE = "this is an archive, or a file of torch.save; unpack it, or give trainer_state.json of the run"
_OTHERS = {  # files that are no logs, by their first bytes
    b"version https://git-lfs": "this is a pointer of Git LFS, not the log itself: run git lfs pull",
    b"<": "this is a web page or XML, not a log; was it downloaded from the page of the file?",
    b"PK": _ARCHIVE,
    b"\x1f\x8b": _ARCHIVE,
    b":W&B": "this is W&B's own binary log; give files/output.log of that run, or export the run's history as CSV",
}


def _refuse_other_files(path: str, head: bytes) -> None:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text:
        raise ConfigError(f"{path}: the file is empty")
    for start, why in _OTHERS.items():
        if text.startswith(start):
            raise ConfigError(f"{path}: {why}")


def _of_text(file: IO[str], path: str, head: bytes, builder: Builder) -> Log:
    text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    text = "\n".join(filter(str.strip, text.split("\n"))).lstrip()  # many empty lines would take every format long
    for format in FORMATS:
        if format.recognises(text):
            header, notes = format.read(file, path, builder)
            return _finished(builder, path, format.name, header, list(notes))
    raise ConfigError(
        f"{path}: this is not a known kind of log: no JSON, no table with a column of steps or epochs, no line with a step and "
        "a loss; give trainer_state.json, an event file or a CSV export (a config goes to --config)"
    )


def _finished(builder: Builder, source: str, format: str, header: Mapping[str, object], notes: list[str]) -> Log:
    try:
        log = builder.log(source, format, header, notes)
    except NoStepsError:
        raise ConfigError(
            f"{source}: its {len(builder)} rows have no step: give trainer_state.json of the run, which has them, or the "
            "optimizer steps between two rows with --logging-steps (logging_steps=), or those of an epoch with "
            "--steps-per-epoch (steps_per_epoch=)"
        ) from None
    if not len(log):
        why = "no entry holds a learning rate, a loss or another number of a known name"
        why = "its entries hold steps, but no rate, loss or other number of a known name" if builder.bare else why
        why = "every step is negative, too large, or not whole" if builder.wrong else why
        raise ConfigError(f"{source}: no usable rows: {why}; give trainer_state.json, an event file or a CSV export")
    return log
