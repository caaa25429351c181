"""How many schedulers are named right from their rates alone, and how long that takes.

python -m benchmarks.identify
"""

from __future__ import annotations

import time

import numpy as np

import optax_lr as olr
from benchmarks.timing import machine, table
from tests.identification.curves import ROUNDINGS, Curve, curves, logged

EVERY = (1, 10, 50)
RIGHT = 1e-6  # of the peak, at every step of the run and not at the logged ones alone


def outcome(curve: Curve, every: int, offset: int, rounding: str, known: bool) -> tuple[str, float]:
    """`first`, `among` the answers, `open` (others explain the rows as well), or `not`; and the seconds."""
    step, rate = logged(curve, every, offset)
    start = time.perf_counter()
    found = olr.identify(step, ROUNDINGS[rounding](rate), max_steps=curve.max_steps if known else None)
    seconds = time.perf_counter() - start
    if not found.explained:
        return "not", seconds
    steps = np.arange(1, len(curve.rates))
    far = [
        abs(answer.rates(steps) - curve.rates[steps - offset]).max() / curve.rates.max()
        for segment in found.segments
        for answer in segment.answers
    ]
    if len(found.segments) == 1 and far[0] < RIGHT:
        return "first", seconds
    return ("among" if min(far) < RIGHT else "open"), seconds


def main() -> None:
    print(machine() + "\n")
    runs = curves()
    rows, all_seconds = [], []
    for known in (True, False):
        for rounding in ROUNDINGS:
            for every in EVERY:
                done = [outcome(curve, every, offset, rounding, known) for curve in runs for offset in (0, 1)]
                all_seconds += [seconds for _, seconds in done]
                counts = {word: sum(word == what for what, _ in done) for word in ("first", "among", "open", "not")}
                length = "known" if known else "unknown"
                seconds = np.median([seconds for _, seconds in done])
                rows.append([length, rounding, str(every), *map(str, counts.values()), f"{seconds * 1000:.0f} ms"])
    print(f"{len(runs)} schedulers of torch and transformers, offsets 0 and 1, 1,000 steps\n")
    head = [
        "length",
        "rates written",
        "a row every",
        "named first",
        "among the answers",
        "left open",
        "not explained",
        "median time",
    ]
    print(table(head, rows))
    print(f"\nslowest of all {len(all_seconds)}: {max(all_seconds):.1f} s")


if __name__ == "__main__":
    main()
