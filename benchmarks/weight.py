"""The cost of a schedule in a jitted program, compared with Optax: operations, instructions, and time to trace, compile and run.

    python -m benchmarks.weight

Operations are those of the StableHLO that JAX passes to XLA; instructions are those of the compiled program. Figures of a train
step are differences to the same step with a constant rate.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import optax_lr as olr
from benchmarks.calls import OPTAX, OURS, RATE, STEPS, WARMUP
from benchmarks.timing import in_rounds, machine, ratio, table

GROUPS = 12
ROUNDS = 15  # of the train steps, whose programs are measured in turn; the minimum counts
# Optax has no such schedules; they are compared with its linear schedule or cosine.
PEERS = {
    "constant": "linear",
    "cosine_with_restarts": "cosine",
    "inverse_sqrt": "cosine",
    "warmup_stable_decay": "cosine",
}
SCHEDULES = OURS | {
    "warmup_stable_decay": olr.WarmupStableDecay(RATE, STEPS // 5, STEPS, WARMUP),
    "exponential": olr.Exponential(RATE, gamma=0.999),
}
THEIRS = OPTAX | {"exponential": optax.exponential_decay(RATE, 1, 0.999)}


class Weight(NamedTuple):
    """The operations and instructions of a program, and the milliseconds to trace and to compile it."""

    operations: float
    instructions: float
    trace: float
    compile: float

    def __sub__(self, other: Weight) -> Weight:
        return Weight(*(a - b for a, b in zip(self, other, strict=True)))

    def over(self, other: Weight) -> list[str]:
        return [f"{a:,.0f} / {b:,.0f}" for a, b in zip(self, other, strict=True)]


def weight(function: Callable[..., Any], *arguments: Any, rounds: int = 5) -> Weight:
    """Measure the program of `function`; times are the minimum over rounds, each with empty trace caches of JAX."""
    times = []
    for _ in range(rounds):
        jax.clear_caches()
        start = time.perf_counter()
        traced = jax.jit(function).trace(*arguments)
        middle = time.perf_counter()
        lowered = traced.lower()
        compiled = lowered.compile()
        times.append((middle - start, time.perf_counter() - middle))
    trace, compiling = np.min(times, axis=0) * 1000
    return Weight(operations(lowered), compiled.as_text().count(" = "), trace, compiling)


def operations(lowered: jax.stages.Lowered) -> int:
    """The operations of a lowered program."""
    return lowered.as_text().count(" = ")


def alone() -> str:
    """`schedule(step)` alone, closed over and as an argument, this library / Optax."""
    step, rows = jnp.int32(250), []
    for name, schedule in SCHEDULES.items():
        theirs = weight(THEIRS[PEERS.get(name, name)], step)
        rows.append([f"{name}, closed over", *weight(schedule, step).over(theirs)])
        rows.append([f"{name}, an argument", *weight(lambda s, t: s(t), schedule, step).over(theirs)])
    return table(["schedule(step), ours / Optax's", "operations", "instructions", "tracing, ms", "compiling, ms"], rows)


def step_of(optimizer: optax.GradientTransformation, params: Any) -> tuple[Callable[..., Any], Any]:
    """A train step without a model, whose gradients are the parameters, and its arguments."""

    def step(params: Any, state: Any) -> Any:
        updates, state = optimizer.update(params, state, params)
        return optax.apply_updates(params, updates), state

    return step, (params, optimizer.init(params))


def in_groups(make: Callable[[int], optax.GradientTransformation]) -> optax.GradientTransformation:
    return optax.partition({str(i): make(i) for i in range(GROUPS)}, {str(i): str(i) for i in range(GROUPS)})


def trained() -> str:
    """AdamW steps: the schedule closed over, in the state, and for 12 parameter groups."""
    params = {str(i): jnp.ones(8) for i in range(GROUPS)}
    ours, theirs = OURS["cosine"], OPTAX["cosine"]

    def their(i: int) -> Any:
        return optax.warmup_cosine_decay_schedule(0, RATE * (i + 1), WARMUP, STEPS)

    programs = {
        "closed over": (optax.adamw(RATE), optax.adamw(ours), optax.adamw(theirs)),
        "carried": (
            optax.inject_hyperparams(optax.adamw)(learning_rate=RATE),
            olr.inject_schedules(optax.adamw)(learning_rate=ours),
            optax.inject_hyperparams(optax.adamw)(learning_rate=theirs),
        ),
        f"closed over, {GROUPS} groups": tuple(
            in_groups(make)
            for make in (
                lambda i: optax.adamw(RATE * (i + 1)),
                lambda i: optax.adamw(ours * (i + 1)),
                lambda i: optax.adamw(their(i)),
            )
        ),
        f"carried, {GROUPS} groups": tuple(
            in_groups(make)
            for make in (
                lambda i: optax.inject_hyperparams(optax.adamw)(learning_rate=RATE * (i + 1)),
                lambda i: olr.inject_schedules(optax.adamw)(learning_rate=ours.replace(learning_rate=RATE * (i + 1))),
                lambda i: optax.inject_hyperparams(optax.adamw)(learning_rate=their(i)),
            )
        ),
    }
    rows = []
    for name, optimizers in programs.items():
        steps = [step_of(optimizer, params) for optimizer in optimizers]
        found = [[weight(step, *given, rounds=1) for step, given in steps] for _ in range(ROUNDS)]
        plain, mine, peer = (Weight(*row) for row in np.min(found, axis=0))
        mine, peer = mine - plain, peer - plain
        rows.append([name, *mine.over(peer), f"{(mine.trace + mine.compile) / (peer.trace + peer.compile):.2f}"])
    return table(
        [
            "more than a number in a step of AdamW, ours / Optax's",
            "operations",
            "instructions",
            "tracing, ms",
            "compiling, ms",
            "time, times Optax's",
        ],
        rows,
    )


def running() -> str:
    """Train steps that take about 0.1 and 4 ms, with a number, with Optax's cosine and with ours, in random order."""
    random, rows = np.random.default_rng(0), []
    for width in (64, 640):
        inputs = jnp.asarray(random.normal(size=(32, width)), jnp.float32)
        params = [jnp.asarray(random.normal(size=(width, width)) / width**0.5, jnp.float32) for _ in range(2)]

        def loss(params: Any, inputs: Any = inputs) -> Any:
            return jnp.mean((jnp.tanh(inputs @ params[0]) @ params[1] - 1) ** 2)

        cases = {}
        for name, rate in {"a number": RATE, "Optax's cosine": OPTAX["cosine"], "our cosine": OURS["cosine"]}.items():
            optimizer = optax.adamw(rate)

            @jax.jit
            def step(params: Any, state: Any, optimizer: Any = optimizer, loss: Any = loss) -> Any:
                updates, state = optimizer.update(jax.grad(loss)(params), state, params)
                return optax.apply_updates(params, updates), state

            state = optimizer.init(params)
            cases[name] = lambda step=step, params=params, state=state: jax.block_until_ready(step(params, state))
        seconds = in_rounds(cases, 200)
        base = seconds["a number"]
        rows += [
            [
                f"{name}, {width} wide",
                f"{np.median(s) * 1e3:.3f}",
                ratio(np.median(s.reshape(20, -1), 1), np.median(base.reshape(20, -1), 1)),
            ]
            for name, s in seconds.items()
        ]
    return table(["a step of AdamW with", "ms", "times that with a number"], rows)


def main() -> None:
    """Print the tables."""
    print(f"{machine()}\n")
    print(f"{alone()}\n\n{trained()}\n\n{running()}")


if __name__ == "__main__":
    main()
