"""`explore`: schedules, plans and configs on a page where their settings can be dragged."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from optax_lr.arguments import shown
from optax_lr.configs import Plan, RunConfig, read_configs
from optax_lr.configs.plan import Facts
from optax_lr.findings import Finding
from optax_lr.identification.exact import exact_rates
from optax_lr.linting.formats import as_objects
from optax_lr.linting.lint import lint
from optax_lr.plots.pages.examples import EXAMPLES
from optax_lr.plots.pages.functions import javascript_of, with_inner
from optax_lr.plots.pages.page import Page, filled
from optax_lr.plots.style import CURVES
from optax_lr.schedules import Cosine, Function, Linear, Schedule, WarmupStableDecay
from optax_lr.schedules.fields import as_schedule
from optax_lr.schedules.function import AnySchedule
from optax_lr.text import visible

_SAMPLES = 2001
_Drawable = AnySchedule | Plan


class Entry(NamedTuple):
    """One curve of a page, and the report next to it.

    Fields:
        name: None where the kind of schedule is name enough.
        schedule: one schedule, not a batch.
        max_steps, warmup_steps: those of a plan; None where the schedule has them itself.
        facts: what is known of its config, as pairs of words; None without one.
        findings: what is wrong with its config.
    """

    name: str | None
    schedule: Schedule
    max_steps: int | None = None
    warmup_steps: int | None = None
    facts: tuple[tuple[str, str], ...] | None = None
    findings: tuple[Finding, ...] = ()


def explore(
    what: str | os.PathLike[str] | _Drawable | Mapping[str, _Drawable] | Sequence[_Drawable] | None = None,
    *,
    num_examples: int | None = None,
    world_size: int | None = None,
    transformers_version: str | None = None,
    max_steps: int | None = None,
    trainer: str | None = None,
    values: Mapping[str, object] | None = None,
) -> Page:
    """A page on which schedules are picked, changed, compared and copied.

    It computes the rates by the same formulas as Python (`to_javascript`), and needs neither a server nor a network. A
    notebook shows it; `save` writes it to a file.

    Args:
        what: a config's file, a schedule, a plan, or several schedules or plans, in a list or by name; up to 8. By default
            three of the usual schedules. A user's own function is drawn through 2,001 of its values, and the page says so.
        num_examples: training examples, for a file.
        world_size: processes that train together, for a file.
        transformers_version: version of transformers whose rules apply, for a file.
        max_steps: optimizer steps of the run, for a file.
        trainer: the trainer's name, for a file whose trainer cannot be recognised.
        values: values of keys that replace those of the file.

    Returns:
        The page: `page.html` is its text.

    Raises:
        ConfigError: for a file that cannot be read, or that has no plan.
        TypeError, ValueError: for anything that is not a schedule, a batch, or more than 8 curves.
        ImportError: without `optax-lr[pages]`.

    >>> page = explore({"short": Cosine(3e-4, max_steps=500), "long": Cosine(3e-4, max_steps=2000)})
    >>> page.title
    'Explore learning-rate schedules'
    """
    options: Facts = {"num_examples": num_examples, "world_size": world_size, "max_steps": max_steps}
    options |= {"transformers_version": transformers_version}
    if isinstance(what, (str, os.PathLike)):
        return page_of(list(entries_of(what, options, trainer=trainer, values=values)))
    if what is None:
        what = [Cosine(3e-4, 1000, 100), WarmupStableDecay(3e-4, 300, 1000, 100), Linear(3e-4, 1000, 100)]
    if isinstance(what, Mapping):
        return page_of([_drawn_entry(name, item) for name, item in what.items()])
    return page_of([_drawn_entry(None, item) for item in (what if isinstance(what, (list, tuple)) else [what])])


def entries_of(
    source: str | os.PathLike[str], options: Facts, *, trainer: str | None, values: Mapping[str, object] | None
) -> Iterator[Entry]:
    """The plan of each config of a file, with its findings."""
    for config in read_configs(source, trainer=trainer, values=values):
        plan = config.plan(**options)
        name = os.path.basename(config.source) or config.source
        findings = lint(
            config,
            num_examples=options["num_examples"],
            world_size=options["world_size"],
            transformers_version=options.get("transformers_version"),
        )
        yield Entry(name, plan.schedule, plan.max_steps, plan.warmup_steps, tuple(_plan_rows(config, plan)), findings)


def page_of(entries: Sequence[Entry]) -> Page:
    """The page that opens with these curves. Errors: as for `explore`."""
    if len(entries) > len(CURVES):
        raise ValueError(f"explore() compares up to {len(CURVES)} curves, not {len(entries)}; name fewer")
    names = [entry.name for entry in entries if entry.facts is not None and entry.name]
    title = f"{names[0]}: explore its learning rate" if len(names) == 1 else "Explore learning-rate schedules"
    known = [inner for entry in entries for inner in with_inner(entry.schedule) if not _has_function(inner)]
    last = math.ceil(1.15 * max([end for entry in entries if (end := _end(entry)) is not None], default=1000))
    shown_entries = [_entry_data(entry, last) for entry in entries]
    return filled("explore.html", title, kinds=javascript_of([*EXAMPLES, *known]), entries=shown_entries)


def _drawn_entry(name: str | None, item: object) -> Entry:
    if isinstance(item, Plan):
        return Entry(name or "plan", item.schedule, item.max_steps, item.warmup_steps)
    schedule = as_schedule(item)
    if not isinstance(schedule, Schedule):
        raise TypeError(f"explore() takes a config's file, schedules or plans, not {shown(item)}")
    if schedule.batch_shape:
        raise ValueError(
            f"explore() shows single schedules, not a batch of shape {schedule.batch_shape}; take some of its rows, batch[i]"
        )
    return Entry(name, schedule)


def _entry_data(entry: Entry, last: int) -> dict[str, object]:
    plain: dict[str, object] = {
        "name": None if entry.name is None else visible(str(entry.name)),
        "tree": _tree(entry, last),
    }
    if entry.max_steps is not None:
        plain |= {"max_steps": entry.max_steps, "warmup_steps": entry.warmup_steps}
    if entry.facts is not None:
        plain["facts"] = [[name, visible(text)] for name, text in entry.facts]
        findings = as_objects([("", found) for found in entry.findings])
        plain["findings"] = [
            {name: visible(value) if isinstance(value, str) else value for name, value in found.items()}
            for found in findings
        ]
    return plain


def _has_function(schedule: Schedule) -> bool:
    return any(isinstance(inner, Function) for inner in with_inner(schedule))


def _end(entry: Entry) -> int | None:
    end = entry.schedule.end if entry.max_steps is None else entry.max_steps
    return None if end is None else int(end)


def _tree(entry: Entry, last: int) -> dict[str, object]:
    """The schedule as the page knows it; with a user's function in it, values of it up to the last step shown."""
    schedule = entry.schedule
    if not _has_function(schedule):
        return schedule.to_dict()
    steps = np.unique(np.linspace(0, last, _SAMPLES).round().astype(np.int32))
    rates = exact_rates(schedule, steps)
    return {"kind": "Sampled", "steps": steps.tolist(), "rates": rates.tolist(), "end": _end(entry)}


def _plan_rows(config: RunConfig, plan: Plan) -> Iterable[tuple[str, str]]:
    yield "config", f"{config.source} ({config.trainer}, by {config.recognized_by})"
    yield "schedule", repr(plan.schedule)
    yield "steps", f"{plan.max_steps:,}, of them {plan.warmup_steps:,} of warmup"
    yield "processes", f"{plan.world_size} ({plan.world_size_from})"
    for default in plan.defaults:
        yield "default", f"{default.key} {'computed' if default.value is None else default.value} ({default.whose})"
    for note in (*config.notes, *plan.notes):
        yield "note", note
    if config.unknown:
        yield "unknown", ", ".join(config.unknown)
    for key, why in config.ignored:
        yield "ignored", f"{key}: {why}"
