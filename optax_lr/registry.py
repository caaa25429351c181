"""Documented names of schedules, and `get_scheduler`, which makes one from its name and `transformers`' own keywords."""

from __future__ import annotations

import dataclasses
import types
from typing import Any

import numpy as np

from optax_lr.schedules import (
    Constant,
    Cosine,
    CosineWithRestarts,
    InverseSqrt,
    Linear,
    Polynomial,
    Rsqrt,
    Schedule,
    fields,
)
from optax_lr.suggest import unknown

SCHEDULERS: types.MappingProxyType[str, type[Schedule]] = types.MappingProxyType(
    {
        "linear": Linear,
        "cosine": Cosine,
        "cosine_with_restarts": CosineWithRestarts,
        "polynomial": Polynomial,
        "constant": Constant,
        "constant_with_warmup": Constant,
        "inverse_sqrt": InverseSqrt,
        "rsqrt": Rsqrt,
        "cosine_with_min_lr": Cosine,
    }
)

# transformers' keywords that have another name here.
_SAME = {"num_warmup_steps": "warmup_steps", "num_training_steps": "max_steps", "lr": "learning_rate"}
_REFERENCE_LR_END = 1e-7


def get_scheduler(
    name: str, learning_rate: Any, *, warmup_steps: Any = 0, max_steps: Any = None, **kwargs: Any
) -> Schedule:
    """The schedule that `transformers.get_scheduler(name, ...)` gives an optimizer of rate `learning_rate`.

    Args:
        name: a key of `SCHEDULERS`: `linear`, `cosine`, `cosine_with_restarts`, ...
        learning_rate: the peak, at least 0.
        warmup_steps: optimizer steps of warmup (`num_warmup_steps` is taken too).
        max_steps: optimizer steps of the run, warmup included (`num_training_steps` is taken too); needed by every
            schedule that ends.
        **kwargs: what `transformers` takes in `scheduler_specific_kwargs`: `num_cycles`, `power`, `lr_end`, `min_lr`,
            `min_lr_rate`, `timescale`. Absolute floors stay absolute, a `min_lr_rate` is multiplied by `learning_rate`.

    Returns the schedule with the reference's defaults: `polynomial` ends at 1e-7 unless `lr_end` is given.

    Errors: `ValueError` for an unknown name, a missing `max_steps`, both or neither of `min_lr` and `min_lr_rate` for
    `cosine_with_min_lr`, and what the class refuses; `TypeError` for a keyword that the schedule does not take.

    Source: `transformers.get_scheduler`. Two differences: a `constant` given `warmup_steps` warms up here, as documented
    (a Trainer ignores them), and `rsqrt` is a name of this library.

    >>> get_scheduler("cosine_with_restarts", 5e-5, warmup_steps=100, max_steps=1000, num_cycles=3)
    CosineWithRestarts(learning_rate=5e-05, max_steps=1000, warmup_steps=100, num_cycles=3.0)
    """
    if name not in SCHEDULERS:
        raise ValueError(unknown("get_scheduler()", "scheduler", name, SCHEDULERS))
    kind = SCHEDULERS[name]
    where = f"get_scheduler({name!r})"
    for theirs, ours in _SAME.items():
        if theirs in kwargs:
            given = {"warmup_steps": warmup_steps, "max_steps": max_steps}.get(ours)
            if ours == "learning_rate" or (
                given is not None and not (ours == "warmup_steps" and np.ndim(given) == 0 and given == 0)
            ):
                raise TypeError(f"{where}: give {ours} or {theirs}, not both")
            if ours == "warmup_steps":
                warmup_steps = kwargs.pop(theirs)
            else:
                max_steps = kwargs.pop(theirs)
    settings = _translate(where, name, learning_rate, kwargs)
    known = [f.name for f in dataclasses.fields(kind)]  # type: ignore[arg-type]
    for key in settings:
        if key not in known:
            raise TypeError(unknown(where, "keyword", key, known))
    if "max_steps" in known:
        if max_steps is None:
            raise ValueError(f"{where} needs max_steps, the number of optimizer steps of the run")
        settings["max_steps"] = max_steps
    return kind(learning_rate=learning_rate, warmup_steps=warmup_steps, **settings)


def _translate(where: str, name: str, learning_rate: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """`transformers`' keywords of a schedule as the fields of its class."""
    settings = dict(kwargs)
    if name == "cosine_with_min_lr":
        given = [key for key in ("min_lr", "min_lr_rate") if settings.get(key) is not None]
        if len(given) != 1:
            raise ValueError(f"{where} needs one of min_lr and min_lr_rate, not {' and '.join(given) or 'neither'}")
        if (ratio := settings.pop("min_lr_rate", None)) is not None:
            settings["min_lr"] = ratio * learning_rate
        if settings["min_lr"] is None:
            del settings["min_lr"]
    if name == "polynomial":
        if "lr_end" in settings and "min_lr" in settings:
            raise TypeError(f"{where}: give lr_end or min_lr, not both")
        settings["min_lr"] = settings.pop("lr_end", settings.get("min_lr", _REFERENCE_LR_END))
    return settings
