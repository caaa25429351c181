"""Coefficients of the polynomials that replace library functions, and Horner's rule.

Each list is the minimax polynomial of its function, lowest power first; `python -m benchmarks.coefficients` computes them
with mpmath and prints the errors quoted here, and `tests/numerics/test_numerics.py` measures them.
"""

from __future__ import annotations

from collections.abc import Sequence

from optax_lr.numerics.reals import Real

# sin(pi/2 q)**2 / q**2 in q**2, q in [0, 1]; relative error 2**-32.7.
SIN_SQUARED = (
    2.4674010999151443, -2.0293560319244524, 0.6676309233553965, -0.11766271426279705,
    0.012896349267537532, -0.0009547041306800362, 4.507792461655674e-05,
)  # fmt: skip

# log2(m) - m, m in [1, 2]; absolute error 2**-35.1.
LOG2_REST = (
    -3.98010651202912, 11.2372044261919, -23.667180389734014, 36.80222845336225, -43.23872491526743,
    38.34087868659361, -25.694685865409603, 12.948425694122076, -4.833274585994092, 1.296976729590621,
    -0.23671918130767902, 0.02632399748632209, -0.0013465375794200136,
)  # fmt: skip

# 2**f, f in [-1/2, 1/2]; relative error 2**-34.5.
EXP2 = (
    0.9999999999616884, 0.6931471807284337, 0.24022651198170034, 0.05550410353466001,
    0.00961802725048123, 0.0013333922541673227, 0.00015469292228075806, 1.5201928657274308e-05,
)  # fmt: skip

# 2**(m - 1), m in [1, 2]; relative error 2**-34.5.
EXP2_OF_MANTISSA = (
    0.49996784954539, 0.3467543993734953, 0.11967384397334078, 0.028353688246213697,
    0.0043030893346200794, 0.000932599008017061, -6.968294961553005e-06, 2.149877368134554e-05,
)  # fmt: skip

# log2(1 + u) / u, u in [sqrt(1/2) - 1, sqrt(2) - 1]; relative error 2**-35.8.
LOG2_NEAR_1 = (
    1.442695040868713, -0.721347520869094, 0.4808983613942602, -0.360673674785043, 0.2885372935416842,
    -0.2404531675392503, 0.20617535819635405, -0.18030055987563615, 0.1587697945630182, -0.14315688103258983,
    0.1447488106694965, -0.14283769419963166, 0.0773680691452018,
)  # fmt: skip

# (2**f - 1) / f, f in [-1/2, 1/2]; relative error 2**-37.7.
EXP2_LESS_1 = (
    0.6931471805568767, 0.24022650696488945, 0.05550410906005649, 0.009618128942602477, 0.0013333478814588962,
    0.0001540362953459171, 1.5303609924231267e-05, 1.321548892816778e-06,
)  # fmt: skip


def horner(coefficients: Sequence[Real], x: Real) -> Real:
    """`coefficients[0] + coefficients[1] * x + ...`; the coefficients may be arrays or pairs."""
    total = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total


def in_fours(coefficients: Sequence[Real], x: Real) -> Real:
    """`horner` in the fourth power of `x`, on four terms at a time: fewer steps that depend on each other."""
    square = x * x

    def four(terms: Sequence[Real]) -> Real:
        low = horner(terms[:2], x)
        return low + square * horner(terms[2:], x) if len(terms) > 2 else low

    return horner([four(coefficients[first : first + 4]) for first in range(0, len(coefficients), 4)], square * square)
