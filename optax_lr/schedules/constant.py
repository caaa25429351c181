"""A constant rate, after an optional warmup."""

from __future__ import annotations

from optax_lr.numerics import Real, System
from optax_lr.schedules import fields
from optax_lr.schedules.base import WithWarmup, schedule
from optax_lr.schedules.fields import Number


@schedule
class Constant(WithWarmup):
    """`learning_rate`, reached over `warmup_steps` steps; `constant` and `constant_with_warmup`.

    ```
    step <  warmup_steps:  learning_rate * step / warmup_steps
    step >= warmup_steps:  learning_rate
    ```

    Fields:
        learning_rate: the rate after the warmup, at least 0.
        warmup_steps: optimizer steps from 0 to the peak; 0 for none.

    It has no end: the rate stays at `learning_rate`.

    Source: `transformers.get_constant_schedule_with_warmup`, and `get_constant_schedule`, which ignores a warmup (as
    does a config that says `constant`; this class follows its own field).

    >>> schedule = Constant(learning_rate=5e-5, warmup_steps=100)
    >>> [f"{schedule(step):.4g}" for step in (0, 50, 100, 10**6)]
    ['0', '2.5e-05', '5e-05', '5e-05']
    """

    learning_rate: Number = fields.rate()
    warmup_steps: Number = fields.count(default=0)

    def _after_warmup(self, step: Real, num: System) -> Real:
        return self.learning_rate
