"""The example values of the practitioner's guide that this library follows, and its schedules with a warmup."""

import numpy as np
import pytest

import optax_lr as olr

RATE, STEPS = 5e-5, 1000


@pytest.mark.parametrize(
    ("name", "settings", "values"),
    [
        ("linear", {}, {0: 5e-5, 250: 3.75e-5, 500: 2.5e-5, 750: 1.25e-5, 1000: 0}),
        # The guide prints 3.54e-5 and 1.46e-5 at 250 and 750; its own formula gives these.
        ("cosine", {}, {0: 5e-5, 250: 4.2678e-5, 500: 2.5e-5, 750: 7.3223e-6, 1000: 0}),
        ("cosine_with_restarts", {"num_cycles": 2}, {0: 5e-5, 250: 2.5e-5, 500: 5e-5, 750: 2.5e-5, 1000: 0}),
        ("polynomial", {"power": 2, "lr_end": 0}, {0: 5e-5, 250: 2.8125e-5, 500: 1.25e-5, 750: 3.125e-6, 1000: 0}),
        ("polynomial", {"power": 1, "lr_end": 0}, {0: 5e-5, 250: 3.75e-5, 1000: 0}),
    ],
)
def test_worked_values(name, settings, values):
    schedule = olr.get_scheduler(name, RATE, max_steps=STEPS, **settings)
    for step, rate in values.items():
        assert schedule(step) == pytest.approx(rate, rel=1e-4, abs=1e-16)


@pytest.mark.parametrize("name", ["constant", "constant_with_warmup"])
def test_constant_warms_up_as_documented(name):
    schedule = olr.get_scheduler(name, RATE, warmup_steps=100)
    assert [schedule(step) for step in (0, 50, 100, 10_000)] == [
        0,
        np.float32(RATE) / 2,
        np.float32(RATE),
        np.float32(RATE),
    ]


def test_rsqrt_is_the_documented_formula():
    schedule = olr.get_scheduler("rsqrt", RATE, warmup_steps=100)
    steps = np.array([0, 1, 99, 100, 101, 10_000])
    np.testing.assert_allclose(schedule(steps), RATE / np.sqrt(np.maximum(steps, 100)), rtol=1e-7)


def test_every_documented_name_is_known():
    names = {
        "linear",
        "cosine",
        "cosine_with_restarts",
        "polynomial",
        "constant",
        "constant_with_warmup",
        "inverse_sqrt",
    }
    assert names <= set(olr.SCHEDULERS)


@pytest.mark.parametrize("kind", [olr.Linear, olr.Cosine, olr.CosineWithRestarts, olr.Polynomial])
def test_the_decay_starts_after_a_linear_warmup(kind):
    schedule = kind(RATE, max_steps=STEPS, warmup_steps=100)
    np.testing.assert_allclose(schedule(np.arange(101)), RATE * np.arange(101) / 100, rtol=1e-6)
    assert schedule(101) < schedule(100)
