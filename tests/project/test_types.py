"""The types of the public names. `make lint` checks the package, and tests/newcomer.py, which uses it."""

import os
import subprocess
import sys
from pathlib import Path

import optax_lr as olr

ROOT = Path(__file__).parents[2]


def mypy_output(*arguments: str) -> str:
    """The output of mypy with the settings of pyproject.toml."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-pretty", *arguments],
        cwd=ROOT,
        env=os.environ | {"MYPYPATH": str(ROOT)},  # this package, not another that is installed
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_every_public_name_has_a_type_and_wrong_uses_are_reported(tmp_path):
    program = tmp_path / "program.py"
    names = "".join(f"olr.{name}\n" for name in olr.__all__)
    program.write_text(f"import optax_lr as olr\nolr.Cosine('5e-5', max_steps=10)\nolr.Cosines\n{names}")
    *errors, summary = mypy_output(str(program)).splitlines()
    assert summary.startswith("Found 2 errors in 1 file")
    assert 'program.py:2: error: Argument 1 to "Cosine" has incompatible type "str"' in errors[0]
    assert 'program.py:3: error: Module has no attribute "Cosines"' in errors[1]
