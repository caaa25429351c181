"""The number systems in which a schedule's formula is evaluated.

A schedule writes its formula once, over "reals" and a system `num` that knows how to compute with them. The system
decides what a real is, and with it speed and error:

| system            | a real is           | serves                              | error of a rate              |
|-------------------|---------------------|-------------------------------------|------------------------------|
| `Host`            | a Python float      | `schedule(100)` outside of a trace  | rounded once from float64    |
| `Float64`         | a float64 array     | a trace when x64 is on              | a few float64 roundings      |
| `Vector`          | NumPy's float64     | the search of an audit              | a few float64 roundings      |
| `ByRow`           | a float64 array     | `sweep` when x64 is on              | a few float64 roundings      |
| `RoundedFloat64`  | a float64 array     | `sweep` on CPU and GPU              | <= 0.51 ulp of float32       |
| `SelectedFloat64` | a float64 array     | `sweep` inside a trace              | <= 0.51 ulp of float32       |
| `PairFloat32`     | a pair of float32   | a float32 trace; `sweep` on TPU     | <= 3 ulp of float32          |
| `Float32`         | a float32 array     | `sweep(..., precision="fast")`      | <= 6 ulp, below 2**24 steps  |

What keeps the error small is in the formulas: progress is counted from the end in exact integers, and a cosine is
taken as the square of a sine of what remains (`sin_squared`), so nothing cancels where a rate goes to 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from optax_lr.numerics import polynomials
from optax_lr.numerics.pair import Pair, two_product
from optax_lr.numerics.polynomials import horner
from optax_lr.numerics.reals import Real, Truth
from optax_lr.numerics.system import System

LARGEST_EXPONENT = 127.0  # powers saturate at 2**127, so that no rate in range becomes infinite
SMALLEST_EXPONENT = -1000.0


class Host(System):
    """Python floats: no trace, no device, about a microsecond."""

    def real(self, x: Real) -> Real:
        return float(x)

    def lower(self, value: Real) -> Real:
        return float(value)

    def where(self, condition: Truth, a: Real, b: Real) -> Real:
        return a if condition else b

    def floor(self, x: Real) -> Real:
        return float(math.floor(x))

    def sin_squared(self, a: Real, b: Real) -> Real:
        return math.sin(math.pi / 2 * a / b) ** 2

    def power(self, x: Real, exponent: Real) -> Real:
        if x <= 0:
            return 1.0 if x == exponent == 0 else 0.0
        return x**exponent if exponent * math.log2(x) < LARGEST_EXPONENT else 2.0**LARGEST_EXPONENT

    def inverse_sqrt(self, x: Real) -> Real:
        return 1 / math.sqrt(x) if x > 0 else 0.0

    def log2(self, x: Real) -> Real:
        return math.log2(x) if x > 0 else 0.0

    def fall(self, left: Real, exponent: Real) -> Real:
        return -math.expm1(exponent * math.log1p(-left)) if left < 1 else 1.0

    def choose(self, kind: Real, values: Sequence[Callable[[], Real]]) -> Real:
        return values[int(kind)]()

    def either(
        self,
        holds: Truth,
        x: Real,
        one: Callable[[Real], Sequence[Real]],
        other: Callable[[Real], Sequence[Real]],
        odds: float = 0.85,
    ) -> tuple[Real, ...]:
        return tuple(one(x) if holds else other(x))


class Float64(System):
    """float64 arrays and the library's functions. Needs x64."""

    dtype = jnp.float64

    def real(self, x: Real) -> Real:
        return jnp.asarray(x).astype(self.dtype)

    def lower(self, value: Real) -> Real:
        return value

    def where(self, condition: Truth, a: Real, b: Real) -> Real:
        return jnp.where(condition, a, b)

    def floor(self, x: Real) -> Real:
        return jnp.floor(x)

    def rounded(self, x: Real) -> Real:
        return lax.stop_gradient(jnp.floor(x + 0.5)) + (x - lax.stop_gradient(x))

    def sin_squared(self, a: Real, b: Real) -> Real:
        return jnp.sin(np.pi / 2 * (a / b)) ** 2

    def log2(self, x: Real) -> Real:
        return jnp.log2(jnp.where(x > 0, x, 1))

    def fall(self, left: Real, exponent: Real) -> Real:
        inside = left < 1
        return jnp.where(inside, -jnp.expm1(exponent * jnp.log1p(jnp.where(inside, -left, 0))), 1)

    def sqrt(self, x: Real) -> Real:
        positive = x > 0
        return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1)), 0)

    def power(self, x: Real, exponent: Real) -> Real:
        positive = x > 0
        result = jnp.exp2(jnp.clip(exponent * self.log2(x), SMALLEST_EXPONENT, LARGEST_EXPONENT))
        return jnp.where(positive, result, jnp.where((x == 0) & (exponent == 0), 1.0, 0.0).astype(self.dtype))

    def inverse_sqrt(self, x: Real) -> Real:
        positive = x > 0
        return jnp.where(positive, 1 / jnp.sqrt(jnp.where(positive, x, 1)), 0)

    def choose(self: System, kind: Real, values: Sequence[Callable[[], Real]]) -> Real:
        result, *others = [value() for value in values]
        for index, other in enumerate(others, start=1):
            result = self.where(kind == index, other, result)
        return result


class PairFloat32(System):
    """Pairs of float32, for traces in which float64 is not to be had. Differentiable, and finite in every branch."""

    less = 1 - 2.0**-44

    def real(self, x: Real) -> Real:
        return Pair.of(x)

    def lower(self, value: Real) -> Real:
        return value.high

    def where(self, condition: Truth, a: Real, b: Real) -> Real:
        a, b = Pair.of(a), Pair.of(b)
        return Pair(jnp.where(condition, a.high, b.high), jnp.where(condition, a.low, b.low))

    def floor(self, x: Real) -> Real:
        floor = jnp.floor(x.high)
        whole = floor == x.high
        return Pair.of(floor) + Pair.of(jnp.where(whole, jnp.floor(x.low), 0))

    def rounded(self, x: Real) -> Real:
        whole = self.floor(x + 0.5)
        gradient = x.high - lax.stop_gradient(x.high)  # 0, with the gradient of x
        return Pair(lax.stop_gradient(whole.high) + gradient, lax.stop_gradient(whole.low))

    def sin_squared(self, a: Real, b: Real) -> Real:
        square = (a / b) * (a / b)
        first, second, third, *rest = polynomials.SIN_SQUARED
        tail = horner(rest, square.high) * square.high
        return square * (first + square * (second + square * (third + Pair.of(tail))))

    def sqrt(self, x: Real) -> Real:
        positive = x.high > 0
        high = jnp.sqrt(jnp.where(positive, x.high, 1))
        square, error = two_product(high, high)
        correction = ((x.high - square) - error + x.low) / (2 * high)
        return self.where(positive, Pair.of(high) + Pair.of(correction), self.real(0))

    def inverse_sqrt(self, x: Real) -> Real:
        positive = x.high > 0
        return self.where(positive, 1 / self.sqrt(self.where(positive, x, self.real(1))), self.real(0))

    def log2(self, x: Real) -> Real:
        return self._log2(self.where(x.high > 0, x, self.real(1)))

    def power(self, x: Real, exponent: Real) -> Real:
        positive = x.high > 0
        log = exponent * self.log2(x)
        limit = jnp.clip(log.high, -126.0, LARGEST_EXPONENT)
        inside = log.high == limit
        log = Pair(limit, jnp.where(inside, log.low, 0))
        one = (x.high == 0) & (exponent.high == 0)
        return self.where(positive & (log.high > -126), self._exp2(log), self.where(one, self.real(1), self.real(0)))

    def _log2(self, x: Real, less_one: Real | None = None) -> Real:
        """The logarithm of `x` above 0; of `x` near 1 to all bits of `less_one`, which is `x - 1`."""
        above_root_half = lax.bitcast_convert_type(x.high, jnp.int32) - np.float32(math.sqrt(0.5)).view(np.int32)
        whole = above_root_half >> 23
        scale = _power_of_two(-whole)
        mantissa = Pair(x.high * scale, x.low * scale)
        # log2(m) = 2 / ln 2 * atanh(s), s = (m - 1) / (m + 1), |s| < 0.172.
        above = mantissa - 1 if less_one is None else self.where(whole == 0, less_one, mantissa - 1)
        s = above / (mantissa + 1)
        z = s * s
        tail = horner([2 / math.log(2) / k for k in (5, 7, 9, 11, 13, 15)], z.high) * z.high
        return whole.astype(jnp.float32) + s * (2 / math.log(2) + z * (2 / math.log(2) / 3 + Pair.of(tail)))

    def fall(self, left: Real, exponent: Real) -> Real:
        inside = left < 1
        gone = -self.where(inside, left, self.real(0))
        log = exponent * self._log2(1 + gone, gone)
        near = self.maximum(log, self.real(-0.5))
        far = 1 - self._exp2(self.maximum(log, self.real(-126)))
        return self.where(inside, self.where(log.high > -0.5, -self._exp2_minus_1(near), far), self.real(1))

    def _exp2(self, x: Real) -> Real:
        whole = jnp.round(x.high)
        result = 1 + self._exp2_minus_1(x - Pair.of(whole))
        scale = _power_of_two(whole.astype(jnp.int32))
        return Pair(result.high * scale, result.low * scale)

    def _exp2_minus_1(self, x: Real) -> Real:
        """`2**x - 1` for `|x| <= 1/2`."""
        tail = horner(polynomials.EXP2[2:], x.high) * x.high
        return x * (math.log(2) + Pair.of(tail))

    def choose(self, kind: Real, values: Sequence[Callable[[], Real]]) -> Real:
        return Float64.choose(self, Pair.of(kind).high, values)


def _power_of_two(exponent: Array) -> Array:
    return lax.bitcast_convert_type((jnp.clip(exponent, -126, 127) + 127) << 23, jnp.float32)


HOST = Host()
FLOAT64 = Float64()
PAIR = PairFloat32()


def in_trace() -> System:
    """The system for a value computed inside a trace: float64 if the user has turned x64 on, pairs otherwise."""
    return FLOAT64 if x64_is_on() else PAIR


def x64_is_on() -> bool:
    """Whether the user, or `jax.enable_x64` around this call, has turned float64 on."""
    return bool(jax.config.jax_enable_x64)  # type: ignore[attr-defined, unused-ignore]  # jax before 0.12 tells no types
