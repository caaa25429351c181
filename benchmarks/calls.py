"""The cost of a schedule outside a sweep: a call from Python, a train step, the import, the compilation.

python -m benchmarks.calls
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

import optax_lr as olr
from benchmarks.timing import in_rounds, machine, ratio, table

RATE, STEPS, WARMUP = 5e-5, 1000, 100
OURS = {
    "constant": olr.Constant(RATE, WARMUP),
    "linear": olr.Linear(RATE, STEPS, WARMUP),
    "cosine": olr.Cosine(RATE, STEPS, WARMUP),
    "cosine_with_restarts": olr.CosineWithRestarts(RATE, STEPS, WARMUP, num_cycles=3),
    "polynomial": olr.Polynomial(RATE, STEPS, WARMUP, power=2),
    "inverse_sqrt": olr.InverseSqrt(RATE, WARMUP),
}
FIRST_CALLS = (
    "constant", "linear", "cosine", "cosine_with_restarts", "polynomial, any power", "inverse_sqrt",
    "warmup_stable_decay", "mixed: six kinds at random", "mixed: sixteen kinds",
)  # fmt: skip
OPTAX = {
    "linear": optax.join_schedules(
        [optax.linear_schedule(0, RATE, WARMUP), optax.linear_schedule(RATE, 0, STEPS - WARMUP)], [WARMUP]
    ),
    "cosine": optax.warmup_cosine_decay_schedule(0, RATE, WARMUP, STEPS),
    "polynomial": optax.join_schedules(
        [optax.linear_schedule(0, RATE, WARMUP), optax.polynomial_schedule(RATE, 0, 2, STEPS - WARMUP)], [WARMUP]
    ),
}


def from_python() -> str:
    """Microseconds of `schedule(step)` with a Python int and with a JAX scalar."""
    scalars = [jnp.int32(step) for step in range(100)]

    def many(schedule, calls):
        return lambda: [schedule(step) for step in range(calls)]

    def of_jax(schedule):
        return lambda: [schedule(step) for step in scalars]

    rows = []
    for name, schedule in OURS.items():
        ours = np.median(in_rounds({"ours": many(schedule, 1000)}, 7)["ours"]) / 1000
        scalar = np.median(in_rounds({"ours": of_jax(schedule)}, 7)["ours"]) / len(scalars)
        if name in OPTAX:
            theirs = np.median(in_rounds({"theirs": many(OPTAX[name], 20)}, 5)["theirs"]) / 20
            rows.append(
                [name, f"{ours * 1e6:.1f}", f"{scalar * 1e6:.1f}", f"{theirs * 1e6:.0f}", f"{theirs / ours:.0f}"]
            )
        else:
            rows.append([name, f"{ours * 1e6:.1f}", f"{scalar * 1e6:.1f}", "", ""])
    return table(["schedule(step) from Python", "µs", "with a scalar of JAX, µs", "Optax, µs", "times faster"], rows)


def in_a_train_step() -> str:
    """A scan of AdamW steps of a small network, with a constant rate and with each schedule."""
    random = np.random.default_rng(0)
    inputs = jnp.asarray(random.normal(size=(32, 64)), jnp.float32)
    weights = {"in": jnp.asarray(random.normal(size=(64, 64)) / 8, jnp.float32), "out": jnp.ones((64, 1)) / 8}

    def loss(params):
        return jnp.mean((jnp.tanh(inputs @ params["in"]) @ params["out"] - 1) ** 2)

    def training(rate):
        optimizer = optax.adamw(rate)

        def step(carry, _):
            params, state = carry
            updates, state = optimizer.update(jax.grad(loss)(params), state, params)
            return (optax.apply_updates(params, updates), state), None

        run = jax.jit(lambda p: jax.lax.scan(step, (p, optimizer.init(p)), length=500)[0][0])
        return lambda: jax.block_until_ready(run(weights))

    seconds = in_rounds({"constant number": training(RATE)} | {n: training(s) for n, s in OURS.items()}, 11)
    base = seconds["constant number"]
    rows = [[name, f"{np.median(s) / 500 * 1e6:.2f}", ratio(s, base)] for name, s in seconds.items()]
    return table(["rate in a train step", "µs per step", "times a constant"], rows)


def first_calls() -> str:
    """Seconds to the first result of a sweep of 1,000 x 1,000 in a fresh process, without and with a compilation cache."""
    program = """
import sys, time, numpy as np, jax, optax
import optax_lr as olr
if sys.argv[2]:
    jax.config.update("jax_compilation_cache_dir", sys.argv[2])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
from benchmarks.sweep import batches
batch = batches(1000, 1000)[sys.argv[1]]
jax.numpy.zeros(3).block_until_ready()
start = time.perf_counter()
olr.sweep(batch, 1000).block_until_ready()
first = time.perf_counter()
olr.sweep(batch, 1000).block_until_ready()
print(first - start, time.perf_counter() - first)
"""
    rows = []
    with tempfile.TemporaryDirectory() as cache:
        for name in FIRST_CALLS:
            cold, warm, cached = _first(program, name, ""), _first(program, name, cache), _first(program, name, cache)
            rows.append([name, f"{cold[0] * 1e3:.0f}", f"{cached[0] * 1e3:.0f}", f"{min(cold[1], warm[1]) * 1e3:.1f}"])
    return table(["first sweep of 1,000 x 1,000, ms", "compiled", "from the cache", "second call"], rows)


def _first(program: str, *arguments: str) -> list[float]:
    run = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return [float(word) for word in run.stdout.split()]


def imports() -> str:
    """Seconds to import this library in addition to its dependencies."""

    def run(text):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", text], check=True)
        return time.perf_counter() - start

    used = "import jax, optax, numpy, optax_lr as olr; olr.Cosine, olr.sweep"
    rounds = [(run("import jax, optax, numpy"), run(used), run("import optax_lr")) for _ in range(9)]
    base, ours, bare = (float(np.median(column)) for column in zip(*rounds, strict=True))
    extra = float(np.median([both - alone for alone, both, _ in rounds]))
    return table(["import in a fresh process", "ms"], [
        ["jax, optax, numpy", f"{base * 1e3:.0f}"], ["and schedules and sweeps", f"{ours * 1e3:.0f}"],
        ["difference", f"{extra * 1e3:.0f}"], ["optax_lr alone, nothing used yet", f"{bare * 1e3:.0f}"],
    ])  # fmt: skip


def main() -> None:
    print(machine())
    for part in (from_python, in_a_train_step, first_calls, imports):
        print("\n" + part())


if __name__ == "__main__":
    main()
