"""Curves in the terminal and as picture files."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from optax_lr.commands.terminal import print_written
from optax_lr.configs import Plan
from optax_lr.identification.exact import exact_rates
from optax_lr.outputs import write_output
from optax_lr.plots.terminal import Curve, chart, width
from optax_lr.text import visible


def terminal_curves(plans: Mapping[str, Plan]) -> str:
    """The curves as lines of text, as wide as the terminal, each over its own steps; several curves have a legend."""
    curves = []
    for number, (name, plan) in enumerate(plans.items()):
        steps = np.unique(np.linspace(0, plan.max_steps, 4 * width()).round().astype(np.int32))
        marker = "braille" if number == 0 else "·x+o*#"[(number - 1) % 6]
        label = visible(name) if len(plans) > 1 else None
        curves.append(Curve(steps, exact_rates(plan.schedule, steps), marker, label))
    return chart(curves, 0, _longest(plans))


def save_picture(path: Path, plans: Mapping[str, Plan], *, force: bool) -> None:
    """Save the curves as a PNG."""
    from optax_lr.plots.plot import plot

    schedules = {name: plan.schedule for name, plan in plans.items()}
    what = schedules if len(schedules) > 1 else next(iter(schedules.values()))
    save_figure(path, lambda: plot(what, steps=_longest(plans) + 1, past_end="nan").figure, force=force)
    print_written(path)


def save_figure(path: Path, draw: Callable[[], Any], *, force: bool) -> None:
    """Save the matplotlib figure that `draw` makes as a PNG; a character that no font has becomes a box, without a warning."""
    import matplotlib

    matplotlib.use("agg")
    figure = draw()

    def save(file: BinaryIO) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph")
            figure.savefig(file, dpi=150, format="png")

    write_output(path, save, overwrite=force)


def _longest(plans: Mapping[str, Plan]) -> int:
    return max(plan.max_steps for plan in plans.values())
