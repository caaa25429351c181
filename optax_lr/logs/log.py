"""The common form of every log: one row per entry, NaN for a number that the entry lacks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from optax_lr.arrays import Bool, Float64, Int64


@dataclasses.dataclass(frozen=True)
class Log:
    """The log of a run, in the order in which it was written.

    Fields:
        source: its origin: a path, or `<entries>`, `<columns>` or `<monitor>` if it is not a file.
        format: the format that was recognised, such as `trainer_state` or `trainer_log`.
        step: int64 [n], the optimizer steps completed when the entry was written.
        learning_rate, loss, grad_norm, eval_loss, epoch: float64 [n]; NaN if the entry has no number, or if the
            logged number is NaN (`is_nan` marks the latter).
        max_steps: the length of the run, if the log states it; otherwise None.
        header: other facts about the run, as the log states them.
        is_nan: for each of the columns, bool [n]: whether the logged number is NaN, as in a diverged run.
        notes: what the reader ignored or assumed; a line each.
        writer: the program that wrote it, by its name in `optax_lr.logs.writers`; empty if it is not known.
        metrics: other numbers of an evaluation by their names, such as `eval_wer`, float64 [n]; NaN if a row has no number.
    """

    source: str
    format: str
    step: Int64[np.ndarray, " n"]
    learning_rate: Float64[np.ndarray, " n"]
    loss: Float64[np.ndarray, " n"]
    grad_norm: Float64[np.ndarray, " n"]
    eval_loss: Float64[np.ndarray, " n"]
    epoch: Float64[np.ndarray, " n"]
    max_steps: int | None = None
    header: Mapping[str, object] = dataclasses.field(default_factory=dict)
    is_nan: Mapping[str, Bool[np.ndarray, " n"]] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    writer: str = ""
    metrics: Mapping[str, Float64[np.ndarray, " n"]] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.step)

    def nan(self, name: str) -> Bool[np.ndarray, " {len(self)}"]:
        """bool [n], the rows in which the log holds NaN itself for a column."""
        return self.is_nan.get(name, np.zeros(len(self), bool))

    def __getitem__(self, rows: slice | Int64[np.ndarray, " m"]) -> Log:
        """These rows, with all else as it is."""
        columns = ("step", "learning_rate", "loss", "grad_norm", "eval_loss", "epoch")
        return dataclasses.replace(
            self,
            **{name: getattr(self, name)[rows] for name in columns},
            is_nan={name: values[rows] for name, values in self.is_nan.items()},
            metrics={name: values[rows] for name, values in self.metrics.items()},
        )
