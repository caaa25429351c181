"""Output files: written completely or not at all, and never over a folder or through a dangling link."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO


class OutputError(OSError):
    """A file that cannot be written, or must not be; the message is one line and names the remedy."""


def check_output(path: Path | None, *, overwrite: bool, suffixes: Sequence[str] = ()) -> None:
    """Raise the errors of `write_output` before any work is done. None means no output.

    Raises:
        OutputError: for an existing file without `overwrite`, a folder, a device, a dangling link, a missing folder, or a
            name that ends in none of `suffixes`.
    """
    if path is None:
        return
    if suffixes and path.suffix.lower() not in suffixes:
        raise OutputError(f"{path}: the name must end in {' or '.join(suffixes)}")
    target, _ = _target(path, overwrite=overwrite)
    if not target.parent.is_dir():
        raise OutputError(f"{path}: the folder {target.parent} does not exist")


def write_output(
    path: Path, content: bytes | Callable[[BinaryIO], object], *, overwrite: bool, mode_of: Path | None = None
) -> None:
    """Write `content` to `path`, completely or not at all, even if the process is killed.

    The data are written to a file without a name (or with a temporary name, if the platform has no unnamed files), synced
    to the disk, and then replace the target in one step. A link is followed to the file that it names. An existing file keeps
    its permissions and, if the process may set it, its owner; other hard links to it keep the old content.

    Args:
        path: the file.
        content: the bytes, or a function that writes them into a file that is open for writing.
        overwrite: whether an existing file may be replaced.
        mode_of: the file whose permissions a new file gets, such as the source of an edited copy.

    Raises:
        OutputError: as for `check_output`, and if the file system refuses.
    """
    target, state = _target(path, overwrite=overwrite)
    try:
        like = state if state is not None or mode_of is None else os.stat(mode_of)
        with _new_file(target) as (file, name):
            if callable(content):
                content(file)
            else:
                file.write(content)
            file.flush()
            if like is not None:
                _keep(file.fileno(), like, owner=state is not None)
            os.fsync(file.fileno())
            if state is None:
                _link(file, name, target)
            else:
                temporary = name or _temporary(target)
                if name is None:
                    _link(file, None, temporary)
                os.replace(temporary, target)
        with contextlib.suppress(OSError):  # some platforms cannot open a folder
            sync(target.parent)
    except OutputError:
        raise
    except FileExistsError:
        raise OutputError(f"{path}: another program has just written this file; choose another name") from None
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from None


def _target(path: Path, *, overwrite: bool) -> tuple[Path, os.stat_result | None]:
    """The file that `path` resolves to, and its state; None for a new file."""
    try:
        is_link = stat.S_ISLNK(os.lstat(path).st_mode)
        target = Path(os.path.realpath(path)) if is_link else path
        state = os.stat(target)
    except FileNotFoundError:
        if os.path.islink(path):
            raise OutputError(f"{path}: this link leads to no file; remove it, or name the file itself") from None
        return path, None
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}") from None
    if stat.S_ISDIR(state.st_mode):
        raise OutputError(f"{path}: this is a folder, and no folder is ever replaced; name a file")
    if not stat.S_ISREG(state.st_mode):
        raise OutputError(f"{path}: this is not a regular file; name one")
    if not overwrite:
        raise OutputError(f"{path} exists; choose another name, or overwrite it with --force")
    if not os.access(target, os.W_OK):
        raise OutputError(f"{path}: this file is read-only; choose another name")
    return target, state


@contextlib.contextmanager
def _new_file(target: Path) -> Iterator[tuple[BinaryIO, Path | None]]:
    """A new file in the folder of `target`, and its temporary name; None for a file without one."""
    flags, name = os.O_WRONLY | getattr(os, "O_BINARY", 0), None
    try:
        number = os.open(target.parent, flags | os.O_TMPFILE, 0o666)
    except (AttributeError, OSError):  # another platform, or a file system without such files
        name = _temporary(target)
        number = os.open(name, flags | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(number, "wb") as file:
            yield file, name
    finally:
        if name is not None:
            with contextlib.suppress(OSError):
                os.unlink(name)


def _temporary(target: Path) -> Path:
    return target.parent / f".optax-lr-{secrets.token_hex(8)}.tmp"


def _link(file: BinaryIO, name: Path | None, target: Path) -> None:
    """Give the file its name. Raises: `FileExistsError` if the name is taken."""
    if name is None:
        # The folder is given so that Python calls linkat, which can follow the link in /proc to the open file.
        os.link(f"/proc/self/fd/{file.fileno()}", target, src_dir_fd=file.fileno(), follow_symlinks=True)
        return
    try:
        os.link(name, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(target):
            raise FileExistsError from None
        os.replace(name, target)


def _keep(number: int, state: os.stat_result, *, owner: bool) -> None:
    if not hasattr(os, "fchmod"):
        return
    if owner:
        with contextlib.suppress(OSError):
            os.fchown(number, state.st_uid, state.st_gid)
    os.fchmod(number, stat.S_IMODE(state.st_mode))


def sync(path: str | Path) -> None:
    """Sync a file, or the names in a folder, to the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
