"""Colours on stdout and progress bars on stderr, if these are terminals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from optax_lr.text import visible

Item = TypeVar("Item")
_STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def print_findings(text: str) -> None:
    """Print lines, their severities in colour if stdout is a terminal; control characters are shown as escapes."""
    shown = Text(visible(text, keep="\n"))
    for severity, style in _STYLES.items():
        shown.highlight_regex(rf"\bLR\d+ {severity}:", style)
    Console(highlight=False, soft_wrap=True).print(shown)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A progress bar until the block ends, if stderr is a terminal."""
    with _bar() as progress:
        progress.add_task(what, total=None)
        yield


def one_by_one(items: Iterable[Item], what: str) -> Iterator[Item]:
    """The items, with a progress bar if stderr is a terminal."""
    listed = list(items)
    with _bar() as progress:
        task = progress.add_task(what, total=len(listed))
        for item in listed:
            yield item
            progress.advance(task)


def _bar() -> Progress:
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
