"""The range test compared with the real torch-lr-finder, for a population, and for losses that never fall."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
import pytest
import torch

import optax_lr as olr
from tests.wrong_types import wrong_types

STEPS = 60
X = np.random.default_rng(0).normal(size=(STEPS, 8, 3))
Y = X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3


def step(w, rate, batch):
    x, y = batch
    loss, gradient = jax.value_and_grad(lambda w: ((x @ w - y) ** 2).mean())(w)
    return w - rate * gradient, loss


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("high", [0.1, 30.0])
def test_the_range_test_equals_that_of_torch_lr_finder(high, capsys):
    from torch_lr_finder import LRFinder

    model = torch.nn.Linear(3, 1, bias=False).double()
    torch.nn.init.zeros_(model.weight)
    batches = torch.utils.data.TensorDataset(torch.from_numpy(X.reshape(-1, 3)), torch.from_numpy(Y.reshape(-1, 1)))
    finder = LRFinder(model, torch.optim.SGD(model.parameters(), lr=1e-4), torch.nn.MSELoss(), device="cpu")
    finder.range_test(torch.utils.data.DataLoader(batches, batch_size=8), end_lr=high, num_iter=STEPS)
    theirs = np.array(finder.history["loss"])
    suggested = int(np.gradient(theirs[10:-5]).argmin()) + 10
    with jax.enable_x64(True):
        found = jax.jit(lambda w: olr.range_test(step, w, (X, Y), low=1e-4, high=high, steps=STEPS))(jnp.zeros((3, 1)))
        assert int(found.stop) == len(theirs)
        np.testing.assert_allclose(found.smoothed[: len(theirs)], theirs, rtol=1e-9)
        np.testing.assert_allclose(found.rates[: len(theirs)], finder.history["lr"], rtol=1e-9)
        assert float(found.steepest) == pytest.approx(float(found.rates[suggested]), rel=1e-12)
        assert float(found.tenth) == pytest.approx(float(found.rates[int(np.argmin(theirs))]) / 10, rel=1e-12)
    assert (len(theirs) < STEPS) == (high == 30.0)


def test_a_population_equals_its_members():
    starts = jnp.stack([jnp.zeros((3, 1)), jnp.ones((3, 1)), -jnp.ones((3, 1))])
    together = jax.jit(jax.vmap(lambda w: olr.range_test(step, w, (X, Y), low=1e-4, steps=STEPS)))(starts)
    assert together.losses.shape == (3, STEPS)
    for i, start in enumerate(starts):
        alone = olr.range_test(step, start, (X, Y), low=1e-4, steps=STEPS)
        assert int(alone.stop) == int(together.stop[i])
        np.testing.assert_allclose(alone.steepest, together.steepest[i], rtol=1e-6)
        np.testing.assert_allclose(alone.tenth, together.tenth[i], rtol=1e-6)


def test_with_an_optimizer_and_the_rate_in_its_state():
    optimizer = olr.inject_schedules(optax.adam)(learning_rate=0.0)

    def update(carry, rate):
        w, state = carry
        state = optax.tree.set(state, learning_rate=rate)
        loss, gradient = jax.value_and_grad(lambda w: ((w - 3) ** 2).sum())(w)
        updates, state = optimizer.update(gradient, state, w)
        return (w + updates, state), loss

    found = olr.range_test(update, (jnp.zeros(2), optimizer.init(jnp.zeros(2))), low=1e-4, high=100.0)
    assert 1e-2 < float(found.steepest) < 10
    ax = found.plot()
    assert len(ax.lines) == 4
    plt.close(ax.figure)


def test_no_rate_is_suggested_if_the_loss_never_falls():
    found = olr.range_test(lambda carry, rate: (carry, 1.0 + rate), jnp.zeros(()), high=1e-3)
    assert np.isnan(found.steepest)
    below = olr.range_test(lambda carry, rate: (carry, -1.0 + 0 * rate), jnp.zeros(()))
    assert int(below.stop) == 100  # losses below 0 do not diverge by being below 0
    broken = olr.range_test(lambda carry, rate: (carry, jnp.where(rate > 1e-3, jnp.nan, 1 - rate)), jnp.zeros(()))
    assert broken.rates[broken.stop - 1] > 1e-3 > broken.rates[broken.stop - 2]
    assert broken.tenth > 1e-7
    for never in (found, below, olr.range_test(lambda carry, rate: (carry, jnp.nan * rate), 0.0)):
        assert np.isnan(never.steepest)
        assert np.isnan(never.tenth)


def test_an_integer_or_bfloat16_loss_is_smoothed_in_float32():
    for dtype in (jnp.int32, jnp.bfloat16):
        found = olr.range_test(lambda count, rate: (count + 1, (100 - count).astype(dtype)), jnp.int32(0))  # noqa: B023
        assert found.losses.dtype == jnp.float32
        assert (jnp.diff(found.smoothed) < 0).all()


@wrong_types
def test_errors_name_the_remedy():
    with pytest.raises(TypeError, match="step must be a function of the carry and the rate"):
        olr.range_test(0.1, 0.0)
    with pytest.raises(ValueError, match="steps must be at least 18, not 5"):
        olr.range_test(step, 0.0, steps=5)
    with pytest.raises(ValueError, match=r"step must return one loss, not an array of shape \(2,\)"):
        olr.range_test(lambda carry, rate: (carry, jnp.ones(2)), 0.0)
    with pytest.raises(TypeError, match="step must return the new carry and the loss, not a"):
        olr.range_test(lambda carry, rate: carry, 0.0)
    half = {"w": jnp.ones(2, jnp.bfloat16)}
    with pytest.raises(TypeError, match=r"carry\['w'\] is bfloat16\[2\] before and float32\[2\] after"):
        olr.range_test(lambda carry, rate: ({"w": carry["w"] * rate}, 1.0), half)
    with pytest.raises(ValueError, match=r"batches need a leading axis of steps=100, and one has the shape \(50, 2\)"):
        olr.range_test(lambda carry, rate, batch: (carry, 1.0), 0.0, jnp.ones((50, 2)))
    for wrong, told in (
        ({"low": 1.0, "high": 0.1}, "low must be above 0 and below high"),
        ({"low": 0.0}, "low must be above 0 and below high"),
        ({"smoothing": 0.0}, "smoothing must be above 0 and at most 1"),
        ({"diverged": 1.0}, "diverged must be above 1"),
    ):
        with pytest.raises(ValueError, match=told):
            olr.range_test(step, 0.0, **wrong)
