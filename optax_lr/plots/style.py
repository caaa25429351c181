"""What the drawings share: the colours, the look of axes, and matplotlib itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import matplotlib.axes

# The palette of Okabe and Ito, which people with colour blindness can distinguish; black is replaced by the colour of the text.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", None, "#8C6D1F")
# The lines of an audit, and its findings by severity.
ROLES = {
    "logged": "#0072B2",
    "followed": "#F0A35E",
    "planned": "#008260",
    "loss": "#0072B2",
    "eval_loss": "#C2410C",
    "error": "#C62828",
    "warning": "#9A6200",
    "note": "#4B63B8",
}


def colour(number: int) -> str:
    """The colour of a curve, visible on light and dark backgrounds."""
    from matplotlib import rcParams

    return COLOURS[number % len(COLOURS)] or rcParams["text.color"]


def style(ax: matplotlib.axes.Axes) -> None:
    """The common style: powers of ten at the axis, a light grid, no frame."""
    if ax.get_yscale() == "linear":
        ax.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.25, linewidth=0.6)


def pyplot() -> Any:
    """matplotlib's pyplot, or a one-line error with the command that installs it."""
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ImportError('plot() draws with matplotlib: pip install "optax-lr[plot]"') from None
    return pyplot
