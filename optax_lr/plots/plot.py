"""`plot` and `plot_kinds`: whatever has a curve, as a picture; a few curves with labels, many by colour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from optax_lr.arguments import shown
from optax_lr.arrays import Float, Int, Num, Shaped
from optax_lr.auditing.audit import Audit
from optax_lr.batches import stack, table
from optax_lr.batches.mixed import listed
from optax_lr.configs import Plan
from optax_lr.plots.audit import draw
from optax_lr.plots.scale import LOG, is_wide
from optax_lr.plots.style import colour, pyplot, style
from optax_lr.schedules import Schedule
from optax_lr.schedules.base import require_schedule
from optax_lr.schedules.fields import as_schedule
from optax_lr.schedules.function import AnySchedule
from optax_lr.sweeps import sweep
from optax_lr.sweeps.evaluate import Steps, checked_steps, word_of
from optax_lr.sweeps.past_end import PAST_END
from optax_lr.text import visible

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

FEW, MANY = 8, 300  # up to FEW curves have labels; up to MANY are drawn individually
Rates = Float[np.ndarray, "rows s"]
Columns = Mapping[str, Shaped[np.ndarray, " rows"]]  # the settings of each row
PEAKS = ("learning_rate", "max_lr")  # a share of the peak does not depend on them


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

    An audit is drawn as the logged rates over the planned and the identified curve, with the findings as spans. The losses are
    drawn below it, in separate axes (`axes.figure.axes[1]`), if there are any and `ax` is not given. The steps are those of the
    log; `steps`, `past_end` and `color_by` cannot be given.

    Returns:
        The axes.

    Raises:
        TypeError: If `what` has no curve, or `ax` is not axes of matplotlib.
        ValueError: If `color_by` is not a field, or an option does not apply to an audit.
        ImportError: Without `pip install "optax-lr[plot]"`.

    >>> axes = plot({"linear": Linear(5e-5, max_steps=1000), "cosine": Cosine(5e-5, max_steps=1000)})
    >>> [text.get_text() for text in axes.texts]
    ['linear', 'cosine']
    """
    if isinstance(what, Audit):
        if steps is not None or past_end != "reference" or color_by is not None:
            raise ValueError("plot(): an audit has the steps of its log; leave out steps, past_end and color_by")
        return draw(what, ax)
    if isinstance(what, Plan):
        steps = what.max_steps + 1 if steps is None else steps
        axes = plot(what.schedule, steps=steps, past_end=past_end, color_by=color_by, ax=ax)
        _mark(axes, what.warmup_steps, "end of the warmup")
        _mark(axes, what.max_steps, "max_steps")
        return axes
    names, batch = _labels_and_batch(what)
    word_of("plot", "past_end", past_end, PAST_END)
    chosen, columns = _drawn_steps("plot", batch, steps), table(batch)
    fields = [name for name, column in columns.items() if column.dtype.kind != "U"]
    if color_by is not None and color_by not in fields:
        raise ValueError(
            f"plot(): color_by must be a field of the schedules, not {color_by!r}; fields: {', '.join(fields)}"
        )
    if ax is not None and not hasattr(ax, "plot"):
        raise TypeError(f"plot(): ax must be axes of matplotlib, such as pyplot.subplots()[1], not {shown(ax)}")
    rates = _rates(batch, chosen, past_end)
    if ax is None:
        ax = pyplot().subplots(figsize=(8, 4.5), layout="constrained")[1]
    ax.set(xlabel="optimizer step", ylabel="learning rate" if len(rates) <= MANY else "share of the peak")
    if len(rates) <= FEW:
        for number, curve in enumerate(rates):
            ax.plot(chosen, curve, color=colour(number), linewidth=1.8)
        _name_at_the_end(ax, chosen, rates, names or _curve_labels(batch))
    else:
        _draw_many(ax, chosen, rates, columns, color_by)
    ax.margins(x=0.01)
    style(ax)
    return ax


def plot_kinds(batch: Schedule, *, steps: Steps | None = None, past_end: str = "reference") -> matplotlib.figure.Figure:
    """Draws a large batch, a panel for each kind on common axes, and returns the figure.

    Of more than 300 schedules, a panel compares up to 9 values of the setting that varies most in its kind: each curve as a
    share of its own peak, the other settings at the values in the title. One more panel has every schedule: the share of its
    area that lies in the second half of the steps.

    Errors are those of `plot`.

    Args:
        batch: a batch of any shape and of any kinds.
        steps: as for `plot`.
        past_end: as for `sweep`.

    Returns:
        The figure.

    >>> figure = plot_kinds(stack([Linear(5e-5, max_steps=1000), Cosine(5e-5, max_steps=1000)]))
    >>> [axes.get_title() for axes in figure.axes]
    ['Cosine: 1', 'Linear: 1']
    """
    require_schedule("plot_kinds", batch)
    word_of("plot_kinds", "past_end", past_end, PAST_END)
    columns = table(batch)
    kinds = columns["kind"]
    flat, chosen = batch.reshape(-1), _drawn_steps("plot_kinds", batch, steps)
    found = sorted(set(kinds))
    field = _widest(columns, PEAKS) if len(kinds) > MANY else None
    count = len(found) + (field is not None)
    width = min(4 if count > 6 else 3, count)
    figure: matplotlib.figure.Figure
    figure = pyplot().figure(figsize=(4.6 * width, 3.1 * -(-count // width)), layout="constrained")
    panels = [figure.add_subplot(-(-count // width), width, place + 1) for place in range(count)]
    areas = {}
    for panel, kind in zip(panels, found, strict=False):
        rows = np.flatnonzero(kinds == kind)
        if field is None:
            plot(flat[rows], steps=chosen, past_end=past_end, ax=panel)
            panel.set_title(f"{kind}: {len(rows):,}")
            continue
        shares = _shares(_rates(flat[rows], chosen, past_end))
        own = {name: column[rows] for name, column in columns.items()}
        late, total = (np.nansum(part, axis=1) for part in (shares[:, chosen.size // 2 :], shares))
        areas[kind] = own[field], late / np.where(total > 0, total, 1)
        varies = _widest(own, PEAKS) or field
        few, held = _compared_rows(own, varies)
        _coloured(panel, chosen, shares[few], own[varies][few], varies)
        panel.set(xlabel="optimizer step", ylabel="share of the peak", ylim=(-0.02, 1.05))
        panel.set_title(f"{kind}: {len(rows):,}" + f"\n{held}" * bool(held), fontsize=10)
        style(panel)
    if field is not None:
        _areas(panels[-1], areas, field)
    return figure


def _mark(ax: matplotlib.axes.Axes, step: int, name: str) -> None:
    """A line at a step, with its name and number along it."""
    if step:
        ax.axvline(step, color="#777777", linewidth=1, linestyle=":")
        ax.annotate(
            f"{name}: {step:,}", (step, 0.5), xycoords=ax.get_xaxis_transform(), xytext=(-3, 0),
            textcoords="offset points", rotation=90, fontsize=8, color="#777777", ha="right", va="center",
        )  # fmt: skip


def _compared_rows(columns: Columns, varies: str) -> tuple[np.ndarray, str]:
    """Up to 9 rows with different values of `varies`, the other settings held; and these settings as text."""
    held = np.ones(len(columns[varies]), bool)
    words = []
    for name, column in columns.items():
        if column.dtype.kind != "U" and name not in (varies, *PEAKS) and len(np.unique(column)) > 1:
            middle = np.sort(column[held])[held.sum() // 2]
            held &= column == middle
            words.append(f"{name.replace('_', ' ')} {middle:,g}")
    rows = np.flatnonzero(held)
    values, first = np.unique(columns[varies][rows], return_index=True)
    chosen = np.unique(np.linspace(0, len(values) - 1, 9).round().astype(int))
    return rows[first[chosen]], ", ".join(words)


def _areas(ax: matplotlib.axes.Axes, areas: Mapping[str, tuple[np.ndarray, np.ndarray]], field: str) -> None:
    """The share of the area that lies in the second half, over the setting that varies most, for each kind."""
    for number, (kind, (values, late)) in enumerate(areas.items()):
        ax.plot(values, late, ".", color=colour(number), markersize=4, label=kind)
    ax.set(xlabel=field.replace("_", " "), ylabel="share of the area")
    ax.set_title("Which have most of their area in the second half", fontsize=10)
    ax.set_ylim(-0.02, 1.35)  # room for the names
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1])
    ax.legend(frameon=False, fontsize=8, ncols=2, loc="upper left")
    style(ax)


def _rates(batch: Schedule, steps: np.ndarray, past_end: str) -> Rates:
    return np.asarray(sweep(batch, steps, past_end=past_end), np.float64).reshape(-1, steps.size)


def _highest(rates: Rates) -> Float[np.ndarray, " rows"]:
    peaks: np.ndarray = rates.max(axis=1, where=np.isfinite(rates), initial=0)
    return peaks


def _shares(rates: Rates) -> Rates:
    """Each curve as a share of its peak."""
    peaks = _highest(rates)
    return rates / np.where(peaks > 0, peaks, 1)[:, None]


def _shapes(rates: Rates) -> tuple[Float[np.ndarray, "shapes s"], Int[np.ndarray, " shapes"]]:
    """Each curve as a share of its peak, curves that are then equal once, at most `MANY`; and the rows of these."""
    shares = _shares(rates)
    different = {curve.tobytes(): row for row, curve in reversed([*enumerate(shares.round(4).astype(np.float32))])}
    rows = np.sort(list(different.values()))
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, MANY).round().astype(int))]
    return shares[rows], rows


def _labels_and_batch(schedules: object) -> tuple[list[str] | None, Schedule]:
    if isinstance(schedules, Mapping):
        return list(schedules), stack(listed("plot", schedules.values()))
    if callable(schedules) or isinstance(schedules, (int, float)):
        schedules = as_schedule(schedules)
    if isinstance(schedules, Schedule):
        return None, schedules if schedules.batch_shape else stack([schedules])
    if isinstance(schedules, str) or not isinstance(schedules, Iterable):
        what = "a schedule, a batch, a list or a mapping of schedules, a plan or an audit"
        raise TypeError(f"plot() draws {what}, not {shown(schedules)}")
    return None, stack(listed("plot", schedules))


def _drawn_steps(caller: str, batch: Schedule, steps: object) -> Num[np.ndarray, "..."]:
    if steps is None:
        ends = table(batch).get("max_steps")
        steps = 1001 if ends is None or not np.isfinite(ends).any() else int(np.nanmax(ends)) + 1
    chosen, count = checked_steps(caller, steps)
    if chosen is None:
        chosen = np.unique(np.linspace(0, count - 1, min(count, 1001)).round().astype(np.int32))
    return np.asarray(chosen)


def _curve_labels(batch: Schedule) -> list[str]:
    """A label for each of a few curves: its kind, and the settings that differ."""
    columns = table(batch)
    kinds = columns.pop("kind")
    differing = [name for name, column in columns.items() if len(set(column.tolist())) > 1 and len(kinds) > 1]
    if len(set(kinds)) == len(kinds):
        return list(kinds)
    of_rows = [{name: _label_text(columns[name][row]) for name in differing} for row in range(len(kinds))]
    shown = [", ".join(f"{name} {text}" for name, text in row.items() if text) for row in of_rows]
    one_kind = len(set(kinds)) == 1
    return [settings if one_kind else f"{kind} {settings}" for kind, settings in zip(kinds, shown, strict=True)]


def _label_text(value: np.generic) -> str:
    """A setting in a label; empty where the kind has no such setting."""
    return str(value) if isinstance(value, np.str_) else "" if np.isnan(value) else f"{value:g}"


def _name_at_the_end(ax: matplotlib.axes.Axes, steps: np.ndarray, rates: Rates, names: Sequence[str]) -> None:
    """Write each label at the end of its curve; at the right edge, labels are moved apart if the ends are close."""
    bottom, top = ax.get_ylim()
    ends = {row: np.flatnonzero(np.isfinite(curve))[-1:] for row, curve in enumerate(rates)}
    found = [(float(rates[row][end]), row, float(steps[end])) for row, last in ends.items() for end in last]
    free = -np.inf
    for rate, row, step in sorted(found):
        is_early = step < steps[0] + 0.95 * (steps[-1] - steps[0])
        place = (step, rate) if is_early else (float(steps[-1]), max(rate, free))
        free = free if is_early else place[1] + 0.055 * (top - bottom)
        ax.annotate(
            visible(names[row]), place, xytext=(4, 7) if is_early else (6, 0), textcoords="offset points", va="center",
            color=colour(row), annotation_clip=False, parse_math=False,
        )  # fmt: skip


def _draw_many(
    ax: matplotlib.axes.Axes, steps: np.ndarray, rates: Rates, columns: Columns, color_by: str | None
) -> None:
    """Curves coloured by a field, on a logarithmic axis if their peaks are wide; very many as shares of their own peaks."""
    rows, field = np.arange(len(rates)), color_by or _widest(columns, PEAKS if len(rates) > MANY else ())
    if len(rates) > MANY:
        rates, rows = _shapes(rates)
        ax.set_title(f"{len(columns['kind']):,} schedules, {len(rows):,} shapes", fontsize=10)
    elif is_wide(peaks := _highest(rates)):
        ax.set_yscale("log")
        ax.set_ylim(peaks[peaks > 0].min() / 30, peaks.max() * LOG["room"])
    _coloured(ax, steps, rates, columns[field][rows] if field else rows, field or "row")


def _coloured(ax: matplotlib.axes.Axes, steps: np.ndarray, rates: Rates, values: np.ndarray, field: str) -> None:
    """Curves coloured by the value of a field, with a colour bar."""
    from matplotlib import cm, collections, colors

    values = np.asarray(values, np.float64)
    low, high = (np.nanmin(values), np.nanmax(values)) if np.isfinite(values).any() else (0.0, 1.0)
    linear = colors.Normalize(low, high if high > low else low + 1)
    norm = colors.LogNorm(low, high) if low > 0 and is_wide(values) else linear
    lines = [np.column_stack([steps, curve]) for curve in rates]
    drawn = collections.LineCollection(lines, colors=cm.viridis(norm(values)), linewidths=1.0, alpha=0.8)
    ax.add_collection(drawn, autolim=True)
    ax.autoscale_view()
    ax.figure.colorbar(cm.ScalarMappable(norm, "viridis"), ax=ax, label=field.replace("_", " "))


def _widest(columns: Columns, but: Sequence[str] = ()) -> str | None:
    """The field that has the most different values; None where none is left."""
    numbers = {name: column for name, column in columns.items() if column.dtype.kind != "U" and name not in but}
    return max(numbers, key=lambda name: len(np.unique(numbers[name])), default=None)
