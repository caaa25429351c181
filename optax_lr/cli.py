"""The entry point of `optax-lr`: one line instead of a traceback, and exit codes that a script can rely on."""

from __future__ import annotations

import re
import sys
from typing import Any

from optax_lr.exit_codes import BAD_INPUT


def main() -> None:
    """Runs the command line: exit code 0 is fine, 1 findings, 2 bad input."""
    try:
        from optax_lr.commands import app
    except ImportError as error:
        print(f'optax-lr needs {error.name}: pip install "optax-lr[cli]"', file=sys.stderr)
        sys.exit(BAD_INPUT)
    try:
        sys.exit(app(prog_name="optax-lr", standalone_mode=False))
    except OSError as error:
        _stop(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
    except (ValueError, TypeError, ImportError, MemoryError) as error:
        _stop(str(error))
    except Exception as error:
        # An error of the parser of arguments; which package that is depends on typer's version.
        if hasattr(error, "format_message"):
            _stop(_wrong_arguments(error))
        if type(error).__name__ == "Abort":  # Ctrl+C, or the end of the input
            sys.exit(1)
        raise


def _stop(message: str) -> None:
    if message:
        print(f"optax-lr: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(BAD_INPUT)


def _wrong_arguments(error: Any) -> str:
    """What the parser says of the arguments, in one line, and where they are explained."""
    message = error.format_message().strip().rstrip(".")
    if not message:  # no arguments at all: the help is there already
        return ""
    named = re.search(r"^Invalid value for '?(--[a-z-]+)[^:]*: (.*)", message)
    if named and re.search("valid (integer|number|float)", named[2]):
        given = re.search(rf"{named[1]}[ =](\S+)", " ".join(sys.argv))
        kind = "whole number" if "integer" in named[2] else "number"
        message = f"{named[1]} must be a {kind}" + (f", not {given[1]}" if given else "")
    command = error.ctx.command_path if getattr(error, "ctx", None) else "optax-lr"
    return f"{message.removeprefix('Invalid value: ')}; {command} --help lists what there is"
