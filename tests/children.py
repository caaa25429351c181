"""Run programs in separate processes, because a process cannot undo an import or change the number of devices."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def printed_by(program: str, **environment: str) -> str:
    """The output of a Python program, which may import `tests`. If it fails, the error contains its traceback."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def on_eight_devices(program: str, flags: str = "") -> str:
    """The same on eight virtual devices, with further flags of XLA."""
    return printed_by(program, XLA_FLAGS=f"--xla_force_host_platform_device_count=8 {flags}", JAX_PLATFORMS="cpu")
