"""A range test of a whole population in one call: how the suggested rate depends on the momentum.

python examples/range_test_population.py [FOLDER]        writes FOLDER/range_test_population.png, by default into out/
"""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from digits import digits, loss_of
from pictures import save

import optax_lr as olr

training, _ = jax.tree.map(jnp.asarray, digits())
momenta = jnp.array([0.0, 0.5, 0.8, 0.9, 0.95, 0.98])


def test_of(momentum):
    """The range test of one member; `jax.vmap` makes it a population."""

    def step(carry, rate):
        weights, velocity = carry
        loss, gradient = jax.value_and_grad(loss_of)(weights, *training)
        velocity = momentum * velocity + gradient
        return (weights - rate * velocity, velocity), loss

    start = jnp.zeros((64, 10))
    return olr.range_test(step, (start, start), low=1e-3, high=1e3, steps=120)


found = jax.jit(jax.vmap(test_of))(momenta)
for momentum, steepest in zip(momenta, found.steepest, strict=True):
    print(f"momentum {momentum:.2f}: the loss falls fastest at a rate of {steepest:.2g}")

figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
for number, momentum in enumerate(np.asarray(momenta)):
    used = slice(0, int(found.stop[number]))
    axes.plot(
        found.rates[number, used], found.smoothed[number, used], color=f"C{number}", label=f"momentum {momentum:g}"
    )
    axes.axvline(float(found.steepest[number]), color=f"C{number}", linestyle=":", linewidth=1)
axes.set(
    xscale="log", ylim=(0, 5), xlabel="learning rate", ylabel="smoothed loss",
    title=f"Range tests of {len(momenta)} models; dotted: where the loss falls fastest",
)  # fmt: skip
axes.legend(frameon=False)
save(figure, Path(sys.argv[1] if len(sys.argv) > 1 else "out") / "range_test_population.png")
