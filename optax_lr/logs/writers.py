"""The programs that write logs: how each is recognised, and what it calls the settings that a finding's advice names.

Findings name settings as transformers does, which LLaMA-Factory, TRL and ms-swift share. Every other program has one row here.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

from optax_lr.findings import Edit, Finding


class Writer(NamedTuple):
    """A program that writes logs.

    Fields:
        keys: what it calls a setting of transformers.
        log_rates: the remedy for a log without rates.
        in_epochs: it counts in epochs, so that its length is a number of epochs.
        is_trainer: its settings are `TrainingArguments` of transformers.
    """

    keys: Mapping[str, str] = {}
    log_rates: str = "set logging_steps to less than the steps of the run"
    in_epochs: bool = False
    is_trainer: bool = False


def _keys(rate: str, length: str, warmup: str, kind: str) -> dict[str, str]:
    return {"learning_rate": rate, "max_steps": length, "warmup_steps": warmup, "lr_scheduler_type": kind}


_TRAINER = Writer(is_trainer=True)
WRITERS: dict[str, Writer] = {
    "transformers": _TRAINER,
    "axolotl": Writer({"lr_scheduler_type": "lr_scheduler"}, is_trainer=True),
    "notebook": Writer(
        log_rates="a notebook's table holds no rates: give trainer_state.json of the run's output folder",
        is_trainer=True,
    ),
    "megatron": Writer(
        _keys("--lr", "--train-iters", "--lr-warmup-iters", "--lr-decay-style"),
        "set --log-interval to less than the iterations of the run",
    ),
    "nanogpt": Writer(
        _keys("learning_rate", "max_iters", "warmup_iters", "decay_lr"),
        "nanoGPT prints no rates: set wandb_log=True and export lr from W&B, or print lr in train.py",
    ),
    "torchtune": Writer(
        _keys("optimizer.lr", "max_steps_per_epoch", "lr_scheduler.num_warmup_steps", "lr_scheduler._component_"),
        "set log_every_n_steps to less than the steps of the run",
    ),
    "fairseq": Writer(
        _keys("--lr", "--max-update", "--warmup-updates", "--lr-scheduler"),
        "set --log-interval to less than the updates of the run",
    ),
    "mmengine": Writer(
        _keys(
            "optim_wrapper.optimizer.lr",
            "train_cfg.max_iters",
            "the end of the first param_scheduler",
            "param_scheduler",
        ),
        "set default_hooks.logger.interval to less than the iterations of the run",
    ),
    "lightning": Writer(
        _keys(
            "the optimizer's lr",
            "Trainer(max_steps=...)",
            "the scheduler's warmup",
            "the scheduler of configure_optimizers",
        ),
        "log the rate: add LearningRateMonitor(logging_interval='step') to the Trainer's callbacks",
    ),
    "keras": Writer(
        _keys(
            "the optimizer's learning_rate", "epochs of fit()", "the schedule's warmup", "the schedule of the optimizer"
        ),
        "log the rate: put a LearningRateScheduler or ReduceLROnPlateau next to CSVLogger in the callbacks",
        in_epochs=True,
    ),
    "ultralytics": Writer(
        _keys("lr0", "epochs", "warmup_epochs", "cos_lr"),
        "give results.csv of the run, which has the rates as lr/pg0",
        in_epochs=True,
    ),
    "timm": Writer(
        _keys("--lr", "--epochs", "--warmup-epochs", "--sched"),
        "give summary.csv of the run, which has the rates as lr",
        in_epochs=True,
    ),
    "optax": Writer({"lr_scheduler_type": "the schedule"}, "give the schedule to Monitor, which then logs its rates"),
    "": Writer(
        log_rates="log the rate with the loss; from W&B export its column too; or give event files of TensorBoard"
    ),
}
_BY_FORMAT = {
    "trainer_state": "transformers",
    "trainer_log": "transformers",
    "log_history": "transformers",
    "hf_console": "transformers",
    "events": "transformers",
    "monitor": "optax",
}


def writer_of(format: str, names: Collection[str]) -> str:
    """The program that wrote a log of this format with these names of columns; empty where it is not known.

    >>> writer_of("csv", ["epoch", "lr-AdamW", "step", "train_loss_step"])
    'lightning'
    """
    if format in _BY_FORMAT or format in WRITERS:
        return _BY_FORMAT.get(format, format)
    plain = {name.strip() for name in names}
    if any(name.startswith(("lr/pg", "x/lr", "metrics/mAP")) for name in plain):
        return "ultralytics"
    if any(name.startswith("lr-") for name in plain) or "train_loss_step" in plain:
        return "lightning"
    if "eval_top1" in plain:
        return "timm"
    if format == "jsonl" and {"iter", "lr"} <= plain:
        return "mmengine"
    return "keras" if format == "csv" and {"epoch", "loss"} <= plain and "step" not in plain else ""


_FILTER = "logging_nan_inf_filter"  # transformers alone writes 0.0 for NaN
_PLAIN = ("learning_rate", "max_steps", "warmup_steps")  # whose values mean the same to every program


def in_words_of(writer: str, finding: Finding, *, epochs_are_steps: bool = False) -> Finding:
    """The finding with the advice in the settings of the program that wrote the log."""
    known = WRITERS.get(writer, WRITERS[""])
    keys = dict(known.keys)
    if known.in_epochs and not epochs_are_steps:
        keys.pop("max_steps", None)
    remedy, edits, key = finding.remedy, finding.edits, finding.key
    if writer and not known.is_trainer:
        remedy = remedy.replace(f"set {_FILTER} to false", "log each loss as it is")
        edits = tuple(edit for edit in edits if edit.key in _PLAIN)
        key = None if key == _FILTER else key
    if keys:
        remedy = re.sub(rf"\b({'|'.join(keys)})\b", lambda match: keys[match[0]], remedy)
    return dataclasses.replace(
        finding,
        remedy=remedy,
        key=None if key is None else keys.get(key, key),
        edits=tuple(Edit(keys.get(edit.key, edit.key), edit.value) for edit in edits),
    )
