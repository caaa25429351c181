"""Schedules one after another, or held. Each is a schedule, and so sweeps, stacks and nests like the rest."""

from __future__ import annotations

from optax_lr.numerics import Real, System
from optax_lr.schedules import fields
from optax_lr.schedules.base import Schedule, schedule
from optax_lr.schedules.fields import Number, Numbers, Several


@schedule
class Stages(Schedule):
    """One schedule after another, each counting from its own step 0.

    ```
    step <  boundaries[0]:                   schedules[0](step)
    boundaries[i-1] <= step < boundaries[i]:  schedules[i](step - boundaries[i-1])
    ```

    Fields:
        schedules: the stages, at least one.
        boundaries: the step at which each but the first begins, rising; each a leaf, which may be traced.

    Past the end of the last stage it gives what that stage gives. A later stage is evaluated at its own step 0 before it
    begins, so that gradients through stages that are not taken stay finite.

    Errors: not one boundary fewer than stages; boundaries that do not rise.

    Source: `optax.join_schedules` and `torch.optim.lr_scheduler.SequentialLR`, which check neither.

    >>> schedule = Stages([Linear(1e-4, max_steps=100), Cosine(3e-5, max_steps=200)], boundaries=[100])
    >>> [f"{schedule(step):.4g}" for step in (0, 50, 100, 200)]
    ['0.0001', '5e-05', '3e-05', '1.5e-05']
    """

    schedules: Several[Schedule] = fields.schedules()
    boundaries: Numbers = fields.counts()

    def _check(self) -> None:
        if len(self.boundaries) != len(self.schedules) - 1:
            raise ValueError(
                f"Stages: {len(self.schedules)} schedules need {len(self.schedules) - 1} boundaries, not "
                f"{len(self.boundaries)}; each but the first schedule begins at one"
            )
        fields.require_rising("Stages", "boundaries", self.boundaries)

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

    Fields:
        schedule: the schedule that is followed at first.
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
