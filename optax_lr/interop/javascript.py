"""Schedules as JavaScript, for pages that need no server."""

from __future__ import annotations

import dataclasses
import re
from typing import NamedTuple, TypeVar

from optax_lr.numerics import Real
from optax_lr.numerics.javascript import Expression, JavaScript
from optax_lr.schedules.base import Schedule, require_schedule

# Names that no parameter can have, such as that of a field of a user's own class.
_TAKEN = re.compile(
    r"step|t\d+|Math|Infinity|arguments|await|break|case|catch|class|const|continue|debugger|default|delete|do|else|enum|eval|"
    "export|extends|false|finally|for|function|if|implements|import|in|instanceof|interface|let|new|null|package|private|"
    "protected|public|return|static|super|switch|this|throw|true|try|typeof|undefined|var|void|while|with|yield"
)


_Kind = TypeVar("_Kind", bound=Schedule)


class Emitted(NamedTuple):
    """A function of JavaScript.

    Fields:
        parameters: the names after `step`, each with its setting; None for one that is a function of the step itself.
        body: the statements that return the rate.
        end: the statements that return the step at which the schedule ends; None for one that has no end.
    """

    parameters: dict[str, float | None]
    body: str
    end: str | None


def to_javascript(schedule: Schedule) -> str:
    """`schedule` as a JavaScript function of the step, whose further parameters are its settings.

    The function needs nothing else, and computes in float64: it agrees with Python to 1e-12 of the highest rate, and
    mostly to the last bit. What is chosen by a word (such as `decay_type`), a setting that is None, and the number of
    items of a list are fixed in it.

    Args:
        schedule: one schedule, not a batch, with concrete settings.

    Returns:
        An arrow function, `(step, learning_rate = 0.0001, ...) => { ... }`. A setting of an inner schedule has the name of
        the field before its own, `schedule_learning_rate`; an item of a list has its number, `milestones_0`.

    Raises:
        TypeError: not a schedule, or one with a function of Python in it.
        ValueError: a batch, or a traced setting.

    >>> print(to_javascript(Rsqrt(1e-3, warmup_steps=100)))
    (step, learning_rate = 0.001, warmup_steps = 100) => {
      const t0 = Math.max(Math.max(Math.max(step, 0), warmup_steps), 1);
      return Math.max((learning_rate * (t0 > 0 ? 1 / Math.sqrt(t0) : 0)), 0);
    }
    """
    emitted = emit(schedule)
    parameters = "".join(f", {name} = {value!r}".removesuffix(".0") for name, value in emitted.parameters.items())
    body = "\n".join(f"  {line}" for line in emitted.body.splitlines())
    return f"(step{parameters}) => {{\n{body}\n}}"


def emit(schedule: Schedule, *, inner_are_functions: bool = False) -> Emitted:
    """The function for `schedule`; inner schedules are written out in it, or are parameters that it calls."""
    require_schedule("to_javascript", schedule)
    lifted = schedule._on_host()
    if lifted is None:
        what = f"a batch of shape {schedule.batch_shape}" if schedule.batch_shape else "traced"
        raise ValueError(
            f"to_javascript(): this {type(schedule).__name__} is {what}; give one schedule with plain settings"
        )
    num = JavaScript()
    writer = _Writer(num, inner_are_functions)
    formula = writer.with_parameters(lifted, "")
    value, end = formula._value(num.maximum(num.of("step"), 0), num), formula.end
    return Emitted(writer.parameters, num.body(num.result(value)), None if end is None else num.body(num.real(end)))


class _Writer:
    """Puts parameters in the places of settings, and collects them."""

    def __init__(self, num: JavaScript, inner_are_functions: bool) -> None:
        self.num, self.inner_are_functions = num, inner_are_functions
        self.parameters: dict[str, float | None] = {}

    def with_parameters(self, schedule: _Kind, prefix: str) -> _Kind:
        new = object.__new__(type(schedule))
        for f in dataclasses.fields(schedule):
            value = schedule.__dict__[f.name]
            new.__dict__[f.name] = value if f.metadata.get("static") else self._part(value, prefix + f.name)
        return new

    def _part(self, value: Real, name: str) -> Real:
        if value is None:
            return None
        if isinstance(value, tuple):
            return tuple(self._part(item, f"{name}_{number}") for number, item in enumerate(value))
        if not isinstance(value, Schedule):
            return self._parameter(name, float(value))
        if not self.inner_are_functions:
            return self.with_parameters(value, f"{name}_")
        return _Called(self._parameter(name, None))

    def _parameter(self, name: str, value: float | None) -> Expression:
        while _TAKEN.fullmatch(name) or name in self.parameters:
            name += "_"
        self.parameters[name] = value
        return self.num.of(name)


class _Called(NamedTuple):
    """In place of an inner schedule: a function of JavaScript, with its end as a property."""

    function: Expression

    @property
    def end(self) -> Expression:
        return self.function.num.of("{0}.end", self.function)

    def _value(self, step: Expression, num: JavaScript) -> Expression:
        return num.of("{0}({1})", self.function, step)
