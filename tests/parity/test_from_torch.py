"""Conversion of scheduler objects to schedules of the same run."""

import numpy as np
import pytest
import torch
import transformers
from torch.optim import lr_scheduler

import optax_lr as olr
from tests.parity.test_torch import SETTINGS as TORCH
from tests.reference import label
from tests.reference.generate import RATE, optimizer, stepped, torch_scheduler, transformers_scheduler
from tests.reference.settings import SHORT, transformers_settings

TRANSFORMERS = [
    setting for setting in transformers_settings() if setting["total"] == SHORT and setting["warmup"] in (0, 7)
]
pytestmark = pytest.mark.filterwarnings("ignore:Both num_training_steps and num_stable_steps")


def assert_continues(make, steps=40, atol=1e-12 * RATE):
    """Schedules converted before the run and in its middle give the rates of the whole run."""
    rates = np.maximum(stepped(make(), steps), 0)  # a linear OneCycle goes below 0 past its end, and ours does not
    half = make()
    stepped(half, steps // 2)
    for scheduler in (make(), half):
        schedule = olr.from_torch(scheduler, momentum=False)
        np.testing.assert_allclose([schedule(step) for step in range(steps + 1)], rates, rtol=2e-7, atol=atol)
    assert schedule(half.last_epoch) == pytest.approx(max(0, half.optimizer.param_groups[0]["lr"]), rel=2e-7, abs=atol)


@pytest.mark.parametrize("setting", TRANSFORMERS, ids=map(label, TRANSFORMERS))
def test_schedulers_of_transformers(setting):
    assert_continues(lambda: transformers_scheduler(setting))


@pytest.mark.parametrize("setting", TORCH, ids=map(label, TORCH))
def test_schedulers_of_torch(setting):
    linear = setting["keywords"].get("anneal_strategy") == "linear"
    assert_continues(lambda: torch_scheduler(setting), atol=1e-6 * RATE if linear else 1e-12 * RATE)


def sequential():
    o = optimizer()
    parts = [
        lr_scheduler.LinearLR(o, start_factor=0.1, total_iters=20),
        lr_scheduler.ExponentialLR(o, gamma=0.875),
        lr_scheduler.CosineAnnealingLR(o, T_max=15),
    ]
    return lr_scheduler.SequentialLR(o, parts, milestones=[10, 25])


def chained():
    o = optimizer()
    parts = [lr_scheduler.ConstantLR(o, factor=0.125, total_iters=20), lr_scheduler.ExponentialLR(o, gamma=0.875)]
    return lr_scheduler.ChainedScheduler(parts, optimizer=o)


def chained_with_cosine():
    o = optimizer()
    parts = [lr_scheduler.LinearLR(o, 0.1, 1.0, 10), lr_scheduler.CosineAnnealingLR(o, T_max=40)]
    return lr_scheduler.ChainedScheduler(parts, optimizer=o)


def test_sequential_becomes_stages():
    assert_continues(sequential)
    assert isinstance(olr.from_torch(sequential()), olr.Stages)


@pytest.mark.parametrize("make", [chained, chained_with_cosine])
def test_chained_becomes_a_product(make):
    rates = stepped(make(), 39)
    schedule = olr.from_torch(make())
    np.testing.assert_allclose([schedule(step) for step in range(40)], rates, rtol=2e-7)


def two_groups():
    parameters = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    return torch.optim.SGD([{"params": parameters[:1]}, {"params": parameters[1:], "lr": 16 * RATE}], lr=RATE)


@pytest.mark.parametrize("name", ["linear", "polynomial", "cosine_with_min_lr"])
def test_parameter_groups(name):
    keywords = {"polynomial": {"lr_end": 1e-6}, "cosine_with_min_lr": {"min_lr": 1e-6}}.get(name, {})
    scheduler = transformers.get_scheduler(name, two_groups(), 5, 40, scheduler_specific_kwargs=keywords)
    with pytest.raises(ValueError, match="2 parameter groups; choose one with group=0 to group=1"):
        olr.from_torch(scheduler)
    with pytest.raises(ValueError, match="group must be from 0 to 1, not 2"):
        olr.from_torch(scheduler, group=2)
    schedules = [olr.from_torch(scheduler, group=group) for group in (0, 1)]
    scheduler.optimizer.step()
    for step in range(45):
        for group in (0, 1):
            expected = scheduler.optimizer.param_groups[group]["lr"]
            assert schedules[group](step) == pytest.approx(expected, rel=2e-7, abs=1e-16)
        scheduler.step()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o: lr_scheduler.LambdaLR(o, lambda t: 0.9**t), ValueError, "calls the Python function <lambda>"),
        (
            lambda o: lr_scheduler.MultiplicativeLR(o, lambda t: 0.9),
            ValueError,
            "this MultiplicativeLR multiplies the rate",
        ),
        (lr_scheduler.ReduceLROnPlateau, ValueError, "use olr.reduce_on_plateau"),
        (lambda o: transformers.get_scheduler("greedy", o), ValueError, "use olr.greedy"),
        (lambda o: o, TypeError, "takes schedulers of torch.optim.lr_scheduler, not a SGD"),
        (
            lambda o: lr_scheduler.CyclicLR(o, 0.1, 0.2, scale_fn=lambda x: 1.0, cycle_momentum=False),
            ValueError,
            "has its own scale_fn",
        ),
        (
            lambda o: lr_scheduler.ChainedScheduler(
                [lr_scheduler.LambdaLR(o, lambda t: 1.0), lr_scheduler.StepLR(o, 3)], o
            ),
            ValueError,
            "a LambdaLR in a ChainedScheduler overwrites",
        ),
    ],
)
def test_schedulers_that_cannot_be_converted(make, error, message):
    with pytest.raises(error, match=message) as caught:
        olr.from_torch(make(optimizer()))
    assert "\n" not in str(caught.value)
