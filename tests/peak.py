"""The most memory that a call takes at once, as Linux counts it."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROCESS = Path("/proc/self")
M_MMAP_THRESHOLD = -3


def peak_growth(function: Callable[[], Any]) -> int:
    """The peak growth of the resident memory of this process while the function runs, in bytes.

    An allocation below a mebibyte may be served from memory that the process had before.
    """
    try:
        library = ctypes.CDLL("libc.so.6")
        library.mallopt(M_MMAP_THRESHOLD, 2**20)  # larger ones have pages of their own, and give them back at once
        library.malloc_trim(0)
        (PROCESS / "clear_refs").write_text("5")  # the highest mark starts anew
    except OSError:
        pytest.skip("only Linux with glibc says how much memory a process has taken at once")
    before = _resident("VmRSS")
    result = function()
    peak = _resident("VmHWM")
    del result
    return peak - before


def _resident(which: str) -> int:
    return 1024 * int(re.search(rf"{which}:\s+(\d+) kB", (PROCESS / "status").read_text())[1])
