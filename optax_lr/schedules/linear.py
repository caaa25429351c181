"""A rate that falls along a line."""

from __future__ import annotations

from optax_lr.numerics import Real, System
from optax_lr.schedules import fields
from optax_lr.schedules.base import WithWarmup, schedule
from optax_lr.schedules.fields import Number


@schedule
class Linear(WithWarmup):
    """A line from `learning_rate` down to `min_lr` at `max_steps`, after a warmup; `linear`.

    ```
    step <  warmup_steps:  learning_rate * step / warmup_steps
    step >= warmup_steps:  min_lr + (learning_rate - min_lr) * max(0, (max_steps - step) / max(1, max_steps - warmup_steps))
    ```

    Fields:
        learning_rate: the peak, at least 0.
        max_steps: optimizer steps of the whole run, warmup included.
        warmup_steps: optimizer steps from 0 to the peak; 0 for none. At `max_steps` or more, all of the run is warmup.
        min_lr: the rate at the end, absolute, at least 0. `transformers` has none; Megatron-LM has.

    Past the end it stays at `min_lr`.

    Source: `transformers.get_linear_schedule_with_warmup`; the linear decay of Megatron-LM's `OptimizerParamScheduler`.

    >>> schedule = Linear(learning_rate=5e-5, max_steps=1000)
    >>> [f"{schedule(step):.4g}" for step in (0, 250, 500, 1000)]
    ['5e-05', '3.75e-05', '2.5e-05', '0']
    """

    learning_rate: Number = fields.rate()
    max_steps: Number = fields.count()
    warmup_steps: Number = fields.count(default=0)
    min_lr: Number = fields.rate(default=0.0)

    def _after_warmup(self, step: Real, num: System) -> Real:
        length = num.at_least_one(self.max_steps - self.warmup_steps)
        height = num.ratio(self.learning_rate - self.min_lr, length)
        return self.min_lr + height * num.maximum(self.max_steps - step, num.real(0))
