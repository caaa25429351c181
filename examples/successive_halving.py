"""Successive halving over schedules: 64 models start, and the better half trains twice as long, until one is left.

python examples/successive_halving.py [FOLDER]        writes FOLDER/successive_halving.png, by default into out/
"""

from __future__ import annotations

import functools
import operator
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

STEPS, BATCH, FIRST = 640, 64, 10
training, validation = jax.tree.map(jnp.asarray, digits())
schedules = olr.concatenate(
    [
        olr.grid(kind, learning_rate=np.geomspace(1e-3, 1.0, 16), warmup_steps=warmups, max_steps=STEPS).reshape(-1)
        for kind, warmups in ((olr.Linear, [0, 20]), (olr.Cosine, [0, 20]))
    ]
)


def loss_of(params, images, labels):
    logits = jax.nn.relu(images @ params["first"]) @ params["second"]
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def start(schedule):
    keys = jax.random.split(jax.random.key(0))
    params = {"first": jax.random.normal(keys[0], (64, 32)) / 8, "second": jax.random.normal(keys[1], (32, 10)) / 6}
    return params, olr.inject_schedules(optax.sgd)(schedule, momentum=0.9).init(params)


@functools.partial(jax.jit, static_argnames="updates")
@functools.partial(jax.vmap, in_axes=(0, None, None))
def go_on(member, key, updates):
    """A member after further updates, and its validation loss; the schedule continues in the state."""
    optimizer = olr.inject_schedules(optax.sgd)(
        olr.Constant(0.0), momentum=0.9
    )  # replaced by the schedule in the state

    def update(carry, key):
        params, state = carry
        rows = jax.random.randint(key, (BATCH,), 0, len(training[0]))
        updates, state = optimizer.update(
            jax.grad(loss_of)(params, training[0][rows], training[1][rows]), state, params
        )
        return (optax.apply_updates(params, updates), state), None

    (params, state), _ = jax.lax.scan(update, member, jax.random.split(key, updates))
    return (params, state), loss_of(params, *validation)


members, left, trained, updates, spent = jax.vmap(start)(schedules), np.arange(len(schedules)), 0, FIRST, 0
history = []
while True:
    members, losses = go_on(members, jax.random.key(trained), updates)
    trained, spent = trained + updates, spent + updates * len(left)
    losses = np.asarray(jnp.nan_to_num(losses, nan=jnp.inf))
    history.append((trained, left, losses))
    print(f"after {trained:3d} updates: {len(left):2d} models, best validation loss {losses.min():.4f}")
    if len(left) == 1 or trained >= STEPS:
        break
    better = np.argsort(losses)[: len(left) // 2]
    left, members = left[better], jax.tree.map(operator.itemgetter(better), members)
    updates = min(trained, STEPS - trained)
best = int(left[np.argmin(losses)])
print(f"best: {schedules[best]!r}")
print(f"{spent} updates, instead of {STEPS * len(schedules)}")
assert losses.min() < 0.2

figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
for row in range(len(schedules)):
    seen = [(at, loss[list(who).index(row)]) for at, who, loss in history if row in who]
    axes.plot(*zip(*seen, strict=True), color="#1f5a8c" if row == best else "#b8c4d0", marker="o", markersize=3,
              linewidth=2 if row == best else 0.8, zorder=2 + (row == best))  # fmt: skip
axes.set(
    xscale="log",
    yscale="log",
    xlabel="optimizer steps",
    ylabel="validation loss",
    title="Successive halving of 64 schedules",
)
axes.set_xticks([at for at, _, _ in history], [str(at) for at, _, _ in history], minor=False)
axes.minorticks_off()
axes.spines[["top", "right"]].set_visible(False)
path = Path(sys.argv[1] if len(sys.argv) > 1 else "out") / "successive_halving.png"
path.parent.mkdir(parents=True, exist_ok=True)
figure.savefig(path, dpi=120)
print(f"wrote {path}")
