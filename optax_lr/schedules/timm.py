"""timm's schedules: cycles that may grow and shrink, and a warmup that may replace the first steps or come before them."""

from __future__ import annotations

from optax_lr.numerics import Real, System
from optax_lr.schedules import fields
from optax_lr.schedules.base import Schedule, schedule
from optax_lr.schedules.cycles import FEW, Cycles
from optax_lr.schedules.fields import Number


@schedule
class _Timm(Schedule):
    """The common part: the cycle of a step, and the warmup."""

    learning_rate: Number = fields.rate()
    t_initial: Number = fields.count(least=1)
    min_lr: Number = fields.rate(default=0.0)
    cycle_mul: Number = fields.number(default=1.0, above=0)
    cycle_decay: Number = fields.number(default=1.0, least=0)
    cycle_limit: Number = fields.count(default=1, unit="cycles")
    warmup_steps: Number = fields.count(default=0)
    warmup_lr: Number = fields.rate(default=0.0)
    warmup_prefix: bool = fields.choice(default=False, among=(False, True))

    def _shape(self, left: Real, num: System) -> Real:
        """The share of its height at which a cycle is, for the remaining share `left` of it."""
        raise NotImplementedError

    def _value(self, step: Real, num: System) -> Real:
        prefix = self.warmup_steps if self.warmup_prefix else num.real(0)
        rate = self._of_cycles(num.maximum(step - prefix, num.real(0)), num)
        target = self._warmup_target(num)
        warmup = self.warmup_lr + (target - self.warmup_lr) * num.ratio(step, num.at_least_one(self.warmup_steps))
        return num.maximum(num.where(step < self.warmup_steps, warmup, rate), num.real(0))

    def _warmup_target(self, num: System) -> Real:
        return self.learning_rate

    def _of_cycles(self, step: Real, num: System) -> Real:
        cycles = Cycles(self.t_initial, self.cycle_mul, num)

        def of_several(step: Real) -> tuple[Real, Real, Real]:
            few = cycles.are_few() | (self.cycle_limit <= FEW)
            found: tuple[Real, Real, Real] = num.shortcut(
                few,
                step,
                lambda step: self._among_few(step, cycles),
                lambda step: self._at(step, cycles),
                probability=0.95,
            )
            return found

        height, left, length = num.shortcut(
            self.cycle_limit < 2, step, lambda step: self._in_the_first(step, num), of_several
        )
        return self.min_lr + height * self._shape(num.ratio(left, length), num)

    def _in_the_first(self, step: Real, num: System) -> tuple[Real, Real, Real]:
        """The height of the cycle of `step`, the remaining part of it, and its length."""
        left = self.t_initial * self.cycle_limit - step  # the first cycle, or 0 if there is no cycle
        height = num.where(left > 0, self.learning_rate - self.min_lr, num.real(0))
        return height, num.maximum(left, num.real(0)), self.t_initial

    def _at(self, step: Real, cycles: Cycles) -> tuple[Real, Real, Real]:
        num = cycles.num
        number, left, length = cycles.at(step)
        height = self.learning_rate * num.power(self.cycle_decay, number) - self.min_lr
        return num.where(number < self.cycle_limit, height, num.real(0)), left, length

    def _among_few(self, step: Real, cycles: Cycles) -> tuple[Real, Real, Real]:
        num = cycles.num
        share, left = cycles.among_few(step, self.cycle_decay)
        over = cycles.have_begun(self.cycle_limit, step)
        return num.where(over, num.real(0), self.learning_rate * share - self.min_lr), left, num.real(1)


@schedule
class TimmCosine(_Timm):
    """timm's cosine: cycles whose length and height change, with an exponent on the progress; `CosineLRScheduler`.

    ```
    start(i) = sum(t_initial * cycle_mul**j for j in range(i))
    t = max(0, step - warmup_steps) if warmup_prefix else step
    i = max(j for j in range(t + 1) if start(j) <= t)
    p = (t - start(i)) / (t_initial * cycle_mul**i)
    step < warmup_steps:  warmup_lr + (learning_rate - warmup_lr) * step / warmup_steps
    i < cycle_limit:      min_lr + (learning_rate * cycle_decay**i - min_lr) * (1 + cos(pi * p**k_decay)) / 2
    otherwise:            min_lr
    ```

    Fields:
        learning_rate: the peak of the first cycle, at least 0.
        t_initial: optimizer steps of the first cycle, at least 1.
        min_lr: `lr_min`, the rate that each cycle falls to.
        cycle_mul: how many times longer each cycle is, above 0; a fraction places later cycles to within 1e-7 of a step.
        cycle_decay: the factor of the peak from cycle to cycle.
        cycle_limit: the number of cycles.
        warmup_steps: `warmup_t`, optimizer steps of warmup.
        warmup_lr: `warmup_lr_init`, the rate at step 0.
        warmup_prefix: whether the cycles begin after the warmup; otherwise, as by default in timm, the warmup covers the
            first steps of the first cycle and the rate then jumps onto it.
        k_decay: the exponent of the progress, above 0.

    Past the last cycle it stays at `min_lr`. `Cosine` has no jump and no cycles, and rises again. A cycle begins exactly on its
    step, where timm's logarithm may be one step late (`cycle_mul=3`).

    Source: `timm.scheduler.CosineLRScheduler`; "k-decay" (Zhang and Li, 2020).

    >>> schedule = TimmCosine(1.0, t_initial=10, cycle_mul=2.0, cycle_decay=0.5, cycle_limit=2)
    >>> [f"{schedule(step):.4g}" for step in (0, 5, 10, 20, 30)]
    ['1', '0.5', '0.5', '0.25', '0']
    """

    k_decay: Number = fields.number(default=1.0, above=0)

    def _shape(self, left: Real, num: System) -> Real:
        return num.sin_squared(num.fall(left, self.k_decay), num.real(1))


@schedule
class TimmTanh(_Timm):
    """timm's hyperbolic tangent; `TanhLRScheduler`.

    ```
    start(i) = sum(t_initial * cycle_mul**j for j in range(i))
    t = max(0, step - warmup_steps) if warmup_prefix else step
    i = max(j for j in range(t + 1) if start(j) <= t)
    p = (t - start(i)) / (t_initial * cycle_mul**i)
    step < warmup_steps:  warmup_lr + (target - warmup_lr) * step / warmup_steps
    i < cycle_limit:      min_lr + (learning_rate * cycle_decay**i - min_lr) * (1 - tanh(lb * (1 - p) + ub * p)) / 2
    otherwise:            min_lr
    ```

    The warmup goes to `target`: the rate of the curve at `warmup_steps`, or `learning_rate` with `warmup_prefix`.

    Fields: those of `TimmCosine` except `k_decay`, and
        lb, ub: the ends of the part of the tangent that a cycle follows.

    Step 0 without a warmup is at `learning_rate`, which timm's constructor sets; the curve is 8e-7 lower there. Past the last
    cycle it stays at `min_lr`.

    Source: `timm.scheduler.TanhLRScheduler`; "Stochastic Gradient Descent with Hyperbolic-Tangent Decay" (Hsueh et al., 2018).

    >>> [f"{TimmTanh(1.0, t_initial=10)(step):.4g}" for step in (0, 7, 9, 10)]
    ['1', '0.5', '0.01799', '0']
    """

    lb: Number = fields.number(default=-7.0)
    ub: Number = fields.number(default=3.0)

    def _value(self, step: Real, num: System) -> Real:
        return num.where(step + self.warmup_steps < 1, self.learning_rate, super()._value(step, num))

    def _warmup_target(self, num: System) -> Real:
        return self.learning_rate if self.warmup_prefix else self._of_cycles(self.warmup_steps, num)

    def _shape(self, left: Real, num: System) -> Real:
        # (1 - tanh(u)) / 2 = 1 / (1 + e**2u), without cancellation where the tangent is near 1.
        return 1 / (1 + num.power(num.real(2), (self.lb * left + self.ub * (1 - left)) * (2 * 1.4426950408889634)))


@schedule
class TimmPoly(_Timm):
    """timm's polynomial; `PolyLRScheduler`.

    ```
    start(i) = sum(t_initial * cycle_mul**j for j in range(i))
    t = max(0, step - warmup_steps) if warmup_prefix else step
    i = max(j for j in range(t + 1) if start(j) <= t)
    p = (t - start(i)) / (t_initial * cycle_mul**i)
    step < warmup_steps:  warmup_lr + (learning_rate - warmup_lr) * step / warmup_steps
    i < cycle_limit:      min_lr + (learning_rate * cycle_decay**i - min_lr) * (1 - p**k_decay)**power
    otherwise:            min_lr
    ```

    Fields: those of `TimmCosine`, and
        power: the exponent, at least 0; 0.5 by default, where `Polynomial` has 1.

    Past the last cycle it stays at `min_lr`.

    Source: `timm.scheduler.PolyLRScheduler`.

    >>> [f"{TimmPoly(1.0, t_initial=10, power=2.0)(step):.4g}" for step in (0, 5, 10)]
    ['1', '0.25', '0']
    """

    power: Number = fields.number(default=0.5, least=0)
    k_decay: Number = fields.number(default=1.0, above=0)

    def _shape(self, left: Real, num: System) -> Real:
        return num.power_of_fall(left, self.k_decay, self.power)
