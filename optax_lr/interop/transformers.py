"""Documented names of schedules, and `get_scheduler`, which takes a name and the keywords of `transformers`."""

from __future__ import annotations

import dataclasses
import types

import numpy as np

from optax_lr import schedules as kinds
from optax_lr.arguments import shown, unknown, unquoted
from optax_lr.numerics import Real
from optax_lr.schedules.base import Schedule
from optax_lr.schedules.fields import Setting

SCHEDULERS: types.MappingProxyType[str, type[Schedule]] = types.MappingProxyType(
    {
        "linear": kinds.Linear,
        "cosine": kinds.Cosine,
        "cosine_with_restarts": kinds.CosineWithRestarts,
        "polynomial": kinds.Polynomial,
        "constant": kinds.Constant,
        "constant_with_warmup": kinds.Constant,
        "inverse_sqrt": kinds.InverseSqrt,
        "rsqrt": kinds.Rsqrt,
        "cosine_with_min_lr": kinds.Cosine,
        "cosine_warmup_with_min_lr": kinds.CosineWarmupWithMinLR,
        "warmup_stable_decay": kinds.WarmupStableDecay,
    }
)

# Their rates follow the metric of the evaluations, so no function of the step can represent them.
BY_METRIC = {"greedy": "greedy", "reduce_lr_on_plateau": "reduce_on_plateau"}
# The fields that the keywords of transformers set; a ratio is multiplied by the learning rate.
FIELDS = {
    "num_warmup_steps": "warmup_steps",
    "num_training_steps": "max_steps",
    "num_decay_steps": "decay_steps",
    "num_stable_steps": "stable_steps",
    "lr_end": "min_lr",
    "min_lr_rate": "min_lr",
    "min_lr_ratio": "min_lr",
    "warmup_lr_rate": "warmup_lr",
}
_LENGTHS = ("num_warmup_steps", "num_training_steps")
_KEYWORDS = {  # of one schedule each
    "cosine_with_min_lr": ("min_lr_rate",),
    "cosine_warmup_with_min_lr": ("min_lr_rate", "warmup_lr_rate"),
    "polynomial": ("lr_end",),
    "warmup_stable_decay": ("num_decay_steps", "num_stable_steps", "min_lr_ratio"),
}
_REFERENCE_LR_END = 1e-7


def get_scheduler(
    name: str,
    learning_rate: Setting,
    *,
    warmup_steps: Setting | None = None,
    max_steps: Setting | None = None,
    **kwargs: Setting | str | None,
) -> Schedule:
    """The schedule of `transformers.get_scheduler(name, ...)` for an optimizer of rate `learning_rate`.

    Args:
        name: a key of `SCHEDULERS`: `linear`, `cosine`, `cosine_with_restarts`, ...
        learning_rate: the peak, at least 0; an array makes a batch, as for any setting.
        warmup_steps: optimizer steps of warmup, 0 by default (`num_warmup_steps` is taken too).
        max_steps: optimizer steps of the run, warmup included (`num_training_steps` is taken too); required by every
            schedule that ends.
        **kwargs: the fields of the class, and what `transformers` takes in `scheduler_specific_kwargs`: `num_cycles`,
            `power`, `lr_end`, `min_lr`, `min_lr_rate`, `warmup_lr_rate`, `timescale`, `num_decay_steps`,
            `num_stable_steps`, `min_lr_ratio`, `warmup_type`, `decay_type`. Floors given as a ratio are multiplied by
            `learning_rate`.

    Returns:
        The schedule, with the reference's defaults: `polynomial` ends at 1e-7 unless `lr_end` is given.

    Raises:
        ValueError: If the name is unknown or follows a metric, if `max_steps` is missing, or if both or neither of `min_lr`
            and `min_lr_rate` are given where one is required. The class may refuse other values.
        TypeError: If the schedule does not take a keyword, or lacks a required one.

    Source: `transformers.get_scheduler`. Two differences: a `constant` given `warmup_steps` warms up here, as documented
    (a Trainer ignores them), and `rsqrt` is a name of this library.

    >>> get_scheduler("cosine_with_restarts", 5e-5, warmup_steps=100, max_steps=1000, num_cycles=3)
    CosineWithRestarts(learning_rate=5e-05, max_steps=1000, warmup_steps=100, num_cycles=3.0)
    """
    if not isinstance(name, str):
        raise TypeError(f"get_scheduler(): name must be text such as 'cosine', not {shown(name)}")
    if name in BY_METRIC:
        raise ValueError(f"get_scheduler(): {name} follows a metric, not the step: use olr.{BY_METRIC[name]}")
    if name not in SCHEDULERS:
        raise ValueError(unknown("get_scheduler()", "scheduler", name, SCHEDULERS))
    kind = SCHEDULERS[name]
    where, known = f"get_scheduler({name!r})", {f.name: f for f in dataclasses.fields(kind)}
    lengths = {"warmup_steps": warmup_steps, "max_steps": max_steps}
    settings: dict[str, object] = {**kwargs, **{key: value for key, value in lengths.items() if value is not None}}
    _require_floor(where, name, settings)
    for theirs in (*_LENGTHS, *_KEYWORDS.get(name, ())):
        value, ours = settings.pop(theirs, None), FIELDS[theirs]
        if value is not None:
            if ours in settings:
                raise TypeError(f"{where}: give {theirs} or {ours}, not both")
            by_rate = theirs.endswith(("_rate", "_ratio"))
            settings[ours] = _ratio_times_rate(f"{where}: {theirs}", value, learning_rate) if by_rate else value
    if name == "polynomial":
        settings.setdefault("min_lr", _REFERENCE_LR_END)
    if name == "warmup_stable_decay" and "decay_steps" not in settings:
        raise TypeError(f"{where} needs num_decay_steps, the number of optimizer steps of the decay")
    if "max_steps" not in known:
        settings.pop("max_steps", None)
    elif "max_steps" not in settings and known["max_steps"].default is dataclasses.MISSING:
        raise ValueError(f"{where} needs max_steps, the number of optimizer steps of the run")
    for key in settings:
        if key not in known:
            raise TypeError(unknown(where, "keyword", key, known))
    return kind(**{"learning_rate": learning_rate, **settings})


def _require_floor(where: str, name: str, settings: dict[str, object]) -> None:
    """Refuse a floor that the reference refuses, and drop a floor whose value is None."""
    if name == "warmup_stable_decay" and "min_lr" in settings:
        raise TypeError(f"{where}: min_lr is refused, as by the reference; give min_lr_ratio, a share of learning_rate")
    if name in ("cosine_with_min_lr", "cosine_warmup_with_min_lr"):
        given = [key for key in ("min_lr", "min_lr_rate") if settings.get(key) is not None]
        if len(given) != 1:
            raise ValueError(
                f"{where}: give min_lr or min_lr_rate, not both" if given else f"{where} needs min_lr or min_lr_rate"
            )
        if settings.get("min_lr") is None:
            settings.pop("min_lr", None)


def _ratio_times_rate(name: str, ratio: object, learning_rate: Setting) -> Real:
    """`ratio * learning_rate` for numbers, lists and tracers; lists become arrays."""
    product: list[Real] = []
    for what, value in ((name, ratio), ("learning_rate", learning_rate)):
        if isinstance(value, str) or value is None:
            raise TypeError(f"{what} must be a number or an array of numbers, not {shown(value)}{unquoted(value)}")
        product.append(np.asarray(value) if isinstance(value, (list, tuple)) else value)
    return product[0] * product[1]
