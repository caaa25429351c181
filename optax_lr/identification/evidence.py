"""The rates of a log as evidence: in the order of the steps, each once, and as exact as it was written."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

EXACT = 1e-9  # of a rate that was written in full; whoever ran the schedule in float64 is far closer
ROUNDING = 1e-15  # of the highest rate: what cancels where a float64 schedule comes near 0
FLOAT32 = 2.0**-24
# Digits that a rate is rounded to: fewer may be its own, more are those of a number written in full.
_FEWEST_DIGITS, _MOST_DIGITS = 4, 9
_LOOKED_AT = 2000  # rates whose digits are counted


@dataclasses.dataclass(frozen=True)
class Evidence:
    """Rates by the step at which they were logged.

    Fields:
        step: int64 [n], rising.
        rate: float64 [n], at least 0.
        tolerance: float64 [n], how far from its rate a curve may be to explain the row.
        precision: what the rates were written as: `float64`, `float32`, `6 digits` or `7 decimals`.
    """

    step: np.ndarray
    rate: np.ndarray
    tolerance: np.ndarray
    precision: str

    def __len__(self) -> int:
        return len(self.step)

    def __getitem__(self, rows: Any) -> Evidence:
        return Evidence(self.step[rows], self.rate[rows], self.tolerance[rows], self.precision)


def evidence_of(step: np.ndarray, rate: np.ndarray) -> list[Evidence]:
    """Rows with a rate, sorted; those that a second writer or a resumed run repeats count once.

    Of rows at one step with different rates the last stays: a resumed run overwrites what came before. The rates are
    first taken as written in full, and then, in a second form, as rounded, where they look like it.
    """
    told = np.isfinite(rate)
    step, rate = step[told], rate[told]
    order = np.argsort(step, kind="stable")
    step, rate = step[order], rate[order]
    last = np.append(np.diff(step) > 0, True)[: len(step)]
    step, rate = step[last], rate[last]
    top = float(rate.max()) if len(rate) else 0.0
    exact = EXACT * abs(rate) + ROUNDING * top + np.finfo(np.float64).tiny  # rates that are all 0 have a tolerance too
    forms = [Evidence(step, rate, exact, "float64")]
    rounding = rounding_of(rate)
    if rounding is not None:
        forms.append(Evidence(step, rate, exact + rounding[0], rounding[1]))
    return forms


def rounding_of(rate: np.ndarray) -> tuple[np.ndarray, str] | None:
    """How far rounding may have moved each rate, and what they were rounded to; None where they look exact.

    >>> rounding_of(np.array([1.99934e-05, 1.23457e-05, 6.17284e-06]))[1]
    '6 digits'
    """
    different = np.unique(rate[rate > 0])
    if not len(different):
        return None
    different = different[:: -(-len(different) // _LOOKED_AT)]
    with np.errstate(over="ignore"):
        float32 = different.astype(np.float32)
    digits, decimals = (np.array(counts) for counts in zip(*map(_digits, different.tolist()), strict=True))
    # NumPy and JAX print a float32 by its shortest text, which has 7 digits and more but for chance.
    shortest = digits.max() > 6 and all(
        float(str(short)) == rate for short, rate in zip(float32, different, strict=True)
    )
    if shortest or (different == float32).all():
        return 2 * FLOAT32 * abs(rate), "float32"
    if not _FEWEST_DIGITS <= digits.max() <= _MOST_DIGITS:
        return None
    if (decimals >= decimals.max() - 1).mean() > 0.9 and different.max() > 20 * different.min():
        return np.full(len(rate), 0.5001 * 10.0 ** -float(decimals.max())), f"{decimals.max()} decimals"
    if (digits >= digits.max() - 1).mean() < 0.5:
        return None
    exponent = np.floor(np.log10(np.where(rate > 0, rate, 1)))
    return 0.5001 * 10.0 ** (exponent - digits.max() + 1), f"{digits.max()} digits"


def _digits(value: float) -> tuple[int, int]:
    """Significant digits, and decimals, of the shortest text that is `value` again."""
    mantissa, exponent = f"{value!r}e0".split("e")[:2] if "e" in repr(value) else (repr(value), "0")
    whole, _, fraction = mantissa.partition(".")
    fraction = fraction.rstrip("0")
    return len((whole + fraction).strip("0") or "0"), max(0, len(fraction) - int(exponent))


def snapped(values: np.ndarray, tolerance: np.ndarray, most: int = 5) -> np.ndarray:
    """For each value the number of the fewest digits, at most `most`, within its tolerance; NaN where there is none.

    >>> snapped(np.array([0.00019999999999999998, 1 / 3]), np.array([1e-15, 1e-15]))
    array([0.0002,    nan])
    """
    result = np.where(np.abs(values) <= tolerance, 0.0, np.nan)
    with np.errstate(all="ignore"):
        exponent = np.floor(np.log10(np.abs(values)))
        for digits in range(1, most + 1):
            unit = 10.0 ** (exponent - digits + 1)
            near = np.abs(np.rint(values / unit) * unit - values) <= tolerance
            for place in np.flatnonzero(near & np.isnan(result)):
                result[place] = float(f"{values[place]:.{digits - 1}e}")
    return result


def digits_of(value: float) -> int:
    """Significant digits of the shortest text that is `value` again."""
    return _digits(float(value))[0]
