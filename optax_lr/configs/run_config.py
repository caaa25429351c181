"""`RunConfig`: a training config, once it is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from optax_lr.configs.plan import Facts, Plan, make_plan
from optax_lr.configs.private import both, shown_notes
from optax_lr.sources.errors import ConfigError, UnknownLengthError
from optax_lr.sources.source import Form, Length, Processes
from optax_lr.trainers import Default, Settings


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """A training config, as its trainer understands it.

    Fields:
        source: the path, `<mapping>` or `<command line>`.
        values: every key of the file, as parsed.
        settings: the checked settings of the schedule, with the trainer's defaults for those that are not given.
        trainer: the trainer of the config, such as `hf` (transformers), `trl`, `llamafactory` or `axolotl`.
        recognized_by: the evidence for the trainer.
        section: the keys above the trainer's own, such as `("training",)`; `()` if they are at the top level.
        ignored: keys without effect, each with the reason.
        lines: the line of each key in the file, from 1, nested keys dotted; empty for a mapping.
        notes: what the reader assumed; a line each.
        defaults: values that the file does not state, each with the owner of the default.
        processes: the number of processes that the file starts; None if it does not state it.
        examples: the number of training examples that a script selects, which a plan takes if it is given none.
        version: the version of transformers that the file names, whose rules a plan applies; empty for none.
        per_epoch: about the number of steps of an epoch, by the table of results in a model card.
        alone: keys whose values are those of one process, each with the place where a script changes it in several.
        unknown: keys that the trainer is not known to have and that do not concern the curve.
        refused: the keys in `unknown` that stop the trainer with an error.
        form: the format of the file, such as `yaml` or `python`.
        lost: the keys of `values` that the trainer does not have.
        open: lengths that a script computes from its data or that it does not state.
        reread: the config with values for `open`; None if nothing is open.
        named: the other file that the config or command names and whose settings these are.
        copy: the same config with placeholders for the private texts of that file, from which messages are made.
    """

    source: str
    values: Mapping[str, object]
    settings: Settings
    trainer: str = "hf"
    recognized_by: str = ""
    section: tuple[str, ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    lines: Mapping[str, int] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    defaults: tuple[Default, ...] = ()
    processes: Processes | None = None
    examples: int | None = None
    version: str = ""
    per_epoch: int | None = None
    alone: Mapping[str, str] = dataclasses.field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    form: Form = "mapping"
    lost: tuple[str, ...] = ()
    open: Mapping[str, Length] = dataclasses.field(default_factory=dict)
    reread: Callable[[Mapping[str, object]], RunConfig] | None = None
    named: str = ""
    copy: RunConfig | None = dataclasses.field(default=None, repr=False, compare=False)

    def resolved(self, num_examples: int | None, max_steps: int | None = None) -> RunConfig:
        """The config with the lengths that a script computes from its data, for that many examples.

        Raises:
            UnknownLengthError: where a length is not known yet.
        """
        if self.reread is None:
            return self
        values: dict[str, object] = {}
        for key, length in self.open.items():
            if key == "max_steps" and max_steps is not None:
                values[key] = max_steps
            elif length.of_steps is not None and max_steps is not None:
                values[key] = length.of_steps(max_steps)
            elif length.of_examples is None:
                what = f"{self.source}: {key} is {length.text}, which is not a literal"
                whose = " of the schedule" if self.trainer == "get_scheduler" else ""  # whose run may be shorter
                raise UnknownLengthError(f"{what}; give the length{whose} (max_steps=..., --max-steps)")
            elif num_examples is None:
                raise UnknownLengthError(
                    f"{self.source}: {key} is {length.text}; give the number of training examples (num_examples=..., "
                    "--num-examples)"
                )
            else:
                values[key] = length.of_examples(num_examples)
        return self.reread(values)

    def plan(
        self,
        *,
        num_examples: int | None = None,
        world_size: int | None = None,
        transformers_version: str | None = None,
        max_steps: int | None = None,
    ) -> Plan:
        """The steps and the schedule of the run, by the trainer's own arithmetic.

        Args:
            num_examples: training examples, by default those that a script selects, before `max_samples` caps them and
                `val_size` takes its part; of packed data, the packed rows. Not needed where the file gives `max_steps`.
            world_size: processes that train together, each on its own part of a batch. By default the number that the
                launcher in the file starts, else 1; `Plan.world_size_from` says which.
            transformers_version: whose rules apply to `warmup_ratio` with `warmup_steps`; by default the one that a model
                card names, else the newest that the trainer takes: 5.8.0 for LLaMA-Factory, 5.24.0 for the others. From 5.15
                on, `warmup_ratio` is refused by transformers; it is still read here as 5.0 to 5.14 did, and `Plan.notes`
                says so.
            max_steps: the length, in place of what the config says.

        Raises:
            ConfigError: where the length cannot be known, or the trainer would refuse the setting.

        Source: `transformers.Trainer.set_initial_training_values`, `TrainingArguments.get_warmup_steps`.

        >>> config = read_config({"learning_rate": 1e-4, "lr_scheduler_type": "cosine", "warmup_steps": 0.1})
        >>> plan = config.plan(num_examples=1000)
        >>> plan.max_steps, plan.warmup_steps, plan.steps_per_epoch
        (375, 38, 125)
        >>> [default.key for default in plan.defaults]
        ['num_train_epochs', 'per_device_train_batch_size', 'gradient_accumulation_steps']
        """
        facts: Facts = {
            "num_examples": self.examples if num_examples is None else num_examples,
            "world_size": world_size,
            "transformers_version": transformers_version,
            "max_steps": max_steps,
        }
        if self.copy is None:
            return self._plan(facts)
        copy = self.copy
        plan, other = both(lambda: self._plan(facts), lambda: copy._plan(facts), self.named, self.source)
        notes = shown_notes(self.named, plan.notes, () if other is None else other.notes)
        return dataclasses.replace(plan, notes=notes)

    def _plan(self, facts: Facts) -> Plan:
        config = self.resolved(facts["num_examples"], facts["max_steps"])
        version = facts["transformers_version"] or self.version or None
        try:
            plan = make_plan(
                config.settings,
                num_examples=facts["num_examples"],
                world_size=facts["world_size"],
                transformers_version=version,
                max_steps=facts["max_steps"],
                processes=self.processes,
                defaults=self.defaults if version is None else tuple(one.in_version(version) for one in self.defaults),
            )
        except UnknownLengthError as error:
            raise UnknownLengthError(f"{error}{self._length_by_table()}") from None
        for key, place in self.alone.items():
            if plan.world_size > 1 and not (key == "max_steps" and facts["max_steps"]):
                raise ConfigError(
                    f"{self.source}: {key} changes in {place}, for {plan.world_size} processes; give the value that it has "
                    f"then with --set {key}=VALUE"
                )
        counted = plan.steps_per_epoch
        if (
            self.per_epoch is not None
            and counted is not None
            and abs(counted - self.per_epoch) > 1 + self.per_epoch // 20
        ):
            note = f"{facts['num_examples']} examples make {counted} steps an epoch, and the card's table shows {self.per_epoch}"
            plan = dataclasses.replace(plan, notes=(*plan.notes, f"{note}: one of the numbers is not that of this run"))
        return plan

    def _length_by_table(self) -> str:
        """The length that the table of a card shows, as the end of a message; empty for none."""
        if self.per_epoch is None:
            return ""
        epochs = self.settings.num_train_epochs
        return (
            f"; by the card's table, {epochs:g} epochs of about {self.per_epoch} steps are --max-steps "
            f"{round(epochs * self.per_epoch)}"
        )
