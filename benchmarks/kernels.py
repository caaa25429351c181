"""A sweep by XLA and by the Pallas kernel on the accelerator at hand: whether they are right there, and how fast.

    python -m benchmarks.kernels [ROWS STEPS] ...        default 10000 10000

The unit is the device's own fill: a compiled function that writes a constant into the same memory, in the same round. Calls
are sent off ten at a time, so that what a call costs the host is not measured. Without an accelerator there is XLA alone.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

import optax_lr as olr
from benchmarks.sweep import batches
from benchmarks.timing import in_rounds, machine, ratio, sizes, table
from optax_lr.sweeps.pallas import sweep_kernel

NAMES = (
    "linear", "cosine", "cosine_with_restarts", "polynomial, any power", "inverse_sqrt", "warmup_stable_decay",
    "mixed: six kinds at random", "mixed: all of the above", "mixed: sixteen kinds",
)  # fmt: skip
CALLS = 10
CHECKED = 64, 200  # rows, the first of a batch, and steps


class Calls:
    """`CALLS` calls of a function that makes rates `[rows, steps]`, each into the memory of the one before."""

    def __init__(self, function: Callable[..., jax.Array], *, x64: bool = False):
        self.function = function
        self.x64 = functools.partial(jax.enable_x64, True) if x64 else contextlib.nullcontext
        with self.x64():
            self.result = function(None)

    def __call__(self) -> None:
        with self.x64():
            for _ in range(CALLS):
                self.result = self.function(self.result)
            self.result.block_until_ready()


def ways(batch: olr.Schedule, steps: int, platform: str, *, interpret: bool = False) -> dict[str, Calls]:
    """A sweep of the batch by XLA, and by the kernel where the platform has it."""
    found = {"XLA": Calls(lambda out: olr.sweep(batch, steps, out=out))}
    if platform in ("gpu", "tpu"):
        kernel = jax.jit(
            lambda batch, _: sweep_kernel(batch, steps, platform=platform, interpret=interpret),
            donate_argnums=1,
            keep_unused=True,
        )
        found["Pallas"] = Calls(lambda out: kernel(batch, out), x64=platform == "gpu")
    return found


def worst(batch: olr.Schedule, rates: jax.Array) -> float:
    """The largest difference, in ulps of float32, from the rates that `schedule(step)` gives on the host."""
    rows, steps = min(CHECKED[0], len(batch)), np.unique(np.linspace(0, rates.shape[1] - 1, CHECKED[1]).astype(int))
    expected = np.array([[batch[row](step) for step in steps.tolist()] for row in range(rows)])
    return float((abs(np.asarray(rates[:rows])[:, steps] - expected) / np.spacing(expected)).max())


def report(
    rows: int, steps: int, platform: str, *, names: Sequence[str] = NAMES, rounds: int = 7, interpret: bool = False
) -> str:
    """The table of one size."""
    fill = jax.jit(lambda out: jnp.full((rows, steps), 1e-3, jnp.float32), donate_argnums=0, keep_unused=True)
    lines, kinds = [], batches(rows, steps)
    for name in names:
        with jax.enable_x64(platform != "tpu"):
            batch = jax.tree.map(jax.device_put, kinds[name])
        found = ways(batch, steps, platform, interpret=interpret)
        errors = {way: worst(batch, calls.result) for way, calls in found.items()}
        seconds = in_rounds({"fill": Calls(fill), **found}, rounds)
        for way, calls in found.items():
            speed = calls.result.nbytes * CALLS / np.median(seconds[way]) / 1e9
            lines.append([f"{name}, {way}", f"{speed:.0f}", ratio(seconds[way], seconds["fill"]), f"{errors[way]:.2g}"])
    return table(["sweep", "GB/s", "times the device's fill", "worst ulp"], lines)


def main() -> None:
    """Prints a table for each size."""
    for rows, steps in sizes((10_000, 10_000)):
        print(f"{machine()}; {rows:,} x {steps:,}\n\n{report(rows, steps, jax.default_backend())}\n")


if __name__ == "__main__":
    main()
