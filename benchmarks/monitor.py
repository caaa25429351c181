"""The cost of a monitor in a train step: jitted steps with and without one, in the same rounds.

python -m benchmarks.monitor
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import optax_lr as olr
from benchmarks.timing import in_rounds, machine, ratio, table

SCHEDULE = olr.Cosine(1e-3, max_steps=10**6, warmup_steps=100)
BOTH = ("jsonl", "tensorboard")
SECONDS = 0.8  # of steps in a round: many times the interval at which the monitor checks its queue
ROUNDS = 11
WAYS = (("logging_steps=10", 10, False), ("logging_steps=10, state=state", 10, True), ("logging_steps=1", 1, False))
HEADER = ["monitor", "µs a step, fastest round", "times a step without"]


def train_step(width: int, depth: int) -> tuple[Callable, Any]:
    """A jitted AdamW step of a stack of square layers, and its first state."""
    optimizer = olr.inject_schedules(optax.adamw)(SCHEDULE)
    random = np.random.default_rng(0)
    params = [jnp.asarray(random.normal(size=(width, width)) / width**0.5, jnp.float32) for _ in range(depth)]
    inputs = jnp.asarray(random.normal(size=(32, width)), jnp.float32)

    def loss_of(params):
        hidden = inputs
        for layer in params:
            hidden = jnp.tanh(hidden @ layer)
        return ((hidden - inputs) ** 2).mean()

    @jax.jit
    def step(params, state):
        loss, gradients = jax.value_and_grad(loss_of)(params)
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), state, loss

    return step, (params, optimizer.init(params))


def steps_a_second(step: Callable, start: Any) -> float:
    def many() -> None:
        run(step, start, 200, lambda loss, state: None)

    return 200 / float(np.median(in_rounds({"steps": many}, 5)["steps"]))


def run(step: Callable, start: Any, count: int, see: Callable[[Any, Any], object]) -> None:
    params, state = start
    for _ in range(count):
        params, state, loss = step(params, state)
        see(loss, state)
    jax.block_until_ready(params)


def with_and_without(width: int, depth: int) -> list[list[str]]:
    """A row for each way to monitor: the time of a step, and its ratio to a step without a monitor in the same round."""
    step, start = train_step(width, depth)
    count = int(SECONDS * steps_a_second(step, start))

    def case(monitor: olr.Monitor | None, with_state: bool = False) -> Callable[[], None]:
        def see(loss: Any, state: Any) -> None:
            if monitor is not None:
                monitor(loss, state=state if with_state else None)

        return lambda: run(step, start, count, see)

    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as open_ones:

        def monitor(every: int) -> olr.Monitor:
            made = olr.Monitor(f"{folder}/{every}", schedule=SCHEDULE, logging_steps=every, report_to=BOTH)
            return open_ones.enter_context(made)

        cases = {"none": case(None), "none again": case(None)}
        for name, every, with_state in WAYS:
            cases[name] = case(monitor(every), with_state)
            cases[f"rest after {name}"] = rest  # so that the time of a case does not include rows of the previous case
        times = in_rounds(cases, ROUNDS)
    return [
        [name, f"{times[name].min() / count * 1e6:.0f}", ratio(times[name], times["none"])]
        for name in cases
        if cases[name] is not rest
    ]


def rest() -> None:
    time.sleep(0.3)


def own_time() -> str:
    """Processor time of a call, and of the work in the other thread, in microseconds per step."""
    plus_one = jax.jit(lambda x: x + 1)
    ready = [plus_one(jnp.float32(number)) for number in range(5000)]
    jax.block_until_ready(ready)
    _, (_, state) = train_step(16, 1)
    rows = []
    for name, every, with_state in WAYS:
        with tempfile.TemporaryDirectory() as folder:
            monitor = olr.Monitor(folder, schedule=SCHEDULE, logging_steps=every, report_to=BOTH)
            everything, start = time.process_time(), time.thread_time()
            for loss in ready:
                monitor(loss, state=state if with_state else None)
            call = time.thread_time() - start
            monitor.close()
            rest = time.process_time() - everything - call
        rows.append([name, f"{call / len(ready) * 1e6:.1f}", f"{rest / len(ready) * 1e6:.1f}"])
    return table(["monitor", "the call, µs", "jsonl and tensorboard in their thread, µs a step"], rows)


def main() -> None:
    logging.getLogger("optax_lr").setLevel(logging.ERROR)  # hides the findings of these artificial runs
    print(f"{machine()}\n")
    for width, depth in ((16, 1), (256, 3)):
        print(table(HEADER, with_and_without(width, depth)) + "\n")
    print(own_time())


if __name__ == "__main__":
    main()
