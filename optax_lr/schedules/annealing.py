"""torch's cosine annealing: one periodic wave, or cycles that grow."""

from __future__ import annotations

from optax_lr.numerics import Real, System
from optax_lr.schedules import fields
from optax_lr.schedules.base import Schedule, schedule
from optax_lr.schedules.cycles import Cycles
from optax_lr.schedules.fields import Number


@schedule
class CosineAnnealing(Schedule):
    """`eta_min + (learning_rate - eta_min) * (1 + cos(pi step / T_max)) / 2`.

    ```
    eta_min + (learning_rate - eta_min) * (1 + cos(pi * step / T_max)) / 2
    ```

    Fields:
        learning_rate: the rate at the start, at least 0.
        T_max: optimizer steps of half a wave; 0 counts as 1, where torch divides by zero.
        eta_min: the rate at `T_max`.

    Past `T_max` the rate **rises again**, with period `2 * T_max`; `HoldAfter` stops it.

    Source: `torch.optim.lr_scheduler.CosineAnnealingLR`; "SGDR" (Loshchilov and Hutter, 2017).

    >>> [f"{CosineAnnealing(1.0, T_max=10, eta_min=0.1)(step):.4g}" for step in (0, 5, 10, 20)]
    ['1', '0.55', '0.1', '1']
    """

    learning_rate: Number = fields.rate()
    T_max: Number = fields.count()
    eta_min: Number = fields.rate(default=0.0)

    @property
    def end(self) -> Real:
        return self.T_max

    def _value(self, step: Real, num: System) -> Real:
        wave = num.wave(step, num.real(0), num.at_least_one(self.T_max), num.real(0.5))
        return num.maximum(self.eta_min + (self.learning_rate - self.eta_min) * wave, num.real(0))


@schedule
class CosineAnnealingWarmRestarts(Schedule):
    """Half cosines from `learning_rate` towards `eta_min`, each `T_mult` times as long as the one before.

    ```
    start(i) = sum(T_0 * T_mult**j for j in range(i))
    i = max(j for j in range(step + 1) if start(j) <= step)
    eta_min + (learning_rate - eta_min) * (1 + cos(pi * (step - start(i)) / (T_0 * T_mult**i))) / 2
    ```

    Fields:
        learning_rate: the rate at each start, at least 0.
        T_0: optimizer steps of the first cycle, at least 1.
        T_mult: how many times longer each cycle is, at least 1.
        eta_min: the rate that a cycle falls to; the next cycle begins at the step that would reach it.

    It has no end. Each cycle begins exactly on its step.

    Source: `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`; "SGDR" (Loshchilov and Hutter, 2017).

    >>> [f"{CosineAnnealingWarmRestarts(1.0, T_0=10, T_mult=2)(step):.4g}" for step in (0, 5, 10, 20, 30)]
    ['1', '0.5', '1', '0.5', '1']
    """

    learning_rate: Number = fields.rate()
    T_0: Number = fields.count(least=1)
    T_mult: Number = fields.count(default=1, least=1, unit="")
    eta_min: Number = fields.rate(default=0.0)

    def _value(self, step: Real, num: System) -> Real:
        cycles = Cycles(self.T_0, num.maximum(self.T_mult, num.real(2)), num)

        def growing(step: Real) -> tuple[Real, Real]:
            _, left, length = cycles.growing(step)
            return left, length

        def few(step: Real) -> tuple[Real, Real]:
            return cycles.among_few(step, num.real(1))[1], num.real(1)

        left, length = num.either(
            self.T_mult < 2,
            step,
            lambda step: (num.left_of_cycle(step, self.T_0, num.real(1)), self.T_0),
            lambda step: num.shortcut(cycles.are_few(), step, few, growing),
        )
        rate = self.eta_min + (self.learning_rate - self.eta_min) * num.sin_squared(left, length)
        return num.maximum(rate, num.real(0))
