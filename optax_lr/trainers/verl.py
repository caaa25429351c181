"""verl: `python -m verl.trainer.main_ppo` with Hydra's `key=value` words, which schedules the actor's rate once for each batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from optax_lr.numerics import Real
from optax_lr.schedules import Constant, Cosine, Schedule
from optax_lr.sources.errors import ConfigError, UnknownLengthError
from optax_lr.sources.marks import is_known, readable
from optax_lr.sources.source import Processes, Source
from optax_lr.trainers.base import Data, Default, Reading, Recognised, Trainer, concerns_curve, unknown_keys
from optax_lr.trainers.settings import ARGPARSE, Settings, finite_number, whole_setting

_OPTIMIZER = "actor_rollout_ref.actor.optim."
_TAKEN: Mapping[str, Any] = {
    f"{_OPTIMIZER}lr": 1e-6,
    f"{_OPTIMIZER}lr_scheduler_type": "constant",
    f"{_OPTIMIZER}lr_warmup_steps_ratio": 0.0,
    "data.train_batch_size": 1024,
    "trainer.total_epochs": 30,
}
_MORE = (
    *(f"{_OPTIMIZER}{name}" for name in ("warmup_style", "lr_warmup_steps", "min_lr_ratio")),
    *("data.gen_batch_size", "trainer.total_training_steps", "trainer.nnodes", "trainer.n_gpus_per_node"),
)
# Settings of the actor's optimizer that are not its rate.
_OTHERS = ("weight_decay", "betas", "clip_grad", "optimizer", "optimizer_impl", "total_training_steps")
_LENGTHS = ("trainer.total", "data.train_batch", "data.gen_batch", "data.train_max_samples")
_NOT_LENGTHS = ("trainer.balance_batch",)
_FILES = ("", "ppo_trainer", "ppo_trainer.yaml")


class Verl(Trainer):
    """verl's PPO and GRPO with an FSDP actor.

    Source: `verl.trainer.ppo.ray_trainer`, `verl.workers.fsdp_workers`, `verl.utils.torch_functional`.
    """

    name: ClassVar[str] = "verl"
    title: ClassVar[str] = "verl"
    renamed: ClassVar[Mapping[str, str]] = {
        "learning_rate": f"{_OPTIMIZER}lr",
        "max_steps": "trainer.total_training_steps",
        "num_train_epochs": "trainer.total_epochs",
        "per_device_train_batch_size": "data.train_batch_size",
        "warmup_steps": f"{_OPTIMIZER}lr_warmup_steps",
    }

    def recognise(self, source: Source) -> Recognised | None:
        """Recognise the module, whose config and defaults are known."""
        named = source.program is not None and source.program.name == "verl.trainer.main_ppo"
        return Recognised(self.name, "the module verl.trainer.main_ppo") if named else None

    def read(self, source: Source, found: Recognised) -> Reading:
        """The words of the command; `+` and `++` in front of a key change nothing here."""
        assert source.program is not None
        name, options = source.name, source.program.options
        given = dict(word.lstrip("+").partition("=")[::2] for word in source.program.positional if "=" in word)
        given |= dict(_flat(source.values))
        if str(options.get("config_name", "")) not in _FILES or "megatron" in str(
            given.get("actor_rollout_ref.actor.strategy")
        ):
            raise ConfigError(
                f"{name}: the defaults of this run are in another config of verl than ppo_trainer, which is not read; write the "
                "schedule with olr.get_scheduler"
            )
        for key, value in given.items():
            if key in _TAKEN or key in _MORE:
                if not is_known(value):
                    raise ConfigError(
                        f"{name}: the script does not say what {key}={readable(value)} is; give --set {key}=VALUE"
                    )
            elif _concerns_curve(key):
                raise ConfigError(f"{name}: {key} of verl is not read; write the schedule with olr.get_scheduler")
        unknown_keys(name, options, frozenset(), "verl, which takes key=value", remedy="take it out")
        given = {key: value for key, value in given.items() if value not in ("null", "None")}
        values = dict(_TAKEN) | given
        kind = given.get(f"{_OPTIMIZER}warmup_style", values[f"{_OPTIMIZER}lr_scheduler_type"])
        if kind not in ("constant", "cosine"):
            raise ConfigError(f"{name}: {_OPTIMIZER}lr_scheduler_type must be constant or cosine, not {kind!r}")

        def number(key: str) -> float:
            return finite_number(f"{name}: {key}", values[key], ARGPARSE)

        warmup = values.get(f"{_OPTIMIZER}lr_warmup_steps")
        steps = None if warmup is None else whole_setting(f"{name}: lr_warmup_steps", warmup, ARGPARSE)
        ratio = number(f"{_OPTIMIZER}lr_warmup_steps_ratio")
        if steps == 0 and ratio:
            raise ConfigError(
                f"{name}: lr_warmup_steps 0 and lr_warmup_steps_ratio {ratio:g} are read in two ways; keep one"
            )
        low = number(f"{_OPTIMIZER}min_lr_ratio") if f"{_OPTIMIZER}min_lr_ratio" in given else 0.0
        settings = Settings.of(
            name,
            {
                "learning_rate": values[f"{_OPTIMIZER}lr"],
                "warmup_steps": max(0, steps or 0),
                "max_steps": values.get("trainer.total_training_steps"),
                "num_train_epochs": values["trainer.total_epochs"],
                "per_device_train_batch_size": values.get("data.gen_batch_size", values["data.train_batch_size"]),
            },
            ARGPARSE,
            trainer=self.name,
            key=self.key,
            lr_scheduler_type=kind,
            own={"ratio": ratio if steps is None or steps < 0 else 0.0, "low": low},
        )
        absent = {key: value for key, value in _TAKEN.items() if key not in given}
        if settings.max_steps > 0:
            absent = {key: value for key, value in absent.items() if key.startswith(_OPTIMIZER)}
        if steps is not None or f"{_OPTIMIZER}warmup_style" in given:
            absent.pop(
                f"{_OPTIMIZER}lr_warmup_steps_ratio" if steps is not None else f"{_OPTIMIZER}lr_scheduler_type", None
            )
        notes: tuple[str, ...] = (
            "a step is one batch of rollouts: all of its updates have the same rate",
            "prompts that verl filters out as too long are no part of the number of examples",
        )
        if given.get("trainer.critic_warmup", "0") != "0":
            notes += (
                f"the actor and its schedule begin after trainer.critic_warmup {given['trainer.critic_warmup']} steps",
            )
        counts = [str(given.get(f"trainer.{key}", value)) for key, value in (("nnodes", 1), ("n_gpus_per_node", 8))]
        known = all(map(str.isdigit, counts))
        return Reading(
            settings,
            notes=notes,
            defaults=tuple(Default(key, value, "verl's ppo_trainer.yaml") for key, value in absent.items()),
            processes=Processes(
                int(counts[0]) * int(counts[1]) if known else None,
                f"trainer.nnodes {counts[0]} and n_gpus_per_node {counts[1]}",
            ),
        )

    def steps_per_epoch(self, settings: Settings, data: Data, version: str) -> int | None:
        """Whole batches; the rest is dropped."""
        steps = data.examples // settings.per_device_train_batch_size
        if steps == 0 and settings.max_steps <= 0:
            raise ConfigError(
                f"{settings.source}: {data.examples} examples make no batch of {settings.per_device_train_batch_size}"
            )
        return steps or None

    def total_steps(self, settings: Settings, per_epoch: int | None, data: Data | None) -> int:
        """`total_training_steps`, else whole epochs."""
        if settings.max_steps > 0:
            return settings.max_steps
        if per_epoch is None:
            raise UnknownLengthError(
                f"{settings.source}: the length of the run is not known: give the number of prompts (num_examples=..., "
                "--num-examples)"
            )
        return int(settings.num_train_epochs) * per_epoch

    def warmup_steps(self, settings: Settings, max_steps: Real, version: str, data: Data | None = None) -> Real:
        """The steps as given, else the share of the run, rounded down."""
        if settings.own["ratio"]:
            return np.floor(np.asarray(max_steps, np.float64) * settings.own["ratio"]).astype(np.int64)
        return super().warmup_steps(settings, max_steps, version, data)

    def schedule(self, settings: Settings, *, max_steps: Real, warmup_steps: Real, **changes: Real) -> Schedule:
        """A constant rate or a cosine, after a line from 0."""
        rate = changes.get("learning_rate", settings.learning_rate)
        if settings.lr_scheduler_type == "constant":
            return Constant(rate, warmup_steps=warmup_steps)
        return Cosine(rate, max_steps=max_steps, warmup_steps=warmup_steps, min_lr=rate * settings.own["low"])


def _concerns_curve(key: str) -> bool:
    """Whether a key of verl's that is not read, or one that verl does not have, may change the curve or the length."""
    if key.startswith(_OPTIMIZER):
        return key.removeprefix(_OPTIMIZER) not in _OTHERS
    section, _, inner = key.rpartition(".")
    outer = section in ("", "trainer", "data") and key not in _NOT_LENGTHS
    return key.startswith(_LENGTHS) or (outer and concerns_curve(inner))


def _flat(values: Mapping[str, object], above: str = "") -> Iterator[tuple[str, Any]]:
    """Values that a caller gives, by their dotted keys."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
