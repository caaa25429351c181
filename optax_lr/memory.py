"""The memory that this process may still allocate under the limits of the machine and of the process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

RESERVE = 128 * 2**20  # bytes kept free for everything else in the process, such as a compilation
COMPILATION = 512 * 2**20  # additional bytes of address space for a compilation and its threads
_UNCHECKED = 32 * 2**20  # allocations up to this many bytes are not checked; a check takes 0.1 ms
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def require_memory(what: str, needed: int, remedy: str) -> None:
    """Refuse an allocation that does not fit, before it is made.

    Args:
        what: the caller and the data, such as `grid(): 30,000 x 30,000 schedules`.
        needed: bytes.
        remedy: what to do instead.

    Raises:
        ValueError: in one line, if the allocation does not fit.
    """
    if needed <= _UNCHECKED:
        return
    free = free_memory()
    if needed > free:
        raise ValueError(f"{what} need {in_bytes(needed)} of memory, and {in_bytes(free)} are free; {remedy}")


def in_bytes(number: int) -> str:
    """A number of bytes in the largest unit that does not exceed it.

    >>> in_bytes(3 * 2**40), in_bytes(90_000), in_bytes(7)
    ('3,072.0 GiB', '87.9 KiB', '7 bytes')
    """
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if number >= unit:
            return f"{number / unit:,.1f} {name}"
    return f"{number} bytes"


def free_memory(root: str = "/") -> int:
    """Bytes that may still be allocated: the least that the machine, the control groups and the process limits allow.

    Control groups (of either version) are how containers, Slurm and systemd limit memory; a process that exceeds the limit is
    killed. Pages of files that the kernel can drop count as free.

    Args:
        root: the folder of `proc` and `sys`; tests pass another one.
    """
    found = [*_machine(Path(root)), *_groups(Path(root)), *_process(Path(root))]
    return max(0, min(found) - RESERVE) if found else 2**63


def _machine(root: Path) -> Iterator[int]:
    for line in _file_text(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024
            return
    with contextlib.suppress(AttributeError, ValueError, OSError):  # another platform
        yield os.sysconf("SC_PHYS_PAGES") * _PAGE


def _groups(root: Path) -> Iterator[int]:
    for line in _file_text(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            mounts = [root / "sys/fs/cgroup", root / "sys/fs/cgroup/unified"]
            names = ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            mounts = [root / "sys/fs/cgroup/memory"]
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        # The limits of all parent groups apply too. In a container the path may be that of the host: then only the root exists.
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for mount in mounts:
            for depth in range(len(parts) + 1):
                yield from _group(mount.joinpath(*parts[:depth]), *names)


def _group(folder: Path, limit: str, used: str, droppable: str) -> Iterator[int]:
    most, taken = _file_text(folder / limit).strip(), _file_text(folder / used).strip()
    if not (most.isdigit() and taken.isdigit()):  # no group, or "max"
        return
    statistics = dict(
        line.split()[:2] for line in _file_text(folder / "memory.stat").splitlines() if len(line.split()) > 1
    )
    dropped = statistics.get(droppable, "0")
    yield int(most) - int(taken) + (int(dropped) if dropped.isdigit() else 0)


def _process(root: Path) -> Iterator[int]:
    """The bytes that `ulimit -v` and `ulimit -d` leave."""
    try:
        import resource
    except ImportError:  # Windows
        return
    pages = _file_text(root / "proc/self/statm").split()
    for limit, place in ((resource.RLIMIT_AS, 0), (resource.RLIMIT_DATA, 5)):
        most = resource.getrlimit(limit)[0]
        if most != resource.RLIM_INFINITY:
            used = int(pages[place]) * _PAGE if len(pages) > place else 0
            yield most - used - COMPILATION


def _file_text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ValueError):
        return ""
