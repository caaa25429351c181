"""Decays with a power or the inverse of time, compared with values computed by hand."""

import pytest

import optax_lr as olr


def test_caffe_s_inv_and_keras_inverse_time():
    """`0.01 / (1 + step / 100)**c` after 300 steps: `0.01 / 4**c`."""
    assert olr.PowerLaw(0.01, power=0.75, timescale=100)(300) == pytest.approx(0.0035355339, rel=1e-7)
    assert olr.PowerLaw(0.01, power=1, timescale=100)(300) == pytest.approx(0.0025, rel=1e-7)
    assert olr.InverseTime(0.01, decay_rate=1.0, decay_steps=100)(300) == pytest.approx(0.0025, rel=1e-7)
    assert olr.InverseSqrt(0.01, timescale=100)(300) == pytest.approx(0.005, rel=1e-7)
