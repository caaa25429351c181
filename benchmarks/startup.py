"""CPU seconds of the command line on one config, compared with the import of JAX.

python -m benchmarks.startup
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.timing import machine, table

CONFIG = str(Path(__file__).parents[1] / "examples" / "configs" / "chatbot.yaml")
ENTRY = ["-c", "from optax_lr.cli import main; main()"]
CASES = {
    "`import jax`": ["-c", "import jax"],
    "`import optax_lr`": ["-c", "import optax_lr"],
    "`optax-lr --help`": [*ENTRY, "--help"],
    "`optax-lr lint FILE`": [*ENTRY, "lint", CONFIG],
    "`optax-lr show FILE`": [*ENTRY, "show", CONFIG, "--num-examples", "10000"],
}
ROUNDS = 7


def seconds(arguments: list[str]) -> float:
    """User and system seconds of a new process; its output is discarded."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Keep bytecode, as for an installed package.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, *arguments], check=False, stdout=subprocess.DEVNULL, env=environment)
    if done.returncode not in (0, 1):  # 1: the config has findings
        raise SystemExit(f"{' '.join(arguments)} ended with exit code {done.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print the table."""
    for arguments in CASES.values():
        seconds(arguments)
    taken = {name: np.empty(ROUNDS) for name in CASES}
    for number in range(ROUNDS):
        for name, arguments in CASES.items():
            taken[name][number] = seconds(arguments)
    base = taken["`import jax`"]
    rows = [
        [
            name,
            f"{np.median(value):.2f} s",
            f"{np.median(value - base):+.2f} s ({(value - base).min():+.2f} to {(value - base).max():+.2f})",
        ]
        for name, value in taken.items()
    ]
    print(table(["command", "CPU time", "minus `import jax`"], rows))
    print(f"\n{machine()}")


if __name__ == "__main__":
    main()
