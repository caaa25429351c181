"""float64 arrays of NumPy: no trace and no compilation, for the thousands of curves of a search."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from optax_lr.numerics.reals import Real, Truth
from optax_lr.numerics.system import System
from optax_lr.numerics.systems import LARGEST_EXPONENT, SMALLEST_EXPONENT


class Vector(System):
    """The formulas of `Float64` on NumPy's arrays, within a few float64 roundings."""

    def real(self, x: Real) -> Real:
        return np.asarray(x, np.float64)

    def lower(self, value: Real) -> Real:
        return value

    def where(self, condition: Truth, a: Real, b: Real) -> Real:
        return np.where(condition, a, b)

    def floor(self, x: Real) -> Real:
        return np.floor(x)

    def sin_squared(self, a: Real, b: Real) -> Real:
        return np.sin(np.pi / 2 * (a / b)) ** 2

    def log2(self, x: Real) -> Real:
        return np.log2(np.where(x > 0, x, 1))

    def fall(self, left: Real, exponent: Real) -> Real:
        inside = left < 1
        return np.where(inside, -np.expm1(exponent * np.log1p(np.where(inside, -left, 0))), 1)

    def sqrt(self, x: Real) -> Real:
        return np.sqrt(np.maximum(x, 0))

    def power(self, x: Real, exponent: Real) -> Real:
        result = np.exp2(np.clip(exponent * self.log2(x), SMALLEST_EXPONENT, LARGEST_EXPONENT))
        return np.where(x > 0, result, np.where((x == 0) & (exponent == 0), 1.0, 0.0))

    def inverse_sqrt(self, x: Real) -> Real:
        positive = x > 0
        return np.where(positive, 1 / np.sqrt(np.where(positive, x, 1)), 0)

    def choose(self, kind: Real, values: Sequence[Callable[[], Real]]) -> Real:
        return np.choose(np.asarray(kind, int), [value() for value in values])


VECTOR = Vector()
