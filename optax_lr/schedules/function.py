"""A user's own function of the step as a schedule."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from optax_lr.arguments import shown, unknown
from optax_lr.arrays import Num
from optax_lr.numerics import Real, System
from optax_lr.schedules import fields
from optax_lr.schedules.base import Schedule, schedule
from optax_lr.schedules.fields import Number, Numbers

AnySchedule = Schedule | Num[ArrayLike, "*batch"] | Callable[..., object]  # the types that `as_schedule` converts


@schedule
class Function(Schedule):
    """Any function of the step, `function(step, **settings)`, as a schedule with its settings as leaves.

    ```
    scale * function(step, *values)
    ```

    Args:
        function: it takes the step and the settings by name, all scalars, and returns the rate. It must be traceable:
            arithmetic, `jax.numpy`, `jax.lax`, or any schedule of Optax. It is static: another function compiles again.
        settings: numbers, or arrays `[*batch]`; each is a leaf and reads as an attribute, `schedule.peak`.

    The `values` (`v` in the formula) are those of the settings, which are passed by name, and `scale` is 1 unless it is
    replaced. The function is computed in float64, and on a TPU in float32. It must be defined at every step from 0 on, and, as
    one of several `Stages`, past its own end.

    Fields: `function`; `names` and `values` of the settings; `scale`, which is 1 and lets a function without settings be
    part of a batch.

    It works wherever a schedule does: in optimizers, `Stages`, products, controls, `stack`, batches from arrays
    of settings, `sweep`, `plot`. `jax.export` refuses a `Function` as an argument, because a Python function
    cannot be saved; pickling works for functions that can be imported.

    Raises:
        TypeError: If `function` cannot be called with the step and these settings, or a setting is not a number.

    >>> import jax.numpy as jnp
    >>> def damped(step, peak, period):
    ...     return peak * jnp.exp(-step / period)
    >>> schedule = Function(damped, peak=1e-3, period=100)
    >>> [f"{schedule(step):.4g}" for step in (0, 100)]
    ['0.001', '0.0003679']
    >>> sweep(Function(damped, peak=[1e-3, 2e-3], period=100), 2).shape
    (2, 2)
    >>> Function(optax.linear_schedule(1.0, 0.0, 10))(5)
    np.float32(0.5)
    """

    function: Callable[..., ArrayLike] = dataclasses.field(metadata={"static": True})
    names: tuple[str, ...] = dataclasses.field(metadata={"static": True})
    values: Numbers = fields.numbers()
    scale: Number = fields.number(default=1.0)  # a leaf, so that a function without settings can be part of a batch

    def __init__(
        self,
        /,
        function: Callable[..., ArrayLike] | None = None,
        **settings: Num[ArrayLike, "*#batch"] | Sequence[ArrayLike],
    ) -> None:
        self._set(function, settings, 1.0)

    def _set(self, function: object, settings: Mapping[str, object], scale: object) -> None:
        if isinstance(function, type) or not callable(function):
            example = ", such as Function(f, peak=1e-3)" if function is None else ""
            raise TypeError(f"Function: function must be a function of the step{example}, not {shown(function)}")
        for name in settings:
            if name in _TAKEN or hasattr(type(self), name):
                raise TypeError(f"Function: a setting cannot be named {name!r}, which schedules use; rename it")
        names, values = tuple(settings), tuple(settings.values())
        self.__dict__.update(function=function, names=names, values=values, scale=scale)
        try:
            self.__post_init__()
        except (TypeError, ValueError) as error:
            message = re.sub(r"\bvalues\[(\d+)\]", lambda found: names[int(found[1])], str(error))
            raise type(error)(message) from None
        _check_arguments(self.function, settings)

    def __getattr__(self, name: str) -> Real:
        names = self.__dict__.get("names", ())
        if name in names:
            return self.values[names.index(name)]
        raise AttributeError(f"Function has no setting {name!r}; its settings: {', '.join(names) or 'none'}")

    def _settings(self) -> dict[str, object]:
        return {"function": self.function, **dict(zip(self.names, self.values, strict=True)), "scale": self.scale}

    def replace(self, **changes: object) -> Self:
        settings = dict(zip(self.names, self.values, strict=True))
        function, scale = changes.pop("function", self.function), changes.pop("scale", self.scale)
        if unknown := [name for name in changes if name not in settings]:
            raise TypeError(f"Function.replace(): no setting {unknown[0]!r}; its settings: {', '.join(settings)}")
        new = object.__new__(type(self))
        new._set(function, settings | changes, scale)
        return new

    def __repr__(self) -> str:
        settings = (f"{key}={fields.field_text(value)}" for key, value in zip(self.names, self.values, strict=True))
        return f"Function({', '.join([function_name(self.function), *settings])})"

    def _number(self, step: ArrayLike, /, **settings: ArrayLike) -> ArrayLike:
        """The result of the function, checked to be one real number."""
        try:
            value: ArrayLike = self.function(step, **settings)
        except (IndexError, TypeError) as error:
            if "indices" not in str(error) and "Indexer" not in str(error):
                raise
            raise TypeError(
                f"Function: {function_name(self.function)} takes an index that it cannot use: the step and the settings are "
                "float64 numbers; index a jnp array of the function itself with jnp.int32(step)"
            ) from error
        is_number = isinstance(value, (int, float, np.generic, np.ndarray, jax.Array))
        if not is_number or np.shape(value) or jnp.iscomplexobj(value):
            raise TypeError(f"Function: {function_name(self.function)} must return one real number, not {shown(value)}")
        return value

    def _value(self, step: Real, num: System) -> Real:
        settings = dict(zip(self.names, self.values, strict=True))
        try:
            value = num.call(self._number, step, settings)
        except (jax.errors.JAXTypeError, jax.errors.JAXIndexError) as error:
            raise TypeError(
                f"Function: {function_name(self.function)} cannot be traced ({type(error).__name__}); "
                "use jax.numpy instead of NumPy and math, and jnp.where instead of if"
            ) from None
        return num.maximum(self.scale * value, num.real(0))


# Names that no setting may have; Python itself refuses `function` twice.
_TAKEN = {field.name for field in dataclasses.fields(Function)} - {"function"} | {"kind"}


def function_name(function: Callable[..., object]) -> str:
    """The name of a function; for an object without one, its `repr`."""
    return getattr(function, "__name__", repr(function))


def _check_arguments(function: Callable[..., object], settings: Mapping[str, object]) -> None:
    """Refuse settings that the function does not take, and those it lacks."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a callable without one, such as some of those written in C
        return
    name = function_name(function)
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values()):
        for setting in settings.keys() - signature.parameters.keys():
            raise TypeError(unknown(f"Function({name}, ...)", "setting", setting, list(signature.parameters)[1:]))
    try:
        signature.bind(0, **settings)
    except TypeError as error:
        raise TypeError(f"Function: {name}{signature} must take the step and the settings: {error}") from None
