"""The number system of pairs of float32, for platforms without float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from optax_lr.numerics import polynomials
from optax_lr.numerics.pair import Pair, two_product
from optax_lr.numerics.polynomials import horner
from optax_lr.numerics.reals import Real, Truth
from optax_lr.numerics.system import LARGEST_EXPONENT, System


class PairFloat32(System):
    """Pairs of float32: 48 bits. Differentiable, and finite in every branch."""

    less = 1 - 2.0**-44

    def joined(self, high: Real, low: Real) -> Real:
        if low is None or isinstance(high, (np.ndarray, np.generic)):
            return Pair.of(high)
        high, low = jnp.asarray(high), lax.stop_gradient(jnp.asarray(low))
        return Pair(high, jnp.where(abs(low) <= np.float32(2.0**-24) * abs(high), low, 0))

    def real(self, x: Real) -> Real:
        return Pair.of(x)

    def result(self, value: Real) -> Real:
        return jnp.where(value.high < 0, 0, value.high)

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
        """The logarithm of `x` above 0. Near 1 it is as accurate as `less_one`, which is `x - 1`."""
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

    def call(self, function: Callable[..., Real], step: Real, settings: dict[str, Real]) -> Real:
        mapped = jnp.vectorize(
            lambda step, *values: jnp.asarray(function(step, **dict(zip(settings, values, strict=True))))
        )
        return Pair.of(mapped(step.high, *(value.high for value in settings.values())))

    def choose(self, kind: Real, values: Sequence[Callable[[], Real]]) -> Real:
        result, *others = [value() for value in values]
        for index, other in enumerate(others, start=1):
            result = self.where(Pair.of(kind).high == index, other, result)
        return result


def _power_of_two(exponent: Array) -> Array:
    return lax.bitcast_convert_type((jnp.clip(exponent, -126, 127) + 127) << 23, jnp.float32)


PAIR = PairFloat32()
