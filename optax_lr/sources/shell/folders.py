"""Folders and paths in a script, all seen from the folder in which it starts; unknown parts of them are marks."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from optax_lr.sources.marks import MARK, is_known, mark, readable

# How a word names the folder of the script: `.` would be another folder behind a `cd`.
OWN = "./."
_OWN = re.compile(r"(?<![\w./])\./\.(?![\w.])")
_SUBMITTED = re.compile(r"\$\{?(?:SLURM_SUBMIT_DIR|PBS_O_WORKDIR)\}?(?=/|$)")  # where a job is submitted
_OPTIONS = {
    "docker": "-w|--workdir",
    "podman": "-w|--workdir",
    "env": "-C|--chdir",
    "uv": "--directory",
    "srun": "-D|--chdir",
}  # that name the folder of a command


def place(folder: str, name: str) -> str:
    """Where a name in a folder leads: relative to where the script starts, or absolute.

    >>> place("a", "../b.yaml"), place("a", "/b.yaml"), place("a", "././b.yaml")
    ('b.yaml', '/b.yaml', 'b.yaml')
    """
    name, own = _OWN.subn(".", name)
    submitted = _SUBMITTED.match(str(readable(name)))
    if submitted:
        name = f".{str(readable(name))[submitted.end() :]}"
    base = "" if own or submitted or _is_absolute(name) else folder
    joined = posixpath.join(base, name.removeprefix("./")) if name != "." else base
    made = posixpath.normpath(joined) if is_known(joined) else joined
    return "" if made == "." else made


def absolute(folder: str, name: str) -> str:
    """A name in a folder as every other folder can use it."""
    path = place(folder, name)
    return path if _is_absolute(path) else f"{OWN}/{path}".rstrip("/")


def below(folder: str) -> str | None:
    """A folder seen from where the script starts; None where the script does not say."""
    return None if _is_absolute(folder) or not is_known(folder) else folder


def as_named(path: str, folder: str) -> list[str]:
    """The names by which a command in a folder finds the file of a path."""
    if not folder:
        return [path]
    names = [path if _is_absolute(path) else f"{OWN}/{path}"]
    if path.startswith(f"{folder}/"):
        names.append(path[len(folder) + 1 :])
    elif below(folder) is not None and not _is_absolute(path):
        names.append(posixpath.relpath(path, folder))
    return names


def either(folders: Sequence[str]) -> str:
    """The folder after branches that end in these."""
    different = dict.fromkeys(folders)
    return folders[0] if len(different) == 1 else mark(" or ".join(different))


def folder_of(words: Sequence[str], folder: str) -> str:
    """The folder of a command, which an option such as `docker run -w` may name."""
    option = _OPTIONS.get(words[0])
    found = option and re.search(rf"(?:^|\0)(?:{option})[=\0]([^\0]+)", "\0".join(words))
    return place(folder, found[1]) if found else folder


def without_own(word: str) -> str:
    """A word in which the folder of the script is the current one."""
    return _OWN.sub(".", word)


def _is_absolute(path: str) -> bool:
    return path[:1] in tuple("/~$") or MARK.match(path) is not None
