"""Instructions counted, where a difference is too small for a clock: a schedule in a train step, and called from Python.

    python -m benchmarks.instructions           needs valgrind

Each program runs twice under valgrind's callgrind, which begins to count when all is compiled; the second time has more
repetitions, and the difference of the two counts is what these took. Valgrind shows the program a processor with AVX2.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.calls import OPTAX, OURS, RATE
from benchmarks.timing import table

FEW = 100


def from_python(name: str, repetitions: int) -> None:
    """Calls a schedule with a Python int."""
    schedule = OPTAX[name.removeprefix("optax ")] if name.startswith("optax ") else OURS[name]
    schedule(0)
    _begin()
    for step in range(repetitions):
        schedule(step)


def train(name: str, repetitions: int) -> None:
    """Steps of AdamW on 64 numbers, so that the rate is as large a part of the step as it can be."""
    optimizer = optax.adamw(RATE if name == "constant number" else OURS[name])

    def step(_, carry):
        params, state = carry
        updates, state = optimizer.update(params, state, params)
        return optax.apply_updates(params, updates), state

    start = jnp.asarray(np.linspace(-1, 1, 64, dtype=np.float32))
    run = jax.jit(lambda params, steps: jax.lax.fori_loop(0, steps, step, (params, optimizer.init(params)))[0])
    run(start, np.int32(FEW)).block_until_ready()
    _begin()
    run(start, np.int32(repetitions)).block_until_ready()


def _begin() -> None:
    control = ["callgrind_control", "--instr=on", str(os.getpid())]
    subprocess.run(control, check=True, stdout=subprocess.DEVNULL)


PROGRAMS = {"from_python": from_python, "train": train}


def count(program: str, name: str, more: int) -> float:
    """Instructions of one repetition."""
    few, many = (_instructions(program, name, repetitions) for repetitions in (FEW, FEW + more))
    return (many - few) / more


def _instructions(program: str, name: str, repetitions: int) -> int:
    valgrind = [
        "valgrind",
        "--tool=callgrind",
        "--instr-atstart=no",
        "--smc-check=all",
        "--callgrind-out-file=/dev/null",
    ]
    run = subprocess.run(
        [*valgrind, sys.executable, "-m", "benchmarks.instructions", program, name, str(repetitions)],
        env=os.environ | {"PYTHONHASHSEED": "0", "JAX_PLATFORMS": "cpu"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(re.findall(r"I\s+refs:\s+([\d,]+)", run.stderr)[0].replace(",", ""))


def main() -> None:
    """Prints both tables."""
    if shutil.which("valgrind") is None:
        sys.exit("benchmarks.instructions counts with valgrind, which is not installed")
    wanted = [("train", name, 100_000) for name in ("constant number", *OURS)]
    wanted += [("from_python", name, 10_000) for name in OURS]
    wanted += [("from_python", f"optax {name}", 50) for name in OPTAX]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip((case[:2] for case in wanted), pool.map(lambda case: count(*case), wanted), strict=True))
    base = found["train", "constant number"]
    rows = [
        [name, f"{n:,.0f}", f"{n - base:+,.0f}", f"{n / base:.3f}"]
        for (program, name), n in found.items()
        if program == "train"
    ]
    print(table(["a step of AdamW on 64 numbers", "instructions", "more than a number's", "times a number's"], rows))
    rows = []
    for name in OURS:
        theirs = found.get(("from_python", f"optax {name}"))
        rows.append([name, f"{found['from_python', name]:,.0f}", f"{theirs:,.0f}" if theirs else ""])
    print("\n" + table(["schedule(step) from Python", "instructions", "Optax"], rows))


if __name__ == "__main__":
    if len(sys.argv) == 4:
        PROGRAMS[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
        os._exit(0)  # what Python does at its end is not counted
    else:
        main()
