"""Cycles whose lengths grow by a constant factor: the cycle of a step, and the position in it."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from optax_lr.numerics import Real, System, Truth

FEW = 16  # `among_few` compares with four groups of four


class Cycle(NamedTuple):
    """The position of a step."""

    number: Real  # of the cycle, from 0
    left: Real  # the remaining length; 0 past the end of shrinking cycles, and where the cycle is too short for float64
    length: Real


class Cycles(NamedTuple):
    """Cycle `i` has length `first * base**i`, for a `base` above 0. With a whole `base` every cycle begins on a step."""

    first: Real
    base: Real
    num: System

    def are_few(self) -> Truth:
        """Whether every step is in the first `FEW` cycles."""
        square = self.base * self.base
        fourth = square * square
        end = self.first * ((1 + self.base) * (1 + square) * (1 + fourth) * (1 + fourth * fourth))
        return self.num.last_step < 0.999 * end

    def have_begun(self, number: Real, step: Real) -> Truth:
        """Whether the cycle of this number, which is known by row, has begun at `step`."""
        num = self.num
        alike, base, grows = self._growth()
        start = num.where(alike, self.first * number, self._start(num.power(base, number), grows))
        return self._reached(step) >= start

    def at(self, step: Real) -> Cycle:
        """The cycle of `step`."""
        return Cycle(*self.num.either(abs(self.base - 1) <= 0, step, self._equal, self.growing, probability=0.5))

    def growing(self, step: Real) -> Cycle:
        """The same for a `base` other than 1."""
        num, reached = self.num, self._reached(step)
        _, base, grows = self._growth()

        # Shrinking cycles end at first / (1 - base); past that step the number only has to exceed any limit.
        ratio = 1 + num.ratio(step * grows, self.first)
        number = num.maximum(num.floor(num.ratio(num.log2(ratio), num.log2(base))), num.real(0))
        start = num.where(number < 1, num.real(0), self._start(num.power(base, number), grows))
        length = start * grows + self.first
        # The logarithm is an estimate, which may be off by one.
        late, early = reached < start, reached >= start + length
        before, after = self._whole(num.ratio(length, base)), length * base
        start = num.where(late, start - before, num.where(early, start + length, start))
        length = num.where(late, before, num.where(early, after, length))
        number = number + num.where(late, num.real(-1), num.where(early, num.real(1), num.real(0)))
        number = num.where(ratio > 0, number, num.real(2.0**30))
        left = num.where(step + step > reached + start, start + length - step, length)
        return Cycle(number, num.maximum(left, num.real(0)), length)

    def _equal(self, step: Real) -> Cycle:
        number = self.num.quotient(step, self.first)
        return Cycle(number, self.num.maximum(self.first * (number + 1) - step, self.num.real(0)), self.first)

    def among_few(self, step: Real, decay: Real) -> tuple[Real, Real]:
        """`decay**i` for the cycle `i` of `step`, one of the first `FEW`, and the remaining share of the cycle.

        There is no logarithm, power or division per step: the step is compared with the starts of four groups of four
        cycles, which are known by row, and then with the starts in its group, which are the same in each up to a scale.
        """
        num, one, reached = self.num, self.num.real(1), self._reached(step)
        longer, shorter, lower = (_powers(x, one) for x in (self.base, num.ratio(one, self.base), decay))
        begin = [num.real(0), *itertools.accumulate(longer)]  # in lengths of the first cycle of the group
        fours = zip(
            [num.real(0), *itertools.accumulate(self.first * begin[4] * x for x in _powers(longer[4], one)[:3])],
            [num.ratio(x, self.first) for x in _powers(shorter[4], one)],
            _powers(lower[4], one),
            strict=False,
        )
        start, scale, height = next(fours)
        for later in fours:
            begun = reached >= later[0]
            start, scale, height = (num.where(begun, a, b) for a, b in zip(later, (start, scale, height), strict=True))
        length, since = start * (self.base - 1) + self.first, reached - start
        end, shrink, fall = one, one, one
        for number in (1, 2, 3):
            begun, later = since >= length * begin[number], (begin[number + 1], shorter[number], lower[number])
            end, shrink, fall = (num.where(begun, a, b) for a, b in zip(later, (end, shrink, fall), strict=True))
        scale = scale * shrink
        left = (start + length * end - step) * scale
        left = num.where(left < 1 - (reached - step) * scale, left, one)
        return num.minimum(height * fall, num.real(2.0**127)), num.maximum(left, num.real(0))

    def _growth(self) -> tuple[Truth, Real, Real]:
        """Whether all cycles are equal, `base`, and `base - 1`; 2 and 1 if they are equal, because these are not used then."""
        alike = abs(self.base - 1) <= 0
        same = self.num.where(alike, self.num.real(1), self.num.real(0))
        return alike, self.base + same, self.base - 1 + same

    def _start(self, growth: Real, grows: Real) -> Real:
        """The start of the cycle that is `growth` times as long as the first."""
        return self._whole(self.first * self.num.ratio(growth - 1, grows))

    def _whole(self, value: Real) -> Real:
        """`value`, rounded if a whole `base` makes it whole, so that each cycle begins exactly on its step."""
        return self.num.where(self._is_fractional(), value, self.num.rounded(value))

    def _reached(self, step: Real) -> Real:
        """`step`, or slightly more if starts need not be whole, so that rounding makes no cycle late."""
        return step + (step + self.first) * self.num.where(
            self._is_fractional(), self.num.real(2.0**-24), self.num.real(0)
        )

    def _is_fractional(self) -> Truth:
        return self.num.floor(self.base) < self.base


def _powers(x: Real, one: Real) -> list[Real]:
    """The powers of `x`, from 0 to 4."""
    return [one, x, x * x, x * x * x, (x * x) * (x * x)]
