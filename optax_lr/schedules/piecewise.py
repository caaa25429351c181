"""Constant rates between steps."""

from __future__ import annotations

from jax.typing import ArrayLike

from optax_lr.numerics import Real, System
from optax_lr.schedules import fields
from optax_lr.schedules.base import Schedule, schedule
from optax_lr.schedules.fields import Number, Numbers


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
            raise ValueError(
                f"PiecewiseConstant.from_rules(): rules must look like '1:10,0.1:20,0.005', not {rules!r}"
            ) from None
        return cls(learning_rate, boundaries=list(dict(pairs)), factors=factors)

    def _check(self) -> None:
        if len(self.factors) != len(self.boundaries) + 1:
            raise ValueError(
                f"PiecewiseConstant: {len(self.boundaries)} boundaries need {len(self.boundaries) + 1} factors, not "
                f"{len(self.factors)}"
            )
        fields.require_rising("PiecewiseConstant", "boundaries", self.boundaries)

    def _value(self, step: Real, num: System) -> Real:
        factor = self.factors[0]
        for boundary, later in zip(self.boundaries, self.factors[1:], strict=True):
            factor = num.where(step < boundary, factor, later)
        return self.learning_rate * factor
