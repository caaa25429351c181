"""The contents of every drawing of an audit: lines over steps, marks for NaN, spans of the findings."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from optax_lr.auditing.audit import Audit
from optax_lr.findings import Finding
from optax_lr.identification.exact import exact_rates
from optax_lr.identification.identify import Segment
from optax_lr.logs.log import Log
from optax_lr.plots.scale import Scale, rate_scale, value_scale
from optax_lr.plots.thinning import kept_rows

POINTS = 800  # of a curve over the whole width, in addition to those at the rows
FEW = 80  # values that get a dot each on their line
WORDS = {
    "learning_rate": "learning rate",
    "grad_norm": "gradient norm",
    "loss": "training loss",
    "eval_loss": "evaluation loss",
    "logged": "rate in the log",
    "planned": "rate of the plan",
    "followed": "schedule found",
}


@dataclasses.dataclass(frozen=True)
class Line:
    """Values over steps; a NaN breaks the line."""

    name: str
    step: np.ndarray
    value: np.ndarray


@dataclasses.dataclass(frozen=True)
class Shown:
    """The contents of the drawing of an audit.

    Fields:
        first, last: the steps at the ends of the axis; never the same.
        rows: the rows of the log that are drawn: all of a short log, of a long one those that a screen can show.
        logged: the rates of these rows.
        planned: the planned curve; None where nothing was planned.
        followed: the curves that were found, one a segment.
        losses: the training and the evaluation losses, as far as there are any.
        lost: by its name, the steps at which a number is NaN or infinite.
        lanes: by its code, the findings that have steps, each with its place among all findings.
        rates, values: the scales of the two panels.
    """

    first: int
    last: int
    rows: np.ndarray
    logged: Line
    planned: Line | None
    followed: tuple[Line, ...]
    losses: tuple[Line, ...]
    lost: Mapping[str, np.ndarray]
    lanes: Mapping[str, list[tuple[int, Finding]]]
    rates: Scale
    values: Scale


def shown_lines(report: Audit) -> Shown:
    """The contents of the drawing of `report`."""
    log = report.log
    first, last = _ends(log)
    expected = report.followed if report.planned is None else report.planned
    rows = kept_rows(log, {"distance": abs(log.learning_rate - expected)}, first, last)
    valid = rows[np.isfinite(log.learning_rate[rows])]
    logged = Line("logged", log.step[valid], log.learning_rate[valid])
    steps = np.union1d(np.linspace(first, last, POINTS).round().astype(np.int64), log.step[rows])
    planned = _planned(report, steps)
    followed = tuple(_followed(report, steps))
    losses = tuple(_losses(log, rows))
    lanes: dict[str, list[tuple[int, Finding]]] = {}
    for place, found in enumerate(report.findings):
        if found.steps is not None:
            lanes.setdefault(found.code, []).append((place, found))
    for spans in lanes.values():
        spans.sort(key=lambda span: span[1].steps or ())
    curves = [line.value for line in (logged, *followed, *([planned] if planned else []))]
    return Shown(
        first=first,
        last=last,
        rows=rows,
        logged=logged,
        planned=planned,
        followed=followed,
        losses=losses,
        lost=_lost(log, rows),
        lanes=lanes,
        rates=rate_scale(np.concatenate(curves)),
        values=value_scale(np.concatenate([line.value for line in losses] or [np.zeros(0)])),
    )


def _ends(log: Log) -> tuple[int, int]:
    """The logged steps, from 0 on where they begin near it."""
    first, last = int(log.step.min()), int(log.step.max())
    if first == last:
        return max(0, first - 1), last + 1
    return (0 if first <= 0.1 * last else first), last


def _planned(report: Audit, steps: np.ndarray) -> Line | None:
    if report.plan is None:
        return None
    offset = 0
    if report.planned is not None and not np.array_equal(exact_rates(report.plan, report.log.step), report.planned):
        offset = 1
    return Line("planned", steps, exact_rates(report.plan, steps - offset))


def _followed(report: Audit, steps: np.ndarray) -> Iterator[Line]:
    for segment in report.identified.segments:
        if segment.answers and len(segment.step) > 1:
            its = steps[(steps >= segment.step[0]) & (steps <= segment.step[-1])]
            yield Line("followed", its, segment.answers[0].rates(its - _lag(segment, its)))


def _lag(segment: Segment, steps: np.ndarray) -> np.ndarray:
    """How far the schedule is behind at each step: as much as at the row before."""
    changes = np.array([(-1, 0), *segment.lag])
    behind: np.ndarray = changes[np.searchsorted(changes[:, 0], steps, side="right") - 1, 1]
    return behind


def _losses(log: Log, rows: np.ndarray) -> Iterator[Line]:
    for name in ("loss", "eval_loss"):
        values = getattr(log, name)
        valid = rows[~np.isnan(values[rows]) | log.nan(name)[rows]]
        if np.isfinite(values[valid]).any():
            # The steps of a resumed run, or of a second writer, decrease: a new line begins.
            back = np.flatnonzero(np.diff(log.step[valid]) < 0) + 1
            step = np.insert(log.step[valid].astype(np.float64), back, np.nan)
            yield Line(name, step, np.insert(np.where(np.isfinite(values[valid]), values[valid], np.nan), back, np.nan))


def _lost(log: Log, rows: np.ndarray) -> dict[str, np.ndarray]:
    found = {}
    for name in ("learning_rate", "loss", "eval_loss", "grad_norm"):
        wrong = log.nan(name) | np.isinf(getattr(log, name))
        if wrong.any():
            found[name] = np.unique(log.step[rows[wrong[rows]]])
    return found
