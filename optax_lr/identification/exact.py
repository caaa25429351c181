"""The rates of a schedule in float64, and its shortest form as text."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from optax_lr.numerics import FLOAT64
from optax_lr.schedules import Schedule
from optax_lr.schedules.evaluation import evaluate_in


def exact_rates(schedule: Schedule, step: ArrayLike) -> np.ndarray:
    """`schedule(step)` in float64, `[*batch, *steps]`; steps below 0 count as 0.

    >>> exact_rates(Linear(2e-5, max_steps=1000), 500), Linear(2e-5, max_steps=1000)(500)
    (array(1.e-05), np.float32(1e-05))
    """
    steps = np.asarray(step, np.float64)
    with np.errstate(all="ignore"):
        rates = evaluate_in(schedule, steps, FLOAT64)
    return np.broadcast_to(rates, schedule.batch_shape + steps.shape).astype(np.float64)


def brief(schedule: Schedule) -> str:
    """The schedule as `repr` shows it, without the fields that are at their defaults.

    >>> brief(Cosine(2e-5, max_steps=1000, warmup_steps=0))
    'Cosine(learning_rate=2e-05, max_steps=1000)'
    """
    shown = []
    for field in dataclasses.fields(schedule):
        value = getattr(schedule, field.name)
        if isinstance(value, (tuple, Schedule)):
            return repr(schedule)
        if not _is_default(value, field.default):
            shown.append(f"{field.name}={value!r}" if isinstance(value, str) else f"{field.name}={value!s}")
    return f"{type(schedule).__name__}({', '.join(shown)})"


def _is_default(value: object, default: object) -> bool:
    if default is dataclasses.MISSING or value is None or default is None or isinstance(value, str):
        return bool(value == default)  # NumPy 2.0 compares to a bool of its own
    return bool(value == np.asarray(default).astype(np.asarray(value).dtype))
