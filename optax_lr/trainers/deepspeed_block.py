"""DeepSpeed's `scheduler` block, in a file of its own or under a trainer's `deepspeed` key, and the schedule that it gives."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

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
from optax_lr.sources.files import NOT_FOUND, text_of
from optax_lr.sources.parsing import parse
from optax_lr.sources.source import Source
from optax_lr.trainers.settings import (
    STRICT,
    Rules,
    SchedulerBlock,
    Settings,
    finite_number,
    true_or_false,
    whole_setting,
)

_whole = functools.partial(whole_setting, rules=Rules(text=False, whole_floats=True))  # 10.0 counts as 10
_flag = functools.partial(true_or_false, rules=STRICT)


class _Parameter(NamedTuple):
    """A parameter of one of DeepSpeed's schedulers.

    Fields:
        check: converts its value; None for one that has no effect on the rate.
        least: the lowest value; 1 for a length that must be above 0.
        field: the field of our schedule; empty where the schedule takes it under no name of its own.
    """

    check: Callable[[str, object], object] | None = finite_number
    least: int | None = None
    field: str = ""


_WARMUP = {
    "warmup_num_steps": _Parameter(whole_setting, 1),
    "warmup_type": _Parameter(lambda where, value: value),
    "last_batch_iteration": _Parameter(None),
}
_RATES = {"warmup_min_lr": _Parameter(), "warmup_max_lr": _Parameter()}
_TOTAL = {"total_num_steps": _Parameter(whole_setting)}
PARAMETERS: Mapping[str, Mapping[str, _Parameter]] = {
    "WarmupLR": _WARMUP | _RATES,
    "WarmupDecayLR": _WARMUP | _RATES | _TOTAL,
    "WarmupCosineLR": _WARMUP | _TOTAL | {"warmup_min_ratio": _Parameter(), "cos_min_ratio": _Parameter()},
    "OneCycle": {
        "cycle_min_lr": _Parameter(least=0, field="min_lr"),
        "cycle_max_lr": _Parameter(least=0, field="max_lr"),
        "cycle_first_step_size": _Parameter(_whole, 1, "first_steps"),
        "cycle_second_step_size": _Parameter(_whole, 0, "second_steps"),
        "cycle_first_stair_count": _Parameter(_whole, None, "first_stairs"),
        "cycle_second_stair_count": _Parameter(_whole, None, "second_stairs"),
        "decay_lr_rate": _Parameter(least=0, field="decay_rate"),
        "decay_step_size": _Parameter(_whole, 0, "decay_steps"),
    }
    | dict.fromkeys(
        ("last_batch_iteration", "cycle_momentum", "cycle_min_mom", "cycle_max_mom", "decay_mom_rate"), _Parameter(None)
    ),
    "LRRangeTest": {
        "last_batch_iteration": _Parameter(None),
        "lr_range_test_min_lr": _Parameter(least=0, field="min_lr"),
        "lr_range_test_step_size": _Parameter(whole_setting, 1, "step_size"),
        "lr_range_test_step_rate": _Parameter(least=0, field="step_rate"),
        "lr_range_test_staircase": _Parameter(_flag, field="staircase"),
    },
}
# Keys at the top of a DeepSpeed config that are likely mistakes, with the right ones.
_MISTAKEN = {
    **dict.fromkeys(("lr_scheduler", "schedulers", "warmup", "warmup_num_steps", "warmup_steps"), "scheduler"),
    **dict.fromkeys(("optim", "lr", "learning_rate"), "optimizer"),
}
# The only ones in whose place transformers writes a value for "auto".
_FILLED = {"warmup_min_lr", "warmup_max_lr", "warmup_num_steps", "total_num_steps"}


def scheduler_of(whole: Source, deepspeed: object) -> tuple[SchedulerBlock | None, tuple[str, ...]]:
    """The scheduler block that a trainer's `deepspeed` key or its launcher leads to, and a remark where that is not known.

    A file is searched in the folder of the config, and then in the working directory, as the trainer does; it must be below one of
    these folders.
    """
    source, replaces = whole.name, "a scheduler block in it would replace lr_scheduler_type"
    deepspeed = deepspeed or whole.command.deepspeed
    if not deepspeed and "deepspeed" in whole.unknown:
        return None, (f"deepspeed={whole.unknown['deepspeed']} is not read; {replaces}",)
    if not deepspeed:
        return None, ()
    if deepspeed == "true" and whole.form == "command":
        own = f"{whole.program_name or 'the program'} has its own, and {replaces.replace('it', 'its DeepSpeed config', 1)}"
        return None, (f"--deepspeed without a file is not that of TrainingArguments: {own}",)
    if isinstance(deepspeed, str):
        deepspeed = whole.written(deepspeed) or deepspeed
    if isinstance(deepspeed, str) and deepspeed.lstrip().startswith("{"):
        try:
            deepspeed = json.loads(deepspeed)
        except (ValueError, RecursionError):
            raise ConfigError(f"{source}: deepspeed begins like JSON and is none; check its quotes") from None
    if isinstance(deepspeed, Mapping):
        return checked_block(source, deepspeed.get("scheduler")), _ignored_keys(deepspeed)
    if not isinstance(deepspeed, str):
        raise ConfigError(f"{source}: deepspeed must be a file or a mapping, not {deepspeed!r}")
    if "\0" in deepspeed or len(deepspeed) > 4096:
        raise ConfigError(f"{source}: deepspeed is not the name of a file")
    path, outside = whole.file(deepspeed)
    if path is not None:
        try:
            values = parse(str(path), text_of(str(path)), is_json=True).values
            return checked_block(str(path), values.get("scheduler")), _ignored_keys(values)
        except ConfigError:
            # Whatever the file is, a config that names it must not bring its content into a message.
            raise ConfigError(
                f"{source}: deepspeed: {deepspeed} is not a usable DeepSpeed config; read that file itself to see why"
            ) from None
    where = "is outside of the folders of the config and of this program, and is not read" if outside else NOT_FOUND
    return None, (f"deepspeed: {deepspeed} {where}; {replaces}",)


def notes_of(settings: Settings) -> Iterator[str]:
    """The differences of other versions of DeepSpeed for the block."""
    params = settings.scheduler_block.params if settings.scheduler_block is not None else {}
    for name, value in params.items():
        if name.endswith("_stair_count") and value > 0:
            yield f"{name}: DeepSpeed before 0.19.4 takes it and goes along a line all the same"


def is_of_deepspeed(scheduler: object) -> bool:
    """Whether a section `scheduler`, which other programs have too, is one of DeepSpeed's: by its type or its parameters."""
    if not isinstance(scheduler, Mapping) or not isinstance(scheduler.get("type"), str):
        return False
    params = scheduler.get("params")
    known = set().union(*PARAMETERS.values())
    return scheduler["type"] in PARAMETERS or (isinstance(params, Mapping) and not known.isdisjoint(params))


def _ignored_keys(values: Mapping[str, object]) -> tuple[str, ...]:
    """Notes on keys that DeepSpeed ignores and that were meant for its `scheduler` or `optimizer`."""
    return tuple(
        f"{wrong} is not a key of DeepSpeed, which ignores it; the right key is {right}"
        for wrong, right in _MISTAKEN.items()
        if wrong in values
    )


def checked_block(source: str, block: object) -> SchedulerBlock | None:
    """The block if it is one that this library has, its numbers checked."""
    if block is None:
        return None
    if not isinstance(block, Mapping) or not isinstance(block.get("type"), str):
        raise ConfigError(f"{source}: DeepSpeed's scheduler must hold type and params, such as type: WarmupLR")
    kind, params = block["type"], block.get("params") or {}
    if kind not in PARAMETERS:
        raise ConfigError(
            f"{source}: DeepSpeed's scheduler {kind} is not read; those that are: {', '.join(PARAMETERS)}"
        )
    if not isinstance(params, Mapping):
        raise ConfigError(f"{source}: params of DeepSpeed's scheduler must hold keys with values")
    checked: dict[str, Any] = {}
    for name, value in params.items():
        where = f"{source}: scheduler.params.{name}"
        if name not in PARAMETERS[kind]:
            raise ConfigError(f"{where} is not a parameter of {kind}; it takes {', '.join(sorted(PARAMETERS[kind]))}")
        parameter = PARAMETERS[kind][name]
        if value is None or parameter.check is None:
            continue
        if value == "auto" and name not in _FILLED:
            raise ConfigError(f'{where} is "auto", and nothing fills it in; write its value')
        checked[name] = value if value == "auto" else parameter.check(where, value)
        if parameter.least is not None and value != "auto" and checked[name] < parameter.least:
            raise ConfigError(f"{where} must be at least {parameter.least}, not {value}")
    missing = [name for name in ("cycle_min_lr", "cycle_max_lr") if kind == "OneCycle" and name not in checked]
    if missing:
        raise ConfigError(f"{source}: OneCycle needs scheduler.params.{missing[0]}")
    return SchedulerBlock(kind, checked)


def schedule_of(settings: Settings, max_steps: Real, warmup: Real, changes: Mapping[str, Real]) -> Schedule:
    """The schedule that DeepSpeed runs in place of the trainer's."""
    assert settings.scheduler_block is not None
    kind, params = settings.scheduler_block.type, dict(settings.scheduler_block.params)
    if kind == "OneCycle":
        cycle = {PARAMETERS[kind][name].field: value for name, value in params.items()}
        stairs = {name: max(0, cycle[name]) for name in ("first_stairs", "second_stairs") if name in cycle}
        return DeepSpeedOneCycle(**cycle | stairs)
    if kind == "LRRangeTest":
        return DeepSpeedRangeTest(**{PARAMETERS[kind][name].field: value for name, value in params.items()})
    rate = changes.get("learning_rate", settings.learning_rate)
    trained = settings.trainer != "deepspeed"
    if trained:
        # transformers writes its own values for "auto", and refuses others that differ.
        ours = {"warmup_max_lr": rate, "total_num_steps": max_steps, "warmup_num_steps": np.maximum(warmup, 1)}
        for name, value in ours.items():
            fixed = name in params and params[name] != "auto"
            if fixed and not changes and np.ndim(max_steps) == np.ndim(value) == 0 and params[name] != value:
                raise settings.error(
                    f"DeepSpeed's scheduler.params.{name} {params[name]} differs from the trainer's {value}, "
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
