"""Files that a command writes: none is overwritten unasked, and none is left half written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from optax_lr.config import ConfigError


def check_target(path: Path | None, *, force: bool) -> None:
    """Errors: `ConfigError` where the file exists, or its folder does not."""
    if path is None:
        return
    if path.exists() and not force:
        raise ConfigError(f"{path} exists; choose another name, or overwrite it with --force")
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: the folder {path.parent} does not exist")


def replace(path: Path, write: Callable[[Path], object]) -> None:
    """Lets `write` make the file beside its place and moves it there: it is there whole, or not at all."""
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        beside = folder / path.name
        write(beside)
        if path.is_dir():
            os.rename(path, folder / "previous")
        os.replace(beside, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
