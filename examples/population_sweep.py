"""96 models with schedules of seven kinds, trained in one vmapped program, and one after the other.

python examples/population_sweep.py [FOLDER]        writes FOLDER/population_sweep.png, by default into out/
"""

from __future__ import annotations

import sys
import time
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

STEPS, BATCH = 150, 64
training, validation = jax.tree.map(jnp.asarray, digits())


def population() -> olr.Schedule:
    """Every kind at 6 peaks, with and without a warmup: a mixed batch of 96."""
    peaks, warmups = np.geomspace(3e-3, 1.0, 6), [0, 30]
    kinds = [
        olr.grid(kind, learning_rate=peaks, warmup_steps=warmups, max_steps=STEPS)
        for kind in (olr.Linear, olr.Cosine, olr.CosineWithRestarts)
    ]
    kinds += [
        olr.grid(olr.Polynomial, learning_rate=peaks, warmup_steps=warmups, max_steps=STEPS, power=[0.5, 2]),
        olr.grid(olr.WarmupStableDecay, learning_rate=peaks, warmup_steps=warmups, max_steps=STEPS, decay_steps=50),
        olr.grid(olr.Constant, learning_rate=peaks, warmup_steps=warmups),
        olr.grid(olr.InverseSqrt, learning_rate=peaks, warmup_steps=[10, 30], timescale=30),
    ]
    return olr.concatenate([kind.reshape(-1) for kind in kinds])


def loss_of(params, images, labels):
    logits = jax.nn.relu(images @ params["first"]) @ params["second"]
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), logits


def train(schedule):
    """The validation loss and accuracy of one member after STEPS updates; `jax.vmap` makes it a population."""
    optimizer = olr.inject_schedules(optax.sgd)(schedule, momentum=0.9)
    keys = jax.random.split(jax.random.key(0))
    params = {"first": jax.random.normal(keys[0], (64, 32)) / 8, "second": jax.random.normal(keys[1], (32, 10)) / 6}

    def update(carry, key):
        params, state = carry
        rows = jax.random.randint(key, (BATCH,), 0, len(training[0]))
        gradients, _ = jax.grad(loss_of, has_aux=True)(params, training[0][rows], training[1][rows])
        updates, state = optimizer.update(gradients, state, params)
        return (optax.apply_updates(params, updates), state), None

    start = (params, optimizer.init(params))
    (params, _), _ = jax.lax.scan(update, start, jax.random.split(jax.random.key(1), STEPS))
    loss, logits = loss_of(params, *validation)
    return loss, (logits.argmax(axis=-1) == validation[1]).mean()


def timed(function):
    start = time.perf_counter()
    result = jax.block_until_ready(function())
    return result, time.perf_counter() - start


schedules = population()
together = jax.jit(jax.vmap(train)).lower(schedules).compile()
alone = jax.jit(train)
(losses, accuracies), seconds = timed(lambda: together(schedules))
jax.block_until_ready(alone(schedules[0]))
singles = [schedules[i] for i in range(len(schedules))]
for kind in {type(single): single for single in singles}.values():
    jax.block_until_ready(alone(kind))  # one compilation for each kind; the clock below starts after them
one_by_one, seconds_alone = timed(lambda: [alone(single) for single in singles])
settled = np.array(
    [single.learning_rate < 0.1 for single in singles]
)  # higher rates let the last bit's difference grow
np.testing.assert_allclose(losses[settled], np.array([loss for loss, _ in one_by_one])[settled], rtol=0.05, atol=1e-3)
_, seconds_compiling = timed(jax.jit(lambda: train(singles[0])))

order = np.argsort(losses)
print(
    f"{len(schedules)} models of {len(schedules.schedules)} kinds: {seconds:.2f} s together, {seconds_alone:.2f} s one by one,"
)
print(f"{seconds_alone / seconds:.1f} times as long (compiled in advance, both; one compilation for each kind)")
print(f"a compilation for each model, as with a schedule in a closure: {seconds_compiling:.2f} s a model, ", end="")
print(f"{seconds_compiling * len(schedules) / seconds:.0f} times as long")
print("best:")
for i in order[:5]:
    print(f"  validation loss {losses[i]:.4f}, accuracy {accuracies[i]:.3f}: {schedules[i]!r}")
print(f"worst: validation loss {losses[order[-1]]:.4f}: {schedules[order[-1]]!r}")
assert accuracies[order[0]] > 0.95

curves = np.asarray(olr.sweep(schedules, STEPS))
ranks = np.empty(len(order))
ranks[order] = np.linspace(0, 1, len(order))
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
colours = plt.get_cmap("viridis_r")
for i in order[::-1]:
    left.plot(np.maximum(curves[i], 1e-5), color=colours(ranks[i]), linewidth=0.8)
left.set(
    yscale="log", xlabel="optimizer step", ylabel="learning rate", title=f"{len(schedules)} schedules", ylim=(1e-5, 1)
)
names = [type(single).__name__ for single in singles]
peaks = np.array([float(single.learning_rate) for single in singles])
for name, marker in zip(dict.fromkeys(names), "os^Dv*P", strict=True):
    chosen = np.array(names) == name
    right.scatter(peaks[chosen], losses[chosen], c=ranks[chosen], cmap=colours, vmin=0, vmax=1, marker=marker, s=22)
    right.scatter([], [], color="#777777", marker=marker, s=22, label=name)
right.set(
    xscale="log", yscale="log", xlabel="peak learning rate", ylabel="validation loss", title="validation loss of each"
)
right.legend(frameon=False, fontsize=8)
figure.colorbar(plt.cm.ScalarMappable(cmap=colours), ax=right, label="rank by validation loss, 0 is best")
path = Path(sys.argv[1] if len(sys.argv) > 1 else "out") / "population_sweep.png"
path.parent.mkdir(parents=True, exist_ok=True)
figure.savefig(path, dpi=120)
print(f"wrote {path}")
