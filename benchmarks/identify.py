"""How many schedulers are identified correctly from their rates alone, the other answers, and the time.

python -m benchmarks.identify
"""

from __future__ import annotations

import itertools
import time
from collections import Counter

import numpy as np

import optax_lr as olr
from benchmarks.timing import machine, table
from tests.identification.curves import ROUNDINGS, Curve, curves, logged, odd_logs

EVERY = (10, 50)
RIGHT = 1e-6  # tolerance as a share of the peak, at every step of the run; `slack` adds the rounding of the rates
WORDS = ("right", "among", "open", "unexplained", "wrong")
HEAD = [
    "first answer right",
    "among the answers",
    "said to be open",
    "unexplained",
    "wrong with confidence",
    "median time",
    "slowest",
]


def slack(rate: np.ndarray, rounded: np.ndarray) -> float:
    """The tolerance for a curve that explains the rounded rates, as a share of the peak."""
    return RIGHT + 4 * float(abs(rate - rounded).max() / rate.max())


def outcome(curve: Curve, every: int, offset: int, rounding: str, known: bool) -> tuple[str, float]:
    """One of `WORDS`, and the seconds of CPU time.

    An answer is wrong with confidence if every row is reported as explained, by one wrong setting or by several wrong segments.
    """
    step, rate = logged(curve, every, offset)
    rounded = ROUNDINGS[rounding](rate)
    start = time.process_time()
    found = olr.identify(step, rounded, max_steps=curve.max_steps if known else None)
    seconds = time.process_time() - start
    if not found.explained:
        return "unexplained", seconds
    if len(found.segments) > 1:
        return "wrong", seconds
    steps = np.arange(1, step[-1] + 1)
    (segment,) = found.segments
    true = curve.rates[steps - offset]
    far = [abs(answer.rates(steps) - true).max() / curve.rates.max() for answer in segment.answers]
    near = slack(rate, rounded)
    if far[0] < near:
        return "right", seconds
    if segment.count == 1 and not segment.text:
        return "wrong", seconds
    return ("among" if min(far) < near else "open"), seconds


def odd_outcome(name: str, rounding: str) -> tuple[str, float]:
    """The same for a log that no single schedule gives. For a custom curve, "unexplained" is right."""
    log = next(log for log in odd_logs() if log.name == name)
    rounded = ROUNDINGS[rounding](log.rate)
    start = time.process_time()
    found = olr.identify(log.step, rounded)
    seconds = time.process_time() - start
    if not log.parts:
        return ("wrong" if found.explained else "right"), seconds
    if not found.explained:
        return "unexplained", seconds
    if len(found.segments) != len(log.parts):
        return "wrong", seconds
    words = []
    for segment, (rows, true) in zip(found.segments, log.parts, strict=True):
        last = log.step[rows][-1]
        steps = np.arange(log.step[rows][0], last + 1)
        far = min(abs(answer.rates(steps) - true[steps - 1]).max() / true.max() for answer in segment.answers[:1])
        one = segment.count == 1 and not segment.text
        words.append("right" if far < slack(log.rate, rounded) else "wrong" if one else "open")
    return max(words, key=WORDS.index), seconds


def _row(first: list[str], done: list[tuple[str, float]]) -> list[str]:
    counts = Counter(word for word, _ in done)
    seconds = [seconds for _, seconds in done]
    return [
        *first,
        *(str(counts[word]) for word in WORDS),
        f"{np.median(seconds) * 1000:.0f} ms",
        f"{max(seconds):.1f} s",
    ]


def main() -> None:
    print(machine() + "\n")
    runs = curves()
    print(f"{len(runs)} schedulers of torch and transformers, offsets 0 and 1 in turn, 1,000 steps; CPU time\n")
    heads = ["length", "rates written", "a row every", *HEAD]
    print(table(heads, []))
    for known, rounding, every in itertools.product((True, False), ROUNDINGS, EVERY):
        done = [outcome(curve, every, place % 2, rounding, known) for place, curve in enumerate(runs)]
        print(
            table(heads, [_row(["known" if known else "unknown", rounding, str(every)], done)]).splitlines()[2],
            flush=True,
        )
    print(
        "\nSchedulers stepped once an epoch, held ends, joined and resumed runs, and custom curves (unexplained is right)\n"
    )
    names = [log.name for log in odd_logs()]
    rows = [_row([name], [odd_outcome(name, rounding) for rounding in ROUNDINGS]) for name in names]
    print(table([f"log, written in {len(ROUNDINGS)} ways", *HEAD], rows))


if __name__ == "__main__":
    main()
