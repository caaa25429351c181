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
from optax_lr.plots.scale import Scale, scale_of

POINTS = 800  # of a curve over the whole width, in addition to those at the rows
SHORT, BUCKETS = 2000, 400  # rows of a log that is drawn completely, and parts of the steps of a longer one
FEW = 80  # values that get a dot each on their line
NUMBERS = ("learning_rate", "loss", "eval_loss", "grad_norm")
WORDS = {
    "learning_rate": "learning rate",
    "grad_norm": "gradient norm",
    "loss": "training loss",
    "eval_loss": "evaluation loss",
    "logged": "rate in the log",
    "planned": "rate of the plan",
    "followed": "schedule found",
}


def lost_words(name: str) -> str:
    """The description of the marks for a number that is none."""
    return f"{WORDS[name]}: NaN or infinite"


@dataclasses.dataclass(frozen=True)
class Line:
    """Values over steps; a NaN breaks the line."""

    name: str
    step: np.ndarray
    value: np.ndarray

    @property
    def is_marked(self) -> bool:
        """Whether each value gets a dot: the values of a log, if they are few."""
        return self.name in ("logged", "loss", "eval_loss") and bool(np.isfinite(self.value).sum() <= FEW)


@dataclasses.dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Fields:
        title: what its values are.
        lines: its lines; each is drawn over those before it.
        scale: its axis of values.
        lost: by its name, the steps at which a number is NaN or infinite.
    """

    title: str
    lines: tuple[Line, ...]
    scale: Scale
    lost: Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Shown:
    """The contents of the drawing of an audit.

    Fields:
        first, last: the steps at the ends of the axis; never the same.
        rows: the rows of the log that are drawn: all of a short log, of a long one those that a screen can show.
        panels: the rates, and below them the losses, if there are any.
        lanes: by its code, the findings that have steps, each with its place among all findings.
    """

    first: int
    last: int
    rows: np.ndarray
    panels: tuple[Panel, ...]
    lanes: Mapping[str, list[tuple[int, Finding]]]

    def share(self, steps: object) -> np.ndarray:
        """Where steps are on the axis: 0 at its beginning, 1 at its end."""
        return np.asarray((np.asarray(steps, np.float64) - self.first) / (self.last - self.first))

    def codes(self, lane: str, room: float) -> Iterator[tuple[float, bool] | None]:
        """For each finding of a lane, where its code is on the axis, and whether it ends there instead of beginning there.

        A code takes the share `room` of the axis. It is in the span of its finding, or else after it, or else before it; None
        where the code before it leaves no room.
        """
        free = 0.0
        for _, finding in self.lanes[lane]:
            begin, end = self.share(finding.steps).tolist()
            is_inside = end - begin > room
            ends = not is_inside and end + room > 1
            at = begin if is_inside or ends else end
            has_room = at - room * ends >= free
            yield (at, ends) if has_room else None
            free = at + room * (not ends) if has_room else free


def shown_lines(report: Audit) -> Shown:
    """The contents of the drawing of `report`."""
    log = report.log
    first, last = _ends(log)
    expected = report.followed if report.planned is None else report.planned
    rows = kept_rows(log, {"distance": abs(log.learning_rate - expected)}, first, last)
    valid = rows[np.isfinite(log.learning_rate[rows])]
    steps = np.union1d(np.linspace(first, last, POINTS).round().astype(np.int64), log.step[rows])
    logged = Line("logged", log.step[valid], log.learning_rate[valid])
    rates = (*_followed(report, steps), *_plan_lines(report, steps), logged)
    losses = tuple(_losses(log, rows))
    panels = [Panel("learning rate", rates, _scale(rates, from_zero=True), _lost(log, rows, NUMBERS[:1]))]
    if (lost := _lost(log, rows, NUMBERS[1:])) or losses:
        panels.append(Panel("loss", losses, _scale(losses), lost))
    lanes: dict[str, list[tuple[int, Finding]]] = {}
    for place, found in enumerate(report.findings):
        if found.steps is not None:
            lanes.setdefault(found.code, []).append((place, found))
    for spans in lanes.values():
        spans.sort(key=lambda span: span[1].steps or ())
    return Shown(first, last, rows, tuple(panels), lanes)


def _scale(lines: tuple[Line, ...], *, from_zero: bool = False) -> Scale:
    return scale_of(np.concatenate([np.zeros(0), *(line.value for line in lines)]), from_zero=from_zero)


def kept_rows(log: Log, more: Mapping[str, np.ndarray], first: int, last: int) -> np.ndarray:
    """The rows to draw, int64, in the order of the log: all of up to 2,000.

    Of more, the steps are cut into 400 parts, and of each part the row with the lowest and with the highest value of every
    number stays, and one in which the number is NaN or infinite; so do the first row and the last.
    """
    if len(log) <= SHORT:
        return np.arange(len(log))
    part = (log.step - first) * BUCKETS // (last - first + 1)
    kept = [np.array([0, len(log) - 1])]
    for name, values in {**{name: getattr(log, name) for name in NUMBERS}, **more}.items():
        finite = np.flatnonzero(np.isfinite(values))
        order = finite[np.lexsort((values[finite], part[finite]))]
        new = np.diff(part[order], prepend=-1) > 0
        kept += [order[new], order[np.append(new[1:], True)[: len(order)]]]
        wrong = np.flatnonzero(log.nan(name) | np.isinf(values))
        kept.append(wrong[np.unique(part[wrong], return_index=True)[1]])
    return np.unique(np.concatenate(kept))


def _ends(log: Log) -> tuple[int, int]:
    """The logged steps, from 0 on where they begin near it."""
    first, last = int(log.step.min()), int(log.step.max())
    if first == last:
        return max(0, first - 1), last + 1
    return (0 if first <= 0.1 * last else first), last


def _plan_lines(report: Audit, steps: np.ndarray) -> Iterator[Line]:
    if report.plan is not None:
        agrees = report.planned is None or np.array_equal(exact_rates(report.plan, report.log.step), report.planned)
        yield Line("planned", steps, exact_rates(report.plan, steps if agrees else steps - 1))


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


def _lost(log: Log, rows: np.ndarray, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    found = {}
    for name in names:
        wrong = log.nan(name) | np.isinf(getattr(log, name))
        if wrong.any():
            found[name] = np.unique(log.step[rows[wrong[rows]]])
    return found
