"""The text of a config file, or one line on why there is none."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from pathlib import Path

from optax_lr.sources.errors import ConfigError, UnreadableError

LARGEST_NOTEBOOK = 2**24  # bytes; the pictures of its outputs are in it
MOST_PARTS = 250_000  # brackets, braces and commas of a notebook, which bound the memory that its JSON takes
LARGEST_FILE = 2**18  # bytes; a training config is a few hundred

NOT_FOUND = "is not found from the folder of this file or from the working directory"
ELSEWHERE = "start optax-lr in the folder where the script is started"


def text_of(path: str, largest: int = LARGEST_FILE) -> str:
    """The text in `path`: a regular file of UTF-8 (a byte-order mark is let go), small enough for a config.

    Raises:
        UnreadableError: For everything else, without reading more than `largest` bytes.
    """
    try:
        state = os.stat(path)
        if stat.S_ISDIR(state.st_mode):
            raise UnreadableError(f"{path}: this is a folder; name the config file in it")
        if not stat.S_ISREG(state.st_mode):
            raise UnreadableError(f"{path}: this is not a regular file; save the config to one")
        if state.st_size > largest:
            raise UnreadableError(f"{path}: {state.st_size:,} bytes are too many for a config; is it the right file?")
        if not state.st_size:  # what /proc shows has no size either, and may wait for ever
            raise ConfigError(f"{path}: the file is empty; a config needs at least learning_rate or lr_scheduler_type")
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UnreadableError(f"{path}: the file was replaced meanwhile; read it again")
            raw = file.read(largest + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise UnreadableError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        kind = "UTF-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") and len(raw) % 2 == 0 else "not UTF-8"
        raise UnreadableError(f"{path}: this is {kind} text; save it as UTF-8") from None
    if "\0" in text:
        raise UnreadableError(f"{path}: this is a binary file, not a config")
    return text


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; of a FIFO, which may have taken its place, do not wait for a writer."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def file_below(name: str, folder: Path | None, below: str | None = "") -> tuple[Path | None, bool]:
    """The file that a config names: in the folder of the config, then in the working directory, and below one of these folders.

    Args:
        name: the name; with `././` before it, it is in the folder of the config, wherever the command runs.
        folder: the folder of the config.
        below: the folder in which the command runs, seen from these two; None where it is not known, and no file is there.

    Returns:
        The path, or None if there is no file; and whether a file was ignored because it is outside both folders.
    """
    outside = False
    if name.startswith("././"):
        below = ""
    if below is None and not Path(name).is_absolute():
        return None, False
    places = ([folder] if folder is not None else []) + [Path()]
    for place in places:
        path = place / (below or "") / name
        try:
            if not path.is_file():
                continue
        except (OSError, ValueError):  # such as a name that is too long
            continue
        if any(path.resolve().is_relative_to(other.resolve()) for other in places):
            return path, False
        outside = True
    return None, outside


def folder_for(name: str, folder: Path | None, below: str | None = "") -> str:
    """The folder from which a file that is outside is read, seen from the working directory; empty where none is."""
    for place in (folder, Path()):
        path = None if place is None or below is None else place / below / name
        with contextlib.suppress(OSError, ValueError):
            if path is not None and path.is_file():
                here = Path.cwd()
                above = next(one for one in (here, *here.parents) if path.resolve().is_relative_to(one))
                return "" if above == above.parent else os.path.relpath(above)
    return ""


def conflict_in(path: str, text: str) -> ConfigError | None:
    """The error for a text with the markers of a conflict that Git did not resolve; None for any other text."""
    begins = re.search(r"(?m)^<{7} .*$", text)
    if begins is None or not re.search(r"(?m)^>{7} ", text[begins.end() :]):
        return None
    line = text.count("\n", 0, begins.start()) + 1
    return ConfigError(
        f"{path}: Git's conflict markers are in line {line}; keep one of the two sides, and read the file again"
    )


def check_parts(path: str, text: str) -> None:
    """Refuse JSON of a notebook that would take much more memory than its text.

    Raises:
        UnreadableError: for more values than a notebook has.
    """
    parts = text.count(",") + text.count("[") + text.count("{")
    if parts > MOST_PARTS:
        raise UnreadableError(f"{path}: {parts:,} values are too many for a notebook; at most {MOST_PARTS:,} are read")
