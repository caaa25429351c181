"""The momentum of torch's cyclic schedulers, schedulers stepped once an epoch, and settings in float64."""

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

import optax_lr as olr
from tests.reference.generate import stepped

ONE = {"max_lr": 0.1, "total_steps": 40}
CYCLE = {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 7, "step_size_down": 4}


def sgd(lr=0.1):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.5)


def adam():
    return torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


def momenta(scheduler, steps):
    """The momentum in the optimizer after 0, 1, ... steps of the scheduler."""
    group = scheduler.optimizer.param_groups[0]

    def now():
        return group["momentum"] if "momentum" in group else group["betas"][0]

    found = [now()]
    scheduler.optimizer.step()
    for _ in range(steps):
        scheduler.step()
        found.append(now())
    return found


@pytest.mark.parametrize("optimizer", [sgd, adam])
@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("OneCycleLR", ONE),
        ("OneCycleLR", ONE | {"anneal_strategy": "linear", "base_momentum": 0.6, "max_momentum": 0.99}),
        ("OneCycleLR", ONE | {"three_phase": True, "pct_start": 0.25}),
        ("CyclicLR", CYCLE),
        ("CyclicLR", CYCLE | {"mode": "triangular2", "base_momentum": 0.7}),
        ("CyclicLR", CYCLE | {"mode": "exp_range", "gamma": 0.999}),
    ],
)
def test_rate_and_momentum_equal_those_of_torch(kind, settings, optimizer):
    def make():
        return getattr(lr_scheduler, kind)(optimizer(), **settings)

    rate, momentum = olr.from_torch(make(), momentum=True)
    steps = 39 if kind == "OneCycleLR" else 60
    np.testing.assert_allclose([rate(step) for step in range(steps + 1)], stepped(make(), steps), rtol=2e-7)
    np.testing.assert_allclose([momentum(step) for step in range(steps + 1)], momenta(make(), steps), rtol=2e-7)


def test_dropping_a_momentum_warns():
    scheduler = lr_scheduler.OneCycleLR(sgd(), **ONE)
    with pytest.warns(UserWarning, match=r"cycles the momentum too; momentum=True gives both"):
        rate = olr.from_torch(scheduler)
    assert rate == olr.from_torch(scheduler, momentum=False) == olr.from_torch(scheduler, momentum=True)[0]
    still = lr_scheduler.OneCycleLR(sgd(), **ONE, cycle_momentum=False)
    assert olr.from_torch(still, momentum=True)[1] is None


def test_a_scheduler_that_is_stepped_once_an_epoch():
    scheduler = lr_scheduler.CosineAnnealingLR(sgd(), T_max=6)
    schedule = olr.from_torch(scheduler, steps_per_epoch=5)
    rates = np.repeat(stepped(scheduler, 6), 5)
    np.testing.assert_allclose([schedule(step) for step in range(35)], rates, rtol=2e-7, atol=1e-13)
    assert schedule.end == 30
    with pytest.raises(ValueError, match="steps_per_epoch"):
        olr.from_torch(scheduler, steps_per_epoch=0)


@pytest.mark.parametrize("gamma", [0.9, 0.999, 0.9999, 1 - 1e-6])
def test_a_decay_uses_gamma_as_written(gamma):
    steps = min(5000, int(-14 / np.log(gamma)))  # down to 1e-6 of the peak
    scheduler = lr_scheduler.ExponentialLR(sgd(3e-4), gamma=gamma)
    schedule = olr.from_torch(scheduler)
    rates = stepped(scheduler, steps)
    at = np.unique(np.linspace(0, steps, 200).astype(int))
    for found in ([schedule(int(step)) for step in at], schedule(at), olr.sweep(schedule, at)):
        np.testing.assert_allclose(found, np.array(rates)[at], rtol=2e-7)


def test_a_momentum_inside_of_another_scheduler_is_not_dropped_silently():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1, momentum=0.9)
    kinds = torch.optim.lr_scheduler
    stages = [kinds.LinearLR(optimizer, 0.1, 1.0, 10), kinds.OneCycleLR(optimizer, 0.5, total_steps=50)]
    scheduler = kinds.SequentialLR(optimizer, stages, [10])
    for momentum in (None, True):
        with pytest.raises(ValueError, match="a OneCycleLR in this SequentialLR cycles the momentum too"):
            olr.from_torch(scheduler, momentum=momentum)
    assert olr.from_torch(scheduler, momentum=False)(10) == pytest.approx(0.5 / 25)
