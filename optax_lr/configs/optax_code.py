"""A schedule in the words of Optax: a few lines of Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from optax_lr.schedules import (
    Constant,
    Cosine,
    Function,
    HoldAfter,
    Linear,
    LinearRamp,
    Polynomial,
    Schedule,
    Stages,
    WarmupStableDecay,
    fields,
)
from optax_lr.sources.errors import ConfigError
from optax_lr.trainers.writing import plain


class OptaxCall(NamedTuple):
    """One of Optax's schedules: the function and its arguments."""

    function: str
    arguments: Mapping[str, object]

    def __str__(self) -> str:
        return f"optax.{self.function}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"


def optax_code(schedule: Schedule) -> str:
    """Python that makes `schedule` with Optax alone, or with `optax_lr` where Optax has no counterpart.

    >>> print(optax_code(Constant(3e-4)), end="")
    import optax
    <BLANKLINE>
    schedule = optax.constant_schedule(value=0.0003)

    Raises:
        ConfigError: for a schedule with a function or a class that is not of this library.
    """
    stages = parts(schedule)
    if stages is None:
        return f"import optax_lr as olr  # Optax has no counterpart\n\nschedule = {_own_call(schedule)}\n"
    calls, boundaries = stages
    if len(calls) == 1:
        return f"import optax\n\nschedule = {calls[0]}\n"
    lines = "".join(f"        {call},\n" for call in calls)
    return f"import optax\n\nschedule = optax.join_schedules(\n    [\n{lines}    ],\n    boundaries={boundaries},\n)\n"


def parts(schedule: Schedule) -> tuple[list[OptaxCall], list[int]] | None:
    """Optax's schedules one after another, with the steps at which each but the first begins; None where it has none."""
    match schedule:
        case Constant(learning_rate=rate, warmup_steps=warmup):
            return _warmed(plain(rate), int(warmup), [OptaxCall("constant_schedule", {"value": plain(rate)})], [])
        case Cosine() | Linear() | Polynomial() if schedule.max_steps <= schedule.warmup_steps:
            return None  # Optax refuses a decay of no steps, or never reaches its end
        case Cosine(learning_rate=rate, max_steps=end, warmup_steps=warmup, min_lr=low, num_cycles=0.5):
            if not warmup:
                return [_cosine_call(plain(rate), plain(low), int(end))], []
            names = {"init_value": 0.0, "peak_value": plain(rate), "warmup_steps": int(warmup), "decay_steps": int(end)}
            return [OptaxCall("warmup_cosine_decay_schedule", names | {"end_value": plain(low)})], []
        case Linear(learning_rate=rate, max_steps=end, warmup_steps=warmup, min_lr=low):
            return _warmed(
                plain(rate), int(warmup), [_linear_call(plain(rate), plain(low), int(end) - int(warmup))], []
            )
        case Polynomial(learning_rate=rate, max_steps=end, warmup_steps=warmup, min_lr=low, power=power):
            names = {"init_value": plain(rate), "end_value": plain(low), "power": plain(power)}
            decay = OptaxCall("polynomial_schedule", names | {"transition_steps": int(end) - int(warmup)})
            return _warmed(plain(rate), int(warmup), [decay], [])
        case WarmupStableDecay(learning_rate=rate, min_lr=low, warmup_steps=warmup) if _plain_phases(schedule):
            peak, floor, first, steps = plain(rate), plain(low), int(warmup), int(schedule.decay_steps)
            stable = schedule.stable_steps
            length = int(schedule.max_steps) - first - steps if stable is None else int(stable)
            decay = (
                _cosine_call(peak, floor, steps)
                if schedule.decay_type == "cosine"
                else _linear_call(peak, floor, steps)
            )
            held = OptaxCall("constant_schedule", {"value": peak})
            return _warmed(peak, first, [held, decay], [length], start=floor)
        case LinearRamp(learning_rate=rate, start_factor=first, end_factor=last, total_iters=steps) if steps > 0:
            return [_linear_call(plain(rate * first), plain(rate * last), int(steps))], []
        case HoldAfter(schedule=Cosine() | Linear() | Polynomial() as inner, step=step) if inner.max_steps == step:
            return parts(inner)  # Optax holds the end of each
        case Stages(schedules=stages, boundaries=starts):
            return _joined(stages, [int(start) for start in starts])
    return None


def _joined(stages: Sequence[Schedule], starts: list[int]) -> tuple[list[OptaxCall], list[int]] | None:
    """The parts of all stages; None where Optax has no counterpart of one, or a stage ends within its parts."""
    calls: list[OptaxCall] = []
    boundaries: list[int] = []
    for stage, start, end in zip(stages, [0, *starts], [*starts, None], strict=True):
        made = parts(stage)
        if made is None:
            return None
        inner = [start + boundary for boundary in made[1]]
        last = start + int(stage.max_steps) if isinstance(stage, Cosine) else None
        if end is not None and (max([start, *inner]) >= end or (last is not None and last < end)):
            return None  # the cosine of this library rises behind its end, and that of Optax does not
        calls += made[0]
        boundaries += ([start] if start else []) + inner
    return calls, boundaries


def _own_call(value: object) -> str:
    """A schedule of this library, or a setting of one, as Python with `olr.` before each class."""
    if isinstance(value, Schedule):
        if isinstance(value, Function) or not type(value).__module__.startswith("optax_lr."):
            raise ConfigError(f"--to optax cannot write {value!r}, whose code is not of this library; copy it by hand")
        settings = ", ".join(f"{name}={_own_call(setting)}" for name, setting in value._settings().items())
        return f"olr.{type(value).__name__}({settings})"
    if isinstance(value, tuple):
        items = ", ".join(map(_own_call, value))
        return f"({items},)" if len(value) == 1 else f"({items})"
    return fields.field_text(value)


def _plain_phases(schedule: WarmupStableDecay) -> bool:
    """Whether Optax has the shapes of all phases, and they fit."""
    fits = schedule.stable_steps is not None or schedule.max_steps - schedule.warmup_steps >= schedule.decay_steps
    shapes = schedule.warmup_type == "linear" and schedule.decay_type in ("linear", "cosine")
    return bool(shapes and fits and schedule.decay_steps > 0 and schedule.num_cycles == 0.5)


def _warmed(
    peak: float, warmup: int, calls: list[OptaxCall], boundaries: list[int], *, start: float = 0.0
) -> tuple[list[OptaxCall], list[int]]:
    if not warmup:
        return calls, boundaries
    return [_linear_call(start, peak, warmup), *calls], [warmup, *(warmup + boundary for boundary in boundaries)]


def _linear_call(first: float, last: float, steps: int) -> OptaxCall:
    return OptaxCall("linear_schedule", {"init_value": first, "end_value": last, "transition_steps": steps})


def _cosine_call(peak: float, floor: float, steps: int) -> OptaxCall:
    names = {"init_value": peak, "decay_steps": steps, "alpha": floor / peak if peak else 0.0}
    return OptaxCall("cosine_decay_schedule", names)
