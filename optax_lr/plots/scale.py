"""The axis of values: its ends, linear or logarithmic, and its ticks."""

from __future__ import annotations

import dataclasses

import numpy as np
from jax.typing import ArrayLike

# A logarithmic axis shows at most this share of its highest value, has this factor of room at its ends, and has a number at 2
# and 5 times the powers of ten up to this ratio of the ends.
LOG = {"lowest": 1e-5, "room": 1.3, "few": 1000}


@dataclasses.dataclass(frozen=True)
class Scale:
    """From `low` to `high`, both finite and `low` the smaller; above 0 where it is logarithmic."""

    low: float
    high: float
    is_log: bool = False

    def part(self, values: ArrayLike) -> np.ndarray | np.float64:
        """The positions of values, 0 at the lower end and 1 at the upper; values outside are clipped."""
        low, high, values = np.float64(self.low), np.float64(self.high), np.clip(values, self.low, self.high)
        if self.is_log:
            low, high, values = np.log(low), np.log(high), np.log(values)
        return (values - low) / (high - low)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Round values within the ends, with their texts."""
        from matplotlib.ticker import Locator, LogLocator, MaxNLocator

        locator: Locator = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])
        if self.is_log:
            locator = LogLocator(subs=(1, 2, 5) if self.high < LOG["few"] * self.low else (1,), numticks=8)
        found = [tick for tick in locator.tick_values(self.low, self.high) if self.low <= tick <= self.high]
        return [(tick, brief_number(tick)) for tick in found]


def brief_number(value: float) -> str:
    """A number of few digits for an axis.

    >>> [brief_number(value) for value in (0.0, 2.5e-5, 0.00015, 0.25, 8000.0, 12_500_000)]
    ['0', '2.5e-5', '1.5e-4', '0.25', '8,000', '1.25e7']
    """
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e6:
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    digits, exponent = f"{value:.3e}".split("e")
    return f"{float(digits):g}e{int(exponent)}"


def is_wide(values: np.ndarray) -> bool:
    """Whether values are drawn on a logarithmic axis: a quarter of them are below a twentieth of the highest.

    Values of 0 and values that are not finite do not count; with a value below 0, the axis is linear.

    >>> is_wide(np.geomspace(1e-6, 1e-3, 20)), is_wide(np.linspace(1e-3, 0, 20)), is_wide(np.array([2.0] * 20 + [500.0]))
    (True, False, True)
    """
    counted = values[np.isfinite(values) & (values != 0)]
    if not counted.size or counted.min() < 0:
        return False
    return bool(20 * np.quantile(counted, 0.25, method="lower") < counted.max())


def scale_of(values: np.ndarray, *, from_zero: bool = False) -> Scale:
    """An axis for the finite values, logarithmic for wide ones; a linear one begins at 0 if that is near, or if it must."""
    values = values[np.isfinite(values)]
    if not values.any():
        return Scale(0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if is_wide(values):
        lowest = max(float(values[values > 0].min()), LOG["lowest"] * high)
        return Scale(lowest / LOG["room"], high * LOG["room"], is_log=True)
    around = 0.06 * (high - low or abs(high))
    near = low < 0.4 * high or low == high
    return Scale(0.0 if low >= 0 and (near or from_zero) else low - around, high + around)
