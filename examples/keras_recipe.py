"""Keras 3 on JAX: a schedule in the optimizer, and a control that follows the validation loss, as a callback.

python examples/keras_recipe.py [FOLDER]        writes FOLDER/keras_recipe.png, by default into out/
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
import keras
from digits import digits
from pictures import draw_run

import optax_lr as olr

EPOCHS, BATCH = 15, 64
training, validation = digits()
steps_per_epoch = -(-len(training[0]) // BATCH)


def compiled(rate) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, "relu"), keras.layers.Dense(10, "softmax")])
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


fit = {"batch_size": BATCH, "epochs": EPOCHS, "validation_data": validation, "verbose": 0}
schedule = olr.Cosine(0.1, max_steps=EPOCHS * steps_per_epoch, warmup_steps=steps_per_epoch)
planned = compiled(olr.to_keras(schedule)).fit(*training, **fit)
print(f"a cosine with a warmup: accuracy {planned.history['val_accuracy'][-1]:.3f}")

model = compiled(0.1)
rates = []
control = olr.reduce_on_plateau(olr.Constant(0.1), factor=0.5, patience=0, threshold=0.1)
told = keras.callbacks.LambdaCallback(
    on_epoch_end=lambda epoch, logs: rates.append(float(model.optimizer.learning_rate))
)
followed = model.fit(*training, callbacks=[olr.keras_callback(control, metric="val_loss"), told], **fit)
print(f"halved on a plateau: accuracy {followed.history['val_accuracy'][-1]:.3f}, last rate {rates[-1]:g}")
draw_run(
    Path(sys.argv[1] if len(sys.argv) > 1 else "out") / "keras_recipe.png",
    "Keras: the rate is halved when the validation loss stops improving",
    followed.history["loss"],
    rates,
    validation=(range(EPOCHS), followed.history["val_loss"]),
    unit="epoch",
)
