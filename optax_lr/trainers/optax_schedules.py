"""Optax's schedules in a Python script, made of literals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import optax

from optax_lr.numerics import Real
from optax_lr.schedules import Constant, Function, Polynomial, Schedule
from optax_lr.schedules.compositions import Stages
from optax_lr.sources.source import Source
from optax_lr.trainers.base import Reading, Recognised, Trainer
from optax_lr.trainers.curves import decayed, held, line
from optax_lr.trainers.settings import PYDANTIC, Settings, finite_number, whole_setting

_WHOLE = ("decay_steps", "transition_steps", "warmup_steps", "transition_begin")
_RATES = ("value", "init_value", "peak_value", "end_value")
_ENDLESS = ("constant_schedule", "warmup_constant_schedule", "exponential_decay", "warmup_exponential_decay_schedule")


class OptaxSchedules(Trainer):
    """A call such as `optax.warmup_cosine_decay_schedule(...)`; the run is as long as the schedule."""

    name = "optax"
    title = "Optax"
    takes = frozenset()
    calls = r"optax\.(?:\w+_schedules?|exponential_decay)"

    def read(self, source: Source, found: Recognised) -> Reading:
        kind, given = source.constructor.rpartition(".")[2], source.given
        parts, boundaries = [{"constructor": source.constructor, **given}], []
        if kind == "join_schedules":
            parts = given.get("schedules", [])
            boundaries = [
                whole_setting(f"{source.name}: boundaries", step, PYDANTIC) for step in given.get("boundaries", [])
            ]
            if not parts or not isinstance(parts, list):
                raise source.error("join_schedules without a list of schedules is no schedule")
        parts = [_checked(source, part) for part in parts]
        last = _length(parts[-1])
        taken = {
            "learning_rate": max(float(part.get(name, 0.0)) for part in parts for name in _RATES),
            "max_steps": None if last is None else sum(boundaries[-1:]) + last,
            "warmup_steps": parts[0].get("warmup_steps", 0) if len(parts) == 1 else 0,
        }
        own = {"parts": parts, "boundaries": boundaries}
        return Reading(Settings.of(source.name, taken, PYDANTIC, trainer=self.name, lr_scheduler_type=kind, own=own))

    def curve(self, settings: Settings, rate: Real, steps: Real, warmup: Real) -> Schedule:
        parts, boundaries = settings.own["parts"], settings.own["boundaries"]
        ends = zip(parts, [0, *boundaries], [*boundaries, steps], strict=False)
        made = [_counterpart(part, end - start) or Function(_of_optax(part)) for part, start, end in ends]
        return Stages(made, boundaries=boundaries) if len(parts) > 1 else made[0]


def _checked(source: Source, given: Mapping[str, object]) -> dict[str, Any]:
    """The arguments of one function, with its name as `kind`."""
    kind = str(given["constructor"]).rpartition(".")[2]
    made: dict[str, Any] = {"kind": kind}
    for key, value in given.items():
        if key in _WHOLE:
            made[key] = whole_setting(f"{source.name}: {key}", value, PYDANTIC)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            made[key] = finite_number(f"{source.name}: {key}", value)
        elif key != "constructor":
            made[key] = value
    try:
        _of_optax(made)(0)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise source.error(f"{kind}: Optax refuses these arguments: {str(error).splitlines()[0]}") from None
    return made


def _of_optax(part: Mapping[str, Any]) -> Callable[[Any], Any]:
    """The schedule that Optax itself makes."""
    made = getattr(optax, part["kind"])(**{key: value for key, value in part.items() if key != "kind"})
    made.__name__ = f"optax.{part['kind']}"
    return made  # type: ignore[no-any-return]


def _length(part: Mapping[str, Any]) -> int | None:
    """The steps of one function; None where it has no end."""
    if part["kind"] in _ENDLESS:
        return None
    if part["kind"] == "sgdr_schedule":
        return sum(int(cycle["decay_steps"]) for cycle in part["cosine_kwargs"])
    length = part.get("decay_steps", part.get("transition_steps"))
    return None if length is None else int(length) + int(part.get("transition_begin", 0))


def _counterpart(part: Mapping[str, Any], run: int) -> Schedule | None:
    """The schedule of this library that equals one of Optax in a run of this length; None where there is none."""
    kind, start, end = part["kind"], part.get("init_value", 0.0), part.get("end_value", 0.0)
    peak, warmup = float(part.get("peak_value", start)), part.get("warmup_steps", 0)
    length, power = _length(part) or 0, part.get("power", 1.0)
    if part.get("exponent", 1) != 1 or part.get("transition_begin", 0) != 0:
        return None
    match kind:
        case "constant_schedule":
            return Constant(part["value"])
        case "linear_schedule" | "polynomial_schedule" if power == 1:
            return line(start, end, length)
        case "polynomial_schedule" if end <= start:
            return Polynomial(start, max_steps=length, power=power, min_lr=end)
        case "cosine_decay_schedule":
            return _cosine(start, length, part.get("alpha", 0.0) * start, 0, run)
        case "warmup_constant_schedule" | "warmup_cosine_decay_schedule" if start <= peak:
            cosine = kind == "warmup_cosine_decay_schedule"
            if start and warmup:
                rest = _cosine(peak, length - warmup, end, 0, run - warmup) if cosine else Constant(peak)
                return Stages([line(start, peak, warmup), rest], boundaries=[warmup])
            return _cosine(peak, length, end, warmup, run) if cosine else Constant(peak, warmup_steps=warmup)
    return None


def _cosine(peak: float, end: int, low: float, warmup: int, run: int) -> Schedule:
    """A cosine that stays at its end, where a run is longer than it."""
    return held(decayed("cosine", peak, end=end, warmup=warmup, low=low), end=end, run=run)
