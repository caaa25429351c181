"""The entry point of `optax-lr`: one-line errors instead of tracebacks, and exit codes that a script can rely on."""

from __future__ import annotations

import io
import re
import signal
import sys
import threading
from typing import Any

from optax_lr import exit_codes
from optax_lr.exit_codes import BAD_INPUT, INTERRUPTED, report
from optax_lr.text import one_line


def main() -> None:
    """Run the command line; `exit_codes` defines the exit codes.

    The option `--traceback`, anywhere before `--`, prints the traceback of a failure above its line.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # characters that the terminal cannot encode become ?
    try:
        from optax_lr.commands import app
    except ImportError as error:
        print(f'optax-lr needs {error.name}: pip install "optax-lr[cli]"', file=sys.stderr)
        sys.exit(BAD_INPUT)
    if hasattr(signal, "SIGPIPE") and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # end silently if the reader closes the pipe
    arguments, exit_codes.show_tracebacks = _without_traceback(sys.argv[1:])
    try:
        code = app(arguments, prog_name="optax-lr", standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        # An error of the argument parser. Its class depends on the version of typer.
        if hasattr(error, "format_message"):
            message = _wrong_arguments(error)
            if message:
                print(f"optax-lr: {one_line(message)}", file=sys.stderr)
            sys.exit(BAD_INPUT)
        if type(error).__name__ == "Abort":  # Ctrl+C, or the end of the input
            sys.exit(INTERRUPTED)
        sys.exit(report(error))


def _without_traceback(arguments: list[str]) -> tuple[list[str], bool]:
    """The arguments without `--traceback`, and whether it was among them."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    kept = [argument for argument in arguments[:end] if argument != "--traceback"]
    return kept + arguments[end:], len(kept) < end


def _wrong_arguments(error: Any) -> str:
    """The parser's message in one line, with the command that explains the arguments."""
    message = error.format_message().strip().rstrip(".")
    if not message:  # no arguments at all: the help has been printed
        return ""
    named = re.search(r"^Invalid value for '?(--[a-z-]+)[^:]*: (.*)", message)
    if named and re.search("valid (integer|number|float)", named[2]):
        given = re.search(rf"{named[1]}[ =](\S+)", " ".join(sys.argv))
        kind = "whole number" if "integer" in named[2] else "number"
        message = f"{named[1]} must be a {kind}" + (f", not {given[1]}" if given else "")
    command = error.ctx.command_path if getattr(error, "ctx", None) else "optax-lr"
    return f"{message.removeprefix('Invalid value: ')}; {command} --help lists the options"
