"""The numbers contract: how far a float32 rate may be from the exact one, for runs of up to 2**31 - 1 steps."""

import jax
import numpy as np
import pytest

import optax_lr as olr
from benchmarks.exact import exact
from benchmarks.ulp import LENGTHS, others, sampled, schedules, worst

NAMES = list(schedules(1000))


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", NAMES)
def test_documented_schedules(name, length):
    schedule, _ = schedules(length)[name]
    steps = sampled(length, int(schedule.warmup_steps))[:: 3 if length > 10**5 else 2]
    references = [exact(schedule, int(step)) for step in steps]
    traced = np.asarray(schedule(np.resize(steps, 2048)))[: len(steps)]
    closed_over = np.asarray(jax.jit(lambda t: schedule(t))(np.resize(steps, 2048)))[: len(steps)]
    swept = np.asarray(olr.sweep(schedule, np.resize(steps, 2048)))[: len(steps)]
    host = np.array([schedule(int(step)) for step in steps])
    assert worst(traced, references) <= 1.0  # the contract says 3, and 4 or 10 for powers
    assert worst(closed_over, references) <= 1.0
    assert worst(swept, references) <= 0.51
    assert worst(host, references) <= 0.501


OTHERS = [(length, name) for length in (10**3, 10**7, 2**31 - 1) for name in others(length)]


@pytest.mark.parametrize(("length", "name"), OTHERS)
def test_other_schedules(name, length):
    schedule = others(length)[name]
    steps = sampled(length, length // 10 + 3)[::4]
    references = [exact(schedule, int(step)) for step in steps]
    traced = np.asarray(schedule(np.resize(steps, 2048)))[: len(steps)]
    swept = np.asarray(olr.sweep(schedule, np.resize(steps, 2048)))[: len(steps)]
    assert worst(traced, references) <= 1.0
    assert worst(swept, references) <= 0.51


@pytest.mark.parametrize("length", [10**3, 10**5, 2 * 10**6])
@pytest.mark.parametrize("name", [name for name in NAMES if "power" not in name])
def test_fast_sweeps(name, length):
    schedule, _ = schedules(length)[name]
    steps = sampled(length, int(schedule.warmup_steps))[::4]
    fast = np.asarray(olr.sweep(schedule, np.resize(steps, 2048), precision="fast"))[: len(steps)]
    assert worst(fast, [exact(schedule, int(step)) for step in steps]) <= 6


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


def test_steps_beyond_float32_are_told_apart():
    schedule = olr.Linear(1.0, max_steps=2**31 - 1)
    last = np.arange(2**31 - 200, 2**31 - 1).astype(np.int32)
    for rates in (schedule(last), olr.sweep(schedule, last)):
        assert (np.diff(np.asarray(rates)) < 0).all()
