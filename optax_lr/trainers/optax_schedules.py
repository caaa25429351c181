"""Optax's schedules in a Python script, made of literals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optax_lr.numerics import Real
from optax_lr.schedules import Constant, Polynomial, Schedule
from optax_lr.schedules.compositions import Stages
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.source import Source
from optax_lr.trainers.base import Reading, Recognised, Trainer
from optax_lr.trainers.curves import decayed, held, line
from optax_lr.trainers.settings import PYDANTIC, Settings, finite_number, whole_setting

_LENGTHS = ("decay_steps", "transition_steps", "warmup_steps", "transition_begin")
_DEFAULTS: Mapping[str, float] = {"alpha": 0.0, "exponent": 1.0, "end_value": 0.0, "transition_begin": 0, "power": 1.0}
_JOIN = "optax.join_schedules"


class OptaxSchedules(Trainer):
    """A call such as `optax.warmup_cosine_decay_schedule(...)`; the run is as long as the schedule."""

    name = "optax"
    title = "Optax"
    calls = r"optax\.\w+_schedules?"

    def read(self, source: Source, found: Recognised) -> Reading:
        name, given = source.name, source.given
        if source.constructor == _JOIN:
            if not given.get("schedules"):
                raise source.error("join_schedules without schedules is no schedule")
            parts = [_checked(name, part["constructor"], part) for part in given.get("schedules", [])]
            boundaries = [whole_setting(f"{name}: boundaries", step, PYDANTIC) for step in given.get("boundaries", [])]
        else:
            parts, boundaries = [_checked(name, source.constructor, given)], []
        last = _length(parts[-1]) if parts else None
        settings = Settings.of(
            name,
            {
                "learning_rate": max((_peak(part) for part in parts), default=0.0),
                "max_steps": None if last is None else sum(boundaries[-1:]) + last,
                "warmup_steps": parts[0].get("warmup_steps", 0) if len(parts) == 1 else 0,
            },
            PYDANTIC,
            trainer=self.name,
            lr_scheduler_type=source.constructor.rpartition(".")[2],
            own={"parts": parts, "boundaries": boundaries},
        )
        return Reading(settings)

    def curve(self, settings: Settings, rate: Real, steps: Real, warmup: Real) -> Schedule:
        parts, boundaries = settings.own["parts"], settings.own["boundaries"]
        ends = zip(parts, [0, *boundaries], [*boundaries, steps], strict=False)
        made = [_made(part, end - start) for part, start, end in ends]
        return Stages(made, boundaries=boundaries) if len(parts) > 1 else made[0]


def _checked(source: str, constructor: str, given: Mapping[str, object]) -> dict[str, object]:
    """The arguments of one function, with its defaults.

    Raises:
        ConfigError: for what this library has no counterpart of.
    """
    values = {
        key: whole_setting(f"{source}: {key}", value, PYDANTIC)
        if key in _LENGTHS
        else finite_number(f"{source}: {key}", value)
        for key, value in given.items()
        if key not in ("constructor", "schedules", "boundaries")
    }
    if "value" in values:
        values["init_value"] = values.pop("value")
    full: dict[str, Any] = dict(_DEFAULTS) | values | {"kind": constructor.rpartition(".")[2]}
    if full["exponent"] != 1 or full["transition_begin"] != 0:
        raise ConfigError(f"{source}: exponent and transition_begin of {constructor} are not read; olr.plot draws it")
    if _peak(full) <= 0 and "init_value" not in full:
        raise ConfigError(f"{source}: {constructor} lacks its rate")
    if not full["kind"].endswith("constant_schedule") and _length(full) is None:
        raise ConfigError(f"{source}: {constructor} without a length is not read; olr.plot draws the schedule")
    start, top = full.get("init_value", 0.0), full.get("peak_value")
    if top is not None and start > top:
        raise ConfigError(
            f"{source}: {constructor} with init_value above peak_value is not read; olr.plot draws the schedule"
        )
    if full["kind"] == "polynomial_schedule" and full["end_value"] > start and full["power"] != 1:
        raise ConfigError(f"{source}: {constructor} to a higher rate is not read; olr.plot draws the schedule")
    return full


def _peak(part: Mapping[str, Any]) -> float:
    return float(max(part.get("peak_value", 0.0), part.get("init_value", 0.0), part.get("end_value", 0.0)))


def _length(part: Mapping[str, Any]) -> int | None:
    """The steps of one function; None where it has no end."""
    length = part.get("decay_steps", part.get("transition_steps"))
    return None if length is None else int(length)


def _cosine(peak: float, end: int, low: float, *, warmup: int = 0, run: int) -> Schedule:
    """A cosine that stays at its end, where a run is longer than it."""
    return held(decayed("cosine", peak, end=end, warmup=warmup, low=low), end=end, run=run)


def _made(part: Mapping[str, Any], run: int) -> Schedule:
    """The schedule of one function in a run of this length."""
    kind, start = part["kind"], part.get("init_value", 0.0)
    if kind in ("linear_schedule", "polynomial_schedule"):
        end, steps = part["end_value"], part["transition_steps"]
        if part["power"] == 1:
            return line(start, end, steps)
        return Polynomial(start, max_steps=steps, power=part["power"], min_lr=end)
    if kind == "cosine_decay_schedule":
        return _cosine(start, part["decay_steps"], part["alpha"] * start, run=run)
    peak, warmup = part.get("peak_value", start), part.get("warmup_steps", 0)
    if "peak_value" in part and start > 0 and warmup:
        rest: dict[str, Any] = {"kind": "constant_schedule", "init_value": peak}
        if kind == "warmup_cosine_decay_schedule":
            rest |= {"kind": "cosine_decay_schedule", "decay_steps": part["decay_steps"] - warmup}
            rest |= {"alpha": part["end_value"] / peak}
        return Stages([line(start, peak, warmup), _made(rest, run - warmup)], boundaries=[warmup])
    if kind == "warmup_cosine_decay_schedule":
        return _cosine(peak, part["decay_steps"], part["end_value"], warmup=warmup, run=run)
    return Constant(peak, warmup_steps=warmup)
