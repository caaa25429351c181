"""DeepSpeed's schedules. Its engine runs the warmups one step late; the formulas of the cycle and the range test are ahead."""

from __future__ import annotations

from optax_lr.numerics import Real, System, Truth
from optax_lr.schedules import fields
from optax_lr.schedules.base import Schedule, schedule
from optax_lr.schedules.fields import Number, OptionalNumber

SHAPES = ("log", "linear")


class _DeepSpeed(Schedule):
    """The common part.

    The engine sets a rate before the first step and calls `step()` after it: update k uses the rate of iteration k - 2, so
    the first two updates have the initial rate.
    """

    warmup_steps: Number
    warmup_type: str

    def _grown(self, step: Real, num: System) -> tuple[Real, Truth]:
        """The progress of the warmup, 0 to 1, with a length of at least 2; and whether the warmup still runs."""
        length = num.maximum(self.warmup_steps, num.real(2))
        iteration = num.maximum(step - 1, num.real(0))
        logarithm = self.warmup_type == "log"
        share = num.log2(iteration + 1) / num.log2(length) if logarithm else num.ratio(iteration, length)
        return share, iteration < length


@schedule
class DeepSpeedWarmup(_DeepSpeed):
    """From `min_lr` up to `learning_rate`, by default along a logarithm, and level from there on; `WarmupLR`.

    ```
    i = max(0, step - 1);  W = max(2, warmup_steps)
    up = log(i + 1) / log(W) if warmup_type == "log" else i / W
    i <  W:  min_lr + (learning_rate - min_lr) * up
    i >= W:  learning_rate
    ```

    Fields:
        learning_rate: `warmup_max_lr`, the rate after the warmup, at least 0.
        warmup_steps: `warmup_num_steps`, optimizer steps.
        min_lr: `warmup_min_lr`, the rate at the start.
        warmup_type: `log` (DeepSpeed's default) or `linear`.

    It is one step later than `Constant`, the reference's `constant_with_warmup`, and begins with two steps at `min_lr`.

    Source: `deepspeed.runtime.lr_schedules.WarmupLR`.

    >>> schedule = DeepSpeedWarmup(1.0, warmup_steps=4, warmup_type="linear")
    >>> [f"{schedule(step):.4g}" for step in range(7)]
    ['0', '0', '0.25', '0.5', '0.75', '1', '1']
    """

    learning_rate: Number = fields.rate()
    warmup_steps: Number = fields.count(default=1000)
    min_lr: Number = fields.rate(default=0.0)
    warmup_type: str = fields.choice(default="log", among=SHAPES)

    def _value(self, step: Real, num: System) -> Real:
        share, warming = self._grown(step, num)
        warmup = num.maximum(self.min_lr + (self.learning_rate - self.min_lr) * share, num.real(0))
        return num.where(warming, warmup, self.learning_rate)


@schedule
class DeepSpeedWarmupDecay(_DeepSpeed):
    """The warmup of `DeepSpeedWarmup`, then a line down to `min_lr`; `WarmupDecayLR`.

    ```
    i = max(0, step - 1);  W = max(2, warmup_steps)
    up = log(i + 1) / log(W) if warmup_type == "log" else i / W
    i <  W:  min_lr + (learning_rate - min_lr) * up
    i >= W:  min_lr + (learning_rate - min_lr) * max(0, (max_steps - i) / max(1, max_steps - W))
    ```

    Fields:
        learning_rate: `warmup_max_lr`, the peak, at least 0.
        max_steps: `total_num_steps`, optimizer steps of the run.
        warmup_steps: `warmup_num_steps`, optimizer steps.
        min_lr: `warmup_min_lr`, the rate at the start and at the end.
        warmup_type: `log` (DeepSpeed's default) or `linear`.

    Past the end it stays at `min_lr`. One step later than `Linear`, whose floor is 0.

    Source: `deepspeed.runtime.lr_schedules.WarmupDecayLR`.

    >>> schedule = DeepSpeedWarmupDecay(1.0, max_steps=10, warmup_steps=2, warmup_type="linear")
    >>> [f"{schedule(step):.4g}" for step in (0, 1, 2, 3, 7, 11)]
    ['0', '0', '0.5', '1', '0.5', '0']
    """

    learning_rate: Number = fields.rate()
    max_steps: Number = fields.count()
    warmup_steps: Number = fields.count(default=1000)
    min_lr: Number = fields.rate(default=0.0)
    warmup_type: str = fields.choice(default="log", among=SHAPES)

    @property
    def end(self) -> Real:
        return self.max_steps + 1

    def _value(self, step: Real, num: System) -> Real:
        share, warming = self._grown(step, num)
        length = num.at_least_one(self.max_steps - num.maximum(self.warmup_steps, num.real(2)))
        left = num.ratio(num.maximum(self.max_steps + 1 - step, num.real(0)), length)
        rate = self.min_lr + (self.learning_rate - self.min_lr) * num.where(warming, share, left)
        return num.maximum(rate, num.real(0))


@schedule
class DeepSpeedWarmupCosine(_DeepSpeed):
    """The warmup of `DeepSpeedWarmup`, then half a cosine down to a share of the peak; `WarmupCosineLR`.

    ```
    i = max(0, step - 1);  W = max(2, warmup_steps);  p = min(1, (i - W + 1) / max(1, max_steps - W))
    up = log(i + 1) / log(W) if warmup_type == "log" else i / W
    i <  W:  learning_rate * (warmup_min_ratio + (1 - warmup_min_ratio) * up)
    i >= W:  learning_rate * (cos_min_ratio + (1 - cos_min_ratio) * (1 + cos(pi * p)) / 2)
    ```

    Fields:
        learning_rate: the optimizer's rate, at least 0; the peak, which no step reaches exactly.
        max_steps: `total_num_steps`, optimizer steps of the run.
        warmup_steps: `warmup_num_steps`, optimizer steps.
        warmup_min_ratio: the share at the start.
        cos_min_ratio: the share at the end.
        warmup_type: `log` (DeepSpeed's default) or `linear`.

    Past the end it stays at the floor, where `Cosine` rises again.

    Source: `deepspeed.runtime.lr_schedules.WarmupCosineLR`.

    >>> schedule = DeepSpeedWarmupCosine(1.0, max_steps=10, warmup_steps=2, cos_min_ratio=0.0, warmup_type="linear")
    >>> [f"{schedule(step):.4g}" for step in (0, 2, 6, 10, 20)]
    ['0', '0.5', '0.5', '0', '0']
    """

    learning_rate: Number = fields.rate()
    max_steps: Number = fields.count()
    warmup_steps: Number = fields.count(default=1000)
    warmup_min_ratio: Number = fields.number(default=0.0, least=0)
    cos_min_ratio: Number = fields.number(default=1e-4, least=0)
    warmup_type: str = fields.choice(default="log", among=SHAPES)

    def _value(self, step: Real, num: System) -> Real:
        share, warming = self._grown(step, num)
        start = num.maximum(self.warmup_steps, num.real(2))
        length = num.at_least_one(self.max_steps - start)
        left = num.maximum(length - num.maximum(step - start, num.real(0)), num.real(0))
        decay = self.cos_min_ratio + (1 - self.cos_min_ratio) * num.sin_squared(left, length)
        warmup = self.warmup_min_ratio + (1 - self.warmup_min_ratio) * share
        return self.learning_rate * num.where(warming, warmup, decay)


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
