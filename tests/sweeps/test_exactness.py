"""The rates of a sweep are correctly rounded, whichever code path computes them."""

import contextlib

import jax
import numpy as np
import pytest

import optax_lr as olr
from optax_lr.sweeps import evaluate
from tests.sweeps.batches import SINGLES, called, many, mixed

pytestmark = pytest.mark.optimized


@pytest.mark.parametrize("transformed", [jax.jit, jax.vmap])
def test_a_traced_sweep_is_as_exact(transformed):
    batch = mixed(12, 40)
    rates = transformed(lambda b: olr.sweep(b, 64))(batch)
    np.testing.assert_allclose(rates, olr.sweep(batch, 64), rtol=2**-23, atol=0)


def test_a_traced_sweep_of_a_long_run_is_as_exact():
    one = olr.CosineWithRestarts(3e-4, 2**31 - 1, 2**20, num_cycles=7)
    steps = np.linspace(0, 2**31 - 1, 1001).astype(np.int32)
    np.testing.assert_allclose(
        jax.jit(olr.sweep)(one, steps), olr.sweep(one, steps), rtol=2**-23
    )  # its rate is a float32


def test_under_x64_the_rates_are_float64():
    batch = mixed(40, 100)
    rounded = np.asarray(olr.sweep(batch, 120))
    assert rounded.dtype == np.float32
    with jax.enable_x64(True):
        wide = np.asarray(olr.sweep(batch, 120))
    assert wide.dtype == np.float64
    assert (np.abs(wide - rounded) <= 0.51 * np.spacing(rounded)).all()


def test_every_class_in_one_batch():
    batch = olr.concatenate([many(one, 8) for one in SINGLES])
    random = np.random.default_rng(2)
    # In any order; and of the first three classes alone, so that no row takes most branches.
    for rows in (random.permutation(len(batch)), random.integers(0, 3 * 8, len(batch))):
        rates = np.asarray(olr.sweep(batch[rows], 2**13))[:, :64]
        np.testing.assert_allclose(rates, called()[rows // 8], rtol=2**-23, atol=0)


def test_without_float64_pairs_of_float32_are_used(monkeypatch):
    batch = mixed(40, 100)
    exact = np.asarray(olr.sweep(batch, 120))
    monkeypatch.setattr(evaluate, "system", lambda: None)
    monkeypatch.setattr(evaluate, "in_float64", contextlib.nullcontext)
    pairs = np.asarray(olr.sweep(batch, 120))
    assert (np.abs(pairs - exact) <= np.spacing(exact)).all()
    assert (pairs != exact).any()
