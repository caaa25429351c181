"""The log formats that people have, each recognised by its content and not by its name."""

import json
import os
import threading

import numpy as np
import pytest

import optax_lr as olr
from optax_lr.logs import read
from optax_lr.logs.columns import MOST_ROWS, is_metric

NAN = float("nan")


def written(tmp_path, text, name="log.txt"):
    path = tmp_path / name
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
    "lm loss: 9.5E+00 | grad norm: nan |\n"
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

# name: text, format, steps, rates, losses, evaluation losses, length of the run
KNOWN = {
    "hf 5 with its bar": (TRAINER_5, "hf_console", [10, 20], [4.999e-5, 4.998e-5], [2.346, 2.2], [], 1000),
    "ms-swift": (SWIFT + SWIFT.replace("'5/", "'10/"), "hf_console", [5, 10], [9.9e-5, 9.9e-5], [1.5, 1.5], [], 500),
    "megatron": (MEGATRON, "megatron", [10, 20, 20], [1e-6, 2e-6], [10.12345, 9.5], [9.1], 1000),
    "nanogpt": (NANOGPT, "nanogpt", [0, 10, 10], [], [10.9, 9.5], [9.6], None),
    "torchtune": (TORCHTUNE, "torchtune", [1, 2], [3e-6, 6e-6], [1.2345678, 1.2], [], None),
    "fairseq": (FAIRSEQ, "fairseq", [100, 200], [1.25e-5, 2.5e-5], [10.123, 9.5], [], None),
    "mmengine": (MMENGINE, "mmengine", [50, 100], [1e-2, 9.99e-3], [1.2345, 1.1], [], 80000),
    "mmengine by epochs": (MMENGINE_EPOCHS, "mmengine", [50, 110], [1e-2, 9e-3], [2.1, 1.9], [], None),
    "llama-factory": (
        LLAMAFACTORY,
        "hf_console",
        [5, 10, 10, 15],
        [4.993837e-5, 4.975378e-5, 4.944712e-5],
        [1.4, 1.3, 1.2],
        [0.9],
        100,
    ),
    "mmengine's JSON": (MMENGINE_JSON, "jsonl", [50], [0.01], [1.23], [], None),
    "torchtitan": (TORCHTITAN, "step_lines", [10, 20], [], [7.12345, 6.5], [], None),
    "nanotron": (NANOTRON, "step_lines", [10, 11], [3e-5, 3.3e-5], [8.12, 8.1], [], 1000),
    "lightning": (LIGHTNING, "csv", [49, 49, 99, 99], [0.001, 0.0009], [1.951, 1.901], [2.5], None),
    "ultralytics": (ULTRALYTICS, "csv", [1, 2], [0.01, 0.0099], [], [], None),
    "keras": (KERAS, "csv", [0, 1], [0.001, 0.0001], [2.0, 1.95], [2.0, 1.96], None),
    "timm": (TIMM, "csv", [0, 1], [1e-6, 0.0001], [6.9, 6.5], [6.8, 6.4], None),
    "notebook": (NOTEBOOK, "notebook", [500, 1000], [], [2.1, 1.9], [2.3, 2.2], None),
    "pasted table": ("Step\tTraining Loss\n500\t2.1\n1000\t1.9\n", "csv", [500, 1000], [], [2.1, 1.9], [], None),
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_format_is_recognised_and_read(tmp_path, name):
    text, format, steps, rates, losses, evaluations, max_steps = KNOWN[name]
    log = olr.read_log(written(tmp_path, text))
    assert (log.format, log.step.tolist(), log.max_steps) == (format, steps, max_steps)
    for column, values in ((log.learning_rate, rates), (log.loss, losses), (log.eval_loss, evaluations)):
        assert column[np.isfinite(column)].tolist() == values


def test_rows_without_a_step_need_what_a_step_is(tmp_path):
    path = written(tmp_path, TRAINER_4)
    with pytest.raises(
        olr.ConfigError, match=r"rows have no step: give trainer_state\.json .* --logging-steps"
    ) as caught:
        olr.read_log(path)
    assert "\n" not in str(caught.value)
    log = olr.read_log(path, logging_steps=500)
    assert log.step.tolist() == [500, 500, 1000]
    assert log.is_nan["loss"].tolist() == [False, False, True]
    np.testing.assert_array_equal(log.metrics["eval_wer"], [NAN, 0.4, NAN])
    assert any("counts as 500 steps" in note for note in log.notes)
    assert olr.read_log(path, steps_per_epoch=100).step.tolist() == [0, 0, 1]
    with pytest.raises(ValueError, match="logging_steps"):
        olr.read_log(path, logging_steps=0)


def test_a_bar_that_was_drawn_late_is_not_believed(tmp_path):
    late = TRAINER_5.replace("| 20/1000", "| 19/1000")
    with pytest.raises(olr.ConfigError, match="rows have no step"):
        olr.read_log(written(tmp_path, late))


def test_epochs_are_steps_where_there_are_no_steps(tmp_path):
    assert "the rows have no step: epochs are counted as steps" in olr.read_log(written(tmp_path, KERAS)).notes


def test_mmcv_counts_iterations_in_each_epoch(tmp_path):
    lines = [
        {"mode": "train", "epoch": epoch, "iter": it, "lr": 0.01, "loss": 1.0} for epoch in (1, 2) for it in (50, 100)
    ]
    path = written(tmp_path, "\n".join(map(json.dumps, lines)))
    with pytest.raises(olr.ConfigError, match="--steps-per-epoch"):
        olr.read_log(path)
    assert olr.read_log(path, steps_per_epoch=120).step.tolist() == [50, 100, 170, 220]


@pytest.mark.parametrize("step", [-5, 10**400, 1e300, 2**31, 10.5, "x"])
def test_a_row_with_a_bad_step_is_left_out(step):
    log = olr.read_log([{"step": 1, "loss": 2.0}, {"step": step, "loss": 1.0}, {"step": 2, "loss": 1.5}])
    assert log.step.tolist() == [1, 2]
    assert any("1 row left out" in note for note in log.notes)


def test_every_format_is_registered():
    files = {path.stem for path in (read.Path(read.__file__).parent).glob("*.py")}
    shared = {"__init__", "columns", "events", "formats", "json_logs", "log", "read", "writers"}
    assert {format.name for format in read.FORMATS} >= files - shared - {"tables"}


def test_limits(tmp_path, monkeypatch):
    wide = json.dumps({f"rewards/{name}": 0.5 for name in range(10_000)} | {"step": 1, "learning_rate": 1e-4}) + "\n"
    assert len(wide) > 200_000
    assert olr.read_log(written(tmp_path, wide + wide.replace('"step": 1', '"step": 2'))).step.tolist() == [1, 2]
    cell = "step,note,loss\n1," + "x" * 150_000 + ",2.0\n"
    with pytest.raises(olr.ConfigError, match="a cell of the table is too long"):
        olr.read_log(written(tmp_path, cell))
    with pytest.raises(olr.ConfigError, match="more than 4,194,304 characters"):
        olr.read_log(written(tmp_path, '{"step": 1, "loss": 2}\n' + "x" * 5_000_000))
    monkeypatch.setattr("optax_lr.logs.read.MOST_BYTES", 100)
    with pytest.raises(olr.ConfigError, match="at most 100 are read"):
        olr.read_log(written(tmp_path, MEGATRON))
    monkeypatch.setattr("optax_lr.logs.columns.MOST_ROWS", 3)
    with pytest.raises(olr.ConfigError, match="more than 3 rows"):
        olr.read_log([{"step": step, "loss": 1.0} for step in range(4)])
    assert MOST_ROWS == 2_000_000


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_and_a_file_of_proc_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "trainer_state.json")
    found = []

    def read_it():
        with pytest.raises(olr.ConfigError) as caught:
            olr.read_log(tmp_path / "trainer_state.json")
        found.append(str(caught.value))

    thread = threading.Thread(target=read_it, daemon=True)
    thread.start()
    thread.join(10)
    assert len(found) == 1
    assert "not a regular file" in found[0]
    if os.path.exists("/proc/cpuinfo"):
        with pytest.raises(olr.ConfigError, match="the file is empty"):
            olr.read_log("/proc/cpuinfo")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '{\n"train_runtime": 5.0,\n"train_loss": 1.2\n}',
            r"its keys are train_runtime, train_loss\); give trainer_state\.json",
        ),
        (":W&B\x01\x02", "W&B's own binary log; give files/output.log"),
        ('{"cells": [{"outputs": 3}], "nbformat": 4}', "this notebook is damaged; give trainer_state.json"),
        ('{\n"cells": [], "nbformat": 4}', "no usable rows"),
    ],
)
def test_a_refusal_names_the_file_to_give(tmp_path, content, message):
    with pytest.raises(olr.ConfigError, match=message):
        olr.read_log(written(tmp_path, content))


def test_names_of_evaluation_metrics():
    names = (
        "eval_wer",
        "metrics/mAP50(B)",
        "val_accuracy",
        "eval/rewards/accuracies",
        "eval_loss",
        "eval_runtime",
        "loss",
    )
    assert [is_metric(name) for name in names] == [True, True, True, True, False, False, False]
