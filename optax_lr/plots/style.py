"""The look of all drawings: their colours, axes of matplotlib, and matplotlib itself."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import matplotlib.axes

# Each colour on a light and on a dark background. The curves have the palette of Okabe and Ito, which people with colour
# blindness can distinguish, with a darker yellow and two more.
CURVES = (
    ("#0072b2", "#5db4ee"),
    ("#d55e00", "#ff8f4d"),
    ("#009e73", "#35c796"),
    ("#cc79a7", "#e08fc0"),
    ("#b07d00", "#e0b13c"),
    ("#56b4e9", "#a9c7ff"),
    ("#6a3d9a", "#c5a5f0"),
    ("#808080", "#b0b0b0"),
)
# The lines of an audit, and its findings by severity.
ROLES = {
    "logged": ("#0072b2", "#62b8f0"),
    "followed": ("#f0a35e", "#b0622a"),
    "planned": ("#008260", "#3ecf9d"),
    "loss": ("#0072b2", "#62b8f0"),
    "eval_loss": ("#c2410c", "#ff9d66"),
    "error": ("#c62828", "#ff7b72"),
    "warning": ("#9a6200", "#e3b341"),
    "note": ("#4b63b8", "#9db2ff"),
}


def colour(name: str | int) -> str:
    """The colour of a role or of the curve with this number, visible on light and dark backgrounds."""
    return (CURVES[name % len(CURVES)] if isinstance(name, int) else ROLES[name])[0]


def style(ax: matplotlib.axes.Axes) -> None:
    """The common style: powers of ten at the axis, a light grid, no frame."""
    if ax.get_yscale() == "linear":
        ax.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.25, linewidth=0.6)


def pyplot() -> ModuleType:
    """matplotlib's pyplot, or a one-line error with the command that installs it."""
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ImportError('plot() draws with matplotlib: pip install "optax-lr[plot]"') from None
    return pyplot
