"""Logs for `benchmarks.patterns`: public logs of a folder, trainings on digits, and healthy curves with noise."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

import optax_lr as olr

STEPS, EVERY, EVAL_EVERY = 1000, 10, 100


def public_logs(folder: Path) -> Iterator[tuple[str, olr.Log]]:
    """Logs reduced to their rows: [step, epoch, learning_rate, loss, grad_norm, eval_loss], null where a row has none."""
    for path in sorted((folder / "runs").glob("*.json")):
        run = json.loads(path.read_text())
        rows = np.array([[np.nan if value is None else value for value in row] for row in run["log"]], np.float64)
        there = np.array([[value is not None for value in row] for row in run["log"]])
        names = ("step", "epoch", "learning_rate", "loss", "grad_norm", "eval_loss")
        columns = dict(zip(names, rows.T, strict=True)) | {"step": rows[:, 0].astype(np.int64)}
        is_nan = dict(zip(names, (there & np.isnan(rows)).T, strict=True))
        header = run["header"]
        yield path.stem, olr.Log(path.name, run["format"], **columns, max_steps=header.get("max_steps"), is_nan=is_nan)


def noisy_logs(kind: str, count: int = 5) -> Iterator[olr.Log]:
    """Losses of healthy runs with a linear rate, times noise of a kind in two sizes, with 10 to 300 rows."""
    random = np.random.default_rng(0)
    for rows in (10, 30, 100, 300):
        row = np.arange(1.0, rows + 1)
        falls = (3 * row**-0.3, 0.5 + 2.5 * row**-0.5, 0.3 + 3 * np.exp(-8 * row / rows), 2 + 0.5 * np.exp(-row / 4))
        for fall, size, _ in itertools.product(falls, (0.05, 0.3), range(count)):
            normal = random.normal(size=rows)
            noise = {
                "normal": normal,
                "heavy tails": random.standard_t(3, size=rows) / 1.7,
                "a spike in ten rows": np.where(random.random(rows) < 0.1, 3.0, 0.1 * normal),
                "wandering": np.convolve(random.normal(size=rows + 40), 0.44 * 0.9 ** np.arange(41), "valid"),
            }[kind]
            nothing = np.full(rows, np.nan)
            columns = {"learning_rate": 1e-4 * (1 - row / rows), "loss": fall * np.exp(size * noise)}
            columns |= dict.fromkeys(("grad_norm", "eval_loss", "epoch"), nothing)
            yield olr.Log(f"<{kind}>", "arrays", (10 * row).astype(np.int64), **columns, max_steps=10 * rows)


def digits_logs(optimizer, schedule: olr.Schedule, seed: int = 0) -> list[olr.Log]:
    """Train a small network on 1,400 digits for 1,000 steps with each schedule of a batch, and log every 10 steps.

    `optimizer` is a factory such as `optax.adamw`. The evaluation loss on 397 other digits is logged every 100 steps.
    """
    losses, rates, evaluations = map(np.asarray, _train(optimizer, schedule, seed))
    step = np.arange(EVERY, STEPS + 1, EVERY)
    empty = np.full(len(step), np.nan)
    logs = []
    for loss, rate, evaluation in zip(losses, rates, evaluations, strict=True):
        loss = loss.astype(np.float64).reshape(-1, EVERY).mean(axis=1)
        eval_loss = np.where(step % EVAL_EVERY == 0, evaluation[EVERY - 1 :: EVERY], np.nan).astype(np.float64)
        columns = {"learning_rate": rate[EVERY - 1 :: EVERY].astype(np.float64), "loss": loss, "eval_loss": eval_loss}
        is_nan = {"loss": np.isnan(loss)}
        logs.append(olr.Log("<digits>", "arrays", step, grad_norm=empty, epoch=empty, is_nan=is_nan, **columns))
    return logs


@partial(jax.jit, static_argnums=(0, 2))
def _train(optimizer, schedules: olr.Schedule, seed: int):
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(images))
    images, labels = jnp.asarray(images[order] / 16, jnp.float32), jnp.asarray(labels[order])
    first, second = jax.random.split(jax.random.key(seed))
    weights = {
        "in": jax.random.normal(first, (64, 64)) * np.sqrt(2 / 64),
        "hidden": jnp.zeros(64),
        "out": jax.random.normal(second, (64, 10)) / 8,
        "last": jnp.zeros(10),
    }

    def loss_of(weights, rows):
        hidden = jax.nn.relu(images[rows] @ weights["in"] + weights["hidden"])
        logits = hidden @ weights["out"] + weights["last"]
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels[rows]).mean()

    def run(schedule):
        update = optimizer(schedule)

        def step(carry, number):
            weights, state = carry
            rows = jax.random.randint(jax.random.fold_in(jax.random.key(seed), number), (32,), 0, 1400)
            loss, gradient = jax.value_and_grad(loss_of)(weights, rows)
            updates, state = update.update(gradient, state, weights)
            weights = optax.apply_updates(weights, updates)
            return (weights, state), (loss, schedule(number), loss_of(weights, jnp.arange(1400, len(images))))

        return jax.lax.scan(step, (weights, update.init(weights)), jnp.arange(STEPS))[1]

    return jax.vmap(run)(schedules)
