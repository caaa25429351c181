"""An audit in matplotlib: the rates, below them the losses, and the findings as spans with their codes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from optax_lr.auditing.audit import Audit
from optax_lr.plots.scale import Scale
from optax_lr.plots.shown import FEW, WORDS, Shown, shown_lines
from optax_lr.plots.style import ROLES, style
from optax_lr.text import visible

if TYPE_CHECKING:
    import matplotlib.axes

LANE = 12  # points


def draw(report: Audit, ax: matplotlib.axes.Axes | None = None) -> matplotlib.axes.Axes:
    """The rates into `ax`; or, without it, the rates and the losses into a figure of their own. Returns the upper axes."""
    what = shown_lines(report)
    if ax is not None:
        _rates(ax, what)
        ax.set_xlabel("optimizer step")
        return ax
    from matplotlib import pyplot

    rows = 2 if what.losses or set(what.lost) - {"learning_rate"} else 1
    figure, panels = pyplot.subplots(
        rows, figsize=(9, 3.2 * rows + 0.17 * len(what.lanes)), sharex=True, squeeze=False, layout="constrained"
    )
    upper: matplotlib.axes.Axes
    upper, lower = panels[0, 0], panels[-1, 0]
    _rates(upper, what)
    if rows == 2:
        _losses(lower, what)
    lower.set_xlabel("optimizer step")
    name = os.path.basename(report.log.source) or report.log.source
    figure.suptitle(visible(name), fontsize=11, parse_math=False)
    return upper


def _rates(ax: matplotlib.axes.Axes, what: Shown) -> None:
    for number, line in enumerate(what.followed):
        ax.plot(line.step, line.value, color=ROLES["followed"], linewidth=4, label=_label("followed", number == 0))
    if what.planned is not None:
        planned = what.planned
        ax.plot(planned.step, planned.value, "--", color=ROLES["planned"], linewidth=1.5, label=_label("planned"))
    size = 4 if len(what.logged.step) <= FEW else 2
    ax.plot(what.logged.step, what.logged.value, "o", color=ROLES["logged"], markersize=size, label=_label("logged"))
    ax.set_ylabel("learning rate")
    _finish(ax, what, what.rates, ("learning_rate",))
    _lanes(ax, what)


def _losses(ax: matplotlib.axes.Axes, what: Shown) -> None:
    for line in what.losses:
        dots = "o-" if np.isfinite(line.value).sum() <= FEW else "-"
        width = 0.9 if line.name == "loss" else 1.4
        ax.plot(
            line.step,
            line.value,
            dots,
            color=ROLES[line.name],
            linewidth=width,
            markersize=3,
            label=_label(line.name),
        )
    ax.set_ylabel("loss")
    _finish(ax, what, what.values, ("loss", "eval_loss", "grad_norm"))
    _spans(ax, what)


def _label(name: str, first: bool = True) -> str:
    """The text in the legend; only the first of several lines of one kind has one."""
    return WORDS[name] if first else "_"


def _finish(ax: matplotlib.axes.Axes, what: Shown, scale: Scale, names: tuple[str, ...]) -> None:
    """Scale, ticks, grid, legend, and a tick on the step axis for each number that is none."""
    if scale.is_log:
        ax.set_yscale("log")
    ax.set(xlim=(what.first, what.last), ylim=(scale.low, scale.high))
    for place, name in enumerate(name for name in names if name in what.lost):
        steps, label = what.lost[name], f"{WORDS[name]}: NaN or infinite"
        colour = ROLES["note" if name == "grad_norm" else "error"]
        height = np.full(len(steps), 0.02 + 0.04 * place)
        ax.plot(
            steps, height, "|", transform=ax.get_xaxis_transform(), color=colour, markersize=7, clip_on=False,
            label=label,
        )  # fmt: skip
    style(ax)
    ax.set_yticks(*zip(*scale.ticks, strict=True))
    ax.minorticks_off()
    ax.xaxis.set_major_formatter("{x:,.0f}")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=8, framealpha=0.8)


def _spans(ax: matplotlib.axes.Axes, what: Shown) -> None:
    """Light shades where the findings lie; a note, which may be of the whole run, has none."""
    for spans in what.lanes.values():
        for _, found in spans:
            if found.severity != "note" and found.steps is not None:
                ax.axvspan(*found.steps, color=ROLES[found.severity], alpha=0.08, zorder=0)


def _lanes(ax: matplotlib.axes.Axes, what: Shown) -> None:
    """Above the axes a bar for each finding, one code a line, and the code next to it."""
    from matplotlib.transforms import ScaledTranslation

    _spans(ax, what)
    width = what.last - what.first
    for lane, (code, spans) in enumerate(reversed(list(what.lanes.items()))):
        up = ScaledTranslation(0, (6 + LANE * lane) / 72, ax.figure.dpi_scale_trans)
        free = -np.inf  # from where on the lane has room for a code
        for _, found in spans:
            begin, end = found.steps or (what.first, what.last)  # only those that say where are in a lane
            ax.plot(
                [begin, max(end, begin + 0.003 * width)], [1, 1], color=ROLES[found.severity], linewidth=8, alpha=0.45,
                clip_on=False, solid_capstyle="butt", transform=ax.get_xaxis_transform() + up,
            )  # fmt: skip
            inside = end - begin > 0.08 * width
            left = not inside and end > what.last - 0.08 * width
            at = begin if inside or left else end
            starts = at - 0.08 * width * left
            if starts < free:
                continue
            free = starts + 0.08 * width
            ax.annotate(
                code, (at, 1), xytext=(-4 if left else 4, 6 + LANE * lane), xycoords=ax.get_xaxis_transform(),
                textcoords="offset points", fontsize=8, ha="right" if left else "left", va="center_baseline",
                annotation_clip=False,
            )  # fmt: skip
