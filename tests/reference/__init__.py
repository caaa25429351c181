"""Stored values of the real schedulers, with their versions. `python -m tests.reference.generate` writes them again."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

STORED = Path(__file__).with_name("values.json")


@functools.cache
def stored() -> dict[str, Any]:
    """The stored values: `versions`, and a list of cases for each library."""
    return json.loads(STORED.read_text())


def cases(library: str) -> list[dict[str, Any]]:
    """The cases of "transformers" or "torch": settings, `at` (the steps) and `rates` (float64)."""
    return stored()[library]


def label(case: dict[str, Any]) -> str:
    """A short name of a case, for a test's id."""
    keywords = ",".join(f"{key}={value}" for key, value in case["keywords"].items())
    return "-".join(
        str(part) for part in (case["name"], case.get("total"), case.get("warmup"), keywords) if part not in (None, "")
    )
