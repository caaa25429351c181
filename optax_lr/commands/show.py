"""`optax-lr show`: the plan of each config, as a table and as a curve."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from optax_lr.commands.curves import save_picture, terminal_curves
from optax_lr.commands.given import Given
from optax_lr.commands.inputs import configs_of
from optax_lr.commands.terminal import of_each
from optax_lr.configs import ConfigError, Plan, RunConfig
from optax_lr.configs.plan import Facts
from optax_lr.identification.exact import exact_rates
from optax_lr.outputs import check_output
from optax_lr.text import visible
from optax_lr.trainers import trainer_of


def run(files: Sequence[Path], *, options: Facts, reading: Given, png: Path | None, as_json: bool, force: bool) -> int:
    """See `optax-lr show --help`. Returns the exit code: 0, or that of the worst file."""
    check_output(png, overwrite=force, suffixes=(".png",))

    def planned_in(file: Path | None) -> list[tuple[RunConfig, Plan]]:
        return [(config, config.plan(**options)) for config in configs_of(file, reading)]

    found, code = of_each(files or [None], planned_in)
    planned = [pair for pairs in found for pair in pairs]
    names = [] if png is None else unlike([config.source for config, _ in planned])
    if as_json and (planned or not code):
        print(json.dumps([plan_summary(config, plan) for config, plan in planned], indent=2))
    elif not as_json:
        for config, plan in planned:
            _print_plan(config, plan, options.get("num_examples"), configs=len(planned))
    if png is not None and planned:
        save_picture(png, dict(zip(names, (plan for _, plan in planned), strict=True)), force=force)
    return code


def plan_summary(config: RunConfig, plan: Plan) -> dict[str, Any]:
    """The plan as plain numbers and text."""
    schedule = plan.schedule
    return {
        "config": config.source,
        "trainer": config.trainer,
        "recognized_by": config.recognized_by,
        "lr_scheduler_type": config.settings.lr_scheduler_type,
        "schedule": repr(schedule),
        "learning_rate": float(config.settings.learning_rate),
        "highest_rate": highest_rate(plan),
        "max_steps": plan.max_steps,
        "warmup_steps": plan.warmup_steps,
        "steps_per_epoch": plan.steps_per_epoch,
        "epochs": plan.epochs,
        "first_rate": float(schedule(0)),
        "last_rate": float(schedule(max(0, plan.max_steps - 1))),
        "world_size": plan.world_size,
        "world_size_from": plan.world_size_from,
        "defaults": [default._asdict() for default in plan.defaults],
        "notes": [*config.notes, *plan.notes],
        "unknown": [key for key in config.unknown if not any(note.startswith(f"{key}:") for note in config.notes)],
        "ignored": [f"{key}: {why}" for key, why in config.ignored],
    }


def highest_rate(plan: Plan) -> float:
    """The highest rate of the run, which is below `learning_rate` if the warmup is longer than the run."""
    steps = np.linspace(0, max(0, plan.max_steps - 1), 1001).round()
    corners = np.clip([plan.warmup_steps - 1, plan.warmup_steps], 0, max(0, plan.max_steps - 1))
    return float(np.float32(exact_rates(plan.schedule, np.concatenate([steps, corners])).max()))


def unlike(names: Sequence[str]) -> list[str]:
    """The names of files without their common folders."""
    parts = [Path(name).parts for name in names]
    shared = 0
    while len(names) > 1 and all(len(part) > shared + 1 and part[shared] == parts[0][shared] for part in parts):
        shared += 1
    short = [str(Path(*part[shared:])) for part in parts]
    if len(set(short)) < len(short):
        raise ConfigError(f"{short[0]} is given twice; name each config once")
    return short


def _print_plan(config: RunConfig, plan: Plan, num_examples: int | None, *, configs: int) -> None:
    summary = plan_summary(config, plan)
    console = Console(highlight=False)
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")

    def row(name: str, text: str) -> None:
        table.add_row(name, Text(visible(text)))

    row("config", f"{summary['config']} ({summary['trainer']}, by {summary['recognized_by']})")
    row("schedule", summary["schedule"])
    share = f", {plan.warmup_steps / max(1, plan.max_steps):.1%} of the run"
    if not plan.max_steps:
        row("steps", "1, which the trainer makes although the schedule has none")
    elif plan.warmup_steps > plan.max_steps:
        row("steps", f"{plan.max_steps:,}, all of them in the warmup of {plan.warmup_steps:,}")
    elif (
        not plan.warmup_steps and summary["first_rate"] < summary["highest_rate"]
    ):  # as of OneCycle, which rises by itself
        row("steps", f"{plan.max_steps:,}")
    else:
        row("steps", f"{plan.max_steps:,}, of them {plan.warmup_steps:,} of warmup{share}")
    if plan.steps_per_epoch is not None and plan.epochs is not None and plan.max_steps:
        row("epochs", f"{plan.epochs:.4g} of {plan.steps_per_epoch:,} steps")
    counted = plan.steps_per_epoch is not None or bool(config.open)
    if num_examples is not None and counted and not any("are left for training" in note for note in summary["notes"]):
        left = "those that the program's own splits, filters and selections leave"
        each = f", in each of the {configs} configs" if configs > 1 else ""
        row("examples", f"{num_examples:,} as given: {left}{each}")
    rates = f"{summary['first_rate']:.4g} at the first update, {summary['highest_rate']:.4g} at the highest"
    row("rate", f"{rates}, {summary['last_rate']:.4g} at the last update")
    row("processes", f"{plan.world_size} ({plan.world_size_from})")
    for default in plan.defaults:
        value = default.value if default.value is not None else "computed"
        row("default", f"{default.key} {value} ({default.whose})")
    for note in summary["notes"]:
        row("note", note)
    trainer = trainer_of(config.trainer)
    others = [key for key in summary["unknown"] if key not in config.refused]
    if config.refused:
        why = f"not known to {trainer.title} itself, which stops with an error; a fork may have its own schedule"
        row("refused", f"{', '.join(config.refused[:8])}: {why}")
    if others:
        row("unknown", f"{_first(others)}: assumed to have no effect on the curve")
    for ignored in summary["ignored"]:
        row("ignored", ignored)
    console.print(table)
    console.print(terminal_curves({config.source: plan}), markup=False, soft_wrap=True)


def _first(keys: Sequence[str], most: int = 12) -> str:
    """The first keys, and how many more there are."""
    more = len(keys) - most
    return f"{', '.join(keys[:most])}{f' and {more} more' if more > 0 else ''}"
