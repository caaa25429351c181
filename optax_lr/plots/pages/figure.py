"""The figure of an audit for its page: positions are shares of the axes, so that the browser can stretch them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from optax_lr.plots.shown import WORDS, Line, Panel, Shown, lost_words

WIDTH, HEIGHT = 1000, 200  # the units of a panel: the page stretches the width, and shows the height in pixels
ROOM = {"wide": 0.065, "narrow": 0.15}  # the width of a code on a screen, as a share of the axis


def lanes_of(what: Shown) -> Iterator[list[dict[str, Any]]]:
    """For each code its bars: the finding and its number, the bar in percent, and where the code is on each kind of screen."""
    for lane, spans in what.lanes.items():
        codes = zip(*(what.codes(lane, room) for room in ROOM.values()), strict=True)
        bars = []
        for (number, finding), places in zip(spans, codes, strict=True):
            begin, end = (100 * what.share(finding.steps)).tolist()
            code = dict(zip(ROOM, places, strict=True))
            bars.append({"number": number, "finding": finding, "left": begin, "width": end - begin, "codes": code})
        yield bars


def panels_of(what: Shown) -> Iterator[dict[str, Any]]:
    """For each pair of axes its title, its ticks with their heights, its paths by their classes, and its rows of lost numbers."""
    for panel in what.panels:
        places = [(line, _places(what, panel, line)) for line in panel.lines]
        yield {
            "title": panel.title,
            "ticks": [(round(float(_down(panel, value)), 1), text) for value, text in panel.scale.ticks],
            "paths": [path for line, found in places for path in _paths(line, found)],
            "lost": [
                (name, _lost(row, WIDTH * what.share(steps)), lost_words(name))
                for row, (name, steps) in enumerate(panel.lost.items())
            ],
        }


def steps_of(what: Shown) -> list[tuple[float, str]]:
    """The ticks of the step axis, in percent."""
    from matplotlib.ticker import MaxNLocator

    steps = MaxNLocator(8, integer=True, steps=[1, 2, 2.5, 5, 10]).tick_values(what.first, what.last)
    return [(100 * float(what.share(step)), f"{step:,.0f}") for step in steps if what.first <= step <= what.last]


def legend_of(what: Shown) -> list[tuple[str, str]]:
    """Each class of lines and marks with its description, once."""
    lines = {line.name: WORDS[line.name] for panel in what.panels for line in panel.lines if len(line.value)}
    marks = {f"lost {name}": lost_words(name) for panel in what.panels for name in panel.lost}
    return list((lines | marks).items())


def _down(panel: Panel, values: Any) -> np.ndarray:
    return np.asarray(HEIGHT * (1 - panel.scale.part(values)))


def _places(what: Shown, panel: Panel, line: Line) -> list[tuple[float, float]]:
    return list(zip((WIDTH * what.share(line.step)).tolist(), _down(panel, line.value).tolist(), strict=True))


def _paths(line: Line, places: list[tuple[float, float]]) -> Iterator[tuple[str, str]]:
    """The line, and the dots on its values."""
    if line.name != "logged":
        yield line.name, _path(places)
    if line.name == "logged" or line.is_marked:
        yield line.name + " dots" * line.is_marked, _dots(places)


def _path(places: list[tuple[float, float]]) -> str:
    """A line through all values; a single value between breaks is a dot."""
    parts: list[str] = []
    for drawn, group in itertools.groupby(places, key=lambda place: not np.isnan(place).any()):
        if drawn:
            points = [f"{x:.1f} {y:.1f}" for x, y in group]
            parts.append("M" + "L".join(points) + "h0" * (len(points) == 1))
    return "".join(parts)


def _dots(places: list[tuple[float, float]]) -> str:
    """Lines of length 0, which round ends turn into dots; points at the same pixel are drawn once."""
    return "".join(dict.fromkeys(f"M{x:.1f} {y:.1f}h0" for x, y in places if not np.isnan([x, y]).any()))


def _lost(row: int, xs: np.ndarray) -> str:
    """Ticks on the step axis, a row for each number."""
    places = dict.fromkeys(f"{x:.0f}" for x in xs.tolist())
    return "".join(f"M{x} {HEIGHT - 9 * row}v-8" for x in places)
