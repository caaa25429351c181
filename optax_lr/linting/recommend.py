"""`recommend`: a schedule, a rate, a warmup and a length for what one wants to do, with the reasons."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from optax_lr.arguments import unknown
from optax_lr.configs import ConfigError, Plan, read_config
from optax_lr.configs.plan import check_options
from optax_lr.linting import guide
from optax_lr.sources.parsing import scalar
from optax_lr.trainers.settings import finite_number

# Whose word counts first. The method decides how high a rate can be at all, and the hardware hardly matters for it.
ORDER = ("method", "task", "situation", "domain", "data set", "hardware")
TABLES: Mapping[str, Mapping[str, guide.Row]] = {
    "method": guide.METHODS,
    "task": guide.TASKS,
    "situation": guide.SITUATIONS,
    "domain": guide.DOMAINS,
    "hardware": guide.HARDWARE,
}
EXAMPLES_AN_UPDATE = 32  # 4 a device, accumulated 8 times: the case in the guide that worked
DEFAULT_EPOCHS = 3.0  # of transformers
_AXOLOTL = {
    "lr_scheduler_type": "lr_scheduler",
    "num_train_epochs": "num_epochs",
    "per_device_train_batch_size": "micro_batch_size",
}
_FIELDS = ("lr_scheduler_type", "learning_rate", "warmup_steps", "num_train_epochs", "per_device_train_batch_size")


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """Recommended settings with their reasons.

    Fields:
        settings: the keys of `transformers.TrainingArguments`, with their values.
        why: the reason for each; a line each.
        alternatives: other settings of the tables, with their advantages; a line each.
        method: `lora`, `qlora`, `full` or None.
        plan: the steps and the schedule; None if the number of examples is not known.
    """

    settings: Mapping[str, object]
    why: tuple[str, ...]
    alternatives: tuple[str, ...]
    method: str | None
    plan: Plan | None

    def config(self, trainer: str = "llamafactory") -> dict[str, object]:
        """The settings as keys of `llamafactory`, `hf` (transformers and TRL) or `axolotl`."""
        made, full, quantised = dict(self.settings), self.method == "full", self.method == "qlora"
        if trainer == "llamafactory":
            extra: dict[str, object] = {"stage": "sft"}
            extra |= {} if self.method is None else {"finetuning_type": "full" if full else "lora"}
            return extra | ({"quantization_bit": 4} if quantised else {}) | made
        four_bits = {"load_in_4bit": True} if quantised else {}
        if trainer == "hf":
            made["warmup_steps"] = made.pop("warmup_ratio", made.get("warmup_steps"))
            return ({} if self.method is None else {"use_peft": not full}) | four_bits | made
        if trainer == "axolotl":
            if made.get("warmup_steps") == 1:
                made["warmup_steps"] = 0  # axolotl makes two of one, more than a tenth
            # Without an adapter axolotl trains all parameters, for which the other tables' rates are too high.
            extra = {} if full else {"adapter": self.method or "lora"}
            return extra | four_bits | {_AXOLOTL.get(key, key): value for key, value in made.items()}
        raise ConfigError(f"trainer must be one of llamafactory, hf, axolotl, not {trainer!r}")

    def text(self, trainer: str = "llamafactory") -> str:
        """The config as YAML, the reasons as comments above it."""
        lines = [f"# {line}" for line in (*self.why, *(f"or: {line}" for line in self.alternatives))]
        lines += [f"{key}: {scalar(value)}" for key, value in self.config(trainer).items()]
        return "\n".join(lines) + "\n"


def recommend(
    *,
    method: str | None = None,
    task: str | None = None,
    situation: str | None = None,
    domain: str | None = None,
    hardware: str | None = None,
    num_examples: int | None = None,
    num_train_epochs: float | None = None,
    world_size: int = 1,
) -> Recommendation:
    """A schedule, a rate, a warmup and a length, from the tables of a practitioner's guide.

    Where several tables apply, each setting is taken from the first that gives it, in this order: method, task, situation,
    domain, data set (by `num_examples`), hardware. Then two rules: restarts in at most 100 steps or one epoch become
    `linear`, and the warmup is at most a tenth of the run, and exactly that if the length is unknown.

    Args:
        method: `lora`, `qlora` or `full`.
        task: `generation`, `classification`, `chatbot`, `code`, `prototype` or `research`.
        situation: `first-time`, `quick-experiment`, `production` or `research`.
        domain: `dialogue`, `analysis` or `extraction`.
        hardware: `a100`, `h100`, `rtx4090`, `v100`, `rtx3080` or `rtx4060`.
        num_examples: training examples; of packed data, the packed rows.
        num_train_epochs: passes over the data; by default those that the tables recommend.
        world_size: processes that train together.

    Returns:
        The settings, with the reason for each.

    Raises:
        ConfigError: If a name is unknown, or nothing is given.

    Source: `optax_lr.linting.guide`.

    >>> advice = recommend(method="qlora", num_examples=5000)
    >>> advice.settings["lr_scheduler_type"], advice.settings["learning_rate"], advice.settings["warmup_steps"]
    ('linear', 0.0002, 46)
    >>> advice.plan.max_steps
    471
    """
    asked = {"method": method, "task": task, "situation": situation, "domain": domain, "hardware": hardware}
    check_options(num_examples=num_examples, world_size=world_size)
    if num_train_epochs is not None:
        num_train_epochs = finite_number("num_train_epochs", num_train_epochs)
        if num_train_epochs <= 0:
            raise ConfigError(f"num_train_epochs must be above 0, not {num_train_epochs:g}: no step would be trained")
    rows = _rows(asked, num_examples)
    if not rows:
        raise ConfigError(
            f"recommend() needs something to go by: give at least one of {', '.join(asked)} and num_examples"
        )
    chosen, why = _first_of_each(rows)
    if num_train_epochs is not None:
        chosen["num_train_epochs"] = num_train_epochs
        why.pop("num_train_epochs", None)
    elif "num_train_epochs" not in chosen:
        chosen["num_train_epochs"] = DEFAULT_EPOCHS
        why["num_train_epochs"] = (
            f"num_train_epochs {DEFAULT_EPOCHS:g}: nothing asks for another number, and it is the trainer's own"
        )
    batch, epochs, kind = chosen["per_device_train_batch_size"], chosen["num_train_epochs"], chosen["lr_scheduler_type"]
    accumulated = max(1, EXAMPLES_AN_UPDATE // (batch * world_size))
    why["batch"] = f"{batch} x {accumulated} x {world_size} examples an update"
    settings = {"learning_rate": chosen["learning_rate"], "lr_scheduler_type": kind}
    sizes = {
        "num_train_epochs": float(epochs),
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": accumulated,
    }
    if kind == "cosine_with_restarts":
        plan = _plan(settings | sizes, num_examples, world_size)
        if epochs <= guide.SHORT_RUN_EPOCHS or (plan is not None and plan.max_steps <= guide.SHORT_RUN_STEPS):
            settings["lr_scheduler_type"] = "linear"
            why["kind"] = "linear in place of cosine_with_restarts: the run is too short for restarts"
        else:
            cycles = next((row.num_cycles for _, row in rows if row.num_cycles), 2)
            settings["lr_scheduler_kwargs"] = {"num_cycles": cycles}
    # The trainer that counts fewest steps is axolotl, which rounds once, and not in each epoch.
    length = None if num_examples is None else math.ceil(num_examples * epochs / (batch * accumulated * world_size))
    warmup, reason = _warmup(chosen.get("warmup_steps"), length)
    if reason:
        why.pop("warmup_steps", None)
        why["warmup_steps"] = reason
    settings |= sizes | warmup if length is None else warmup | sizes
    return Recommendation(
        settings=settings,
        why=tuple(why.values()),
        alternatives=tuple(_alternatives(rows, settings["lr_scheduler_type"])),
        method=method,
        plan=_plan(settings, num_examples, world_size),
    )


def _rows(asked: Mapping[str, str | None], num_examples: int | None) -> list[tuple[str, guide.Row]]:
    """The rows that apply, with their names, first things first."""
    found: dict[str, tuple[str, guide.Row]] = {}
    for table, name in asked.items():
        if name is None:
            continue
        if name not in TABLES[table]:
            raise ConfigError(unknown("recommend()", table, name, TABLES[table]))
        found[table] = (f"{table} {name}", TABLES[table][name])
    if num_examples is not None:
        size, row = guide.data_set(num_examples)
        found["data set"] = (f"data set of {size}", row)
    return [found[table] for table in ORDER if table in found]


def _first_of_each(rows: list[tuple[str, guide.Row]]) -> tuple[dict[str, Any], dict[str, str]]:
    """Each setting from the first row that gives it, and the reason for each."""
    chosen: dict[str, Any] = {"per_device_train_batch_size": 4}
    why: dict[str, str] = {}
    for field in _FIELDS:
        for name, row in rows:
            value = getattr(row, field)
            if value is not None:
                chosen[field] = value
                remark = f" ({row.remark})" if row.remark and field == "lr_scheduler_type" else ""
                why[field] = f"{field} {value:g}: {name}" if not isinstance(value, str) else f"{value}: {name}{remark}"
                break
    return chosen, why


def _plan(settings: Mapping[str, object], num_examples: int | None, world_size: int) -> Plan | None:
    if num_examples is None:
        return None
    return read_config(settings).plan(num_examples=num_examples, world_size=world_size)


def _warmup(steps: int | None, length: int | None) -> tuple[dict[str, object], str]:
    """A tenth of the run at most; and the reason, where it is not what the guide gives."""
    if length is None:
        named = f"; the guide says {steps} steps, for a run of {10 * steps} and more" if steps else ""
        reason = f"warmup_ratio {guide.WARMUP_SHARE:g}: the length of the run is not known{named}"
        return {"warmup_ratio": guide.WARMUP_SHARE}, reason
    if steps is not None and steps <= length // 10:
        return {"warmup_steps": steps}, ""
    said = "the guide gives none" if steps is None else f"not {steps}"
    return {"warmup_steps": length // 10}, f"warmup_steps {length // 10}: a tenth of the run, {said}"


def _alternatives(rows: list[tuple[str, guide.Row]], taken: str) -> list[str]:
    named = {row.lr_scheduler_type: f"{name}, at {row.learning_rate:g}" for name, row in reversed(rows)}
    if set(named) <= {taken}:
        follow = next(kind for kind in guide.RANKING if kind != taken)
        named[follow] = "next in the guide's ranking"
    lines = []
    for kind, where in named.items():
        if kind != taken:
            strong, weak, fits = guide.CHARACTERS[kind.removesuffix("_with_warmup")]
            lines.append(f"{kind} ({where}). For it: {strong}. Against: {weak}. Fits: {fits}")
    return lines
