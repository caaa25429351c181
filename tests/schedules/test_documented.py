"""Values that are known from elsewhere: those of the practitioner's guide that this library follows, and some by hand."""

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
    np.testing.assert_array_equal(
        [schedule(step) for step in (0, 50, 100, 10_000)], np.float32([0, RATE / 2, RATE, RATE])
    )


def test_caffe_s_inv_and_keras_inverse_time():
    """`0.01 / (1 + step / 100)**c` after 300 steps: `0.01 / 4**c`."""
    assert olr.PowerLaw(0.01, power=0.75, timescale=100)(300) == pytest.approx(0.0035355339, rel=1e-7)
    assert olr.PowerLaw(0.01, power=1, timescale=100)(300) == pytest.approx(0.0025, rel=1e-7)
    assert olr.InverseTime(0.01, decay_rate=1.0, decay_steps=100)(300) == pytest.approx(0.0025, rel=1e-7)
    assert olr.InverseSqrt(0.01, timescale=100)(300) == pytest.approx(0.005, rel=1e-7)
