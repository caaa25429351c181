"""What a training config comes to, once it is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from optax_lr.configs.plan import Plan, make_plan
from optax_lr.trainers.settings import Settings


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """A training config, as its trainer understands it.

    Fields:
        source: where it came from: the path, `<mapping>` or `<command line>`.
        values: every key of the file, as parsed.
        settings: what decides the schedule, checked, with the trainer's defaults for what is not there.
        dialect: whose config it is: `llamafactory`, `llamafactory-ui` (saved by its web UI), `llamafactory-v1`, `hf`
            (transformers and TRL), `axolotl` or `deepspeed`.
        recognized_by: which keys or what file told the dialect.
        section: under which keys the trainer's own stand, such as `("training",)`; `()` where they are at the top.
        ignored: keys that are there and that the trainer silently passes over, each with the reason.
        lines: the line of each key in the file, from 1, nested keys dotted; empty for a mapping.
        notes: what the reader took for granted; a line each.
    """

    source: str
    values: Mapping[str, Any]
    settings: Settings
    dialect: str = "llamafactory"
    recognized_by: str = ""
    section: tuple[str, ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    lines: Mapping[str, int] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def plan(
        self,
        *,
        num_examples: int | None = None,
        world_size: int = 1,
        transformers_version: str | None = None,
        max_steps: int | None = None,
    ) -> Plan:
        """The steps and the schedule of the run, by the trainer's own arithmetic.

        Args:
            num_examples: training examples, before `max_samples` caps them and `val_size` takes its part; of packed data,
                the packed rows. Not needed where the file gives `max_steps`.
            world_size: processes that train together, each on its own part of a batch.
            transformers_version: whose rules hold for `warmup_ratio` beside `warmup_steps`; by default the newest that
                the trainer takes: 5.8.0 for LLaMA-Factory, else 5.24.0. From 5.15 on, `warmup_ratio` is refused by
                transformers; it is still read here as 5.0 to 5.14 did, and `Plan.notes` says so.
            max_steps: the length, in place of what the config says.

        Errors: `ConfigError` where the length cannot be known, or the trainer would refuse the setting.

        Source: `transformers.Trainer.set_initial_training_values`, `TrainingArguments.get_warmup_steps`.

        >>> config = read_config({"learning_rate": 1e-4, "lr_scheduler_type": "cosine", "warmup_steps": 0.1})
        >>> plan = config.plan(num_examples=1000)
        >>> plan.max_steps, plan.warmup_steps, plan.steps_per_epoch
        (375, 38, 125)
        """
        return make_plan(
            self.settings,
            self.source,
            num_examples=num_examples,
            world_size=world_size,
            transformers_version=transformers_version,
            max_steps=max_steps,
        )
