"""A rate that falls as a power of what remains of the run."""

from __future__ import annotations

from optax_lr.numerics import Real, System
from optax_lr.schedules import fields
from optax_lr.schedules.base import WithWarmup, schedule
from optax_lr.schedules.fields import Number


@schedule
class Polynomial(WithWarmup):
    """A power of the remaining share of the run, from `learning_rate` to `min_lr`, after a warmup; `polynomial`.

    ```
    q = (max_steps - step) / (max_steps - warmup_steps)
    step <  warmup_steps:  learning_rate * step / warmup_steps
    step <= max_steps:     min_lr + (learning_rate - min_lr) * q**power
    step >  max_steps:     min_lr
    ```

    Fields:
        learning_rate: the peak, at least 0.
        max_steps: optimizer steps of the whole run, warmup included.
        warmup_steps: optimizer steps from 0 to the peak; 0 for none.
        power: 1 is a line, 2 falls fast at first, 0.5 falls fast at the end; 0 stays at the peak.
        min_lr: the rate at the end, absolute and below `learning_rate`; `lr_end` in `transformers`, whose default
            is 1e-7 where this one is 0, as documented (`get_scheduler` keeps the reference's 1e-7).

    Past the end it stays at `min_lr`. Where the reference divides by zero (`max_steps == warmup_steps`, at that step; a
    negative `power`, at the last step), it is `min_lr`.

    Raises:
        ValueError: If `min_lr` is not below `learning_rate`; the reference raises it too.

    Source: `transformers.get_polynomial_decay_schedule_with_warmup`.

    >>> schedule = Polynomial(learning_rate=5e-5, max_steps=1000, power=2)
    >>> [f"{schedule(step):.4g}" for step in (0, 250, 500, 1000)]
    ['5e-05', '2.812e-05', '1.25e-05', '0']
    """

    learning_rate: Number = fields.rate()
    max_steps: Number = fields.count()
    warmup_steps: Number = fields.count(default=0)
    power: Number = fields.number(default=1)
    min_lr: Number = fields.rate(default=0.0)

    def _check(self) -> None:
        fields.require_below(self, "min_lr", "learning_rate", "the rate must fall to it")

    def _after_warmup(self, step: Real, num: System) -> Real:
        length = num.at_least_one(self.max_steps - self.warmup_steps)
        left = num.power_of_ratio(self.max_steps - step, length, self.power)
        return self.min_lr + (self.learning_rate - self.min_lr) * left
