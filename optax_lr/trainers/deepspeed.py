"""DeepSpeed's `scheduler` block: in its own file, or under the `deepspeed` key of a trainer's config."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.files import text_of
from optax_lr.sources.parsing import parse
from optax_lr.trainers.reading import Reading
from optax_lr.trainers.settings import Rules, Settings, number, whole

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
_WHOLE_FLOATS = {"cycle_first_step_size", "cycle_second_step_size", "cycle_first_stair_count", "decay_step_size"} | {
    "cycle_second_stair_count",
}
_NO_RATE = {"last_batch_iteration", "cycle_momentum", "cycle_min_mom", "cycle_max_mom", "decay_mom_rate"}
_ABOVE_0 = {"warmup_num_steps", "cycle_first_step_size", "lr_range_test_step_size"}
_AT_LEAST_0 = {"cycle_min_lr", "cycle_max_lr", "cycle_second_step_size", "decay_lr_rate", "decay_step_size"} | {
    "lr_range_test_min_lr",
    "lr_range_test_step_rate",
}


def read(source: str, values: Mapping[str, Any]) -> Reading:
    """A DeepSpeed file alone: its scheduler block with the rate of its optimizer.

    `"auto"` stands for a setting of the trainer whose config names the file, and is not known here.
    """
    block = _checked(source, values.get("scheduler"))
    if block is None:
        raise ConfigError(
            f"{source}: this DeepSpeed config has no scheduler block, so that the trainer's own schedule holds; "
            "read the trainer's config"
        )
    auto = [name for name, value in block["params"].items() if value == "auto"]
    if auto:
        raise ConfigError(
            f'{source}: "auto" for {", ".join(auto)} stands for a setting of the trainer; read the config whose '
            "deepspeed key names this file"
        )
    if block["type"] in ("OneCycle", "LRRangeTest"):  # the optimizer's rate is overwritten
        rate = block["params"].get("cycle_max_lr", block["params"].get("lr_range_test_min_lr", 1e-3))
        return Reading(Settings.of(source, {"learning_rate": rate}, trainer="deepspeed", scheduler_block=block))
    optimizer: Any = values.get("optimizer")
    rate = optimizer["params"].get("lr") if _has_params(optimizer) else None
    if rate is None or rate == "auto":
        rate = block["params"].get("warmup_max_lr")
    if rate is None and block["type"] != "WarmupDecayLR":
        raise ConfigError(f"{source}: the optimizer's rate is not here; read the config whose deepspeed key names it")
    taken = {"learning_rate": rate if rate is not None else 1e-3, "max_steps": block["params"].get("total_num_steps")}
    return Reading(Settings.of(source, taken, trainer="deepspeed", scheduler_block=block))


def scheduler_of(source: str, deepspeed: Any, folder: Path | None) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    """The scheduler block that a trainer's `deepspeed` key leads to, if any, and a remark where that is not known.

    A file is looked for beside the config, and then where the program runs, as the trainer does; it must be below one of
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
        return _checked(source, deepspeed.get("scheduler")), ()
    if not isinstance(deepspeed, str):
        raise ConfigError(f"{source}: deepspeed must be a file or a mapping, not {deepspeed!r}")
    if "\0" in deepspeed or len(deepspeed) > 4096:
        raise ConfigError(f"{source}: deepspeed is not the name of a file")
    outside = False
    for place in ([folder] if folder is not None else []) + [Path()]:
        path = place / deepspeed
        try:
            if not path.is_file():
                continue
        except OSError:  # such as a name that is too long
            continue
        if not path.resolve().is_relative_to(place.resolve()):
            outside = True
            continue
        try:
            return _checked(str(path), parse(str(path), text_of(str(path)), is_json=True).values.get("scheduler")), ()
        except ConfigError:
            # Whatever the file is, a config that names it must not bring its content into a message.
            raise ConfigError(
                f"{source}: deepspeed: {deepspeed} is no DeepSpeed config that can be used; read that file itself to see why"
            ) from None
    where = "is outside of the folders of the config and of this program, and is not read" if outside else "is not here"
    return None, (f"deepspeed: {deepspeed} {where}; a scheduler block in it would replace lr_scheduler_type",)


def _has_params(block: Any) -> bool:
    return isinstance(block, Mapping) and isinstance(block.get("params"), Mapping)


def _checked(source: str, block: Any) -> dict[str, Any] | None:
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


def _value(where: str, name: str, value: Any) -> Any:
    """The value of one parameter, as the class takes it."""
    if name == "warmup_type" or value == "auto":
        return value
    if name == "lr_range_test_staircase":
        if not isinstance(value, bool):
            raise ConfigError(f"{where} must be true or false, not {value!r}")
        return value
    if name in _WHOLE:
        value = whole(where, value)
    elif name in _WHOLE_FLOATS:
        value = whole(where, value, Rules(text=False, whole_floats=True))
    else:
        value = number(where, value)
    if name in _ABOVE_0 and value <= 0:
        raise ConfigError(f"{where} must be above 0; DeepSpeed refuses it otherwise")
    if name in _AT_LEAST_0 and value < 0:
        raise ConfigError(f"{where} must be at least 0, not {value}")
    return value
