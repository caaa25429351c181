"""Curves in the terminal and as pictures."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from optax_lr.commands.targets import replace
from optax_lr.schedules import Schedule
from optax_lr.sweeps import sweep

WIDEST, HEIGHT = 160, 17


def drawn(schedules: Mapping[str, Schedule], steps: Mapping[str, int]) -> str:
    """The curves as lines of text, as wide as the terminal, each over its own steps; several carry a legend."""
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    width = min(shutil.get_terminal_size().columns, WIDEST)
    plotext.plotsize(width, HEIGHT)
    top = 0.0
    for number, (name, schedule) in enumerate(schedules.items()):
        chosen = np.unique(np.linspace(0, steps[name], 4 * width).round().astype(np.int32))
        rates = np.asarray(sweep(schedule, chosen), np.float64)
        top = max(top, rates.max())
        several = len(schedules) > 1
        marker = "braille" if number == 0 else "·x+o*#"[(number - 1) % 6]
        plotext.plot(chosen.tolist(), rates.tolist(), marker=marker, label=name if several else None)
    ticks = [top * part / 4 for part in range(5)]
    plotext.yticks(ticks, [f"{tick:.3g}" for tick in ticks])
    last = max(steps.values())
    marks = sorted({round(last * part / 4) for part in range(5)})
    plotext.xticks(marks, [f"{mark:,}" for mark in marks])
    plotext.xlabel("optimizer step")
    return plotext.uncolorize(plotext.build()).rstrip()


def save_picture(path: Path, schedules: Mapping[str, Schedule], steps: Mapping[str, int]) -> None:
    """The same as a PNG."""
    import matplotlib

    matplotlib.use("agg")
    from optax_lr.plotting import plot

    names = list(schedules)
    source: object = schedules if len(names) > 1 else schedules[names[0]]
    axes = plot(source, steps=max(steps.values()) + 1, past_end="nan")  # type: ignore[arg-type]
    replace(path, lambda beside: axes.figure.savefig(beside, dpi=150))
