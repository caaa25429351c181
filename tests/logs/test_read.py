"""Complete and damaged logs of trainers and trackers are read; a file that is not a log is refused in one line."""

import json
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import optax_lr as olr
from optax_lr.logs import columns
from tests.auditing.runs import trained
from tests.logs.cases import STATE
from tests.wrong_types import wrong_types


def written(tmp_path, text, name="trainer_state.json"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    trainer = trained(
        folder, evaluate=True, warmup_steps=4, save_strategy="steps", save_steps=10, report_to="tensorboard"
    )
    return folder, trainer


def rates(log):
    told = np.isfinite(log.learning_rate)
    return log.step[told], log.learning_rate[told]


def test_the_state_of_a_real_trainer(run):
    folder, trainer = run
    log = olr.read_log(folder / "trainer_state.json")
    logged = [entry for entry in trainer.state.log_history if "learning_rate" in entry]
    step, rate = rates(log)
    assert step.tolist() == [entry["step"] for entry in logged]
    assert rate.tolist() == [entry["learning_rate"] for entry in logged]
    assert log.loss[np.isfinite(log.loss)].tolist() == [entry["loss"] for entry in logged]
    assert np.isfinite(log.eval_loss).sum() == 4
    assert (log.format, log.max_steps, log.header["global_step"]) == ("trainer_state", 20, 20)
    for same in (olr.read_log(folder), olr.read_log(trainer.state.log_history)):
        np.testing.assert_array_equal(same.learning_rate, log.learning_rate)
    checkpoint = olr.read_log(folder / "checkpoint-10")
    np.testing.assert_array_equal(checkpoint.step, log.step[: len(checkpoint)])


def test_a_folder_of_checkpoints_alone_gives_the_latest(run, tmp_path):
    folder, _ = run
    for number in (10, 20):
        (tmp_path / f"checkpoint-{number}").mkdir()
        state = (folder / f"checkpoint-{number}" / "trainer_state.json").read_text()
        (tmp_path / f"checkpoint-{number}" / "trainer_state.json").write_text(state)
    assert olr.read_log(tmp_path).step.max() == 20


def test_the_event_files_of_a_real_trainer(run):
    folder, trainer = run
    events = next(path for path in folder.rglob("*tfevents*"))
    log = olr.read_log(events.parent)
    step, rate = rates(log)
    logged = [entry for entry in trainer.state.log_history if "learning_rate" in entry]
    assert step.tolist() == [entry["step"] for entry in logged]
    np.testing.assert_array_equal(rate, np.float32([entry["learning_rate"] for entry in logged]))
    assert np.isfinite(log.eval_loss).sum() == 4
    found = olr.identify(step, rate, max_steps=20)
    assert found.precision == "float32"
    assert repr(found.schedule) == repr(olr.Linear(2e-4, 20, 4))


def test_event_files_of_other_loops(tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(tmp_path))
    for step in range(1, 11):
        writer.add_scalar("lr-AdamW/pg1", 1e-4 * step, step)
        writer.add_scalar("lr-AdamW/pg2", 1e-5 * step, step)
        writer.add_scalar("train_loss", 1 / step, step)
        writer.add_scalar("rewards/margins", 5.0, step)
    writer.close()
    log = olr.read_log(tmp_path)
    np.testing.assert_array_equal(log.learning_rate, np.float32(1e-4 * np.arange(1, 11)))
    np.testing.assert_array_equal(log.loss, np.float32(1 / np.arange(1, 11)))
    assert "several parameter groups: the first is read, not lr-AdamW/pg2" in log.notes


def test_nan_and_missing_numbers(tmp_path):
    log = olr.read_log(written(tmp_path, json.dumps(STATE)))
    assert log.step.tolist() == [10, 10, 20, 20][: len(log)]
    assert np.isnan(log.loss[1])
    assert not log.is_nan["loss"].any()
    assert log.is_nan["grad_norm"].tolist()[:3] == [False, False, True]
    assert 1.25 not in log.loss  # a mean over the run is no row of it
    assert log.max_steps == 20


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(json.dumps(STATE)) - 1), st.booleans())
def test_a_file_truncated_at_any_byte(tmp_path_factory, length, indented):
    text = json.dumps(STATE, indent=2 if indented else None)[:length]
    path = written(tmp_path_factory.mktemp("cut"), text)
    whole = json.dumps(STATE, indent=2 if indented else None)
    ends = [whole.index(end) for end in ('"step": 10', "2.4", '"loss": 0.0')]
    if length < whole.index("}", ends[0]):
        with pytest.raises(olr.ConfigError, match=r"^[^\n]*$"):
            olr.read_log(path)
    else:
        log = olr.read_log(path)
        assert len(log) >= 1 + sum(length > whole.index("}", end) for end in ends[1:])
        assert log.notes
        assert log.learning_rate[0] == 2e-4


def test_the_log_of_llamafactory(tmp_path):
    lines = [
        {"current_steps": 5, "total_steps": 15, "loss": 1.5, "lr": 1e-4, "epoch": 0.3, "percentage": 33.3, "elapsed_time": "0:00:01"},
        {"current_steps": 10, "total_steps": 15, "loss": 1.2, "lr": 5e-5, "epoch": 0.6},
        {"current_steps": 10, "total_steps": 15, "eval_loss": 1.3, "epoch": 0.6},
        {"current_steps": 15, "total_steps": 15, "epoch": 1.0},
    ]  # fmt: skip
    text = "\n".join(map(json.dumps, lines)) + '\n{"current_steps": 20, "los'
    log = olr.read_log(written(tmp_path, text, "trainer_log.jsonl"))
    assert log.format == "trainer_log"
    assert log.max_steps == 15
    assert log.learning_rate[:2].tolist() == [1e-4, 5e-5]
    assert log.eval_loss[2] == 1.3
    assert log.notes == ("1 line ignored: no JSON",)


def test_exports_of_trackers(tmp_path):
    wandb = (
        '"Step","run-7 - train/learning_rate","run-7 - train/learning_rate__MIN","run-7 - train/learning_rate__MAX"\n'
        '"10","0.0001","0.0001","0.0001"\n"20","NaN","",""\n"30","1e-05","1e-05","1e-05"\n'
    )
    log = olr.read_log(written(tmp_path, wandb, "wandb.csv"))
    assert log.step.tolist() == [10, 20, 30]
    np.testing.assert_array_equal(log.learning_rate, [1e-4, np.nan, 1e-5])
    history = (
        '{"_step": 3, "_runtime": 5.0, "train/global_step": 30, "train/learning_rate": 1e-4, "train/loss": "NaN"}\n'
    )
    log = olr.read_log(written(tmp_path, history, "history.jsonl"))
    assert log.step.tolist() == [30]
    assert log.is_nan["loss"].all()
    swanlab = "step,train/learning_rate,train/loss\n5,0.0002,1.5\n10,0.0001,1.25\n"
    log = olr.read_log(written(tmp_path, swanlab, "swanlab.csv"))
    assert log.loss.tolist() == [1.5, 1.25]
    several = "step,a - train/loss,b - train/loss\n1,1.0,2.0\n"
    assert "b - train/loss is ignored" in olr.read_log(written(tmp_path, several, "two.csv")).notes[0]


def test_columns_and_entries():
    log = olr.read_log({"step": np.arange(3), "lr": [1e-4, 5e-5, 0.0], "ignored": "text", "max_steps": 3})
    assert log.learning_rate.tolist() == [1e-4, 5e-5, 0.0]
    assert log.max_steps == 3
    assert olr.read_log([{"step": 1, "learning_rate": 5}, {"note": "x"}]).learning_rate.tolist() == [5.0]


def test_two_writers_are_noted(tmp_path):
    entries = [{"step": step, "learning_rate": 1e-4, "loss": 1.0} for step in (10, 20, 10, 20, 15)]
    log = olr.read_log(entries)
    assert log.step.tolist() == [10, 20, 10, 20, 15]
    assert "the steps go back 2 times" in log.notes[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("  \n", "the file is empty"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "this is a pointer of Git LFS"),
        ("<!doctype html><html></html>", "this is a web page or XML"),
        (b"PK\x03\x04", "this is an archive, or a file of torch.save"),
        (b"\x93NUMPY\x01\x00\xff\xfe", "this is neither text nor an event file of TensorBoard"),
        ('{"positions": [], "balance": 3}\n', "no usable rows"),
        ('{\n"positions": [], "balance": 3}', r"its keys are positions, balance\); give trainer_state\.json"),
        (":W&B\x01\x02", "W&B's own binary log; give files/output.log"),
        ('{"cells": [{"outputs": 3}], "nbformat": 4}', "this notebook is damaged; give trainer_state.json"),
        ('{\n"cells": [], "nbformat": 4}', "no usable rows"),
        ('{\n"log_history": []}', "no usable rows: no entry holds a learning rate"),
        ('[{"loss": 1.0}]', "its 1 rows have no step: give trainer_state.json"),
        ("a,b\n1,2\n", "this is not a known kind of log"),
        ("hello", "this is not a known kind of log"),
        ('{"log_history": [{"step": 1}, ' + "[" * 100_000, "nested too deeply"),
        ('{"log_history": [nonsense' + "x" * 5_000_000, "is not JSON"),
    ],
)  # fmt: skip
def test_files_that_are_not_logs(tmp_path, content, message):
    path = written(tmp_path, content)
    before = path.read_bytes()
    with pytest.raises(olr.ConfigError, match=message) as caught:
        olr.read_log(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


@wrong_types
def test_missing_files(tmp_path):
    with pytest.raises(olr.ConfigError, match="cannot be read: No such file"):
        olr.read_log(tmp_path / "nowhere.json")
    with pytest.raises(olr.ConfigError, match="no log is in this folder"):
        olr.read_log(tmp_path)
    with pytest.raises(olr.ConfigError, match="a column named step is needed"):
        olr.read_log({"loss": [1.0]})
    with pytest.raises(olr.ConfigError, match="must be of one length, not step 2, loss 1"):
        olr.read_log({"step": [1, 2], "loss": [1.0]})
    with pytest.raises(olr.ConfigError, match="each must be a mapping"):
        olr.read_log([3])


@pytest.mark.parametrize(
    "content",
    ['step,loss,lr\n1,2,"' + "\n" * 10**6 + '"\n', "step,lr\n1," + "2" * 5_000_000, "step,loss\n" + "\n" * 10**6],
)
def test_a_table_without_rows_is_refused_quickly(tmp_path, content):
    path = written(tmp_path, content)
    start = time.process_time()
    with pytest.raises(olr.ConfigError) as caught:
        olr.read_log(path)
    assert time.process_time() - start < 1
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "line", ['{"step": 1}', "Step 10 | no number", "{'loss': 1.0, 'learning_rate': 1e-4}", "event"]
)
def test_reading_has_a_time_limit(tmp_path, monkeypatch, line):
    monkeypatch.setattr(columns, "MOST_SECONDS", 0)
    if line == "event":
        from torch.utils.tensorboard import SummaryWriter

        writer = SummaryWriter(str(tmp_path))
        for step in range(5000):
            writer.add_scalar("no/column", 1.0, step)
        writer.close()
        path = tmp_path
    else:
        path = written(tmp_path, "Step 1 | loss:1.0 lr:1e-4\n" * 2 * (line[0] == "S") + f"{line}\n" * 5000)
    with pytest.raises(olr.ConfigError, match="reading takes more than 0 s of CPU time, which is the limit"):
        olr.read_log(path)


@pytest.mark.parametrize("form", ["state", "lines"])
def test_a_large_file_is_read_in_pieces(tmp_path, form):
    path = tmp_path / "large.json"
    entry = '{{"epoch": {0}, "grad_norm": 0.123456789, "learning_rate": 1.23456789e-05, "loss": 1.234567, "step": {0}, "text": "{1}"}}'
    rows = (entry.format(step, "x" * 400) for step in range(60_000))  # 33 MB
    with path.open("w") as file:
        file.write('{"best_metric": null, "log_history": [\n' if form == "state" else "")
        for number, row in enumerate(rows):
            file.write((",\n" if form == "state" and number else "") + row + ("" if form == "state" else "\n"))
        file.write('], "max_steps": 60000}' if form == "state" else "")
    tracemalloc.start()
    log = olr.read_log(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(log) == 60_000
    assert peak < 20e6 < path.stat().st_size


@pytest.mark.parametrize(
    ("end", "note"),
    [
        ("]}", ()),
        ('], "max_steps": 9}', ()),
        ("]", ("the file breaks off after its log",)),
        ("", ("the file breaks off; its complete entries are read",)),
    ],
)
def test_a_state_that_breaks_off_is_noted(tmp_path, end, note):
    rows = ", ".join(f'{{"step": {step}, "learning_rate": 1e-4, "loss": 1.0}}' for step in (1, 2, 3))
    path = tmp_path / "trainer_state.json"
    path.write_text(f'{{"log_history": [{rows}{end}')
    log = olr.read_log(path)
    assert (len(log), tuple(log.notes)) == (3, note)
