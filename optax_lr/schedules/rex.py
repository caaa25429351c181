"""The reflected exponential schedule."""

from __future__ import annotations

from optax_lr.numerics import Real, System
from optax_lr.schedules import fields
from optax_lr.schedules.base import Schedule, schedule
from optax_lr.schedules.fields import Number


@schedule
class Rex(Schedule):
    """A rate that stays high for long and falls steeply at the end; axolotl's `rex`.

    ```
    t = step + 1;  z = (max_steps - t) / (max_steps - warmup_steps)
    t < warmup_steps:  learning_rate * t / warmup_steps
    t < max_steps:     min_lr + (learning_rate - min_lr) * z / (0.1 + 0.9 * z)
    otherwise:         min_lr
    ```

    Fields:
        learning_rate: the peak, at least 0.
        max_steps: optimizer steps of the whole run, warmup included.
        warmup_steps: optimizer steps of the warmup; 0 for none.
        min_lr: the rate at the end, absolute.

    The curve is one step ahead, like axolotl's: the peak is at step `warmup_steps - 1`, and the last step of the run is
    already at `min_lr`. Past the end it stays there.

    Source: `axolotl.utils.schedulers.RexLR`; "REX: Revisiting Budgeted Training with an Improved Schedule" (Chen et al., 2022).

    >>> [f"{Rex(1.0, max_steps=100)(step):.4g}" for step in (0, 49, 89, 99)]
    ['0.999', '0.9091', '0.5263', '0']
    """

    learning_rate: Number = fields.rate()
    max_steps: Number = fields.count()
    warmup_steps: Number = fields.count(default=0)
    min_lr: Number = fields.rate(default=0.0)

    def _value(self, step: Real, num: System) -> Real:
        ahead = step + 1
        length = num.at_least_one(self.max_steps - self.warmup_steps)
        left = num.maximum(self.max_steps - ahead, num.real(0))
        share = left / (length + 9 * left) * 10
        warmup = self.learning_rate * num.ratio(ahead, num.at_least_one(self.warmup_steps))
        return num.where(ahead < self.warmup_steps, warmup, self.min_lr + (self.learning_rate - self.min_lr) * share)
