"""Measurements; `python -m benchmarks` prints them all."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # or a peer's threads spin while the next case is measured
