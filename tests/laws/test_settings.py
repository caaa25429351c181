"""A setting keeps its float64 value through all operations on a schedule."""

import copy
import pickle

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import optax
import pytest
from hypothesis import given, strategies as st

import optax_lr as olr

GAMMA = 0.9999  # its nearest float32 is 1.7e-8 away, which is 1% of the rate after 600,000 steps
STEP = 600_000
EXPONENTIAL = olr.Exponential(1.0, gamma=GAMMA)
EXACT = float(mpmath.mpf(GAMMA) ** STEP)


def ulps(found, exact=EXACT):
    return abs(float(found) - exact) / float(np.spacing(np.float32(exact)))


def through_grid(schedule):
    return olr.grid(olr.Exponential, learning_rate=[0.5, 1.0], gamma=[0.5, schedule.gamma])[1, 1]


def through_a_mixed_stack(schedule):
    return olr.stack([olr.Linear(1.0, 10), schedule])[1]


def through_concatenate(schedule):
    batch = olr.stack([schedule, schedule])
    return olr.concatenate([batch, batch])[3]


@pytest.mark.parametrize(
    "way",
    [
        lambda s: s,
        through_grid,
        through_a_mixed_stack,
        through_concatenate,
        lambda s: olr.stack([s, s]).reshape(2, 1)[1, 0],
        lambda s: s.replace(learning_rate=0.5).replace(learning_rate=1.0),
        lambda s: pickle.loads(pickle.dumps(s)),
        copy.deepcopy,
        lambda s: jax.tree.map(lambda leaf: leaf, s),
        lambda s: eval(repr(s), vars(olr) | {"Exponential": olr.Exponential}),
        lambda s: jax.tree.map(jnp.asarray, s),
        jax.jit(lambda s: s),
        lambda s: jax.tree.map(np.asarray, jax.device_get(jax.device_put(s))),
    ],
)
def test_a_setting_survives(way):
    schedule = way(EXPONENTIAL)
    assert ulps(schedule(STEP)) < 1
    assert ulps(jax.jit(schedule)(STEP)) < 1
    assert ulps(jax.jit(lambda s, t: s(t))(schedule, STEP)) < 1.5
    assert ulps(olr.sweep(schedule, [STEP])[0]) < 1
    assert ulps(schedule(np.array([0, STEP]))[1]) < 1
    assert ulps(schedule(jnp.array([0, STEP]))[1]) < 1


def test_a_setting_survives_in_a_population_and_in_an_optimizer():
    batch = olr.stack([EXPONENTIAL, EXPONENTIAL.replace(learning_rate=2.0)])
    assert max(ulps(rate / (i + 1)) for i, rate in enumerate(jax.vmap(lambda s: s(STEP))(batch))) < 1.5
    assert ulps(jax.lax.scan(lambda s, t: (s, s(t)), EXPONENTIAL, jnp.array([STEP]))[1][0]) < 1.5
    state = optax.inject_hyperparams(optax.sgd)(learning_rate=EXPONENTIAL).init(0.0)
    assert float(state.hyperparams["learning_rate"]) == 1.0


def test_a_field_is_read_and_printed_as_it_was_written():
    assert EXPONENTIAL.gamma == GAMMA
    assert repr(EXPONENTIAL) == "Exponential(learning_rate=1.0, gamma=0.9999)"
    assert (
        repr(olr.Linear(np.float32(5e-5), 10))
        == "Linear(learning_rate=5e-05, max_steps=10, warmup_steps=0, min_lr=0.0)"
    )
    assert olr.PiecewiseConstant(1.0, [5], [0.1, 0.7]).factors == (0.1, 0.7)


def test_jax_arrays_are_not_split_into_two_leaves():
    gamma = jnp.float32(GAMMA)
    exact = float(mpmath.mpf(float(gamma)) ** STEP)
    assert ulps(olr.Exponential(1.0, gamma=gamma)(STEP), exact) < 1
    assert ulps(jax.jit(lambda g: olr.Exponential(1.0, gamma=g)(STEP))(gamma), exact) < 1


@given(st.floats(0.5, 2.0), st.floats(-2.0, 2.0))
def test_a_function_mapped_over_the_leaves_acts_on_the_settings(gamma, other):
    schedule = olr.Exponential(1.0, gamma=gamma)

    def mapped(function):
        return jax.tree.map(function, schedule)

    assert abs(float(mapped(lambda x: x * np.float32(4)).gamma) - gamma * 4) < 1e-13
    assert abs(float(mapped(lambda x: x + np.float32(other)).gamma) - (gamma + other)) < 5e-7
    assert mapped(np.zeros_like).gamma == 0
    assert mapped(np.ones_like).gamma == 1
    assert abs(float(mapped(np.square).gamma) - gamma**2) < 1e-6
    with np.errstate(invalid="ignore"):  # of a low part below 0
        assert abs(float(mapped(np.sqrt).gamma) - gamma**0.5) < 1e-6


def test_a_setting_halfway_between_two_floats_keeps_its_rounding_error():
    """The rounding error of `gamma` is almost half of the distance to the next float32; rounded, the sum must not become that float32."""
    gamma, step = 1 - 2.0**-25 - 2.0**-51, 2**24
    found = jax.jit(lambda schedule, step: schedule(step))(olr.Exponential(1.0, gamma), step)
    assert float(found) == pytest.approx(gamma**step, rel=2e-7)


def test_gradients_and_updates_use_the_exact_setting():
    schedule = olr.Polynomial(1.0, max_steps=100, power=2.3)
    slope = jax.grad(lambda s: s(50.0), allow_int=True)(schedule)
    assert float(slope.power) == pytest.approx(np.log(0.5) * 0.5**2.3, rel=1e-6)
    moved = schedule.replace(power=schedule.power - 0.1 * np.float64(slope.power))
    tree, rest = {"power": schedule.power}, schedule

    def loss(tree):
        return rest.replace(power=tree["power"])(50.0)

    optimizer = optax.sgd(0.1)
    updates, _ = optimizer.update(jax.grad(loss)(tree), optimizer.init(tree))
    assert float(optax.apply_updates(tree, updates)["power"]) == pytest.approx(float(moved.power), rel=1e-6)


def test_an_equal_static_argument_does_not_compile_again():
    traces = []

    def rate(schedule, step):
        traces.append(schedule)
        return schedule(step)

    compiled = jax.jit(rate, static_argnums=0)
    rates = [compiled(olr.Exponential(1.0, gamma=GAMMA), step) for step in (STEP, STEP)]
    assert max(map(ulps, rates)) < 1
    compiled(olr.Exponential(1.0, gamma=0.5), STEP)
    assert len(traces) == 2


def test_a_jax_scalar_is_evaluated_like_a_number():
    schedule = olr.Cosine(1.0, 1000)
    found = schedule(jnp.int32(250))
    assert type(found) is np.float32
    assert found == schedule(250)
