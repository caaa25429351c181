"""The time of a sweep with one and with two processes of `jax.distributed`, each on its own core.

python -m benchmarks.processes
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from benchmarks.timing import table

ROWS, STEPS, ROUNDS = 20_000, 1_000, 15

WORKER = """
import os, sys, time
address, number, count, rows, steps, rounds = sys.argv[1], *map(int, sys.argv[2:])
os.sched_setaffinity(0, {number})
import jax, numpy as np
jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize(address, num_processes=count, process_id=number)
import optax_lr as olr
from jax.experimental import multihost_utils
from benchmarks.sweep import batches
batch = olr.shard(batches(rows, steps)["mixed: six kinds at random"])
rates = olr.sweep(batch, steps)
seconds = []
for round in range(rounds):
    multihost_utils.sync_global_devices(str(round))
    start = time.perf_counter()
    rates = olr.sweep(batch, steps, out=rates)
    jax.block_until_ready(rates)
    seconds.append(time.perf_counter() - start)
print("seconds", float(np.median(seconds)))
"""


def slowest(count: int) -> float:
    """Seconds of the slowest of `count` processes that sweep all rows together."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    arguments = [str(count), str(ROWS), str(STEPS), str(ROUNDS)]
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, address, str(n), *arguments], stdout=subprocess.PIPE, text=True)
        for n in range(count)
    ]
    outputs = [worker.communicate(timeout=300)[0] for worker in workers]
    return max(
        float(line.split()[1]) for output in outputs for line in output.splitlines() if line.startswith("seconds")
    )


def main() -> None:
    """Print the table for one process and, if there are two cores, for two."""
    counts = [1, 2] if (os.cpu_count() or 1) > 1 else [1]
    seconds = {count: slowest(count) for count in counts}
    rows = [
        [str(count), f"{s * 1e3:.1f}", f"{ROWS * STEPS / s / 1e9:.2f}", f"{seconds[1] / s:.2f}"]
        for count, s in seconds.items()
    ]
    print(table([f"processes of one core, {ROWS:,} x {STEPS:,} of six kinds", "ms", "rates/ns", "times one"], rows))


if __name__ == "__main__":
    main()
