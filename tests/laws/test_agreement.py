"""Host, eager, compiled and swept rates agree, for usual and random settings."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings

import optax_lr as olr
from tests.cases import RATE, STEPS, assert_within_an_ulp, every_class, random_schedule, usual

pytestmark = pytest.mark.optimized


@every_class
def test_compiled_eager_host_and_sweep_agree(kind):
    schedule = usual(kind)
    traced = np.asarray(schedule(STEPS))
    # As constants and as arguments the compiler fuses differently, which may move a rounding.
    assert_within_an_ulp(jax.jit(schedule)(STEPS), traced)
    with jax.disable_jit():
        assert_within_an_ulp(schedule(STEPS), traced)
    host = np.array([schedule(int(step)) for step in STEPS])
    assert_within_an_ulp(traced, host)
    assert_within_an_ulp(olr.sweep(schedule, STEPS), host)


@every_class
def test_random_settings_agree(kind):
    @settings(max_examples=20)
    @given(random_schedule(kind))
    def agree(schedule):
        host = np.array([schedule(int(step)) for step in STEPS])
        assert np.isfinite(host).all()
        for rates in (schedule(STEPS), olr.sweep(schedule, STEPS)):
            # At the end of a cycle of fractional length a rounding of that length is a good part of what is left.
            np.testing.assert_allclose(rates, host, rtol=3e-7, atol=1e-8 * RATE)
            assert (np.asarray(rates) >= 0).all()

    agree()
