"""The types that a formula computes with: one name for all number systems, because a formula is written once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Real = Any  # a float, an array or a `Pair`, depending on the number system
Reals = tuple[Real, ...]
Truth = Any  # the result of comparing reals: a bool, or an array of bools
Result = TypeVar("Result")  # of a function of reals: one real, or several
Branch = Callable[[Real], Result]  # one of two functions that a row may choose
