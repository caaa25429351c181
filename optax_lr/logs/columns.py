"""Entries of any log as columns: the names that trainers and trackers give the same number."""

from __future__ import annotations

import functools
import itertools
import math
import re
import time
from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np

from optax_lr.configs import ConfigError
from optax_lr.logs.log import Log
from optax_lr.logs.writers import writer_of
from optax_lr.schedules.checks import LARGEST_STEP
from optax_lr.text import counted

COLUMNS = ("step", "epoch", "learning_rate", "loss", "grad_norm", "eval_loss")
# Each name as `plain_name` leaves it; of several in one entry the first counts.
NAMES: Mapping[str, list[str]] = {
    column: names.split(", ")
    for column, names in {
        "step": (
            "train/global_step, global_step, trainer/global_step, current_steps, num_updates, step, _step, "
            "steps, iter, iteration"
        ),
        "epoch": "epoch, train/epoch, trainer/epoch",
        "learning_rate": (
            "learning_rate, train/learning_rate, lr, train/lr, learning rate, learning-rate, "
            "optim/learning_rate, learning/current_learning_rate, lr/pg0, x/lr, base_lr"
        ),
        "loss": (
            "loss, train/loss, training_loss, training loss, train_loss, train/train_loss, train_loss_step, "
            "train/loss_step, loss_step, lm_loss, lm loss, lm-loss, loss/train, learning/loss, "
            "train_loss_epoch, train/loss_epoch, loss_epoch"
        ),
        "grad_norm": "grad_norm, train/grad_norm, gradient_norm, gnorm, grad norm, grad-norm",
        "eval_loss": (
            "eval_loss, eval/loss, val_loss, validation_loss, validation loss, val/loss, validation/loss, "
            "valid_loss, valid/loss, valid loss, loss/val, loss/validation, test_loss"
        ),
    }.items()
}
_COLUMN = {name: (column, rank) for column, names in NAMES.items() for rank, name in enumerate(names)}
# ultralytics writes the parts of a loss, with their weights: the loss is their sum.
_PART = re.compile(r"^(train|val)/(?:box|obj|cls|dfl|seg|sem|pose|kobj|angle|giou|l1)_loss$")
_GROUP = re.compile(
    r"^(?P<name>.*?)(?:-[a-z0-9]+)?(?:(?:[/_-](?:pg|group_?|param_group_?)?|(?<=^x/lr))(?P<group>\d+))$"
)
_OPTIMIZER = re.compile(r"^((?:train/)?lr)-[a-z]+$")
LARGEST_RATE = 1e38  # beyond it no schedule of float32 goes
SUMMARY = "train_runtime"  # the entry that a Trainer writes at the end, whose train_loss is a mean of all
MOST_ROWS = 2_000_000
MOST_SECONDS = 60  # of CPU time, for one log
MOST_METRICS = 16
_METRIC = re.compile(r"^(eval_|eval/|val_|val/|validation_|valid_|metrics/|test_)(?P<name>.+)")
# Numbers of an evaluation that say how fast it was, or repeat a step.
_NO_METRIC = re.compile(r"runtime|per_second|time|memory|preparation|loss|steps?$|epoch|samples|tokens|ppl")
_SHARE = "global_step/max_steps"  # ms-swift's `5/500`
EPOCHS_ARE_STEPS = "the rows have no step: epochs are counted as steps"
_EACH = 4096  # entries until the clock is read
_MOST_NAMES = 10_000  # that are remembered; more are keys that are data


def plain_name(name: str) -> str:
    """A column's name as `NAMES` has it: lower case, without the run's name that W&B and SwanLab put before it."""
    return name.strip().strip('"').lower().rsplit(" - ", 1)[-1]


@functools.lru_cache(maxsize=_MOST_NAMES)
def column_of(name: str) -> tuple[str, int, int] | None:
    """The column of a name, the rank of the name, and its parameter group; None for an unknown name.

    >>> column_of("my-run - train/learning_rate"), column_of("lr-AdamW/pg2"), column_of("rewards/margins")
    (('learning_rate', 1, 0), ('learning_rate', 2, 1), None)
    """
    text, group = plain_name(name), 0
    if text not in _COLUMN and (match := _GROUP.match(text)):
        rate = _OPTIMIZER.sub(r"\1", match["name"])
        if rate in NAMES["learning_rate"]:
            text, group = rate, int(match["group"]) - ("/pg" in name.lower())  # Lightning counts its groups from 1
    text = _OPTIMIZER.sub(r"\1", text) if text not in _COLUMN else text
    return (*_COLUMN[text], max(group, 0)) if text in _COLUMN else None


def is_metric(name: str) -> bool:
    """Whether a number of this name measures an evaluation, other than by its loss: `eval_wer`, `metrics/mAP50(B)`."""
    match = _METRIC.match(plain_name(name))
    return match is not None and _NO_METRIC.search(match["name"]) is None


@functools.lru_cache(maxsize=1024)
def loss_column(name: str) -> str | None:
    """The column to which a number of this name belongs, such as `loss` for `train/box_loss`, or None."""
    match = _PART.match(plain_name(name))
    return None if match is None else "loss" if match[1] == "train" else "eval_loss"


class NoStepsError(Exception):
    """No row has a step, nor what a step could be computed from."""


class Builder:
    """Collects entries, in bounded memory: nine bytes a number.

    Args:
        logging_steps: the optimizer steps between two rows of a training loss or rate, where the rows have no step.
        steps_per_epoch: the optimizer steps of an epoch, where the rows have an epoch and no step.
    """

    def __init__(self, *, logging_steps: int | None = None, steps_per_epoch: int | None = None) -> None:
        self._columns = {name: array("d") for name in COLUMNS}
        self._is_nan = {name: array("b") for name in COLUMNS}
        self._metrics: dict[str, Any] = {}  # arrays, which Python 3.11 cannot subscript
        self._names: set[str] = set()
        self._logging_steps, self._steps_per_epoch = logging_steps, steps_per_epoch
        self._max_steps: int | None = None
        self.groups: set[str] = set()  # with other rates than the first
        self.parts: dict[str, None] = {}  # that make up a training loss, in order
        self.writer = ""
        self.bare = self.wrong = 0  # entries with nothing but a step, and with a step that is none
        self._end, self._entries = time.thread_time() + MOST_SECONDS, 0

    def __len__(self) -> int:
        return len(self._columns["step"])

    def check_time(self) -> None:
        """Raise `ConfigError` if reading takes too long: a file may have more lines, or events, than rows."""
        if time.thread_time() > self._end:
            raise ConfigError(
                f"reading takes more than {MOST_SECONDS} s of CPU time, which is the limit; keep each tenth row"
            )

    def add(self, entry: Mapping[str, object]) -> bool:
        """Take one entry; False if it holds no number of a known name, or a step that is none."""
        self._entries += 1
        if self._entries % _EACH == 0:
            self.check_time()
        values: dict[str, tuple[int, float]] = {}
        groups: dict[str, float] = {}
        if len(self._names) < _MOST_NAMES:
            self._names.update(entry)
        for name, value in entry.items():
            known = column_of(name)
            if known is None or (number := _number(value)) is None:
                continue
            column, rank, group = known
            if group:
                groups[name] = number
            elif column not in values or rank < values[column][0]:
                values[column] = (rank, number)
        _, rate = values.get("learning_rate", (0, math.nan))
        self.groups.update(name.strip() for name, number in groups.items() if number != rate)
        self._add_parts(entry, values)
        if _SHARE in entry:
            done, _, length = str(entry[_SHARE]).partition("/")
            values["step"] = (0, _number(done) or math.nan)
            self._max_steps = _max_steps({"max_steps": length})
        if SUMMARY in entry:
            values.pop("loss", None)
        if "mode" in entry and "iter" in entry and "step" not in entry:  # mmcv 1 counts from 1 in each epoch
            _, iteration = values.pop("step", (0, math.nan))
            _, epoch = values.get("epoch", (0, math.nan))
            if self._steps_per_epoch is not None and math.isfinite(epoch):
                values["step"] = (0, (epoch - 1) * self._steps_per_epoch + iteration)
        if values.keys() in ({"step"}, {"epoch"}, set()):
            self.bare += bool(values)
            return False
        step = values["step"][1] if "step" in values else math.nan
        if "step" in values and not (0 <= step <= LARGEST_STEP and step == int(step)):
            self.wrong += 1
            return False
        if len(self) >= MOST_ROWS:
            raise ConfigError(f"the log has more than {MOST_ROWS:,} rows, which is the limit; keep each tenth row")
        for name in COLUMNS:
            number = values[name][1] if name in values else math.nan
            self._columns[name].append(number)
            self._is_nan[name].append(name in values and math.isnan(number))
        self._add_metrics(entry)
        return True

    def _add_parts(self, entry: Mapping[str, object], values: dict[str, tuple[int, float]]) -> None:
        """Add the losses whose parts alone are in the entry."""
        sums: dict[str, float] = {}
        for name, value in entry.items():
            column = loss_column(name)
            if column is not None and column not in values and (number := _number(value)) is not None:
                sums[column] = sums.get(column, 0.0) + number
                if column == "loss":
                    self.parts[plain_name(name)] = None
        values.update({column: (0, total) for column, total in sums.items()})

    def _add_metrics(self, entry: Mapping[str, object]) -> None:
        for name in entry:
            if name not in self._metrics and len(self._metrics) < MOST_METRICS and is_metric(name):
                self._metrics[name] = array("d", [math.nan]) * (len(self) - 1)
        for name, numbers in self._metrics.items():
            number = _number(entry.get(name))
            numbers.append(math.nan if number is None else number)

    def _steps(self, columns: Mapping[str, np.ndarray], notes: list[str]) -> np.ndarray:
        """The step of each row; what follows from epochs or the number of the row where none is logged."""
        step, epoch = columns["step"], columns["epoch"]
        if not np.isnan(step).all():  # rows without a step are left out
            return np.asarray(np.nan_to_num(step, nan=-1))
        train = np.isfinite(columns["learning_rate"]) | np.isfinite(columns["loss"]) | self._is_nan_of("loss")
        if self._logging_steps is not None:
            notes.append(f"the rows have no step: each row of the training counts as {self._logging_steps} steps")
            return _rows_of_its_run(train, epoch) * float(self._logging_steps)
        whole = ((epoch == np.floor(epoch)) & (epoch >= 0) & (epoch <= LARGEST_STEP)).all()  # NaN is not
        if self._steps_per_epoch is not None and np.isfinite(epoch).all():
            notes.append(f"the rows have no step: an epoch counts as {self._steps_per_epoch} steps")
            return np.asarray(np.clip(np.rint(epoch * self._steps_per_epoch), 0, LARGEST_STEP))
        if whole and np.diff(epoch[train]).all():
            notes.append(EPOCHS_ARE_STEPS)
            return epoch
        raise NoStepsError

    def _is_nan_of(self, name: str) -> np.ndarray:
        return np.array(self._is_nan[name], bool)

    def log(self, source: str, format: str, header: Mapping[str, object], notes: list[str]) -> Log:
        """The entries as a log. Rates below 0 or too large for float32 are left out."""
        columns = {name: np.array(values, np.float64) for name, values in self._columns.items()}
        notes = list(notes)
        rate = columns["learning_rate"]
        wrong = (rate > LARGEST_RATE) | (rate < 0)
        if wrong.any():
            notes.append(f"{counted(int(wrong.sum()), 'rate')} dropped: negative or too large for float32")
            rate[wrong] = math.nan
        if self.wrong:
            notes.append(f"{counted(self.wrong, 'row')} left out: the step is negative, too large, or not whole")
        if self.groups:
            notes.append(f"several parameter groups: the first is read, not {', '.join(sorted(self.groups)[:4])}")
        if self.parts:
            notes.append(f"the loss is the sum of {', '.join(self.parts)}")
        step = self._steps(columns, notes)
        kept = step >= 0
        if not kept.all():
            notes.append(f"{counted(int((~kept).sum()), 'row')} left out: no step")
        step = step[kept].astype(np.int64)
        del columns["step"]
        back = int((np.diff(step) < 0).sum()) if len(step) else 0
        if back:
            notes.append(f"the steps go back {counted(back, 'time')}: a resumed run, or two writers of one file")
        return Log(
            source=source,
            format=format,
            step=step,
            **{name: values[kept] for name, values in columns.items()},
            max_steps=_max_steps(header) or self._max_steps,
            header=dict(header),
            is_nan={name: self._is_nan_of(name)[kept] for name in columns},
            notes=tuple(notes),
            writer=self.writer or writer_of(format, self._names),
            metrics={name: np.array(values, np.float64)[kept] for name, values in self._metrics.items()},
        )


def _rows_of_its_run(train: np.ndarray, epoch: np.ndarray) -> np.ndarray:
    """How many rows of the training a run has at each row of the log; where the epoch goes back, another run begins.

    A run that was resumed begins with as many rows as its first epoch takes, by the epochs between its own rows.
    """
    known = np.flatnonzero(np.isfinite(epoch))
    starts = known[1:][np.diff(epoch[known]) < 0].tolist()
    rows = np.cumsum(train).astype(np.float64)
    for start, end in itertools.pairwise([*starts, len(train)]):
        rows[start:] -= rows[start - 1]
        epochs = epoch[start:end][train[start:end] & np.isfinite(epoch[start:end])]
        if len(epochs) > 1 and epochs[-1] > epochs[0]:
            begun = round(epochs[0] * (len(epochs) - 1) / (epochs[-1] - epochs[0]))
            rows[start:] += max(begun - 1, 0)
    return rows


def _number(value: Any) -> float | None:
    """A number, or text that is one (`NaN`, `1e-05`); None for anything else, empty text among it."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _max_steps(header: Mapping[str, object]) -> int | None:
    for name in ("max_steps", "total_steps"):
        value = _number(header.get(name))
        if value is not None and math.isfinite(value) and 0 < value < 2**31:
            return int(value)
    return None
