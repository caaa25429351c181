"""torchtune: recipes with `_component_`, `tune run` with `key=value` words, and the cosine of its LoRA and full recipes."""

from __future__ import annotations

import math
from collections.abc import Mapping

from optax_lr.numerics import Real
from optax_lr.schedules import Constant, Cosine, Schedule
from optax_lr.sources.source import Source
from optax_lr.text import words
from optax_lr.trainers.base import Data, Reading, Recognised, Trainer, too_few
from optax_lr.trainers.keys import Default, Keys, with_places
from optax_lr.trainers.settings import PYDANTIC, YES, Settings
from optax_lr.trainers.usual_names import state_with

_COSINE = "get_cosine_schedule_with_warmup"
# Arguments of the scheduler; the recipe gives the last two itself, whatever the config says.
_ARGUMENTS = words("_component_ num_warmup_steps num_cycles num_training_steps last_epoch")
_REINFORCED = ("ppo_epochs", "num_generations", "group_size", "grpo_samples", "forward_batch_size")
_KEYS = words(
    "batch_size optimizer epochs gradient_accumulation_steps max_steps_per_epoch lr_scheduler optimizer_in_bwd "
    "fake_quant_after_n_steps"
)


_PARALLEL = ("tensor_parallel_dim", "context_parallel_dim")


class Torchtune(Trainer):
    """torchtune's fine-tuning recipes, whose loaders drop the last batch and whose groups are rounded down.

    Source: `recipes/full_finetune_distributed.py`, `torchtune.training.lr_schedulers`.
    """

    name = "torchtune"
    title = "torchtune"
    covers = frozenset({"hf", "axolotl", "deepspeed", "trl"})
    fine_tunes = True
    varies = True
    omegaconf = True
    programs = "tune run"
    not_training = {"tune": words("cat cp download ls validate")}
    no_length = (
        "the length of the run is not known: give the number of training examples (num_examples=..., --num-examples)"
    )
    names = words("learning_rate num_train_epochs per_device_train_batch_size gradient_accumulation_steps")
    elsewhere = " but of a recipe of your own"
    renamed = {
        "learning_rate": "optimizer.lr",
        "lr_scheduler_type": "lr_scheduler._component_",
        "num_train_epochs": "epochs",
        "per_device_train_batch_size": "batch_size",
        "warmup_steps": "lr_scheduler.num_warmup_steps",
    }

    def evidence(self, source: Source) -> str | None:
        sections = [value for value in source.given.values() if isinstance(value, Mapping)]
        components = [section["_component_"] for section in sections if "_component_" in section]
        return f"its _component_ {components[0]}" if components and source.program is None else None

    def config_file(self, source: Source) -> str | None:
        """The YAML of `--config`; a shipped one is named without a suffix."""
        value = next(iter(_config_words(source)), None)
        if isinstance(value, str) and not value.endswith((".yaml", ".yml")):
            copy = f"copy it with `tune cp {value} F.yaml`, and read that"
            raise source.error(f"{value} is a recipe that torchtune ships; {copy}")
        return value if isinstance(value, str) else None

    def merged(self, file: Mapping[str, object], source: Source) -> dict[str, object]:
        given: dict[str, str | None] = {}
        for word in [*source.positional, *_config_words(source)[1:]]:
            key, equals, value = word.partition("=")
            if equals or word.startswith("~"):
                given[key.removeprefix("~")] = None if word.startswith("~") or value in ("null", "None") else value
        return with_places(file, given)

    def read(self, source: Source, found: Recognised) -> Reading:
        values = source.values
        if source.program is not None and self.config_file(source) is None:
            raise source.error("tune run without --config cannot be read")
        sections = {name: inner for name, inner in values.items() if isinstance(inner, Mapping)}
        inside = {f"{name}.{key}": value for name, inner in sections.items() for key, value in inner.items()}
        keys = Keys(source.name, {**values, **inside}, PYDANTIC)
        if "optimizer.lr" not in keys:
            raise source.error("optimizer.lr is not in the recipe; give it with --set optimizer.lr=VALUE")
        if any(values.get(key) for key in _REINFORCED):
            raise source.error(f"torchtune's recipes of PPO and GRPO are not read; {state_with(source)}")
        self.unknown(source, {**values, **source.command.options}, _KEYS)
        self.unknown(source, sections["optimizer"], frozenset({"lr"}), section="optimizer")
        component, defaults = str(keys.get("lr_scheduler._component_") or ""), []
        if not component.endswith(_COSINE if component else ""):
            raise source.error(f"lr_scheduler {component} is not read; torchtune's own is {_COSINE}")
        for key in sections["lr_scheduler"] if component else ():
            if key not in _ARGUMENTS:
                raise source.error(f"lr_scheduler.{key} is not an argument of torchtune's {_COSINE}; take it out")
        if not component:
            defaults.append(Default("lr_scheduler", "none: a constant rate", "torchtune's full recipes"))
        for key in ("epochs", "batch_size"):
            if key not in keys:
                raise source.error(
                    f"{key} is not in the recipe, and torchtune has no default for it; give it with --set {key}=VALUE"
                )
        if "gradient_accumulation_steps" not in keys:
            defaults.append(Default("gradient_accumulation_steps", 1, "this reader; torchtune's recipes state it"))
        group = math.prod(keys.whole(key, 1) for key in _PARALLEL)
        settings = self.settings_of(
            keys,
            {"warmup_steps": keys.whole("lr_scheduler.num_warmup_steps") if component else 0},
            lr_scheduler_type="cosine" if component else "constant",
            own={
                "cycles": keys.number("lr_scheduler.num_cycles", 0.5) if component else 0.0,
                "limit": keys.whole("max_steps_per_epoch"),  # 0 for none
                "group": group,
            },
        )
        notes = []
        if keys.get("dataset.packed") in YES:
            notes.append("dataset.packed: the number of examples is that of the packs")
        if group > 1:
            notes.append(f"groups of {group} processes have the same examples, by {' and '.join(_PARALLEL)}")
        return Reading(settings, (), tuple(notes), tuple(defaults))

    def steps_per_epoch(self, settings: Settings, data: Data, version: str) -> int | None:
        """Each rank's batches without the last short one, in groups that are rounded down."""
        group: int = settings.own["group"]
        if data.processes > 1 and data.processes % group:
            raise settings.error(f"{data.processes} processes cannot be divided into the recipe's groups of {group}")
        shares = max(1, data.processes // group)
        batch, accumulated = settings.per_device_train_batch_size, settings.gradient_accumulation_steps
        steps: int = -(-data.examples // shares) // batch // accumulated
        if steps == 0:
            raise too_few(settings, data, batch * accumulated)
        return min(steps, settings.own["limit"] or steps)

    def curve(self, settings: Settings, rate: Real, steps: Real, warmup: Real) -> Schedule:
        if settings.lr_scheduler_type == "constant":
            return Constant(rate)
        return Cosine(rate, max_steps=steps, warmup_steps=warmup, num_cycles=settings.own["cycles"])


def _config_words(source: Source) -> list[str]:
    """The file of `--config`, and the words `key=value` behind it."""
    value = source.command.options.get("config", [])
    return value if isinstance(value, list) else [value]
