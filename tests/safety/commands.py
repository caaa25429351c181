"""The command line in this process: its output and its exit code."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from typing import NamedTuple
from unittest import mock

from optax_lr.cli import main


class Done(NamedTuple):
    code: int
    out: str
    err: str


def run(*arguments: object, folder: str | os.PathLike[str] = ".", **environment: str) -> Done:
    """`optax-lr` with these arguments in a folder, as in a terminal of 100 columns without colours."""
    out, err = io.StringIO(), io.StringIO()
    handlers = {number: signal.getsignal(number) for number in (getattr(signal, "SIGPIPE", signal.SIGINT),)}
    environment = {"NO_COLOR": "1", "COLUMNS": "100"} | environment
    with (
        mock.patch.object(sys, "argv", ["optax-lr", *map(str, arguments)]),
        mock.patch.dict("os.environ", environment),
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    return Done(code, out.getvalue(), err.getvalue())
