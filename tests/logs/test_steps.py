"""The steps of rows that state none, only an epoch, or an invalid step."""

import json

import numpy as np
import pytest

import optax_lr as olr
from tests.logs.cases import KERAS, TRAINER_4, TRAINER_5, written

NAN = float("nan")


def test_rows_without_a_step_need_logging_steps(tmp_path):
    path = written(tmp_path, TRAINER_4)
    with pytest.raises(olr.ConfigError, match=r"no step: give trainer_state\.json .* --logging-steps") as caught:
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


def test_rows_without_a_step_are_counted_from_0_if_the_epoch_decreases(tmp_path):
    # The runs after the first: a new one, one that was resumed, and one of a single row.
    epochs = [0.5, 1.0, 1.5, 2.0, 0.5, 1.0, 1.5, 1.0, 1.5, 2.0, 0.5]
    lines = [str({"loss": 1.0, "learning_rate": 1e-5, "epoch": epoch}) for epoch in epochs]
    lines[4:4] = [str({"eval_loss": 1.0, "epoch": 2.0})]
    log = olr.read_log(written(tmp_path, "\n".join(lines)), logging_steps=10)
    assert log.step.tolist() == [10, 20, 30, 40, 40, 10, 20, 30, 20, 30, 40, 10]


def test_a_table_to_which_a_second_run_was_appended(tmp_path):
    table = "epoch,loss,learning_rate\n" + "".join(f"{epoch},1.0,0.1\n" for epoch in (0, 1, 2, 0, 1))
    assert olr.read_log(written(tmp_path, table)).step.tolist() == [0, 1, 2, 0, 1]


def test_a_delayed_progress_bar_is_not_used(tmp_path):
    late = TRAINER_5.replace("| 20/1000", "| 19/1000")
    with pytest.raises(olr.ConfigError, match="rows have no step"):
        olr.read_log(written(tmp_path, late))


def test_epochs_are_used_as_steps_if_there_are_none(tmp_path):
    assert "the rows have no step: epochs are counted as steps" in olr.read_log(written(tmp_path, KERAS)).notes


def test_mmcv_counts_iterations_in_each_epoch(tmp_path):
    places = [(1, 50), (1, 100), (2, 50), (2, 100)]
    lines = [{"mode": "train", "epoch": epoch, "iter": count, "lr": 0.01, "loss": 1.0} for epoch, count in places]
    path = written(tmp_path, "\n".join(map(json.dumps, lines)))
    with pytest.raises(olr.ConfigError, match="--steps-per-epoch"):
        olr.read_log(path)
    assert olr.read_log(path, steps_per_epoch=120).step.tolist() == [50, 100, 170, 220]


@pytest.mark.parametrize("step", [-5, 10**400, 1e300, 2**31, 10.5, "x"])
def test_a_row_with_an_invalid_step_is_dropped(step):
    log = olr.read_log([{"step": 1, "loss": 2.0}, {"step": step, "loss": 1.0}, {"step": 2, "loss": 1.5}])
    assert log.step.tolist() == [1, 2]
    assert any("1 row left out" in note for note in log.notes)
