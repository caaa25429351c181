"""Build the wheel and the sdist, install the wheel without extras in a new environment, and check it.

python tests/check_package.py [PYTHON]        needs `build`, mypy, and a package index
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
NEWCOMER = ROOT / "tests" / "newcomer.py"
USE = """
import importlib.metadata, sys
import optax_lr as olr
curves = olr.sweep(olr.grid(olr.Cosine, learning_rate=[1e-4, 2e-4], max_steps=10), 10)
assert curves.shape == (2, 10)
assert importlib.metadata.version("optax-lr") == olr.__version__
for name in ("omegaconf", "matplotlib", "typer", "zarr", "flax"):
    try:
        __import__(name)
    except ImportError:
        continue
    raise SystemExit(f"{name} was installed without being asked for")
"""


def main() -> None:
    """Exit with an error at the first failed check."""
    python = sys.argv[1] if len(sys.argv) > 1 else sys.executable
    # The folder of the sources must not be importable, so that the installed package is tested.
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-m", "build", "--outdir", folder, ROOT], check=True, stdout=subprocess.DEVNULL)
        (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
        data = {"optax_lr/py.typed"} | {
            f"optax_lr/plots/pages/{name}" for name in ("audit.html", "chart.js", "style.css")
        }
        assert data <= set(zipfile.ZipFile(wheel).namelist())
        with tarfile.open(sdist) as archive:
            inside = {member.partition("/")[2] for member in archive.getnames()}
        assert {"CHANGELOG.md", "docs/index.md", "tests/cases.py", "mkdocs.yml"} <= inside
        subprocess.run([python, "-m", "venv", folder / "new"], check=True, env=clean)
        scripts = folder / "new" / "bin"
        subprocess.run([scripts / "python", "-m", "pip", "install", "--quiet", wheel], check=True, env=clean)
        subprocess.run([scripts / "python", "-W", "error", "-c", USE], check=True, cwd=folder, env=clean)
        done = subprocess.run(
            [scripts / "optax-lr"], capture_output=True, text=True, cwd=folder, env=clean, check=False
        )
        assert done.returncode == 2, done
        assert done.stderr == 'optax-lr needs typer: pip install "optax-lr[cli]"\n', done.stderr
        (folder / "newcomer.py").write_text(NEWCOMER.read_text())
        typed = [sys.executable, "-m", "mypy", "--strict", "--python-executable", scripts / "python", "newcomer.py"]
        subprocess.run(typed, check=True, cwd=folder, env=clean)
        print(f"{wheel.name} and {sdist.name}: built, installed alone, used, typed")


if __name__ == "__main__":
    main()
