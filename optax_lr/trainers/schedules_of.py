"""The schedule that each trainer makes of its settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from optax_lr.arguments import unknown
from optax_lr.combine import HoldAfter
from optax_lr.registry import get_scheduler
from optax_lr.schedules import (
    Constant,
    Cosine,
    DeepSpeedOneCycle,
    DeepSpeedRangeTest,
    DeepSpeedWarmup,
    DeepSpeedWarmupCosine,
    DeepSpeedWarmupDecay,
    JaggedRestarts,
    OneCycle,
    Rex,
    Schedule,
)
from optax_lr.sources.errors import ConfigError
from optax_lr.trainers.settings import Settings

# These are not functions of the step: the trainer feeds them the evaluation's metric.
BY_METRIC = {"reduce_lr_on_plateau": "reduce_on_plateau", "greedy": "greedy"}
_MIN_LR = frozenset({"num_cycles", "min_lr", "min_lr_rate"})
# What each name takes in lr_scheduler_kwargs; the constant ones drop whatever is there.
KEYWORDS: Mapping[str, frozenset[str]] = {
    "linear": frozenset(),
    "cosine": frozenset({"num_cycles"}),
    "cosine_with_restarts": frozenset({"num_cycles"}),
    "polynomial": frozenset({"lr_end", "power"}),
    "inverse_sqrt": frozenset({"timescale"}),
    "cosine_with_min_lr": _MIN_LR,
    "cosine_warmup_with_min_lr": _MIN_LR | {"warmup_lr_rate"},
    "warmup_stable_decay": frozenset({"num_decay_steps", "num_stable_steps", "min_lr_ratio", "num_cycles"})
    | {"warmup_type", "decay_type"},
    "constant": frozenset(),
    "constant_with_warmup": frozenset(),
}
_WORDS = {"warmup_type", "decay_type"}
_CYCLE = {
    "cycle_min_lr": "min_lr",
    "cycle_max_lr": "max_lr",
    "cycle_first_step_size": "first_steps",
    "cycle_second_step_size": "second_steps",
    "cycle_first_stair_count": "first_stairs",
    "cycle_second_stair_count": "second_stairs",
    "decay_lr_rate": "decay_rate",
    "decay_step_size": "decay_steps",
}
_RANGE_TEST = {
    "lr_range_test_min_lr": "min_lr",
    "lr_range_test_step_size": "step_size",
    "lr_range_test_step_rate": "step_rate",
    "lr_range_test_staircase": "staircase",
}
_MOMENTUM = {"cycle_momentum", "base_momentum", "max_momentum"}


def trainer_schedule(settings: Settings, source: str, *, max_steps: Any, warmup_steps: Any, **changes: Any) -> Schedule:
    """The schedule that the trainer makes of these settings; `changes` overrule `learning_rate` and keyword settings.

    It follows the trainer where the trainer departs from the documented meaning: `constant` ignores a warmup, and both
    constant schedules ignore `lr_scheduler_kwargs`.
    """
    try:
        if settings.scheduler_block is not None:
            return _deepspeed(settings, source, max_steps, warmup_steps, changes)
        if settings.trainer == "axolotl":
            return _axolotl(settings, source, max_steps, warmup_steps, changes)
        return _transformers(settings, source, max_steps, warmup_steps, changes)
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{source}: {str(error).splitlines()[0]}") from None


def _transformers(settings: Settings, source: str, max_steps: Any, warmup: Any, changes: dict[str, Any]) -> Schedule:
    name = settings.lr_scheduler_type
    learning_rate = changes.pop("learning_rate", settings.learning_rate)
    if name in BY_METRIC:
        raise ConfigError(
            f"{source}: lr_scheduler_type {name} follows the evaluation's metric, not the step: it has no curve; "
            f"olr.{BY_METRIC[name]} is its optimizer transformation"
        )
    if name not in KEYWORDS:
        axolotl = settings.trainer == "axolotl"
        key, more = ("lr_scheduler", ("one_cycle", "rex")) if axolotl else ("lr_scheduler_type", ())
        raise ConfigError(unknown(f"{source}: {key}", "scheduler", name, [*KEYWORDS, *BY_METRIC, *more]))
    if name == "constant":
        return Constant(learning_rate)
    if name == "constant_with_warmup":
        return Constant(learning_rate, warmup)
    keywords = {**wsd_lengths(settings, max_steps, warmup), **_keywords(settings, source), **changes}
    return get_scheduler(name, learning_rate, warmup_steps=warmup, max_steps=max_steps, **keywords)


def _keywords(settings: Settings, source: str) -> dict[str, Any]:
    """`lr_scheduler_kwargs` of which the trainer's function takes every name."""
    name = settings.lr_scheduler_type
    if settings.trainer == "llamafactory-ppo":
        return {}
    taken: dict[str, Any] = {}
    for key, value in settings.lr_scheduler_kwargs.items():
        where = f"{source}: lr_scheduler_kwargs.{key}"
        if key not in KEYWORDS[name]:
            if not KEYWORDS[name]:
                raise ConfigError(f"{source}: lr_scheduler_kwargs: {name} takes none, not even {key}; take it out")
            raise ConfigError(unknown(f"{source}: lr_scheduler_kwargs of {name}", "keyword", str(key), KEYWORDS[name]))
        if value is None and key not in ("min_lr", "min_lr_rate", "timescale", "num_stable_steps", "warmup_lr_rate"):
            raise ConfigError(f"{where} must not be null; take it out for its default")
        if value is None:
            continue
        if isinstance(value, str) and key == "num_cycles" and name in ("cosine", "cosine_with_restarts"):
            value = _number_in(where, value)
        if key not in _WORDS and (isinstance(value, (str, bool)) or not np.isscalar(value)):
            quotes = ": take the quotes away" if isinstance(value, str) else ""
            raise ConfigError(f"{where} must be a number, not {value!r}{quotes}")
        taken[key] = value
    return taken


def _number_in(where: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"{where} must be a number, not {text!r}") from None


def wsd_lengths(settings: Settings, max_steps: Any, warmup_steps: Any) -> dict[str, Any]:
    """The lengths that LLaMA-Factory fills in for `warmup_stable_decay`: a third of what follows the warmup is stable, the
    rest decays; each only where the config does not give it."""
    if settings.lr_scheduler_type != "warmup_stable_decay" or settings.trainer != "llamafactory":
        return {}
    rest = np.maximum(np.asarray(max_steps) - warmup_steps, 0)
    return {"num_stable_steps": rest // 3, "num_decay_steps": rest - rest // 3}


def _axolotl(settings: Settings, source: str, max_steps: Any, warmup: Any, changes: dict[str, Any]) -> Schedule:
    schedule = _without_restarts(settings, source, max_steps, warmup, changes)
    if settings.restarts is None:
        return schedule
    low, ahead = settings.floors.get("cosine_min_lr_ratio", 0.001), 2 if isinstance(schedule, Rex) else 1
    return JaggedRestarts(schedule, *settings.restarts, min_scale=low, ahead=ahead)


def _without_restarts(
    settings: Settings, source: str, max_steps: Any, warmup: Any, changes: dict[str, Any]
) -> Schedule:
    name, floor = settings.lr_scheduler_type, settings.floors.get("cosine_min_lr_ratio")
    rate = changes.get("learning_rate", settings.learning_rate)
    if name == "one_cycle":
        keywords = {key: value for key, value in settings.lr_scheduler_kwargs.items() if key not in _MOMENTUM}
        share = np.asarray(warmup) / np.maximum(max_steps, 1)
        return OneCycle(max_lr=rate, total_steps=max_steps, **{"pct_start": share, **keywords})
    if name == "rex":
        low = changes.get("min_lr", (floor or 0.0) * np.asarray(rate))
        return Rex(rate, max_steps=max_steps, warmup_steps=warmup, min_lr=low)
    if settings.quadratic_warmup:
        return Cosine(rate, max_steps=max_steps, warmup_steps=warmup) * Constant(1.0, warmup_steps=warmup)
    if name != "cosine" or not floor:
        return _transformers(settings, source, max_steps, warmup, changes)
    low = changes.get("min_lr", floor * np.asarray(rate))
    part = settings.floors.get("cosine_constant_lr_ratio")
    if not part:
        return Cosine(rate, max_steps=max_steps, warmup_steps=warmup, min_lr=low)
    end = (np.asarray(max_steps) * part).astype(np.int64)
    if np.any(np.asarray(warmup) > end):
        raise ConfigError(
            f"{source}: cosine_constant_lr_ratio {part} ends the decay before the warmup does; raise it, or shorten the warmup"
        )
    return HoldAfter(Cosine(rate, max_steps=end, warmup_steps=warmup, min_lr=low), step=end)


def _deepspeed(settings: Settings, source: str, max_steps: Any, warmup: Any, changes: dict[str, Any]) -> Schedule:
    assert settings.scheduler_block is not None
    kind, params = settings.scheduler_block["type"], dict(settings.scheduler_block["params"])
    if kind == "OneCycle":
        cycle = {_CYCLE[name]: value for name, value in params.items()}
        stairs = {name: max(0, cycle[name]) for name in ("first_stairs", "second_stairs") if name in cycle}
        return DeepSpeedOneCycle(**cycle | stairs)
    if kind == "LRRangeTest":
        return DeepSpeedRangeTest(**{_RANGE_TEST[name]: value for name, value in params.items()})
    rate = changes.get("learning_rate", settings.learning_rate)
    trained = settings.trainer != "deepspeed"
    if trained:
        # transformers writes its own values for "auto", and refuses others that differ.
        ours = {"warmup_max_lr": rate, "total_num_steps": max_steps, "warmup_num_steps": np.maximum(warmup, 1)}
        for name, value in ours.items():
            fixed = name in params and params[name] != "auto"
            if fixed and not changes and np.ndim(max_steps) == np.ndim(value) == 0 and params[name] != value:
                raise ConfigError(
                    f"{source}: DeepSpeed's scheduler.params.{name} {params[name]} differs from the trainer's {value}, "
                    'which transformers refuses; write "auto"'
                )
            if name in params:
                params[name] = value
        if params.get("warmup_min_lr") == "auto":
            params["warmup_min_lr"] = 0.0
    # Any other word is taken for log, with a warning.
    shape = params["warmup_type"] if params.get("warmup_type") in ("log", "linear") else "log"
    length = params.get("warmup_num_steps", 1000) if trained else warmup
    if kind == "WarmupCosineLR":
        shares = {name: params[name] for name in ("warmup_min_ratio", "cos_min_ratio") if name in params}
        return DeepSpeedWarmupCosine(rate, max_steps, warmup_steps=length, warmup_type=shape, **shares)
    if "total_num_steps" not in params and kind == "WarmupDecayLR":
        raise ConfigError(f'{source}: WarmupDecayLR needs scheduler.params.total_num_steps; write "auto"')
    peak: Any = params.get("warmup_max_lr", 1e-3 if kind == "WarmupDecayLR" else rate)
    peak = changes.get("learning_rate", peak)
    low = params.get("warmup_min_lr", 0.0)
    if kind == "WarmupLR":
        return DeepSpeedWarmup(peak, warmup_steps=length, min_lr=low, warmup_type=shape)
    return DeepSpeedWarmupDecay(peak, max_steps, warmup_steps=length, min_lr=low, warmup_type=shape)
