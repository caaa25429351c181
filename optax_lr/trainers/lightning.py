"""Lightning: a module in a Python script, whose scheduler its `Trainer` steps once an epoch or at each update."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from optax_lr.numerics import Real
from optax_lr.schedules import OneCycle, Schedule
from optax_lr.schedules.compositions import Every
from optax_lr.sources.errors import UnknownLengthError
from optax_lr.sources.python.constructors import FUNCTIONS, LIGHTNING, OPTIMIZERS, RENAMED
from optax_lr.sources.python.lightning_run import NUMBERS, TRAINER_KEYS
from optax_lr.sources.python.syntax import UnknownError
from optax_lr.sources.source import Source
from optax_lr.trainers.base import Data, Reading, Recognised, Trainer, like
from optax_lr.trainers.keys import Default
from optax_lr.trainers.optimizers import Optimizers
from optax_lr.trainers.scheduler_functions import SchedulerFunctions
from optax_lr.trainers.settings import MOST_STEPS, STRICT, Settings, finite_number, one_of, whole_setting
from optax_lr.trainers.torch_schedules import TorchSchedules

_DEFAULT_EPOCHS = 1000
_BATCHES = ("batch_size", "drop_last", "limit_train_batches")
_UPDATES = (*_BATCHES, "accumulate_grad_batches")
_OF_FUNCTION = {"lr_scheduler_kwargs", "lr_scheduler_type", "learning_rate"}


class _Inner(NamedTuple):
    """The schedule in its own steps: who reads it, and what was read."""

    trainer: Trainer
    reading: Reading


class Lightning(Trainer):
    """A LightningModule with its `Trainer`.

    Source: `lightning.pytorch.loops.training_epoch_loop._update_learning_rates`, `Trainer.estimated_stepping_batches`.
    """

    name = "lightning"
    title = "Lightning"
    renamed = {
        "num_train_epochs": "max_epochs",
        "per_device_train_batch_size": "batch_size",
        "gradient_accumulation_steps": "accumulate_grad_batches",
        "dataloader_drop_last": "drop_last",
    }

    def recognise(self, source: Source) -> Recognised | None:
        """Recognise a module of a script."""
        return Recognised(self.name, "its LightningModule") if source.constructor == LIGHTNING else None

    def decides(self, key: str, values: Mapping[str, object]) -> bool:
        """Every argument of the schedule does; what decides the length is asked for where that is computed."""
        return key not in TRAINER_KEYS

    def read(self, source: Source, found: Recognised) -> Reading:
        """The arguments of the schedule, of the Trainer and of its data loader."""
        name, given = source.name, source.given
        for key in ("max_epochs", "max_steps", "frequency"):
            whole_setting(f"{name}: {key}", given.get(key, 1))
        interval = one_of(f"{name}: interval", given.get("interval", "step"), ("step", "epoch"))
        frequency, most, epochs = given.get("frequency", 1), given.get("max_steps", -1), given.get("max_epochs", -1)
        if frequency < 1 or (interval == "step" and frequency > 1):
            raise source.error(
                f"frequency {frequency} with interval: {interval} is not read; write the schedule in Python with the classes of olr"
            )
        unstated = {key: source.unknown[key] for key in TRAINER_KEYS & source.unknown.keys() - given.keys()}
        defaults: tuple[Default, ...] = ()
        if "max_epochs" not in given and most < 0 and not {"max_epochs", "max_steps"} & unstated.keys():
            epochs, defaults = _DEFAULT_EPOCHS, (Default("max_epochs", _DEFAULT_EPOCHS, "Lightning's Trainer"),)
        computed = {key: made for key, made in source.computed.items() if key not in given}

        def inner(examples: int | None, numbers: Mapping[str, object]) -> _Inner:
            return _inner(source, {key: made.of(examples, numbers) for key, made in computed.items()})

        settings = Settings.of(
            name,
            {
                "learning_rate": given.get("learning_rate", given.get("max_lr", 0.0)),
                "max_steps": most if epochs == -1 and "max_epochs" not in unstated else -1,
                "num_train_epochs": epochs,
                **{ours: given.get(theirs) for ours, theirs in self.renamed.items() if theirs != "max_epochs"},
            },
            STRICT,
            key=self.key,
            trainer=self.name,
            lr_scheduler_type=given.get("lr_scheduler_type", given["schedule"].rpartition(".")[2]),
            own={
                "inner": inner,
                "texts": {key: made.text for key, made in computed.items()},
                "unstated": unstated,
                "interval": interval,
                "frequency": frequency,
                "most": most,
                "limit": finite_number(f"{name}: limit_train_batches", given.get("limit_train_batches", 1.0)),
            },
        )
        notes: tuple[str, ...] = ()
        if "interval" in given:
            each = "at each update" if interval == "step" else "once an epoch"
            why = f"by interval: {interval}" if "interval" in source.lines else "as nothing says interval: step"
            notes = (f"Lightning steps {given['schedule'].rpartition('.')[2]} {each}, {why}",)
        if not computed:
            notes += tuple(note for note in inner(None, {}).reading.notes if "scheduler.step()" not in note)
        return Reading(settings, notes=notes, defaults=defaults)

    # --- steps ---

    def counted(self, settings: Settings, data: Data | None, processes: int) -> Settings:
        """The settings with the batches of the loader, those of an epoch of one process, and the updates in it.

        Source: `lightning.pytorch.loops.fit_loop.setup_data`, which shares the examples by a `DistributedSampler`.
        """
        own, unstated = settings.own, settings.own["unstated"]
        limit = own["limit"] if "limit_train_batches" not in unstated else None
        loader = batches = None
        if data is not None and not {"batch_size", "drop_last"} & unstated.keys():
            loader = _batches(settings, data.examples)
            batches = _batches(settings, -(-data.examples // data.processes))
        if isinstance(limit, int):
            batches = limit if batches is None else min(batches, limit)
        elif batches is not None:
            batches = None if limit is None else int(batches * limit)
        if batches == 0:
            raise settings.error("an epoch has no batch; give the right number of examples, or a smaller batch_size")
        group = settings.gradient_accumulation_steps
        each = None if batches is None or "accumulate_grad_batches" in unstated else -(-batches // group)
        return settings.also(loader=loader, each=each, examples=None if data is None else data.examples)

    def steps_per_epoch(self, settings: Settings, data: Data, version: str) -> int | None:
        """Updates of one epoch, whose last one may have fewer batches than `accumulate_grad_batches`."""
        each: int | None = settings.own["each"]
        return each

    def total_steps(self, settings: Settings, per_epoch: int | None, data: Data | None, version: str) -> int:
        """The updates of all epochs, at most `max_steps`."""
        if settings.max_steps > 0:
            return settings.max_steps
        own = settings.own
        if own["each"] is None or {"max_epochs", "max_steps"} & own["unstated"].keys():
            raise _unstated(settings, "the length of the run", ("max_epochs", "max_steps", *_UPDATES), length=True)
        steps: int = int(settings.num_train_epochs) * own["each"]
        if not 0 < steps <= MOST_STEPS:
            raise settings.error(f"max_epochs {settings.num_train_epochs:g} makes {steps} steps; give --max-steps")
        return min(steps, own["most"]) if own["most"] > 0 else steps

    def _unit(self, settings: Settings) -> int:
        """The updates between two steps of the scheduler."""
        if settings.own["interval"] == "step":
            return 1
        each: int | None = settings.own["each"]
        if each is None:
            raise _unstated(settings, "a scheduler that Lightning steps once an epoch", _UPDATES)
        frequency: int = settings.own["frequency"]
        return each * frequency

    # --- the schedule ---

    def _inner(self, settings: Settings, max_steps: int) -> _Inner:
        """The schedule in its own steps, in a run of that many updates."""
        own, unstated = settings.own, settings.own["unstated"]
        known = {
            "max_epochs": int(settings.num_train_epochs),
            "max_steps": own["most"],
            "accumulate_grad_batches": settings.gradient_accumulation_steps,
            "loader_batches": own["loader"],
            "estimated_stepping_batches": max_steps,
        }
        numbers = {
            text: known[name] for text, name in NUMBERS.items() if known[name] is not None and name not in unstated
        }
        try:
            made: _Inner = own["inner"](own["examples"], numbers)
        except UnknownError:
            what = " and ".join(f"{key}={text}" for key, text in own["texts"].items())
            raise _unstated(settings, what, ("max_epochs", "max_steps", *_UPDATES)) from None
        return made

    def warmup_steps(self, settings: Settings, max_steps: Real, version: str, data: Data | None = None) -> Real:
        """The updates in which the rate rises at first."""
        (trainer, reading), unit = self._inner(settings, int(max_steps)), self._unit(settings)
        inner = reading.settings
        length = inner.max_steps if inner.max_steps > 0 else max(1, int(max_steps) // unit)
        return like(max_steps, int(trainer.warmup_steps(inner, length, version)) * unit)

    def schedule(self, settings: Settings, *, max_steps: Real, warmup_steps: Real, **changes: Real) -> Schedule:
        """The schedule; one that is stepped once an epoch is held for the epoch."""
        (trainer, reading), unit = self._inner(settings, int(max_steps)), self._unit(settings)
        inner, calls = reading.settings, int(max_steps) // unit
        length = inner.max_steps if inner.max_steps > 0 else max(1, calls)
        made = trainer.schedule(inner, max_steps=length, warmup_steps=int(warmup_steps) // unit, **changes)
        if isinstance(made, OneCycle) and calls > int(made.total_steps):
            ends = f"OneCycleLR has {int(made.total_steps):,} steps, and torch stops the run at the next"
            raise settings.error(f"{ends}; this run steps it {calls:,} times")
        return made if settings.own["interval"] == "step" else Every(made, steps=unit)


def _batches(settings: Settings, examples: int) -> int:
    """The batches of a loader."""
    batch = settings.per_device_train_batch_size
    return examples // batch if settings.dataloader_drop_last else -(-examples // batch)


def _unstated(settings: Settings, what: str, keys: Iterable[str], *, length: bool = False) -> UnknownLengthError:
    """The error where numbers of the run are not known: which, and how to give them."""
    unstated = {key: settings.own["unstated"][key] for key in keys if key in settings.own["unstated"]}
    shown = ", ".join(f"{key} ({text})" for key, text in unstated.items())
    ways = [f"--set {key}=VALUE" for key in unstated]
    if settings.own["examples"] is None:
        ways.append("the number of training examples (num_examples=..., --num-examples)")
    ends = ", or the length of the run (max_steps=..., --max-steps)" if length else ""
    needs = f"{what} needs {shown or 'the batches of an epoch'}"
    return UnknownLengthError(f"{settings.source}: {needs}; give {' and '.join(ways) or 'it'}{ends}")


def _inner(source: Source, computed: Mapping[str, object]) -> _Inner:
    """The schedule in its own steps, with the values that the run decides."""
    made: dict[str, Any] = {**source.given, **computed}
    constructor = made.pop("schedule")
    values = {key: value for key, value in made.items() if key not in (*TRAINER_KEYS, "interval", "frequency")}
    trainer: Trainer = TorchSchedules()
    if constructor in OPTIMIZERS:
        trainer = Optimizers()
    elif constructor.rpartition(".")[2] in FUNCTIONS:
        trainer = SchedulerFunctions()
        values = {RENAMED.get(key, key): value for key, value in values.items()}
        own = _OF_FUNCTION | {"max_steps", "warmup_steps"}
        others = {key: value for key, value in values.items() if key not in own}
        keywords = {**values.get("lr_scheduler_kwargs", {}), **others}
        values = {key: value for key, value in values.items() if key in own} | (
            {"lr_scheduler_kwargs": keywords} if keywords else {}
        )
    inner = dataclasses.replace(source, constructor=constructor, values=values, unknown={}, notes=())
    return _Inner(trainer, trainer.read(inner, Recognised(trainer.name, "")))
