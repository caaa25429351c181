"""Curves in the terminal and as picture files."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from optax_lr.identification.exact import exact_rates
from optax_lr.outputs import write_output
from optax_lr.report.terminal import Curve, chart, width
from optax_lr.schedules import Schedule
from optax_lr.text import visible


def terminal_curves(schedules: Mapping[str, Schedule], steps: Mapping[str, int]) -> str:
    """The curves as lines of text, as wide as the terminal, each over its own steps; several curves have a legend."""
    curves = []
    for number, (name, schedule) in enumerate(schedules.items()):
        chosen = np.unique(np.linspace(0, steps[name], 4 * width()).round().astype(np.int32))
        marker = "braille" if number == 0 else "·x+o*#"[(number - 1) % 6]
        curves.append(
            Curve(chosen, exact_rates(schedule, chosen), marker, visible(name) if len(schedules) > 1 else None)
        )
    return chart(curves, 0, max(steps.values()))


def save_picture(path: Path, schedules: Mapping[str, Schedule], steps: Mapping[str, int], *, force: bool) -> None:
    """Save the curves as a PNG."""
    import matplotlib

    matplotlib.use("agg")
    from optax_lr.report.plot import plot

    names = list(schedules)
    source = schedules if len(names) > 1 else schedules[names[0]]
    figure: Any = plot(source, steps=max(steps.values()) + 1, past_end="nan").figure
    save_figure(path, figure, force=force)


def save_figure(path: Path, figure: Any, *, force: bool) -> None:
    """Save a matplotlib figure as a PNG; a character that no font has becomes a box, without a warning."""

    def save(file: BinaryIO) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph")
            figure.savefig(file, dpi=150, format="png")

    write_output(path, save, overwrite=force)
