"""A real number as the unevaluated sum of two float32: 48 significant bits for platforms without float64.

A TPU has no float64. One float32 cannot hold a step count above
2**24, and each rounding costs half an ulp; `Pair` holds every int32 exactly and rounds once, at the end. The algorithms
are the double-word ones of Joldes, Muller and Popescu, "Tight and rigorous error bounds for basic building blocks of
double-word arithmetic" (ACM TOMS 44, 2017).

Two properties of compilers shape the code. They may contract `a*b + c` to a fused operation, so a product is split
by masking bits (exact either way), not by Veltkamp's multiplication. And XLA rewrites sums and products with constants as
if there were no rounding, `(c + x) - c` to `x` and `x*c - y*c` to `(x - y)*c`, which loses the rounding error that the
algorithm computes; a schedule's settings are constants wherever a loop closes over it. So `_opaque` hides each rounded result.
"""

from __future__ import annotations

from typing import NoReturn, Union

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

_HIGH_BITS = np.int32(-(1 << 12))  # keeps sign, exponent and the upper 11 bits of the mantissa

Operand = Union["Pair", ArrayLike]  # the types that `Pair.of` takes


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """`a + b` rounded, and the rounding error."""
    total = _opaque(a + b)
    b_part = total - a
    return total, (a - (total - b_part)) + (b - b_part)


def fast_two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """`two_sum` for `|a| >= |b|`."""
    total = _opaque(a + b)
    return total, b - (total - a)


def two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """`a * b` rounded, and the rounding error."""
    product = _opaque(a * b)
    a_high, b_high = _upper_half(a), _upper_half(b)
    a_low, b_low = a - a_high, b - b_high
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _opaque(x: Array) -> Array:
    """`x`, behind a test that is always true, so that the compiler cannot see how it was computed."""
    return jnp.where(x == x, x, 0)  # noqa: PLR0124


def _upper_half(x: Array) -> Array:
    bits = lax.bitcast_convert_type(x, jnp.int32)
    return lax.bitcast_convert_type(bits & _HIGH_BITS, jnp.float32)


class Pair:
    """`high + low`, with `high` the float32 nearest to the sum. It has the arithmetic and the comparisons of a number."""

    __slots__ = ("high", "low")
    __array_ufunc__ = None  # a NumPy scalar on the left uses the operators below

    def __init__(self, high: Array, low: Array) -> None:
        self.high, self.low = high, low

    @classmethod
    def of(cls, x: Operand) -> Pair:
        """The pair nearest to `x`: exact for float32, for integers of 32 bits and for other pairs."""
        if isinstance(x, Pair):
            return x
        if isinstance(x, (int, float, np.floating)) and not isinstance(x, np.float32):
            high = np.float32(x)
            return cls(jnp.float32(high), jnp.float32(float(x) - float(high)))
        if isinstance(x, np.ndarray) and x.dtype == np.float64:
            rounded = x.astype(np.float32)
            return cls(jnp.asarray(rounded), jnp.asarray((x - rounded).astype(np.float32)))
        x = jnp.asarray(x)
        if jnp.issubdtype(x.dtype, jnp.integer):
            if x.dtype.itemsize < 4:
                x = x.astype(jnp.int32)
            # Both parts are exact in float32: the upper 24 bits, and the last 8.
            upper = (x >> 8).astype(jnp.float32) * np.float32(256)
            return cls(*fast_two_sum(upper, (x & 255).astype(jnp.float32)))
        x = x.astype(jnp.float32)
        return cls(x, jnp.zeros_like(x))

    def __neg__(self) -> Pair:
        return Pair(-self.high, -self.low)

    def __add__(self, other: Operand) -> Pair:
        other = Pair.of(other)
        high, error = two_sum(self.high, other.high)
        low, low_error = two_sum(self.low, other.low)
        high, error = fast_two_sum(high, error + low)
        return Pair(*fast_two_sum(high, error + low_error))

    def __sub__(self, other: Operand) -> Pair:
        return self + -Pair.of(other)

    def __mul__(self, other: Operand) -> Pair:
        other = Pair.of(other)
        high, error = two_product(self.high, other.high)
        return Pair(*fast_two_sum(high, error + (self.high * other.low + self.low * other.high)))

    def __truediv__(self, other: Operand) -> Pair:
        other = Pair.of(other)
        first = self.high / other.high
        second = (self - other * Pair.of(first)).high / other.high
        return Pair(*fast_two_sum(first, second))

    def __radd__(self, other: Operand) -> Pair:
        return self + other

    def __rsub__(self, other: Operand) -> Pair:
        return Pair.of(other) - self

    def __rmul__(self, other: Operand) -> Pair:
        return self * other

    def __rtruediv__(self, other: Operand) -> Pair:
        return Pair.of(other) / self

    def _refused(self, other: Operand) -> NoReturn:
        raise TypeError(
            "a formula for a TPU has no **, % and //; write num.power(x, y), num.sqrt(x) or num.quotient(x, y)"
        )

    __pow__ = __rpow__ = __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = _refused

    # Each part is the float32 nearest to the exact value, so pairs are ordered by the first part that differs.
    def __lt__(self, other: Operand) -> Array:
        other = Pair.of(other)
        return (self.high < other.high) | ((self.high == other.high) & (self.low < other.low))

    def __le__(self, other: Operand) -> Array:
        other = Pair.of(other)
        return (self.high < other.high) | ((self.high == other.high) & (self.low <= other.low))

    def __gt__(self, other: Operand) -> Array:
        return Pair.of(other) < self

    def __ge__(self, other: Operand) -> Array:
        return Pair.of(other) <= self

    def __eq__(self, other: object) -> Array:  # type: ignore[override]
        other = Pair.of(other)  # type: ignore[arg-type]
        return (self.high == other.high) & (self.low == other.low)

    def __ne__(self, other: object) -> Array:  # type: ignore[override]
        return ~(self == other)

    __hash__ = object.__hash__

    def __pos__(self) -> Pair:
        return self

    def __abs__(self) -> Pair:
        negative = self.high < 0
        return Pair(jnp.where(negative, -self.high, self.high), jnp.where(negative, -self.low, self.low))
