"""Hydra: schedules and the optimizer come from configs, and the jobs of a sweep are rows of one compiled program.

python examples/hydra_recipe.py [FOLDER]        writes FOLDER/hydra_recipe.png, by default into out/

Hydra's own multirun starts a program for each job. Here each job is composed, and `jax.vmap` trains all of them at once.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from digits import digits, loss_of
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from pictures import save

import optax_lr as olr

STEPS = 100
training, validation = jax.tree.map(jnp.asarray, digits())
jobs = [
    [f"schedule={kind}", *override]
    for kind, override in itertools.chain(
        itertools.product(("cosine", "linear"), ([f"schedule.learning_rate={rate}"] for rate in (0.03, 0.1, 0.3, 1.0))),
        [("stages", [])],
    )
]
with initialize_config_dir(str(Path(__file__).with_name("conf").absolute()), version_base=None):
    configs = [compose("config", overrides=job) for job in jobs]
schedules = olr.stack([instantiate(config.schedule) for config in configs])
make_optimizer = olr.inject_schedules(instantiate(configs[0].optimizer))


@jax.jit
@jax.vmap
def train(schedule):
    optimizer = make_optimizer(learning_rate=schedule)

    def update(carry, _):
        weights, state = carry
        updates, state = optimizer.update(jax.grad(loss_of)(weights, *training), state)
        return (weights + updates, state), None

    weights = jnp.zeros((64, 10))
    (weights, _), _ = jax.lax.scan(update, (weights, optimizer.init(weights)), length=STEPS)
    return loss_of(weights, *validation)


losses = np.asarray(train(schedules))
for job, loss in sorted(zip(jobs, losses, strict=True), key=lambda pair: pair[1]):
    print(f"validation loss {loss:.3f}: {' '.join(job)}")
print(f"{len(jobs)} jobs, one compilation")

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
names = [job[0].removeprefix("schedule=") + "".join(f" {o.split('=')[1]}" for o in job[1:]) for job in jobs]
for curve, name in zip(np.asarray(olr.sweep(schedules, STEPS)), names, strict=True):
    left.plot(curve, label=name)
left.set(yscale="log", ylim=(1e-3, 1.5), xlabel="optimizer step", ylabel="learning rate", title="The jobs")
right.barh(names, losses, color=[f"C{number}" for number in range(len(names))])
right.set(xlabel="validation loss", title="Validation loss of each job")
save(figure, Path(sys.argv[1] if len(sys.argv) > 1 else "out") / "hydra_recipe.png")
