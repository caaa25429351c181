"""A batch size that grows while the rate follows the number of examples: `position=` gives the position on the curve.

python examples/batch_ramp.py [FOLDER]        writes FOLDER/batch_ramp.png, by default into out/

A language model would count tokens in place of examples.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from digits import digits, loss_of
from pictures import save

import optax_lr as olr

EXAMPLES = 12_000  # in the whole run
RAMP = {0: 16, 2_000: 32, 6_000: 64}  # batch size by the number of examples so far
training, validation = jax.tree.map(jnp.asarray, digits())
schedule = olr.Cosine(0.5, max_steps=EXAMPLES, warmup_steps=1_000)  # its steps are examples
optimizer = olr.inject_schedules(optax.sgd)(schedule, momentum=0.9)


@jax.jit
def train_step(weights, state, images, labels, seen):
    gradient = jax.grad(loss_of)(weights, images, labels)
    updates, state = optimizer.update(gradient, state, position=seen)
    return weights + updates, state


weights = jnp.zeros((64, 10))
state = optimizer.init(weights)
seen, history = 0, []
order = np.random.default_rng(0).integers(0, len(training[0]), EXAMPLES)
while seen < EXAMPLES:
    batch = next(size for start, size in reversed(RAMP.items()) if seen >= start)
    rows = order[seen : seen + batch]
    weights, state = train_step(weights, state, training[0][rows], training[1][rows], seen)
    history.append((seen, batch, float(state.hyperparams["learning_rate"])))
    seen += batch
all_seen, batches, rates = map(np.array, zip(*history, strict=True))
np.testing.assert_allclose(rates, schedule(all_seen), rtol=1e-6)  # independent of the batch sizes
accuracy = float(((validation[0] @ weights).argmax(axis=1) == validation[1]).mean())
print(f"{len(history)} updates of batches of {', '.join(map(str, sorted(RAMP.values())))}: accuracy {accuracy:.3f}")

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained", sharey=True)
for batch in sorted(set(batches)):
    chosen = batches == batch
    left.plot(all_seen[chosen], rates[chosen], label=f"batches of {batch}")
    right.plot(np.flatnonzero(chosen), rates[chosen])
left.set(xlabel="examples", ylabel="learning rate", title="Over examples: the planned curve")
right.set(xlabel="optimizer step", title="Over updates: compressed as the batch grows")
left.legend(frameon=False)
save(figure, Path(sys.argv[1] if len(sys.argv) > 1 else "out") / "batch_ramp.png")
