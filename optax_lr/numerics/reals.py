"""What a formula computes with. One name for it, since a formula is written once for all number systems."""

from __future__ import annotations

from typing import Any

Real = Any  # a float, an array or a `Pair`, as the number system has it
Truth = Any  # what comparing reals gives: a bool, or an array of them
