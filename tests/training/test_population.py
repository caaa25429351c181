"""Models that are trained together, each with its own schedule, equal models that are trained alone."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lr as olr
from tests.children import on_eight_devices
from tests.compilations import QUICK_FLAGS

STEPS = 20
SCHEDULES = [
    olr.Linear(0.1, max_steps=STEPS, warmup_steps=4),
    olr.Cosine(0.2, max_steps=STEPS),
    olr.Constant(0.05, warmup_steps=3),
    olr.InverseSqrt(0.1, warmup_steps=5),
    olr.Polynomial(0.3, max_steps=STEPS, power=2.0),
    olr.CosineWithRestarts(0.2, max_steps=STEPS, num_cycles=3),
    olr.WarmupStableDecay(0.2, max_steps=STEPS, decay_steps=8),
    olr.Linear(0.05, max_steps=STEPS),
]
X = jax.random.normal(jax.random.key(0), (32, 4))
Y = jnp.sin(X.sum(axis=1))


def loss_of(params):
    return jnp.mean((jnp.tanh(X @ params["first"]) @ params["second"] - Y) ** 2)


def train(schedule):
    """The losses of a run under one schedule, and the state after it."""
    optimizer = olr.inject_schedules(optax.adamw)(schedule)
    params = {"first": jnp.linspace(-1, 1, 32).reshape(4, 8), "second": jnp.linspace(1, -1, 8)}

    def step(carry, _):
        params, state = carry
        loss, gradients = jax.value_and_grad(loss_of)(params)
        updates, state = optimizer.update(gradients, state, params)
        return (optax.apply_updates(params, updates), state), (loss, optax.tree.get(state, "learning_rate"))

    (_, state), (losses, rates) = jax.lax.scan(step, (params, optimizer.init(params)), length=STEPS)
    return losses, rates, state


def test_a_population_of_mixed_kinds_equals_its_members():
    batch = olr.stack(SCHEDULES)
    losses, rates, _ = jax.jit(jax.vmap(train))(batch)
    np.testing.assert_allclose(rates, olr.stack(SCHEDULES)(jnp.arange(STEPS)), rtol=2e-7)
    for i in (0, 1, 4, 6):
        alone, rates_alone, _ = jax.jit(train)(SCHEDULES[i])
        np.testing.assert_allclose(losses[i], alone, rtol=1e-4)
        np.testing.assert_allclose(rates[i], rates_alone, rtol=2e-7)
    best = int(np.argmin(losses[:, -1]))
    assert repr(batch[best]) == repr(SCHEDULES[best])


def test_a_population_of_one_kind_compiles_once_for_any_hyperparameters():
    traces = []

    @jax.jit
    @jax.vmap
    def losses(schedule):
        traces.append(1)
        return train(schedule)[0]

    for peaks in ([0.1, 0.2], [0.01, 0.02]):
        losses(olr.grid(olr.Cosine, learning_rate=peaks, max_steps=STEPS))
    assert len(traces) == 1


def test_the_memory_of_a_member():
    """AdamW's two moments and its count, and less than 128 bytes of settings, as stated in docs/training.md."""
    _, _, state = jax.eval_shape(train, SCHEDULES[1])
    moments = 2 * 4 * (32 + 8) + 4
    assert moments < _bytes(state) < moments + 128


def _bytes(tree):
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


EIGHT_DEVICES = """
import jax, numpy as np, optax_lr as olr
from tests.training.test_population import SCHEDULES, train
batch = olr.stack(SCHEDULES * 2)
losses, rates, state = jax.jit(jax.vmap(train))(batch)
sharded = jax.jit(jax.vmap(train))(olr.shard(batch))
for one, other in zip(jax.tree.leaves((losses, rates, state)), jax.tree.leaves(sharded), strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-7)
for made in (sharded[0], sharded[1], sharded[2].inner_state[0].mu["first"]):
    assert made.addressable_shards[0].data.shape[0] == 2  # each device holds two of the sixteen members
print("equal")
"""


def test_a_population_over_eight_devices():
    assert on_eight_devices(EIGHT_DEVICES, QUICK_FLAGS) == "equal\n"


@pytest.mark.parametrize("schedule", [SCHEDULES[0], SCHEDULES[4]])
def test_gradients_through_training_are_the_slopes(schedule):
    """The last loss as a function of the peak: its gradient against a difference, in float64."""
    with jax.enable_x64(True):

        def last(peak):
            return train(schedule.replace(learning_rate=peak))[0][-1]

        gradient = jax.grad(last)(0.1)
        slope = (last(0.1 + 1e-6) - last(0.1 - 1e-6)) / 2e-6
        assert abs(gradient) > 1e-3
        np.testing.assert_allclose(gradient, slope, rtol=1e-5)
