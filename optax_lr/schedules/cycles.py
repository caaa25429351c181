"""Cycles each of which is so many times as long as the one before: where a step is in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from optax_lr.numerics import Real, System

FEW = 8


class Cycle(NamedTuple):
    """Where a step is."""

    number: Real  # of the cycle, from 0
    left: Real  # of its length
    length: Real


class Cycles(NamedTuple):
    """Cycle `i` has length `first * base**i`, for a `base` above 0. A whole one makes every cycle begin on a step."""

    first: Real
    base: Real
    num: System

    def are_few(self) -> Real:
        """Whether no step is beyond the first `FEW`."""
        square = self.base * self.base
        end = self.first * ((1 + self.base) * (1 + square) * (1 + square * square))
        return self.num.last_step < 0.999 * end

    def at(self, step: Real) -> Cycle:
        """The cycle that `step` is in."""
        return Cycle(*self.num.either(abs(self.base - 1) <= 0, step, self._alike, self.growing, odds=0.5))

    def growing(self, step: Real) -> Cycle:
        """The same for a `base` other than 1."""
        num = self.num
        same = num.where(abs(self.base - 1) <= 0, num.real(1), num.real(0))
        base, grows = self.base + same, self.base - 1 + same  # 2 and 1 where cycles are all alike: any, and not used

        # Shrinking cycles end at first / (1 - base); past it the number only has to be beyond any limit.
        reached = 1 + num.ratio(step * grows, self.first)
        number = num.maximum(num.floor(num.ratio(num.log2(reached), num.log2(base))), num.real(0))
        growth = self._whole(num.minimum(num.power(base, number), num.real(2.0**40)))
        growth = num.where(number < 1, num.real(1), growth)  # exactly, for what follows divides `growth - 1`
        start, length = self._whole(self.first * num.ratio(growth - 1, grows)), self.first * growth
        # The logarithm is a guess, which may be one off. A start that need not be whole counts as reached a hair before it.
        hair = (step + self.first) * self._hair()
        late, early = step + hair < start, step + hair >= start + length
        before, after = self._whole(num.ratio(length, base)), length * base
        start = num.where(late, start - before, num.where(early, start + length, start))
        length = num.where(late, before, num.where(early, after, length))
        number = number + num.where(late, num.real(-1), num.where(early, num.real(1), num.real(0)))
        number = num.where(reached > 0, number, num.real(2.0**30))
        return Cycle(number, num.where(step > start + hair, start + length - step, length), length)

    def _alike(self, step: Real) -> Cycle:
        number = self.num.quotient(step, self.first)
        return Cycle(number, self.first * (number + 1) - step, self.first)

    def among_few(self, step: Real, values: Sequence[Real]) -> tuple[Real, Real]:
        """Of `values`, one for each of the first `FEW` cycles, that of the cycle of `step`, and what share of it is left.

        Each step compares itself with the starts, which are known by row: no logarithm, no power, no division.
        """
        num = self.num
        value, *later = values
        length, inverse, shrinks = self.first, num.ratio(num.real(1), self.first), num.ratio(num.real(1), self.base)
        start, reached = self.first, step + (step + self.first) * self._hair()
        end, scale = start, inverse
        for other in later:
            begun = reached >= start
            length, inverse = length * self.base, inverse * shrinks
            start = start + length
            value, end, scale = (num.where(begun, a, b) for a, b in ((other, value), (start, end), (inverse, scale)))
        left = (end - step) * scale
        left = num.where(left < 1 - (step + self.first) * self._hair() * scale, left, num.real(1))
        return value, num.maximum(left, num.real(0))

    def _fractional(self) -> Real:
        return self.num.floor(self.base) < self.base

    def _whole(self, value: Real) -> Real:
        """`value`, rounded where a whole `base` makes it whole, so that cycles begin on the step."""
        return self.num.where(self._fractional(), value, self.num.rounded(value))

    def _hair(self) -> Real:
        return self.num.where(self._fractional(), self.num.real(2.0**-24), self.num.real(0))
