"""axolotl: its own names of the trainer's settings; floors, a warmup and restarts of its own beside the scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optax_lr.sources.errors import ConfigError
from optax_lr.trainers.deepspeed import scheduler_of
from optax_lr.trainers.hf import SCHEDULE_KEYWORDS
from optax_lr.trainers.reading import Reading
from optax_lr.trainers.settings import PYDANTIC, Settings, flag, number, whole

RENAMED = {
    "lr_scheduler": "lr_scheduler_type",
    "micro_batch_size": "per_device_train_batch_size",
    "num_epochs": "num_train_epochs",
    "val_set_size": "val_size",
}
_SAME = (
    *("learning_rate", "lr_scheduler_kwargs", "warmup_steps", "warmup_ratio", "max_steps"),
    *("gradient_accumulation_steps", "dataloader_drop_last", "streaming"),
)
_FLOORS = ("cosine_min_lr_ratio", "cosine_constant_lr_ratio")
_RESTARTS = {"jagged_restart_steps": 0, "jagged_restart_warmup_steps": 10, "jagged_restart_anneal_steps": 1}
_DEFAULTS = {"lr_scheduler": "cosine", "micro_batch_size": 1, "num_epochs": 1.0}


def read(source: str, values: Mapping[str, Any], *, folder: Path | None) -> Reading:
    """A config of axolotl, whose data model converts text to numbers and passes over keys that it does not know.

    Source: `axolotl.core.builders.base.TrainerBuilderBase`, `axolotl.core.trainers.mixins.scheduler`.
    """
    given = _DEFAULTS | {key: value for key, value in values.items() if value is not None}
    if "learning_rate" not in given:
        raise ConfigError(f"{source}: axolotl needs learning_rate")
    restarts = _restarts(source, given)
    _refuse(source, given, restarts)
    taken = {ours: given[theirs] for theirs, ours in RENAMED.items() if theirs in given}
    taken |= {name: given[name] for name in _SAME if name in given}
    if "warmup_steps" in taken:
        taken["warmup_steps"] = whole(f"{source}: warmup_steps", taken["warmup_steps"], PYDANTIC)
    floors = {name: number(f"{source}: {name}", given[name], PYDANTIC) for name in _FLOORS if given.get(name)}
    block, notes = scheduler_of(source, given.get("deepspeed"), folder)
    if given.get("sample_packing") is True:
        notes += ("sample_packing: the number of examples is that of the packed rows",)
    settings = Settings.of(
        source,
        taken,
        PYDANTIC,
        trainer="axolotl",
        scheduler_block=block,
        floors=floors,
        quadratic_warmup=_quadratic(source, given) and not given.get("rl") and given["lr_scheduler"] == "cosine",
        restarts=None if given.get("rl") else restarts,
        warmup_given="warmup_steps" in taken or "warmup_ratio" in taken,
    )
    if settings.max_steps == 0:
        notes += ("max_steps: 0 counts as not given",)
    if not settings.warmup_given:
        notes += ("the warmup is axolotl's own: 3 % of the run, at most 100 steps",)
    return Reading(settings, _ignored(settings, values), notes)


def _quadratic(source: str, given: Mapping[str, Any]) -> bool:
    return flag(f"{source}: lr_quadratic_warmup", given.get("lr_quadratic_warmup", False))


def _restarts(source: str, given: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """How far apart the jagged restarts are, and how long they go up and down; 0 counts as not given."""
    found = []
    for name, default in _RESTARTS.items():
        value = given.get(name, 0)
        steps = int(value) if isinstance(value, bool) else whole(f"{source}: {name}", value, PYDANTIC)
        if steps < 0:
            raise ConfigError(f"{source}: {name} must be at least 1, not {steps}")
        found.append(steps or default)
    every, up, down = found
    return (every, up, down) if every else None


def _refuse(source: str, given: Mapping[str, Any], restarts: tuple[int, int, int] | None) -> None:
    if "warmup_steps" in given and "warmup_ratio" in given:
        raise ConfigError(f"{source}: axolotl refuses warmup_steps beside warmup_ratio; keep one")
    if restarts is None and given.get("relora"):
        raise ConfigError(f"{source}: relora needs jagged_restart_steps, and axolotl refuses it without")
    if restarts is not None and given["lr_scheduler"] == "one_cycle" and not given.get("rl"):
        raise ConfigError(
            f"{source}: jagged_restart_steps asks one_cycle for a step past its end, and axolotl stops at the last update; "
            "take one of the two out"
        )


def _ignored(settings: Settings, values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    kind = settings.lr_scheduler_type
    why = dict.fromkeys(SCHEDULE_KEYWORDS, "not a key of axolotl; lr_scheduler_kwargs takes it")
    if values.get("rl"):
        why |= dict.fromkeys(_RESTARTS, "the trainers of rl have no jagged restarts")
        why["lr_quadratic_warmup"] = "the trainers of rl do not take it"
    elif kind != "cosine":
        why["lr_quadratic_warmup"] = f"lr_scheduler is {kind}"
    if not values.get("jagged_restart_steps"):
        why |= dict.fromkeys(_RESTARTS, "jagged_restart_steps is not given")
    if kind not in ("cosine", "rex"):
        why["cosine_min_lr_ratio"] = f"lr_scheduler is {kind}"
    if kind != "cosine" or "cosine_min_lr_ratio" not in settings.floors:
        why["cosine_constant_lr_ratio"] = "it counts with lr_scheduler: cosine and cosine_min_lr_ratio only"
    if kind == "rex" or (
        kind == "cosine" and (settings.floors.get("cosine_min_lr_ratio") or settings.quadratic_warmup)
    ):
        why["lr_scheduler_kwargs"] = "axolotl's own scheduler takes none"
    if settings.quadratic_warmup:
        why |= dict.fromkeys(_FLOORS, "the cosine with a quadratic warmup has no floor")
    if settings.restarts is not None:
        why.pop("cosine_min_lr_ratio", None)  # what is left at a restart
    if settings.scheduler_block is not None:
        reason = f"DeepSpeed's scheduler block ({settings.scheduler_block['type']}) is used instead"
        why |= dict.fromkeys(
            ("lr_scheduler", "lr_scheduler_kwargs", "lr_quadratic_warmup", *_RESTARTS, *_FLOORS), reason
        )
        if settings.own_rates:
            why |= dict.fromkeys(("learning_rate", "warmup_steps", "warmup_ratio"), reason)
    if kind in ("constant", "constant_with_warmup"):
        why["lr_scheduler_kwargs"] = f"{kind} takes none"
    if kind == "constant":
        why |= dict.fromkeys(("warmup_steps", "warmup_ratio"), "constant has no warmup; constant_with_warmup has")
    if settings.max_steps > 0:
        why["num_epochs"] = "max_steps is given and decides the length"
    return tuple((key, why[key]) for key in values if key in why and values[key] not in (None, {}, "", False))
