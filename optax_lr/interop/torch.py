"""Conversion of torch's and transformers' schedulers to schedules, and of schedules to torch's schedulers."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import jax

from optax_lr import schedules as kinds
from optax_lr.arguments import shown, whole_number
from optax_lr.interop.transformers import FIELDS
from optax_lr.schedules.base import Schedule, require_schedule
from optax_lr.schedules.fields import as_schedule
from optax_lr.schedules.function import AnySchedule

if TYPE_CHECKING:
    import torch

_Pair = tuple[Schedule, Schedule | None]  # of the rate and the momentum


@overload
def from_torch(
    scheduler: object, *, group: int | None = None, steps_per_epoch: int = 1, momentum: Literal[False] | None = None
) -> Schedule: ...
@overload
def from_torch(
    scheduler: object, *, group: int | None = None, steps_per_epoch: int = 1, momentum: Literal[True]
) -> _Pair: ...
def from_torch(
    scheduler: Any, *, group: int | None = None, steps_per_epoch: int = 1, momentum: bool | None = None
) -> Schedule | _Pair:
    """Convert a live scheduler to the schedule of its whole run, counted from the start.

    `from_torch(scheduler)(scheduler.last_epoch)` is the current rate of the optimizer, and the run continues from there: a
    training that moves to Optax in its middle starts its count at `scheduler.last_epoch`.

    Args:
        scheduler: an object of `torch.optim.lr_scheduler`, or a result of `transformers.get_scheduler`. `SequentialLR`
            becomes `Stages`, `ChainedScheduler` a product.
        group: the index of the parameter group; required if there are several.
        steps_per_epoch: optimizer steps between two calls of `scheduler.step()`, if it is called once per epoch.
        momentum: what to do with a `OneCycleLR` or `CyclicLR` that cycles the momentum too: True gives the pair of both
            schedules, `(rate, momentum)`, False the rate alone, and None the rate with a warning.

    Returns:
        The schedule of the rate; with `momentum=True` the pair, whose second item is None for a scheduler that sets no momentum.

    Base rates are those of the scheduler; a rate that was changed by hand in the optimizer is ignored. In a chain, a cosine
    annealing multiplies only until it first reaches 0, like torch's.

    Raises:
        ValueError: If the rate is not a function of the step (`ReduceLROnPlateau`, `GreedyLR`) or is an unknown Python
            function (`LambdaLR` with a function of the user's, `MultiplicativeLR`, a `CyclicLR` with its own `scale_fn`),
            if there are several parameter groups and no `group`, or if a scheduler inside another cycles the momentum.
        TypeError: If `scheduler` is another object.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    >>> from_torch(torch.optim.lr_scheduler.StepLR(optimizer, step_size=30))
    Step(learning_rate=0.1, step_size=30, gamma=0.1)
    """
    name = type(scheduler).__name__
    if name in _REFUSED:
        raise ValueError(f"from_torch(): this {name} {_REFUSED[name]}")
    if name not in _MAKERS:
        raise TypeError(f"from_torch() takes schedulers of torch.optim.lr_scheduler, not {shown(scheduler)}")
    groups = len(scheduler.optimizer.param_groups)
    if group is None and groups > 1:
        raise ValueError(
            f"from_torch(): the optimizer has {groups} parameter groups; choose one with group=0 to group={groups - 1}"
        )
    if not 0 <= (number := whole_number("from_torch(): group", group or 0)) < groups:
        raise ValueError(f"from_torch(): group must be from 0 to {groups - 1}, not {group}")
    every = whole_number("from_torch(): steps_per_epoch", steps_per_epoch, least=1)
    made = _MAKERS[name](scheduler, number)
    rate, second = made if isinstance(made, tuple) else (made, None)
    if every > 1:
        rate, second = kinds.Every(rate, every), None if second is None else kinds.Every(second, every)
    inside = [child for child in getattr(scheduler, "_schedulers", ()) if getattr(child, "cycle_momentum", False)]
    if inside and momentum is not False:
        raise ValueError(
            f"from_torch(): a {type(inside[0]).__name__} in this {name} cycles the momentum too, and the momentum of the whole is "
            "not known; momentum=False gives the rate alone"
        )
    if momentum:
        return rate, second
    if momentum is None and second is not None:
        warnings.warn(
            f"from_torch(): this {name} cycles the momentum too; momentum=True gives both schedules, momentum=False the "
            "rate alone",
            stacklevel=2,
        )
    return rate


def to_torch(
    schedule: AnySchedule | Sequence[AnySchedule], optimizer: torch.optim.Optimizer
) -> torch.optim.lr_scheduler.LambdaLR:
    """Convert `schedule` to a `torch.optim.lr_scheduler.LambdaLR` of `optimizer`, so that torch and JAX share one definition.

    Call `scheduler.step()` after each update. The rates are in float64, like torch's. The learning rates of the
    optimizer's groups are overwritten. `from_torch(scheduler)` gives the schedule back.

    Args:
        schedule: one schedule, number or function of the step for all parameter groups, or a list with one for each.
        optimizer: an optimizer of torch.

    Returns:
        The scheduler, which torch saves and restores with `state_dict` and `load_state_dict`.

    Raises:
        TypeError: If `schedule` is not a schedule, or is a control, which follows a metric.
        ValueError: If it is a batch, or the number of schedules is not that of the groups.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    >>> scheduler = to_torch(Cosine(1e-3, max_steps=100, warmup_steps=10), optimizer)
    >>> for _ in range(5):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> print(f"{optimizer.param_groups[0]['lr']:.4g}")
    0.0005
    >>> from_torch(scheduler)
    Cosine(learning_rate=0.001, max_steps=100, warmup_steps=10, min_lr=0.0, num_cycles=0.5)
    """
    from torch.optim.lr_scheduler import LambdaLR

    groups = optimizer.param_groups
    given: list[object] = list(schedule) if isinstance(schedule, (list, tuple)) else [schedule] * len(groups)
    schedules = [require_schedule("to_torch", as_schedule(one)) for one in given]
    if len(schedules) != len(groups):
        raise ValueError(f"to_torch(): the optimizer has {len(groups)} parameter groups, not {len(schedules)}")
    for one in schedules:
        if one.batch_shape:
            raise ValueError(
                f"to_torch(): this is a batch of schedules, of shape {one.batch_shape}; pass one of its rows"
            )
        _rate_at(one, 0)  # raises for a control, which is not a function of the step
    for group in groups:
        group["lr"] = group["initial_lr"] = 1.0
    return LambdaLR(optimizer, [functools.partial(_rate_at, one) for one in schedules])


def _rate_at(schedule: Schedule, step: int) -> float:
    """The rate in float64."""
    with jax.enable_x64(True):
        return float(schedule(step))


def _maker(kind: type[Schedule]) -> Callable[[torch.optim.lr_scheduler.LRScheduler, int], Schedule]:
    """A converter to a class whose fields are attributes of the scheduler."""
    names = [name for name in kind.__dataclass_fields__ if name != "learning_rate"]

    def make(scheduler: torch.optim.lr_scheduler.LRScheduler, group: int) -> Schedule:
        settings = {name: getattr(scheduler, name) for name in names}
        return kind(learning_rate=_base_rate(scheduler, group), **settings)  # type: ignore[call-arg]

    return make


def _multi_step(scheduler: torch.optim.lr_scheduler.MultiStepLR, group: int) -> Schedule:
    return kinds.MultiStep(_base_rate(scheduler, group), sorted(scheduler.milestones.elements()), scheduler.gamma)


def _cyclic(scheduler: torch.optim.lr_scheduler.CyclicLR, group: int) -> _Pair:
    if scheduler._scale_fn_custom is not None:
        raise ValueError(
            "from_torch(): this CyclicLR has its own scale_fn, which cannot be converted; write it as a schedule"
        )
    up = round(scheduler.total_size * scheduler.step_ratio)
    cycle = up, scheduler.total_size - up, scheduler.mode, scheduler.gamma
    rate = kinds.Cyclic(_base_rate(scheduler, group), scheduler.max_lrs[group], *cycle)
    return rate, kinds.CyclicMomentum(*cycle, *_momenta(scheduler, group)) if scheduler.cycle_momentum else None


def _from_one_cycle(scheduler: torch.optim.lr_scheduler.OneCycleLR, group: int) -> _Pair:
    settings, phases = scheduler.optimizer.param_groups[group], scheduler._schedule_phases
    first = (phases[0]["end_step"] + 1) / scheduler.total_steps
    shape = scheduler.total_steps, first, scheduler._anneal_func_type
    rate = kinds.OneCycle(
        settings["max_lr"],
        *shape,
        div_factor=settings["max_lr"] / settings["initial_lr"],
        final_div_factor=settings["initial_lr"] / settings["min_lr"],
        three_phase=len(phases) == 3,
    )
    if not scheduler.cycle_momentum:
        return rate, None
    return rate, kinds.OneCycleMomentum(*shape, rate.three_phase, *_momenta(scheduler, group))


def _base_rate(scheduler: torch.optim.lr_scheduler.LRScheduler, group: int) -> float:
    return float(scheduler.base_lrs[group])  # which may be a tensor


def _momenta(scheduler: torch.optim.lr_scheduler.LRScheduler, group: int) -> tuple[float, float]:
    settings = scheduler.optimizer.param_groups[group]
    return settings["base_momentum"], settings["max_momentum"]


def _sequential(scheduler: torch.optim.lr_scheduler.SequentialLR, group: int) -> Schedule:
    stages = [from_torch(child, group=group, momentum=False) for child in scheduler._schedulers]
    return kinds.Stages(stages, boundaries=list(scheduler._milestones))


def _chained(scheduler: torch.optim.lr_scheduler.ChainedScheduler, group: int) -> Schedule:
    factors = []
    for child in scheduler._schedulers:
        if type(child).__name__ not in _MULTIPLYING or getattr(child, "eta_min", 0) > 0:
            raise ValueError(
                f"from_torch(): a {type(child).__name__} in a ChainedScheduler overwrites the effect of the others, so that the "
                "chain is not a product; chain only schedulers that multiply"
            )
        factors.append(from_torch(child, group=group, momentum=False).replace(learning_rate=1.0))
    return kinds.Scaled(kinds.Product(factors), _base_rate(scheduler._schedulers[0], group))


def _lambda(scheduler: torch.optim.lr_scheduler.LambdaLR, group: int) -> Schedule:
    function: Any = scheduler.lr_lambdas[group]
    base, settings = _base_rate(scheduler, group), {}
    if isinstance(function, functools.partial):
        if function.func is _rate_at:
            schedule: Schedule = function.args[0]
            return schedule if base == 1 else schedule * base
        settings, function = function.keywords, function.func
    name = getattr(function, "__name__", repr(function))
    if getattr(function, "__module__", "") != "transformers.optimization" or name not in _LAMBDAS:
        raise ValueError(
            f"from_torch(): this LambdaLR calls the Python function {name}, which cannot be converted; write it as an "
            "olr.Function, or use a name in olr.SCHEDULERS"
        )
    fields = {}
    for key, value in settings.items():
        if key == "lr_end":  # divided by the optimizer's default rate, whatever the group's own rate is
            fields["min_lr"] = value / settings["lr_init"] * base
        elif key != "lr_init":
            is_ratio = key.endswith(("_rate", "_ratio")) and value is not None
            fields[FIELDS.get(key, key)] = value * base if is_ratio else value
    if "stable_steps" in fields:
        # The reference lets a decay that is longer than the run begin before the warmup ends: stable_steps is negative.
        fields["max_steps"] = fields["warmup_steps"] + fields.pop("stable_steps") + fields["decay_steps"]
    return _LAMBDAS[name](learning_rate=base, **fields)


_REFUSED = {
    "ReduceLROnPlateau": "follows a metric, not the step: use olr.reduce_on_plateau",
    "GreedyLR": "follows a metric, not the step: use olr.greedy",
    "MultiplicativeLR": (
        "multiplies the rate by a Python function again and again, which cannot be converted; if its factor is constant, it "
        "is an olr.Exponential, and otherwise write an olr.Function"
    ),
}
_MULTIPLYING = {"ConstantLR", "LinearLR", "ExponentialLR", "StepLR", "MultiStepLR", "PolynomialLR", "CosineAnnealingLR"}
_LAMBDAS: dict[str, Callable[..., Schedule]] = {
    "_get_constant_lambda": kinds.Constant,
    "_get_constant_schedule_with_warmup_lr_lambda": kinds.Constant,
    "_get_linear_schedule_with_warmup_lr_lambda": kinds.Linear,
    "_get_cosine_schedule_with_warmup_lr_lambda": kinds.Cosine,
    "_get_cosine_with_hard_restarts_schedule_with_warmup_lr_lambda": kinds.CosineWithRestarts,
    "_get_polynomial_decay_schedule_with_warmup_lr_lambda": kinds.Polynomial,
    "_get_inverse_sqrt_schedule_lr_lambda": kinds.InverseSqrt,
    "_get_cosine_with_min_lr_schedule_with_warmup_lr_rate_lambda": kinds.CosineWarmupWithMinLR,
    "_get_wsd_scheduler_lambda": kinds.WarmupStableDecay,
}
_MAKERS: dict[str, Callable[..., Schedule | _Pair]] = {
    "ConstantLR": _maker(kinds.ConstantFactor),
    "LinearLR": _maker(kinds.LinearRamp),
    "ExponentialLR": _maker(kinds.Exponential),
    "StepLR": _maker(kinds.Step),
    "MultiStepLR": _multi_step,
    "PolynomialLR": _maker(kinds.PolynomialDecay),
    "CosineAnnealingLR": _maker(kinds.CosineAnnealing),
    "CosineAnnealingWarmRestarts": _maker(kinds.CosineAnnealingWarmRestarts),
    "CyclicLR": _cyclic,
    "OneCycleLR": _from_one_cycle,
    "SequentialLR": _sequential,
    "ChainedScheduler": _chained,
    "LambdaLR": _lambda,
}
