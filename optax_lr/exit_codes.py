"""The exit codes of `optax-lr`, and the one-line message of each failure.

A script can rely on these codes:

| code | meaning |
|---|---|
| 0 | success |
| 1 | findings that are errors, or curves that differ |
| 2 | bad input: an option, a file, or a package that is not installed |
| 3 | an internal error, which should be reported |
| 130 | interrupted |
| 141 | the program that read the output ended first: the signal SIGPIPE, as a shell reports it |
"""

from __future__ import annotations

import os
import sys
import traceback

from optax_lr.text import one_line

FINE, FINDINGS, BAD_INPUT, FAILED, INTERRUPTED = 0, 1, 2, 3, 130

show_tracebacks = False  # set once, by --traceback


def report(error: BaseException, name: object = None) -> int:
    """Print the failure as one line on stderr and return its exit code.

    Args:
        error: what was raised.
        name: the file that was read, for messages that do not name it.
    """
    if show_tracebacks:
        traceback.print_exception(error)
    message, code = _message_and_code(error)
    known = name is None or str(name) in str(error)
    print(f"optax-lr: {one_line(message if known else f'{name}: {message}')}", file=sys.stderr)
    return code


def _message_and_code(error: BaseException) -> tuple[str, int]:
    message = str(error)
    if isinstance(error, OSError):
        if error.filename is not None and error.strerror:
            message = f"{os.fsdecode(error.filename)}: {error.strerror}"
        return message, BAD_INPUT
    # This library raises ValueError or classes of its own, not Python's subclasses such as UnicodeError.
    if isinstance(error, ImportError) or (
        isinstance(error, ValueError) and (type(error) is ValueError or type(error).__module__.startswith("optax_lr"))
    ):
        return message, BAD_INPUT
    if isinstance(error, MemoryError) or message.startswith("RESOURCE_EXHAUSTED"):  # of Python, or of JAX's devices
        return message or "not enough memory; take fewer curves or steps", BAD_INPUT
    first = message.strip().splitlines()[0][:300] if message.strip() else "no message"
    return f"internal error: {type(error).__name__}: {first}; --traceback shows where; please report it", FAILED
