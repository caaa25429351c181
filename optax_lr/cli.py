"""The entry point of `optax-lr`: one line instead of a traceback, and exit codes that a script can rely on."""

from __future__ import annotations

import sys

from optax_lr.exit_codes import BAD_INPUT


def main() -> None:
    """Runs the command line: exit code 0 is fine, 1 findings, 2 bad input."""
    try:
        from optax_lr.commands import app
    except ImportError as error:
        print(f'optax-lr needs {error.name}: pip install "optax-lr[cli]"', file=sys.stderr)
        sys.exit(BAD_INPUT)
    try:
        app()
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"optax-lr: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(BAD_INPUT)
