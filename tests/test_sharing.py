"""Formulas laid over each other: each row gets exactly what its own formula gives, and what is alike is computed once."""

import functools
import operator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optax_lr.numerics.sharing import in_places, where, with_own_steps, with_row_costs_shared
from optax_lr.numerics.terms import Terms, reached

ROWS, STEPS = 6, 9
ROW = jnp.linspace(0.5, 3.0, ROWS, dtype=jnp.float32)[:, None]
STEP = jnp.arange(STEPS, dtype=jnp.float32)[None]
FORMULAS = {
    "line": lambda: ROW * STEP + 1,
    "another line": lambda: (ROW + 1) * STEP + 2,
    "wave": lambda: jnp.cos(ROW * STEP) * ROW,
    "its negative zero": lambda: jnp.cos(ROW * STEP) * -0.0,
    "its zero": lambda: jnp.cos(ROW * STEP) * 0.0,
    "square": lambda: jnp.square(STEP) + ROW,
    "power": lambda: jnp.where(STEP > 2, jnp.exp2(ROW - STEP), jnp.clip(STEP, 0, ROW)),
    "by row": lambda: jnp.exp(ROW) + 0 * STEP,
    "by step": lambda: jnp.sqrt(STEP),
    "row alone": lambda: jnp.sqrt(ROW),
    "one number": lambda: jnp.float32(7) * jnp.ones((), jnp.float32),
    "bits": lambda: jax.lax.bitcast_convert_type(jax.lax.bitcast_convert_type(ROW * STEP, jnp.int32) >> 3, jnp.float32),
    "whole": lambda: (STEP.astype(jnp.int32) % 4).astype(jnp.float32) * ROW,
    "flag": lambda: (STEP > 2).astype(jnp.float32) * ROW,
    "cube": lambda: (ROW * STEP) ** 3,
    "fourth power": lambda: (ROW * STEP) ** 4,
    "not by element": lambda: jnp.cumsum(ROW * STEP, axis=1) + jnp.sort(STEP, axis=1),
    "by a table": lambda: jnp.sum(jnp.where(STEP[..., None] > jnp.arange(3.0), ROW[..., None], 0), axis=-1),
    "one for all": lambda: STEP + jnp.broadcast_to(jnp.log(jnp.sum(ROW)), (STEPS,))[None],
    "custom gradient": lambda: jax.nn.relu(ROW - STEP),
}


def names(function):
    """The names of the operations that `function` computes, those of inner functions among them."""

    def of(jaxpr):
        for equation in jaxpr.eqns:
            inner = equation.params.get("jaxpr")
            yield from [equation.primitive.name] if inner is None else of(inner.jaxpr)

    return list(of(jax.make_jaxpr(function)().jaxpr))


@pytest.mark.parametrize("first", FORMULAS)
@pytest.mark.parametrize("second", FORMULAS)
def test_each_row_gets_its_own(first, second):
    condition = jnp.arange(ROWS)[:, None] % 2 == 0

    @jax.jit
    def laid():
        terms = Terms()
        (a,), (b,) = (terms.of(lambda name=name: [FORMULAS[name]()]) for name in (first, second))
        return terms.values([where(terms, condition, a, b), a, b])

    both, a, b = (np.broadcast_to(x, (ROWS, STEPS)) for x in laid())
    expected = np.where(condition, a, b)
    np.testing.assert_array_equal(both.view(np.int32), expected.view(np.int32))
    for name, alone in ((first, a), (second, b)):
        expected = np.broadcast_to(jax.jit(lambda name=name: FORMULAS[name]())(), (ROWS, STEPS))
        np.testing.assert_allclose(alone, expected, rtol=1e-6)
        np.testing.assert_array_equal(np.signbit(alone), np.signbit(expected))


def test_a_formula_is_run_each_time():
    """The same function goes another way each time that it is run."""
    values = iter([2.0, 3.0])

    def formula():
        return [next(values) * STEP]

    terms = Terms()
    (a,), (b,) = terms.of(formula), terms.of(formula)
    first, second = terms.values([a, b])
    np.testing.assert_array_equal(first, 2 * STEP)
    np.testing.assert_array_equal(second, 3 * STEP)


def test_what_is_alike_is_computed_once():
    def laid():
        terms = Terms()
        ways = [terms.of(lambda k=k: [jnp.exp(k * ROW * STEP) / (k + STEP)])[0] for k in (1.0, 2.0, 3.0)]
        first = where(terms, ROW > 1, ways[0], ways[1])
        return terms.values([where(terms, ROW > 2, first, ways[2])])[0]

    assert names(laid).count("exp") == 1
    assert names(laid).count("div") == 1
    expected = np.where(ROW > 2, np.where(ROW > 1, 1, 2), 3)
    np.testing.assert_allclose(laid(), np.exp(expected * ROW * STEP) / (expected + STEP), rtol=1e-6)


def test_formulas_deeper_than_the_stack():
    def chain(k):
        return [functools.reduce(lambda x, n: x * 0.5 + n, range(1500), k * ROW * STEP)]

    terms = Terms()
    (a,), (b,) = (terms.of(lambda k=k: chain(k)) for k in (1.0, 2.0))
    both, first, second = terms.values([where(terms, ROW > 1, a, b), a, b])
    np.testing.assert_array_equal(both, np.where(ROW > 1, first, second))


def test_equal_formulas_are_one_term():
    terms = Terms()
    (a,), (b,) = (terms.of(lambda: [jnp.cos(ROW * STEP) + 2]) for _ in range(2))
    assert a is b
    assert where(terms, ROW > 1, a, b) is a
    (c,) = terms.of(lambda: [jnp.cos(ROW * STEP) + 3])
    assert c is not a


def test_a_function_of_the_steps_alone_is_not_computed_for_each_row():
    terms = Terms()
    (for_all,), (for_each,) = (terms.of(lambda x=x: [jnp.log(x + 1) * ROW]) for x in (STEP, STEP * ROW))
    assert for_all.cost < 20 < for_each.cost
    one, other = jax.make_jaxpr(lambda: terms.values([where(terms, ROW > 1, for_all, for_each)]))().jaxpr, []
    for equation in one.eqns:
        other += [equation.invars[0].aval.shape] if equation.primitive.name == "log" else []
    assert sorted(other) == [(1, STEPS), (ROWS, STEPS)]


@settings(deadline=None, max_examples=40)
@given(
    ways=st.lists(st.sampled_from(sorted(FORMULAS)), min_size=1, max_size=7),
    most=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_ways_in_few_places(ways, most, seed):
    random = np.random.default_rng(seed)
    chosen = jnp.asarray(random.integers(0, len(ways), (ROWS, 1)))
    terms = Terms()
    formulas = [(terms.of(lambda name=name: [FORMULAS[name]()])[0], random.uniform()) for name in ways]

    def taken(some):
        return functools.reduce(operator.or_, [chosen == k for k in some])

    groups = in_places(terms, formulas, most, taken)
    assert len(groups) == min(most, len(ways))
    assert sorted(member for members, _ in groups for member in members) == list(range(len(ways)))
    together = with_row_costs_shared(terms, [term for _, term in groups], [taken(members) for members, _ in groups])
    for values in (terms.values([term for _, term in groups]), terms.values(together)):
        for row, way in enumerate(chosen[:, 0].tolist()):
            own = next(value for (members, _), value in zip(groups, values, strict=True) if way in members)
            expected = np.broadcast_to(FORMULAS[ways[way]](), (ROWS, STEPS))[row]
            np.testing.assert_allclose(np.broadcast_to(own, (ROWS, STEPS))[row], expected, rtol=1e-6)


def test_the_like_stand_together():
    terms = Terms()
    wave, line = (
        [(terms.of(lambda k=k, f=f: [f(k)])[0], 1.0) for k in (2.0, 3.0)]
        for f in (lambda k: jnp.cos(k * STEP * ROW), lambda k: k + STEP)
    )
    groups = in_places(terms, [wave[0], line[0], wave[1], line[1]], 2, lambda some: len(some) < ROW)
    assert sorted(members for members, _ in groups) == [(0, 2), (1, 3)]


def test_what_few_rows_take_stands_together():
    """Of three that have nothing in common, the two that are taken least."""
    terms = Terms()
    formulas = [terms.of(lambda f=f: [f(STEP * ROW)])[0] for f in (jnp.sin, jnp.exp, jnp.tanh)]
    for seldom in ((0, 1), (0, 2), (1, 2)):
        ways = [(term, 0.1 if number in seldom else 0.8) for number, term in enumerate(formulas)]
        groups = in_places(terms, ways, 2, lambda some: len(some) < ROW)
        assert sorted(map(sorted, (members for members, _ in groups))) == sorted([[*seldom], [3 - sum(seldom)]])


def test_costly_operations_of_rows_are_done_once():
    """Of float32 the formulas have one quotient or two, the second of the first, and logarithms of none and of two."""
    own = [
        lambda: STEP / (1 + 2 / ROW) + jnp.log(ROW),
        lambda: (STEP + 1) * jnp.log(ROW / (3 / (ROW + 1))),
        lambda: STEP * jax.lax.div(ROW.astype(jnp.int32) + 4, jnp.full_like(ROW, 3, jnp.int32)).astype(jnp.float32),
        lambda: STEP + 5 / (ROW - 4 / ROW),
        FORMULAS["one for all"],  # whose logarithm must remain one number
    ]
    place = jnp.arange(ROWS)[:, None] % len(own)

    def laid():
        terms = Terms()
        formulas = [terms.of(lambda f=f: [f()])[0] for f in own]
        return terms.values(with_row_costs_shared(terms, formulas, [place == number for number in range(len(own))]))

    results = [(e.primitive.name, e.outvars[0].aval) for e in jax.make_jaxpr(laid)().jaxpr.eqns]
    by_row = [f"{name} {aval.dtype}" for name, aval in results if aval.shape == (ROWS, 1)]
    assert [by_row.count(name) for name in ("div float32", "div int32", "log float32")] == [2, 1, 2]
    for row in range(ROWS):
        number = row % len(own)
        np.testing.assert_array_equal(laid()[number][row], own[number]()[row])


def test_formulas_of_steps_of_their_own_have_nothing_in_common():
    terms = Terms()
    formulas = [terms.of(formula)[0] for formula in FORMULAS.values()]
    own = with_own_steps(terms, formulas, STEP, [STEP + 0 for _ in formulas])
    before, after = ([{part for part in reached([one]) if part.by_step} for one in each] for each in (formulas, own))
    assert set.intersection(*(before[list(FORMULAS).index(name)] for name in ("wave", "its negative zero")))
    assert sum(map(len, after)) == len(set.union(*after)) == sum(map(len, before))
    for one, same in zip(terms.values(formulas), terms.values(own), strict=True):
        np.testing.assert_array_equal(one, same)
