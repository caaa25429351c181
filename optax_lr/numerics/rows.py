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
from optax_lr.numerics.polynomials import horner
from optax_lr.numerics.reals import Real, Truth
from optax_lr.numerics.systems import LARGEST_EXPONENT, SMALLEST_EXPONENT, Float64

_MOST_WAYS = 8  # XLA fuses a concatenation of no more operands, and LLVM unswitches a loop on no more conditions


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
        if self.detail < 1 or jnp.shape(exponent)[-1:] not in [(), (1,)]:
            return self._power(x, exponent)
        first, second, third = (jnp.where(exponent == k, 1.0, 0.0).astype(self.dtype) for k in (1, 2, 3))
        small = first + second + third > 0
        root = (exponent == 0.5) & (self.detail > 2)
        ways = [
            lambda: self._power(x, exponent),
            lambda: x * (first + x * (second + x * third)),
            lambda: self.sqrt(x),
        ]
        return self.choose(jnp.where(small, 1, jnp.where(root, 2, 0)), ways if self.detail > 2 else ways[:2])

    def rounded(self, x: Real) -> Real:
        return jnp.floor(x + 0.5)

    def nearest(self, x: Real) -> Real:
        return lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN)

    def _power(self, x: Real, exponent: Real) -> Real:
        """`2**(exponent * log2(x))` without a division, a table or a branch: XLA keeps it in one vector loop."""
        if jnp.shape(x)[-1:] in [(), (1,)]:
            # One base for the whole row, such as a decay per step: the exponent may be large, and the logarithm is cheap.
            return self._exp2(exponent * self.log2(x), x, exponent)
        bits = lax.bitcast_convert_type(x, jnp.int64)
        above_root_half = bits - np.float64(math.sqrt(0.5)).view(np.int64)
        exponent_bits = above_root_half & np.int64(-(1 << 52))
        rest = lax.bitcast_convert_type(bits - exponent_bits, jnp.float64) - 1
        # The binary exponent as a float: its bits, put into the mantissa of 2**52.
        biased = lax.shift_right_logical(above_root_half + np.int64(1024 << 52), np.int64(52))
        whole = lax.bitcast_convert_type(biased | np.float64(2**52).view(np.int64), jnp.float64) - (2.0**52 + 1024)
        return self._exp2(exponent * (whole + rest * horner(polynomials.LOG2, rest)), x, exponent)

    def _exp2(self, log: Real, x: Real, exponent: Real) -> Real:
        """`2**log`, being `x**exponent`."""
        log = jnp.where(log > SMALLEST_EXPONENT, log, SMALLEST_EXPONENT)
        log = jnp.where(log < LARGEST_EXPONENT, log, LARGEST_EXPONENT)
        whole = self.nearest(log)
        # Adding 1.5 * 2**52 leaves the integer in the low bits; shifted, it adds to an exponent.
        shift = lax.shift_left(lax.bitcast_convert_type(whole + 1.5 * 2.0**52, jnp.int64), np.int64(52))
        mantissa = lax.bitcast_convert_type(horner(polynomials.EXP2, log - whole), jnp.int64)
        result = lax.bitcast_convert_type(mantissa + shift, jnp.float64)
        return jnp.where(x > 0, result, jnp.where(exponent == 0, 1.0, 0.0))

    def sqrt(self, x: Real) -> Real:
        return jnp.where(x > 0, x * self.inverse_sqrt(x), 0)

    def inverse_sqrt(self, x: Real) -> Real:
        # A guess from halving the exponent, 3.4% off, then three steps of Newton: 2**-34.
        guess = np.int64(0x5FE6EB50C7B537A9) - lax.shift_right_logical(
            lax.bitcast_convert_type(x, jnp.int64), np.int64(1)
        )
        y, half = lax.bitcast_convert_type(guess, jnp.float64), 0.5 * x
        for _ in range(3):
            y = y * (1.5 - half * (y * y))
        return y


class Float32(RoundedFloat64):
    """Plain float32: half the width of `RoundedFloat64`, and so half its time where arithmetic is the limit."""

    dtype = jnp.float32

    def sin_squared(self, a: Real, b: Real) -> Real:
        share = a * (1 / b)  # not by scaled coefficients: their powers of b would leave the range of float32
        square = share * share
        return square * horner(polynomials.SIN_SQUARED_SHORT, square)

    def _power(self, x: Real, exponent: Real) -> Real:
        return Float64.power(self, x, exponent)

    def inverse_sqrt(self, x: Real) -> Real:
        return lax.rsqrt(x)

    def sqrt(self, x: Real) -> Real:
        return Float64.sqrt(self, x)
