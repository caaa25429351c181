"""Warmup, a stable phase, then a decay."""

from __future__ import annotations

from optax_lr.numerics import Real, System
from optax_lr.schedules import fields
from optax_lr.schedules.base import Schedule, schedule
from optax_lr.schedules.fields import Number, OptionalNumber

SHAPES = ("linear", "cosine", "1-sqrt")
DECAYS = (*SHAPES, "1-square", "exponential", "power")


@schedule
class WarmupStableDecay(Schedule):
    """From `min_lr` up to `learning_rate`, a constant phase, and down to `min_lr` again; `warmup_stable_decay`.

    ```
    S = max_steps - warmup_steps - decay_steps if stable_steps is None else stable_steps
    p = step / warmup_steps;  q = (step - warmup_steps - S) / decay_steps
    step < warmup_steps:                    max(0, min_lr + (learning_rate - min_lr) * up)
    step < warmup_steps + S:                learning_rate
    step < warmup_steps + S + decay_steps:  max(0, min_lr + (learning_rate - min_lr) * down)
    otherwise:                              min_lr
    up = (p if warmup_type == "linear" else
          (1 - cos(pi * p)) / 2 if warmup_type == "cosine" else
          1 - sqrt(1 - p))
    down = (1 - q if decay_type == "linear" else
            (1 + cos(2 * pi * num_cycles * q)) / 2 if decay_type == "cosine" else
            1 - sqrt(q) if decay_type == "1-sqrt" else
            1 - q**2 if decay_type == "1-square" else
            2 * 0.5**q - 1 if decay_type == "exponential" else
            (1 - q)**power)
    ```

    Fields:
        learning_rate: the rate of the stable phase, at least 0.
        decay_steps: optimizer steps of the decay; 0 drops to `min_lr` at once.
        max_steps: optimizer steps of the whole run; the stable phase is the remaining part. If the warmup and the decay are
            longer than the run, the decay begins partly done, as in the reference.
        warmup_steps: optimizer steps of the warmup, which begins at `min_lr` and not at 0.
        stable_steps: optimizer steps of the stable phase; if given, `max_steps` is not used.
        min_lr: the floor, absolute.
        warmup_type: `linear`, `cosine` or `1-sqrt`.
        decay_type: these, and `1-square`, `exponential` and `power`.
        num_cycles: whole waves of a cosine decay; 0.5 falls once.
        power: the exponent of a decay by `power`, at least 0.

    Past the end it stays at `min_lr`.

    Raises:
        ValueError: If neither `max_steps` nor `stable_steps` is given.

    Source: `transformers.get_wsd_schedule`; "MiniCPM" (Hu et al., 2024) describes it. `exponential` and `1-sqrt` are
    `exponential` and `minus_sqrt` of Megatron-LM's `lr_wsd_decay_style`.

    >>> schedule = WarmupStableDecay(learning_rate=5e-5, decay_steps=200, max_steps=1000, warmup_steps=100)
    >>> [f"{schedule(step):.4g}" for step in (50, 100, 800, 900, 1000)]
    ['2.5e-05', '5e-05', '5e-05', '2.5e-05', '0']
    """

    learning_rate: Number = fields.rate()
    decay_steps: Number = fields.count()
    max_steps: OptionalNumber = fields.count(default=None)
    warmup_steps: Number = fields.count(default=0)
    stable_steps: OptionalNumber = fields.count(default=None)
    min_lr: Number = fields.rate(default=0.0)
    warmup_type: str = fields.choice(default="linear", among=SHAPES)
    decay_type: str = fields.choice(default="cosine", among=DECAYS)
    num_cycles: Number = fields.number(default=0.5, least=0)
    power: Number = fields.number(default=1.0, least=0)

    def _check(self) -> None:
        if self.max_steps is None and self.stable_steps is None:
            raise ValueError("WarmupStableDecay needs max_steps, the optimizer steps of the run, or stable_steps")

    @property
    def end(self) -> Real:
        if self.stable_steps is None:
            return self.max_steps
        return self.warmup_steps + self.stable_steps + self.decay_steps

    def _value(self, step: Real, num: System) -> Real:
        stable = (
            self.max_steps - self.warmup_steps - self.decay_steps if self.stable_steps is None else self.stable_steps
        )
        decay_start = self.warmup_steps + stable
        begun, decay_end = step >= self.warmup_steps, decay_start + self.decay_steps
        # Only one of the two shares is used, so that scaling and clamping are done once.
        moving = self._between(num.where(begun, self._down(step, decay_start, num), self._up(step, num)), num)
        rate = num.where(begun & (step >= decay_end), self.min_lr, moving)
        return num.where(begun & (step < decay_start), self.learning_rate, rate)

    def _between(self, share: Real, num: System) -> Real:
        return num.maximum(self.min_lr + (self.learning_rate - self.min_lr) * share, num.real(0))

    def _up(self, step: Real, num: System) -> Real:
        length = num.at_least_one(self.warmup_steps)
        if self.warmup_type == "cosine":
            return num.sin_squared(step, length)
        done = num.ratio(step, length)
        if self.warmup_type == "linear":
            return done
        return done / (
            1 + num.sqrt(num.ratio(self.warmup_steps - step, length))
        )  # 1 - sqrt(1 - p) without cancellation

    def _down(self, step: Real, start: Real, num: System) -> Real:
        length = num.at_least_one(self.decay_steps)
        if self.decay_type == "cosine":
            return num.wave(step, start, length, self.num_cycles)
        remaining = start + self.decay_steps - step
        if self.decay_type == "power":
            return num.power_of_ratio(remaining, length, self.power)
        left = num.ratio(remaining, length)
        if self.decay_type == "linear":
            return left
        if self.decay_type == "1-square":
            return left * (2 - left)
        if self.decay_type == "exponential":  # 2**left - 1 without cancellation
            left = num.minimum(num.maximum(left, num.real(0)), num.real(1))  # outside, the value is not used
            return num.power(num.real(2), left) * num.fall(num.real(0.5), left)
        return left / (1 + num.sqrt(num.ratio(step - start, length)))  # 1 - sqrt(p) without cancellation
