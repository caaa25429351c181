"""Colours and progress bars appear on a terminal, and not on a pipe."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = str(ROOT / "examples" / "configs" / "support_chatbot.yaml")
COMMAND = [sys.executable, "-c", "from optax_lr.cli import main; main()"]


def run(*arguments, terminal, columns=80, **environment):
    """The command with `terminal` (stdout or stderr) on a pseudo-terminal and the other one on a pipe."""
    mine, theirs = pty.openpty()
    other = "stderr" if terminal == "stdout" else "stdout"
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        **{terminal: theirs, other: subprocess.PIPE},
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": str(columns), "TERM": "xterm-256color", **environment},
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(mine, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        seen += part
    piped = getattr(process, other).read()
    getattr(process, other).close()
    os.close(mine)
    process.wait()
    return seen.decode(), piped.decode()


def test_a_progress_bar_only_on_a_terminal(tmp_path):
    arguments = ("sweep", CONFIG, "--num-examples", "5000", "--learning-rate", "1e-6:1e-3:2000:log")
    bar, text = run(*arguments, terminal="stderr")
    assert "2,000 curves of" in bar
    assert "\x1b[" in bar
    assert "\x1b" not in text
    assert text.startswith("2,000 curves (Cosine) of 472 steps in")
    _, errors = run(*arguments, terminal="stdout")
    assert errors == ""


def test_colours_only_on_a_terminal():
    arguments = ("lint", CONFIG, "--num-examples", "5000")
    coloured, _ = run(*arguments, terminal="stdout")
    assert "\x1b[1;31m" in coloured
    plain, _ = run(*arguments, terminal="stdout", NO_COLOR="1")
    assert "\x1b[1;31m" not in plain
    _, piped = run(*arguments, terminal="stderr")
    assert "\x1b" not in piped
    assert piped.splitlines() == plain.replace("\r", "").replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()


@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize("command", ["show", "lint", "compare", "recommend", "sweep", "audit"])
def test_help_fits_the_terminal(command, columns):
    text, _ = run(command, "--help", terminal="stdout", columns=columns)
    assert "Example: optax-lr" in text.replace("\r\n", " ").replace("  ", " ") or "Example:" in text
    assert max(len(line.rstrip()) for line in text.replace("\r", "").split("\n") if "\x1b" not in line) <= columns
