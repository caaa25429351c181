"""Rates that fall along a cosine: once, in waves, or in cycles with hard restarts."""

from __future__ import annotations

from optax_lr.numerics import Real, System
from optax_lr.schedules import fields
from optax_lr.schedules.base import Schedule, WithWarmup, schedule
from optax_lr.schedules.cycles import Cycles
from optax_lr.schedules.fields import Number, OptionalNumber


@schedule
class Cosine(WithWarmup):
    """A cosine from `learning_rate` to `min_lr` at `max_steps`, after a warmup; `cosine` and `cosine_with_min_lr`.

    ```
    p = (step - warmup_steps) / max(1, max_steps - warmup_steps)
    step <  warmup_steps:  learning_rate * step / warmup_steps
    step >= warmup_steps:  max(0, min_lr + (learning_rate - min_lr) * (1 + cos(2 * pi * num_cycles * p)) / 2)
    ```

    Fields:
        learning_rate: the peak, at least 0.
        max_steps: optimizer steps of the whole run, warmup included.
        warmup_steps: optimizer steps from 0 to the peak; 0 for none.
        min_lr: the rate at the bottom of the wave, absolute; above `learning_rate` the rate rises to it.
        num_cycles: whole waves over the run. 0.5 falls once; 1 falls and comes back to the peak; 0 stays at the peak.

    Past the end the wave continues, like the reference's: the rate **rises again**. `HoldAfter` or
    `sweep(..., past_end="hold")` stops it.

    Source: `transformers.get_cosine_schedule_with_warmup` and `get_cosine_with_min_lr_schedule_with_warmup`.

    >>> schedule = Cosine(learning_rate=5e-5, max_steps=1000, min_lr=5e-6)
    >>> [f"{schedule(step):.4g}" for step in (0, 500, 1000)]
    ['5e-05', '2.75e-05', '5e-06']
    """

    learning_rate: Number = fields.rate()
    max_steps: Number = fields.count()
    warmup_steps: Number = fields.count(default=0)
    min_lr: Number = fields.rate(default=0.0)
    num_cycles: Number = fields.number(default=0.5, least=0)

    def _after_warmup(self, step: Real, num: System) -> Real:
        length = num.at_least_one(self.max_steps - self.warmup_steps)
        wave = num.wave(step, self.warmup_steps, length, self.num_cycles)
        rate = self.min_lr + (self.learning_rate - self.min_lr) * wave
        return num.maximum(rate, num.real(0))


@schedule
class CosineWithRestarts(WithWarmup):
    """`num_cycles` half cosines from `learning_rate` to 0, each starting at the peak again; `cosine_with_restarts`.

    ```
    p = (step - warmup_steps) / max(1, max_steps - warmup_steps)
    step <  warmup_steps:  learning_rate * step / warmup_steps
    p <  1:                learning_rate * (1 + cos(pi * (num_cycles * p % 1))) / 2
    p >= 1:                0
    ```

    Fields:
        learning_rate: the peak, at least 0.
        max_steps: optimizer steps of the whole run, warmup included.
        warmup_steps: optimizer steps from 0 to the peak; 0 for none.
        num_cycles: cycles in the run; 1 is one cosine without a restart. A fraction cuts the last cycle short.

    A restart is exactly at the peak, because the phase is an exact remainder and not a rounded quotient. Past the end it stays
    at 0.

    Source: `transformers.get_cosine_with_hard_restarts_schedule_with_warmup`.

    >>> schedule = CosineWithRestarts(learning_rate=5e-5, max_steps=1000, num_cycles=2)
    >>> [f"{schedule(step):.4g}" for step in (250, 500, 1000)]
    ['2.5e-05', '5e-05', '0']
    """

    learning_rate: Number = fields.rate()
    max_steps: Number = fields.count()
    warmup_steps: Number = fields.count(default=0)
    num_cycles: Number = fields.number(default=1, least=0)

    def _after_warmup(self, step: Real, num: System) -> Real:
        elapsed = step - self.warmup_steps
        length = num.at_least_one(self.max_steps - self.warmup_steps)
        rate = self.learning_rate * num.sin_squared(num.left_of_cycle(elapsed, length, self.num_cycles), length)
        return num.where(elapsed >= length, num.real(0), rate)


@schedule
class CosineWarmupWithMinLR(Schedule):
    """A cosine to `min_lr` that is reached at the last step of the run; `cosine_warmup_with_min_lr`.

    ```
    p = (step - warmup_steps + 1) / max(1, max_steps - warmup_steps)
    step >= warmup_steps:  max(0, min_lr + (learning_rate - min_lr) * (1 + cos(2 * pi * num_cycles * p)) / 2)
    warmup_lr is None:     learning_rate * (step + 1) / warmup_steps
    otherwise:             warmup_lr + (learning_rate - warmup_lr) * step / max(1, warmup_steps - 1)
    ```

    The curve is one step ahead of `Cosine`: no step has rate 0, the peak is at `warmup_steps - 1` and `min_lr` at
    `max_steps - 1`, the last step that trains.

    Fields:
        learning_rate: the peak, at least 0.
        max_steps: optimizer steps of the whole run, warmup included.
        warmup_steps: optimizer steps of the warmup; 0 for none.
        min_lr: the rate at the bottom of the wave, absolute.
        warmup_lr: the rate of the first step, absolute; None starts at `learning_rate / warmup_steps`.
        num_cycles: whole waves over the run; 0.5 falls once.

    Past the end the wave continues, and the rate rises again.

    Source: `transformers.get_cosine_with_min_lr_schedule_with_warmup_lr_rate`.

    >>> schedule = CosineWarmupWithMinLR(learning_rate=5e-5, max_steps=1000, warmup_steps=100, min_lr=5e-6)
    >>> [f"{schedule(step):.4g}" for step in (0, 99, 999)]
    ['5e-07', '5e-05', '5e-06']
    """

    learning_rate: Number = fields.rate()
    max_steps: Number = fields.count()
    warmup_steps: Number = fields.count(default=0)
    min_lr: Number = fields.rate(default=0.0)
    warmup_lr: OptionalNumber = fields.rate(default=None)
    num_cycles: Number = fields.number(default=0.5, least=0)

    def _value(self, step: Real, num: System) -> Real:
        length = num.at_least_one(self.max_steps - self.warmup_steps)
        wave = num.wave(step, self.warmup_steps - 1, length, self.num_cycles)
        rate = num.maximum(self.min_lr + (self.learning_rate - self.min_lr) * wave, num.real(0))
        if self.warmup_lr is None:
            warmup = self.learning_rate * num.ratio(step + 1, num.at_least_one(self.warmup_steps))
        else:
            done = num.ratio(step, num.at_least_one(self.warmup_steps - 1))
            warmup = self.warmup_lr + (self.learning_rate - self.warmup_lr) * done
        return num.where(step < self.warmup_steps, warmup, rate)


@schedule
class CosineAnnealing(Schedule):
    """`eta_min + (learning_rate - eta_min) * (1 + cos(pi * step / T_max)) / 2`.

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
