"""Many cooldowns from one state of a run at a constant rate: each branch decays over a different number of updates.

python examples/cooldowns.py [FOLDER]        writes FOLDER/cooldowns.png, by default into out/
"""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from digits import digits, loss_of
from pictures import save

import optax_lr as olr

STABLE, LONGEST, BATCH = 300, 200, 16
training, validation = jax.tree.map(jnp.asarray, digits())
optimizer = olr.inject_schedules(optax.sgd)(olr.Constant(0.3, warmup_steps=20), momentum=0.9)


def run(carry, updates: int):
    """Weights and state after some updates on random batches; the rate and the validation loss of each."""

    def update(carry, key):
        weights, state = carry
        rows = jax.random.randint(key, (BATCH,), 0, len(training[0]))
        gradient = jax.grad(loss_of)(weights, training[0][rows], training[1][rows])
        step, state = optimizer.update(gradient, state)
        weights = weights + step
        return (weights, state), (state.hyperparams["learning_rate"], loss_of(weights, *validation))

    return jax.lax.scan(update, carry, jax.random.split(jax.random.key(0), updates))


weights = jnp.zeros((64, 10))
(weights, state), (rates, losses) = jax.jit(run, static_argnums=1)((weights, optimizer.init(weights)), STABLE)
lengths = jnp.array([10, 25, 50, 100, 200])


@jax.jit
@jax.vmap
def branch(steps):
    return run((weights, olr.cooldown(state, steps, shape="1-sqrt")), LONGEST)[1]


cooled_rates, cooled_losses = map(np.asarray, branch(lengths))
print(f"after {STABLE} updates at a constant rate: validation loss {losses[-20:].mean():.3f}")
for length, curve in zip(lengths, cooled_losses, strict=True):
    print(f"cooled down over {length:3d}: {curve[length - 1]:.3f}")

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
left.plot(rates, color="0.6")
right.plot(losses, color="0.6")
for number, length in enumerate(np.asarray(lengths)):
    steps = STABLE + np.arange(length)
    left.plot(steps, cooled_rates[number, :length], color=f"C{number}", label=f"{length} updates")
    right.plot(steps, cooled_losses[number, :length], color=f"C{number}")
left.set(xlabel="optimizer step", ylabel="learning rate", title=f"{len(lengths)} cooldowns from one state")
right.set(xlabel="optimizer step", ylabel="validation loss", yscale="log", title="The loss falls with the rate")
left.legend(frameon=False, loc="lower left")
save(figure, Path(sys.argv[1] if len(sys.argv) > 1 else "out") / "cooldowns.png")
