"""The folder of a store: its ownership, the lock of its writer, syncing and removal."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator

from optax_lr.outputs import sync

try:
    import fcntl
except ImportError:  # Windows, where two writers of one store are not excluded
    fcntl = None  # type: ignore[assignment]

WRITER = "optax_lr.sweep_to 2"  # the number changes with the layout
_LARGEST_METADATA = 2**20  # bytes


@contextlib.contextmanager
def own_folder(path: str) -> Iterator[None]:
    """Yield with the folder locked for this process; create it if it is missing.

    Raises:
        FileExistsError: If `path` is not a folder.
        BlockingIOError: If another process has locked the folder.
    """
    is_new = not os.path.isdir(path)
    if is_new:
        if os.path.lexists(path):
            raise FileExistsError(f"sweep_to(): {path} is not a sweep; remove it or choose another path")
        with contextlib.suppress(FileExistsError):  # another process has created it
            os.mkdir(path)
    with _locked(path):
        try:
            yield
        except BaseException:
            if is_new:
                with contextlib.suppress(OSError):  # it is not empty
                    os.rmdir(path)
            raise


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    if fcntl is None:
        yield
        return
    number = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(
                f"sweep_to(): another process is writing {path}; wait until it ends, or choose another path"
            ) from None
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(number)  # which releases the lock


def metadata(path: str) -> dict[str, object] | None:
    """The attributes of a store that `sweep_to` wrote; None for anything else."""
    name = os.path.join(path, "zarr.json")
    try:
        if os.path.islink(name) or not os.path.isfile(name) or os.path.getsize(name) > _LARGEST_METADATA:
            return None
        with open(name, encoding="utf-8") as file:
            attributes = json.load(file)["attributes"]
        is_ours = str(attributes["writer"]).startswith("optax_lr.sweep_to") and {"sweep", "complete"} <= set(attributes)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return dict(attributes) if is_ours else None


def remove_store(path: str) -> None:
    """Remove the files that `sweep_to` wrote, the metadata last, so that after a kill the folder is still recognised.

    Raises:
        FileExistsError: If the folder holds other files; nothing is removed then.
    """
    arrays = [entry for entry in os.scandir(path) if entry.name != "zarr.json"]
    for entry in arrays:
        if not _is_array(entry):
            raise FileExistsError(
                f"sweep_to(): {path} holds {entry.name}, which no sweep wrote; remove it or choose another path"
            )
    for entry in arrays:
        shutil.rmtree(entry.path)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(path, "zarr.json"))


def refuse_links(path: str) -> None:
    """Refuse a store in which a folder is a link, because blocks would be written to the link's target.

    Raises:
        FileExistsError: In one line that names the link.
    """
    for folder, folders, _ in os.walk(path):
        for name in folders:
            if os.path.islink(os.path.join(folder, name)):
                raise FileExistsError(
                    f"sweep_to(): {os.path.join(folder, name)} is a link, which no sweep wrote; remove it or choose another path"
                )


def remove_temporary(path: str) -> None:
    """Remove the files that Zarr had not yet renamed when a process was killed."""
    for folder, _, names in os.walk(path):
        for name in names:
            if name.endswith(".partial"):
                os.unlink(os.path.join(folder, name))


def sync_all(path: str, *, deep: bool = True) -> None:
    """Sync the metadata, labels and folder names of a store; chunks of rates are synced when they are written."""
    if os.name == "nt":
        return  # a platform on which folders cannot be opened
    for folder, folders, names in os.walk(path):
        is_rates = os.path.relpath(folder, path).startswith(os.path.join("learning_rate", "c"))
        for name in names if not is_rates else ():
            sync(os.path.join(folder, name))
        sync(folder)
        if not deep:
            folders.clear()
    sync(os.path.dirname(os.path.abspath(path)))


def written_bytes(path: str) -> int:
    """The number of bytes already in the folder."""
    return sum(os.lstat(os.path.join(folder, name)).st_size for folder, _, names in os.walk(path) for name in names)


def _is_array(entry: os.DirEntry[str]) -> bool:
    """Whether the folder is an array in Zarr's layout: metadata and chunks, and nothing else."""
    if not entry.is_dir(follow_symlinks=False):
        return False
    for folder, folders, names in os.walk(entry.path):
        if any(os.path.islink(os.path.join(folder, name)) for name in (*folders, *names)):
            return False
        if not all(name == "c" or name.isdigit() for name in folders):
            return False
        if not all(name == "zarr.json" or name.isdigit() or name.endswith(".partial") for name in names):
            return False
    return True
