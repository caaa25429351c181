"""The number systems in which the formula of a schedule is evaluated, and their common interface.

A schedule writes its formula once, over "reals" and a number system `num`. The number system decides what a
real is, and so the speed and the error:

| system           | a real is         | used by                                   | error of a rate             |
|------------------|-------------------|-------------------------------------------|-----------------------------|
| `Host`           | a Python float    | `schedule(100)` outside of a trace        | rounded once from float64   |
| `Float64`        | a float64 array   | arrays of steps, traces                   | rounded once from float64   |
| `ByRow`          | a float64 array   | `sweep` when x64 is on                    | a few float64 roundings     |
| `RoundedFloat64` | a float64 array   | `sweep` on CPU and GPU                    | <= 0.51 ulp of float32      |
| `PairFloat32`    | a pair of float32 | traces and sweeps on TPU, without float64 | <= 3 ulp of float32         |
| `JavaScript`     | an expression     | pages: `to_javascript`                    | that of float64             |

The formulas keep the error small: progress is counted from the end in exact integers, and a cosine is the square of a
sine of the remaining share (`sin_squared`), so that nothing cancels near a rate of 0.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from optax_lr.numerics.reals import Branch, Real, Reals, Result, Truth

LARGEST_EXPONENT = 127.0  # powers saturate at 2**127, so that no rate in range becomes infinite
SMALLEST_EXPONENT = -1000.0


class System(ABC):
    """Elementary functions of reals, and the formulas that need only arithmetic, `where` and `floor`."""

    less = 1 - 2.0**-50  # slightly below 1: `a / (b * less)` never underestimates the quotient
    last_step: Real = math.inf  # no step is beyond it

    @abstractmethod
    def joined(self, high: object, low: object) -> Real:
        """The real of a setting with the leaves `high` and `low`; `low`, if it is not None, is the rounding error of `high`."""

    @abstractmethod
    def real(self, x: Real) -> Real:
        """`x` as a real."""

    @abstractmethod
    def result(self, value: Real) -> Real:
        """A rate as it is returned, a float or an array: never below 0, even after rounding."""

    @abstractmethod
    def where(self, condition: Truth, a: Real, b: Real) -> Real:
        """`a` where the condition holds, `b` elsewhere."""

    @abstractmethod
    def floor(self, x: Real) -> Real:
        """The largest whole number that is not above `x`."""

    @abstractmethod
    def sin_squared(self, a: Real, b: Real) -> Real:
        """`sin(pi/2 a / b)**2`: half a cosine wave, where `a` is the remaining length and `b` the whole length."""

    @abstractmethod
    def power(self, x: Real, exponent: Real) -> Real:
        """`x**exponent`, at most 2**127. For `x <= 0`, where `exponent` must be at least 0, it is 0, except that `0**0` is 1."""

    @abstractmethod
    def inverse_sqrt(self, x: Real) -> Real:
        """`1 / sqrt(x)` for `x` above 0."""

    @abstractmethod
    def log2(self, x: Real) -> Real:
        """The logarithm to base 2; 0 for `x <= 0`."""

    @abstractmethod
    def fall(self, left: Real, exponent: Real) -> Real:
        """`1 - (1 - left)**exponent` for `exponent` above 0, without cancellation for a small `left`."""

    @abstractmethod
    def choose(self, kind: Real, values: Sequence[Callable[[], Real]]) -> Real:
        """`values[kind]()`."""

    def ahead(self, by: Real) -> System:
        """The system for a schedule that is evaluated up to `by` steps ahead."""
        del by
        return self

    def faster(self, factor: Real) -> System:
        """The system for a schedule that is evaluated at `factor` times the steps."""
        del factor
        return self

    @abstractmethod
    def call(self, function: Callable[..., Real], step: Real, settings: dict[str, Real]) -> Real:
        """`function(step, **settings)` of a user, which computes with Python numbers or JAX arrays."""

    def shortcut(
        self, holds: Truth, x: Real, special: Branch[Result], general: Branch[Result], probability: float = 0.85
    ) -> Result:
        """`general(x)`, or the cheaper `special(x)`, which is equal where `holds`; `probability` is that of `holds` in a row."""
        return self._one_of(holds, x, special, general, probability, lambda: general(x))

    def either(
        self, holds: Truth, x: Real, one: Branch[Reals], other: Branch[Reals], probability: float = 0.85
    ) -> Reals:
        """The reals `one(x)` where `holds`, and `other(x)` elsewhere; `probability` is that of `holds` in a row."""

        def selected() -> Reals:
            return tuple([self.where(holds, a, b) for a, b in zip(one(x), other(x), strict=True)])

        return self._one_of(holds, x, one, other, probability, selected)

    def _one_of(
        self,
        holds: Truth,
        x: Real,
        one: Branch[Result],
        other: Branch[Result],
        probability: float,
        both: Callable[[], Result],
    ) -> Result:
        """`one(x)` or `other(x)` in a system that can evaluate only one of them; otherwise `both()`."""
        del holds, x, one, other, probability
        return both()

    def maximum(self, a: Real, b: Real) -> Real:
        return self.where(a < b, b, a)

    def minimum(self, a: Real, b: Real) -> Real:
        return self.where(b < a, b, a)

    def at_least_one(self, x: Real) -> Real:
        """`max(1, x)`, the reference's guard against dividing by 0."""
        return self.maximum(x, self.real(1))

    def ratio(self, a: Real, b: Real) -> Real:
        return a / b

    def power_of_ratio(self, a: Real, b: Real, exponent: Real) -> Real:
        """`power(a / b, exponent)` for `b` above 0."""
        return self.power(self.ratio(a, b), exponent)

    def power_of_fall(self, left: Real, exponent: Real, power: Real) -> Real:
        """`fall(left, exponent)**power`."""
        return self.power(self.fall(left, exponent), power)

    def sqrt(self, x: Real) -> Real:
        return self.power(x, self.real(0.5))

    def rounded(self, x: Real) -> Real:
        """The nearest whole number, to undo rounding; its gradient is that of `x`."""
        return self.floor(x + 0.5)

    def quotient(self, a: Real, b: Real) -> Real:
        """`floor(a / b)` for whole `a` and `b`, exactly: the quotient of `a + 0.5` is never near a whole number."""
        return self.floor(self.ratio(a + 0.5, b))

    def wave(self, step: Real, start: Real, length: Real, cycles: Real) -> Real:
        """`0.5 * (1 + cos(2 pi cycles (step - start) / length))`: 1 at `start`, exact zeros where the cosine is -1."""
        half_waves = 2 * cycles * (step - start)  # in units of `length`
        turns = self.floor(self.ratio(half_waves, 2 * length) + 0.5)
        return self.sin_squared(length - abs(half_waves - turns * (2 * length)), length)

    def left_of_cycle(self, elapsed: Real, length: Real, cycles: Real) -> Real:
        """The remaining part of the current of `cycles` equal cycles, in units of `length / cycles`: up to `length`.

        A restart is exactly at `length`: the phase is an exact remainder, and the quotient is never one cycle short.
        """
        phase = cycles * elapsed
        return length - (phase - length * self.floor(self.ratio(phase, length * self.less)))
