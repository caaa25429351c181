"""Flax linen: a TrainState whose rate is halved when the validation loss stops improving, with early stopping.

python examples/flax_linen_digits.py [FOLDER]        writes FOLDER/flax_linen_digits.png, by default into out/
"""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import numpy as np
import optax
from digits import batches, digits
from flax import linen as nn
from flax.training.train_state import TrainState
from pictures import draw_run

import optax_lr as olr

EPOCHS, BATCH = 60, 64


class Model(nn.Module):
    """Two layers."""

    @nn.compact
    def __call__(self, images):
        return nn.Dense(10)(nn.relu(nn.Dense(64)(images)))


def loss_of(state, params, images, labels):
    logits = state.apply_fn({"params": params}, images)
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), logits


@jax.jit
def train_step(state, images, labels):
    (loss, _), gradients = jax.value_and_grad(lambda p: loss_of(state, p, images, labels), has_aux=True)(state.params)
    return state.apply_gradients(grads=gradients), loss


@jax.jit
def evaluate(state, images, labels):
    loss, logits = loss_of(state, state.params, images, labels)
    return loss, (logits.argmax(axis=-1) == labels).mean()


# apply_gradients cannot pass a metric, so `observe` passes it to the control between updates.
control = olr.reduce_on_plateau(olr.Constant(1e-2), factor=0.5, patience=2, threshold=0.01)
model = Model()
training, validation = digits()
state = TrainState.create(
    apply_fn=model.apply,
    params=model.init(jax.random.key(0), training[0][:1])["params"],
    tx=olr.inject_schedules(optax.adamw)(control, weight_decay=1e-4),
)
stopping = olr.EarlyStopping(patience=8, threshold=1e-4)
losses, rates, evaluated, marks = [], [], [], {}
for epoch in range(EPOCHS):
    for images, labels in batches(*training, BATCH, epoch):
        state, loss = train_step(state, images, labels)
        losses.append(loss)
        rates.append(optax.tree.get(state.opt_state, "learning_rate"))
    validation_loss, accuracy = evaluate(state, *validation)
    evaluated.append((len(losses), float(validation_loss)))
    state = olr.observe(state, validation_loss)
    stopping = stopping.observe(validation_loss)
    if optax.tree.get(state.opt_state, "learning_rate") < rates[-1]:
        print(f"epoch {epoch:2d}: validation loss {validation_loss:.4f}: the rate falls from {rates[-1]:g} to half")
    if stopping.should_stop:
        marks[len(losses)] = "stopped"
        break
print(f"stopped after epoch {epoch} at accuracy {accuracy:.3f}; best validation loss {stopping.best:.4f}")
assert accuracy > 0.95
draw_run(
    Path(sys.argv[1] if len(sys.argv) > 1 else "out") / "flax_linen_digits.png",
    "Digits with linen: reduced on plateau",
    np.asarray(losses),
    np.asarray(rates),
    validation=tuple(zip(*evaluated, strict=True)),
    marks=marks,
)
