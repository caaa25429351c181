"""A program that uses the public names like a new user; `make lint` checks its types.

The checker must refuse each line with `type: ignore` for the stated reason: an unnecessary ignore is an error.
"""

from __future__ import annotations

from typing import Any, assert_type

import jax
import jax.numpy as jnp
import numpy as np

import optax_lr as olr

# A schedule, and its rate.
schedule = olr.Cosine(learning_rate=5e-5, max_steps=1000, warmup_steps=100)
assert_type(schedule, olr.Cosine)
assert_type(schedule(100), np.floating[Any] | jax.Array)
assert_type(schedule(jnp.arange(10)), jax.Array)
assert_type(schedule(np.arange(10)), jax.Array)
assert_type(schedule.batch_shape, tuple[int, ...])
half: float = float(schedule(500)) / 2
twice = schedule.learning_rate * 2
later = schedule.replace(learning_rate=1e-4)
assert_type(later, olr.Cosine)

# Numbers, lists, arrays and traced values are all settings.
olr.Cosine([1e-5, 1e-4], max_steps=np.int32(10), min_lr=jnp.float32(0))
olr.WarmupStableDecay(5e-5, decay_steps=200, stable_steps=100, decay_type="linear")
olr.MultiStep(1e-3, milestones=[30, 60])
olr.Cosine(max_steps=1000)  # type: ignore[call-arg]
olr.Cosine("5e-5", max_steps=1000)  # type: ignore[arg-type]
olr.Cosine(5e-5, max_steps=1000, warmup=100)  # type: ignore[call-arg]
schedule.learning_rate = 1e-4  # type: ignore[misc]

# Schedules of schedules.
assert_type(schedule * 0.1, olr.Schedule)
stages = olr.Stages([olr.Linear(1e-4, max_steps=100), schedule], boundaries=[100])
assert_type(stages.schedules, tuple[olr.Schedule, ...])
assert_type(olr.HoldAfter(schedule, step=1000)(2000), np.floating[Any] | jax.Array)
assert_type(olr.stack([schedule, olr.Constant(1e-4)]), olr.Schedule)
assert_type(olr.get_scheduler("linear", 5e-5, max_steps=1000), olr.Schedule)

# Sweeps.
batch = olr.grid(olr.Cosine, learning_rate=[1e-5, 1e-4], max_steps=[100, 200])
assert_type(batch, olr.Cosine)
assert_type(batch[0, 1], olr.Cosine)
assert_type(list(batch), list[olr.Cosine])
assert_type(olr.sweep(batch, 1000), jax.Array)
olr.sweep(batch, range(0, 1000, 10), past_end="hold")
olr.sweep(batch, [0, 100])
olr.sweep(0.1, 1000)
assert_type(olr.sweep_summary(batch, 1000).area, np.ndarray)
assert_type(olr.table(batch), dict[str, np.ndarray])

# Configs and advice.
settings = {"learning_rate": 5e-5, "lr_scheduler_type": "cosine", "warmup_ratio": 0.1, "max_steps": 100}
config = olr.read_config(settings)
assert_type(config, olr.RunConfig)
plan = config.plan(num_examples=10_000)
assert_type(plan.max_steps, int)
assert_type(plan.schedule, olr.Schedule)
findings = olr.lint(settings)
assert_type(findings, tuple[olr.Finding, ...])
messages: list[str] = [finding.message for finding in findings]
config.plan(examples=10_000)  # type: ignore[call-arg]

# In an optimizer, for which Optax itself has no types.
optimizer = olr.inject_schedules(lambda learning_rate: None)(schedule)  # a factory such as optax.adamw
stopping = olr.EarlyStopping(patience=3)
assert_type(stopping.observe(0.5), olr.EarlyStopping)
