"""Threads and forks: sinks that raise anything, states without a rate, first use from many threads, forked children."""

import asyncio
import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lr as olr

HERE = Path(__file__).parents[2]


class UnprintableError(Exception):
    def __str__(self):
        raise SystemExit


@pytest.mark.parametrize(
    "error",
    [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError(), BaseException("x"), UnprintableError(), MemoryError(), OSError("\x1b[31m")],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_a_sink_may_raise_anything(error, caplog):
    good: list[dict] = []

    def sink(row):
        raise error

    with olr.Monitor(schedule=olr.Constant(1.0), logging_steps=1, report_to=(sink, good.append)) as monitor:
        for _ in range(50):
            monitor(1.0)
        deadline = time.monotonic() + 10
        while not monitor.lost and time.monotonic() < deadline:
            time.sleep(0.01)
        for _ in range(50):
            monitor(1.0)
    assert monitor.lost == {"sink": 100}
    assert len(good) == 100
    warnings = [record.getMessage() for record in caplog.records]
    assert len(warnings) == 2
    assert warnings[0].startswith(f"monitor: sink: {type(error).__name__}")
    assert warnings[1] == "monitor: sink: 100 rows were not written"
    assert all(warning.isprintable() for warning in warnings)


def test_on_finding_may_raise_anything():
    def raises(finding):
        raise SystemExit

    rows: list[dict] = []
    with olr.Monitor(logging_steps=1, report_to=rows.append, on_finding=raises) as monitor:
        monitor(np.full(30, np.nan))
    assert len(rows) == 30
    assert [finding.code for finding in monitor.findings] == ["LR302"]


def test_a_handler_of_the_logger_may_raise():
    class Handler(logging.Handler):
        def emit(self, record):
            raise ValueError

    def sink(row):
        raise ValueError

    handler = Handler()
    logging.getLogger("optax_lr").addHandler(handler)
    try:
        with olr.Monitor(logging_steps=1, report_to=sink) as monitor:
            monitor(np.ones(3))
    finally:
        logging.getLogger("optax_lr").removeHandler(handler)
    assert monitor.lost == {"sink": 3}


def _broken():
    class Broken:
        def __float__(self):
            raise SystemExit

    return Broken()


def test_a_loss_or_a_schedule_may_raise_anything():
    def schedule(step):
        raise SystemExit

    rows: list[dict] = []
    with olr.Monitor(schedule=schedule, logging_steps=1, report_to=rows.append) as monitor:
        monitor(1.0)
        monitor(1.0, other=_broken())
        monitor(2.0)
    assert rows == [{"step": 1, "loss": 1.0}, {"step": 2, "loss": 1.0}, {"step": 3, "loss": 2.0}]


def _donated():
    state = olr.inject_schedules(optax.sgd)(olr.Linear(1.0, 9)).init(jnp.ones(2))
    for leaf in [leaf for leaf in __import__("jax").tree.leaves(state) if hasattr(leaf, "delete")]:
        leaf.delete()
    return state


STATES = {
    "no rate": lambda: optax.adam(1e-3).init(jnp.ones(2)),
    "donated": _donated,
    "a number": lambda: 3,
    "text": lambda: "state",
    "an object": object,
    "None inside": lambda: (None, [None]),
    "unsortable": lambda: {1: 2, "a": 3},
}  # fmt: skip


@pytest.mark.parametrize("name", STATES)
def test_no_state_stops_the_loop(name, caplog):
    rows: list[dict] = []
    state = STATES[name]()
    with olr.Monitor(schedule=olr.Constant(0.5), logging_steps=2, report_to=rows.append) as monitor:
        for _ in range(4):
            monitor(1.0, state=state)
    assert rows == [{"step": 2, "loss": 1.0, "learning_rate": 0.5}, {"step": 4, "loss": 1.0, "learning_rate": 0.5}]
    assert [record.getMessage() for record in caplog.records if "state" in record.getMessage()] != []


def test_first_use_from_many_threads():
    program = """
import sys, threading
import optax_lr as olr
errors, names = [], sorted(olr.__all__)
barrier = threading.Barrier(16)
ones = ["Cosine", "sweep", "identify", "read_config", "Monitor", "lint", "get_scheduler", "plot", "Linear", "audit", "grid", "stack", "Stages", "table",
        "recommend", "SCHEDULERS"]
def use(first):
    barrier.wait()
    for name in [ones[first], *names]:
        try:
            getattr(olr, name)
        except BaseException as error:
            errors.append((name, repr(error)[:200]))
threads = [threading.Thread(target=use, args=(n,)) for n in range(16)]
[thread.start() for thread in threads]
[thread.join(120) for thread in threads]
assert not any(thread.is_alive() for thread in threads), "a thread hangs"
print(errors)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=HERE, check=True, timeout=200
    )
    assert done.stdout == "[]\n", done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_a_forked_child(tmp_path):
    """As documented in docs/safety.md: a child may read, plan and evaluate on the host, and close the parent's monitor."""
    program = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
import numpy as np, optax_lr as olr
rows = []
monitor = olr.Monitor(report_to=rows.append, logging_steps=1)
monitor(1.0)
child = os.fork()
if child == 0:
    plan = olr.read_config({"learning_rate": 1e-4, "max_steps": 10}).plan()
    rate = float(plan.schedule(5))
    monitor(1.0)          # does nothing that could hang
    monitor.close()
    print(json.dumps(rate), flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
monitor(2.0)
monitor.close()
print(len(rows))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=HERE, check=True, timeout=100
    )
    rate, count = done.stdout.splitlines()
    assert json.loads(rate) == pytest.approx(5e-5)
    assert count == "2"
