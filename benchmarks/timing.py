"""Comparable timings: each round runs every case once, in random order, so that drift affects all cases equally."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np


def in_rounds(
    cases: Mapping[str, Callable[[], object]], rounds: int = 15, *, twice: bool = False
) -> dict[str, np.ndarray]:
    """Seconds of each case in each round `[rounds]`, after a warm-up call of each.

    `twice`: measure the second of two calls in each round, for cases that take seconds and gigabytes.
    """
    for case in cases.values():
        case()
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    random = np.random.default_rng(0)
    for _ in range(rounds):
        # In random order, so that no case always follows the same slow or threaded one.
        for name in random.permutation(list(cases)).tolist():
            case = cases[name]
            if twice:
                case()
            start = time.perf_counter()
            case()
            seconds[name].append(time.perf_counter() - start)
    return {name: np.array(values) for name, values in seconds.items()}


def sizes(*default: tuple[int, int]) -> list[tuple[int, int]]:
    """Pairs of rows and steps from the command line, or the default."""
    given = sys.argv[1:]
    if len(given) % 2 or not all(number.isdecimal() and int(number) >= 100 for number in given):
        raise SystemExit(f"give pairs of ROWS STEPS, each a whole number of at least 100, not {' '.join(given)!r}")
    numbers = [int(number) for number in given]
    return list(zip(numbers[::2], numbers[1::2], strict=True)) or list(default)


def fills(buffer: np.ndarray) -> dict[str, Callable[[], object]]:
    """Write a constant into `buffer`, on one core, and on all cores with a part of the rows each."""
    cores = os.cpu_count() or 1
    pool = ThreadPoolExecutor(cores)
    own, *others = np.array_split(buffer, cores)

    def by_all() -> None:
        filling = [pool.submit(part.fill, 1e-3) for part in others]
        own.fill(1e-3)
        for part in filling:
            part.result()

    return {"fill": lambda: buffer.fill(1e-3), "fill, every core": by_all}


def limit(seconds: Mapping[str, np.ndarray]) -> np.ndarray:
    """The time of the faster of the `fills`: the limit of a sweep."""
    return min((seconds["fill"], seconds["fill, every core"]), key=np.median)


def ratio(seconds: np.ndarray, base: np.ndarray) -> str:
    """`median (lowest to highest)` of the ratio, round by round."""
    ratios = seconds / base
    return f"{np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})"


def machine() -> str:
    """One line with the processor, the device and the versions of the measurement."""
    device = jax.devices()[0]
    try:
        with open("/proc/cpuinfo") as lines:
            processor = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor()
    cores = os.cpu_count()
    return f"{processor}, {cores} cores; {device.device_kind}; jax {jax.__version__}, NumPy {np.__version__}"


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] + ["--:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
