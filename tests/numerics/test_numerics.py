"""Pairs of float32 against exact rational arithmetic, and the polynomials against their functions."""

import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, strategies as st

from optax_lr.numerics import FLOAT64, HOST, PAIR, RoundedFloat64, polynomials
from optax_lr.numerics.pair import Pair, two_product, two_sum

pytestmark = pytest.mark.optimized
mpmath.mp.dps = 40
BATCH = 512
ROOT = math.sqrt(0.5)
REALS = st.floats(2.0**-40, 2.0**31, width=32) | st.floats(-(2.0**31), -(2.0**-40), width=32)


class General(RoundedFloat64):
    """Without shortcuts: every row evaluates the general formula."""

    def shortcut(self, holds, x, special, general, probability=0.85):
        return general(x)


def pairs(seed, low=-20, high=20):
    """Random pairs, and their exact values."""
    random = np.random.default_rng(seed)
    high_parts = (random.choice([-1, 1], BATCH) * np.exp2(random.uniform(low, high, BATCH))).astype(np.float32)
    low_parts = (np.spacing(np.abs(high_parts)) * random.uniform(-0.49, 0.49, BATCH)).astype(np.float32)
    return Pair(jnp.asarray(high_parts), jnp.asarray(low_parts)), exactly(high_parts, low_parts)


def exactly(high, low):
    return [Fraction(float(h)) + Fraction(float(l)) for h, l in zip(np.asarray(high), np.asarray(low), strict=True)]


def run(function, *arguments):
    """Run a function of pairs compiled, because a compiler may break its arithmetic."""

    @jax.jit
    def compiled(parts):
        result = function(*(Pair(*part) for part in parts))
        return result.high, result.low

    return compiled([(a.high, a.low) for a in arguments])


def worst(result, exact):
    return max(
        abs(found - wanted) / abs(wanted) for found, wanted in zip(exactly(*result), exact, strict=True) if wanted
    )


def test_error_free_sum_and_product():
    random = np.random.default_rng(0)
    a, b = ((random.normal(size=BATCH) * np.exp2(random.uniform(-30, 30, BATCH))).astype(np.float32) for _ in range(2))
    for function, exact in ((two_sum, lambda x, y: x + y), (two_product, lambda x, y: x * y)):
        for total, error in (function(jnp.asarray(a), jnp.asarray(b)), jax.jit(function)(a, b)):
            wanted = [exact(Fraction(float(x)), Fraction(float(y))) for x, y in zip(a, b, strict=True)]
            assert exactly(total, error) == wanted


@pytest.mark.parametrize("seed", range(3))
def test_arithmetic(seed):
    (a, exact_a), (b, exact_b) = pairs(2 * seed), pairs(2 * seed + 1)
    both = list(zip(exact_a, exact_b, strict=True))
    for function, wanted in (
        (lambda x, y: x * y, [x * y for x, y in both]),
        (lambda x, y: x / y, [x / y for x, y in both]),
        (lambda x, y: x + y, [x + y for x, y in both]),
        (lambda x, y: x - y, [x - y for x, y in both]),
    ):
        assert worst(run(function, a, b), wanted) < 2.0**-45


@pytest.mark.parametrize("constant", [1.0, 2.0, 3.0, 900.0, 4097.0, 0.5, 0.1, 1e-7, 2.0**20 + 1])
def test_arithmetic_with_constants(constant):
    a, exact_a = pairs(3)
    known = Fraction(constant)
    for function, wanted in (
        (lambda x: x * constant, [x * known for x in exact_a]),
        (lambda x: x / constant, [x / known for x in exact_a]),
        (lambda x: constant / x, [known / x for x in exact_a]),
        (lambda x: x + constant, [x + known for x in exact_a]),
        (lambda x: constant - x, [known - x for x in exact_a]),
    ):
        assert worst(run(function, a), wanted) < 2.0**-44


@given(REALS, REALS)
def test_comparisons(x, y):
    a, b = Pair.of(x), Pair.of(y)
    assert bool(a < b) == (x < y)
    assert bool(a <= b) == (x <= y)
    assert bool(a > b) == (x > y)
    assert bool(a >= b) == (x >= y)


def test_every_int32_is_represented_exactly():
    random = np.random.default_rng(1)
    edges = [0, 1, -1, 2**24 - 1, 2**24 + 1, 2**31 - 1, -(2**31), -(2**24) - 1]
    whole = np.concatenate([edges, random.integers(-(2**31), 2**31, 4000)]).astype(np.int32)
    held = jax.jit(lambda x: (Pair.of(x).high, Pair.of(x).low))(whole)
    assert exactly(*held) == [Fraction(int(x)) for x in whole]
    unsigned = np.array([0, 2**31, 2**32 - 1], np.uint32)
    assert exactly(Pair.of(unsigned).high, Pair.of(unsigned).low) == [Fraction(int(x)) for x in unsigned]


def test_floor_and_rounding():
    a, exact_a = pairs(5, low=-3, high=30)
    assert exactly(*run(PAIR.floor, a)) == [math.floor(x) for x in exact_a]
    assert exactly(*run(PAIR.rounded, a)) == [math.floor(x + Fraction(1, 2)) for x in exact_a]


def quotients(bits, system):
    """Of random whole numbers below `2**bits`, by a system, and exactly. A quarter are multiples, and half their
    neighbours."""
    random = np.random.default_rng(6)
    a, b = random.integers(0, 2**bits, 4000), np.exp2(random.uniform(0, bits, 4000)).astype(np.int64)
    a[:3000] = a[:3000] // b[:3000] * b[:3000]  # where a rounded quotient falls on the wrong side
    a[1000:2000] = np.maximum(a[1000:2000] - 1, 0)
    a[2000:3000] = np.minimum(a[2000:3000] + 1, 2**bits - 1)
    return jax.jit(system)(a.astype(np.int32), b.astype(np.int32)), a // b


def test_quotients_of_whole_numbers_are_exact():
    found, exact = quotients(31, lambda a, b: PAIR.quotient(Pair.of(a), Pair.of(b)).high)
    np.testing.assert_array_equal(found, exact.astype(np.float32))
    assert all(HOST.quotient(float(k * n - 1), float(n)) == k - 1 for n in (1, 3, 2**20 - 1) for k in (1, 2**11 - 1))
    with jax.enable_x64(True):
        for system in (FLOAT64, RoundedFloat64(jnp.int32(0), 1)):
            found, exact = quotients(31, lambda a, b, system=system: system.quotient(system.real(a), system.real(b)))
            np.testing.assert_array_equal(found, exact)


def test_a_cycle_begins_on_its_step():
    for system in (HOST, PAIR):
        left = [system.result(system.left_of_cycle(*map(system.real, (step, 9, 3)))) for step in (0, 2, 3, 6, 9)]
        np.testing.assert_array_equal(left, [9, 3, 9, 9, 9])
    lengths = jnp.arange(1, 5000) * 2003  # for many of them the product with the rounded reciprocal is below 1
    with jax.enable_x64(True):
        systems = [PAIR, FLOAT64, RoundedFloat64(jnp.int32(0), 1)]
    for system in systems:
        with jax.enable_x64(system in systems[1:3]):

            def left(elapsed, system=system):
                return system.result(system.left_of_cycle(*map(system.real, (elapsed, lengths, jnp.int32(1)))))

            np.testing.assert_array_equal(jax.jit(left)(lengths), lengths.astype(jnp.float32))
            np.testing.assert_array_equal(jax.jit(left)(lengths - 1), 1)


def test_powers_of_zero_and_negative_numbers():
    """They are 0, except 0**0, for a base per row, as in a decay by step, and for a base per step."""
    bases, exponents = np.float32([-2, -1e-9, 0, 0.5, 1]), np.float32([0, 0.25, 1, 2.5, 3000])
    expected = [[float(x**y) if x > 0 else float(x == y == 0) for y in exponents.tolist()] for x in bases.tolist()]
    found = [[HOST.power(x, y) for y in exponents.tolist()] for x in bases.tolist()]
    np.testing.assert_array_equal(found, expected)
    with jax.enable_x64(True):
        wide = [FLOAT64, RoundedFloat64(jnp.int32(0), 1)]
    for system in (PAIR, *wide):
        with jax.enable_x64(system in wide):

            def powers(base, exponent, system=system):
                return system.result(system.power(system.real(base), system.real(exponent)))

            by_row = jax.jit(powers)(bases[:, None], exponents[None])
            by_step = jax.jit(powers)(np.broadcast_to(bases, (2, 5)), np.full((2, 5), 2.5, np.float32))
            np.testing.assert_allclose(np.float32(by_row), np.float32(expected), rtol=1e-6)
            np.testing.assert_allclose(np.float32(by_step[0]), np.float32(expected)[:, 3], rtol=1e-6)


def test_powers_out_of_range_are_zero_or_the_largest_number():
    left = np.arange(-2, 2001)
    exponents = np.array([-1000, -60, -12.5, -3, -1e-3, 0, 1e-3, 0.1, 0.4, 2.5, 16, 40, 1000, 1e5])
    expected = np.array([[HOST.power(a / 2000, e) for a in left.tolist()] for e in exponents.tolist()])
    assert (expected == 2.0**127).any()
    assert (expected < 2.0**-400).any()
    with jax.enable_x64(True):
        num = General(jnp.int32(0), 1)
        found = np.asarray(jax.jit(num.power_of_ratio)(num.real(left[None]), num.real(2000), exponents[:, None]))
    seen = expected >= 2.0**-400
    assert (found[~seen] <= 2.0**-399).all()
    assert (abs(found - expected) <= expected * 2.0**-33 * (1 + abs(exponents[:, None])))[seen].all()


def test_a_decay_is_exact_near_its_end():
    random = np.random.default_rng(8)
    left = np.concatenate([np.exp2(random.uniform(-31, 0, 600)), [1 - 2.0**-53, 1 - ROOT, np.nextafter(1 - ROOT, 1)]])
    exponents = np.exp2(random.uniform(-4, 4, len(left)))
    exact = [1 - (1 - mpmath.mpf(x)) ** mpmath.mpf(k) for x, k in zip(left, exponents, strict=True)]
    with jax.enable_x64(True):
        num = General(jnp.int32(0), 1)
        found = jax.jit(num.fall)(left[None], exponents[None])[0]
        ends = jax.jit(num.fall)(np.array([[0, -3, 1, 1e9, 0.5]]), np.array([[1.5, 2, 0.5, 2, 4e9]]))
    errors = [abs(mpmath.mpf(float(x)) - w) / w for x, w in zip(found, exact, strict=True)]
    assert max(errors) < 2.0**-35
    np.testing.assert_allclose(ends, [[0, -15, 1, 1, 1]], rtol=2.0**-35)


def _mp(x):
    return mpmath.mpf(x.numerator) / x.denominator


@pytest.mark.parametrize(
    ("function", "exact", "low", "high", "bits"),
    [
        (PAIR.sqrt, mpmath.sqrt, -30, 30, 44),
        (PAIR.inverse_sqrt, lambda x: 1 / mpmath.sqrt(x), -30, 30, 43),
        (PAIR.log2, lambda x: mpmath.log(x, 2), -30, 30, 35),
        (lambda x: PAIR.power(x, PAIR.real(2.7)), lambda x: x ** mpmath.mpf(2.7), -20, 0, 26),
        (lambda x: PAIR.power(x, PAIR.real(0.5)), mpmath.sqrt, -30, 0, 26),
        (lambda x: PAIR.sin_squared(x, PAIR.real(1)), lambda x: mpmath.sin(mpmath.pi / 2 * x) ** 2, -30, 0, 26),
        (lambda x: PAIR.fall(x, PAIR.real(1.25)), lambda x: 1 - (1 - x) ** mpmath.mpf(1.25), -30, -1, 26),
        (lambda x: PAIR.fall(x, PAIR.real(0.5)), lambda x: 1 - (1 - x) ** mpmath.mpf(0.5), -30, -1, 26),
    ],
)  # fmt: skip
def test_functions_of_pairs(function, exact, low, high, bits):
    a, exact_a = pairs(11, low, high)
    a = Pair(jnp.abs(a.high), jnp.where(a.high < 0, -a.low, a.low))
    wanted = [exact(_mp(abs(x))) for x in exact_a]
    found = [_mp(x) for x in exactly(*run(function, a))]
    assert max(abs(f - w) / abs(w) for f, w in zip(found, wanted, strict=True)) < 2.0**-bits


@pytest.mark.parametrize(
    ("coefficients", "function", "low", "high", "relative", "bits"),
    [
        (polynomials.SIN_SQUARED, lambda u: mpmath.sin(mpmath.pi / 2 * mpmath.sqrt(u)) ** 2 / u, 0, 1, True, 32.6),
        (polynomials.LOG2_REST, lambda m: mpmath.log(m, 2) - m, 1, 2, False, 35.1),
        (polynomials.LOG2_NEAR_1, lambda u: mpmath.log1p(u) / mpmath.log(2) / u, ROOT - 1, 1 / ROOT - 1, True, 35.8),
        (polynomials.EXP2_LESS_1, lambda f: mpmath.expm1(f * mpmath.log(2)) / f, -0.5, 0.5, True, 37.7),
        (polynomials.EXP2, lambda f: mpmath.mpf(2) ** f, -0.5, 0.5, True, 34.5),
        (polynomials.EXP2_OF_MANTISSA, lambda m: mpmath.mpf(2) ** (m - 1), 1, 2, True, 34.5),
    ],
)
def test_polynomials_have_their_documented_errors(coefficients, function, low, high, relative, bits):
    points = [mpmath.mpf(low) + (mpmath.mpf(high) - low) * (k + mpmath.mpf("0.5")) / 1000 for k in range(1000)]
    exact = [function(x) for x in points]
    found = [polynomials.horner([mpmath.mpf(c) for c in coefficients], x) for x in points]
    errors = [abs(f - e) / (abs(e) if relative else 1) for f, e in zip(found, exact, strict=True)]
    assert -mpmath.log(max(errors), 2) > bits
