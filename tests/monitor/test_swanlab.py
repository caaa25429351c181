"""The monitor and SwanLab: its own reader finds every row, and Ctrl+C ends the run after the last row."""

from __future__ import annotations

import contextlib
import json
import signal

import jax.numpy as jnp
import pytest

import optax_lr as olr
from optax_lr.monitor.sinks import named

SCHEDULE = olr.Cosine(1e-2, max_steps=40, warmup_steps=5)


@pytest.mark.filterwarnings("default")  # of SwanLab's own imports
def test_swanlab_in_offline_mode(tmp_path):
    swanlab = pytest.importorskip("swanlab", reason="SwanLab asks for an older protobuf than TensorBoard's newest")
    from swanlab.proto.swanlab.record.v1.record_pb2 import Record
    from swanlab.sdk.internal.core_python.store import DataStoreReader

    handler = signal.getsignal(signal.SIGINT)
    with (
        contextlib.suppress(KeyboardInterrupt),
        olr.Monitor(tmp_path, schedule=SCHEDULE, logging_steps=5, report_to=("swanlab", "jsonl")) as monitor,
    ):
        assert swanlab.has_run()
        for step in range(20):
            monitor(jnp.float32(1 / (step + 1)))
        monitor(eval_loss=0.25)
        signal.raise_signal(signal.SIGINT)
    assert not swanlab.has_run()
    assert signal.getsignal(signal.SIGINT) is handler
    assert monitor.lost == {}
    reader = DataStoreReader()
    (path,) = tmp_path.rglob("*.swanlab")
    reader.open(path)
    records = [Record.FromString(data) for data in reader]
    reader.close()
    scalars = [record.scalar for record in records if record.HasField("scalar")]
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    expected = sorted((name, row["step"], value) for row in rows for name, value in named(row).items())
    found = sorted((scalar.key, scalar.step, scalar.value.number) for scalar in scalars)
    assert [entry for entry in found if entry[0].startswith(("train/", "eval/"))] == expected
