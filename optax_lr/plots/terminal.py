"""Curves as lines of text, as wide as the terminal."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from optax_lr.auditing.audit import Audit
from optax_lr.plots.shown import WORDS, shown_lines

WIDEST, HEIGHT = 160, 17


class Curve(NamedTuple):
    """Values over steps: a line, or the points alone where `points` says so; a marker, and a name for the legend."""

    step: np.ndarray
    value: np.ndarray
    marker: str = "braille"
    name: str | None = None
    points: bool = False


def width() -> int:
    """The columns of the terminal, up to 160."""
    return min(shutil.get_terminal_size().columns, WIDEST)


def chart(curves: Sequence[Curve], first: int, last: int) -> str:
    """The curves from 0 to their highest value, over the steps from `first` to `last`."""
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(width(), HEIGHT)
    for curve in curves:
        add = plotext.scatter if curve.points else plotext.plot
        add(curve.step.tolist(), curve.value.tolist(), marker=curve.marker, label=curve.name)
    top = max((float(curve.value.max()) for curve in curves), default=0.0)
    if top > 0:
        plotext.ylim(0, top)
    ticks = [top * part / 4 for part in range(5)]
    plotext.yticks(ticks, [f"{tick:.3g}" for tick in ticks])
    marks = sorted({round(first + (last - first) * part / 4) for part in range(5)})
    plotext.xticks(marks, [f"{mark:,}" for mark in marks])
    plotext.xlabel("optimizer step")
    return str(plotext.uncolorize(plotext.build())).rstrip()


def drawn(report: Audit) -> str:
    """The logged rates over the curve that was planned, or else over the one that was found; empty without a rate."""
    what = shown_lines(report)
    *lines, logged = what.panels[0].lines
    if not len(logged.step):
        return ""
    lines = [line for line in lines if line.name == "planned"] or lines
    apart = np.unique(np.linspace(0, len(logged.step) - 1, width() // 2).round().astype(int))
    dots = Curve(logged.step[apart], logged.value[apart], "o", points=True)
    names = f"{'─── ' + WORDS[lines[0].name] + ', ' if lines else ''}o {WORDS['logged']}"
    return (
        chart([*(Curve(line.step, line.value) for line in lines), dots], what.first, what.last)
        + f"\n{names:^{width()}}".rstrip()
    )
