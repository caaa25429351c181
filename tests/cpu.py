"""The options `--cpu` and `--cpu-before FILE` of pytest: a Markdown table of the CPU seconds of each test module.

The seconds are those of the process, all of its threads, and of child processes that have ended; with pytest-xdist they are
summed over the workers. The row "start and collection" is what remains: imports, and the collection in each worker.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

TIMES = pytest.StashKey[dict[str, list[float]]]()
OWN = pytest.StashKey[list[float]]()  # the seconds of each test of this process
START = "start and collection"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cpu", action="store_true", help="print the CPU seconds of each module as a Markdown table")
    parser.addoption(
        "--cpu-before", metavar="FILE", help="the same, next to the seconds of an earlier table in the file"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TIMES] = {}
    config.stash[OWN] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    before = cpu_seconds()
    try:
        return (yield)
    finally:
        module = item.path.relative_to(item.config.rootpath).as_posix()
        seconds = cpu_seconds() - before
        item.config.stash[OWN].append(seconds)
        add(item.config, [(module, 1, seconds)])


@pytest.hookimpl(tryfirst=True)  # before the workers end as children of this process
def pytest_sessionfinish(session: pytest.Session) -> None:
    times = session.config.stash[TIMES]
    add(session.config, [(START, 0, cpu_seconds() - sum(session.config.stash[OWN]))])
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["cpu"] = [(module, *row) for module, row in times.items()]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node) -> None:
    add(node.config, getattr(node, "workeroutput", {}).get("cpu", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    file = config.getoption("cpu_before")
    if not (file or config.getoption("cpu")):
        return
    earlier = read(Path(file).read_text()) if file else {}
    rows = sorted(config.stash[TIMES].items(), key=lambda row: -row[1][1])
    rows.append(("total", [sum(column) for column in zip(*(row for _, row in rows), strict=True)]))
    more = (" before |", "---:|") if earlier else ("", "")
    terminalreporter.write_line(f"| module | tests | CPU seconds |{more[0]}\n|---|---:|---:|{more[1]}")
    for module, (tests, seconds) in rows:
        before = f" {earlier.get(Path(module).name, '')} |" if earlier else ""
        terminalreporter.write_line(f"| `{module}` | {tests:,.0f} | {seconds:,.0f} |{before}")


def read(text: str) -> dict[str, str]:
    """The CPU seconds of an earlier table, by the name of the file without its folder, which may have changed."""
    rows = re.findall(r"^\| `?([\w./ ]+)`? \|[^|]*\| ([\d,.]+) \|", text, re.MULTILINE)
    return {Path(module).name: seconds for module, seconds in reversed(rows)}  # the first table in the file counts


def cpu_seconds() -> float:
    """The CPU seconds of this process and of its children that have ended."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def add(config: pytest.Config, rows: Iterable[tuple[str, float, float]]) -> None:
    for module, tests, seconds in rows:
        total = config.stash[TIMES].setdefault(module, [0, 0.0])
        total[0] += tests
        total[1] += seconds
