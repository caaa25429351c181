"""Gradients through training: gradient descent improves the peak, the warmup shape and the decay of a schedule.

python examples/meta_gradient.py [FOLDER]        writes FOLDER/meta_gradient.png, by default into out/
"""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import optax
from digits import digits

import optax_lr as olr

matplotlib.use("agg")
import matplotlib.pyplot as plt

STEPS, BATCH, META_STEPS = 60, 64, 25
training, validation = jax.tree.map(jnp.asarray, digits())


def loss_of(params, images, labels):
    logits = jax.nn.relu(images @ params["first"]) @ params["second"]
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def schedule_of(settings) -> olr.Schedule:
    """The schedule of unconstrained parameters: the logarithm of the peak, the power of the decay, and the floor as a share."""
    peak = jnp.exp(settings["log_peak"])
    floor = peak * jax.nn.sigmoid(settings["floor"])
    return olr.Polynomial(peak, max_steps=STEPS, warmup_steps=5, power=jnp.exp(settings["log_power"]), min_lr=floor)


def validation_loss(settings):
    """The loss after training with the schedule of these parameters, differentiable through every step."""
    optimizer = optax.sgd(schedule_of(settings), momentum=0.9)
    keys = jax.random.split(jax.random.key(0))
    params = {"first": jax.random.normal(keys[0], (64, 32)) / 8, "second": jax.random.normal(keys[1], (32, 10)) / 6}

    def update(carry, key):
        params, state = carry
        rows = jax.random.randint(key, (BATCH,), 0, len(training[0]))
        updates, state = optimizer.update(jax.grad(loss_of)(params, training[0][rows], training[1][rows]), state)
        return (optax.apply_updates(params, updates), state), None

    start = (params, optimizer.init(params))
    (params, _), _ = jax.lax.scan(update, start, jax.random.split(jax.random.key(1), STEPS))
    return loss_of(params, *validation)


settings = {"log_peak": jnp.log(3e-3), "log_power": jnp.asarray(0.0), "floor": jnp.asarray(-3.0)}
first = schedule_of(settings)
meta = optax.adam(0.2)
state, losses = meta.init(settings), []
loss_and_gradient = jax.jit(jax.value_and_grad(validation_loss))
for _ in range(META_STEPS):
    loss, gradient = loss_and_gradient(settings)
    losses.append(float(loss))
    updates, state = meta.update(gradient, state)
    settings = optax.apply_updates(settings, updates)
losses.append(float(jax.jit(validation_loss)(settings)))
last = schedule_of(settings)
print(f"validation loss after {STEPS} updates: {losses[0]:.3f} under {first!r}")
print(f"after {META_STEPS} steps on the schedule:      {losses[-1]:.3f} under {last!r}")
assert losses[-1] < 0.5 * losses[0]

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.plot(losses, marker="o", markersize=3, color="#1f5a8c")
left.set(xlabel="steps on the schedule", ylabel="validation loss", title="the resulting schedule", yscale="log")
steps = np.arange(STEPS)
right.plot(first(steps), color="#b8c4d0", label="at the start")
right.plot(last(steps), color="#c4501b", label="at the end")
right.set(xlabel="optimizer step", ylabel="learning rate", title="the schedule", yscale="log")
right.legend(frameon=False)
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)
path = Path(sys.argv[1] if len(sys.argv) > 1 else "out") / "meta_gradient.png"
path.parent.mkdir(parents=True, exist_ok=True)
figure.savefig(path, dpi=120)
print(f"wrote {path}")
