"""The input of a check: a config with its plan, and the keys of its file."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from optax_lr.configs import ConfigError, Plan, RunConfig
from optax_lr.findings import Edit, Finding, Rule
from optax_lr.schedules import Schedule
from optax_lr.sources.parsing import scalar
from optax_lr.trainers import Recognised, Settings, trainer_of
from optax_lr.trainers.transformers import version_of

_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
NOBODY = Recognised("", "")
# Trainers whose settings are fields of TrainingArguments under their own names.
FAMILY = ("hf", "trl", "llamafactory", "swift")
KWARGS = "lr_scheduler_kwargs"


@dataclasses.dataclass(frozen=True)
class Case:
    """One config under the linter.

    Fields:
        settings: the settings of the schedule; None for a schedule without a config.
        plan: its steps and its schedule; None where the length is not known, or it follows a metric.
        length: optimizer steps of the run; known for one that follows a metric too.
        values, lines: the keys of its file.
        recognised: the trainer of the keys, and the section that contains them.
        transformers_version, train_steps: as `lint` was given them.
        method: `lora`, `qlora` or `full`; None where the config does not say.
    """

    settings: Settings | None
    plan: Plan | None
    values: Mapping[str, object] = dataclasses.field(default_factory=dict)
    lines: Mapping[str, int] = dataclasses.field(default_factory=dict)
    recognised: Recognised = NOBODY
    config: RunConfig | None = None
    transformers_version: str | None = None
    train_steps: int | None = None
    method: str | None = None
    length: int | None = None

    @property
    def trainer(self) -> str:
        """The name of the trainer; empty for a bare schedule."""
        name = self.recognised.trainer
        return "trl" if name.startswith("trl") else name

    @property
    def kind(self) -> str:
        """`lr_scheduler_type`; empty for a bare schedule."""
        return self.settings.lr_scheduler_type if self.settings is not None else ""

    @property
    def keywords(self) -> Mapping[str, Any]:
        """`lr_scheduler_kwargs`."""
        return self.settings.lr_scheduler_kwargs if self.settings is not None else {}

    @property
    def cycles(self) -> float | None:
        """`num_cycles`; None where there is none, or no number, which the plan refuses."""
        try:
            cycles = float(self.keywords["num_cycles"])
        except (KeyError, TypeError, ValueError):
            return None
        return cycles if math.isfinite(cycles) else None

    @property
    def version(self) -> tuple[int, int]:
        """The version of transformers."""
        assert self.settings is not None
        return version_of(self.transformers_version or trainer_of(self.settings.trainer).newest)

    @property
    def schedule(self) -> Schedule:
        """The plan's."""
        assert self.plan is not None
        return self.plan.schedule

    @property
    def own(self) -> Mapping[str, object]:
        """The keys of the trainer, out of their section."""
        values: Mapping[str, Any] = self.values
        for part in self.recognised.section:
            values = values[part]
        return values

    def get(self, name: str, default: object = None) -> Any:
        """The value of the key `name`, in whatever way the file writes it; null counts as not given."""
        value: object = self.own.get(self._name(name))
        if value is None and "." in self._name(name):
            value = self.own
            for part in self._name(name).split("."):
                value = value.get(part) if isinstance(value, Mapping) else None
        return default if value is None else value

    def rate(self, step: int) -> float:
        """The rate of the update after `step` updates."""
        return float(self.schedule(step))

    def key(self, name: str) -> str:
        """The dotted key under which the file has `name`."""
        return ".".join((*self.recognised.section, self._name(name)))

    def finding(
        self,
        rule: Rule,
        message: str,
        key: str | None = None,
        remedy: str | None = None,
        changes: Mapping[str, object] = MappingProxyType({}),
    ) -> Finding:
        """A finding, by our names of the keys, which may have a dotted tail.

        Args:
            rule: the rule.
            message: what happens; our names in it become those of the trainer.
            key: the key concerned.
            remedy: what to change; by default what `changes` say.
            changes: the new value of each key; None takes it out.
        """
        if remedy is None:
            remedy = " and ".join(
                "take it out" if new is None else f"set {k}: {scalar(new)}" for k, new in changes.items()
            )
        place = None if key is None else self.key(key)
        edits = self._edits(changes) if self.values else ()
        return Finding(rule, self._written(message), self._written(remedy), place, self._line(place), edits)

    def _edits(self, changes: Mapping[str, object]) -> tuple[Edit, ...]:
        edits = {self.key(name): value for name, value in changes.items()}
        keywords = {name.partition(".")[2]: value for name, value in changes.items() if name.startswith(f"{KWARGS}.")}
        if keywords and self.trainer == "llamafactory-ui":  # which has them in a text of JSON
            extra = self.get("extra_args") or "{}"
            arguments = json.loads(extra) if isinstance(extra, str) else dict(extra)
            kept = {name: value for name, value in {**self.keywords, **keywords}.items() if value is not None}
            edits = {key: value for key, value in edits.items() if KWARGS not in key}
            edits = {self.key("extra_args"): json.dumps(arguments | {KWARGS: kept}), **edits}
        return tuple(Edit(key, value) for key, value in edits.items())

    def _written(self, text: str) -> str:
        """A text with the trainer's keys in place of our names of settings."""
        trainer = trainer_of(self.trainer) if self.trainer else None
        if trainer is None or not trainer.renamed:
            return text
        names = "|".join(sorted(trainer.renamed, key=len, reverse=True))
        return re.sub(rf"\b({names})\b", lambda found: trainer.key(found[1]), text)

    def _name(self, name: str) -> str:
        head, dot, tail = name.partition(".")
        if self.trainer:
            head = trainer_of(self.trainer).renamed.get(head, head)
        if self.trainer == "llamafactory-ui":
            head = "train." + {"per_device_train_batch_size": "batch_size"}.get(head, head)
        return head + dot + tail

    def _line(self, place: str | None) -> int | None:
        while place:
            if place in self.lines:
                return self.lines[place]
            place = place.rpartition(".")[0]
        return None


def with_numbers(values: object) -> Any:
    """Values with text that is a number made one: YAML 1.1 reads `1e-4` as text, and most trainers do not."""
    if isinstance(values, Mapping):
        return {key: with_numbers(value) for key, value in values.items()}
    if isinstance(values, str) and _NUMBER.fullmatch(values):
        return int(values) if re.fullmatch(r"[+-]?\d{1,18}", values) else float(values)
    return values


def line_named(error: ConfigError, source: str, lines: Mapping[str, int]) -> tuple[str | None, int | None]:
    """The key that an error's first word names, and its line."""
    words = str(error).removeprefix(f"{source}: ").split()
    key = words[0].rstrip(":,") if words else ""
    found = [place for place in lines if place == key or place.endswith(f".{key}")]
    return (found[0], lines[found[0]]) if found else (None, None)
