"""Rates that are multiplied by a factor: at certain steps, at regular intervals, or at every step."""

from __future__ import annotations

from jax.typing import ArrayLike

from optax_lr.numerics import Real, System
from optax_lr.schedules import checks, fields
from optax_lr.schedules.base import Schedule, schedule
from optax_lr.schedules.fields import Number, Numbers


@schedule
class Step(Schedule):
    """`learning_rate * gamma**floor(step / step_size)`: a drop every `step_size` steps.

    Fields:
        learning_rate: the rate at the start, at least 0.
        step_size: optimizer steps between drops, at least 1.
        gamma: the factor of a drop, at least 0.

    It has no end; the rate keeps dropping.

    Source: `torch.optim.lr_scheduler.StepLR`.

    >>> [f"{Step(1.0, step_size=10, gamma=0.5)(step):.4g}" for step in (9, 10, 25)]
    ['1', '0.5', '0.25']
    """

    learning_rate: Number = fields.rate()
    step_size: Number = fields.count(least=1)
    gamma: Number = fields.number(default=0.1, least=0)

    def _value(self, step: Real, num: System) -> Real:
        return self.learning_rate * num.power(self.gamma, num.quotient(step, self.step_size))


@schedule
class MultiStep(Schedule):
    """`learning_rate * gamma**sum(m <= step for m in milestones)`: a drop at each milestone.

    Fields:
        learning_rate: the rate at the start, at least 0.
        milestones: the steps of the drops, in any order; a repeated step drops twice, and step 0 drops at once.
        gamma: the factor of a drop, at least 0.

    After the last milestone it is constant.

    Source: `torch.optim.lr_scheduler.MultiStepLR`.

    >>> [f"{MultiStep(1.0, milestones=[10, 20], gamma=0.5)(step):.4g}" for step in (9, 10, 25)]
    ['1', '0.5', '0.25']
    """

    learning_rate: Number = fields.rate()
    milestones: Numbers = fields.counts()
    gamma: Number = fields.number(default=0.1, least=0)

    def _value(self, step: Real, num: System) -> Real:
        passed = num.real(0)
        for milestone in self.milestones:
            passed = passed + num.where(step < milestone, num.real(0), num.real(1))
        return self.learning_rate * num.power(self.gamma, passed)


@schedule
class Exponential(Schedule):
    """`learning_rate * gamma**step`.

    Fields:
        learning_rate: the rate at the start, at least 0.
        gamma: the factor of a step, at least 0; above 1 the rate grows, by at most 2**127.

    It has no end.

    Source: `torch.optim.lr_scheduler.ExponentialLR`.

    >>> [f"{Exponential(1.0, gamma=0.5)(step):.4g}" for step in (0, 1, 2)]
    ['1', '0.5', '0.25']
    """

    learning_rate: Number = fields.rate()
    gamma: Number = fields.number(least=0)

    def _value(self, step: Real, num: System) -> Real:
        return self.learning_rate * num.power(self.gamma, step)


@schedule
class ConstantFactor(Schedule):
    """`learning_rate * factor` for `total_iters` steps, then `learning_rate`.

    ```
    step <  total_iters:  learning_rate * factor
    step >= total_iters:  learning_rate
    ```

    Fields:
        learning_rate: the rate after the first steps, at least 0.
        factor: from 0 to 1.
        total_iters: optimizer steps at the reduced rate; with 0 the rate stays reduced, like torch's.

    Afterwards it stays at `learning_rate`, also for a `factor` of 0, where torch divides by zero.

    Source: `torch.optim.lr_scheduler.ConstantLR`.

    >>> [f"{ConstantFactor(1.0, factor=0.1, total_iters=5)(step):.4g}" for step in (4, 5)]
    ['0.1', '1']
    """

    learning_rate: Number = fields.rate()
    factor: Number = fields.number(default=1 / 3, least=0, most=1)
    total_iters: Number = fields.count(default=5)

    def _value(self, step: Real, num: System) -> Real:
        never_ends = self.total_iters < 1
        reduced = self.learning_rate * self.factor
        return num.where(step < self.total_iters, reduced, num.where(never_ends, reduced, self.learning_rate))


@schedule
class PiecewiseConstant(Schedule):
    """`learning_rate` times one factor after another; diffusers' `piecewise_constant`.

    ```
    learning_rate * factors[sum(b <= step for b in boundaries)]
    ```

    Fields:
        learning_rate: the base rate, at least 0.
        boundaries: the steps, rising, at which the next factor begins.
        factors: one more than there are boundaries.

    After the last boundary it stays at the last factor.

    Raises:
        ValueError: If the number of factors is wrong, or the boundaries do not rise.

    Source: `diffusers.optimization.get_piecewise_constant_schedule`, whose rules `from_rules` reads.
    `optax.piecewise_constant_schedule` multiplies its scales up; here each factor multiplies `learning_rate`.

    >>> schedule = PiecewiseConstant.from_rules("1:10,0.1:20,0.005", learning_rate=1.0)
    >>> [f"{schedule(step):.4g}" for step in (9, 10, 19, 20)]
    ['1', '0.1', '0.1', '0.005']
    """

    learning_rate: Number = fields.rate()
    boundaries: Numbers = fields.counts()
    factors: Numbers = fields.numbers(least=0)

    @classmethod
    def from_rules(cls, rules: str, learning_rate: ArrayLike) -> PiecewiseConstant:
        """The schedule of diffusers' `rules`: `factor:step,factor:step,...,factor`, where a factor applies up to its step.

        Raises:
            ValueError: If `rules` has another form.
        """
        try:
            *parts, last = rules.split(",")
            pairs = sorted((int(step), float(factor)) for factor, step in (part.split(":") for part in parts))
            factors = [*dict(pairs).values(), float(last)]
        except (ValueError, AttributeError):
            form = "'1:10,0.1:20,0.005'"
            raise ValueError(f"PiecewiseConstant.from_rules(): rules must look like {form}, not {rules!r}") from None
        return cls(learning_rate, boundaries=list(dict(pairs)), factors=factors)

    def _check(self) -> None:
        if len(self.factors) != len(self.boundaries) + 1:
            needed = f"{len(self.boundaries)} boundaries need {len(self.boundaries) + 1} factors"
            raise ValueError(f"PiecewiseConstant: {needed}, not {len(self.factors)}")
        checks.require_rising("PiecewiseConstant", "boundaries", self.boundaries)

    def _value(self, step: Real, num: System) -> Real:
        factor = self.factors[0]
        for boundary, later in zip(self.boundaries, self.factors[1:], strict=True):
            factor = num.where(step < boundary, factor, later)
        return self.learning_rate * factor
