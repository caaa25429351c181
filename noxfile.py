"""The fast part of the tests under the oldest and the newest jax, optax and flax that each Python can have; `make matrix`."""

from __future__ import annotations

import tomllib
from pathlib import Path

import nox

PROJECT = tomllib.loads((Path(__file__).parent / "pyproject.toml").read_text())["project"]
# Without torch and transformers, which are of one version: what depends on jax, numpy, optax and flax alone.
FAST = [
    "tests/test_combine.py", "tests/test_documented.py", "tests/test_errors.py", "tests/test_numerics.py",
    "tests/control/test_carried.py", "tests/config/test_dialects.py",
]  # fmt: skip
TOOLS = ["beartype", "flatbuffers", "hypothesis", "matplotlib", "mpmath", "pytest"]


@nox.session(python=["3.11", "3.12", "3.13"])
@nox.parametrize("versions", ["oldest", "newest"])
def matrix(session: nox.Session, versions: str) -> None:
    """Installs what the package asks for, at its lower bounds or as new as can be, and runs `FAST`."""
    wanted = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["flax"]
    exactly = [requirement.replace(">=", "==", 1) for requirement in wanted]
    session.install(*(exactly if versions == "oldest" else wanted))
    session.install(".[config]", *TOOLS)
    session.run("python", "-m", "pip", "list")
    session.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *FAST)
