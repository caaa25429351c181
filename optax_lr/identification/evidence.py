"""The rates of a log as evidence: sorted by step, with the distance that the way they were written may have moved each."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import numpy as np

from optax_lr.arrays import Bool, Float64, Int64

EXACT = 1e-9  # of a rate that was written in full; a schedule that ran in float64 is far closer
ROUNDING = 1e-15  # of the highest rate: cancellation where a float64 schedule comes near 0
FLOAT32 = 2.0**-24
_MOST_DIGITS = 9  # more are those of a number written in full
_MOST_DECIMALS = 12
_LOOKED_AT = 2000  # rates whose digits are counted
_COARSE_DIGITS, _FEW_RATES = 3, 100
_HALF = 0.5001  # of the last digit: what rounding may move a rate by
_ENOUGH = 0.3  # of the rates have at most one digit less than the rounding left; by chance 0.99 have


Rows = slice | list[int] | Int64[np.ndarray, " m"] | Bool[np.ndarray, " n"]


@dataclasses.dataclass(frozen=True)
class Evidence:
    """Rates by the step at which they were logged.

    Fields:
        step: int64 [n], rising.
        rate: float64 [n], at least 0.
        tolerance: float64 [n], how far from its rate a curve may be to explain the row.
        precision: how the rates were written: `float64`, `float32`, `6 digits` or `7 decimals`.
        row: int64 [n], which of the given rows each is.
    """

    step: Int64[np.ndarray, " n"]
    rate: Float64[np.ndarray, " n"]
    tolerance: Float64[np.ndarray, " n"]
    precision: str
    row: Int64[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.step)

    def __getitem__(self, rows: Rows) -> Evidence:
        return Evidence(self.step[rows], self.rate[rows], self.tolerance[rows], self.precision, self.row[rows])

    def thinned(self, most: int) -> Evidence:
        """At most so many of the rows, evenly spaced, the first and the last among them."""
        return self[np.unique(np.linspace(0, len(self) - 1, most).astype(int))]

    @property
    def rounded(self) -> bool:
        """Whether the rates lost digits when they were written."""
        return self.precision not in ("float64", "float32")

    @property
    def is_coarse(self) -> bool:
        """Whether so few different rates of so few digits are left that settings which were not tried may give them too."""
        if not self.rounded:
            return False
        count, unit = self.precision.split()
        top = np.floor(np.log10(self.rate.max())) if len(self) and self.rate.max() > 0 else 0
        digits = int(count) if unit == "digits" else int(count) + int(top) + 1
        return digits <= _COARSE_DIGITS and len(np.unique(self.rate)) < _FEW_RATES


def evidence_of(step: np.ndarray, rate: np.ndarray) -> list[Evidence]:
    """Every precision with which these rates may have been written, the most exact first.

    Rows without a rate are left out. Of rows at one step the last counts: a resumed run overwrites what came before.
    """
    row = np.flatnonzero(np.isfinite(rate))
    row = row[np.argsort(step[row], kind="stable")]
    row = row[np.append(np.diff(step[row]) > 0, True)[: len(row)]]
    step, rate = step[row], rate[row]
    top = float(rate.max()) if len(rate) else 0.0
    exact = EXACT * abs(rate) + ROUNDING * top + np.finfo(np.float64).tiny  # rates that are all 0 have a tolerance too
    forms = [("float64", np.zeros(len(rate))), *roundings(rate)]
    return [Evidence(step, rate, exact + moved, name, row) for name, moved in forms]


def roundings(rate: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """The kinds of rounding that the rates agree with, likeliest first, each with how far it may have moved each rate.

    A rate that was rounded to 4 digits ends in a zero one time in ten, and then shows 3. Of rates that were rounded to 7
    decimals the small ones show fewer digits. The kind with the fewest digits missing is the likeliest.

    >>> roundings(np.array([1.99934e-05, 1.23457e-05, 6.17284e-06]))[0][0]
    '6 digits'
    >>> roundings(np.array([0.0002752, 0.0001376, 0.0000138, 0.0000275]))[0][0]
    '7 decimals'
    """
    different = np.unique(rate[rate > 0])
    if not len(different):
        return []
    top = float(different.max())
    different = different[:: -(-len(different) // _LOOKED_AT)]
    with np.errstate(over="ignore"):
        float32 = different.astype(np.float32)
    counted = [_digits(value) for value in different.tolist()]
    digits, decimals = (np.array(counts) for counts in zip(*counted, strict=True))
    # NumPy and JAX print a float32 as its shortest text, which has 7 digits and more except by chance.
    shortest = digits.max() > 6 and all(
        float(str(short)) == value for short, value in zip(float32, different, strict=True)
    )
    if shortest or (different == float32).all():
        # A schedule that was computed in float32 too is less exact where it comes near 0.
        stored = 2 * FLOAT32 * abs(rate)
        return [("float32", stored), ("float32", stored + 4 * FLOAT32 * top)]
    found = []
    if (most := int(digits.max())) <= _MOST_DIGITS:
        exponent = np.floor(np.log10(np.where(rate > 0, rate, 1)))
        moved = np.where(rate > 0, _HALF * 10.0 ** (exponent - most + 1), 0)
        found.append((most - digits, f"{most} digits", moved))
    if (most := int(decimals.max())) <= _MOST_DECIMALS and digits.max() <= _MOST_DIGITS:
        moved = np.full(len(rate), _HALF * 10.0**-most)
        found.append((most - decimals, f"{most} decimals", moved))
    likeliest = sorted(found, key=lambda kind: float(kind[0].mean()))
    return [
        (name, moved)
        for place, (missing, name, moved) in enumerate(likeliest)
        if not place or (missing <= 1).mean() >= _ENOUGH
    ]


def _digits(value: float) -> tuple[int, int]:
    """Significant digits, and decimals, of the shortest text that is `value` again."""
    number = Decimal(repr(value)).normalize().as_tuple()
    return len(number.digits), max(0, -int(number.exponent))


def snapped(values: np.ndarray, tolerance: np.ndarray, most: int = 5) -> np.ndarray:
    """For each value the number of the fewest digits, at most `most`, within its tolerance; NaN where there is none.

    >>> snapped(np.array([0.00019999999999999998, 1 / 3]), np.array([1e-15, 1e-15]))
    array([0.0002,    nan])
    """
    result = np.where(np.abs(values) <= tolerance, 0.0, np.nan)
    with np.errstate(all="ignore"):
        exponent = np.floor(np.log10(np.abs(values)))
        for digits in range(most + 1):
            # One digit more than the value has place for: 0.0001 lies within reach of 9.9996e-05.
            scaled = _decimal(values, digits - 1 - exponent)
            near = _decimal(np.rint(scaled), exponent - digits + 1)
            result = np.where(np.isnan(result) & (np.abs(near - values) <= tolerance), near, result)
    return result


def _decimal(values: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """`values * 10**exponent`, exact to the last bit for small whole numbers: powers of ten up to 22 have no error."""
    power = 10.0 ** np.abs(exponent)
    return np.asarray(np.where(exponent < 0, values / power, values * power))


def digits_of_all(values: np.ndarray, most: int = 7) -> np.ndarray:
    """Significant digits of each value, those with more than `most` counted as one more; int64 [n].

    >>> digits_of_all(np.array([2e-4, 0.0, 1.25e-5, 1 / 3]))
    array([1, 1, 3, 8])
    """
    size = np.abs(np.asarray(values, np.float64))
    digits = np.full(size.shape, most + 1)
    with np.errstate(all="ignore"):
        leading = size / 10.0 ** np.floor(np.log10(size))
    for count in range(most, 0, -1):
        unit = 10.0 ** (count - 1)
        digits[np.abs(np.rint(leading * unit) - leading * unit) < 1e-12 * unit] = count
    digits[size == 0] = 1
    return digits


def digits_of(value: float) -> int:
    """Significant digits of the shortest text that is `value` again."""
    return _digits(float(value))[0]
