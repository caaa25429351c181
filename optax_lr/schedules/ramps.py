"""Rates that go from one factor of the base rate to another over some steps, and stay there."""

from __future__ import annotations

from optax_lr.numerics import Real, System
from optax_lr.schedules import fields
from optax_lr.schedules.base import Schedule, schedule
from optax_lr.schedules.fields import Number


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

    ```
    learning_rate * (1 - min(step, total_iters) / total_iters)**power
    ```

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
