"""One table of the log formats: some lines of a real log of each, and what they hold. A new format joins the laws by one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple


class Known(NamedTuple):
    """A log, and what it holds.

    Fields:
        text: the file.
        format: the name of the format that reads it.
        steps: those of its rows.
        rates, losses, eval_losses: the numbers of the rows that have one.
        max_steps: the length of the run, if the log states it.
    """

    text: str
    format: str
    steps: list[int]
    rates: list[float]
    losses: list[float]
    eval_losses: list[float]
    max_steps: int | None


def written(folder: Path, text: str, name: str = "log.txt") -> Path:
    path = folder / name
    path.write_text(text)
    return path


TRAINER_4 = """Loading weights
{'loss': 3.1468, 'grad_norm': 36.76, 'learning_rate': 2.5e-06, 'epoch': 0.0}
{'eval_loss': 3.0, 'eval_runtime': 1.2, 'eval_wer': 0.4, 'epoch': 0.0}
{'loss': nan, 'grad_norm': nan, 'learning_rate': 5e-06, 'epoch': 0.01}
{'train_runtime': 123.5, 'train_loss': 1.235, 'epoch': 0.01}
"""
TRAINER_5 = """  1%|1         | 10/1000 [00:01<01:39,  9.9it/s]
{'loss': '2.346', 'grad_norm': '1.235', 'learning_rate': '4.999e-05', 'epoch': '0.02133'}
  1%|1         | 10/1000 [00:01<01:39,  9.9it/s]\r  2%|2         | 19/1000 [00:02<01:39,  9.9it/s]
{'loss': '2.2', 'grad_norm': '1.2', 'learning_rate': '4.998e-05', 'epoch': '0.04267'}\r  2%|2         | 20/1000 [00:02<01:39]
"""
SWIFT = "{'loss': 1.5, 'grad_norm': 0.5, 'learning_rate': 9.9e-05, 'epoch': 0.1, 'global_step/max_steps': '5/500'}\n"
LLAMAFACTORY = """  5%|5  | 5/100 [00:26<25:00,  5.09s/it][INFO|2025] llamafactory.train.callbacks:143 >> {'loss': 1.4, 'learning_rate': 4.9938e-05}
{'loss': 1.4, 'grad_norm': 0.77, 'learning_rate': 4.993837e-05, 'epoch': 0.17}
 10%|#  | 10/100 [00:48<21:07,  4.37s/it][INFO|2025] llamafactory.train.callbacks:143 >> {'loss': 1.3, 'learning_rate': 4.9754e-05}
{'loss': 1.3, 'grad_norm': 0.79, 'learning_rate': 4.975378e-05, 'epoch': 0.33}
{'eval_loss': 0.9, 'eval_runtime': 1.1, 'epoch': 0.33}
 15%|## | 14/100 [00:50<20:07]\r 15%|## | 15/100 [01:14<23:44,  5.00s/it][INFO|2025] llamafactory.train.callbacks:143 >> {'loss': 1.2, 'learning_rate': 4.9447e-05}
{'loss': 1.2, 'grad_norm': 0.55, 'learning_rate': 4.944712e-05, 'epoch': 0.5}
"""
MEGATRON = (
    " [2024-05-01 10:00:00] iteration       10/    1000 | consumed samples:           80 | elapsed time per iteration (ms): 123.4 | "
    "learning rate: 1.000000E-06 | global batch size:     8 | lm loss: 1.012345E+01 | loss scale: 1.0 | grad norm: 1.234 |\n"
    " [2024-05-01 10:00:09] iteration       20/    1000 | consumed samples:          160 | learning rate: 2.000000E-06 | "
    "lm-loss: 9.5E+00 | grad norm: nan |\n"
    " validation loss at iteration 20 | lm loss value: 9.1E+00 | lm loss PPL: 8955.2 |\n"
)
NANOGPT = "iter 0: loss 10.9, time 100.00ms, mfu -100%\niter 10: loss 9.5, time 20.00ms, mfu 30%\nstep 10: train loss 9.4, val loss 9.6\n"
TORCHTUNE = "Step 1 | loss:1.2345678 lr:3e-06 tokens_per_second_per_gpu:1234.5 \nStep 2 | loss:1.2 lr:6e-06 tokens_per_second_per_gpu:1 \n"
FAIRSEQ = (
    "2024-01-01 10:00:00 | INFO | fairseq.tasks | dictionary: 1000 types\n"
    '2024-01-01 10:00:00 | INFO | train_inner | {"epoch": 1, "update": 0.1, "loss": "10.123", "num_updates": "100", "lr": "1.25e-05", "gnorm": "2.1"}\n'
    "2024-01-01 10:01:00 | INFO | train_inner | epoch 001:    200 / 1000 loss=9.5, ppl=700, num_updates=200, lr=2.5e-05, gnorm=1.9\n"
)
MMENGINE = (
    "05/01 10:00:00 - mmengine - INFO - Iter(train) [   50/80000]  lr: 1.0000e-02  eta: 0:10:00  time: 0.1234  loss: 1.2345\n"
    "05/01 10:00:09 - mmengine - INFO - Iter(train) [  100/80000]  lr: 9.9900e-03  eta: 0:10:00  time: 0.1234  loss: 1.1\n"
)
MMENGINE_EPOCHS = (
    "02/20 14:43:11 - mmengine - INFO - Epoch(train)   [1][ 50/ 60]  base_lr: 1.0000e-02 lr: 1.0000e-02  grad_norm: nan  loss: 2.1  loss_cls: 1.0\n"
    "02/20 14:43:12 - mmengine - INFO - Epoch(train)   [2][ 50/ 60]  base_lr: 1.0000e-02 lr: 9.0000e-03  grad_norm: 1.5  loss: 1.9  loss_cls: 1.0\n"
)
TORCHTITAN = (
    "[titan] - \x1b[31mstep: 10  \x1b[32mloss:  7.12345  \x1b[33mgrad_norm:  1.2345  \x1b[34mmemory: 1.2GiB(3%)  tps: 1,234\x1b[39m\n"
    "[titan] - \x1b[31mstep: 20  \x1b[32mloss:  6.5  \x1b[33mgrad_norm:  1.1  \x1b[39m\n"
)
NANOTRON = "x - INFO - iteration: 10 / 1000 | consumed_tokens: 2.1M | lm_loss: 8.12 | lr: 3e-05 |\niteration: 11 / 1000 | lm_loss: 8.1 | lr: 3.3e-05 |\n"
LIGHTNING = "epoch,lr-AdamW,step,train_loss_epoch,train_loss_step,val_loss\n,0.001,49,,,\n0,,49,,1.951,\n,0.0009,99,,,\n0,,99,,1.901,2.5\n"
ULTRALYTICS = "                  epoch,      train/box_loss,        metrics/mAP50(B),        lr/pg0,      lr/pg1\n 1, 1.2, 0.5, 0.01, 0.01\n 2, 1.1, 0.6, 0.0099, 0.0099\n"
KERAS = "epoch,accuracy,learning_rate,loss,val_accuracy,val_loss\n0,0.5,0.001,2.0,0.5,2.0\n1,0.5,0.0001,1.95,NA,1.96\n"
TIMM = "epoch,train_loss,eval_loss,eval_top1,eval_top5,lr\n0,6.9,6.8,1.0,5.0,1e-06\n1,6.5,6.4,2.0,8.0,0.0001\n"
NOTEBOOK = json.dumps(
    {
        "cells": [
            {
                "outputs": [
                    {
                        "data": {
                            "text/html": [
                                "<table><thead><tr><th>Step</th><th>Training Loss</th><th>Validation Loss</th></tr></thead>",
                                "<tbody><tr><td>500</td><td>2.10</td><td>2.3</td></tr><tr><td>1000</td><td>1.9</td><td>2.2</td></tr></tbody></table>",
                            ]
                        }
                    }
                ]
            }
        ],
        "nbformat": 4,
    }
)
MMENGINE_JSON = (
    '{"lr": 0.01, "data_time": 0.1, "loss": 1.23, "time": 0.1, "epoch": 1, "iter": 50, "memory": 5000, "step": 50}\n'
)
HISTORY = [
    {"epoch": 0.5, "grad_norm": 1.5, "learning_rate": 2e-4, "loss": 2.5, "step": 10},
    {"epoch": 0.5, "eval_loss": 2.4, "eval_runtime": 1.0, "step": 10},
    {"epoch": 1.0, "grad_norm": float("nan"), "learning_rate": 1e-4, "loss": 0.0, "step": 20},
    {"epoch": 1.0, "step": 20, "total_flos": 1e12, "train_loss": 1.25, "train_runtime": 9.0},
]
STATE = {
    "best_metric": None,
    "epoch": 1.0,
    "global_step": 20,
    "log_history": HISTORY,
    "max_steps": 20,
    "stateful_callbacks": {},
}
TRAINER_LOG = (
    '{"current_steps": 5, "total_steps": 15, "loss": 1.5, "lr": 1e-4, "epoch": 0.3, "percentage": 33.3}\n'
    '{"current_steps": 10, "total_steps": 15, "loss": 1.2, "lr": 5e-5, "epoch": 0.6}\n'
    '{"current_steps": 10, "total_steps": 15, "eval_loss": 1.3, "epoch": 0.6}\n'
)

KNOWN = {
    "hf 5 with its bar": Known(TRAINER_5, "hf_console", [10, 20], [4.999e-5, 4.998e-5], [2.346, 2.2], [], 1000),
    "ms-swift": Known(SWIFT + SWIFT.replace("'5/", "'10/"), "hf_console", [5, 10], [9.9e-5, 9.9e-5], [1.5, 1.5], [], 500),
    "megatron": Known(MEGATRON, "megatron", [10, 20, 20], [1e-6, 2e-6], [10.12345, 9.5], [9.1], 1000),
    "nanogpt": Known(NANOGPT, "nanogpt", [0, 10, 10], [], [10.9, 9.5], [9.6], None),
    "torchtune": Known(TORCHTUNE, "torchtune", [1, 2], [3e-6, 6e-6], [1.2345678, 1.2], [], None),
    "fairseq": Known(FAIRSEQ, "fairseq", [100, 200], [1.25e-5, 2.5e-5], [10.123, 9.5], [], None),
    "mmengine": Known(MMENGINE, "mmengine", [50, 100], [1e-2, 9.99e-3], [1.2345, 1.1], [], 80000),
    "mmengine by epochs": Known(MMENGINE_EPOCHS, "mmengine", [50, 110], [1e-2, 9e-3], [2.1, 1.9], [], None),
    "llama-factory": Known(
        LLAMAFACTORY,
        "hf_console",
        [5, 10, 10, 15],
        [4.993837e-5, 4.975378e-5, 4.944712e-5],
        [1.4, 1.3, 1.2],
        [0.9],
        100,
    ),
    "mmengine's JSON": Known(MMENGINE_JSON, "jsonl", [50], [0.01], [1.23], [], None),
    "torchtitan": Known(TORCHTITAN, "step_lines", [10, 20], [], [7.12345, 6.5], [], None),
    "nanotron": Known(NANOTRON, "step_lines", [10, 11], [3e-5, 3.3e-5], [8.12, 8.1], [], 1000),
    "lightning": Known(LIGHTNING, "csv", [49, 49, 99, 99], [0.001, 0.0009], [1.951, 1.901], [2.5], None),
    "ultralytics": Known(ULTRALYTICS, "csv", [1, 2], [0.01, 0.0099], [1.2, 1.1], [], None),
    "keras": Known(KERAS, "csv", [0, 1], [0.001, 0.0001], [2.0, 1.95], [2.0, 1.96], None),
    "timm": Known(TIMM, "csv", [0, 1], [1e-6, 0.0001], [6.9, 6.5], [6.8, 6.4], None),
    "notebook": Known(NOTEBOOK, "notebook", [500, 1000], [], [2.1, 1.9], [2.3, 2.2], None),
    "pasted table": Known("Step\tTraining Loss\n500\t2.1\n1000\t1.9\n", "csv", [500, 1000], [], [2.1, 1.9], [], None),
    "trainer_state": Known(json.dumps(STATE, indent=2), "trainer_state", [10, 10, 20, 20], [2e-4, 1e-4], [2.5, 0.0], [2.4], 20),
    "its log_history alone": Known(json.dumps(HISTORY[:3], indent=2), "log_history", [10, 10, 20], [2e-4, 1e-4], [2.5, 0.0], [2.4], None),
    "LLaMA-Factory's trainer_log": Known(TRAINER_LOG, "trainer_log", [5, 10, 10], [1e-4, 5e-5], [1.5, 1.2], [1.3], 15),
}  # fmt: skip
