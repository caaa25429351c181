"""`plot`: whatever has a curve, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from optax_lr.auditing.audit import Audit
from optax_lr.configs import Plan
from optax_lr.plots.audit import draw
from optax_lr.plots.schedules import plot_schedules
from optax_lr.plots.style import pyplot
from optax_lr.schedules.function import AnySchedule
from optax_lr.sweeps.evaluate import Steps

if TYPE_CHECKING:
    import matplotlib.axes


def plot(
    what: AnySchedule | Sequence[AnySchedule] | Mapping[str, AnySchedule] | Plan | Audit,
    *,
    steps: Steps | None = None,
    past_end: str = "reference",
    color_by: str | None = None,
    ax: matplotlib.axes.Axes | None = None,
) -> matplotlib.axes.Axes:
    """Draws learning rates over optimizer steps, and returns the axes.

    Args:
        what: one schedule, function of the step or number, a batch, a list, or a mapping from names to schedules; a plan, or
            an audit.
        steps: how many steps, or which; by default up to the longest `max_steps`, that one included.
        past_end: as for `sweep`.
        color_by: the field that colours many curves; by default the one that varies over the widest range.
        ax: matplotlib axes to draw into; by default new ones.

    Up to 8 curves carry their name; up to 300 are coloured by a field, with a colour bar. More are drawn as shares of their
    peaks, curves of one shape once, so that peaks of several decades can be compared; `plot_kinds` gives each kind a panel. At
    most 1,000 points a curve are computed. A plan is its curve, with lines at the end of the warmup and of the run.

    An audit is the logged rates over the planned curve and over the one that was found, with the findings as spans; below it,
    in axes of their own (`axes.figure.axes[1]`), the losses are drawn, if there are any and `ax` is not given. Its steps are
    those of the log; `steps`, `past_end` and `color_by` do not go with it.

    Returns:
        The axes.

    Raises:
        ValueError: If `color_by` is not a field, or an option does not apply to an audit.
        ImportError: Without `pip install "optax-lr[plot]"`.

    >>> axes = plot({"linear": Linear(5e-5, max_steps=1000), "cosine": Cosine(5e-5, max_steps=1000)})
    >>> [text.get_text() for text in axes.texts]
    ['linear', 'cosine']
    """
    if isinstance(what, Audit):
        if steps is not None or past_end != "reference" or color_by is not None:
            raise ValueError(
                "plot(): an audit is drawn over the steps of its log; leave out steps, past_end and color_by"
            )
        pyplot()
        return draw(what, ax)
    if isinstance(what, Plan):
        steps = what.max_steps + 1 if steps is None else steps
        axes = plot_schedules(what.schedule, steps=steps, past_end=past_end, color_by=color_by, ax=ax)
        _mark(axes, what.warmup_steps, "end of the warmup")
        _mark(axes, what.max_steps, "max_steps")
        return axes
    return plot_schedules(what, steps=steps, past_end=past_end, color_by=color_by, ax=ax)


def _mark(ax: matplotlib.axes.Axes, step: int, name: str) -> None:
    """A line at a step, with its name and number along it."""
    if step:
        ax.axvline(step, color="#777777", linewidth=1, linestyle=":")
        ax.annotate(
            f"{name}: {step:,}", (step, 0.5), xycoords=ax.get_xaxis_transform(), xytext=(-3, 0),
            textcoords="offset points", rotation=90, fontsize=8, color="#777777", ha="right", va="center",
        )  # fmt: skip
