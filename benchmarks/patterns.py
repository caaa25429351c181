"""How often each pattern is found: in public logs, in every beginning of them, and in digits learned at every rate.

python -m benchmarks.patterns [FOLDER]        FOLDER holds runs/*.json; by default $OPTAX_LR_CORPUS; without, digits alone
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import optax

import optax_lr as olr
from benchmarks.runs import digits_logs, public_logs
from benchmarks.timing import table
from optax_lr.auditing import thresholds
from tests.logs import beginning

VARIED = ("LEAST_LOSS", "CERTAIN", "RISE", "SWING", "SWINGS", "SLOW_FALL", "FLAT_FALL", "QUARTER", "HALF", "EVAL_RISE", "JUMP_UP",
          "JUMP_DOWN", "ALONE")  # fmt: skip


def codes(log: olr.Log) -> tuple[str, ...]:
    return tuple(found.code for found in olr.patterns(log))


def public(logs: list[tuple[str, olr.Log]]) -> str:
    """Each rule with the logs that it finds, and what a monitor would have said that the whole log does not say."""
    whole = {name: codes(log) for name, log in logs}
    early: Counter = Counter()
    beginnings = 0
    for name, log in logs:
        sizes = {*range(1, min(len(log), 40)), *np.linspace(1, len(log), 40).astype(int)}
        beginnings += len(sizes)
        early.update(code for size in sizes for code in codes(beginning(log, size)) if code not in whole[name])
    rows = [
        [rule.code, rule.title, " ".join(name for name in whole if rule.code in whole[name]), str(early[rule.code])]
        for rule in thresholds.RULES
    ]
    quiet = sum(not found for found in whole.values())
    return f"{len(logs)} logs, {quiet} of them without a finding; {beginnings:,} beginnings of them\n\n" + table(
        ["code", "title", "found in", "beginnings that the whole log contradicts"], rows
    )


def sensitivity(logs: list[olr.Log]) -> str:
    """How many findings of each code there are with a threshold halved, as it is, and doubled."""
    rows = []
    usual = _count(logs)
    for name in VARIED:
        value, cells = getattr(thresholds, name), []
        for factor in (0.5, 2):
            setattr(thresholds, name, value * factor)
            counted = _count(logs)
            cells.append(" ".join(
                f"{code} {counted[code] - usual[code]:+d}" for code in sorted(counted | usual) if counted[code] != usual[code]
            ))  # fmt: skip
        setattr(thresholds, name, value)
        rows.append([name, str(value), *cells])
    return table(["threshold", "value", "halved: other findings", "doubled: other findings"], rows)


def _count(logs: Iterable[olr.Log]) -> Counter:
    return Counter(code for log in logs for code in codes(log))


def digits(factory, rates: np.ndarray) -> tuple[str, list[olr.Log]]:
    """What is found at each rate, for three seeds under each of three schedules."""
    kinds = {
        "constant": olr.Constant(rates, warmup_steps=100),
        "cosine": olr.Cosine(rates, max_steps=1000, warmup_steps=100),
        "linear": olr.Linear(rates, max_steps=1000, warmup_steps=100),
    }
    runs = {kind: [digits_logs(factory, batch, seed) for seed in range(3)] for kind, batch in kinds.items()}
    rows = []
    for place, rate in enumerate(rates):
        ends = [np.median(seeds[place].loss[-10:]) for kind in runs.values() for seeds in kind]
        cells = [" ".join("".join(codes(logs[place])) or "quiet" for logs in runs[kind]) for kind in kinds]
        rows.append([f"{rate:.0e}", f"{np.median(ends):.3g}", *cells])
    logs = [log for seeds in runs.values() for seed in seeds for log in seed]
    return table([f"{factory.__name__} at", "last loss", *kinds], rows), logs


def momentum(schedule: olr.Schedule) -> optax.GradientTransformation:
    return optax.sgd(schedule, momentum=0.9)


def main() -> None:
    folder = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("OPTAX_LR_CORPUS")
    named = list(public_logs(Path(folder))) if folder else []
    if named:
        print(public(named) + "\n")
    logs = [log for _, log in named]
    for factory, rates in ((optax.adamw, np.geomspace(1e-6, 10, 15)), (momentum, np.geomspace(1e-5, 100, 15))):
        shown, more = digits(factory, rates.astype(np.float32))
        print(shown + "\n")
        logs += more
    print(sensitivity(logs))


if __name__ == "__main__":
    main()
