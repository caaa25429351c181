"""Files that a command writes: none is overwritten unasked, and none is left half written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from optax_lr.configs import ConfigError


def check_target(path: Path | None, *, force: bool, suffixes: Sequence[str] = ()) -> None:
    """Errors: `ConfigError` where the file exists, its folder does not, or its name ends in none of `suffixes`."""
    if path is None:
        return
    if suffixes and path.suffix.lower() not in suffixes:
        raise ConfigError(f"{path}: the name must end in {' or '.join(suffixes)}")
    if path.exists() and not force:
        raise ConfigError(f"{path} exists; choose another name, or overwrite it with --force")
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: the folder {path.parent} does not exist")


def replace(path: Path, write: Callable[[Path], object]) -> None:
    """Lets `write` make the file beside its place and moves it there: it is there whole, or not at all."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        beside = folder / path.name
        write(beside)
        if path.is_dir():
            os.rename(path, folder / "previous")
        os.replace(beside, path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
