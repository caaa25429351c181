"""Optuna: a search over peak and warmup with one compilation for all trials.

python examples/optuna_recipe.py [FOLDER]        writes FOLDER/optuna_recipe.png, by default into out/

The schedule is data in the optimizer's state, so that a trial changes numbers and not the program.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import optax
import optuna
from digits import digits, loss_of
from pictures import save

import optax_lr as olr

STEPS, TRIALS = 100, 20
training, validation = jax.tree.map(jnp.asarray, digits())
schedule = olr.Cosine(0.1, max_steps=STEPS)
optimizer = olr.inject_schedules(optax.sgd)(schedule, momentum=0.9)


@jax.jit
def train(state):
    def update(carry, _):
        weights, state = carry
        updates, state = optimizer.update(jax.grad(loss_of)(weights, *training), state)
        return (weights + updates, state), None

    (weights, _), _ = jax.lax.scan(update, (jnp.zeros((64, 10)), state), length=STEPS)
    return loss_of(weights, *validation)


def objective(trial: optuna.Trial) -> float:
    settings = {
        "learning_rate": trial.suggest_float("learning_rate", 1e-3, 3.0, log=True),
        "warmup_steps": trial.suggest_int("warmup_steps", 0, 50),
    }
    state = optimizer.init(jnp.zeros((64, 10)))
    return float(train(olr.set_schedule(state, schedule.replace(**settings))))


optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
study.optimize(objective, n_trials=TRIALS)
print(f"best of {TRIALS} trials: validation loss {study.best_value:.3f} with {study.best_params}")
print(f"compilations of the training: {train._cache_size()}")

figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
trials = study.trials
drawn = axes.scatter(
    [trial.params["learning_rate"] for trial in trials],
    [trial.value for trial in trials],
    c=[trial.params["warmup_steps"] for trial in trials],
)
axes.set(
    xscale="log",
    yscale="log",
    xlabel="peak learning rate",
    ylabel="validation loss",
    title=f"{TRIALS} trials of Optuna",
)
figure.colorbar(drawn, label="warmup steps")
save(figure, Path(sys.argv[1] if len(sys.argv) > 1 else "out") / "optuna_recipe.png")
