"""Flax nnx: a cosine that continues while the validation loss improves, and is then halved and held.

python examples/flax_nnx_digits.py [FOLDER]        writes FOLDER/flax_nnx_digits.png, by default into out/
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import optax
from digits import batches, digits
from flax import nnx
from pictures import draw_run

import optax_lr as olr

EPOCHS, BATCH = 30, 64
training, validation = digits()
steps_per_epoch = len(training[0]) // BATCH


class Model(nnx.Module):
    """Two layers."""

    def __init__(self, rngs):
        self.first = nnx.Linear(64, 64, rngs=rngs)
        self.second = nnx.Linear(64, 10, rngs=rngs)

    def __call__(self, images):
        return self.second(nnx.relu(self.first(images)))


def loss_of(model, images, labels):
    return optax.softmax_cross_entropy_with_integer_labels(model(images), labels).mean()


@nnx.jit
def train_step(model, optimizer, images, labels):
    loss, gradients = nnx.value_and_grad(loss_of)(model, images, labels)
    optimizer.update(model, gradients)
    return loss


@nnx.jit
def evaluate(model, images, labels):
    return loss_of(model, images, labels), (model(images).argmax(axis=-1) == labels).mean()


cosine = olr.Cosine(2e-2, max_steps=EPOCHS * steps_per_epoch, warmup_steps=steps_per_epoch)
control = olr.hold_on_plateau(cosine, factor=0.5, patience=1)
model = Model(nnx.Rngs(0))
optimizer = nnx.Optimizer(model, olr.inject_schedules(optax.adamw)(control), wrt=nnx.Param)
losses, rates, evaluated, marks = [], [], [], {}
for epoch in range(EPOCHS):
    for images, labels in batches(*training, BATCH, epoch):
        losses.append(train_step(model, optimizer, images, labels))
        rates.append(olr.rates(optimizer)["learning_rate"])
    validation_loss, accuracy = evaluate(model, *validation)
    evaluated.append((len(losses), float(validation_loss)))
    olr.observe(optimizer, validation_loss)
    rate = olr.rates(optimizer)["learning_rate"]
    if not marks and rate < 0.9 * rates[-1]:
        marks[len(losses)] = f"held at {rate:.2g}"
        print(f"epoch {epoch}: validation loss {validation_loss:.4f} no longer improves: {marks[len(losses)]}")
print(f"accuracy {accuracy:.3f}, validation loss {validation_loss:.4f}")
assert accuracy > 0.95
draw_run(
    Path(sys.argv[1] if len(sys.argv) > 1 else "out") / "flax_nnx_digits.png",
    "Digits with nnx: a cosine, held on plateau",
    np.asarray(losses),
    np.asarray(rates),
    validation=tuple(zip(*evaluated, strict=True)),
    marks=marks,
)
