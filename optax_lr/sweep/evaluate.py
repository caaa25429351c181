"""`sweep`: every curve of a batch in one compiled call."""

from __future__ import annotations

import contextlib
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from optax_lr.numerics import Float32, RoundedFloat64
from optax_lr.schedules.base import Schedule, lift


def sweep(schedule: Schedule, steps: Any, *, precision: str = "exact", out: jax.Array | None = None) -> jax.Array:
    """The rates of every schedule of a batch at every step: `[*batch_shape, *steps]`, in one compiled call."""
    leaves = jax.tree.leaves((schedule, steps))
    if any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
        return schedule(jnp.arange(steps) if isinstance(steps, int) else steps)
    wide = jax.default_backend() != "tpu" and precision == "exact"
    length = int(steps) if np.ndim(steps) == 0 else None
    with jax.enable_x64(True) if wide else contextlib.nullcontext():
        return _curves(
            schedule,
            None if length is not None else steps,
            out,
            length,
            precision,
            jax.config.jax_enable_x64 and not wide,
        )


@functools.partial(jax.jit, static_argnums=(3, 4, 5), donate_argnums=2, keep_unused=True)
def _curves(schedule, steps, out, length, precision, double):
    steps = jnp.arange(length, dtype=jnp.int32) if steps is None else steps
    last = steps.max() if length is None else jnp.int32(length - 1)
    num = RoundedFloat64(last) if precision == "exact" else Float32(last)
    shape = schedule.batch_shape
    rows = jax.tree.map(lambda leaf: jnp.reshape(leaf, (-1,)), schedule)
    lifted = lift(rows, num, trailing_axes=1)
    step = num.real(steps.reshape(1, -1))
    value = num.lower(num.by_row(lambda: lifted._value(step, num)))
    return jnp.broadcast_to(value, (math.prod(shape), steps.size)).reshape(shape + steps.shape)
