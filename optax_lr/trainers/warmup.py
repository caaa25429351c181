"""How long the warmup is: the rules of each version of transformers, of axolotl, and of DeepSpeed."""

from __future__ import annotations

from typing import Any

import numpy as np

from optax_lr.sources.errors import ConfigError
from optax_lr.trainers.settings import Settings

RATIO_GONE = (5, 15)  # the first version without warmup_ratio
NEWEST = "5.24.0"  # transformers, as far as its rules were looked at
NEWEST_OF_LLAMAFACTORY = "5.8.0"  # which it pins


def newest_version(settings: Settings) -> str:
    """The newest transformers that the trainer of these settings takes."""
    return NEWEST_OF_LLAMAFACTORY if settings.trainer.startswith("llamafactory") else NEWEST


def version_of(text: str) -> tuple[int, int]:
    """The first two numbers of a version.

    >>> version_of("4.57.6")
    (4, 57)
    """
    try:
        major, minor = text.split(".")[:2]
        return int(major), int(minor)
    except (ValueError, AttributeError):
        raise ConfigError(f"transformers_version must be like 5.8.0, not {text!r}") from None


def warmup_of(
    settings: Settings, source: str, max_steps: Any, transformers_version: str, *, data_steps: int | None = None
) -> Any:
    """Optimizer steps of warmup in a run of `max_steps` (a number or an array), by the rules of that version.

    Before 5.0, `warmup_steps` above 0 goes before `warmup_ratio`; from 5.0 on `warmup_ratio` goes before, and a number
    below 1 is a ratio under either name. A ratio is of `max_steps`, rounded up in float64 as the trainer does. From 5.15
    on there is no `warmup_ratio`; it keeps the meaning that it had just before.

    axolotl rounds down, and takes its ratio of the data's steps (`data_steps`) where `max_steps` is longer.
    """
    block = settings.scheduler_block
    if settings.own_rates:
        return _like(max_steps, 0)
    if block is not None and settings.trainer == "deepspeed":
        return _like(max_steps, block["params"].get("warmup_num_steps", 1000))
    if settings.trainer == "axolotl":
        return _axolotl(settings, source, max_steps, data_steps)
    steps, ratio = settings.warmup_steps, settings.warmup_ratio
    version = version_of(transformers_version)
    if steps < 0:
        raise ConfigError(f"{source}: warmup_steps must be at least 0, not {steps}")
    if ratio is not None and (ratio < 0 or (ratio > 1 and not (5, 0) <= version < RATIO_GONE)):
        raise ConfigError(f"{source}: warmup_ratio must lie in [0, 1], not {ratio}; a number of steps is warmup_steps")
    if version < (5, 0):
        if steps != int(steps):
            raise ConfigError(
                f"{source}: warmup_steps must be whole before transformers 5, not {steps}; a share is warmup_ratio"
            )
        return _steps_of_ratio(max_steps, ratio or 0) if steps == 0 else _like(max_steps, int(steps))
    given = steps if ratio is None else ratio
    return _like(max_steps, int(given)) if given >= 1 else _steps_of_ratio(max_steps, given)


def warmup_notes(settings: Settings, source: str, max_steps: int, transformers_version: str) -> tuple[str, ...]:
    """Where the warmup would have another length under another version, or the key is refused: one line each."""
    if settings.trainer in ("axolotl", "deepspeed", "llamafactory-v1") or settings.warmup_ratio is None:
        return ()
    version = version_of(transformers_version)
    here = int(warmup_of(settings, source, max_steps, transformers_version))
    notes = []
    if version >= RATIO_GONE:
        notes.append(
            f"warmup_ratio is gone from transformers 5.15 on, and {transformers_version} refuses it; read as "
            f"5.0 to 5.14 read it: {here} steps. The key is warmup_steps: {settings.warmup_ratio}"
        )
    if settings.warmup_ratio <= 1 and settings.warmup_steps == int(settings.warmup_steps):
        other = "4.57.0" if version >= (5, 0) else "5.8.0"
        there = int(warmup_of(settings, source, max_steps, other))
        if there != here:
            beside = f" beside warmup_steps {settings.warmup_steps:g}" if settings.warmup_steps else ""
            notes.append(
                f"warmup_ratio {settings.warmup_ratio:g}{beside} is {here} steps in transformers "
                f"{transformers_version} and {there} in {other}; keep one of the two keys, or write the steps out"
            )
    return tuple(notes)


def _axolotl(settings: Settings, source: str, max_steps: Any, data_steps: int | None) -> Any:
    steps, ratio = settings.warmup_steps, settings.warmup_ratio
    if steps < 0:
        raise ConfigError(f"{source}: warmup_steps must be at least 0, not {steps}")
    total = np.asarray(max_steps, np.float64)
    total = total if data_steps is None else np.minimum(total, data_steps)
    if steps:
        warmup = _like(max_steps, int(steps))
    elif ratio is not None:
        warmup = np.maximum((total * ratio).astype(np.int64), 0)
    elif settings.warmup_given:
        warmup = _like(max_steps, 0)
    else:
        warmup = np.minimum((0.03 * total).astype(np.int64), 100)
    # It takes a single step of warmup for none, and makes it two.
    return np.where(warmup == 1, 2, warmup)


def _steps_of_ratio(max_steps: Any, ratio: float) -> Any:
    return np.ceil(np.asarray(max_steps, np.float64) * ratio).astype(np.int64)


def _like(max_steps: Any, number: int) -> Any:
    return np.full(np.shape(max_steps), number)
