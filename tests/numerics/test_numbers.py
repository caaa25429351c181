"""The error of float32 rates for settings as written, in runs of up to 2**31 - 1 steps."""

import dataclasses

import jax
import numpy as np
import pytest

import optax_lr as olr
from benchmarks.exact import exact
from benchmarks.ulp import LENGTHS, others, sampled, schedules, worst

pytestmark = pytest.mark.optimized
NAMES = list(schedules(1000))
called = jax.jit(lambda schedule, steps: schedule(steps))  # one program of each class


def assert_exact(schedule, steps):
    """Compare the host, sweeps and traces (settings as arguments and as constants) with the formula for the settings as written."""
    references = [exact(schedule, int(step)) for step in steps]
    padded = np.resize(steps, 2048)
    assert worst(np.array([schedule(int(step)) for step in steps]), references) <= 0.501
    assert worst(np.asarray(olr.sweep(schedule, padded))[: len(steps)], references) <= 0.51
    assert worst(np.asarray(jax.jit(schedule.__call__)(padded))[: len(steps)], references) <= 0.501
    assert worst(np.asarray(called(schedule, padded))[: len(steps)], references) <= 1.5


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", NAMES)
def test_documented_schedules(name, length):
    schedule, _ = schedules(length)[name]
    assert_exact(schedule, sampled(length, int(schedule.warmup_steps))[:: 3 if length > 10**5 else 2])


OTHERS = [(length, name) for length in (10**3, 10**7, 2**31 - 1) for name in others(length)]


@pytest.mark.parametrize(("length", "name"), OTHERS)
def test_other_schedules(name, length):
    assert_exact(others(length)[name], sampled(length, length // 10 + 3)[::4])


SMALL = {"max_steps": [1, 2, 3, 7, 20], "warmup_steps": [0, 1, 6, 20, 25]}


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (olr.Constant, {}),
        (olr.Linear, {}),
        (olr.Cosine, {"num_cycles": [0, 0.5, 1, 1.5, 2, 3, 7], "min_lr": [0, 1e-5, 1e-3]}),
        (olr.CosineWithRestarts, {"num_cycles": [0, 0.5, 1, 1.5, 2, 3, 7]}),
        (olr.Polynomial, {"power": [0, 0.5, 1, 2, 3, 2.7], "min_lr": [0, 1e-5]}),
        (olr.InverseSqrt, {}),
        (olr.InverseSqrt, {"timescale": [1, 0.5, 30]}),
        (olr.Rsqrt, {}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else ",".join(value),
)
def test_every_step_of_short_runs(kind, settings):
    names = {f.name for f in dataclasses.fields(kind)}
    lengths = {name: values for name, values in SMALL.items() if name in names}
    batch = olr.grid(kind, learning_rate=3e-4, **lengths, **settings).reshape(-1)
    if kind is olr.Polynomial:  # if the two are equal, the formula divides by zero
        batch = batch[batch.max_steps != batch.warmup_steps]
    steps = np.arange(32)
    traced, swept = np.asarray(batch(steps)), np.asarray(olr.sweep(batch, steps))
    for row, schedule in enumerate(batch):
        references = [exact(schedule, int(step)) for step in steps]
        host = np.array([schedule(int(step)) for step in steps])
        # Near a zero of the formula that is reached from above, a rate is as small as a rounding error of the peak.
        near_zero = np.array([abs(float(reference)) < 1e-12 * 3e-4 for reference in references])
        for rates, limit in ((traced[row], 1.0), (swept[row], 0.51), (host, 0.501)):
            assert (np.abs(rates[near_zero]) < 1e-12 * 3e-4).all()
            shown = [reference for reference, zero in zip(references, near_zero, strict=True) if not zero]
            assert not shown or worst(rates[~near_zero], shown) <= limit, schedule


@pytest.mark.parametrize("cycles", [1, 2, 3, 7, 12])
@pytest.mark.parametrize("length", [12, 97, 1000, 2520, 10**6, 2**31 - 2])
def test_restarts_land_on_the_peak(length, cycles):
    length -= length % cycles
    starts = (length // cycles * np.arange(cycles)).astype(np.int32)
    schedule = olr.CosineWithRestarts(3e-4, max_steps=length, num_cycles=cycles)
    peak = np.float32(3e-4)
    assert (np.asarray(schedule(starts)) == peak).all()
    assert (np.asarray(olr.sweep(schedule, starts)) == peak).all()
    assert all(schedule(int(start)) == peak for start in starts)
    warmed = olr.CosineWithRestarts(3e-4, max_steps=length, warmup_steps=length % 5, num_cycles=cycles)
    assert warmed(length % 5) == peak
    if length > 2 * cycles:
        before = np.asarray(schedule(starts[1:] - 1))
        assert (before < peak / 2).all()


def test_steps_beyond_float32_are_distinguished():
    schedule = olr.Linear(1.0, max_steps=2**31 - 1)
    last = np.arange(2**31 - 200, 2**31 - 1).astype(np.int32)
    for rates in (schedule(last), olr.sweep(schedule, last)):
        assert (np.diff(np.asarray(rates)) < 0).all()
