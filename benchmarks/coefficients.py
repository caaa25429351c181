"""Compute the coefficients of `optax_lr.numerics.polynomials` and print them with their errors.

    python -m benchmarks.coefficients

This is Remez's algorithm in 40 digits. A polynomial with n coefficients is optimal if its weighted error has equal size and
alternating sign at n + 1 points.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath
from mpmath import mpf

GRID = 400


def minimax(function: Callable, low, high, degree: int, weight: Callable) -> tuple[list[float], mpf]:
    """Coefficients, lowest power first, and the largest weighted error."""
    points = degree + 2
    at = [(low + high) / 2 - (high - low) / 2 * mpmath.cos(mpmath.pi * i / (points - 1)) for i in range(points)]
    grid = [low + (high - low) * (1 - mpmath.cos(mpmath.pi * i / GRID)) / 2 for i in range(GRID + 1)]
    for _ in range(12):
        system, values = mpmath.matrix(points, points), mpmath.matrix(points, 1)
        for i, x in enumerate(at):
            for power in range(degree + 1):
                system[i, power] = x**power
            system[i, degree + 1] = (-1) ** i / weight(x)
            values[i] = function(x)
        solution = mpmath.lu_solve(system, values)
        coefficients = [solution[power] for power in range(degree + 1)]
        errors = [weight(x) * (mpmath.polyval(coefficients[::-1], x) - function(x)) for x in grid]
        extremes = _alternating(errors)
        if len(extremes) < points:
            break
        while len(extremes) > points:
            extremes.pop(0 if abs(errors[extremes[0]]) < abs(errors[extremes[-1]]) else -1)
        at = [grid[i] for i in extremes]
    return [float(c) for c in coefficients], max(abs(error) for error in errors)


def _alternating(errors: list) -> list[int]:
    """The positions of the largest error in each interval of one sign."""
    runs = [[0]]
    for i in range(1, len(errors)):
        same = (errors[i] > 0) == (errors[runs[-1][-1]] > 0)
        runs[-1].append(i) if same else runs.append([i])
    return [max(run, key=lambda i: abs(errors[i])) for run in runs]


def main() -> None:
    mpmath.mp.dps = 40
    quarter = mpmath.pi / 2

    def sine(u):
        return mpmath.sin(quarter * mpmath.sqrt(u)) ** 2 / u if u else quarter**2

    def logarithm(u):
        return mpmath.log1p(u) / mpmath.log(2) / u if u else 1 / mpmath.log(2)

    def power(f):
        return mpmath.expm1(f * mpmath.log(2)) / f if f else mpmath.log(2)

    for name, function, low, high, degree, weight in (
        ("SIN_SQUARED", sine, mpf(0), mpf(1), 6, lambda u: 1 / sine(u)),
        ("SIN_SQUARED_SHORT", sine, mpf(0), mpf(1), 5, lambda u: 1 / sine(u)),
        ("LOG2_REST", lambda m: mpmath.log(m, 2) - m, mpf(1), mpf(2), 12, lambda m: 1),
        ("LOG2_NEAR_1", logarithm, mpmath.sqrt(0.5) - 1, mpmath.sqrt(2) - 1, 12, lambda u: 1 / logarithm(u)),
        ("EXP2_LESS_1", power, mpf(-0.5), mpf(0.5), 7, lambda f: 1 / power(f)),
        ("EXP2", lambda f: mpf(2) ** f, mpf(-0.5), mpf(0.5), 7, lambda f: mpf(2) ** -f),
        ("EXP2_OF_MANTISSA", lambda m: mpf(2) ** (m - 1), mpf(1), mpf(2), 7, lambda m: mpf(2) ** (1 - m)),
    ):
        coefficients, error = minimax(function, low, high, degree, weight)
        print(f"{name}: 2**{math.log2(error):.1f}")
        print("".join(f"    {c!r},\n" for c in coefficients))


if __name__ == "__main__":
    main()
