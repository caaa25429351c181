"""What a number system is; the systems there are, and what each is for, are in `optax_lr.numerics.systems`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from optax_lr.numerics.reals import Real, Truth


class System(ABC):
    """What every system has, and what all share: the formulas that need nothing but arithmetic, `where` and `floor`."""

    # So much below 1 that a ratio to a divisor times this is, rounded as it may be, never too small.
    less = 1 - 2.0**-50
    last_step: Real = math.inf  # no step is beyond it

    @abstractmethod
    def real(self, x: Real) -> Real:
        """`x` as a real."""

    @abstractmethod
    def lower(self, value: Real) -> Real:
        """A rate as it is given out: a float or an array."""

    @abstractmethod
    def where(self, condition: Truth, a: Real, b: Real) -> Real:
        """`a` where the condition holds, `b` elsewhere."""

    @abstractmethod
    def floor(self, x: Real) -> Real:
        """The largest whole number that is not above `x`."""

    @abstractmethod
    def sin_squared(self, a: Real, b: Real) -> Real:
        """`sin(pi/2 a / b)**2`: half a cosine wave, of which `a` of `b` are left."""

    @abstractmethod
    def power(self, x: Real, exponent: Real) -> Real:
        """`x**exponent`, at most 2**127; for `x` not above 0 it is 0, but for `0**0`, which is 1."""

    @abstractmethod
    def inverse_sqrt(self, x: Real) -> Real:
        """`1 / sqrt(x)` for `x` above 0."""

    @abstractmethod
    def log2(self, x: Real) -> Real:
        """The logarithm, and 0 for what has none."""

    @abstractmethod
    def fall(self, left: Real, exponent: Real) -> Real:
        """`1 - (1 - left)**exponent` for `exponent` above 0, without cancelling where little is left."""

    @abstractmethod
    def choose(self, kind: Real, values: Sequence[Callable[[], Real]]) -> Real:
        """The one of `values` whose number is `kind`."""

    def shortcut(
        self,
        holds: Truth,
        x: Real,
        special: Callable[[Real], Any],
        general: Callable[[Real], Any],
        odds: float = 0.85,
    ) -> Any:
        """`general(x)`, or `special(x)`, which is the same where it `holds` and takes less; it does for `odds` of the rows."""
        del holds, special, odds
        return general(x)

    def either(
        self,
        holds: Truth,
        x: Real,
        one: Callable[[Real], Sequence[Real]],
        other: Callable[[Real], Sequence[Real]],
        odds: float = 0.85,
    ) -> tuple[Real, ...]:
        """The reals `one(x)` where it `holds`, which it does for `odds` of the rows, and `other(x)` elsewhere."""
        del odds
        return tuple([self.where(holds, a, b) for a, b in zip(one(x), other(x), strict=True)])

    def maximum(self, a: Real, b: Real) -> Real:
        return self.where(a < b, b, a)

    def minimum(self, a: Real, b: Real) -> Real:
        return self.where(b < a, b, a)

    def at_least_one(self, x: Real) -> Real:
        """`max(1, x)`, the reference's guard for a length that it divides by."""
        return self.where(x < 1, self.real(1), x)

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
        """The nearest whole number, for a value that is whole but for rounding; its gradient is that of `x`."""
        return self.floor(x + 0.5)

    def quotient(self, a: Real, b: Real) -> Real:
        """`floor(a / b)` for whole `a` and `b`, exactly: in the middle between two of them no rounding matters."""
        return self.floor(self.ratio(a + 0.5, b))

    def wave(self, step: Real, start: Real, length: Real, cycles: Real) -> Real:
        """`0.5 * (1 + cos(2 pi cycles (step - start) / length))`: 1 at `start`, exact zeros where the cosine is -1."""
        half_waves = 2 * cycles * (step - start)  # in units of `length`
        turns = self.floor(self.ratio(half_waves, 2 * length) + 0.5)
        return self.sin_squared(length - abs(half_waves - turns * (2 * length)), length)

    def left_of_cycle(self, elapsed: Real, length: Real, cycles: Real) -> Real:
        """What is left of the current of `cycles` equal cycles, in units of `length / cycles`: up to `length`.

        A restart falls on `length` exactly: what is done is an exact remainder, and its quotient never a cycle short.
        """
        phase = cycles * elapsed
        return length - (phase - length * self.floor(self.ratio(phase, length * self.less)))
