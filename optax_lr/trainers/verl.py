"""verl: `python -m verl.trainer.main_ppo` with Hydra's `key=value` words, which schedules the actor's rate once for each batch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from optax_lr.numerics import Real
from optax_lr.schedules import Schedule
from optax_lr.sources.marks import is_known, readable
from optax_lr.sources.source import Processes, Source, count_of, product
from optax_lr.trainers.base import Data, Reading, Recognised, Trainer, concerns_curve, part_of
from optax_lr.trainers.curves import decayed
from optax_lr.trainers.keys import Keys, assignments, flattened
from optax_lr.trainers.settings import ARGPARSE, Settings, one_of

_OPTIMIZER = "actor_rollout_ref.actor.optim."
_STEPS, _RATIO = f"{_OPTIMIZER}lr_warmup_steps", f"{_OPTIMIZER}lr_warmup_steps_ratio"
_TAKEN: Mapping[str, object] = {
    f"{_OPTIMIZER}lr": 1e-6,
    f"{_OPTIMIZER}lr_scheduler_type": "constant",
    _RATIO: 0.0,
    "data.train_batch_size": 1024,
    "trainer.total_epochs": 30,
}
_MORE = (
    *(f"{_OPTIMIZER}{name}" for name in ("warmup_style", "lr_warmup_steps", "min_lr_ratio")),
    *("data.gen_batch_size", "trainer.total_training_steps"),
)
# Settings of the actor's optimizer that are not its rate.
_OTHERS = ("weight_decay", "betas", "clip_grad", "optimizer", "optimizer_impl", "total_training_steps")
_LENGTHS = ("trainer.total", "data.train_batch", "data.gen_batch", "data.train_max_samples")
_NOT_LENGTHS = ("trainer.balance_batch", "trainer.nnodes", "trainer.n_gpus_per_node")
_FILES = ("", "ppo_trainer", "ppo_trainer.yaml")


class Verl(Trainer):
    """verl's PPO and GRPO with an FSDP actor.

    Source: `verl.trainer.ppo.ray_trainer`, `verl.workers.fsdp_workers`, `verl.utils.torch_functional`.
    """

    name: ClassVar[str] = "verl"
    title: ClassVar[str] = "verl"
    programs: ClassVar[str] = r"verl\.trainer\.main_ppo"
    no_length: ClassVar[str] = (
        "the length of the run is not known: give the number of prompts (num_examples=..., --num-examples)"
    )
    remedy: ClassVar[str] = "it takes key=value alone; take it out"
    names: ClassVar[frozenset[str]] = frozenset({"learning_rate", "max_steps", "num_train_epochs"})
    renamed: ClassVar[Mapping[str, str]] = {
        "learning_rate": f"{_OPTIMIZER}lr",
        "max_steps": "trainer.total_training_steps",
        "num_train_epochs": "trainer.total_epochs",
        "per_device_train_batch_size": "data.train_batch_size",
        "warmup_steps": _STEPS,
    }

    def read(self, source: Source, found: Recognised) -> Reading:
        """The words of the command; `+` and `++` in front of a key change nothing here."""
        name, options = source.name, source.command.options
        given = assignments(source.positional) | dict(flattened(source.values))
        strategy = str(given.get("actor_rollout_ref.actor.strategy"))
        if str(options.get("config_name", "")) not in _FILES or "megatron" in strategy:
            raise source.error(
                "the defaults of this run are in another config of verl than ppo_trainer, which is not read; write the "
                "schedule with olr.get_scheduler"
            )
        for key, value in given.items():
            if key in _TAKEN or key in _MORE:
                if not is_known(value):
                    raise source.error(
                        f"the script does not say what {key}={readable(value)} is; --set {key}=VALUE gives it"
                    )
            elif _concerns_curve(key):
                raise source.error(f"{key} of verl is not read; write the schedule with olr.get_scheduler")
        self.unknown(source, options, frozenset())
        given = {key: value for key, value in given.items() if value not in ("null", "None")}
        keys = Keys(name, given, ARGPARSE, _TAKEN)
        kind = keys.get(f"{_OPTIMIZER}warmup_style", keys[f"{_OPTIMIZER}lr_scheduler_type"])
        one_of(f"{name}: {_OPTIMIZER}lr_scheduler_type", kind, ("constant", "cosine"))
        steps, ratio = keys.whole(_STEPS, -1), keys.number(_RATIO)
        if steps == 0 and ratio:
            raise source.error(f"lr_warmup_steps 0 and lr_warmup_steps_ratio {ratio:g} are read in two ways; keep one")
        settings = self.settings_of(
            keys,
            {
                "warmup_steps": max(0, steps),
                "per_device_train_batch_size": keys.get("data.gen_batch_size", keys["data.train_batch_size"]),
            },
            lr_scheduler_type=kind,
            own={"ratio": ratio if steps < 0 else 0.0, "low": keys.number(f"{_OPTIMIZER}min_lr_ratio")},
        )
        without = {key for key in _TAKEN if settings.max_steps > 0 and not key.startswith(_OPTIMIZER)}
        if _STEPS in keys:
            without.add(_RATIO)
        elif f"{_OPTIMIZER}warmup_style" in keys:
            without.add(f"{_OPTIMIZER}lr_scheduler_type")
        notes: tuple[str, ...] = (
            "a step is one batch of rollouts: all of its updates have the same rate",
            "prompts that verl filters out as too long are no part of the number of examples",
        )
        if not re.fullmatch(self.programs, source.program_name):
            notes += (f"{source.program_name or 'this'} is not verl's main_ppo, and may have other defaults",)
        own_rates = sorted(key for key in given if key.startswith("critic.optim."))
        if own_rates and keys.get("algorithm.adv_estimator", "gae") == "gae":
            notes += (f"{own_rates[0]}: the critic has a schedule of its own; the plan is the actor's",)
        critic = keys.get("trainer.critic_warmup", "0")
        if critic != "0":
            notes += (f"the actor and its schedule begin after trainer.critic_warmup {critic} steps",)
        nodes, each = (
            str(readable(keys.get(f"trainer.{key}", n))) for key, n in (("nnodes", 1), ("n_gpus_per_node", 8))
        )
        stated = f"trainer.nnodes {nodes} and n_gpus_per_node {each}"
        number = product(count_of(nodes), count_of(each))
        processes = Processes(number or 1, stated if number else f"assumed; the steps do not depend on {stated}")
        return Reading(
            settings,
            notes=notes,
            defaults=keys.defaults("verl's ppo_trainer.yaml", without=without),
            processes=processes,
        )

    def steps_per_epoch(self, settings: Settings, data: Data, version: str) -> int | None:
        """Whole batches; the rest is dropped."""
        steps = data.examples // settings.per_device_train_batch_size
        if steps == 0 and settings.max_steps <= 0:
            raise settings.error(f"{data.examples} examples make no batch of {settings.per_device_train_batch_size}")
        return steps or None

    def counted(self, settings: Settings, data: Data | None, processes: int) -> Settings:
        """The settings with the steps after which the epochs are over, if they are known."""
        epochs = int(settings.num_train_epochs)
        ends = 0 if data is None else epochs * (data.examples // settings.per_device_train_batch_size)
        return settings.also(ends=ends)

    def notes(self, settings: Settings, max_steps: int, version: str) -> tuple[str, ...]:
        """A note where the epochs end before the schedule does."""
        ends = settings.own["ends"]
        return (f"the run ends with its epochs, after {ends} of these steps",) if 0 < ends < max_steps else ()

    def warmup_steps(self, settings: Settings, max_steps: Real, version: str, data: Data | None = None) -> Real:
        """The steps as given, else the share of the run, rounded down."""
        if settings.own["ratio"]:
            return part_of(max_steps, settings.own["ratio"])
        return super().warmup_steps(settings, max_steps, version, data)

    def schedule(self, settings: Settings, *, max_steps: Real, warmup_steps: Real, **changes: Real) -> Schedule:
        """A constant rate or a cosine, after a line from 0."""
        rate, shape = changes.get("learning_rate", settings.learning_rate), settings.lr_scheduler_type
        return decayed(shape, rate, end=max_steps, warmup=warmup_steps, low=rate * settings.own["low"])


def _concerns_curve(key: str) -> bool:
    """Whether a key of verl's that is not read, or one that verl does not have, may change the curve or the length."""
    if key.startswith(_OPTIMIZER):
        return key.removeprefix(_OPTIMIZER) not in _OTHERS
    section, _, inner = key.rpartition(".")
    outer = section in ("", "trainer", "data") and key not in _NOT_LENGTHS
    return key.startswith(_LENGTHS) or (outer and concerns_curve(inner))
