"""torch's triangular cycles and its one-cycle policy, each with its momentum."""

from __future__ import annotations

import itertools

from optax_lr.numerics import Real, System
from optax_lr.schedules import fields
from optax_lr.schedules.base import Schedule, schedule
from optax_lr.schedules.fields import Number, OptionalNumber


@schedule
class Cyclic(Schedule):
    """Triangles between `base_lr` and `max_lr`.

    ```
    down = step_size_up if step_size_down is None else step_size_down
    c = floor(step / (step_size_up + down));  r = step - c * (step_size_up + down)
    height = r / step_size_up if r <= step_size_up else (step_size_up + down - r) / down
    scale = 2**-c if mode == "triangular2" else gamma**step if mode == "exp_range" else 1
    base_lr + (max_lr - base_lr) * height * scale
    ```

    Fields:
        base_lr: the rate at the foot of the triangles, at least 0; torch overwrites the optimizer's own rate with it.
        max_lr: the rate at the top, at least 0.
        step_size_up: optimizer steps upwards, at least 1.
        step_size_down: optimizer steps downwards, at least 1; None takes `step_size_up`.
        mode: `triangular`, `triangular2` (half the height each time) or `exp_range`.
        gamma: the factor per step of `exp_range`, at least 0.

    It has no end. Its momentum is `CyclicMomentum`.

    Source: `torch.optim.lr_scheduler.CyclicLR`; "Cyclical Learning Rates" (Smith, 2017).

    >>> [f"{Cyclic(0.1, 1.1, step_size_up=4, mode='triangular2')(step):.4g}" for step in (0, 2, 4, 8, 12)]
    ['0.1', '0.6', '1.1', '0.1', '0.6']
    """

    base_lr: Number = fields.rate()
    max_lr: Number = fields.rate()
    step_size_up: Number = fields.count(default=2000, least=1)
    step_size_down: OptionalNumber = fields.count(default=None, least=1)
    mode: str = fields.choice(default="triangular", among=("triangular", "triangular2", "exp_range"))
    gamma: Number = fields.number(default=1.0, least=0)

    def _value(self, step: Real, num: System) -> Real:
        return num.maximum(self.base_lr + (self.max_lr - self.base_lr) * _height(self, step, num), num.real(0))


@schedule
class CyclicMomentum(Schedule):
    """The momentum that goes with `Cyclic`: at `max_momentum` where the rate is lowest, and at `base_momentum` where it is highest.

    ```
    down = step_size_up if step_size_down is None else step_size_down
    c = floor(step / (step_size_up + down));  r = step - c * (step_size_up + down)
    height = r / step_size_up if r <= step_size_up else (step_size_up + down - r) / down
    scale = 2**-c if mode == "triangular2" else gamma**step if mode == "exp_range" else 1
    max_momentum - (max_momentum - base_momentum) * height * scale
    ```

    Fields:
        step_size_up, step_size_down, mode, gamma: those of `Cyclic`.
        base_momentum: the momentum at the top of the rate.
        max_momentum: the momentum at the foot of the rate.

    It has no end. `inject_schedules(optax.sgd)(learning_rate=Cyclic(...), momentum=CyclicMomentum(...))` runs both.

    Source: `torch.optim.lr_scheduler.CyclicLR` with `cycle_momentum`.

    >>> [f"{CyclicMomentum(step_size_up=4)(step):.4g}" for step in (0, 2, 4, 8)]
    ['0.9', '0.85', '0.8', '0.9']
    """

    step_size_up: Number = fields.count(default=2000, least=1)
    step_size_down: OptionalNumber = fields.count(default=None, least=1)
    mode: str = fields.choice(default="triangular", among=("triangular", "triangular2", "exp_range"))
    gamma: Number = fields.number(default=1.0, least=0)
    base_momentum: Number = fields.rate(default=0.8)
    max_momentum: Number = fields.rate(default=0.9)

    def _value(self, step: Real, num: System) -> Real:
        return self.max_momentum - (self.max_momentum - self.base_momentum) * _height(self, step, num)


def _height(cycles: Cyclic | CyclicMomentum, step: Real, num: System) -> Real:
    """The height of the triangle at `step`, from 0 to 1, scaled by the mode."""
    up = cycles.step_size_up
    down = up if cycles.step_size_down is None else cycles.step_size_down
    cycle = num.quotient(step, up + down)
    rest = step - cycle * (up + down)
    height = num.where(rest <= up, num.ratio(rest, up), num.ratio(up + down - rest, down))
    if cycles.mode == "triangular2":
        height = height * num.power(num.real(0.5), cycle)
    if cycles.mode == "exp_range":
        height = height * num.power(cycles.gamma, step)
    return height


@schedule
class OneCycle(Schedule):
    """Up to `max_lr`, and down far below the start, in one run.

    ```
    first = max_lr / div_factor;  last = first / final_div_factor
    share(s) = (1 - cos(pi * s)) / 2 if anneal_strategy == "cos" else s
    t = min(step, total_steps);  a = pct_start * total_steps - 1;  b = 2 * a if three_phase else a;  c = total_steps - 1
    t <= a:          first + (max_lr - first) * share(t / a)
    t <= b:          max_lr + (first - max_lr) * share((t - a) / (b - a))
    not three_phase: max(0, max_lr + (last - max_lr) * share((t - a) / (c - a)))
    otherwise:       max(0, first + (last - first) * share((t - b) / (c - b)))
    ```

    Fields:
        max_lr: the peak, at least 0; torch overwrites the optimizer's own rate.
        total_steps: optimizer steps of the run, at least 1.
        pct_start: the share of the run that goes up, from 0 to 1.
        anneal_strategy: `cos` or `linear`.
        div_factor, final_div_factor: above 0.
        three_phase: come down to `first` before `last`.

    At step `total_steps` it gives torch's value there (past the last phase: a cosine rises again, a line goes below
    `last`), and keeps it, where torch raises an error. A phase of length 0, where torch divides by zero, is skipped.
    Its momentum is `OneCycleMomentum`.

    Source: `torch.optim.lr_scheduler.OneCycleLR`; "Super-Convergence" (Smith and Topin, 2018).

    >>> [f"{OneCycle(1.0, total_steps=100)(step):.4g}" for step in (0, 29, 99)]
    ['0.04', '1', '4e-06']
    """

    max_lr: Number = fields.rate()
    total_steps: Number = fields.count(least=1)
    pct_start: Number = fields.number(default=0.3, least=0, most=1)
    anneal_strategy: str = fields.choice(default="cos", among=("cos", "linear"))
    div_factor: Number = fields.number(default=25.0, above=0)
    final_div_factor: Number = fields.number(default=1e4, above=0)
    three_phase: bool = fields.choice(default=False, among=(False, True))

    def _value(self, step: Real, num: System) -> Real:
        first = num.ratio(self.max_lr, self.div_factor)
        last = num.ratio(first, self.final_div_factor)
        return _annealed(self, step, (first, self.max_lr, first, last), num)


@schedule
class OneCycleMomentum(Schedule):
    """The momentum that goes with `OneCycle`: down while the rate goes up, and back.

    ```
    share(s) = (1 - cos(pi * s)) / 2 if anneal_strategy == "cos" else s
    t = min(step, total_steps);  a = pct_start * total_steps - 1;  b = 2 * a if three_phase else a;  c = total_steps - 1
    t <= a:           max_momentum + (base_momentum - max_momentum) * share(t / a)
    t <= b:           base_momentum + (max_momentum - base_momentum) * share((t - a) / (b - a))
    not three_phase:  base_momentum + (max_momentum - base_momentum) * share((t - a) / (c - a))
    otherwise:        max_momentum
    ```

    Fields:
        total_steps, pct_start, anneal_strategy, three_phase: those of `OneCycle`.
        base_momentum: the momentum at the peak of the rate.
        max_momentum: the momentum at both ends.

    At step `total_steps` and later it behaves like `OneCycle`. `inject_schedules(optax.sgd)(learning_rate=OneCycle(...),
    momentum=OneCycleMomentum(...))` runs both.

    Source: `torch.optim.lr_scheduler.OneCycleLR` with `cycle_momentum`.

    >>> [f"{OneCycleMomentum(total_steps=100)(step):.4g}" for step in (0, 29, 99)]
    ['0.95', '0.85', '0.95']
    """

    total_steps: Number = fields.count(least=1)
    pct_start: Number = fields.number(default=0.3, least=0, most=1)
    anneal_strategy: str = fields.choice(default="cos", among=("cos", "linear"))
    three_phase: bool = fields.choice(default=False, among=(False, True))
    base_momentum: Number = fields.rate(default=0.85)
    max_momentum: Number = fields.rate(default=0.95)

    def _value(self, step: Real, num: System) -> Real:
        most = self.max_momentum
        return _annealed(self, step, (most, self.base_momentum, most, most), num)


def _annealed(cycle: OneCycle | OneCycleMomentum, step: Real, values: tuple[Real, ...], num: System) -> Real:
    """From the first of four values to the second, then the third if there are three phases, and the last."""
    step = num.minimum(step, cycle.total_steps)
    start, peak, foot, last = values
    top, end = cycle.pct_start * cycle.total_steps - 1, cycle.total_steps - 1
    middle = [(2 * cycle.pct_start * cycle.total_steps - 2, foot)] if cycle.three_phase else []
    points = [(num.real(0), start), (top, peak), *middle, (end, last)]
    phases = [_phase(*a, *b, num) for a, b in itertools.pairwise(points)]
    phase = phases[-1]
    for (until, _), earlier in reversed(list(zip(points[1:-1], phases, strict=False))):
        phase = tuple(num.where(step <= until, x, y) for x, y in zip(earlier, phase, strict=True))
    low, height, origin, inverse = phase
    share = (step - origin) * inverse
    if cycle.anneal_strategy == "cos":  # two phases at a time, because a phase may be shorter than a step
        share = num.sin_squared(share - 2 * num.floor(0.5 * share + 0.5), num.real(1))
    return num.maximum(low + height * share, num.real(0))


def _phase(start: Real, from_value: Real, stop: Real, to_value: Real, num: System) -> tuple[Real, ...]:
    """The smaller value, the difference to the larger one, and the start and slope of the share of that difference.

    Counted from the smaller value, no digits cancel.
    """
    length = stop - start
    inverse = num.ratio(num.real(1), num.where(abs(length) > 0, length, num.real(1)))
    rises = from_value < to_value
    origin = num.where(rises, start, stop)
    inverse = num.where(rises, inverse, -inverse)
    return num.minimum(from_value, to_value), abs(from_value - to_value), origin, inverse
