"""Tunix: `PeftTrainer` trains with a LLaMA-Factory recipe, and logs the learning rate of each update.

python examples/tunix_recipe.py [FOLDER]        writes FOLDER/tunix_recipe.png, by default into out/

Tunix reads `opt_state.hyperparams["learning_rate"]`, which `inject_schedules` fills in as `optax.inject_hyperparams` does.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import numpy as np
import optax
from flax import nnx
from pictures import draw_run
from tunix.sft.peft_trainer import PeftTrainer, TrainingConfig

import optax_lr as olr

LETTERS, LENGTH = 16, 8
RECIPE = {
    "stage": "sft",
    "finetuning_type": "full",
    "learning_rate": 1.0e-5,
    "lr_scheduler_type": "cosine",
    "warmup_ratio": 0.1,
    "num_train_epochs": 3.0,
    "per_device_train_batch_size": 4,
    "gradient_accumulation_steps": 8,
}
RATE_SCALE = (
    5000  # this model is a hundred million times smaller than those that the recipe is for, and needs higher rates
)


class Model(nnx.Module):
    """From letters to a distribution over the next letter at each position."""

    def __init__(self, rngs):
        self.letters, self.out = nnx.Embed(LETTERS, 32, rngs=rngs), nnx.Linear(32, LETTERS, rngs=rngs)

    def __call__(self, letters):
        return self.out(self.letters(letters))


def loss_of(model, letters):
    return optax.softmax_cross_entropy_with_integer_labels(model(letters[:, :-1]), letters[:, 1:]).mean()


def batches(number, size):
    """Pieces of the alphabet, in order."""
    starts = np.random.default_rng(0).integers(0, LETTERS, (number, size, 1))
    yield from (starts + np.arange(LENGTH)) % LETTERS


folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
config = olr.read_config(RECIPE)
plan, settings = config.plan(num_examples=500, world_size=1), config.settings
schedule = plan.schedule * RATE_SCALE
print(f"{plan.schedule!r}")

trainer = PeftTrainer(
    Model(nnx.Rngs(0)),
    olr.inject_schedules(optax.adamw)(schedule),
    TrainingConfig(
        eval_every_n_steps=plan.max_steps,
        max_steps=plan.max_steps,
        gradient_accumulation_steps=settings.gradient_accumulation_steps,
    ),
)
trainer = trainer.with_loss_fn(loss_of).with_gen_model_input_fn(lambda letters: {"letters": letters})
micro = plan.max_steps * settings.gradient_accumulation_steps
with jax.set_mesh(jax.make_mesh((1,), ("fsdp",), axis_types=(jax.sharding.AxisType.Auto,))):
    trainer.train(batches(micro, settings.per_device_train_batch_size))
losses, rates = (trainer.metrics_logger.get_metric_history("", name, "train") for name in ("loss", "learning_rate"))
print(f"{len(rates)} updates by Tunix: loss {losses[0]:.2f} at first, {losses[-1]:.3f} at the end")
# Tunix logs the loss of an update after the next one has begun, and then reads the rate of the next one.
np.testing.assert_allclose(rates[:-1], schedule(np.arange(1, plan.max_steps)), rtol=1e-6)
draw_run(folder / "tunix_recipe.png", "Tunix by a LLaMA-Factory recipe", losses, rates)
