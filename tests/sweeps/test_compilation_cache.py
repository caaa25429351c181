"""With JAX's persistent compilation cache a second process compiles no sweep again."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import jax
import numpy as np

jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
import optax_lr as olr

batch = olr.stack([olr.Linear(1e-4, 100, 10), olr.Cosine(1e-4, 100, 10), olr.InverseSqrt(1e-4, 10)])
print(float(np.asarray(olr.sweep(batch, 101)).sum()))
for kind in ("hits", "misses"):
    print(events.count(f"/jax/compilation_cache/cache_{kind}"))
"""


def test_a_second_process_compiles_nothing(tmp_path):
    def run():
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONPATH": str(ROOT), "JAX_COMPILATION_CACHE_DIR": str(tmp_path)},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        total, hits, misses = done.stdout.split()
        return float(total), int(hits), int(misses)

    first, hits, misses = run()
    assert (hits, misses > 0) == (0, True)
    again, hits, missed = run()
    assert (hits, missed) == (misses, 0)
    assert again == first
