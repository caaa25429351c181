"""float64 numbers and arrays, of Python, NumPy and JAX, with one set of formulas."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np

from optax_lr.numerics.reals import Branch, Real, Result, Truth
from optax_lr.numerics.system import LARGEST_EXPONENT, System

_LN2 = math.log(2)


class Float64(System):
    """float64 numbers and arrays: NumPy's if every operand is concrete, and otherwise JAX's.

    A trace must have x64 on. Values that depend only on settings are then computed once, at trace time.
    """

    def joined(self, high: Real, low: Real) -> Real:
        if low is None or getattr(high, "dtype", None) == np.float64:
            return self.real(high)
        if not isinstance(low, jax.Array) and not np.any(low):
            return self.real(high)
        whole = self.real(high) + self.real(jax.lax.stop_gradient(low) if isinstance(low, jax.Array) else low)
        # A mapped function may have changed one leaf and not the other: then `low` is not what rounding left of `high`.
        return self.where(_of(whole).float32(whole) == high, whole, self.real(high))

    def real(self, x: Real) -> Real:
        return x.astype(jnp.float64) if isinstance(x, jax.Array) else np.asarray(x, np.float64)[()]

    def result(self, value: Real) -> Real:
        return self.maximum(value, self.real(0))

    def maximum(self, a: Real, b: Real) -> Real:
        return _extreme(jnp.maximum, a, b) if _of(a, b) is jnp else super().maximum(a, b)

    def minimum(self, a: Real, b: Real) -> Real:
        return _extreme(jnp.minimum, a, b) if _of(a, b) is jnp else super().minimum(a, b)

    def where(self, condition: Truth, a: Real, b: Real) -> Real:
        if _is_known(condition):
            return a if condition else b
        return _of(condition, a, b).where(condition, a, b)

    def floor(self, x: Real) -> Real:
        return _of(x).floor(x)

    def rounded(self, x: Real) -> Real:
        nearest = self.floor(x + 0.5)
        return nearest + (x - jax.lax.stop_gradient(x)) if isinstance(x, jax.Array) else nearest

    def sin_squared(self, a: Real, b: Real) -> Real:
        angle = math.pi / 2 * (a / b)
        sine = _of(angle).sin(angle)
        return sine * sine

    def wave(self, step: Real, start: Real, length: Real, cycles: Real) -> Real:
        # The reference's own formula has a third of the operations of an exact remainder. Near a zero it loses 1e-16 of 1.
        return 0.5 + 0.5 * self.cos(2 * math.pi * cycles * ((step - start) / length))

    def cos(self, x: Real) -> Real:
        return _of(x).cos(x)

    def log2(self, x: Real) -> Real:
        return _of(x).log2(self.where(x > 0, x, self.real(1)))

    def fall(self, left: Real, exponent: Real) -> Real:
        inside, num = left < 1, _of(left, exponent)
        gone = num.log1p(-self.where(inside, left, self.real(0)))
        return self.where(inside, -num.expm1(exponent * gone), self.real(1))

    def power(self, x: Real, exponent: Real) -> Real:
        num, positive = _of(x, exponent), x > 0
        log = exponent * num.log(self.where(positive, x, self.real(1)))
        none = self.where(x == exponent, self.real(1), self.real(0))  # only 0**0, since no exponent is below 0 there
        return self.where(positive, num.exp(num.minimum(log, LARGEST_EXPONENT * _LN2)), none)

    def sqrt(self, x: Real) -> Real:
        positive = x > 0
        return self.where(positive, _of(x).sqrt(self.where(positive, x, self.real(1))), self.real(0))

    def inverse_sqrt(self, x: Real) -> Real:
        positive = x > 0
        return self.where(positive, 1 / _of(x).sqrt(self.where(positive, x, self.real(1))), self.real(0))

    def choose(self, kind: Real, values: Sequence[Callable[[], Real]]) -> Real:
        if _is_known(kind):
            return values[int(kind)]()
        result, *others = [value() for value in values]
        for index, other in enumerate(others, start=1):
            result = self.where(kind == index, other, result)
        return result

    def call(self, function: Callable[..., Real], step: Real, settings: dict[str, Real]) -> Real:
        # A formula is traced without jit; the function of a user is traced as it is.
        with jax.enable_x64(True), jax.disable_jit(False):
            operands = (step, *settings.values())
            if all(np.ndim(x) == 0 for x in operands):
                result = function(step, **settings)
                return self.real(result) if _of(*operands) is jnp else np.float64(result)
            # The function is written for scalars.
            mapped = jnp.vectorize(
                lambda step, *values: jnp.asarray(function(step, **dict(zip(settings, values, strict=True))))
            )
            result = mapped(*operands)
            return self.real(result) if _of(*operands) is jnp else np.asarray(result, np.float64)

    def _one_of(
        self,
        holds: Truth,
        x: Real,
        one: Branch[Result],
        other: Branch[Result],
        probability: float,
        both: Callable[[], Result],
    ) -> Result:
        if _is_known(holds):
            return one(x) if holds else other(x)
        return both()


class Host(Float64):
    """Python floats: no trace, no device, about a microsecond."""

    def joined(self, high: object, low: object) -> Real:
        # As NumPy arrays: an operation on a JAX array would become a tracer inside a trace.
        return super().joined(*(np.asarray(part) if isinstance(part, jax.Array) else part for part in (high, low)))

    def real(self, x: Real) -> Real:
        return float(x)

    def call(self, function: Callable[..., Real], step: Real, settings: dict[str, Real]) -> Real:
        with jax.enable_x64(True):
            return float(function(np.float64(step), **{name: np.float64(value) for name, value in settings.items()}))

    def where(self, condition: Truth, a: Real, b: Real) -> Real:
        return a if condition else b

    def floor(self, x: Real) -> Real:
        return float(math.floor(x))

    def sin_squared(self, a: Real, b: Real) -> Real:
        return math.sin(math.pi / 2 * a / b) ** 2

    def cos(self, x: Real) -> Real:
        return math.cos(x)

    def log2(self, x: Real) -> Real:
        return math.log2(x) if x > 0 else 0.0

    def fall(self, left: Real, exponent: Real) -> Real:
        return -math.expm1(exponent * math.log1p(-left)) if left < 1 else 1.0

    def power(self, x: Real, exponent: Real) -> Real:
        if x <= 0:
            return 1.0 if x == exponent == 0 else 0.0
        return x**exponent if exponent * math.log2(x) < LARGEST_EXPONENT else 2.0**LARGEST_EXPONENT

    def sqrt(self, x: Real) -> Real:
        return math.sqrt(x) if x > 0 else 0.0

    def inverse_sqrt(self, x: Real) -> Real:
        return 1 / math.sqrt(x) if x > 0 else 0.0


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _extreme(choice: Callable[[Real, Real], Real], a: Real, b: Real) -> Real:
    """`choice(a, b)`, a maximum or minimum; where both are equal, its derivative is that of `a` and not a mean."""
    return choice(a, b)


@_extreme.defjvp
def _extreme_jvp(
    choice: Callable[[Real, Real], Real], primals: tuple[Real, Real], tangents: tuple[Real, Real]
) -> tuple[Real, Real]:
    found = _extreme(choice, *primals)
    return found, jnp.where(found == primals[0], *tangents)


def _is_known(x: Real) -> bool:
    """Whether `x` is one concrete value, so that a choice can be made in Python."""
    return np.ndim(x) == 0 and not _is_of_jax(x)


def _of(*operands: Real) -> ModuleType:
    """The module, NumPy or jax.numpy, that computes with `operands`."""
    for x in operands:
        if _is_of_jax(x):
            return jnp
    return np


def _is_of_jax(x: Real) -> bool:
    # Asking for the usual types first is much faster than the check that an abstract class makes.
    return type(x) not in _OF_NUMPY and isinstance(x, jax.Array)


_OF_NUMPY = {np.ndarray, np.float64, np.bool_, bool, float, int}
HOST = Host()
FLOAT64 = Float64()
