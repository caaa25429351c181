"""Plots of schedules: a few curves with labels, many by colour, very many as bands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from optax_lr.arguments import shown
from optax_lr.batches import stack, table
from optax_lr.batches.mixed import listed
from optax_lr.schedules import Schedule
from optax_lr.schedules.base import require_schedule
from optax_lr.sweeps import sweep
from optax_lr.sweeps.evaluate import Steps, checked_steps, one_of
from optax_lr.sweeps.past_end import PAST_END
from optax_lr.text import visible

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

FEW, MANY = 8, 300  # up to FEW curves have labels; up to MANY are drawn individually
# The palette of Okabe and Ito, which people with colour blindness can distinguish; black is replaced by the colour of the text.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", None, "#8C6D1F")
WHAT_VARIES = ("learning_rate", "warmup_steps", "max_steps", "min_lr", "num_cycles", "power", "timescale")


def plot_schedules(
    schedules: Schedule | Sequence[Schedule] | Mapping[str, Schedule],
    *,
    steps: Steps | None = None,
    past_end: str = "reference",
    color_by: str | None = None,
    ax: matplotlib.axes.Axes | None = None,
) -> matplotlib.axes.Axes:
    """Draw schedules for the public `plot`, with its arguments and errors."""
    names, batch = _named(schedules)
    one_of("plot", "past_end", past_end, PAST_END)
    chosen = _steps("plot", batch, steps)
    if color_by is not None:
        _require_field(table(batch), color_by)
    if ax is not None and not hasattr(ax, "plot"):
        raise TypeError(f"plot(): ax must be axes of matplotlib, such as pyplot.subplots()[1], not {shown(ax)}")
    rates = np.asarray(sweep(batch, chosen, past_end=past_end), np.float64).reshape(-1, chosen.size)
    if ax is None:
        ax = pyplot().subplots(figsize=(8, 4.5), layout="constrained")[1]
    if len(rates) <= FEW:
        _few(ax, chosen, rates, names or _names(batch))
    elif len(rates) <= MANY:
        _many(ax, chosen, rates, table(batch), color_by)
    else:
        _bands(ax, chosen, rates, table(batch)["kind"])
    ax.set_xlabel("optimizer step")
    ax.set_ylabel("learning rate")
    ax.margins(x=0.01)
    style(ax)
    return ax


def style(ax: matplotlib.axes.Axes) -> None:
    """The common style: powers of ten at the axis, a light grid, no frame."""
    if ax.get_yscale() == "linear":
        ax.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.25, linewidth=0.6)


def colour(number: int) -> str:
    """The colour of a curve, visible on light and dark backgrounds."""
    from matplotlib import rcParams

    return COLOURS[number % len(COLOURS)] or rcParams["text.color"]


def plot_kinds(batch: Schedule, *, steps: Steps | None = None, past_end: str = "reference") -> matplotlib.figure.Figure:
    """Draw a large batch of several kinds, with a panel for each kind on common axes, and return the figure.

    Arguments and errors are those of `plot`.

    >>> figure = plot_kinds(stack([Linear(5e-5, max_steps=1000), Cosine(5e-5, max_steps=1000)]))
    >>> [axes.get_title() for axes in figure.axes]
    ['Cosine: 1', 'Linear: 1']
    """
    require_schedule("plot_kinds", batch)
    one_of("plot_kinds", "past_end", past_end, PAST_END)
    kinds = table(batch)["kind"]
    flat, chosen = batch.reshape(-1), _steps("plot_kinds", batch, steps)
    found = sorted(set(kinds))
    columns = min(3, len(found))
    rows = -(-len(found) // columns)
    figure: matplotlib.figure.Figure
    figure, panels = pyplot().subplots(
        rows,
        columns,
        figsize=(4.2 * columns, 2.9 * rows),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    scales = []
    for panel, kind in zip(panels.flat, found, strict=False):
        plot_schedules(flat[np.flatnonzero(kinds == kind)], steps=chosen, past_end=past_end, ax=panel)
        panel.set_title(f"{kind}: {(kinds == kind).sum():,}")
        panel.label_outer()
        scales.append((panel.get_yscale(), panel.get_ylim()))
    if any(scale == "log" for scale, _ in scales):
        panels.flat[0].set_yscale("log")
        panels.flat[0].set_ylim(
            min(low for scale, (low, _) in scales if scale == "log"), max(high for _, (_, high) in scales)
        )
    for panel in panels.flat[len(found) :]:
        panel.remove()
    if any((kinds == kind).sum() > MANY for kind in found):
        figure.suptitle(
            f"{len(kinds):,} schedules; above {MANY} of a kind: median, bands of half and nine tenths", fontsize=11
        )
    return figure


def _named(schedules: Any) -> tuple[list[str] | None, Schedule]:
    if isinstance(schedules, Mapping):
        return list(schedules), stack(listed("plot", schedules.values()))
    if isinstance(schedules, Schedule):
        return None, schedules if schedules.batch_shape else stack([schedules])
    if isinstance(schedules, str) or not isinstance(schedules, Iterable):
        raise TypeError(
            f"plot() draws a schedule, a batch, a list or a mapping of schedules, a plan or an audit, not {shown(schedules)}"
        )
    return None, stack(listed("plot", schedules))


def _steps(caller: str, batch: Schedule, steps: Any) -> np.ndarray:
    if steps is None:
        ends = table(batch).get("max_steps")
        steps = 1001 if ends is None or not np.isfinite(ends).any() else int(np.nanmax(ends)) + 1
    chosen, count = checked_steps(caller, steps)
    if chosen is None:
        chosen = np.unique(np.linspace(0, count - 1, min(count, 1001)).round().astype(np.int32))
    return np.asarray(chosen)


def _names(batch: Schedule) -> list[str]:
    """A label for each of a few curves: its kind, and the settings that differ."""
    columns = table(batch)
    kinds = columns.pop("kind")
    differing = [name for name, column in columns.items() if len(set(column.tolist())) > 1 and len(kinds) > 1]
    if len(set(kinds)) == len(kinds):
        return list(kinds)
    shown = [", ".join(f"{name} {columns[name][row]:g}" for name in differing) for row in range(len(kinds))]
    one_kind = len(set(kinds)) == 1
    return [settings if one_kind else f"{kind} {settings}" for kind, settings in zip(kinds, shown, strict=True)]


def _few(ax: matplotlib.axes.Axes, steps: np.ndarray, rates: np.ndarray, names: Sequence[str]) -> None:
    for number, curve in enumerate(rates):
        ax.plot(steps, curve, color=colour(number), linewidth=1.8)
    _name_at_the_end(ax, steps, rates, names)


def _name_at_the_end(ax: matplotlib.axes.Axes, steps: np.ndarray, rates: np.ndarray, names: Sequence[str]) -> None:
    """Write each label at the end of its curve; at the right edge, labels are moved apart if the ends are close."""
    bottom, top = ax.get_ylim()
    last = [int(np.flatnonzero(np.isfinite(curve))[-1]) for curve in rates]
    ends = [curve[row] for curve, row in zip(rates, last, strict=True)]
    early = [steps[row] < steps[0] + 0.95 * (steps[-1] - steps[0]) for row in last]
    positions: dict[int, float] = {}
    for row in sorted((row for row in range(len(ends)) if not early[row]), key=lambda row: ends[row]):
        clear = max(positions.values(), default=-np.inf) + 0.055 * (top - bottom)
        positions[row] = max(ends[row], clear)
    for row, name in enumerate(names):
        place = (steps[last[row]], ends[row]) if early[row] else (steps[-1], positions[row])
        ax.annotate(
            visible(name), place, xytext=(4, 7) if early[row] else (6, 0), textcoords="offset points", va="center",
            color=colour(row), annotation_clip=False, parse_math=False,
        )  # fmt: skip


def _many(
    ax: matplotlib.axes.Axes,
    steps: np.ndarray,
    rates: np.ndarray,
    columns: Mapping[str, np.ndarray],
    color_by: str | None,
) -> None:
    from matplotlib import cm, collections, colors

    field = color_by or _widest(columns)
    values = np.asarray(columns[field], np.float64)
    low, high = np.nanmin(values), np.nanmax(values)
    norm = (
        colors.LogNorm(low, high)
        if low > 0 and high > 20 * low
        else colors.Normalize(low, high if high > low else low + 1)
    )
    lines = [np.column_stack([steps, curve]) for curve in rates]
    ax.add_collection(
        collections.LineCollection(lines, colors=cm.viridis(norm(values)), linewidths=1.0, alpha=0.8), autolim=True
    )
    ax.autoscale_view()
    _log_if_wide(ax, rates)
    mappable = cm.ScalarMappable(norm, "viridis")
    ax.figure.colorbar(mappable, ax=ax, label=field.replace("_", " "))


def _require_field(columns: Mapping[str, np.ndarray], field: Any) -> None:
    known = [name for name, column in columns.items() if column.dtype.kind != "U"]
    if field not in known:
        raise ValueError(
            f"plot(): color_by must be a field of the schedules, not {field!r}; fields: {', '.join(known)}"
        )


def _log_if_wide(ax: matplotlib.axes.Axes, rates: np.ndarray) -> None:
    """Use a logarithmic axis if the peaks span more than a decade; it ends a decade and a half below the lowest peak."""
    peaks = rates.max(axis=1, where=np.isfinite(rates), initial=0)
    if peaks.min() > 0 and peaks.max() > 20 * peaks.min():
        ax.set_yscale("log")
        ax.set_ylim(peaks.min() / 30, peaks.max() * 1.3)


def _widest(columns: Mapping[str, np.ndarray]) -> str:
    """The field with the most distinct values."""
    counts = {name: len(np.unique(columns[name])) for name in WHAT_VARIES if name in columns}
    return max(counts, key=lambda name: counts[name])


def _bands(ax: matplotlib.axes.Axes, steps: np.ndarray, rates: np.ndarray, kinds: np.ndarray) -> None:
    found = sorted(set(kinds), key=lambda kind: -np.nanmax(rates[kinds == kind]))
    medians = []
    for number, kind in enumerate(found):
        hue = colour(number)
        alive = np.where(np.isnan(rates[kinds == kind]).all(axis=0), 0, rates[kinds == kind])
        low, lower, median, upper, high = np.nanquantile(alive, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
        ax.fill_between(steps, low, high, color=hue, alpha=0.10, linewidth=0)
        ax.fill_between(steps, lower, upper, color=hue, alpha=0.20, linewidth=0)
        ax.plot(steps, median, color=hue, linewidth=1.8)
        medians.append(median)
    _log_if_wide(ax, rates)
    if len(found) > 1:
        _name_at_the_end(ax, steps, np.array(medians), [f"{kind} ({(kinds == kind).sum():,})" for kind in found])
    ax.set_title(f"{len(rates):,} schedules: median, and the bands of half and nine tenths of them", fontsize=10)


def pyplot() -> Any:
    """matplotlib's pyplot, or a one-line error with the command that installs it."""
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ImportError('plot() draws with matplotlib: pip install "optax-lr[plot]"') from None
    return pyplot
