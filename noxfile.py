"""Run the test suite with the oldest and the newest supported jax, optax and flax on each Python: `make matrix`.

`nox -- tests/numerics/test_numerics.py` runs one file; `nox -s "matrix-3.12(versions='newest')"` runs one environment.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import nox

PROJECT = tomllib.loads((Path(__file__).parent / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
SUBJECTS = PROJECT["dependencies"] + EXTRAS["flax"]
TORCH = next(requirement for requirement in EXTRAS["test"] if requirement.startswith("torch=="))
# The packages that need torch: the tests compare schedules with them.
PEERS = ("accelerate", "torch", "transformers")
SCHEDULERS = ["timm==1.0.31", "diffusers==0.42.1"]  # installed without dependencies, as in the Makefile
PRINT_VERSIONS = """
import platform
from importlib.metadata import distributions
installed = {d.name.lower(): d.version for d in distributions()}
names = "jax jaxlib optax flax numpy torch transformers".split()
print("python", platform.python_version(), *(f"| {name} {installed.get(name, 'none')}" for name in names))
"""


@nox.session(python=["3.11", "3.12", "3.13"], reuse_venv=True)
@nox.parametrize("versions", ["oldest", "newest"])
def matrix(session: nox.Session, versions: str) -> None:
    """Install the lower bounds or the newest versions of the dependencies, and run the tests."""
    exactly = [requirement.replace(">=", "==", 1) for requirement in SUBJECTS]
    subjects = exactly if versions == "oldest" else ["--upgrade", *SUBJECTS]
    peers = "nvidia" not in _would_install(session, TORCH)  # CUDA takes several GB, and no test needs it
    rest, *tests = [requirement for requirement in EXTRAS["test"] if peers or not requirement.startswith(PEERS)]
    session.install(*subjects, *tests, "--editable", rest.replace("optax-lr", "."))
    if peers:
        session.install("--no-deps", *SCHEDULERS)
    if other := _would_install(session, *subjects):
        session.error(f"the extra `test` requires other versions: {other}")
    versions_line = str(session.run("python", "-c", PRINT_VERSIONS, silent=True)).strip()
    session.log(versions_line)
    options = "-p no:cacheprovider -n logical --dist worksteal -rs"
    session.run(
        *["python", "-m", "pytest", *options.split(), *session.posargs],
        env={"OPTAX_LR_WITHOUT_TORCH": "1"} if "torch none" in versions_line else {},
    )


def _would_install(session: nox.Session, *requirements: str) -> str:
    """The line in which pip lists the packages that it would install; empty if every requirement is installed."""
    output = session.run_install("python", "-m", "pip", "install", "--dry-run", *requirements, silent=True)
    return next((line for line in str(output).splitlines() if line.startswith("Would install")), "")
