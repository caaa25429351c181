"""Every log format is recognised by its content and not by its name, complete or truncated, and refuses invalid logs."""

import json
import os
import threading

import numpy as np
import pytest

import optax_lr as olr
from optax_lr.logs import read
from optax_lr.logs.columns import MOST_ROWS, is_metric
from tests.logs.cases import KERAS, KNOWN, MEGATRON, TRAINER_4, TRAINER_5, written

NAN = float("nan")
COLUMNS = ("learning_rate", "loss", "eval_loss")


def test_every_format_has_a_case():
    assert {known.format for known in KNOWN.values()} == {format.name for format in read.FORMATS}


@pytest.mark.parametrize("name", KNOWN)
def test_a_format_is_recognised_and_read(tmp_path, name):
    text, format, steps, rates, losses, evaluations, max_steps = KNOWN[name]
    log = olr.read_log(written(tmp_path, text))
    assert (log.format, log.step.tolist(), log.max_steps) == (format, steps, max_steps)
    for column, values in ((log.learning_rate, rates), (log.loss, losses), (log.eval_loss, evaluations)):
        assert column[np.isfinite(column)].tolist() == values


@pytest.mark.parametrize("name", KNOWN)
def test_a_truncated_file_has_its_first_rows(tmp_path, name):
    """All rows except the last, whose numbers may be truncated too."""
    whole = olr.read_log(written(tmp_path, KNOWN[name].text))
    for length in np.linspace(1, len(KNOWN[name].text) - 1, 25).astype(int):
        try:
            log = olr.read_log(written(tmp_path, KNOWN[name].text[:length]))
        except olr.ConfigError as error:
            assert "\n" not in str(error)  # noqa: PT017
            continue
        rows = len(log) - 1
        assert log.step[:rows].tolist() == whole.step[:rows].tolist()
        for column in COLUMNS:
            np.testing.assert_array_equal(getattr(log, column)[:rows], getattr(whole, column)[:rows])


@pytest.mark.parametrize("name", KNOWN)
def test_a_log_survives_conversion_to_entries(name, tmp_path):
    log = olr.read_log(written(tmp_path, KNOWN[name].text))
    entries = [
        {"step": int(step)} | {key: value for key, value in zip(COLUMNS, values, strict=True) if np.isfinite(value)}
        for step, *values in zip(log.step, *(getattr(log, column) for column in COLUMNS), strict=True)
    ]
    again = olr.read_log(entries)
    rows = np.array([len(entry) > 1 for entry in entries])  # an entry without a number is no row
    assert again.step.tolist() == log.step[rows].tolist()
    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(again, column), getattr(log, column)[rows])


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


def test_results_of_yolo(tmp_path):
    names = ["epoch", "train/box_loss", "train/cls_loss", "metrics/mAP_0.5", "val/box_loss", "x/lr0", "x/lr1", "x/lr2"]
    rows = [[0, 0.5, 0.25, 0.1, 1.5, 1e-4, 1e-4, 0.1], [1, 0.25, 0.125, 0.2, 1.25, 2e-4, 2e-4, 0.05]]
    text = "\n".join(",".join(f"{cell:>20}" for cell in row) for row in [names, *rows])
    log = olr.read_log(written(tmp_path, text))
    assert log.step.tolist() == [0, 1]
    assert log.learning_rate.tolist() == [1e-4, 2e-4]
    assert log.loss.tolist() == [0.75, 0.375]
    assert log.eval_loss.tolist() == [1.5, 1.25]
    assert log.writer == "ultralytics"
    assert [note for note in log.notes if "group" in note] == ["several parameter groups: the first is read, not x/lr2"]
    assert "the loss is the sum of train/box_loss, train/cls_loss" in log.notes
    alike = text.replace("x/lr", "lr/pg").replace(" 0.1\n", " 0.0001\n").replace("0.05", "0.0002")
    assert not any("group" in note for note in olr.read_log(written(tmp_path, alike)).notes)


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


def test_names_of_evaluation_metrics():
    assert all(map(is_metric, ("eval_wer", "metrics/mAP50(B)", "val_accuracy", "eval/rewards/accuracies")))
    assert not any(map(is_metric, ("eval_loss", "eval_runtime", "loss")))
