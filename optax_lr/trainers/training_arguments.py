"""The keys of `transformers.TrainingArguments`: those that mark it, those of others, and those without effect."""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, cast

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.parsing import scalar
from optax_lr.text import words
from optax_lr.trainers.known import class_keys
from optax_lr.trainers.settings import SETTING_NAMES, Settings, number_of

# What people write at the top level, where the parser takes no key that it does not know.
SCHEDULE_KEYWORDS = words(
    "decay_type eta_min lr_end min_lr min_lr_rate min_lr_ratio num_cycles num_decay_steps num_stable_steps power "
    "timescale warmup_type warmup_lr_rate"
)
OTHER_NAMES = {
    "lr_scheduler": "lr_scheduler_type",
    "lr_warmup_steps": "warmup_steps",
    "max_train_steps": "max_steps",
    "micro_batch_size": "per_device_train_batch_size",
    "num_epochs": "num_train_epochs",
    "num_training_steps": "max_steps",
    "num_warmup_steps": "warmup_steps",
    "scheduler_specific_kwargs": "lr_scheduler_kwargs",
    "train_batch_size": "per_device_train_batch_size",
}
# What programs of people's own call the settings.
MEANT = OTHER_NAMES | {
    **dict.fromkeys(words("epochs max_epochs max_epoch n_epochs"), "num_train_epochs"),
    **dict.fromkeys(
        words("gradient_accumulation accumulation_steps grad_accum grad_accum_steps gradient_steps"),
        "gradient_accumulation_steps",
    ),
    **dict.fromkeys(
        words("batch_size batch_size_per_device per_device_batch_size batch_size_per_gpu"),
        "per_device_train_batch_size",
    ),
    "lr": "learning_rate",
    "schedule": "lr_scheduler_type",
    "scheduler": "lr_scheduler_type",
}
_AXOLOTL_ONLY = {
    "cosine_min_lr_ratio": "lr_scheduler_type: cosine_with_min_lr with lr_scheduler_kwargs: {min_lr_rate: ...}",
} | dict.fromkeys(
    words(
        "cosine_constant_lr_ratio lr_quadratic_warmup jagged_restart_steps jagged_restart_warmup_steps "
        "jagged_restart_anneal_steps"
    ),
    "nothing in transformers",
)
# Near enough to a setting's name to be taken for a slip, and keys of their own.
_NO_SLIPS = frozenset({"per_device_eval_batch_size", "max_samples"})
# Keys that no trainer but those built on TrainingArguments has.
MARKS = words(
    "per_device_train_batch_size num_train_epochs lr_scheduler_type lr_scheduler_kwargs save_total_limit "
    "per_device_eval_batch_size eval_strategy evaluation_strategy save_strategy overwrite_output_dir "
    "load_best_model_at_end hub_model_id push_to_hub remove_unused_columns logging_strategy "
    "ddp_find_unused_parameters metric_for_best_model dataloader_num_workers hub_strategy adam_epsilon "
    "per_gpu_train_batch_size include_num_input_tokens_seen predict_with_generate eval_accumulation_steps"
)
FIELDS = class_keys("transformers", "TrainingArguments", "Seq2SeqTrainingArguments")


class Foreign(NamedTuple):
    """A key that the trainer does not know, and what to write instead: `moved` is the dotted key that takes its value."""

    key: str
    message: str
    moved: str | None


def foreign_keys(values: Mapping[str, object], whose: str, place: str = "at the top level") -> Iterator[Foreign]:
    """The keys that would be refused, or give another schedule than they seem to: another trainer's, misplaced, misspelt."""
    for key, value in values.items():
        if value is None:
            continue
        if key in OTHER_NAMES:
            right = OTHER_NAMES[key]
            yield Foreign(key, f"{key} is not a key of {whose}, which would refuse it; the key is {right}", right)
        elif key in SCHEDULE_KEYWORDS:
            message = f"{key} is refused {place}; move it: lr_scheduler_kwargs: {{{key}: {_as_yaml(value)}}}"
            yield Foreign(key, message, f"lr_scheduler_kwargs.{key}")
        elif key in _AXOLOTL_ONLY:
            message = f"{key} is axolotl's, and {whose} refuses it; its counterpart: {_AXOLOTL_ONLY[key]}"
            yield Foreign(key, message, None)
        elif key not in _NO_SLIPS and key not in FIELDS and (near := _near(key)) not in (None, key):
            message = f"{key} is not a key of {whose}, which would refuse it; did you mean {near}?"
            yield Foreign(key, message, near)


@functools.lru_cache(2_000)
def _near(key: str) -> str | None:
    """The name of a setting that a key is, or is a slip of; None for no such key."""
    return next(iter(difflib.get_close_matches(key, SETTING_NAMES, 1, 0.9)), None)


def misplaced(key: str) -> bool:
    """Whether a key is one that people write in place of a field of `TrainingArguments`, or a slip of one."""
    return key in SETTING_NAMES - _NO_SLIPS or any(foreign_keys({key: key}, ""))


def foreign_line(values: Mapping[str, object], foreign: Iterable[Foreign], place: str) -> list[str]:
    """The messages about keys of another trainer; those of keywords of a schedule are one."""
    found = list(foreign)
    moved = [one.key for one in found if one.key in SCHEDULE_KEYWORDS]
    made = [one.message for one in found if one.key not in moved or len(moved) == 1]
    if len(moved) > 1:
        pairs = ", ".join(f"{key}: {_as_yaml(values[key])}" for key in moved)
        made.append(f"{', '.join(moved)} are refused {place}; move them: lr_scheduler_kwargs: {{{pairs}}}")
    return made


def _as_yaml(value: object) -> str:
    """A value as YAML; a number that YAML reads as text is written as a number."""
    try:
        return scalar(number_of(value)[0] if isinstance(value, str) else value)
    except ValueError:
        return str(value)


def kwargs_of_text(source: str, text: str) -> dict[str, object]:
    """`lr_scheduler_kwargs` given as text: JSON, in which the quoted words that transformers converts are converted.

    Source: `transformers.training_args._convert_str_dict`.

    >>> kwargs_of_text("a.yaml", '{"num_cycles": "2", "min_lr": 1e-6, "decay_type": "linear"}')
    {'num_cycles': 2, 'min_lr': 1e-06, 'decay_type': 'linear'}
    """
    if not text.startswith("{"):
        raise ConfigError(f"{source}: lr_scheduler_kwargs is not JSON: {text!r}; write it as '{{\"min_lr\": 1e-6}}'")
    try:
        return cast("dict[str, object]", _converted(json.loads(text)))
    except json.JSONDecodeError as error:
        raise ConfigError(f"{source}: lr_scheduler_kwargs is not JSON ({error.msg}): {text!r}") from None
    except (RecursionError, ValueError):
        raise ConfigError(f"{source}: lr_scheduler_kwargs cannot be read as JSON") from None


def _converted(value: object) -> object:
    if isinstance(value, dict):
        return {key: _converted(item) for key, item in value.items()}
    if not isinstance(value, str):
        return value
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    if value.isdigit():
        return int(value)
    return float(value) if value.replace(".", "", 1).isdigit() else value


def no_arguments(constructor: str, keywords: Iterable[str]) -> tuple[str, ...]:
    """The keywords that a class of transformers or TRL has in no known version, so that its call raises a `TypeError`.

    >>> no_arguments("transformers.TrainingArguments", ["learning_rate", "log_to"])
    ('log_to',)
    """
    package, _, name = constructor.partition(".")
    name = name.rpartition(".")[2]
    known = class_keys(package, name) if package in ("transformers", "trl") else frozenset()
    known |= class_keys("transformers", "TrainingArguments") if known else frozenset()
    return tuple(key for key in keywords if known and key not in known)


def why_ignored(settings: Settings) -> dict[str, str]:
    """The settings that have no effect in this run, by our names, each with the reason."""
    why: dict[str, str] = {}
    kind = settings.lr_scheduler_type
    if settings.scheduler_block is not None:
        reason = f"DeepSpeed's scheduler block ({settings.scheduler_block.type}) is used instead"
        rates = ("learning_rate", "warmup_steps", "warmup_ratio") if settings.own_rates else ()
        why |= dict.fromkeys(("lr_scheduler_type", "lr_scheduler_kwargs", *rates), reason)
    elif kind in ("constant", "constant_with_warmup"):
        why["lr_scheduler_kwargs"] = f"{kind} takes none"
        if kind == "constant":
            why |= dict.fromkeys(("warmup_steps", "warmup_ratio"), "constant has no warmup; constant_with_warmup has")
    if settings.max_steps > 0:
        why["num_train_epochs"] = "max_steps decides the length"
    return why


def ignored_by_trainer(settings: Settings, values: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """The given keys that have no effect, and why."""
    given = {key for key in values if values[key] not in (None, {}, "")}
    why = why_ignored(settings)
    if settings.trainer == "llamafactory-ppo":
        why.setdefault("lr_scheduler_kwargs", "the PPO trainer does not hand it to the scheduler")
    zero = {name for name in ("warmup_steps", "warmup_ratio") if not getattr(settings, name)}
    return tuple((key, reason) for key, reason in why.items() if key in given - zero)
