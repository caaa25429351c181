"""`transformers.TrainingArguments`, flat or under one sub-mapping: what its trainers take, refuse and pass over."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from optax_lr.sources.errors import ConfigError
from optax_lr.trainers.deepspeed import scheduler_of
from optax_lr.trainers.reading import Reading
from optax_lr.trainers.settings import SETTING_NAMES, STRICT, Rules, Settings, whole

# What people write at the top level, where the parser takes no key that it does not know.
SCHEDULE_KEYWORDS = frozenset(
    {"decay_type", "eta_min", "lr_end", "min_lr", "min_lr_rate", "min_lr_ratio", "num_cycles", "num_decay_steps"}
    | {"num_stable_steps", "power", "timescale", "warmup_type", "warmup_lr_rate"}
)
_OTHER_TRAINERS = {
    "lr_scheduler": "lr_scheduler_type",
    "lr_warmup_steps": "warmup_steps",
    "max_train_steps": "max_steps",
    "micro_batch_size": "per_device_train_batch_size",
    "num_epochs": "num_train_epochs",
    "num_training_steps": "max_steps",
    "num_warmup_steps": "warmup_steps",
    "scheduler_specific_kwargs": "lr_scheduler_kwargs",
}
_AXOLOTL_ONLY = {
    "cosine_min_lr_ratio": "lr_scheduler_type: cosine_with_min_lr with lr_scheduler_kwargs: {min_lr_rate: ...}",
    "cosine_constant_lr_ratio": "nothing in transformers",
    "lr_quadratic_warmup": "nothing in transformers",
    "jagged_restart_steps": "nothing in transformers",
    "jagged_restart_warmup_steps": "nothing in transformers",
    "jagged_restart_anneal_steps": "nothing in transformers",
}
_NAMES = SETTING_NAMES - {"max_samples", "val_size", "ppo_buffer_size"}
# Near enough to a setting's name to be taken for a slip, and keys of their own.
_NO_SLIPS = frozenset({"per_device_eval_batch_size", "max_samples"})


def read(
    source: str, values: Mapping[str, Any], *, rules: Rules, folder: Path | None, place: str = "at the top level"
) -> Reading:
    """The settings of a run of `transformers.Trainer`, or of one of TRL's.

    Its parser converts text to numbers where it reads YAML or a command line (`ARGPARSE`), and not where a mapping or a
    JSON file goes into the dataclass as it is (`STRICT`).
    """
    values = dict(values)
    if values.get("streaming") is None and "dataset_streaming" in values:
        values["streaming"] = values["dataset_streaming"]
    return reading(source, values, "transformers", _NAMES, rules=rules, folder=folder, place=place)


def reading(
    source: str,
    values: Mapping[str, Any],
    trainer: str,
    names: frozenset[str],
    *,
    rules: Rules = STRICT,
    folder: Path | None = None,
    place: str = "at the top level",
) -> Reading:
    """What LLaMA-Factory and plain `transformers` share: their keys are those of `TrainingArguments`."""
    _refuse(source, values, "LLaMA-Factory" if trainer.startswith("llama") else "TrainingArguments", place)
    taken = {name: value for name, value in values.items() if name in names}
    if isinstance(taken.get("lr_scheduler_kwargs"), str):
        taken["lr_scheduler_kwargs"] = kwargs_of_text(source, taken["lr_scheduler_kwargs"])
    block, notes = scheduler_of(source, values.get("deepspeed"), folder)
    settings = Settings.of(
        source,
        taken,
        rules,
        trainer=trainer,
        num_datasets=_number_of_datasets(values) if trainer.startswith("llama") else 1,
        sequence_parallel_size=_sequence_parallel_size(source, values.get("parallelism_config")),
        scheduler_block=block,
    )
    if values.get("packing") in (True, "true", "True"):
        notes += ("packing: the number of examples is that of the packed rows",)
    notes += tuple(
        f"{key}: the text {taken[key]!r} is taken as a number, as the trainer's parser takes it"
        for key in ("learning_rate", "warmup_ratio", "warmup_steps")
        if rules.text and isinstance(taken.get(key), str) and not source.startswith("<command")
    )
    return Reading(settings, ignored_by_trainer(settings, values), notes)


class Foreign(NamedTuple):
    """A key that the trainer does not know, and what to write instead: `moved` is the dotted key that takes its value."""

    key: str
    message: str
    moved: str | None


def foreign_keys(values: Mapping[str, Any], whose: str, place: str = "at the top level") -> Iterator[Foreign]:
    """The keys that would be refused, or give another schedule than they seem to: another trainer's, misplaced, misspelt."""
    for key, value in values.items():
        if value is None:
            continue
        if key in _OTHER_TRAINERS:
            right = _OTHER_TRAINERS[key]
            yield Foreign(key, f"{key} is not a key of {whose}, which would refuse it; the key is {right}", right)
        elif key in SCHEDULE_KEYWORDS:
            message = f"{key} is refused {place}; move it: lr_scheduler_kwargs: {{{key}: {value}}}"
            yield Foreign(key, message, f"lr_scheduler_kwargs.{key}")
        elif key in _AXOLOTL_ONLY:
            message = f"{key} is axolotl's, and {whose} refuses it; its counterpart: {_AXOLOTL_ONLY[key]}"
            yield Foreign(key, message, None)
        elif key not in SETTING_NAMES | _NO_SLIPS:
            near = difflib.get_close_matches(key, SETTING_NAMES, 1, 0.9)
            if near:
                message = f"{key} is not a key of {whose}, which would refuse it; did you mean {near[0]}?"
                yield Foreign(key, message, near[0])


def _refuse(source: str, values: Mapping[str, Any], whose: str, place: str) -> None:
    for foreign in foreign_keys(values, whose, place):
        raise ConfigError(f"{source}: {foreign.message}")
    if not SETTING_NAMES & values.keys():
        seen = ", ".join(list(values)[:5]) or "none"
        raise ConfigError(f"{source}: no key of a training run is there, such as learning_rate; the keys are: {seen}")


def kwargs_of_text(source: str, text: str) -> dict[str, Any]:
    """`lr_scheduler_kwargs` given as text: JSON, in which the quoted words that transformers converts are converted.

    Source: `transformers.training_args._convert_str_dict`.

    >>> kwargs_of_text("a.yaml", '{"num_cycles": "2", "min_lr": 1e-6, "decay_type": "linear"}')
    {'num_cycles': 2, 'min_lr': 1e-06, 'decay_type': 'linear'}
    """
    if not text.startswith("{"):
        raise ConfigError(f"{source}: lr_scheduler_kwargs is not JSON: {text!r}; write it as '{{\"min_lr\": 1e-6}}'")
    try:
        return cast("dict[str, Any]", _converted(json.loads(text)))
    except json.JSONDecodeError as error:
        raise ConfigError(f"{source}: lr_scheduler_kwargs is not JSON ({error.msg}): {text!r}") from None
    except (RecursionError, ValueError):
        raise ConfigError(f"{source}: lr_scheduler_kwargs cannot be read as JSON") from None


def _converted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _converted(item) for key, item in value.items()}
    if not isinstance(value, str):
        return value
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    if value.isdigit():
        return int(value)
    return float(value) if value.replace(".", "", 1).isdigit() else value


def _number_of_datasets(values: Mapping[str, Any]) -> int:
    named = values.get("dataset")
    if isinstance(named, str):
        return max(1, len([name for name in named.split(",") if name.strip()]))
    return max(1, len(named)) if isinstance(named, list) else 1


def _sequence_parallel_size(source: str, config: Any) -> int:
    size = config.get("sp_size") if isinstance(config, Mapping) else None
    return 1 if size is None else max(1, whole(f"{source}: parallelism_config.sp_size", size))


def ignored_by_trainer(settings: Settings, values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The keys that are there and change nothing, and why."""
    given = {key for key in values if values[key] not in (None, {}, "")}
    why: dict[str, str] = {}
    kind = settings.lr_scheduler_type
    if settings.scheduler_block is not None:
        reason = f"DeepSpeed's scheduler block ({settings.scheduler_block.get('type')}) is used instead"
        why |= {"lr_scheduler_type": reason, "lr_scheduler_kwargs": reason}
        if settings.own_rates:
            why |= dict.fromkeys(("learning_rate", "warmup_steps", "warmup_ratio"), reason)
    elif kind in ("constant", "constant_with_warmup"):
        why["lr_scheduler_kwargs"] = f"{kind} takes none"
        if kind == "constant":
            reason = "constant has no warmup; constant_with_warmup has"
            why |= {"warmup_steps": reason, "warmup_ratio": reason}
    if settings.trainer == "llamafactory-ppo":
        why.setdefault("lr_scheduler_kwargs", "the PPO trainer does not hand it to the scheduler")
    if settings.max_steps > 0:
        why["num_train_epochs"] = "max_steps is given and decides the length"
    zero = {name for name in ("warmup_steps", "warmup_ratio") if not getattr(settings, name)}
    return tuple((key, reason) for key, reason in why.items() if key in given - zero)
