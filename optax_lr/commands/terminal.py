"""What every command prints: results, the names of written files, colours and progress bars."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from optax_lr.outputs import write_output
from optax_lr.text import visible

Item = TypeVar("Item")
_STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def print_findings(text: str) -> None:
    """Print lines, their severities in colour if stdout is a terminal; control characters are shown as escapes."""
    shown = Text(visible(text, keep="\n"))
    for severity, style in _STYLES.items():
        shown.highlight_regex(rf"\bLR\d+ {severity}:", style)
    Console(highlight=False, soft_wrap=True).print(shown)


def print_or_write(text: str, out: Path | None, *, force: bool) -> None:
    """Print a text, or write it to a file."""
    if out is None:
        print(text, end="")
    else:
        write_output(out, text.encode(), overwrite=force)
        print_written(out)


def print_written(*paths: Path | None) -> None:
    """Name the files that were written, on stderr."""
    for path in filter(None, paths):
        print(f"wrote {visible(str(path))}", file=sys.stderr)


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
