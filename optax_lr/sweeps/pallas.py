"""A Pallas kernel for batches of mixed kinds: a row reads its kind as a scalar and computes that kind alone.

XLA's own loop does the same on a CPU (`ByRow.by_row`), but on an accelerator its fused gather decides per element. The
kernel decides per row: a program has a block of rows and of steps, the settings of its rows lie in scalar memory (TPU)
or come as scalar loads (GPU), and the formula is the schedule's own `_value`, in pairs of float32 on TPU and in float64
on GPU. `sweep` does not choose it: it is for measuring on the device at hand (`python -m benchmarks.kernels`).
"""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental import pallas as pl
from jax.typing import ArrayLike

from optax_lr.combine import Mixed
from optax_lr.numerics import PAIR, SelectedFloat64, System
from optax_lr.schedules.base import Schedule
from optax_lr.sweeps.evaluate import Steps, one_of

ROWS = {"tpu": 128, "gpu": 8}  # of a block: a TPU cuts scalar memory into 128s, a GPU wants many programs
STEPS = 512


def sweep_kernel(batch: Schedule, steps: Steps, *, platform: str, interpret: bool = False) -> jax.Array:
    """The rates `[rows, steps]` of a batch of one axis, as `sweep` gives them.

    Args:
        batch: a batch of one axis, of any kinds.
        steps: a number of steps, or int32 steps `[s]`.
        platform: "tpu" (pairs of float32, at most 3 ulp) or "gpu" (float64 inside, at most 0.51 ulp; needs x64 around the
            call, as `jax.enable_x64(True)` gives).
        interpret: runs the kernel as ordinary XLA operations, on any platform.

    Any number of rows and of steps: the batch is padded to whole blocks, and the padding is cut off.

    >>> batch = stack([Linear(1e-3, max_steps=4), Constant(1e-3)])
    >>> sweep_kernel(batch, 3, platform="tpu", interpret=True)
    Array([[0.001  , 0.00075, 0.0005 ], [0.001  , 0.001  , 0.001  ]], dtype=float32)
    """
    steps = jnp.arange(steps, dtype=jnp.int32) if np.ndim(steps) == 0 else jnp.asarray(steps, jnp.int32)
    kind, members = (batch.kind, batch.schedules) if isinstance(batch, Mixed) else (jnp.zeros(len(batch)), (batch,))
    rows, block_rows = len(batch), ROWS[one_of("sweep_kernel", "platform", platform, tuple(ROWS))]
    leaves, structure = jax.tree.flatten(members)
    scalars = [_padded(leaf, block_rows) for leaf in (jnp.asarray(kind).astype(jnp.int32), *leaves)]
    columns = _padded(steps, STEPS).reshape(1, -1)
    blocks = scalars[0].size // block_rows, columns.size // STEPS
    options, scalar_spec = _target(platform, interpret=interpret)
    result = pl.pallas_call(
        functools.partial(_kernel, structure, PAIR if platform == "tpu" else SelectedFloat64(), block_rows),
        grid=blocks,
        in_specs=[pl.BlockSpec((1, STEPS), lambda i, j: (0, j)), *[scalar_spec] * len(scalars)],
        out_specs=pl.BlockSpec((block_rows, STEPS), lambda i, j: (i, j)),
        out_shape=jax.ShapeDtypeStruct((blocks[0] * block_rows, blocks[1] * STEPS), jnp.float32),
        interpret=interpret,
        **options,
    )(columns, *scalars)
    rates: jax.Array = result[:rows, : steps.size]
    return rates


def _kernel(structure: Any, num: System, block_rows: int, steps: Any, kind: Any, *refs: Any) -> None:
    *settings, out = refs
    step = num.real(steps[...])

    def one_row(row: Any, carry: Any) -> Any:
        members = jax.tree.unflatten(structure, [num.real(jnp.full((1, STEPS), ref[row])) for ref in settings])
        ways = [lambda member=member: num.lower(member._value(step, num)) for member in members]
        rates = lax.switch(kind[row], ways) if len(ways) > 1 else ways[0]()
        out[pl.ds(row, 1), :] = jnp.broadcast_to(rates, (1, STEPS))
        return carry

    lax.fori_loop(0, block_rows, one_row, 0)


def _target(platform: str, *, interpret: bool) -> tuple[dict[str, Any], pl.BlockSpec]:
    """What `pallas_call` needs to know of the platform, and where it finds the settings of a block of rows."""
    if platform == "tpu":
        from jax.experimental.pallas import tpu

        return {}, pl.BlockSpec((ROWS[platform],), lambda i, j: (i,), memory_space=tpu.SMEM)
    from jax.experimental.pallas import triton

    options = {} if interpret else {"compiler_params": triton.CompilerParams(num_warps=4, num_stages=1)}
    return options, pl.BlockSpec((ROWS[platform],), lambda i, j: (i,))


def _padded(values: ArrayLike, multiple: int) -> jax.Array:
    """One-dimensional `values`, with its last element repeated up to a whole multiple."""
    values = jnp.asarray(values)
    return jnp.pad(values, (0, math.ceil(values.size / multiple) * multiple - values.size), mode="edge")
