"""The scale of a panel: its ends, linear or logarithmic, and its ticks."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Scale:
    """From `low` to `high`, both finite and `low` the smaller; above 0 where it is logarithmic."""

    low: float
    high: float
    is_log: bool = False

    def part(self, values: Any) -> Any:
        """The positions of values, 0 at the lower end and 1 at the upper; values outside are clipped."""
        low, high, values = np.float64(self.low), np.float64(self.high), np.clip(values, self.low, self.high)
        if self.is_log:
            low, high, values = np.log(low), np.log(high), np.log(values)
        return (values - low) / (high - low)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Round values within the ends, with their texts."""
        from matplotlib.ticker import Locator, LogLocator, MaxNLocator

        if self.is_log:
            few = self.high < 1000 * self.low
            locator: Locator = LogLocator(subs=(1, 2, 5) if few else (1,), numticks=8)
        else:
            locator = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])
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


def rate_scale(rates: np.ndarray) -> Scale:
    """From 0 to the highest rate; logarithmic where most rates are far below it."""
    above = rates[np.isfinite(rates) & (rates > 0)]
    if not len(above):
        return Scale(0.0, 1.0)
    top = float(above.max())
    if np.quantile(above, 0.25) < top / 100:
        return Scale(max(float(above.min()), 1e-5 * top) / 1.3, 1.3 * top, is_log=True)
    return Scale(0.0, 1.06 * top)


def value_scale(values: np.ndarray) -> Scale:
    """Around the losses; logarithmic where the highest is far above the lowest of them."""
    valid = values[np.isfinite(values)]
    if not len(valid):
        return Scale(0.0, 1.0)
    low, high = float(valid.min()), float(valid.max())
    if low > 0 and high > 10 * np.quantile(valid, 0.05):
        return Scale(low / 1.2, 1.2 * high, is_log=True)
    if low == high == 0:
        return Scale(0.0, 1.0)
    around = 0.06 * (high - low) or 0.06 * abs(high)
    return Scale(0.0 if 0 <= low < 0.4 * high or low == high > 0 else low - around, high + around)
