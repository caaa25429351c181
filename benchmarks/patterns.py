"""The frequency of each pattern in public logs and their beginnings, in healthy noise, and in trainings on digits.

python -m benchmarks.patterns [FOLDER]        FOLDER contains runs/*.json; default $OPTAX_LR_CORPUS; without it, no public logs
"""

from __future__ import annotations

import itertools
import os
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import optax

import optax_lr as olr
from benchmarks.runs import digits_logs, noisy_logs, public_logs
from benchmarks.timing import table
from optax_lr.auditing import loss_rules
from optax_lr.findings import rules_of
from tests.logs.made import beginning

KINDS = ("normal", "heavy tails", "a spike in ten rows", "wandering")
VARIED = ("LEAST_LOSS", "HIDDEN_BELOW", "CERTAIN", "RISE", "BEYOND_NOISE", "SWING", "SWINGS", "BENDS", "QUARTER", "HALF",
          "SLOW_FALL", "FLAT_FALL", "EVAL_RISE", "JUMP_UP", "JUMP_DOWN", "ALONE")  # fmt: skip


def codes(log: olr.Log) -> tuple[str, ...]:
    return tuple(found.code for found in olr.patterns(log))


def public(logs: list[tuple[str, olr.Log]]) -> str:
    """Each rule with the logs that have it, and the number of beginnings of logs that have it although the whole log has not."""
    whole = {name: codes(log) for name, log in logs}
    early: Counter = Counter()
    beginnings = 0
    for name, log in logs:
        sizes = {*range(1, min(len(log), 40)), *np.linspace(1, len(log), 40).astype(int)}
        beginnings += len(sizes)
        early.update(code for size in sizes for code in codes(beginning(log, size)) if code not in whole[name])
    rows = [
        [rule.code, rule.title, " ".join(name for name in whole if rule.code in whole[name]), str(early[rule.code])]
        for rule in rules_of(loss_rules).values()
    ]
    quiet = sum(not found for found in whole.values())
    return f"{len(logs)} logs, {quiet} of them without a finding; {beginnings:,} beginnings of them\n\n" + table(
        ["code", "title", "found in", "beginnings that the whole log contradicts"], rows
    )


def noise() -> str:
    """The number of findings of each code in healthy curves with noise."""
    rows = []
    for kind in KINDS:
        found = [codes(log) for log in noisy_logs(kind)]
        counted = Counter(itertools.chain.from_iterable(found))
        rows.append(
            [kind, str(len(found)), " ".join(f"{code} {counted[code]}" for code in sorted(counted)) or "nothing"]
        )
    return table(["noise", "curves", "found"], rows)


def sensitivity(named: list[tuple[str, olr.Log]], learned: list[olr.Log]) -> str:
    """The findings that change if a threshold is halved or doubled: in public logs, and the number in trainings on digits."""
    usual, rows = _found(named, learned), []
    for name in VARIED:
        value, cells = getattr(loss_rules, name), []
        for factor in (0.5, 2):
            setattr(loss_rules, name, type(value)(value * factor))
            cells += [" ".join(changes) or "same" for changes in _changes(usual, _found(named, learned))]
        setattr(loss_rules, name, value)
        rows.append([name, str(value), *cells])
    return table(["threshold", "value", "halved: public logs", "digits", "doubled: public logs", "digits"], rows)


def _found(named: list[tuple[str, olr.Log]], learned: Iterable[olr.Log]) -> tuple[set[tuple[str, str]], Counter]:
    return {(code, name) for name, log in named for code in codes(log)}, Counter(
        c for log in learned for c in codes(log)
    )


def _changes(usual, now) -> tuple[list[str], list[str]]:
    public = [f"+{code} in {name}" for code, name in sorted(now[0] - usual[0])]
    public += [f"-{code} in {name}" for code, name in sorted(usual[0] - now[0])]
    return public, [f"{now[1][c] - usual[1][c]:+d} {c}" for c in sorted(now[1] | usual[1]) if now[1][c] != usual[1][c]]


def digits(factory, rates: np.ndarray) -> tuple[str, list[olr.Log]]:
    """The findings at each rate, for three seeds with each of three schedules."""
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
    print(noise() + "\n")
    learned = []
    for factory, rates in ((optax.adamw, np.geomspace(1e-6, 10, 15)), (momentum, np.geomspace(1e-5, 100, 15))):
        shown, logs = digits(factory, rates.astype(np.float32))
        print(shown + "\n")
        learned += logs
    print(sensitivity(named, learned))


if __name__ == "__main__":
    main()
