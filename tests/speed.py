"""The speed of the machine, for tests that limit the time of a call."""

from __future__ import annotations

import time

USUAL = 0.08  # CPU seconds that the loop takes on a machine of usual speed without other load


def second() -> float:
    """A second of a machine of usual speed in CPU seconds of this one, which may be slower; at least 1."""
    start = time.process_time()
    number = 0
    for turn in range(2_000_000):
        number += turn
    return max(1.0, (time.process_time() - start) / USUAL)
