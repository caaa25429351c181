"""torchtune: recipes with `_component_`, `tune run` with `key=value` words, and the cosine of its LoRA and full recipes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import ClassVar

from optax_lr.numerics import Real
from optax_lr.schedules import Constant, Cosine, Schedule
from optax_lr.sources.errors import ConfigError, UnknownLengthError
from optax_lr.sources.source import Source
from optax_lr.text import words
from optax_lr.trainers.base import Data, Default, Reading, Recognised, Trainer, unknown_keys
from optax_lr.trainers.settings import PYDANTIC, Settings, finite_number, whole_setting

_COSINE = "get_cosine_schedule_with_warmup"
# Arguments of the scheduler; the recipe gives the last two itself, whatever the config says.
_ARGUMENTS = words("_component_ num_warmup_steps num_cycles num_training_steps last_epoch")
_KEYS = words(
    "batch_size optimizer epochs gradient_accumulation_steps max_steps_per_epoch lr_scheduler optimizer_in_bwd"
)


class Torchtune(Trainer):
    """torchtune's fine-tuning recipes, whose loaders drop the last batch and whose groups are rounded down.

    Source: `recipes/full_finetune_distributed.py`, `torchtune.training.lr_schedulers`.
    """

    name: ClassVar[str] = "torchtune"
    title: ClassVar[str] = "torchtune"
    covers: ClassVar[frozenset[str]] = frozenset({"hf", "axolotl", "deepspeed", "trl"})
    varies: ClassVar[bool] = True
    renamed: ClassVar[Mapping[str, str]] = {
        "learning_rate": "optimizer.lr",
        "lr_scheduler_type": "lr_scheduler._component_",
        "num_train_epochs": "epochs",
        "per_device_train_batch_size": "batch_size",
        "warmup_steps": "lr_scheduler.num_warmup_steps",
    }

    def recognise(self, source: Source) -> Recognised | None:
        """Recognise `tune run`, or a `_component_` of torchtune."""
        if source.program is not None:
            return Recognised(self.name, "the command tune run") if source.program.name == "tune run" else None
        components = [
            value["_component_"]
            for value in source.given.values()
            if isinstance(value, Mapping) and "_component_" in value
        ]
        if components:
            return Recognised(self.name, f"its _component_ {components[0]}")
        return None

    def config_file(self, source: Source) -> str | None:
        """The YAML of `--config`; a shipped one is named without a suffix."""
        value = source.program.options.get("config") if source.program is not None else None
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, str) and not value.endswith((".yaml", ".yml")):
            raise ConfigError(
                f"{source.name}: {value} is a recipe that torchtune ships; copy it with `tune cp {value} F.yaml` and read that file"
            )
        return value if isinstance(value, str) else None

    def merged(self, file: Mapping[str, object], source: Source) -> dict[str, object]:
        """The recipe with the words `key=value` and without those of `~key`."""
        assert source.program is not None
        values = copy.deepcopy(dict(file))
        config = source.program.options.get("config")
        words = [*source.program.positional, *(config[1:] if isinstance(config, list) else ())]
        for word in words:
            key, equals, value = word.partition("=")
            *sections, name = key.removeprefix("~").split(".")
            inner: object = values
            for section in sections:
                inner = inner.setdefault(section, {}) if isinstance(inner, dict) else {}
            if word.startswith("~") and isinstance(inner, dict):
                inner.pop(name, None)
            elif equals and isinstance(inner, dict):
                inner[name] = None if value in ("null", "None") else value
        return values

    def read(self, source: Source, found: Recognised) -> Reading:
        """The recipe's optimizer, scheduler and length."""
        name, values = source.name, source.values
        if source.program is not None and self.config_file(source) is None:
            raise ConfigError(f"{name}: tune run without --config cannot be read")
        optimizer = values.get("optimizer")
        if not isinstance(optimizer, Mapping) or optimizer.get("lr") is None:
            raise ConfigError(f"{name}: optimizer.lr is not in the recipe")
        if (
            any(values.get(key) for key in ("ppo_epochs", "num_generations", "group_size", "grpo_samples"))
            or "forward_batch_size" in values
        ):
            raise ConfigError(
                f"{name}: torchtune's recipes of PPO and GRPO are not read; give olr.Cosine their numbers"
            )
        options = {} if source.program is None else source.program.options
        remedy = "the recipe may be one of your own; take it out, or write the schedule in Python"
        unknown_keys(name, {**values, **options}, _KEYS, "torchtune's recipes", remedy=remedy)
        unknown_keys(name, optimizer, frozenset({"lr"}), "torchtune's optimizers", remedy=remedy, section="optimizer")
        scheduler = values.get("lr_scheduler")
        own: dict[str, object] = {"limit": None}
        kind, warmup = "constant", 0
        defaults = []
        if isinstance(scheduler, Mapping) and scheduler.get("_component_"):
            kind = str(scheduler["_component_"])
            if not kind.endswith(_COSINE):
                raise ConfigError(f"{name}: lr_scheduler {kind} is not read; torchtune's own is {_COSINE}")
            kind = "cosine"
            for key in scheduler:
                if key not in _ARGUMENTS:
                    raise ConfigError(
                        f"{name}: lr_scheduler.{key} is not an argument of torchtune's {_COSINE}; take it out"
                    )
            warmup = whole_setting(
                f"{name}: lr_scheduler.num_warmup_steps", scheduler.get("num_warmup_steps", 0), PYDANTIC
            )
            own["cycles"] = finite_number(
                f"{name}: lr_scheduler.num_cycles", scheduler.get("num_cycles", 0.5), PYDANTIC
            )
        else:
            defaults.append(Default("lr_scheduler", "none: a constant rate", "torchtune's full recipes"))
        if values.get("max_steps_per_epoch") is not None:
            own["limit"] = whole_setting(f"{name}: max_steps_per_epoch", values["max_steps_per_epoch"], PYDANTIC)
        for key in ("epochs", "batch_size"):
            if values.get(key) is None:
                raise ConfigError(f"{name}: {key} is not in the recipe, and torchtune has no default for it")
        if values.get("gradient_accumulation_steps") is None:
            defaults.append(Default("gradient_accumulation_steps", 1, "this reader; torchtune's recipes state it"))
        taken = {
            "learning_rate": optimizer["lr"],
            "warmup_steps": warmup,
            "num_train_epochs": values["epochs"],
            "per_device_train_batch_size": values["batch_size"],
            "gradient_accumulation_steps": values.get("gradient_accumulation_steps"),
        }
        settings = Settings.of(name, taken, PYDANTIC, trainer=self.name, key=self.key, lr_scheduler_type=kind, own=own)
        dataset = values.get("dataset")
        packed = isinstance(dataset, Mapping) and dataset.get("packed") in (True, "True", "true")
        notes = ("dataset.packed: the number of examples is that of the packs",) if packed else ()
        return Reading(settings, (), notes, tuple(defaults))

    def steps_per_epoch(self, settings: Settings, data: Data, version: str) -> int | None:
        """Each rank's batches without the last short one, in groups that are rounded down."""
        batches = -(-data.examples // data.processes) // settings.per_device_train_batch_size
        steps = batches // settings.gradient_accumulation_steps
        limit = settings.own["limit"]
        steps = steps if limit is None or limit == 0 else min(steps, int(limit))
        if steps == 0:
            raise ConfigError(
                f"{settings.source}: {data.examples} examples on {data.processes} processes make no update in an epoch"
            )
        return steps

    def total_steps(self, settings: Settings, per_epoch: int | None, data: Data | None) -> int:
        """Whole epochs."""
        if settings.max_steps > 0:  # given by the caller
            return settings.max_steps
        if per_epoch is None:
            raise UnknownLengthError(
                f"{settings.source}: the length of the run is not known: give the number of training examples (num_examples=..., "
                "--num-examples)"
            )
        return int(settings.num_train_epochs) * per_epoch

    def schedule(self, settings: Settings, *, max_steps: Real, warmup_steps: Real, **changes: Real) -> Schedule:
        """transformers' cosine, or a constant rate."""
        rate = changes.get("learning_rate", settings.learning_rate)
        if settings.lr_scheduler_type == "constant":
            return Constant(rate)
        return Cosine(rate, max_steps=max_steps, warmup_steps=warmup_steps, num_cycles=settings.own["cycles"])
