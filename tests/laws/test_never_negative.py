"""For all settings that a schedule accepts, its rates are finite and at least 0."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings

import optax_lr as olr
from tests.cases import CLASSES, random_schedule

STEPS = np.array([0, 1, 2, 3, 7, 20, 59, 60, 61, 1000, 2**31 - 1])
AWKWARD = [
    olr.CosineAnnealing(1e-30, T_max=1, eta_min=1.0),
    olr.Linear(0, 10.0, np.float32(3)),
    olr.Cosine(0.0, 10, min_lr=1.0, num_cycles=2.7),
    olr.CosineWithRestarts(1e-4, 0, num_cycles=0),
    olr.Polynomial(1e-4, 10, power=-1, min_lr=1e-5),
    olr.ConstantFactor(1.0, factor=0.0, total_iters=3),
    olr.CosineAnnealingWarmRestarts(1e-30, 3, 2, eta_min=1.0),
    olr.OneCycle(1.0, 10, anneal_strategy="linear"),
    olr.OneCycle(1.0, 10, pct_start=0.1),
    olr.WarmupStableDecay(1.0, 7, 20, 3, decay_type="exponential", min_lr=0.3),
    olr.TimmCosine(1e-30, 3, min_lr=1.0, cycle_limit=3, warmup_steps=2, warmup_lr=2.0),
    olr.DeepSpeedWarmup(0.0, 9, min_lr=1.0),
    olr.Function(lambda step: 1 - step),
]


@pytest.mark.parametrize("schedule", AWKWARD, ids=lambda schedule: type(schedule).__name__)
def test_special_settings(schedule):
    traced = jax.jit(schedule)(STEPS)
    for rates in ([schedule(int(step)) for step in STEPS], schedule(STEPS), olr.sweep(schedule, STEPS), traced):
        assert np.isfinite(rates).all()
        assert (np.asarray(rates) >= 0).all()


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_random_settings(kind):
    @settings(max_examples=30)
    @given(random_schedule(kind))
    def never_negative(schedule):
        assert all(schedule(int(step)) >= 0 for step in STEPS)  # test_agreement.py compares sweeps

    never_negative()


@pytest.mark.parametrize(
    "make",
    [
        lambda: olr.DeepSpeedWarmup(1.0, min_lr=-9e18),
        lambda: olr.Cosine(1.0, 10, min_lr=-1e-9),
        lambda: olr.Linear(1.0, 10) * -1,
        lambda: olr.PiecewiseConstant(1.0, [5], [1.0, -0.1]),
        lambda: olr.get_scheduler("polynomial", 1e-3, max_steps=10, lr_end=-1e-6),
    ],
)
def test_floors_and_factors_below_0_are_refused(make):
    with pytest.raises(ValueError, match=r"must be at least 0, not -"):
        make()
