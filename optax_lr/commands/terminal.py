"""What every command prints: results, the names of written files, colours and progress bars."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import track
from rich.status import Status
from rich.text import Text

from optax_lr.exit_codes import FINE, report
from optax_lr.outputs import write_output
from optax_lr.text import visible

Item = TypeVar("Item")
File = TypeVar("File", Path, Path | None)
_STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def print_findings(text: str) -> None:
    """Print lines, their severities in colour if stdout is a terminal; control characters are shown as escapes."""
    shown = Text(visible(text, keep="\n"))
    for severity, style in _STYLES.items():
        shown.highlight_regex(rf"\bLR\d+ {severity}:", style)
    Console(highlight=False, soft_wrap=True).print(shown)


def of_each(files: Iterable[File], action: Callable[[File], Item]) -> tuple[list[Item], int]:
    """The results of an action on each file, and the worst exit code: a file that fails does not stop the others."""
    results, code = [], FINE
    for file in files:
        try:
            results.append(action(file))
        except Exception as error:
            code = max(code, report(error, file))
    return results, code


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


def waiting(what: str) -> Status:
    """A line with a spinner until the block ends, if stderr is a terminal."""
    return Console(stderr=True).status(what)


def one_by_one(items: Sequence[Item], what: str) -> Iterable[Item]:
    """The items, with a progress bar if stderr is a terminal."""
    console = Console(stderr=True)
    return track(items, what, console=console, transient=True, disable=not console.is_terminal)
