"""`ByRow` with polynomials instead of library functions: the number system of `sweep`."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from optax_lr.numerics import polynomials
from optax_lr.numerics.by_row import ByRow, is_by_row
from optax_lr.numerics.polynomials import horner, in_fours
from optax_lr.numerics.reals import Real
from optax_lr.numerics.system import LARGEST_EXPONENT, SMALLEST_EXPONENT, System

_LOG_BASE = 2.0**11 - SMALLEST_EXPONENT  # from 2**11 to 2**12 the first 11 bits of a mantissa are the integer part
_NOTHING = -400.0  # any rate times 2 to this power is 0 as a float32
_MANY_ROWS = 8  # rows whose logarithms by polynomial cost one library logarithm, which XLA computes once for all rows
_ONE = np.float64(1).view(np.int64)
_ROOT_HALF = np.float64(math.sqrt(0.5)).view(np.int64)
_WHOLE = np.float64(2**52).view(np.int64)  # added to a smaller whole number, it puts that number into the last bits
_EXPONENT_FIELD = np.int64(0x7FF << 52)
_MANTISSA_FIELD = np.int64((1 << 52) - 1)


def _bits(x: Array) -> Array:
    return lax.bitcast_convert_type(x, jnp.int64)


def _float(bits: Array) -> Array:
    return lax.bitcast_convert_type(bits, jnp.float64)


def _mantissa(bits: Array) -> Array:
    """The mantissa of a float64, in [1, 2)."""
    return _float((bits & _MANTISSA_FIELD) | _ONE)


def _exponent_and_mantissa(bits: Array) -> Array:
    """The exponent and mantissa of a float64, read as one number, plus 2**11."""
    return _float(lax.shift_right_logical(bits, np.int64(11)) | np.float64(2**11).view(np.int64))


class RoundedFloat64(ByRow):
    """float64 inside and float32 outside, with polynomials so exact that the last rounding decides the error.

    Divisors must be per row, so that one reciprocal serves the row: a division costs as much as the rest of a cosine does.
    """

    def result(self, value: Real) -> Real:
        return value.astype(jnp.float32)

    def ratio(self, a: Real, b: Real) -> Real:
        return a * (1 / b)

    def sin_squared(self, a: Real, b: Real) -> Real:
        # A divisor by row is multiplied into the coefficients, which saves one multiplication for each rate.
        if not is_by_row(b):
            a, b = a / b, self.real(1)
        inverse = 1 / (b * b)
        scaled, scale = [], inverse
        for coefficient in polynomials.SIN_SQUARED:
            scaled.append(coefficient * scale)
            scale = scale * inverse
        square = a * a
        return square * horner(scaled, square)

    def wave(self, step: Real, start: Real, length: Real, cycles: Real) -> Real:
        # An ordinary cosine takes half a wave and needs no reduction, which saves a third of the time.
        half_wave = (cycles == 0.5) & (self.last_step - start <= 2 * length)
        return self.shortcut(
            half_wave,
            step,
            lambda step: self.sin_squared((start + length) - step, length),
            lambda step: System.wave(self, step, start, length, cycles),  # which needs the square of a sine alone
        )

    def power(self, x: Real, exponent: Real) -> Real:
        return self.power_of_ratio(x, self.real(1), exponent)

    def power_of_ratio(self, a: Real, b: Real, exponent: Real) -> Real:
        first, second, third = ((exponent == k).astype(jnp.float64) for k in (1, 2, 3))

        def small_power(a: Real) -> Real:
            x = self.maximum(self.ratio(a, b), self.real(0))
            return x * (first + x * (second + x * third))

        def other(a: Real) -> Real:
            def general(a: Real) -> Real:
                return self._any_power(a, b, exponent)

            return self.shortcut(exponent == 0.5, a, lambda a: self.sqrt(self.ratio(a, b)), general, probability=0.5)

        return self.shortcut(first + second + third > 0, a, small_power, other, probability=0.6)

    def rounded(self, x: Real) -> Real:
        return jnp.floor(x + 0.5)

    def log2(self, x: Real) -> Real:
        """At most 2**-35 off, and 0 at 1. The library's function if one logarithm serves a row, or one step many rows."""
        if is_by_row(x) or (len(x) == 1 and self.rows > _MANY_ROWS):
            return super().log2(x)
        bits = _bits(x)
        constant, *rest = polynomials.LOG2_REST
        log = in_fours([constant + (1 - 1023 - 2.0**11) + _exponent_and_mantissa(bits), *rest], _mantissa(bits))
        return jnp.where((x > 0) & (x != 1), log, 0)

    def fall(self, left: Real, exponent: Real) -> Real:
        # Nearly every schedule has an exponent of 1.
        return self.shortcut(
            exponent == 1,
            left,
            lambda left: self.minimum(left, self.real(1)),
            lambda left: self._any_fall(left, exponent),
            probability=0.95,
        )

    def power_of_fall(self, left: Real, exponent: Real, power: Real) -> Real:
        # Few schedules have another exponent than 1, so their powers share one branch.
        return self.shortcut(
            exponent == 1,
            left,
            lambda left: self.power(self.minimum(left, self.real(1)), power),
            lambda left: self._any_power(self._any_fall(left, exponent), self.real(1), power),
            probability=0.95,
        )

    def _any_power(self, a: Real, b: Real, exponent: Real) -> Real:
        """`2**(exponent * (log2(a) - log2(b)))` without a division, a table or a branch; where `a` is by step, `a <= b`.

        The bits of a float64 approximate its logarithm: exponent and mantissa `m`, read as one number, differ from `log2(a)`
        by a constant and by `log2(m) - m`, which is a polynomial. In the same way the logarithm of the power, added to
        `_LOG_BASE`, has the exponent of the result in its mantissa, followed by the argument of a polynomial for the mantissa.
        """
        if is_by_row(a):
            # For example a decay per step: the exponent may be large, and one logarithm for a row costs little.
            nothing = jnp.where(a < 0, -1e300, 0.0)  # also for an exponent of 0, whereas 0**0 is 1
            log = exponent * jnp.where(a > 0, self.log2(self.ratio(a, b)), -1e300) + (_LOG_BASE + nothing)
            log = jnp.where(log > _LOG_BASE + SMALLEST_EXPONENT, log, _LOG_BASE + SMALLEST_EXPONENT)
            return self._exp2(jnp.where(log < _LOG_BASE + LARGEST_EXPONENT, log, _LOG_BASE + LARGEST_EXPONENT))
        # Below `least` the power is 0 as a float32, or the largest allowed: one bound by row instead of two by step.
        least = b * jnp.exp2(jnp.where(exponent < 0, -LARGEST_EXPONENT, _NOTHING) / abs(exponent))
        bits = _bits(self.maximum(a, least))
        constant, *rest = (coefficient * exponent for coefficient in polynomials.LOG2_REST)
        constant = constant + exponent * (1 - 1023 - 2.0**11 - jnp.log2(b)) + _LOG_BASE
        log = in_fours([constant + exponent * _exponent_and_mantissa(bits), *rest], _mantissa(bits))
        return jnp.where(a > jnp.where(exponent == 0, -1e-300, 0.0), self._exp2(log), 0)

    def _any_fall(self, left: Real, exponent: Real) -> Real:
        """A logarithm and a power of two less 1, which keep all bits when little is left."""
        gone = jnp.where(left < 1, 1 - left, 1)
        bits = _bits(gone) + (_ONE - _ROOT_HALF)  # with the exponent of a mantissa in [sqrt(1/2), sqrt(2))
        whole = _float(lax.shift_right_logical(bits, np.int64(52)) | _WHOLE) - (2.0**52 + 1023)
        mantissa = _float(_bits(gone) + (_ONE - (bits & _EXPONENT_FIELD)))
        above = jnp.where(whole == 0, -left, mantissa - 1)
        log = exponent * (whole + above * in_fours(polynomials.LOG2_NEAR_1, above))
        log = jnp.where(log > SMALLEST_EXPONENT, log, SMALLEST_EXPONENT)
        log = jnp.where(log < LARGEST_EXPONENT, log, LARGEST_EXPONENT)
        nearest = jnp.floor(log + 0.5)
        scale = _float(lax.shift_left(_bits(nearest + (2.0**52 + 1023)), np.int64(52)))
        rest = log - nearest
        return jnp.where(left < 1, (1 - scale) - scale * (rest * horner(polynomials.EXP2_LESS_1, rest)), 1)

    def _exp2(self, log: Real) -> Real:
        """`2**(log - _LOG_BASE)` for `log` near `_LOG_BASE`."""
        bits = lax.shift_left(_bits(log), np.int64(11))
        mantissa = horner([2.0**SMALLEST_EXPONENT * c for c in polynomials.EXP2_OF_MANTISSA], _mantissa(bits))
        return _float(_bits(mantissa) + (bits & _EXPONENT_FIELD))

    def sqrt(self, x: Real) -> Real:
        # Newton's iteration would give NaN for 0; the root of this lower bound is 0 as a float32.
        x = self.maximum(x, self.real(2.0**-600))
        return x * self.inverse_sqrt(x)

    def inverse_sqrt(self, x: Real) -> Real:
        # A first guess with half the exponent is 3.4% off; three Newton iterations give 2**-34.
        y = _float(np.int64(0x5FE6EB50C7B537A9) - lax.shift_right_logical(_bits(x), np.int64(1)))
        half = 0.5 * x
        for _ in range(3):
            y = y * (1.5 - half * (y * y))
        return y
