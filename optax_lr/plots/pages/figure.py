"""The figure of an audit for its page: positions are shares of the axes, so that the browser can stretch them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from jax.typing import ArrayLike

from optax_lr.plots.shown import WORDS, Line, Panel, Shown, lost_words

WIDTH, HEIGHT = 1000, 200  # the units of a panel: the page stretches the width, and shows the height in pixels
ROOM = {"wide": 0.065, "narrow": 0.15}  # the width of a code on a screen, as a share of the axis


def figure_of(what: Shown) -> dict[str, object]:
    """The lanes of the findings, the panels, the ticks of the step axis in percent, and the legend."""
    from matplotlib.ticker import MaxNLocator

    steps = MaxNLocator(8, integer=True, steps=[1, 2, 2.5, 5, 10]).tick_values(what.first, what.last)
    lines = {line.name: WORDS[line.name] for panel in what.panels for line in panel.lines if len(line.value)}
    marks = {f"lost {name}": lost_words(name) for panel in what.panels for name in panel.lost}
    return {
        "size": (WIDTH, HEIGHT),
        "lanes": [list(_bars(what, lane)) for lane in what.lanes],
        "panels": [_panel(what, panel) for panel in what.panels],
        "steps": [(100 * float(what.share(step)), f"{step:,.0f}") for step in steps if what.first <= step <= what.last],
        "legend": lines | marks,
    }


def _bars(what: Shown, lane: str) -> Iterator[dict[str, object]]:
    """A finding and its number, its bar in percent, and where its code is on each kind of screen."""
    codes = zip(*(what.codes(lane, room) for room in ROOM.values()), strict=True)
    for (number, finding), places in zip(what.lanes[lane], codes, strict=True):
        begin, end = (100 * what.share(finding.steps)).tolist()
        screens = dict(zip(ROOM, places, strict=True))
        yield {"number": number, "finding": finding, "left": begin, "width": end - begin, "codes": screens}


def _panel(what: Shown, panel: Panel) -> dict[str, object]:
    """The title, the ticks with their heights, the paths by their classes, and the rows of lost numbers."""
    return {
        "title": panel.title,
        "ticks": [(round(float(_down(panel, value)), 1), text) for value, text in panel.scale.ticks],
        "paths": [path for line in panel.lines for path in _paths(line, _places(what, panel, line))],
        "lost": [
            (name, _lost_ticks(row, WIDTH * what.share(steps)), lost_words(name))
            for row, (name, steps) in enumerate(panel.lost.items())
        ],
    }


def _down(panel: Panel, values: ArrayLike) -> np.ndarray:
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


def _lost_ticks(row: int, xs: np.ndarray) -> str:
    """Ticks on the step axis, a row for each number."""
    places = dict.fromkeys(f"{x:.0f}" for x in xs.tolist())
    return "".join(f"M{x} {HEIGHT - 9 * row}v-8" for x in places)
