"""axolotl's schedules: the reflected exponential, and restarts that interrupt another schedule."""

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


@schedule
class JaggedRestarts(Schedule):
    """Another schedule, lowered and warmed up again at regular intervals; axolotl's `jagged_restart_steps`.

    ```
    t = step + ahead;  q = t % restart_steps
    share = (1 if t < restart_steps - restart_anneal_steps else
             q / restart_warmup_steps if q < restart_warmup_steps else
             (restart_steps - q) / restart_anneal_steps if q > restart_steps - restart_anneal_steps else
             1)
    schedule(step + 1) * (min_scale + (1 - min_scale) * share)
    ```

    Fields:
        schedule: the schedule that is interrupted; its own warmup begins the run.
        restart_steps: optimizer steps from one restart to the next, at least 1.
        restart_warmup_steps: optimizer steps upwards after each restart, at least 1.
        restart_anneal_steps: optimizer steps downwards before each restart, at least 1.
        min_scale: the share of the schedule's rate that is left at a restart.
        ahead: how many optimizer steps too early the restarts come.

    The curve is one step ahead, like axolotl's. Around `Rex`, which is already one step ahead, the restarts are two steps
    ahead in axolotl: use `ahead=2`.

    Source: `axolotl.utils.schedulers.JaggedLRRestartScheduler`; "ReLoRA" (Lialin et al., 2023) has such restarts.

    >>> schedule = JaggedRestarts(Constant(1.0), restart_steps=6, restart_warmup_steps=2, restart_anneal_steps=2)
    >>> [f"{schedule(step):.4g}" for step in range(9)]
    ['1', '1', '1', '1', '0.5005', '0.001', '0.5005', '1', '1']
    """

    schedule: Schedule = fields.inner()
    restart_steps: Number = fields.count(least=1)
    restart_warmup_steps: Number = fields.count(default=10, least=1)
    restart_anneal_steps: Number = fields.count(default=1, least=1)
    min_scale: Number = fields.number(default=0.001, least=0)
    ahead: Number = fields.count(default=1)

    def _value(self, step: Real, num: System) -> Real:
        at = step + self.ahead
        since = at - self.restart_steps * num.quotient(at, self.restart_steps)
        left = self.restart_steps - since
        down = num.where(left < self.restart_anneal_steps, num.ratio(left, self.restart_anneal_steps), num.real(1))
        share = num.where(since < self.restart_warmup_steps, num.ratio(since, self.restart_warmup_steps), down)
        share = num.where(at < self.restart_steps - self.restart_anneal_steps, num.real(1), share)
        return self.schedule._value(step + 1, num.ahead(num.real(1))) * (self.min_scale + (1 - self.min_scale) * share)
