"""DeepSpeed's one cycle and its range test. They are not delayed like its warmups, because their formulas are one step ahead."""

from __future__ import annotations

from optax_lr.numerics import Real, System
from optax_lr.schedules import fields
from optax_lr.schedules.base import Schedule, schedule
from optax_lr.schedules.fields import Number, OptionalNumber


@schedule
class DeepSpeedOneCycle(Schedule):
    """Up from `min_lr` to `max_lr`, down again, and then an optional decay below `min_lr`; DeepSpeed's `OneCycle`.

    ```
    down = first_steps if second_steps is None else second_steps;  total = first_steps + down
    k = first_stairs if second_stairs is None else second_stairs
    share(s, stairs) = s if stairs == 0 else floor(s * stairs) / stairs
    step <= first_steps:  min_lr + (max_lr - min_lr) * share(step / first_steps, first_stairs)
    step <  total:        min_lr + (max_lr - min_lr) * share((total - step) / down, k)
    decay_steps == 0:     min_lr
    otherwise:            min_lr / (1 + decay_rate * (step - total) / decay_steps)
    ```

    Fields:
        min_lr: `cycle_min_lr`, the rate at the start and at the end of the cycle, at least 0.
        max_lr: `cycle_max_lr`, the rate at the top, at least 0.
        first_steps: `cycle_first_step_size`, optimizer steps upwards, at least 1.
        second_steps: `cycle_second_step_size`, optimizer steps downwards; None takes `first_steps`.
        first_stairs: `cycle_first_stair_count`, the number of equal stairs upwards; 0 for a line.
        second_stairs: `cycle_second_stair_count`, the number of equal stairs downwards; None takes `first_stairs`.
        decay_rate: `decay_lr_rate`, at least 0.
        decay_steps: `decay_step_size`, the optimizer steps of one unit of the decay; 0 for no decay.

    It has no end. Momentum is not cycled. With `second_steps` 0 the top is at the end of the cycle, where the rate is
    `min_lr`. DeepSpeed has stairs from 0.19.4 on; earlier versions accept the counts and follow lines.

    Source: `deepspeed.runtime.lr_schedules.OneCycle`; "A disciplined approach to neural network hyper-parameters" (Smith,
    2018). `OneCycle` is torch's.

    >>> schedule = DeepSpeedOneCycle(0.2, 1.0, first_steps=4, second_steps=2, decay_rate=1.0, decay_steps=5)
    >>> [f"{schedule(step):.4g}" for step in (0, 2, 4, 5, 6, 11)]
    ['0.2', '0.6', '1', '0.6', '0.2', '0.1']
    """

    min_lr: Number = fields.rate()
    max_lr: Number = fields.rate()
    first_steps: Number = fields.count(default=2000, least=1)
    second_steps: OptionalNumber = fields.count(default=None)
    first_stairs: Number = fields.count(default=0, unit="stairs")
    second_stairs: OptionalNumber = fields.count(default=None, unit="stairs")
    decay_rate: Number = fields.number(default=0.0, least=0)
    decay_steps: Number = fields.count(default=0)

    def _value(self, step: Real, num: System) -> Real:
        second = self.first_steps if self.second_steps is None else self.second_steps
        stairs = self.first_stairs if self.second_stairs is None else self.second_stairs
        left = self.first_steps + second - step
        up = _share(num.minimum(step, self.first_steps), self.first_steps, self.first_stairs, num)
        down = _share(num.maximum(num.minimum(left, second), num.real(0)), second, stairs, num)
        share = num.where(left > 0, num.where(step < self.first_steps, up, down), num.real(0))
        units = num.ratio(num.maximum(-left, num.real(0)), num.at_least_one(self.decay_steps))
        decay = num.where(self.decay_steps < 1, num.real(0), self.decay_rate * units)
        return (self.min_lr + (self.max_lr - self.min_lr) * share) / (1 + decay)


def _share(done: Real, length: Real, stairs: Real, num: System) -> Real:
    """`done / length`, rounded down to whole stairs if there are any."""
    whole = num.ratio(num.quotient(done * stairs, num.at_least_one(length)), num.at_least_one(stairs))
    return num.where(stairs < 1, num.ratio(done, num.at_least_one(length)), whole)


@schedule
class DeepSpeedRangeTest(Schedule):
    """`min_lr * (1 + step_rate * step / step_size)`: a rate that rises until the training breaks; `LRRangeTest`.

    ```
    s = floor(step / step_size) if staircase else step / step_size
    min_lr * (1 + step_rate * s)
    ```

    Fields:
        min_lr: `lr_range_test_min_lr`, the rate at the start, at least 0.
        step_size: `lr_range_test_step_size`, the optimizer steps in which the rate rises by `step_rate * min_lr`.
        step_rate: `lr_range_test_step_rate`, at least 0.
        staircase: whether the quotient is rounded down, so that the rate is constant for `step_size` steps and then jumps.

    It has no end and no upper limit.

    Source: `deepspeed.runtime.lr_schedules.LRRangeTest`; "A disciplined approach to neural network hyper-parameters" (Smith,
    2018).

    >>> [f"{DeepSpeedRangeTest(1.0, step_size=10, staircase=True)(step):.4g}" for step in (0, 9, 10, 25)]
    ['1', '1', '2', '3']
    """

    min_lr: Number = fields.rate(default=1e-3)
    step_size: Number = fields.count(default=2000, least=1)
    step_rate: Number = fields.number(default=1.0, least=0)
    staircase: bool = fields.choice(default=False, among=(False, True))

    def _value(self, step: Real, num: System) -> Real:
        units = num.quotient(step, self.step_size) if self.staircase else num.ratio(step, self.step_size)
        return self.min_lr * (1 + self.step_rate * units)
