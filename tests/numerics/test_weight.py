"""A schedule adds about as much to a program as Optax's own."""

import jax
import jax.numpy as jnp
import optax
import pytest

import optax_lr as olr
from benchmarks import weight

STEP = jnp.int32(250)


@pytest.mark.parametrize("name", weight.SCHEDULES)
def test_a_schedule_is_about_as_large_as_one_of_optax(name):
    schedule = weight.SCHEDULES[name]
    theirs = weight.THEIRS[weight.PEERS.get(name, name)]

    def operations(function, *arguments):
        return weight.operations(jax.jit(function).lower(*arguments))

    def instructions(function, *arguments):
        return jax.jit(function).lower(*arguments).compile().as_text().count(" = ")

    limit = 4 * operations(theirs, STEP)
    assert operations(schedule, STEP) < limit
    assert operations(lambda s, t: s(t), schedule, STEP) < limit
    assert instructions(lambda s, t: s(t), schedule, STEP) < 4 * instructions(theirs, STEP)


def test_twelve_groups_of_a_train_step():
    params = {str(i): jnp.ones(2) for i in range(weight.GROUPS)}

    def operations(make):
        step, given = weight.step_of(weight.in_groups(make), params)
        return weight.operations(jax.jit(step).lower(*given))

    def inject(rate):
        return lambda i: optax.inject_hyperparams(optax.sgd)(learning_rate=rate)

    plain = operations(inject(1e-3))
    theirs = operations(inject(weight.OPTAX["cosine"])) - plain
    ours = operations(lambda i: olr.inject_schedules(optax.sgd)(learning_rate=weight.OURS["cosine"])) - plain
    assert ours < 4 * theirs
