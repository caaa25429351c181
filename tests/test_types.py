"""The package, and a newcomer's program that uses it, before a strict type checker."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import optax_lr as olr

ROOT = Path(__file__).parents[1]


def told(*arguments: str) -> str:
    """What mypy says, under the settings of pyproject.toml."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-pretty", *arguments],
        cwd=ROOT,
        env=os.environ | {"MYPYPATH": str(ROOT)},  # this package, not another that is installed
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.2.0", reason="NumPy before 2.2 asks for the type arguments of every array"
)
def test_the_package_and_a_newcomers_program_are_typed():
    assert told().startswith("Success: no issues found")  # of all that `files` names, tests/newcomer.py among it


def test_every_public_name_is_seen_and_a_wrong_use_is_told(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import optax_lr as olr\n" + "".join(f"olr.{name}\n" for name in olr.__all__))
    assert told(str(program)).startswith("Success: no issues found")
    program.write_text("import optax_lr as olr\nolr.Cosine('5e-5', max_steps=10)\nolr.Cosines\n")
    wrong = told(str(program))
    assert 'program.py:2: error: Argument 1 to "Cosine" has incompatible type "str"' in wrong
    assert 'program.py:3: error: Module has no attribute "Cosines"' in wrong
