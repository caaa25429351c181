"""Rates that follow a line, or a power of what remains of the run."""

from __future__ import annotations

from optax_lr.numerics import Real, System
from optax_lr.schedules import checks, fields
from optax_lr.schedules.base import Schedule, WithWarmup, schedule
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


@schedule
class LinearRamp(Schedule):
    """A line from `learning_rate * start_factor` to `learning_rate * end_factor` over `total_iters` steps.

    ```
    learning_rate * (start_factor + (end_factor - start_factor) * min(step, total_iters) / total_iters)
    ```

    Fields:
        learning_rate: the base rate, at least 0.
        start_factor: above 0, at most 1.
        end_factor: from 0 to 1.
        total_iters: optimizer steps of the line; with 0 the rate stays at the start, like torch's.

    Past the end it stays at the end factor.

    Source: `torch.optim.lr_scheduler.LinearLR`.

    >>> [f"{LinearRamp(1.0, start_factor=0.5, total_iters=4)(step):.4g}" for step in (0, 1, 4, 9)]
    ['0.5', '0.625', '1', '1']
    """

    learning_rate: Number = fields.rate()
    start_factor: Number = fields.number(default=1 / 3, above=0, most=1)
    end_factor: Number = fields.number(default=1.0, least=0, most=1)
    total_iters: Number = fields.count(default=5)

    def _value(self, step: Real, num: System) -> Real:
        done = num.ratio(num.minimum(step, self.total_iters), num.at_least_one(self.total_iters))
        left = num.ratio(self.total_iters - num.minimum(step, self.total_iters), num.at_least_one(self.total_iters))
        left = num.where(self.total_iters < 1, num.real(1), left)
        return self.learning_rate * (self.start_factor * left + self.end_factor * done)


@schedule
class PolynomialDecay(Schedule):
    """`learning_rate * (1 - min(step, total_iters) / total_iters)**power`: down to 0 over `total_iters` steps.

    Fields:
        learning_rate: the rate at the start, at least 0.
        total_iters: optimizer steps of the decay; with 0 the rate does not change, like torch's.
        power: the exponent, at least 0.

    Past the end it stays at 0. `Polynomial` is `transformers`' schedule, with a warmup and a floor.

    Source: `torch.optim.lr_scheduler.PolynomialLR`.

    >>> [f"{PolynomialDecay(1.0, total_iters=4, power=2)(step):.4g}" for step in (0, 2, 4)]
    ['1', '0.25', '0']
    """

    learning_rate: Number = fields.rate()
    total_iters: Number = fields.count(default=5)
    power: Number = fields.number(default=1.0, least=0)

    def _value(self, step: Real, num: System) -> Real:
        left = num.maximum(self.total_iters - step, num.real(0))
        stays = num.where(self.total_iters < 1, num.real(1), num.real(0))
        return self.learning_rate * num.power_of_ratio(left + stays, num.at_least_one(self.total_iters), self.power)


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
        checks.require_below(self, "min_lr", "learning_rate", "the rate must fall to it")

    def _after_warmup(self, step: Real, num: System) -> Real:
        length = num.at_least_one(self.max_steps - self.warmup_steps)
        left = num.power_of_ratio(self.max_steps - step, length, self.power)
        return self.min_lr + (self.learning_rate - self.min_lr) * left
