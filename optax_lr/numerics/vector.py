"""float64 arrays of NumPy: no trace and no compilation, for the thousands of curves of a search."""

from __future__ import annotations

import numpy as np

from optax_lr.numerics.systems import LARGEST_EXPONENT, SMALLEST_EXPONENT, System


class Vector(System):
    """The formulas of `Float64` on NumPy's arrays, within a few float64 roundings."""

    def real(self, x):
        return np.asarray(x, np.float64)

    def lower(self, value):
        return value

    def where(self, condition, a, b):
        return np.where(condition, a, b)

    def floor(self, x):
        return np.floor(x)

    def sin_squared(self, a, b):
        return np.sin(np.pi / 2 * (a / b)) ** 2

    def log2(self, x):
        return np.log2(np.where(x > 0, x, 1))

    def fall(self, left, exponent):
        inside = left < 1
        return np.where(inside, -np.expm1(exponent * np.log1p(np.where(inside, -left, 0))), 1)

    def sqrt(self, x):
        return np.sqrt(np.maximum(x, 0))

    def power(self, x, exponent):
        result = np.exp2(np.clip(exponent * self.log2(x), SMALLEST_EXPONENT, LARGEST_EXPONENT))
        return np.where(x > 0, result, np.where(exponent == 0, 1.0, 0.0))

    def inverse_sqrt(self, x):
        positive = x > 0
        return np.where(positive, 1 / np.sqrt(np.where(positive, x, 1)), 0)

    def choose(self, kind, values):
        return np.choose(np.asarray(kind, int), [value() for value in values])


VECTOR = Vector()
