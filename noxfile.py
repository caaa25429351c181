"""The whole test suite under the oldest and the newest jax, optax and flax that each Python can have; `make matrix`.

`nox -- tests/numerics/test_numerics.py` runs that file alone, `nox -s "matrix-3.12(versions='newest')"` one environment.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import nox

PROJECT = tomllib.loads((Path(__file__).parent / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
SUBJECTS = PROJECT["dependencies"] + EXTRAS["flax"]
TORCH = next(requirement for requirement in EXTRAS["test"] if requirement.startswith("torch=="))
# What the schedules are compared with needs torch.
PEERS = ("accelerate", "torch", "transformers")
SCHEDULERS = ["timm==1.0.31", "diffusers==0.42.1"]  # alone, as in the Makefile
TOLD = """
import platform
from importlib.metadata import distributions
there = {d.name.lower(): d.version for d in distributions()}
names = "jax jaxlib optax flax numpy torch transformers".split()
print("python", platform.python_version(), *(f"| {name} {there.get(name, 'none')}" for name in names))
"""


@nox.session(python=["3.11", "3.12", "3.13"], reuse_venv=True)
@nox.parametrize("versions", ["oldest", "newest"])
def matrix(session: nox.Session, versions: str) -> None:
    """Installs what the package asks for, at its lower bounds or as new as can be, and runs the tests."""
    exactly = [requirement.replace(">=", "==", 1) for requirement in SUBJECTS]
    subjects = exactly if versions == "oldest" else ["--upgrade", *SUBJECTS]
    peers = "nvidia" not in _would_install(session, TORCH)  # several GB, and no test asks for CUDA
    rest, *tests = [requirement for requirement in EXTRAS["test"] if peers or not requirement.startswith(PEERS)]
    session.install(*subjects, *tests, "--editable", rest.replace("optax-lr", "."))
    if peers:
        session.install("--no-deps", *SCHEDULERS)
    if other := _would_install(session, *subjects):
        session.error(f"The tests ask for other versions: {other}")
    told = str(session.run("python", "-c", TOLD, silent=True)).strip()
    session.log(told)
    options = "-p no:cacheprovider -n logical --dist worksteal -rs"
    session.run(
        *["python", "-m", "pytest", *options.split(), *session.posargs],
        env={"OPTAX_LR_WITHOUT_TORCH": "1"} if "torch none" in told else {},
    )


def _would_install(session: nox.Session, *requirements: str) -> str:
    """What pip would install for the requirements, in its words; empty where all is there."""
    said = session.run_install("python", "-m", "pip", "install", "--dry-run", *requirements, silent=True)
    return next((line for line in str(said).splitlines() if line.startswith("Would install")), "")
