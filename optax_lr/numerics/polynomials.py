"""Coefficients of the polynomials that stand in for library functions, and Horner's rule.

Each list is the minimax polynomial of its function, lowest power first; `python -m benchmarks.coefficients` finds them
again with mpmath and prints the errors quoted here, and `tests/test_numerics.py` measures them.
"""

from __future__ import annotations

from collections.abc import Sequence

from optax_lr.numerics.reals import Real

# sin(pi/2 q)**2 / q**2 in q**2, q in [0, 1]; relative error 2**-32.7 and 2**-26.1.
SIN_SQUARED = (
    2.4674010999151443, -2.0293560319244524, 0.6676309233553965, -0.11766271426279705,
    0.012896349267537532, -0.0009547041306800362, 4.507792461655674e-05,
)  # fmt: skip
SIN_SQUARED_SHORT = (
    2.4674010660790517, -2.0293538976031935, 0.6676082415277488, -0.11757247417021612,
    0.012731555143655461, -0.0008145048350640138,
)  # fmt: skip

# log2(1 + r) / r, r in [sqrt(1/2) - 1, sqrt(2) - 1]; absolute error 2**-32.7.
LOG2 = (
    1.442695040915244, -0.7213475254696673, 0.4808983328020135, -0.36067276434148693,
    0.2885396509959397, -0.240505150911259, 0.20612562003671403, -0.1790516043952212,
    0.1586379177637819, -0.15664110313544696, 0.15646563563714302, -0.08875679053784492,
)  # fmt: skip

# 2**f, f in [-1/2, 1/2]; relative error 2**-34.5.
EXP2 = (
    0.9999999999616884, 0.6931471807284337, 0.24022651198170034, 0.05550410353466001,
    0.00961802725048123, 0.0013333922541673227, 0.00015469292228075806, 1.5201928657274308e-05,
)  # fmt: skip


def horner(coefficients: Sequence[Real], x: Real) -> Real:
    """`coefficients[0] + coefficients[1] * x + ...`; the coefficients may be arrays or pairs."""
    total = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total
