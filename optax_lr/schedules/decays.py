"""Rates that fall without an end: with a root, the inverse or another power of the step."""

from __future__ import annotations

from optax_lr.numerics import Real, System
from optax_lr.schedules import fields
from optax_lr.schedules.base import Schedule, WithWarmup, schedule
from optax_lr.schedules.fields import Number, OptionalNumber


@schedule
class InverseSqrt(WithWarmup):
    """The inverse square root of the step, scaled to start from `learning_rate` after a warmup; `inverse_sqrt`.

    ```
    T = warmup_steps if timescale is None and warmup_steps > 0 else 10000 if timescale is None else timescale
    step <  warmup_steps:  learning_rate * step / warmup_steps
    step >= warmup_steps:  learning_rate / sqrt((step + T - warmup_steps) / T)
    ```

    Fields:
        learning_rate: the peak, at least 0.
        warmup_steps: optimizer steps from 0 to the peak; 0 for none.
        timescale: optimizer steps after which the rate has fallen to 1 / sqrt(2); above 0. None takes `warmup_steps`,
            or 10,000 without a warmup.

    It has no end; the rate keeps falling.

    Source: `transformers.get_inverse_sqrt_schedule`. `Rsqrt` is the other formula of this name.

    >>> schedule = InverseSqrt(learning_rate=5e-5, warmup_steps=100)
    >>> [f"{schedule(step):.4g}" for step in (50, 100, 400)]
    ['2.5e-05', '5e-05', '2.5e-05']
    """

    learning_rate: Number = fields.rate()
    warmup_steps: Number = fields.count(default=0)
    timescale: OptionalNumber = fields.number(default=None, above=0)

    def _after_warmup(self, step: Real, num: System) -> Real:
        timescale = self.timescale
        if timescale is None:
            timescale = num.where(self.warmup_steps > 0, self.warmup_steps, num.real(10_000))
        return self.learning_rate * num.sqrt(timescale) * num.inverse_sqrt(step + (timescale - self.warmup_steps))


@schedule
class Rsqrt(Schedule):
    """`learning_rate / sqrt(max(step, warmup_steps))`: flat for `warmup_steps`, then falling; T5's "rsqrt".

    Fields:
        learning_rate: the rate that step 1 would have; the plateau is `learning_rate / sqrt(warmup_steps)`.
        warmup_steps: optimizer steps on the plateau; 0 counts as 1, where the formula would divide by zero.

    It has no end; the rate keeps falling.

    Source: the inverse square root schedule of "Exploring the Limits of Transfer Learning with a Unified Text-to-Text
    Transformer" (Raffel et al., 2020), section 3.1.2, there with `learning_rate` 1 and `warmup_steps` 10,000.

    >>> schedule = Rsqrt(learning_rate=1e-3, warmup_steps=100)
    >>> [f"{schedule(step):.4g}" for step in (0, 100, 400)]
    ['0.0001', '0.0001', '5e-05']
    """

    learning_rate: Number = fields.rate()
    warmup_steps: Number = fields.count(default=0)

    def _value(self, step: Real, num: System) -> Real:
        return self.learning_rate * num.inverse_sqrt(num.at_least_one(num.maximum(step, self.warmup_steps)))


@schedule
class InverseTime(WithWarmup):
    """`learning_rate / (1 + decay_rate * t / decay_steps)`, with `t` the steps since the warmup.

    ```
    step <  warmup_steps:  learning_rate * step / warmup_steps
    step >= warmup_steps:  learning_rate / (1 + decay_rate * (step - warmup_steps) / decay_steps)
    ```

    Fields:
        learning_rate: the peak, at least 0.
        decay_rate: at least 0; 1 halves the rate after `decay_steps`.
        decay_steps: optimizer steps of one unit of the decay, at least 1.
        warmup_steps: optimizer steps from 0 to the peak; 0 for none.
        staircase: whether only whole units count, so that the rate drops every `decay_steps`.

    It has no end; the rate keeps falling.

    Source: `tf.keras.optimizers.schedules.InverseTimeDecay`.

    >>> [f"{InverseTime(1.0, decay_rate=1.0, decay_steps=10)(step):.4g}" for step in (0, 10, 30)]
    ['1', '0.5', '0.25']
    """

    learning_rate: Number = fields.rate()
    decay_rate: Number = fields.number(least=0)
    decay_steps: Number = fields.count(default=1, least=1)
    warmup_steps: Number = fields.count(default=0)
    staircase: bool = fields.choice(default=False, among=(False, True))

    def _after_warmup(self, step: Real, num: System) -> Real:
        elapsed = num.maximum(step - self.warmup_steps, num.real(0))
        if self.staircase:
            elapsed = self.decay_steps * num.quotient(elapsed, self.decay_steps)
        return self.learning_rate * (self.decay_steps / (self.decay_steps + self.decay_rate * elapsed))


@schedule
class PowerLaw(WithWarmup):
    """`learning_rate * (timescale / (timescale + t))**power`, with `t` the steps since the warmup.

    ```
    step <  warmup_steps:  learning_rate * step / warmup_steps
    step >= warmup_steps:  learning_rate * (timescale / (timescale + step - warmup_steps))**power
    ```

    Fields:
        learning_rate: the peak, at least 0.
        power: the exponent, at least 0; 0.5 is the decay of `InverseSqrt`, 1 that of `InverseTime`.
        timescale: optimizer steps after which the rate has fallen to `2**-power`; above 0.
        warmup_steps: optimizer steps from 0 to the peak; 0 for none.

    It has no end; the rate keeps falling.

    Source: the power-law decay of "Power Scheduler" (Shen et al., 2024), in the form of `transformers.get_inverse_sqrt_schedule`.

    >>> [f"{PowerLaw(1.0, power=0.5, timescale=10)(step):.4g}" for step in (0, 30, 150)]
    ['1', '0.5', '0.25']
    """

    learning_rate: Number = fields.rate()
    power: Number = fields.number(least=0)
    timescale: Number = fields.number(above=0)
    warmup_steps: Number = fields.count(default=0)

    def _after_warmup(self, step: Real, num: System) -> Real:
        elapsed = num.maximum(step - self.warmup_steps, num.real(0))
        return self.learning_rate * num.power_of_ratio(self.timescale, self.timescale + elapsed, self.power)
