"""Limits of size, and files that must not be opened."""

import json
import os
import threading

import pytest

import optax_lr as olr
from optax_lr.logs.columns import MOST_ROWS
from tests.logs.cases import MEGATRON, written


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
