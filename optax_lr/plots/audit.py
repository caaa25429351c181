"""An audit in matplotlib: the rates, below them the losses, and the findings as spans with their codes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from optax_lr.auditing.audit import Audit
from optax_lr.plots.shown import WORDS, Panel, Shown, lost_words, shown_lines
from optax_lr.plots.style import colour, pyplot, style
from optax_lr.text import visible

if TYPE_CHECKING:
    import matplotlib.axes

LANE = 12  # points
ROOM = 0.08  # the width of a code, as a share of the axis
LOOKS: dict[str, dict[str, Any]] = {
    "followed": {"linewidth": 4},
    "planned": {"linewidth": 1.5, "linestyle": "--"},
    "logged": {"linestyle": "", "marker": "o", "markersize": 2},
    "loss": {"linewidth": 0.9},
    "eval_loss": {"linewidth": 1.4},
}


def draw(report: Audit, ax: matplotlib.axes.Axes | None = None) -> matplotlib.axes.Axes:
    """The rates into `ax`; or, without it, the rates and the losses into a figure of their own. Returns the upper axes."""
    what = shown_lines(report)
    axes: list[matplotlib.axes.Axes]
    if ax is not None:
        axes = [ax]
    else:
        rows = len(what.panels)
        size = (9, 3.2 * rows + 0.17 * len(what.lanes))
        figure, panels = pyplot().subplots(rows, figsize=size, sharex=True, squeeze=False, layout="constrained")
        name = os.path.basename(report.log.source) or report.log.source
        figure.suptitle(visible(name), fontsize=11, parse_math=False)
        axes = panels[:, 0].tolist()
    for place, panel in zip(axes, what.panels, strict=False):
        _draw_panel(place, what, panel)
    _draw_lanes(axes[0], what)
    axes[-1].set_xlabel("optimizer step")
    return axes[0]


def _draw_panel(ax: matplotlib.axes.Axes, what: Shown, panel: Panel) -> None:
    """Lines, a tick at the bottom for each value that is not a number, and shading where errors and warnings are."""
    for line in panel.lines:
        dots = {"marker": "o", "markersize": 4 if line.name == "logged" else 3} if line.is_marked else {}
        known = ax.get_legend_handles_labels()[1]
        label = "_" if WORDS[line.name] in known else WORDS[line.name]  # one entry for several lines of a kind
        ax.plot(line.step, line.value, color=colour(line.name), label=label, **(LOOKS[line.name] | dots))
    if panel.scale.is_log:
        ax.set_yscale("log")
    ax.set(xlim=(what.first, what.last), ylim=(panel.scale.low, panel.scale.high), ylabel=panel.title)
    for place, (name, steps) in enumerate(panel.lost.items()):
        ax.plot(
            steps, np.full(len(steps), 0.02 + 0.04 * place), "|", transform=ax.get_xaxis_transform(), markersize=7,
            color=colour("note" if name == "grad_norm" else "error"), clip_on=False, label=lost_words(name),
        )  # fmt: skip
    for _, found in (span for spans in what.lanes.values() for span in spans):
        if found.severity != "note" and found.steps is not None:  # a note may be about the whole run
            ax.axvspan(*found.steps, color=colour(found.severity), alpha=0.08, zorder=0)
    style(ax)
    ax.set_yticks(*zip(*panel.scale.ticks, strict=True))
    ax.minorticks_off()
    ax.xaxis.set_major_formatter("{x:,.0f}")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=8, framealpha=0.8)


def _draw_lanes(ax: matplotlib.axes.Axes, what: Shown) -> None:
    """Above the axes a bar for each finding, one code a line, and the code next to it."""
    from matplotlib.transforms import ScaledTranslation

    for number, (code, spans) in enumerate(reversed([*what.lanes.items()])):
        height = 6 + LANE * number
        lane = ax.transAxes + ScaledTranslation(0, height / 72, ax.figure.dpi_scale_trans)
        for (_, found), text in zip(spans, what.codes(code, ROOM), strict=True):
            begin, end = what.share(found.steps)
            ax.plot(
                [begin, max(end, begin + 0.003)], [1, 1], color=colour(found.severity), linewidth=8, alpha=0.45,
                clip_on=False, solid_capstyle="butt", transform=lane,
            )  # fmt: skip
            if text is not None:
                at, ends = text
                ax.annotate(
                    code, (at, 1), xytext=(-4 if ends else 4, height), xycoords="axes fraction", textcoords="offset points",
                    fontsize=8, ha="right" if ends else "left", va="center_baseline", annotation_clip=False,
                )  # fmt: skip
