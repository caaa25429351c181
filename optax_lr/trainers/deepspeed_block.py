"""DeepSpeed's `scheduler` block, in a file of its own or under a trainer's `deepspeed` key, and the schedule that it gives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from optax_lr.numerics import Real
from optax_lr.schedules import (
    DeepSpeedOneCycle,
    DeepSpeedRangeTest,
    DeepSpeedWarmup,
    DeepSpeedWarmupCosine,
    DeepSpeedWarmupDecay,
    Schedule,
)
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.files import file_below, text_of
from optax_lr.sources.parsing import parse
from optax_lr.text import words
from optax_lr.trainers.settings import Rules, Settings, finite_number, whole_setting

_SHARED = {"warmup_num_steps", "warmup_type", "last_batch_iteration"}
PARAMETERS = {
    "WarmupLR": _SHARED | {"warmup_min_lr", "warmup_max_lr"},
    "WarmupDecayLR": _SHARED | {"warmup_min_lr", "warmup_max_lr", "total_num_steps"},
    "WarmupCosineLR": _SHARED | {"warmup_min_ratio", "cos_min_ratio", "total_num_steps"},
    "OneCycle": {"last_batch_iteration", "cycle_min_lr", "cycle_max_lr", "decay_lr_rate", "decay_step_size"}
    | {"cycle_first_step_size", "cycle_second_step_size", "cycle_first_stair_count", "cycle_second_stair_count"}
    | {"cycle_momentum", "cycle_min_mom", "cycle_max_mom", "decay_mom_rate"},
    "LRRangeTest": {"last_batch_iteration", "lr_range_test_min_lr", "lr_range_test_step_size"}
    | {"lr_range_test_step_rate", "lr_range_test_staircase"},
}
# The only ones in whose place transformers writes a value for "auto".
_FILLED = {"warmup_min_lr", "warmup_max_lr", "warmup_num_steps", "total_num_steps"}
_WHOLE = {"warmup_num_steps", "total_num_steps", "lr_range_test_step_size"}
_WHOLE_FLOATS = words(
    "cycle_first_step_size cycle_second_step_size cycle_first_stair_count decay_step_size cycle_second_stair_count"
)
_NO_RATE = {"last_batch_iteration", "cycle_momentum", "cycle_min_mom", "cycle_max_mom", "decay_mom_rate"}
_ABOVE_0 = {"warmup_num_steps", "cycle_first_step_size", "lr_range_test_step_size"}
_AT_LEAST_0 = words(
    "cycle_min_lr cycle_max_lr cycle_second_step_size decay_lr_rate decay_step_size lr_range_test_min_lr "
    "lr_range_test_step_rate"
)
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


def scheduler_of(
    source: str, deepspeed: object, folder: Path | None
) -> tuple[Mapping[str, object] | None, tuple[str, ...]]:
    """The scheduler block that a trainer's `deepspeed` key leads to, if any, and a remark where that is not known.

    A file is searched in the folder of the config, and then in the working directory, as the trainer does; it must be below one of
    these folders.
    """
    if deepspeed is None or deepspeed == "":
        return None, ()
    if isinstance(deepspeed, str) and deepspeed.lstrip().startswith("{"):
        try:
            deepspeed = json.loads(deepspeed)
        except (ValueError, RecursionError):
            raise ConfigError(f"{source}: deepspeed begins like JSON and is none; check its quotes") from None
    if isinstance(deepspeed, Mapping):
        return checked_block(source, deepspeed.get("scheduler")), ()
    if not isinstance(deepspeed, str):
        raise ConfigError(f"{source}: deepspeed must be a file or a mapping, not {deepspeed!r}")
    if "\0" in deepspeed or len(deepspeed) > 4096:
        raise ConfigError(f"{source}: deepspeed is not the name of a file")
    path, outside = file_below(deepspeed, folder)
    if path is not None:
        try:
            return checked_block(
                str(path), parse(str(path), text_of(str(path)), is_json=True).values.get("scheduler")
            ), ()
        except ConfigError:
            # Whatever the file is, a config that names it must not bring its content into a message.
            raise ConfigError(
                f"{source}: deepspeed: {deepspeed} is not a usable DeepSpeed config; read that file itself to see why"
            ) from None
    where = "is outside of the folders of the config and of this program, and is not read" if outside else "is not here"
    return None, (f"deepspeed: {deepspeed} {where}; a scheduler block in it would replace lr_scheduler_type",)


def notes_of(settings: Settings) -> tuple[str, ...]:
    """The differences of other versions of DeepSpeed for the block."""
    params = settings.scheduler_block["params"] if settings.scheduler_block is not None else {}
    return tuple(
        f"{name}: DeepSpeed before 0.19.4 takes it and goes along a line all the same"
        for name, value in params.items()
        if name.endswith("_stair_count") and value > 0
    )


def has_params(block: object) -> bool:
    """Whether a block of a DeepSpeed config holds parameters."""
    return isinstance(block, Mapping) and isinstance(block.get("params"), Mapping)


def checked_block(source: str, block: object) -> dict[str, Any] | None:
    """The block if it is one that this library has, its numbers checked."""
    if block is None:
        return None
    if not isinstance(block, Mapping) or not isinstance(block.get("type"), str):
        raise ConfigError(f"{source}: DeepSpeed's scheduler must hold type and params, such as type: WarmupLR")
    kind, params = block["type"], block.get("params") or {}
    if kind not in PARAMETERS:
        raise ConfigError(
            f"{source}: DeepSpeed's scheduler {kind} cannot be read; those that can are {', '.join(PARAMETERS)}"
        )
    if not isinstance(params, Mapping):
        raise ConfigError(f"{source}: params of DeepSpeed's scheduler must hold keys with values")
    checked: dict[str, Any] = {}
    for name, value in params.items():
        where = f"{source}: scheduler.params.{name}"
        if name not in PARAMETERS[kind]:
            raise ConfigError(f"{where} is not a parameter of {kind}; it takes {', '.join(sorted(PARAMETERS[kind]))}")
        if value is None or name in _NO_RATE:
            continue
        if value == "auto" and name not in _FILLED:
            raise ConfigError(f'{where} is "auto", and nothing fills it in; write its value')
        checked[name] = _value(where, name, value)
    missing = [name for name in ("cycle_min_lr", "cycle_max_lr") if kind == "OneCycle" and name not in checked]
    if missing:
        raise ConfigError(f"{source}: OneCycle needs scheduler.params.{missing[0]}")
    return {"type": kind, "params": checked}


def _value(where: str, name: str, value: object) -> object:
    """The value of one parameter, as the class takes it."""
    if name == "warmup_type" or value == "auto":
        return value
    if name == "lr_range_test_staircase":
        if not isinstance(value, bool):
            raise ConfigError(f"{where} must be true or false, not {value!r}")
        return value
    if name in _WHOLE:
        value = whole_setting(where, value)
    elif name in _WHOLE_FLOATS:
        value = whole_setting(where, value, Rules(text=False, whole_floats=True))
    else:
        value = finite_number(where, value)
    if name in _ABOVE_0 and value <= 0:
        raise ConfigError(f"{where} must be above 0; DeepSpeed refuses it otherwise")
    if name in _AT_LEAST_0 and value < 0:
        raise ConfigError(f"{where} must be at least 0, not {value}")
    return value


def schedule_of(settings: Settings, max_steps: Real, warmup: Real, changes: Mapping[str, Real]) -> Schedule:
    """The schedule that DeepSpeed runs in place of the trainer's."""
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
                    f"{settings.source}: DeepSpeed's scheduler.params.{name} {params[name]} differs from the trainer's {value}, "
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
        raise ConfigError(f'{settings.source}: WarmupDecayLR needs scheduler.params.total_num_steps; write "auto"')
    peak: Any = params.get("warmup_max_lr", 1e-3 if kind == "WarmupDecayLR" else rate)
    peak = changes.get("learning_rate", peak)
    low = params.get("warmup_min_lr", 0.0)
    if kind == "WarmupLR":
        return DeepSpeedWarmup(peak, warmup_steps=length, min_lr=low, warmup_type=shape)
    return DeepSpeedWarmupDecay(peak, max_steps, warmup_steps=length, min_lr=low, warmup_type=shape)
