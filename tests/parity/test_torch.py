"""The closed forms compared with the real schedulers of torch."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import optax_lr as olr
from tests.parity.comparison import TORCH, assert_same_rates, crossing_of_torch, from_torch_setting
from tests.reference import label
from tests.reference.generate import RATE, optimizer, stepped, torch_scheduler
from tests.reference.settings import torch_settings

SETTINGS = torch_settings()


@pytest.mark.parametrize("setting", SETTINGS, ids=map(label, SETTINGS))
def test_every_step(setting, compared):
    rates = stepped(torch_scheduler(setting), setting["steps"])
    number = assert_same_rates(
        lambda: from_torch_setting(setting),
        np.arange(len(rates)),
        rates,
        scale=RATE,
        crossing=crossing_of_torch(setting),
    )
    compared("torch's schedulers, stepped", number)


def _number(low, high, **bounds):
    return st.floats(low, high, width=32, **bounds)  # as float32 holds it, so that nothing is lost in a setting


_COUNT, _FLOOR = st.integers(1, 30), _number(0, 2.0**-10)
RANDOM = {
    "ConstantLR": {"factor": _number(2.0**-8, 1), "total_iters": st.integers(0, 30)},
    "LinearLR": {"start_factor": _number(2.0**-8, 1), "end_factor": _number(2.0**-8, 1), "total_iters": _COUNT},
    "ExponentialLR": {"gamma": _number(0.5, 1.125)},
    "StepLR": {"step_size": _COUNT, "gamma": _number(0.125, 1.5)},
    "MultiStepLR": {"milestones": st.lists(st.integers(0, 40), max_size=5).map(sorted), "gamma": _number(0.125, 1.5)},
    "PolynomialLR": {"total_iters": _COUNT, "power": _number(0.25, 4)},
    "CosineAnnealingLR": {"T_max": _COUNT, "eta_min": _FLOOR},
    "CosineAnnealingWarmRestarts": {"T_0": _COUNT, "T_mult": st.integers(1, 4), "eta_min": _FLOOR},
    "CyclicLR": {
        "base_lr": _FLOOR,
        "max_lr": _FLOOR,
        "step_size_up": _COUNT,
        "step_size_down": _COUNT,
        "mode": st.sampled_from(["triangular", "triangular2", "exp_range"]),
        "gamma": _number(0.5, 1),
        "cycle_momentum": st.just(False),
    },
    "OneCycleLR": {
        "max_lr": _FLOOR,
        "total_steps": st.integers(1, 40),
        "pct_start": st.sampled_from([0.0, 0.25, 0.5, 1.0]) | _number(0, 1),
        "anneal_strategy": st.sampled_from(["cos", "linear"]),
        "div_factor": _number(1, 128),
        "final_div_factor": _number(0.5, 2.0**17),
        "three_phase": st.booleans(),
    },
}


@pytest.mark.parametrize("name", TORCH)
def test_random_settings(name, compared):
    @settings(max_examples=50)
    @given(st.fixed_dictionaries(RANDOM[name]))
    def agree(keywords):
        setting = {"name": name, "keywords": keywords}
        try:
            rates = np.maximum(
                stepped(torch_scheduler(setting), keywords.get("total_steps", 63)), 0
            )  # ours is never below
        except ZeroDivisionError:
            return  # a phase of length 0; the cases below check that our rates are finite
        scale = max(RATE, *np.abs(rates))
        with jax.enable_x64(True):
            wide = from_torch_setting(setting)
            np.testing.assert_allclose([wide(step) for step in range(len(rates))], rates, rtol=1e-9, atol=1e-12 * scale)
        narrow, steps = from_torch_setting(setting), np.minimum(np.arange(64), len(rates) - 1)
        for found in (narrow(steps), olr.sweep(narrow, steps)):
            np.testing.assert_allclose(found, rates[steps], rtol=2e-7, atol=1e-10 * scale)
        compared("torch's schedulers, stepped", len(rates) + 2 * len(steps))

    agree()


def test_every_scheduler_of_torch_has_a_class_or_an_error():
    from torch.optim import lr_scheduler

    found = {
        name
        for name, kind in vars(lr_scheduler).items()
        if isinstance(kind, type) and issubclass(kind, lr_scheduler.LRScheduler) and not name.startswith("_")
    }
    # Not functions of the step alone: arbitrary functions, a metric, and ways to combine (olr.from_torch takes those).
    others = {"LRScheduler", "LambdaLR", "MultiplicativeLR", "ReduceLROnPlateau", "SequentialLR", "ChainedScheduler"}
    assert found - others == set(TORCH)


@pytest.mark.parametrize(("t_0", "t_mult"), [(1, 1), (1, 2), (3, 2), (7, 5), (1000, 3), (12345, 1)])
def test_warm_restarts_begin_on_the_step(t_0, t_mult):
    schedule = olr.CosineAnnealingWarmRestarts(1.0, T_0=t_0, T_mult=t_mult)
    starts, length = [0], t_0
    while starts[-1] + length < 2**31 and len(starts) < 40:
        starts.append(starts[-1] + length)
        length *= t_mult
    starts = np.array(starts, np.int32)
    assert (np.asarray(schedule(starts)) == 1).all()
    assert (np.asarray(olr.sweep(schedule, starts)) == 1).all()
    assert all(schedule(int(start)) == 1 for start in starts)
    if t_0 > 2:
        assert (np.asarray(olr.sweep(schedule, starts[1:] - 1)) < 0.5).all()


def test_lengths_of_zero_as_torch_has_them():
    for name, schedule in (
        ("LinearLR", olr.LinearRamp(RATE, total_iters=0)),
        ("ConstantLR", olr.ConstantFactor(RATE, total_iters=0)),
        ("PolynomialLR", olr.PolynomialDecay(RATE, total_iters=0)),
    ):
        rates = stepped(torch_scheduler({"name": name, "keywords": {"total_iters": 0}}), 10)
        np.testing.assert_allclose([schedule(step) for step in range(11)], rates, rtol=2e-7)


def test_past_the_end_of_one_cycle_torch_raises_and_ours_is_constant():
    schedule = olr.OneCycle(RATE, total_steps=10, anneal_strategy="linear")
    with pytest.raises(ValueError, match="Tried to step 11 times"):
        stepped(torch_scheduler({"name": "OneCycleLR", "keywords": {"max_lr": RATE, "total_steps": 10}}), 11)
    assert schedule(10) == schedule(11) == schedule(10**6)


def test_settings_that_torch_refuses_are_refused():
    from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingWarmRestarts, LinearLR

    for theirs, ours_, message in (
        (
            lambda: LinearLR(optimizer(), start_factor=0.0),
            lambda: olr.LinearRamp(1.0, start_factor=0.0),
            "start_factor must be above 0",
        ),
        (
            lambda: LinearLR(optimizer(), end_factor=1.5),
            lambda: olr.LinearRamp(1.0, end_factor=1.5),
            "end_factor must be at most 1",
        ),
        (
            lambda: ConstantLR(optimizer(), factor=2.0),
            lambda: olr.ConstantFactor(1.0, factor=2.0),
            "factor must be at most 1",
        ),
        (
            lambda: CosineAnnealingWarmRestarts(optimizer(), T_0=0),
            lambda: olr.CosineAnnealingWarmRestarts(1.0, T_0=0),
            "T_0 must be at least 1, not 0",
        ),
    ):
        with pytest.raises(ValueError, match=r"factor|T_0"):
            theirs()
        with pytest.raises(ValueError, match=message):
            ours_()
