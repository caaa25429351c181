"""The monitor: the target programs can read its output, and no failure in its thread reaches the loop."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import resource
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from hypothesis import given, strategies as st

import optax_lr as olr
from optax_lr.monitor import channel
from optax_lr.monitor.sinks import Callback, named
from optax_lr.monitor.warn_once import WarnOnce
from tests.wrong_types import wrong_types

SCHEDULE = olr.Cosine(1e-2, max_steps=40, warmup_steps=5)


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def until(condition, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.01)


def warnings_of(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "optax_lr"]


# What is in a row


@given(st.lists(st.none() | st.integers(0, 25), max_size=12), st.integers(1, 12), st.integers(0, 30))
def test_a_row_has_the_exact_mean_of_the_losses_since_the_last_row(sizes, every, start):
    """None means a single loss, and a number an array of that many losses. Sums of small integers are exact."""
    count = sum(1 if size is None else size for size in sizes)
    losses = np.arange(count, dtype=np.float32) ** 2 % 97
    rows: list[dict] = []
    with olr.Monitor(schedule=lambda k: k, logging_steps=every, step=start, report_to=rows.append) as monitor:
        place = 0
        for size in sizes:
            part = losses[place] if size is None else losses[place : place + size]
            monitor(part, grad_norm=part * 2)
            place += 1 if size is None else size
    updates = range(start + 1, start + count + 1)
    ends = [step for step in updates if step % every == 0 or step == updates[-1]]
    begins = [start, *ends][: len(ends)]
    assert [row["step"] for row in rows] == ends
    for row, begin, end in zip(rows, begins, ends, strict=True):
        part = losses[begin - start : end - start]
        mean = float(part.sum()) / len(part)
        assert row == {"step": end, "loss": mean, "learning_rate": end - 1, "grad_norm": 2 * part[-1]}


def test_a_row_has_the_rate_of_its_update():
    """Compared with the parameters: SGD with a constant gradient changes them by exactly the rate."""
    from_schedule, ours, injected = [], [], []
    optimizers = {
        "ours": olr.inject_schedules(optax.sgd)(SCHEDULE),
        "injected": optax.inject_hyperparams(optax.sgd)(learning_rate=SCHEDULE),
    }
    moved = []
    made = {"plain": (SCHEDULE, from_schedule), "ours": (None, ours), "injected": (None, injected)}
    with contextlib.ExitStack() as stack:
        monitors = {
            name: stack.enter_context(olr.Monitor(schedule=schedule, logging_steps=4, report_to=rows.append))
            for name, (schedule, rows) in made.items()
        }
        for name, optimizer in optimizers.items():
            params, state = jnp.zeros(()), optimizer.init(jnp.zeros(()))
            update = jax.jit(optimizer.update, donate_argnums=1)  # the state's arrays are gone after the next step
            for _ in range(14):
                updates, state = update(jnp.ones(()), state)
                params = params + updates
                monitors[name](params, state=state)
                if name == "ours":
                    monitors["plain"](params)
                    moved.append(-float(updates))
    steps = [4, 8, 12, 14]
    for rows in (from_schedule, ours, injected):
        assert [row["step"] for row in rows] == steps
        rates = [row["learning_rate"] for row in rows if "learning_rate" in row]
        assert len(rates) == 4 if rows is from_schedule else len(rates) == 3  # a state is read when a row is due
        assert np.array(rates, np.float32).tolist() == [moved[step - 1] for step in steps][: len(rates)]


def test_rows_equal_those_of_a_trainer(tmp_path, compared):
    """The same rates at the same steps as a real Trainer logs, the same mean of its losses, and its names in TensorBoard."""
    import torch
    import transformers
    from transformers.integrations.integration_utils import rewrite_logs

    from tests.tiny import Data, Model

    torch.manual_seed(0)
    losses = []

    class Trainer(transformers.Trainer):
        def training_step(self, *arguments, **keywords):
            loss = super().training_step(*arguments, **keywords)
            losses.append(float(loss))
            return loss

    arguments = transformers.TrainingArguments(
        str(tmp_path), max_steps=12, logging_steps=3, warmup_steps=4, lr_scheduler_type="cosine", learning_rate=0.1,
        per_device_train_batch_size=1, report_to=[], use_cpu=True, disable_tqdm=True, save_strategy="no",
        eval_strategy="steps", eval_steps=6,
    )  # fmt: skip
    trainer = Trainer(Model(), arguments, train_dataset=Data(20), eval_dataset=Data(4))
    trainer.train()
    theirs = [row for row in trainer.state.log_history if "loss" in row or "eval_loss" in row]
    evaluated = {row["step"]: row["eval_loss"] for row in theirs if "eval_loss" in row}

    ours: list[dict] = []
    schedule = olr.Cosine(0.1, max_steps=12, warmup_steps=4)
    with olr.Monitor(schedule=schedule, logging_steps=3, report_to=ours.append) as monitor:
        for step, loss in enumerate(losses, 1):
            monitor(loss)
            if step in evaluated:
                monitor(eval_loss=evaluated[step])
    assert [(row["step"], "eval_loss" in row) for row in ours] == [(row["step"], "eval_loss" in row) for row in theirs]
    for row, their in zip(ours, theirs, strict=True):
        if "loss" in row:
            assert row["learning_rate"] == pytest.approx(their["learning_rate"], rel=1e-6)
            assert row["loss"] == pytest.approx(float(their["loss"]), rel=1e-3, abs=1e-4)  # it rounds to 4 digits
            compared("transformers", 2)
        else:
            assert row["eval_loss"] == their["eval_loss"]
    logs = {"loss": 1.0, "learning_rate": 2.0, "eval_loss": 3.0, "grad_norm": 4.0, "epoch": 5.0}
    assert named({"step": 1, **logs}) == rewrite_logs(logs)


def test_tensorboard_reads_the_event_file(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with olr.Monitor(tmp_path, schedule=SCHEDULE, logging_steps=5, report_to=("tensorboard", "jsonl")) as monitor:
        for step in range(20):
            monitor(jnp.float32(1 / (step + 1)), grad_norm=jnp.bfloat16(step))
            if step == 9:
                monitor(eval_loss=np.float32(0.25), eval_accuracy=0.5)
    events = EventAccumulator(str(tmp_path)).Reload()
    tags = ["train/loss", "train/learning_rate", "train/grad_norm", "eval/loss", "eval/accuracy"]
    assert sorted(events.Tags()["scalars"]) == sorted(tags)
    rows = lines(tmp_path)
    assert [row["step"] for row in rows] == [5, 10, 10, 15, 20]
    for tag in tags:
        name = tag.replace("train/", "").replace("eval/", "eval_")
        there = [(row["step"], np.float32(row[name])) for row in rows if name in row]
        assert [(event.step, np.float32(event.value)) for event in events.Scalars(tag)] == there
        assert all(abs(event.wall_time - time.time()) < 60 for event in events.Scalars(tag))
    exact = [float(SCHEDULE(step - 1)) for step in (5, 10, 15, 20)]
    assert [event.value for event in events.Scalars("train/learning_rate")] == exact


def test_an_audit_identifies_the_schedule(tmp_path):
    with olr.Monitor(tmp_path, schedule=SCHEDULE, logging_steps=2, report_to=("jsonl", "tensorboard")) as monitor:
        for step in range(40):
            monitor(jnp.float32(3 - step / 20), grad_norm=jnp.float32(step) / 3, epoch=step / 10)
            if step % 10 == 9:
                monitor(eval_loss=1 / (step + 1), epoch=step / 10)
        monitor(jnp.nan)
    log = olr.read_log(tmp_path / "log.jsonl")
    for name in ("step", "learning_rate", "loss", "grad_norm", "eval_loss", "epoch"):
        np.testing.assert_array_equal(getattr(log, name), getattr(monitor.log, name))
    assert log.is_nan["loss"].tolist() == monitor.log.is_nan["loss"].tolist() == [False] * 24 + [True]
    assert log.notes == ()
    (events,) = tmp_path.glob("*tfevents*")
    np.testing.assert_array_equal(olr.read_log(tmp_path).loss, log.loss)
    for found in (log, olr.read_log(events)):
        (segment,) = olr.identify(found.step, found.learning_rate).segments
        (answer,) = segment.answers
        assert repr(answer.schedule) == repr(SCHEDULE)


# In loops


def test_a_flax_loop(tmp_path):
    model = nnx.Linear(3, 1, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, olr.inject_schedules(optax.adamw)(SCHEDULE), wrt=nnx.Param)

    @nnx.jit
    def train_step(model, optimizer, inputs):
        loss, gradients = nnx.value_and_grad(lambda model: ((model(inputs) - 1) ** 2).mean())(model)
        optimizer.update(model, gradients)
        return loss, optax.tree.get(nnx.as_pure(optimizer.opt_state), "learning_rate"), optax.tree.norm(gradients)

    seen = []
    with olr.Monitor(tmp_path, logging_steps=4) as monitor:
        for step in range(12):
            loss, rate, norm = train_step(model, optimizer, jnp.ones((4, 3)) * step)
            monitor(loss, learning_rate=rate, grad_norm=norm, epoch=step / 4)
            monitor_state = nnx.as_pure(optimizer.opt_state)
            seen.append((float(loss), float(norm)))
        with olr.Monitor(logging_steps=1, step=11, report_to=(rows := []).append) as other:
            other(loss, state=monitor_state)
    assert [row["step"] for row in lines(tmp_path)] == [4, 8, 12]
    for row in lines(tmp_path):
        step = row["step"]
        assert np.float32(row["learning_rate"]) == SCHEDULE(step - 1)
        assert row["loss"] == pytest.approx(np.mean([loss for loss, _ in seen[step - 4 : step]], dtype=np.float64))
        assert row["grad_norm"] == pytest.approx(seen[step - 1][1])
        assert row["epoch"] == (step - 1) / 4
    assert rows[0]["learning_rate"] == lines(tmp_path)[-1]["learning_rate"]


def test_every_group_has_its_own_column(caplog):
    sgd = olr.inject_schedules(optax.sgd)
    groups = {"head": sgd(SCHEDULE), "body": sgd(SCHEDULE * 0.5)}
    params, labels = {"x": jnp.ones(()), "y": jnp.ones(())}, {"x": "head", "y": "body"}
    factors = optax.chain(sgd(SCHEDULE), olr.scale_by_group({"head": 1.0, "body": 0.5}, labels))
    for optimizer in (optax.partition(groups, labels), factors):
        rows: list[dict] = []
        state = optimizer.init(params)
        update = jax.jit(optimizer.update, donate_argnums=1)
        with olr.Monitor(report_to=rows.append, logging_steps=2) as monitor:
            for _ in range(4):
                _, state = update(params, state, params)
                monitor(jnp.float32(1.0), state=state)
        assert [row["step"] for row in rows] == [2, 4]
        for row in rows:
            assert row["learning_rate/head"] == pytest.approx(SCHEDULE(row["step"] - 1))
            assert row["learning_rate/body"] == pytest.approx(SCHEDULE(row["step"] - 1) / 2)
    assert warnings_of(caplog) == []


def test_an_nnx_optimizer_is_accepted_as_a_state():
    optimizer = nnx.Optimizer(nnx.Linear(3, 1, rngs=nnx.Rngs(0)), olr.inject_schedules(optax.sgd)(0.5), wrt=nnx.Param)
    rows: list[dict] = []
    with olr.Monitor(report_to=rows.append, logging_steps=1) as monitor:
        monitor(1.0, state=optimizer)
        monitor(1.0, state=optimizer.opt_state)
    assert [row["learning_rate"] for row in rows] == [0.5, 0.5]


@pytest.mark.parametrize("from_state", [False, True])
def test_updates_are_counted_under_multi_steps(from_state, caplog):
    """One call for each micro-step: at micro-step 12 of 40 with k = 4, three updates are done, the last at schedule(2)."""
    schedule = olr.Linear(1e-3, max_steps=10)
    optimizer = optax.MultiSteps(olr.inject_schedules(optax.sgd)(schedule), 4)
    state, rows = optimizer.init(jnp.ones(2)), []
    with olr.Monitor(schedule=schedule, report_to=rows.append, logging_steps=1, accumulation_steps=4) as monitor:
        for call in range(40):
            _, state = optimizer.update(jnp.ones(2), state, jnp.ones(2))
            monitor(jnp.float32(40 - call), **({"state": state} if from_state else {}))
        monitor(eval_loss=0.5)
    assert monitor.step == 10
    assert [row["step"] for row in rows] == [*range(1, 11), 10]
    np.testing.assert_allclose([row["learning_rate"] for row in rows[:10]], schedule(np.arange(10)), rtol=1e-6)
    assert rows[2]["learning_rate"] == pytest.approx(8e-4)
    assert [row["loss"] for row in rows[:10]] == [38.5 - 4 * i for i in range(10)]
    assert warnings_of(caplog) == []
    with olr.Monitor(report_to=(), logging_steps=1) as monitor:
        monitor(1.0, state=state)
    (told,) = warnings_of(caplog)
    assert "of optax.MultiSteps: pass accumulation_steps=k" in told


def wandb_records(path):
    """The records of a W&B file: LevelDB's log format, blocks of 32 KiB behind a header of 7 bytes."""
    data, at, parts = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        length, kind = struct.unpack("<HB", data[at + 4 : at + 7])
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


@pytest.mark.filterwarnings("default")  # of W&B's own imports
def test_wandb_in_offline_mode(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    from wandb.proto.wandb_internal_pb2 import Record

    monkeypatch.setenv("WANDB_SILENT", "true")
    with olr.Monitor(tmp_path, schedule=SCHEDULE, logging_steps=5, report_to=("wandb", "jsonl")) as monitor:
        assert wandb.run.offline
        monitor(np.linspace(2.0, 1.0, 20))
        monitor(eval_loss=0.25)
    assert wandb.run is None
    assert monitor.lost == {}
    (path,) = tmp_path.rglob("*.wandb")
    records: list[Record] = []

    def complete():  # a process of W&B's own writes the file
        records[:] = [Record.FromString(data) for data in wandb_records(path)]
        return any(record.HasField("exit") for record in records)

    until(complete, seconds=30)
    found: dict[int, dict] = {}
    for record in records:
        items = {(*item.nested_key, item.key)[0]: json.loads(item.value_json) for item in record.history.item}
        found.setdefault(items.get("_step", -1), {}).update(items)
    expected = [(row["step"], name, value) for row in lines(tmp_path) for name, value in named(row).items()]
    assert len(expected) == 9
    for step, name, value in expected:
        assert found[step][name] == pytest.approx(value, rel=1e-12)


def test_scanned_epochs_and_single_steps_give_the_same_rows():
    optimizer = olr.inject_schedules(optax.sgd)(SCHEDULE)

    def update(carry, _):
        params, state = carry
        loss, gradient = jax.value_and_grad(lambda x: (x - 3) ** 2)(params)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(params, updates), state), (loss, optax.tree.get(state, "learning_rate"))

    start = (jnp.zeros(()), optimizer.init(jnp.zeros(())))
    single, scanned = [], []
    with (
        olr.Monitor(report_to=single.append, logging_steps=6) as one,
        olr.Monitor(report_to=scanned.append, logging_steps=6) as two,
    ):
        carry, step = start, jax.jit(update)
        for _ in range(30):
            carry, (loss, rate) = step(carry, None)
            one(loss, learning_rate=rate)
        carry, epoch = start, jax.jit(lambda carry: jax.lax.scan(update, carry, length=15))
        for _ in range(2):
            carry, (losses, rates) = epoch(carry)
            two(losses, learning_rate=rates)
    assert single == [pytest.approx(row, rel=1e-6) for row in scanned]
    assert len(single) == 5


def test_a_call_does_not_wait_for_the_device():
    slow = jax.jit(lambda x: jax.lax.fori_loop(0, 200, lambda _, y: jnp.tanh(y @ y), x).sum())
    inputs = jnp.ones((400, 400)) / 400
    jax.block_until_ready(slow(inputs))
    rows: list[dict] = []
    with olr.Monitor(report_to=rows.append, logging_steps=1) as monitor:
        loss = slow(inputs)
        monitor(loss)
        assert not loss.is_ready()
        assert rows == []
    assert rows == [{"step": 1, "loss": float(loss)}]


def test_steps_that_the_loop_counts_itself():
    rows: list[dict] = []
    with olr.Monitor(report_to=rows.append, schedule=lambda k: k, step=100) as monitor:
        for step in (104, 108, 112, 116):  # one call for four updates
            monitor(1.0, step=step)
    assert [(row["step"], row["learning_rate"]) for row in rows] == [(112, 111), (116, 115)]


# Findings


def test_a_divergence_is_reported_during_the_run(caplog):
    found = []
    with olr.Monitor(report_to=(), schedule=olr.Constant(0.1), logging_steps=1, on_finding=found.append) as monitor:
        for step in range(60):
            monitor(2.0 + step / 4)
        until(lambda: found)
        assert [finding.code for finding in monitor.findings] == ["LR301"]
        for step in range(60, 90):
            monitor(2.0 + step / 4)
        monitor(jnp.nan)
        until(lambda: len(found) > 1)
    assert [finding.code for finding in found] == ["LR301", "LR302"]  # each once
    assert found == list(monitor.findings)
    told = warnings_of(caplog)
    assert len(told) == 2
    assert told[0].startswith("monitor: LR301 error: the loss rises")
    assert monitor.log.is_nan["loss"].tolist() == [False] * 90 + [True]


def test_a_healthy_run_has_no_findings_and_is_checked_at_its_end(caplog):
    random = np.random.default_rng(0)
    healthy = 2 * np.exp(-np.arange(300) / 60) + 1 + random.normal(scale=0.02, size=300)
    flat = 2 + random.normal(scale=0.002, size=300)
    for losses, max_steps, codes in ((healthy, 300, []), (flat, 300, ["LR309"]), (flat, 3000, []), (flat, None, [])):
        with olr.Monitor(report_to=(), schedule=olr.Constant(1e-3), max_steps=max_steps, logging_steps=1) as monitor:
            monitor(losses)
        assert [finding.code for finding in monitor.findings] == codes
    assert len(warnings_of(caplog)) == 1


def test_a_jump_of_the_rate_is_reported_unless_it_was_planned():
    restarts = olr.CosineWithRestarts(1e-2, max_steps=100, num_cycles=2)
    for schedule, codes in ((restarts, []), (None, ["LR305"]), (olr.Cosine(1e-2, max_steps=100), ["LR305"])):
        with olr.Monitor(report_to=(), schedule=schedule, logging_steps=1) as monitor:
            monitor(1 + np.exp(-np.arange(100) / 10), learning_rate=restarts(np.arange(100)))
        assert [finding.code for finding in monitor.findings] == codes


# What fails


def test_a_callable_that_raises_or_hangs_does_not_stop_the_loop(tmp_path, caplog):
    free = threading.Event()
    calls = []

    def raises(row):
        calls.append(dict(row))
        row.clear()  # it is the callable's own
        raise KeyError("loss")

    def hangs(row):
        free.wait()

    monitor = olr.Monitor(tmp_path, report_to=(raises, hangs, "jsonl", "tensorboard"), logging_steps=1)
    for step in range(50):
        monitor(float(step))
    start = time.monotonic()
    monitor.close(timeout=0.5)
    assert time.monotonic() - start < 5
    free.set()
    assert len(calls) == len(lines(tmp_path)) == 50
    assert monitor.lost["raises"] == 50
    told = [line for line in warnings_of(caplog) if "LR3" not in line]
    assert told == [
        "monitor: raises: KeyError: 'loss'; the run continues; further failures are not logged",
        "monitor: raises: 50 rows were not written",
        "monitor: hangs hangs and was abandoned",
        "monitor: hangs: 50 rows were not written",
    ]
    with pytest.raises(RuntimeError, match="closed"):
        monitor(1.0)


def test_rows_for_a_sink_that_hangs_are_dropped_and_counted(monkeypatch, caplog):
    monkeypatch.setattr(channel, "MOST_WAITING", 3)
    free, got = threading.Event(), []
    one = channel.Channel(Callback(lambda row: (free.wait(), got.append(row))), WarnOnce())
    start = time.monotonic()
    for number in range(100):
        one.put([number])
    assert time.monotonic() - start < 1
    free.set()
    one.finish()
    one.close(time.monotonic() + 5)
    assert len(got) + one.lost == 100
    assert len(got) in (3, 4)
    assert warnings_of(caplog) == [
        "monitor: <lambda>: is too slow: its queue is full, and rows are lost; the run continues; further failures are not logged",
        f"monitor: <lambda>: {one.lost} rows were not written",
    ]


@contextlib.contextmanager
def largest_file(size: int):
    """The system refuses to make a file larger, as a full disk does; SIGXFSZ is ignored by Python."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_files_that_cannot_grow_are_complete_and_continue_once_they_can(tmp_path, caplog):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    rows: list[dict] = []
    with olr.Monitor(tmp_path, report_to=("jsonl", "tensorboard", rows.append), logging_steps=1) as monitor:
        with largest_file(1000):
            for step in range(100):
                monitor(200.0 - step)
                time.sleep(0.005)
            until(lambda: len(rows) == 100 and len(warnings_of(caplog)) == 2)
            seen = [""]
            # A write that fails is taken back: a half line is there for a moment, and then it is not.
            until(lambda: seen.append((tmp_path / "log.jsonl").read_text()) or seen[-1].endswith("\n"))
            there = [json.loads(line) for line in seen[-1].splitlines()]
            assert 0 < len(there) < 100
        monitor(100.0)
    assert [row["loss"] for row in lines(tmp_path)] == list(range(200, 99, -1))
    events = EventAccumulator(str(tmp_path), size_guidance={"scalars": 0}).Reload()
    assert [event.value for event in events.Scalars("train/loss")] == list(range(200, 99, -1))
    assert monitor.lost == {}
    assert all("File too large" in line and line.endswith("not logged") for line in warnings_of(caplog))


def test_rows_that_a_file_never_takes_are_counted(tmp_path):
    rows: list[dict] = []
    with largest_file(1000), olr.Monitor(tmp_path, report_to=("jsonl", rows.append), logging_steps=1) as monitor:
        for part in np.arange(40.0).reshape(4, 10):
            monitor(part)
            until(lambda last=part[-1]: rows and rows[-1]["loss"] == last)
    written = [row["loss"] for row in lines(tmp_path)]
    assert written == list(range(len(written)))
    assert 0 < len(written) == 40 - monitor.lost["jsonl"] < 40


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_pending_rows_are_written_when_the_loop_ends_early(tmp_path, error):
    def train():
        with olr.Monitor(tmp_path, logging_steps=10) as monitor:
            for step in range(100):
                monitor(jnp.float32(step))
                if step == 24:
                    raise error

    with pytest.raises(error):
        train()
    assert [(row["step"], row["loss"]) for row in lines(tmp_path)] == [(10, 4.5), (20, 14.5), (25, 22.0)]


def test_a_program_that_never_closes_it_and_one_that_resumes(tmp_path):
    program = (
        "import sys, optax_lr as olr\nm = olr.Monitor(sys.argv[1], step=int(sys.argv[2]))\nfor _ in range(25): m(1.0)"
    )
    for start in (0, 20):
        subprocess.run(
            [sys.executable, "-c", program, tmp_path, str(start)], check=True, env=os.environ | {"JAX_PLATFORMS": "cpu"}
        )
        if start == 0:
            with open(tmp_path / "log.jsonl", "a") as file:
                file.write('{"step": 3')  # as a kill leaves it
    found = (tmp_path / "log.jsonl").read_text().splitlines()
    assert found.pop(3) == '{"step": 3'
    assert [json.loads(line)["step"] for line in found] == [10, 20, 25, 30, 40, 45]


def donated():
    rate = jnp.float32(0.5) + 1
    jax.jit(lambda x: x + 1, donate_argnums=0)(rate)
    assert rate.is_deleted()
    return rate


FAILURES = {
    "a rate that was donated": (
        {"logging_steps": 1},
        [(2.0, {"learning_rate": donated}), (2.0, {"learning_rate": "high"}), (2.0, {"learning_rate": 0.5})],
        [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 2.0}, {"step": 3, "loss": 2.0, "learning_rate": 0.5}],
        "learning_rate: RuntimeError: Array has been deleted",
    ),
    "a schedule that raises": (
        {"schedule": lambda step: 1 / (step - 9)},
        [(np.ones(20), {})],
        [{"step": 10, "loss": 1.0}, {"step": 20, "loss": 1.0, "learning_rate": 0.1}],
        "schedule: ZeroDivisionError: division by zero; the run continues; further failures are not logged",
    ),
    "a loss that is not a number": (
        {"logging_steps": 2},
        [(loss, {}) for loss in (1.0, 2.0, "high", 4.0, 5.0)],
        [{"step": 2, "loss": 1.5}, {"step": 4, "loss": 4.0}, {"step": 5, "loss": 5.0}],
        "loss: ValueError",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_value_that_cannot_be_read_is_reported_once_and_omitted(name, caplog):
    settings, calls, expected, warning = FAILURES[name]
    rows: list[dict] = []
    with olr.Monitor(report_to=rows.append, **settings) as monitor:
        for loss, metrics in calls:
            monitor(loss, **{key: value() if callable(value) else value for key, value in metrics.items()})
    assert rows == expected
    (told,) = warnings_of(caplog)
    assert told.startswith(f"monitor: {warning}")


@wrong_types
@pytest.mark.parametrize(
    ("settings", "error", "told"),
    [
        ({"logging_steps": 0}, ValueError, "logging_steps must be at least 1, not 0"),
        ({"report_to": "tensorbord"}, ValueError, "did you mean 'tensorboard'?"),
        ({"report_to": ["jsonl"]}, ValueError, "needs a folder"),
        ({"schedule": olr.reduce_on_plateau(SCHEDULE)}, TypeError, "pass state="),
        ({"schedule": olr.Cosine([1e-2, 1e-3], max_steps=10)}, ValueError, "the schedule is a batch"),
        ({"schedule": 1e-3}, TypeError, "olr.Constant"),
    ],
)
def test_bad_settings_raise_an_error_of_one_line(settings, error, told):
    with pytest.raises(error, match="Monitor: ") as caught:
        olr.Monitor(**settings)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@wrong_types
def test_bad_calls_raise_an_error_of_one_line():
    with olr.Monitor(report_to=()) as monitor:
        with pytest.raises(ValueError, match=r"loss \(2, 2\)"):
            monitor(np.ones((2, 2)))
        with pytest.raises(ValueError, match=r"grad_norm \(3,\)"):
            monitor(np.ones(2), grad_norm=np.ones(3))
        with pytest.raises(TypeError, match="Python int"):
            monitor(1.0, step=jnp.int32(3))
        with pytest.raises(TypeError, match="inside jit"):
            jax.jit(monitor.__call__)(1.0)


def test_unused_outputs_are_not_imported():
    program = "import sys, optax_lr as olr; olr.Monitor(report_to=()); print(sorted({'tensorboard', 'swanlab', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_logging_is_by_the_standard_library(tmp_path, capsys):
    logging.getLogger("optax_lr").setLevel(logging.ERROR)
    try:
        with olr.Monitor(report_to=print, logging_steps=1) as monitor:
            monitor(np.full(30, np.nan))
    finally:
        logging.getLogger("optax_lr").setLevel(logging.NOTSET)
    assert [finding.code for finding in monitor.findings] == ["LR302"]
    assert capsys.readouterr().out.count("nan") == 30
