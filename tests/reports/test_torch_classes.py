"""Reports on the schedulers of torch, compared with the real classes."""

import jax
import numpy as np
import optax
import pytest
import torch
from torch.optim import lr_scheduler

import optax_lr as olr
from tests.parity.comparison import TORCH, assert_same_rates
from tests.reference.generate import optimizer, stepped
from tests.reports.register import about


def same(name, rate, last, **keywords):
    """Compare a schedule with torch at every step, and return the real rates."""
    made = getattr(lr_scheduler, name)(optimizer(rate), **keywords)
    rates = stepped(made, last)
    base = {} if name == "OneCycleLR" else {"learning_rate": rate}
    assert_same_rates(lambda: TORCH[name](**base, **keywords), np.arange(last + 1), rates, scale=max(rates))
    return rates


@about("C71")
def test_a_schedule_needs_no_initial_rate_to_resume():
    fresh = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    with pytest.raises(KeyError, match="initial_lr"):
        lr_scheduler.StepLR(fresh, 3, last_epoch=1)
    rates = stepped(lr_scheduler.StepLR(optimizer(0.1), 3), 5)
    for last_epoch in range(-1, 4):
        fresh = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        fresh.param_groups[0]["initial_lr"] = 0.1
        fresh.param_groups[0]["lr"] = rates[max(last_epoch, 0)]
        made = lr_scheduler.StepLR(fresh, 3, last_epoch=last_epoch)
        assert float(olr.from_torch(made)(made.last_epoch)) == pytest.approx(fresh.param_groups[0]["lr"])
        assert float(olr.Step(0.1, step_size=3)(last_epoch + 1)) == pytest.approx(rates[last_epoch + 1])


@about("C72")
@pytest.mark.parametrize(
    ("rate", "keywords"), [(1.0, {"T_max": 3}), (0.5, {"T_max": 5}), (1e-3, {"T_max": 1, "eta_min": 1e-4})]
)
def test_a_cosine_annealing_rises_to_its_peak_past_its_end(rate, keywords):
    assert max(same("CosineAnnealingLR", rate, 11, **keywords)) <= rate * (1 + 1e-12)


@about("C73")
def test_a_cosine_annealing_of_length_zero_or_without_amplitude():
    assert same("CosineAnnealingLR", 1e-3, 5, T_max=4, eta_min=1e-2)[4] == pytest.approx(1e-2)
    same("CosineAnnealingLR", 1e-3, 5, T_max=4, eta_min=1e-3)
    with pytest.raises(ZeroDivisionError):
        stepped(lr_scheduler.CosineAnnealingLR(optimizer(0.1), T_max=0), 1)
    assert np.isfinite(jax.jit(olr.CosineAnnealing(0.1, T_max=0))(np.arange(5))).all()


@about("C74")
def test_warm_restarts_never_reach_their_floor():
    rates = same("CosineAnnealingWarmRestarts", 0.1, 20, T_0=10, eta_min=3.2e-6)
    assert min(rates) == pytest.approx(0.002450295875668396)
    assert rates[10] == 0.1


@about("C75")
def test_cycles_that_grow_restart_at_the_exact_step():
    rates = same("CosineAnnealingWarmRestarts", 0.5, 15, T_0=1, T_mult=2)
    assert [step for step, rate in enumerate(rates) if rate == 0.5] == [0, 1, 3, 7, 15]
    rates = same("CosineAnnealingWarmRestarts", 1.0, 130, T_0=10, T_mult=3)
    ours = olr.CosineAnnealingWarmRestarts(1.0, 10, T_mult=3)
    for start in (10, 40, 130):
        assert rates[start] == 1.0 == float(jax.jit(ours)(start))
    with pytest.raises(ValueError, match="T_mult"):
        lr_scheduler.CosineAnnealingWarmRestarts(optimizer(0.5), 1, T_mult=0.5)
    with pytest.raises(ValueError, match="T_mult must be a whole number, not"):
        olr.CosineAnnealingWarmRestarts(0.5, 1, T_mult=0.5)


def sequence(rate, milestones, *makers):
    made = optimizer(rate)
    return lr_scheduler.SequentialLR(made, [make(made) for make in makers], milestones=milestones)


@about("C76")
@pytest.mark.filterwarnings("ignore")
def test_a_first_stage_of_length_zero():
    rates = stepped(
        sequence(
            1.0,
            [0],
            lambda o: lr_scheduler.LinearLR(o, 0.1, total_iters=5),
            lambda o: lr_scheduler.CosineAnnealingLR(o, 10),
        ),
        5,
    )
    ours = olr.Stages([olr.LinearRamp(1.0, start_factor=0.1, total_iters=5), olr.CosineAnnealing(1.0, 10)], [0])
    assert [float(ours(step)) for step in range(6)] == pytest.approx(rates)


@about("C77")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("milestone", "makers", "ours"),
    [
        (10, (lambda o: lr_scheduler.ConstantLR(o, 1), lambda o: lr_scheduler.ConstantLR(o, 0.1)),
         (olr.ConstantFactor(0.1, factor=1), olr.ConstantFactor(0.1, factor=0.1))),
        (5, (lambda o: lr_scheduler.LinearLR(o, total_iters=5), lambda o: lr_scheduler.ExponentialLR(o, 0.9)),
         (olr.LinearRamp(0.1, total_iters=5), olr.Exponential(0.1, gamma=0.9))),
    ],
)  # fmt: skip
def test_each_stage_counts_from_its_own_start(milestone, makers, ours):
    made = sequence(0.1, [milestone], *makers)
    rates = stepped(made, 17)
    written = olr.Stages(list(ours), [milestone])
    assert [float(written(step)) for step in range(18)] == pytest.approx(rates)
    taken = olr.from_torch(made)
    assert [float(taken(step)) for step in range(18)] == pytest.approx(rates)


@about("C79")
def test_ramps_of_length_zero():
    assert set(same("LinearLR", 1.0, 3, total_iters=0)) == {1 / 3}
    assert same("ConstantLR", 0.1, 3, factor=0.1, total_iters=0) == pytest.approx([0.01] * 4)
    assert set(same("PolynomialLR", 1.0, 3, total_iters=0)) == {1.0}


@about("C80")
def test_a_factor_of_zero():
    with pytest.raises(ZeroDivisionError):
        stepped(lr_scheduler.ConstantLR(optimizer(0.1), factor=0, total_iters=2), 3)
    ours = olr.ConstantFactor(0.1, factor=0, total_iters=2)
    assert np.asarray(jax.jit(ours)(np.arange(4))).tolist() == pytest.approx([0, 0, 0.1, 0.1])
    with pytest.raises(ValueError, match="Starting multiplicative factor"):
        lr_scheduler.LinearLR(optimizer(0.1), start_factor=0)
    with pytest.raises(ValueError, match=r"start_factor must be above 0"):
        olr.LinearRamp(0.1, start_factor=0, total_iters=4)


@about("C81")
def test_one_cycle_past_its_end():
    rates = same("OneCycleLR", 0.1, 10, max_lr=0.1, total_steps=10)
    assert rates[9] == pytest.approx(4e-7)
    assert rates[10] == pytest.approx(0.004951936798652624)  # it bounces
    with pytest.raises(ValueError, match="Tried to step 11 times"):
        stepped(lr_scheduler.OneCycleLR(optimizer(), max_lr=0.1, total_steps=10), 11)
    ours = olr.OneCycle(max_lr=0.1, total_steps=10)
    assert float(ours(11)) == float(ours(1000)) == float(ours(10))


@about("C82")
def test_one_cycle_of_few_steps():
    same("OneCycleLR", 0.1, 2, max_lr=0.1, total_steps=3)
    same("OneCycleLR", 0.1, 9, max_lr=0.1, total_steps=10, three_phase=True)
    with pytest.raises(ValueError, match="Expected positive integer total_steps"):
        lr_scheduler.OneCycleLR(optimizer(), max_lr=0.1, total_steps=10.0)
    with pytest.raises(ValueError, match="total_steps must be a whole number"):
        olr.OneCycle(max_lr=0.1, total_steps=10.5)
    with pytest.raises(ZeroDivisionError):
        stepped(lr_scheduler.OneCycleLR(optimizer(), max_lr=0.1, total_steps=3, pct_start=1 / 3), 2)
    for share in (1 / 3, 0.198):
        made = olr.OneCycle(max_lr=0.1, total_steps=3, pct_start=share)
        assert np.isfinite(jax.jit(made)(np.arange(5))).all()
    theirs = [float(optax.cosine_onecycle_schedule(3, 0.0367, pct_start=0.198)(step)) for step in range(4)]
    assert theirs[0] == pytest.approx(0.0367)  # at the peak, as its first boundary is 0
