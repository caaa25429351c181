"""The rates of a sweep after the end of a schedule."""

from __future__ import annotations

import dataclasses

from optax_lr.batches import Mixed
from optax_lr.numerics import Real, System
from optax_lr.schedules import fields
from optax_lr.schedules.base import Schedule, schedule
from optax_lr.schedules.fields import Number

PAST_END = ("reference", "hold", "nan")


def ended(batch: Schedule, past_end: str) -> Schedule:
    """`batch` with each schedule that has an end wrapped, so that it holds its last rate or gives NaN past it."""
    if past_end == "reference":
        return batch
    if isinstance(batch, Mixed):
        return dataclasses.replace(batch, schedules=tuple(ended(member, past_end) for member in batch.schedules))
    return batch if batch.end is None else _Ended(batch, batch.end, past_end)


@schedule
class _Ended(Schedule):
    """`schedule` up to step `last`, and past it the rate that `past_end` selects."""

    schedule: Schedule = fields.inner()
    last: Number = fields.number(least=0)  # which lies between two steps for a schedule that counts samples
    past_end: str = fields.choice(default="hold", among=PAST_END)

    def _value(self, step: Real, num: System) -> Real:
        rate = self.schedule._value(num.minimum(step, self.last), num)
        return num.where(step > self.last, num.real(float("nan")), rate) if self.past_end == "nan" else rate
