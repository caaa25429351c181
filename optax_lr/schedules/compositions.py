"""Compositions of schedules: scaled, multiplied, one after another, held, in other units, shifted, warmed up."""

from __future__ import annotations

import functools
import operator

from optax_lr.numerics import Real, System
from optax_lr.schedules import checks, fields
from optax_lr.schedules.base import Schedule, schedule
from optax_lr.schedules.fields import Number, Numbers, Several


@schedule
class Scaled(Schedule):
    """`factor * schedule(step)`, which is also written `schedule * 0.1`.

    Fields:
        schedule: the schedule that is scaled.
        factor: at least 0, such as the ratio of a parameter group.

    >>> (Linear(1.0, max_steps=10) * 0.5)(0)
    np.float32(0.5)
    """

    schedule: Schedule = fields.inner()
    factor: Number = fields.number(least=0)

    def _value(self, step: Real, num: System) -> Real:
        return self.factor * self.schedule._value(step, num)


@schedule
class Product(Schedule):
    """The product of several schedules at the same step, which is also written `one * another`.

    ```
    prod(f(step) for f in schedules)
    ```

    Fields:
        schedules: at least one; usually one with a rate and others from 0 to 1.

    Source: `torch.optim.lr_scheduler.ChainedScheduler` of multiplying schedulers.

    >>> (Constant(1e-3) * LinearRamp(1.0, start_factor=0.5, total_iters=4))(2)
    np.float32(0.00075)
    """

    schedules: Several[Schedule] = fields.schedules()

    def _value(self, step: Real, num: System) -> Real:
        return functools.reduce(operator.mul, [factor._value(step, num) for factor in self.schedules])


@schedule
class Stages(Schedule):
    """One schedule after another, each counting from its own step 0.

    ```
    i = sum(b <= step for b in boundaries)
    i == 0:     schedules[0](step)
    otherwise:  schedules[i](step - boundaries[i - 1])
    ```

    Fields:
        schedules: the stages, at least one.
        boundaries: the steps at which the second and later stages begin, rising; each is a leaf and may be traced.

    After the end of the last stage, the rate is that of the last stage past its own end. A later stage is evaluated at its
    step 0 before it begins, so that gradients through stages that are not taken stay finite.

    Raises:
        ValueError: If the number of boundaries is not one less than that of schedules, or the boundaries do not rise.

    Source: `optax.join_schedules` and `torch.optim.lr_scheduler.SequentialLR`, which check neither.

    >>> schedule = Stages([Linear(1e-4, max_steps=100), Cosine(3e-5, max_steps=200)], boundaries=[100])
    >>> [f"{schedule(step):.4g}" for step in (0, 50, 100, 200)]
    ['0.0001', '5e-05', '3e-05', '1.5e-05']
    """

    schedules: Several[Schedule] = fields.schedules()
    boundaries: Numbers = fields.counts()

    def _check(self) -> None:
        if len(self.boundaries) != len(self.schedules) - 1:
            needed = f"{len(self.schedules)} schedules need {len(self.schedules) - 1} boundaries"
            raise ValueError(f"Stages: {needed}, not {len(self.boundaries)}; one for each schedule after the first")
        checks.require_rising("Stages", "boundaries", self.boundaries)

    @property
    def end(self) -> Real:
        last = self.schedules[-1].end
        return last if last is None or not self.boundaries else self.boundaries[-1] + last

    def _value(self, step: Real, num: System) -> Real:
        rate = self.schedules[0]._value(step, num)
        for start, stage in zip(self.boundaries, self.schedules[1:], strict=True):
            later = stage._value(num.maximum(step - start, num.real(0)), num)
            rate = num.where(step < start, rate, later)
        return rate


@schedule
class HoldAfter(Schedule):
    """`schedule` up to `step`, and its rate at `step` from there on.

    ```
    schedule(min(step, self.step))
    ```

    Fields:
        schedule: the schedule up to `step`.
        step: the optimizer step whose rate is held; often the schedule's `max_steps`, past which a cosine would rise.

    >>> schedule = HoldAfter(Cosine(1.0, max_steps=10, min_lr=0.1), step=10)
    >>> [f"{schedule(step):.4g}" for step in (5, 10, 20)]
    ['0.55', '0.1', '0.1']
    """

    schedule: Schedule = fields.inner()
    step: Number = fields.count()

    @property
    def end(self) -> Real:
        return self.step

    def _value(self, step: Real, num: System) -> Real:
        return self.schedule._value(num.minimum(step, self.step), num)


@schedule
class Every(Schedule):
    """`schedule(floor(step / steps))`: a schedule that counts epochs, or any other unit of several updates.

    Fields:
        schedule: the schedule; its steps are units.
        steps: optimizer steps of one unit, at least 1, such as the steps of an epoch.

    Its end is `steps` times the end of the schedule.

    Source: the habit of calling `scheduler.step()` of torch once an epoch.

    >>> per_epoch = Every(Step(1.0, step_size=2, gamma=0.5), steps=10)
    >>> [f"{per_epoch(step):.4g}" for step in (0, 19, 20, 40)]
    ['1', '1', '0.5', '0.25']
    """

    schedule: Schedule = fields.inner()
    steps: Number = fields.count(least=1)

    @property
    def end(self) -> Real:
        return None if self.schedule.end is None else self.schedule.end * self.steps

    def _value(self, step: Real, num: System) -> Real:
        return self.schedule._value(num.quotient(num.floor(step), self.steps), num)


@schedule
class InSamples(Schedule):
    """`schedule(step * per_step)`: a schedule that counts samples, tokens, or any other part of an optimizer step.

    Fields:
        schedule: the schedule; its steps are units, such as samples.
        per_step: units of one optimizer step, at least 1, such as the samples of all processes.

    Its end is that of the schedule divided by `per_step`. Its warmup and its end may lie between two optimizer steps.

    Source: `megatron.core.optimizer_param_scheduler.OptimizerParamScheduler`, which counts samples.

    >>> schedule = InSamples(Linear(1.0, max_steps=100, warmup_steps=20), per_step=16)
    >>> [f"{schedule(step):.4g}" for step in (0, 1, 2, 6)]
    ['0', '0.8', '0.85', '0.05']
    """

    schedule: Schedule = fields.inner()
    per_step: Number = fields.count(least=1)

    @property
    def end(self) -> Real:
        return None if self.schedule.end is None else self.schedule.end / self.per_step

    def _value(self, step: Real, num: System) -> Real:
        return self.schedule._value(step * self.per_step, num.faster(self.per_step))


@schedule
class Shift(Schedule):
    """`schedule(max(0, step + by))`: a schedule that starts in its middle, or later.

    Fields:
        schedule: the schedule.
        by: optimizer steps; above 0 the schedule is ahead, below 0 it waits at its step 0.

    >>> late = Shift(Linear(1.0, max_steps=4), by=-2)
    >>> [f"{late(step):.4g}" for step in (0, 2, 3, 6)]
    ['1', '1', '0.75', '0']
    """

    schedule: Schedule = fields.inner()
    by: Number = fields.count(least=-checks.LARGEST_STEP)

    @property
    def end(self) -> Real:
        return None if self.schedule.end is None else self.schedule.end - self.by

    def _value(self, step: Real, num: System) -> Real:
        return self.schedule._value(num.maximum(step + self.by, num.real(0)), num.ahead(self.by))


@schedule
class Warmup(Schedule):
    """A line from `warmup_lr` to the rate that `schedule` has at `warmup_steps`, and then the schedule.

    ```
    step <  warmup_steps:  warmup_lr + (schedule(warmup_steps) - warmup_lr) * step / warmup_steps
    step >= warmup_steps:  schedule(step)
    ```

    Fields:
        schedule: any schedule; its own warmup is replaced unless it is longer.
        warmup_steps: optimizer steps of the warmup; 0 for none.
        warmup_lr: the rate at step 0, at least 0.

    The schedule is not delayed: when the warmup ends, the schedule is at its step `warmup_steps`. `Stages` delays it.

    Source: `warmup_lr_init` of timm's schedulers, `lr_warmup_init` of Megatron-LM.

    >>> schedule = Warmup(Exponential(1.0, gamma=0.5), warmup_steps=2, warmup_lr=0.05)
    >>> [f"{schedule(step):.4g}" for step in range(4)]
    ['0.05', '0.15', '0.25', '0.125']
    """

    schedule: Schedule = fields.inner()
    warmup_steps: Number = fields.count()
    warmup_lr: Number = fields.rate(default=0.0)

    def _value(self, step: Real, num: System) -> Real:
        target = self.schedule._value(self.warmup_steps, num)
        share = num.ratio(step, num.at_least_one(self.warmup_steps))
        warmup = self.warmup_lr + (target - self.warmup_lr) * share
        return num.where(step < self.warmup_steps, warmup, self.schedule._value(step, num))
