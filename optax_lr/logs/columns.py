"""Entries of any log as columns: the names that trainers and trackers give the same number."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np

from optax_lr.logs.log import Log

COLUMNS = ("step", "epoch", "learning_rate", "loss", "grad_norm", "eval_loss")
# Each name as `plain` leaves it; of several in one entry the first counts.
NAMES: Mapping[str, tuple[str, ...]] = {
    "step": ("train/global_step", "global_step", "trainer/global_step", "current_steps", "step", "_step", "steps"),
    "epoch": ("epoch", "train/epoch"),
    "learning_rate": ("learning_rate", "train/learning_rate", "lr", "train/lr", "learning rate", "optim/learning_rate"),
    "loss": ("loss", "train/loss", "training_loss", "training loss", "train_loss", "train/train_loss"),
    "grad_norm": ("grad_norm", "train/grad_norm", "gradient_norm"),
    "eval_loss": ("eval_loss", "eval/loss", "val_loss", "validation_loss", "val/loss", "validation/loss", "valid_loss"),
}
_COLUMN = {name: (column, rank) for column, names in NAMES.items() for rank, name in enumerate(names)}
_GROUP = re.compile(r"^(?P<name>.*?)(?:-[a-z0-9]+)?(?:[/_-](?:pg|group_?|param_group_?)?(?P<group>\d+))$")
_OPTIMIZER = re.compile(r"^((?:train/)?lr)-[a-z]+$")
LARGEST_RATE = 1e38  # beyond it no schedule of float32 goes
SUMMARY = "train_runtime"  # the entry that a Trainer writes at the end, whose train_loss is a mean of all


def plain(name: str) -> str:
    """A column's name as `NAMES` has it: lower case, without the run's name that W&B and SwanLab put before it."""
    return name.strip().strip('"').lower().rsplit(" - ", 1)[-1]


def column_of(name: str) -> tuple[str, int, int] | None:
    """The column that a name stands for, its rank among the names, and its parameter group; None for any other name.

    >>> column_of("my-run - train/learning_rate"), column_of("lr-AdamW/pg2"), column_of("rewards/margins")
    (('learning_rate', 1, 0), ('learning_rate', 2, 1), None)
    """
    text = plain(name)
    group = 0
    if text not in _COLUMN and (match := _GROUP.match(text)) and _is_rate(match["name"]):
        text, group = match["name"], int(match["group"])
        group -= "/pg" in name.lower()  # Lightning counts its groups from 1
    if text not in _COLUMN and (match := _OPTIMIZER.match(text)):
        text = match[1]
    if text not in _COLUMN:
        return None
    return (*_COLUMN[text], max(group, 0))


def _is_rate(text: str) -> bool:
    text = _OPTIMIZER.sub(r"\1", text)
    return text in _COLUMN and _COLUMN[text][0] == "learning_rate"


class Builder:
    """Collects entries, in bounded memory: eight bytes a number."""

    def __init__(self) -> None:
        self._columns = {name: array("d") for name in COLUMNS}
        self._is_nan = {name: array("b") for name in COLUMNS}
        self._known: dict[str, tuple[str, int, int] | None] = {}
        self.groups: set[str] = set()
        self.stepless = self.bare = 0  # entries without a step, and with nothing else

    def __len__(self) -> int:
        return len(self._columns["step"])

    def add(self, entry: Mapping[str, Any]) -> bool:
        """Takes one entry; False where it holds no step, or nothing but a step."""
        values: dict[str, tuple[int, float]] = {}
        for name, value in entry.items():
            if name not in self._known:
                self._known[name] = column_of(name)
            known = self._known[name]
            if known is None or (number := _number(value)) is None:
                continue
            column, rank, group = known
            if group:
                self.groups.add(name)
            elif column not in values or rank < values[column][0]:
                values[column] = (rank, number)
        if SUMMARY in entry:
            values.pop("loss", None)
        if "step" not in values or not math.isfinite(values["step"][1]):
            self.stepless += 1
            return False
        if len(values) == 1:
            self.bare += 1
            return False
        for name in COLUMNS:
            value = values[name][1] if name in values else None
            self._columns[name].append(math.nan if value is None else value)
            self._is_nan[name].append(value is not None and math.isnan(value))
        return True

    def log(self, source: str, format: str, header: Mapping[str, Any], notes: list[str]) -> Log:
        """The entries as a log. Rates below 0 or beyond float32 are none."""
        columns = {name: np.array(values, np.float64) for name, values in self._columns.items()}
        notes = list(notes)
        rate = columns["learning_rate"]
        wrong = (rate > LARGEST_RATE) | (rate < 0)
        if wrong.any():
            notes.append(f"{wrong.sum()} rates are below 0 or beyond all numbers of float32, and passed over")
            rate[wrong] = math.nan
        if self.groups:
            notes.append(f"several parameter groups: the first is read, not {', '.join(sorted(self.groups)[:4])}")
        step = columns.pop("step").astype(np.int64)
        back = int((np.diff(step) < 0).sum()) if len(step) else 0
        if back:
            notes.append(f"the steps go back {back} time{'s' * (back > 1)}: a resumed run, or two writers of one file")
        return Log(
            source=source,
            format=format,
            step=step,
            **columns,
            max_steps=_max_steps(header),
            header=dict(header),
            is_nan={name: np.array(self._is_nan[name], bool) for name in columns},
            notes=tuple(notes),
        )


def _number(value: Any) -> float | None:
    """A number, or text that is one (`NaN`, `1e-05`); None for anything else, empty text among it."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _max_steps(header: Mapping[str, Any]) -> int | None:
    for name in ("max_steps", "total_steps"):
        value = _number(header.get(name))
        if value is not None and math.isfinite(value) and 0 < value < 2**31:
            return int(value)
    return None
