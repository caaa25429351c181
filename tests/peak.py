"""The peak memory of a call, measured by Linux."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROCESS = Path("/proc/self")


def peak_growth(function: Callable[[], Any]) -> int:
    """The peak growth of the resident memory of this process while the function runs, in bytes.

    Only with glibc. Run it with `MALLOC_MMAP_THRESHOLD_=1048576` in the environment: then each allocation of a mebibyte has
    pages of its own, which go back to Linux when it is freed.
    """
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # return free memory to Linux
    (PROCESS / "clear_refs").write_text("5")  # reset the peak
    before = _resident("VmRSS")
    result = function()
    peak = _resident("VmHWM")
    del result
    return peak - before


def _resident(which: str) -> int:
    return 1024 * int(re.search(rf"{which}:\s+(\d+) kB", (PROCESS / "status").read_text())[1])
