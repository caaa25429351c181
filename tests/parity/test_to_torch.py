"""A schedule as torch's LambdaLR: the same rates through a real optimizer, saved, restored, and read back."""

from __future__ import annotations

import copy
import io

import jax
import numpy as np
import pytest
import torch

import optax_lr as olr
from tests.cases import CLASSES, usual
from tests.wrong_types import wrong_types


def optimizer_of(groups=1):
    return torch.optim.SGD([{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.5} for _ in range(groups)])


def stepped(scheduler, updates):
    rates = []
    for _ in range(updates):
        rates.append([group["lr"] for group in scheduler.optimizer.param_groups])
        scheduler.optimizer.step()
        scheduler.step()
    return np.squeeze(rates)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_schedule_has_its_float64_rates_and_is_converted_back(kind):
    schedule = usual(kind)
    scheduler = olr.to_torch(schedule, optimizer_of())
    with jax.enable_x64(True):
        expected = [float(schedule(step)) for step in range(50)]
    np.testing.assert_array_equal(stepped(scheduler, 50), expected)
    assert olr.from_torch(scheduler) is schedule


def test_a_scheduler_of_torch_survives_a_round_trip():
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer_of(), T_max=20, eta_min=0.01)
    ours = olr.to_torch(olr.from_torch(theirs), optimizer_of())
    np.testing.assert_allclose(stepped(ours, 15), stepped(theirs, 15), rtol=2e-7)


def test_a_schedule_for_each_group_and_one_for_all():
    schedules = [olr.Linear(1.0, 10), olr.Constant(0.25)]
    np.testing.assert_allclose(
        stepped(olr.to_torch(schedules, optimizer_of(2)), 3), [[1.0, 0.25], [0.9, 0.25], [0.8, 0.25]]
    )
    scheduler = olr.to_torch(schedules[0], optimizer_of(2))
    np.testing.assert_allclose(stepped(scheduler, 2), [[1.0, 1.0], [0.9, 0.9]])
    assert olr.from_torch(scheduler, group=1) is schedules[0]


def test_torch_saves_and_restores_it():
    """Also with `weights_only`, which loads only classes that torch allows."""
    schedule = olr.Cosine(1e-3, max_steps=20, warmup_steps=5)
    scheduler = olr.to_torch(schedule, optimizer_of())
    stepped(scheduler, 7)
    file = io.BytesIO()
    torch.save([scheduler.state_dict(), scheduler.optimizer.state_dict()], file)
    file.seek(0)
    saved, moments = torch.load(file, weights_only=True)
    fresh = olr.to_torch(schedule, optimizer_of())
    fresh.optimizer.load_state_dict(moments)
    fresh.load_state_dict(saved)
    np.testing.assert_array_equal(stepped(fresh, 5), stepped(scheduler, 5))
    assert copy.deepcopy(scheduler).last_epoch == 12


@wrong_types
def test_errors_name_the_remedy():
    with pytest.raises(TypeError, match=r"to_torch\(\) takes a schedule"):
        olr.to_torch("1e-3", optimizer_of())
    with pytest.raises(TypeError, match="follows a metric"):
        olr.to_torch(olr.reduce_on_plateau(olr.Constant(1.0)), optimizer_of())
    with pytest.raises(ValueError, match="has 2 parameter groups, not 1"):
        olr.to_torch([olr.Constant(1.0)], optimizer_of(2))
    with pytest.raises(ValueError, match="a batch of schedules"):
        olr.to_torch(olr.stack([olr.Constant(1.0)] * 2), optimizer_of())
