"""The figure of the page as numbers: where every line, mark, span and text of its SVG lies."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np

from optax_lr.findings import Finding
from optax_lr.plots.scale import Scale
from optax_lr.plots.shown import FEW, WORDS, Line, Shown

WIDTH, LEFT, RIGHT = 960, 84, 940
LANE, PANEL, GAP, FOOT = 18, 200, 38, 48
LABEL = 45  # the width of a code


@dataclasses.dataclass(frozen=True)
class Span:
    """A finding on the step axis: its position among all findings, its ends, and its code next to it, if there is room."""

    place: int
    code: str
    finding: Finding
    x: float
    width: float
    y: int
    text_x: float
    anchor: str


@dataclasses.dataclass(frozen=True)
class Panel:
    """One pair of axes: its ticks, its paths by their class, and rows of ticks for numbers that are none."""

    title: str
    top: int
    ticks: list[tuple[float, str]]
    paths: list[tuple[str, str]]
    lost: list[tuple[str, str, str]]

    @property
    def bottom(self) -> int:
        """The y of the step axis."""
        return self.top + PANEL


@dataclasses.dataclass(frozen=True)
class Figure:
    """Everything that the template draws."""

    height: int
    lanes: int
    spans: list[Span]
    panels: list[Panel]
    ticks: list[tuple[float, str, str]]

    @property
    def legend(self) -> list[tuple[str, str]]:
        """Each class of lines and marks with its description, once."""
        kinds = [kind.removesuffix(" dots") for panel in self.panels for kind, path in panel.paths if path]
        lines = [(kind, WORDS[kind]) for kind in kinds]
        marks = [(f"lost {name}", words) for panel in self.panels for name, _, words in panel.lost]
        return list(dict.fromkeys(lines)) + marks


def figure_of(what: Shown) -> Figure:
    """The positions of everything, in units in which the figure is 960 wide."""
    from matplotlib.ticker import MaxNLocator

    lanes = len(what.lanes) * LANE
    top = lanes + 26
    steps = MaxNLocator(8, integer=True, steps=[1, 2, 2.5, 5, 10]).tick_values(what.first, what.last)
    panels = [_rates(what, top)]
    if what.losses or set(what.lost) - {"learning_rate"}:
        panels.append(_losses(what, panels[-1].bottom + GAP))
    return Figure(
        height=panels[-1].bottom + FOOT,
        lanes=lanes,
        spans=_spans(what),
        panels=panels,
        ticks=[_tick(float(_x(what, step)), step) for step in steps if what.first <= step <= what.last],
    )


def _x(what: Shown, step: np.ndarray | float) -> Any:
    return LEFT + (RIGHT - LEFT) * (np.asarray(step, np.float64) - what.first) / (what.last - what.first)


def _tick(x: float, step: float) -> tuple[float, str, str]:
    """A place on the step axis, its text, and how that lies to it: at the end of the axis before it."""
    return x, f"{step:,.0f}", "end" if x > RIGHT - 25 and step >= 1000 else "middle"


def _spans(what: Shown) -> list[Span]:
    found = []
    for lane, spans in enumerate(what.lanes.values()):
        free = 0.0  # from where on the lane has room for a code; one without room is covered by its neighbour
        for place, finding in spans:
            begin, end = (float(x) for x in _x(what, np.array(finding.steps)))
            width = max(end - begin, 3.0)
            begin = min(begin, RIGHT - width)
            text_x, anchor = _code_position(begin, begin + width)
            starts = text_x - (LABEL if anchor == "end" else 0)
            code = finding.code if starts >= free else ""
            free = starts + LABEL if code else free
            found.append(Span(place, code, finding, begin, width, lane * LANE, text_x, anchor))
    return found


def _code_position(begin: float, end: float) -> tuple[float, str]:
    """The position of a code: in a wide span, otherwise after it, otherwise before it."""
    if end - begin > LABEL + 10:
        return begin + 5, "start"
    return (end + 5, "start") if end + 5 + LABEL < RIGHT else (begin - 5, "end")


def _rates(what: Shown, top: int) -> Panel:
    lines = [*([what.planned] if what.planned else []), *what.followed]
    paths = [(line.name, _path(what, line, what.rates, top)) for line in lines]
    few = " dots" if len(what.logged.step) <= FEW else ""
    paths.append((f"logged{few}", _dots(what, what.logged, what.rates, top)))
    return Panel("learning rate", top, _ticks(what.rates, top), paths, _lost(what, top, ("learning_rate",)))


def _losses(what: Shown, top: int) -> Panel:
    paths = []
    for line in what.losses:
        paths.append((line.name, _path(what, line, what.values, top)))
        if np.isfinite(line.value).sum() <= FEW:
            paths.append((f"{line.name} dots", _dots(what, line, what.values, top)))
    ticks = _ticks(what.values, top) if what.losses else []
    return Panel("loss", top, ticks, paths, _lost(what, top, ("loss", "eval_loss", "grad_norm")))


def _ticks(scale: Scale, top: int) -> list[tuple[float, str]]:
    return [(round(float(_y(scale, np.array(value), top)), 1), text) for value, text in scale.ticks]


def _y(scale: Scale, values: np.ndarray, top: int) -> Any:
    return top + PANEL * (1 - scale.part(values))


def _path(what: Shown, line: Line, scale: Scale, top: int) -> str:
    """A line through all values; a single value between breaks is a dot."""
    places = zip(_x(what, line.step).tolist(), _y(scale, line.value, top).tolist(), strict=True)
    parts: list[str] = []
    for drawn, group in itertools.groupby(places, key=lambda place: place[0] == place[0] and place[1] == place[1]):
        if drawn:
            points = [f"{x:.1f} {y:.1f}" for x, y in group]
            parts.append("M" + "L".join(points) + ("h0" if len(points) == 1 else ""))
    return "".join(parts)


def _dots(what: Shown, line: Line, scale: Scale, top: int) -> str:
    """Lines of length 0, which round ends turn into dots; points at the same pixel are drawn once."""
    places = zip(_x(what, line.step).tolist(), _y(scale, line.value, top).tolist(), strict=True)
    return "".join(dict.fromkeys(f"M{x:.1f} {y:.1f}h0" for x, y in places if x == x and y == y))  # noqa: PLR0124


def _lost(what: Shown, top: int, names: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """Ticks on the step axis, a row for each number, with its class and a word on it."""
    rows = []
    for place, name in enumerate(name for name in names if name in what.lost):
        y = top + PANEL - 9 * place
        xs = dict.fromkeys(f"{x:.0f}" for x in _x(what, what.lost[name]).tolist())
        rows.append((name, "".join(f"M{x} {y}v-8" for x in xs), f"{WORDS[name]}: NaN or infinite"))
    return rows
