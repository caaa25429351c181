"""Number systems for whole batches: reals are `[rows, 1]`, `[1, steps]` or `[rows, steps]`, and each row takes its own way.

`ByRow` has the library's functions, `RoundedFloat64` and `Float32` have polynomials. What they are for, and what
error a rate has in them, is in the table of `optax_lr.numerics.systems`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from optax_lr.numerics import polynomials
from optax_lr.numerics.polynomials import even_odd, horner
from optax_lr.numerics.reals import Real, Truth
from optax_lr.numerics.systems import LARGEST_EXPONENT, SMALLEST_EXPONENT, Float64

_LOG_BASE = (
    2.0**11 - SMALLEST_EXPONENT
)  # a float64 from here to 2**12 has its whole part in the first 11 bits of the mantissa
_EXPONENT_FIELD = np.int64(0x7FF << 52)
_MANTISSA_FIELD = np.int64((1 << 52) - 1)
_MOST_WAYS = 8  # XLA fuses a concatenation of no more operands, and LLVM unswitches a loop on no more conditions


def _bits(x: Array) -> Array:
    return lax.bitcast_convert_type(x, jnp.int64)


def _float(bits: Array) -> Array:
    return lax.bitcast_convert_type(bits, jnp.float64)


def _mantissa(bits: Array) -> Array:
    """The mantissa of a float64, in [1, 2)."""
    return _float((bits & _MANTISSA_FIELD) | np.float64(1).view(np.int64))


def _by_row(x: Real) -> bool:
    """Whether `x` is one number for each row, or for all."""
    return jnp.shape(x)[-1:] in [(), (1,)]


class ByRow(Float64):
    """A float64 system in which a row computes only what it chooses. `last_step` bounds the steps of the sweep."""

    _path: tuple[int, ...]  # what is chosen, one choice after another, on the way that is being gone
    _met: list[tuple[Real, int, int]]  # the choices met on it: by row, the one taken, and how many there are

    def __init__(self, last_step: Array) -> None:
        self.last_step = self.real(last_step)
        self.detail = 3

    def choose(self, kind: Real, values: Sequence[Callable[[], Real]]) -> Real:
        """One of `values`, by row. Inside `by_row` only; see there."""
        taken = self._path[len(self._met)] if len(self._met) < len(self._path) else 0
        self._met.append((kind, taken, len(values)))
        return values[taken]()

    def by_row(self, formula: Callable[[], Array]) -> Array:
        """The value of `formula()`, where each row computes only what it chooses.

        The formula runs once for each way through its choices. The ways are then laid one under the other, and each row
        gathers its own: XLA fuses the gather into the concatenation, LLVM moves the branch out of the loop over a row,
        and no way is ever stored or computed for a row that does not take it. This holds for eight ways. With more, the
        choices that only save time are dropped first (`detail`), and what is still too many is nested, which costs speed
        but no memory.
        """
        for self.detail, most in ((3, _MOST_WAYS), (2, _MOST_WAYS), (1, _MOST_WAYS), (0, math.inf)):
            ways = self._ways(formula, most)
            if len(ways) <= most:
                break
        chosen = sum(number * jnp.where(taken, 1, 0) for number, (taken, _) in enumerate(ways) if number)
        return self._pick(chosen, [value for _, value in ways])

    def _ways(self, formula: Callable[[], Array], most: float) -> list[tuple[Truth, Array]]:
        """Each way through the choices of `formula`: which rows take it, and the value. Stops once past `most`."""
        ways: list[tuple[Truth, Array]] = []
        pending: list[tuple[int, ...]] = [()]
        while pending and len(ways) <= most:
            self._path, self._met = pending.pop(), []
            value = formula()
            taken = functools.reduce(lambda rows, met: rows & (met[0] == met[1]), self._met, True)
            ways.append((taken, value))
            done = tuple(choice for _, choice, _ in self._met)
            for depth in range(len(self._path), len(done)):
                pending += [(*done[:depth], other) for other in range(1, self._met[depth][2])]
        return ways

    def _pick(self, chosen: Array | int, values: Sequence[Array]) -> Array:
        if len(values) == 1:
            return values[0]
        if len(values) > _MOST_WAYS:
            groups = [values[i : i + _MOST_WAYS] for i in range(0, len(values), _MOST_WAYS)]
            inner = [self._pick(jnp.clip(chosen - _MOST_WAYS * i, 0, len(g) - 1), g) for i, g in enumerate(groups)]
            return self._pick(chosen // _MOST_WAYS, inner)
        rows, steps = jnp.broadcast_shapes(jnp.shape(chosen), *(v.shape for v in values))
        under_each_other = jnp.concatenate([jnp.broadcast_to(v, (rows, steps)) for v in values])
        index = jnp.broadcast_to(chosen, (rows, 1))[:, 0].astype(jnp.int32) * rows + jnp.arange(rows, dtype=jnp.int32)
        return under_each_other.at[index].get(mode="promise_in_bounds", unique_indices=True)


class RoundedFloat64(ByRow):
    """float64 inside and float32 outside, by polynomials exact enough that only the last rounding shows.

    Divisors must be per row, so that one reciprocal serves the row: a division costs as much as the rest of a cosine.
    """

    def lower(self, value: Real) -> Real:
        return value.astype(jnp.float32)

    def ratio(self, a: Real, b: Real) -> Real:
        return a * (1 / b)

    def sin_squared(self, a: Real, b: Real) -> Real:
        # The coefficients take up the divisor, row by row: one multiplication less for each rate.
        inverse = 1 / (b * b)
        scaled, scale = [], inverse
        for coefficient in polynomials.SIN_SQUARED:
            scaled.append(coefficient * scale)
            scale = scale * inverse
        square = a * a
        return square * horner(scaled, square)

    def wave(self, step: Real, start: Real, length: Real, cycles: Real) -> Real:
        # The half wave of an ordinary cosine is done by its end and needs no reduction: two thirds of the time.
        if self.detail < 2:
            return super().wave(step, start, length, cycles)
        half_wave = (cycles == 0.5) & (self.last_step - start <= 2 * length)
        general = super().wave
        return self.choose(
            jnp.where(half_wave, 0, 1),
            [
                lambda: self.sin_squared(length - (step - start), length),
                lambda: general(step, start, length, cycles),
            ],
        )

    def power(self, x: Real, exponent: Real) -> Real:
        return self.power_of_ratio(x, self.real(1), exponent)

    def power_of_ratio(self, a: Real, b: Real, exponent: Real) -> Real:
        if self.detail < 1 or not _by_row(exponent):
            return self._any_power(a, b, exponent)
        first, second, third = (jnp.where(exponent == k, 1.0, 0.0).astype(self.dtype) for k in (1, 2, 3))
        small = first + second + third > 0
        root = (exponent == 0.5) & (self.detail > 2)

        def small_power() -> Real:
            x = self.maximum(self.ratio(a, b), self.real(0))
            return x * (first + x * (second + x * third))

        ways = [lambda: self._any_power(a, b, exponent), small_power, lambda: self.sqrt(self.ratio(a, b))]
        return self.choose(jnp.where(small, 1, jnp.where(root, 2, 0)), ways if self.detail > 2 else ways[:2])

    def rounded(self, x: Real) -> Real:
        return jnp.floor(x + 0.5)

    def _any_power(self, a: Real, b: Real, exponent: Real) -> Real:
        """`2**(exponent * (log2(a) - log2(b)))`, without a division, a table or a branch: one vector loop.

        A float64 is nearly its own logarithm: exponent and mantissa `m`, read as one number, are `log2(a)` but for
        `log2(m) - m`, a polynomial, and a constant. In the same way the logarithm of the power, laid into the mantissa
        of a number near `_LOG_BASE`, is its exponent and the argument of a polynomial for its mantissa.
        """
        above = a > jnp.where(exponent == 0, -1e-300, 0.0)  # 0**0 is 1
        if _by_row(a):  # such as a decay by step: the exponent may be large, and one logarithm for a row costs nothing
            log = exponent * self.log2(self.ratio(a, b)) + _LOG_BASE
        else:
            bits = _bits(a)
            readable = _float(lax.shift_right_logical(bits, np.int64(11)) | np.float64(2**11).view(np.int64))
            constant, *rest = (coefficient * exponent for coefficient in polynomials.LOG2_REST)
            constant = constant + exponent * (1 - 1023 - 2.0**11 - jnp.log2(b)) + _LOG_BASE
            log = even_odd([constant + exponent * readable, *rest], _mantissa(bits))
        log = jnp.where(log > _LOG_BASE + SMALLEST_EXPONENT, log, _LOG_BASE + SMALLEST_EXPONENT)
        log = jnp.where(log < _LOG_BASE + LARGEST_EXPONENT, log, _LOG_BASE + LARGEST_EXPONENT)
        bits = lax.shift_left(_bits(log), np.int64(11))
        mantissa = even_odd([2.0**SMALLEST_EXPONENT * c for c in polynomials.EXP2_OF_MANTISSA], _mantissa(bits))
        return jnp.where(above, _float(_bits(mantissa) + (bits & _EXPONENT_FIELD)), 0)

    def sqrt(self, x: Real) -> Real:
        return jnp.where(x > 0, x * self.inverse_sqrt(x), 0)

    def inverse_sqrt(self, x: Real) -> Real:
        # A guess from halving the exponent, 3.4% off, then three steps of Newton: 2**-34.
        y = _float(np.int64(0x5FE6EB50C7B537A9) - lax.shift_right_logical(_bits(x), np.int64(1)))
        half = 0.5 * x
        for _ in range(3):
            y = y * (1.5 - half * (y * y))
        return y


class Float32(RoundedFloat64):
    """Plain float32: half the width of `RoundedFloat64`, and so half its time where arithmetic is the limit."""

    dtype = jnp.float32
    more = 1 + 2.0**-21

    def sin_squared(self, a: Real, b: Real) -> Real:
        share = a * (1 / b)  # not by scaled coefficients: their powers of b would leave the range of float32
        square = share * share
        return square * horner(polynomials.SIN_SQUARED_SHORT, square)

    def _any_power(self, a: Real, b: Real, exponent: Real) -> Real:
        return Float64.power(self, self.ratio(a, b), exponent)

    def inverse_sqrt(self, x: Real) -> Real:
        return lax.rsqrt(x)

    def sqrt(self, x: Real) -> Real:
        return Float64.sqrt(self, x)
