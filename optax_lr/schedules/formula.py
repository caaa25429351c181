"""Formulas that users write: checked, and with Python numbers wherever a number system takes reals."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import cast

import jax
import numpy as np

from optax_lr.arguments import shown, unknown
from optax_lr.arrays import PyTree
from optax_lr.numerics import HOST, Real, System, Truth

_Formula = Callable[[PyTree, Real, System], Real]


class Lenient:
    """A number system whose functions also take Python numbers, and any argument where a formula of our own is in range."""

    def __init__(self, num: System) -> None:
        self._num = num

    def __getattr__(self, name: str) -> object:
        if name.startswith("_") or not hasattr(self._num, name):
            known = [name for name in dir(System) if not name.startswith("_")]
            message = unknown("_value(self, step, num)", "function of num", name, known)
            raise AttributeError(f"{message}; write a formula that needs another function as an olr.Function")
        found = getattr(self._num, name)
        if not callable(found):
            return found
        return lambda *arguments, **named: found(
            *map(self._real, arguments), **{key: self._real(value) for key, value in named.items()}
        )

    def where(self, condition: Truth, a: Real, b: Real) -> Real:
        if type(condition) is int:  # `~True` is -2, which Python takes for true
            raise TypeError("num.where() takes a comparison, not a Python int; write step <= 3 in place of ~(step > 3)")
        return self._num.where(condition, self._real(a), self._real(b))

    def sin_squared(self, a: Real, b: Real) -> Real:
        a, b = self._real(a), self._real(b)
        turns = self._num.floor(self._num.ratio(a, 2 * b) + 0.5)  # some systems know the sine of a half wave only
        return self._num.sin_squared(a - turns * (2 * b), b)

    def wave(self, step: Real, start: Real, length: Real, cycles: Real) -> Real:
        # Systems with a faster wave take no step before its start.
        return System.wave(cast(System, self), *map(self._real, (step, start, length, cycles)))

    def _real(self, value: Real) -> Real:
        is_number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
        return self._num.real(value) if is_number else value


def of_a_user(formula: _Formula) -> _Formula:
    """`formula` with a `Lenient` system; its rates are checked to be numbers, and raised to 0 if they are below."""

    @functools.wraps(formula)
    def value(self: PyTree, step: Real, num: System) -> Real:
        if isinstance(num, Lenient):  # the formula of a base class, or of an inner schedule
            return formula(self, step, num)
        rate = formula(self, step, cast(System, Lenient(num)))
        if rate is None or isinstance(rate, (str, list, tuple, complex)):
            raise TypeError(f"{type(self).__name__}: _value must return one real number, not {shown(rate)}")
        if num is HOST and not isinstance(rate, (int, float)):
            return rate  # refused by the caller: a function of jnp would compute in float32
        arrays = isinstance(rate, (np.ndarray, jax.Array)) and isinstance(step, (np.ndarray, np.generic, jax.Array))
        if arrays and np.ndim(rate) > np.ndim(step) + len(self.batch_shape):
            wrong = f"an array of shape {np.shape(rate)}"
            raise TypeError(f"{type(self).__name__}: _value must return one real number, not {wrong}")
        return num.maximum(num.real(rate), num.real(0))

    return value
