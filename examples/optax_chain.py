"""A schedule in the state of an Optax chain: the rate is read from the state, and the schedule is replaced without recompiling.

python examples/optax_chain.py [FOLDER]        writes FOLDER/optax_chain.png, by default into out/
"""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from pictures import draw_run

import optax_lr as olr

STEPS = 400
x = jax.random.normal(jax.random.key(0), (512, 8))
y = jnp.sin(x.sum(axis=1, keepdims=True))

schedule = olr.WarmupStableDecay(2e-2, max_steps=STEPS, warmup_steps=40, decay_steps=120)
optimizer = optax.chain(
    optax.clip_by_global_norm(1.0),
    optax.scale_by_adam(),
    olr.scale_by_learning_rate(schedule),
)
traces = 0


@jax.jit
def train_step(params, state):
    global traces  # noqa: PLW0603 - a simple counter
    traces += 1

    def loss_of(params):
        hidden = jnp.tanh(x @ params["first"])
        return jnp.mean((hidden @ params["second"] - y) ** 2)

    loss, gradients = jax.value_and_grad(loss_of)(params)
    updates, state = optimizer.update(gradients, state)
    return optax.apply_updates(params, updates), state, loss


def train(schedule: olr.Schedule) -> tuple[list[float], list[float]]:
    keys = jax.random.split(jax.random.key(1))
    params = {"first": jax.random.normal(keys[0], (8, 32)) / 3, "second": jax.random.normal(keys[1], (32, 1)) / 6}
    state = olr.set_schedule(optimizer.init(params), schedule)
    losses, rates = [], []
    for _ in range(STEPS):
        params, state, loss = train_step(params, state)
        losses.append(float(loss))
        rates.append(float(optax.tree.get(state, "learning_rate")))  # the rate of this update
    return losses, rates


folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
losses, rates = train(schedule)
np.testing.assert_allclose(rates, schedule(jnp.arange(STEPS)), rtol=2e-7)
print(f"peak {schedule.learning_rate:g}: loss {losses[0]:.3f} -> {losses[-1]:.4f}")
for peak in (2e-3, 2e-4):
    losses_there, _ = train(schedule.replace(learning_rate=peak))
    print(f"peak {peak:g}: loss {losses_there[0]:.3f} -> {losses_there[-1]:.4f}")
print(f"compilations of the train step for three schedules: {traces}")
draw_run(folder / "optax_chain.png", "Warmup, stable, decay in an optax.chain", losses, rates)
