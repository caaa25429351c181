"""Benchmarks of speed and accuracy; `python -m benchmarks` prints the tables of docs/speed.md and docs/numbers.md."""

import os

os.environ.setdefault(
    "OMP_WAIT_POLICY", "passive"
)  # otherwise OpenMP threads of one case spin while the next is measured
