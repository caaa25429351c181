"""The number systems in which a schedule's formula is evaluated.

A schedule writes its formula once, over "reals" and a system `num` that knows how to compute with them. The system
decides what a real is, and with it speed and error:

| system            | a real is           | serves                              | error of a rate              |
|-------------------|---------------------|-------------------------------------|------------------------------|
| `Host`            | a Python float      | `schedule(100)` outside of a trace  | rounded once from float64    |
| `Float64`         | a float64 array     | everything when x64 is on           | a few float64 roundings      |
| `RoundedFloat64`  | a float64 array     | `sweep` on CPU and GPU              | <= 0.51 ulp of float32       |
| `PairFloat32`     | a pair of float32   | a float32 trace; `sweep` on TPU     | <= 3 ulp of float32          |
| `Float32`         | a float32 array     | `sweep(..., precision="fast")`      | <= 6 ulp, steps below 2**24  |

What keeps the error small is in the formulas: progress is counted from the end in exact integers, and a cosine is
taken as the square of a sine of what remains (`sin_squared`), so nothing cancels where a rate goes to 0.
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from optax_lr.numerics import polynomials
from optax_lr.numerics.pair import Pair, two_product
from optax_lr.numerics.polynomials import horner

_LARGEST_EXPONENT = 127.0  # powers saturate at 2**127, so that no rate in range becomes infinite
_SMALLEST_EXPONENT = -1000.0
_WAYS = 8  # XLA fuses a concatenation of no more operands, and LLVM unswitches a loop on no more conditions


class System:
    """What every system shares: the formulas that need nothing but arithmetic, `where` and `floor`."""

    def maximum(self, a, b):
        return self.where(a < b, b, a)

    def minimum(self, a, b):
        return self.where(b < a, b, a)

    def at_least_one(self, x):
        """`max(1, x)`, the reference's guard for a length that it divides by."""
        return self.where(x < 1, self.real(1), x)

    def ratio(self, a, b):
        return a / b

    def sqrt(self, x):
        return self.power(x, self.real(0.5))

    def wave(self, step, start, length, cycles):
        """`0.5 * (1 + cos(2 pi cycles (step - start) / length))`: 1 at `start`, exact zeros where the cosine is -1."""
        half_waves = 2 * cycles * (step - start)  # in units of `length`
        turns = self.floor(self.ratio(half_waves, 2 * length) + 0.5)
        return self.sin_squared(length - abs(half_waves - turns * (2 * length)), length)

    def left_of_cycle(self, elapsed, length, cycles):
        """What is left of the current of `cycles` equal cycles, in units of `length / cycles`: in (0, length].

        A restart falls on `length` exactly: the quotient is only a guess, and the remainder mends it.
        """
        phase = cycles * elapsed
        done = phase - length * self.floor(self.ratio(phase, length))
        done = self.where(done < 0, done + length, done)
        done = self.where(done >= length, done - length, done)
        return length - done


class Host(System):
    """Python floats: no trace, no device, about a microsecond."""

    def real(self, x):
        return float(x)

    def lower(self, value):
        return float(value)

    def where(self, condition, a, b):
        return a if condition else b

    def floor(self, x):
        return float(math.floor(x))

    def sin_squared(self, a, b):
        return math.sin(math.pi / 2 * a / b) ** 2

    def power(self, x, exponent):
        if x <= 0:
            return 1.0 if exponent == 0 else 0.0
        return x**exponent if exponent * math.log2(x) < _LARGEST_EXPONENT else 2.0**_LARGEST_EXPONENT

    def inverse_sqrt(self, x):
        return 1 / math.sqrt(x)

    def choose(self, kind, values):
        return values[int(kind)]()


class Float64(System):
    """float64 arrays and the library's functions. Needs x64."""

    dtype = jnp.float64

    def real(self, x):
        return jnp.asarray(x).astype(self.dtype)

    def lower(self, value):
        return value

    def where(self, condition, a, b):
        return jnp.where(condition, a, b)

    def floor(self, x):
        return jnp.floor(x)

    def sin_squared(self, a, b):
        return jnp.sin(np.pi / 2 * (a / b)) ** 2

    def power(self, x, exponent):
        positive = x > 0
        log = jnp.log2(jnp.where(positive, x, 1))
        result = jnp.exp2(jnp.clip(exponent * log, _SMALLEST_EXPONENT, _LARGEST_EXPONENT))
        return jnp.where(positive, result, jnp.where(exponent == 0, 1.0, 0.0).astype(self.dtype))

    def inverse_sqrt(self, x):
        return 1 / jnp.sqrt(x)

    def choose(self, kind, values):
        result, *others = [value() for value in values]
        for index, other in enumerate(others, start=1):
            result = self.where(kind == index, other, result)
        return result


class RoundedFloat64(Float64):
    """float64 inside and float32 outside, by polynomials exact enough that only the last rounding shows.

    Reals are `[rows, 1]`, `[1, steps]` or `[rows, steps]`. `last_step` bounds the steps. Divisors must be per row, so
    that a reciprocal serves the whole row: a vector division costs as much as the rest of a cosine.
    """

    sin_squared_coefficients = polynomials.SIN_SQUARED

    def __init__(self, last_step):
        self.last_step = last_step

    def lower(self, value):
        return value.astype(jnp.float32)

    def ratio(self, a, b):
        return a * (1 / b)

    def sin_squared(self, a, b):
        inverse = 1 / (b * b)
        scaled, scale = [], inverse
        for coefficient in self.sin_squared_coefficients:
            scaled.append(coefficient * scale)
            scale = scale * inverse
        square = a * a
        return square * horner(scaled, square)

    def wave(self, step, start, length, cycles):
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

    def power(self, x, exponent):
        if self.detail < 1 or jnp.shape(exponent)[-1:] not in [(), (1,)]:
            return self._power(x, exponent)
        first, second, third = (jnp.where(exponent == k, 1.0, 0.0).astype(self.dtype) for k in (1, 2, 3))
        small = first + second + third > 0
        root = (exponent == 0.5) & (self.detail > 1)
        ways = [
            lambda: self._power(x, exponent),
            lambda: x * (first + x * (second + x * third)),
            lambda: x * self.inverse_sqrt(x),
        ]
        return self.choose(jnp.where(small, 1, jnp.where(root, 2, 0)), ways[: self.detail + 1])

    def _power(self, x, exponent):
        """`2**(exponent * log2(x))` without a division, a table or a branch: XLA keeps it in one vector loop."""
        bits = lax.bitcast_convert_type(x, jnp.int64)
        above_root_half = bits - np.float64(math.sqrt(0.5)).view(np.int64)
        exponent_bits = above_root_half & np.int64(-(1 << 52))
        rest = lax.bitcast_convert_type(bits - exponent_bits, jnp.float64) - 1
        # The binary exponent as a float: its bits, put into the mantissa of 2**52.
        biased = lax.shift_right_logical(above_root_half + np.int64(1024 << 52), np.int64(52))
        whole = lax.bitcast_convert_type(biased | np.float64(2**52).view(np.int64), jnp.float64) - (2.0**52 + 1024)
        log = exponent * (whole + rest * horner(polynomials.LOG2, rest))
        log = jnp.where(log > _SMALLEST_EXPONENT, log, _SMALLEST_EXPONENT)
        log = jnp.where(log < _LARGEST_EXPONENT, log, _LARGEST_EXPONENT)
        whole = lax.round(log, lax.RoundingMethod.TO_NEAREST_EVEN)
        # Adding 1.5 * 2**52 leaves the integer in the low bits; shifted, it adds to an exponent.
        shift = lax.shift_left(lax.bitcast_convert_type(whole + 1.5 * 2.0**52, jnp.int64), np.int64(52))
        mantissa = lax.bitcast_convert_type(horner(polynomials.EXP2, log - whole), jnp.int64)
        result = lax.bitcast_convert_type(mantissa + shift, jnp.float64)
        return jnp.where(x > 0, result, jnp.where(exponent == 0, 1.0, 0.0))

    def inverse_sqrt(self, x):
        # A guess from halving the exponent, 3.4% off, then three steps of Newton: 2**-34.
        guess = np.int64(0x5FE6EB50C7B537A9) - lax.shift_right_logical(lax.bitcast_convert_type(x, jnp.int64), np.int64(1))
        y, half = lax.bitcast_convert_type(guess, jnp.float64), 0.5 * x
        for _ in range(3):
            y = y * (1.5 - half * (y * y))
        return y

    def choose(self, kind, values):
        """One of `values`, by row. Inside `by_row` only; see there."""
        taken = self._path[len(self._met)] if len(self._met) < len(self._path) else 0
        self._met.append((kind, taken, len(values)))
        return values[taken]()

    def by_row(self, formula):
        """The value of `formula()`, where each row computes only what it chooses.

        The formula runs once for each way through its choices. The ways are then laid one under the other, and each row
        gathers its own: XLA fuses the gather into the concatenation, LLVM moves the branch out of the loop over a row,
        and no way is ever stored or computed for a row that does not take it. This holds for eight ways. With more, the
        choices that only save time are dropped first (`detail`), and what is still too many is nested, which costs speed
        but no memory.
        """
        for self.detail in (2, 1, 0):
            ways = self._ways(formula)
            if len(ways) <= _WAYS:
                break
        chosen = sum(number * jnp.where(taken, 1, 0) for number, (taken, _) in enumerate(ways) if number)
        return self._pick(chosen, [value for _, value in ways])

    def _ways(self, formula):
        """Each way through the choices of `formula`: which rows take it, and the value."""
        ways, pending = [], [()]
        while pending:
            self._path, self._met = pending.pop(), []
            value = formula()
            taken = functools.reduce(lambda rows, met: rows & (met[0] == met[1]), self._met, True)
            ways.append((taken, value))
            done = tuple(choice for _, choice, _ in self._met)
            for depth in range(len(self._path), len(done)):
                pending += [(*done[:depth], other) for other in range(1, self._met[depth][2])]
        return ways

    def _pick(self, chosen, values):
        if len(values) == 1:
            return values[0]
        if len(values) > _WAYS:
            groups = [values[i : i + _WAYS] for i in range(0, len(values), _WAYS)]
            inner = [self._pick(jnp.clip(chosen - _WAYS * i, 0, len(g) - 1), g) for i, g in enumerate(groups)]
            return self._pick(chosen // _WAYS, inner)
        rows, steps = jnp.broadcast_shapes(jnp.shape(chosen), *(v.shape for v in values))
        under_each_other = jnp.concatenate([jnp.broadcast_to(v, (rows, steps)) for v in values])
        index = jnp.broadcast_to(chosen, (rows, 1))[:, 0].astype(jnp.int32) * rows + jnp.arange(rows, dtype=jnp.int32)
        return under_each_other.at[index].get(mode="promise_in_bounds", unique_indices=True)


class Float32(RoundedFloat64):
    """Plain float32: half the width of `RoundedFloat64`, and so half its time where arithmetic is the limit."""

    dtype = jnp.float32
    sin_squared_coefficients = polynomials.SIN_SQUARED_SHORT

    def _power(self, x, exponent):
        return Float64.power(self, x, exponent)

    def inverse_sqrt(self, x):
        return lax.rsqrt(x)


class PairFloat32(System):
    """Pairs of float32, for traces in which float64 is not to be had. Differentiable, and finite in every branch."""

    def real(self, x):
        return Pair.of(x)

    def lower(self, value):
        return value.high

    def where(self, condition, a, b):
        a, b = Pair.of(a), Pair.of(b)
        return Pair(jnp.where(condition, a.high, b.high), jnp.where(condition, a.low, b.low))

    def floor(self, x):
        floor = jnp.floor(x.high)
        whole = floor == x.high
        return Pair.of(floor) + Pair.of(jnp.where(whole, jnp.floor(x.low), 0))

    def sin_squared(self, a, b):
        square = (a / b) * (a / b)
        first, second, third, *rest = polynomials.SIN_SQUARED
        tail = horner(rest, square.high) * square.high
        return square * (first + square * (second + square * (third + Pair.of(tail))))

    def sqrt(self, x):
        positive = x.high > 0
        high = jnp.sqrt(jnp.where(positive, x.high, 1))
        square, error = two_product(high, high)
        correction = ((x.high - square) - error + x.low) / (2 * high)
        return self.where(positive, Pair.of(high) + Pair.of(correction), self.real(0))

    def inverse_sqrt(self, x):
        return 1 / self.sqrt(x)

    def power(self, x, exponent):
        positive = x.high > 0
        log = exponent * self._log2(self.where(positive, x, self.real(1)))
        limit = jnp.clip(log.high, -126.0, _LARGEST_EXPONENT)
        inside = log.high == limit
        log = Pair(limit, jnp.where(inside, log.low, 0))
        return self.where(
            positive & (log.high > -126), self._exp2(log), self.where(exponent.high == 0, self.real(1), self.real(0))
        )

    def _log2(self, x):
        above_root_half = lax.bitcast_convert_type(x.high, jnp.int32) - np.float32(math.sqrt(0.5)).view(np.int32)
        whole = above_root_half >> 23
        scale = _power_of_two(-whole)
        mantissa = Pair(x.high * scale, x.low * scale)
        # log2(m) = 2 / ln 2 * atanh(s), s = (m - 1) / (m + 1), |s| < 0.172.
        s = (mantissa - 1) / (mantissa + 1)
        z = s * s
        tail = horner([2 / math.log(2) / k for k in (5, 7, 9, 11, 13, 15)], z.high) * z.high
        return whole.astype(jnp.float32) + s * (2 / math.log(2) + z * (2 / math.log(2) / 3 + Pair.of(tail)))

    def _exp2(self, x):
        whole = jnp.round(x.high)
        fraction = x - Pair.of(whole)
        tail = horner(polynomials.EXP2[2:], fraction.high) * fraction.high
        result = 1 + fraction * (math.log(2) + Pair.of(tail))
        scale = _power_of_two(whole.astype(jnp.int32))
        return Pair(result.high * scale, result.low * scale)

    def choose(self, kind, values):
        return Float64.choose(self, Pair.of(kind).high, values)


def _power_of_two(exponent):
    return lax.bitcast_convert_type((jnp.clip(exponent, -126, 127) + 127) << 23, jnp.float32)


HOST = Host()
FLOAT64 = Float64()
PAIR = PairFloat32()


def in_trace() -> System:
    """The system for a value computed inside a trace: float64 if the user has turned x64 on, pairs otherwise."""
    return FLOAT64 if jax.config.jax_enable_x64 else PAIR
