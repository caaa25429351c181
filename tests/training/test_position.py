"""Positions on the curve other than the number of updates; starting, cooling down and extending from a position."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lr as olr
from tests.wrong_types import wrong_types

PARAMS = {"w": jnp.ones(2)}
SCHEDULE = olr.Cosine(1e-3, max_steps=1000, warmup_steps=100)


def optimizer_of(schedule, factory=optax.sgd, **settings):
    optimizer = olr.inject_schedules(factory)(schedule, **settings)

    @jax.jit
    def step(state, **extra):
        return optimizer.update(PARAMS, state, PARAMS, **extra)[1]

    return optimizer, step, optimizer.init(PARAMS)


def rate(state):
    return float(optax.tree.get(state, "learning_rate"))


def test_tokens_in_millions(compiled):
    """A run of 2e12 tokens, whose position is far above 2**31 in tokens and a float in millions of them."""
    schedule = olr.Cosine(3e-4, max_steps=2_000_000, warmup_steps=20_000)
    _, step, state = optimizer_of(schedule, optax.adamw)
    state = step(state, position=1_000_123.5)
    assert rate(state) == pytest.approx(
        3e-4 * 0.5 * (1 + math.cos(math.pi * (1_000_123.5 - 20_000) / 1_980_000)), rel=1e-6
    )
    assert float(state.position) == 1_000_123.5
    assert int(state.count) == 1
    state = step(state, position=jnp.float32(10_000.25))
    assert rate(state) == pytest.approx(3e-4 * 10_000.25 / 20_000, rel=1e-6)
    assert compiled["step"] == 2  # a Python number, and an array of another weak type


@pytest.mark.parametrize("position", [7, np.int64(7), jnp.int32(7), 7.0, np.float64(7.0), jnp.float32(7)])
def test_any_number_is_a_position(position):
    _, step, state = optimizer_of(SCHEDULE)
    assert rate(step(state, position=position)) == pytest.approx(7e-5, rel=1e-6)


@pytest.mark.parametrize("x64", [False, True])
def test_a_position_that_int32_cannot_hold_is_past_the_end(x64):
    """It does not wrap around, traced or not."""
    with jax.enable_x64(x64):
        _, step, state = optimizer_of(olr.Linear(1.0, max_steps=2**31 - 1))
        wide = jnp.int64(3_000_000_000) if x64 else jnp.uint32(3_000_000_000)
        for position in (wide, 3e9) if x64 else (wide, 3e9, np.float64(3e9)):
            state = step(state, position=position)
            assert rate(state) == 0
            assert state.position > 2e9
        assert rate(olr.set_schedule(state, position=np.int64(3_000_000_000))) == 0


def test_a_batch_ramp_follows_the_samples_in_one_program():
    """The batch doubles twice; the curve is that of the samples seen."""
    schedule = olr.Linear(1.0, max_steps=10_000)
    optimizer = olr.inject_schedules(optax.sgd)(schedule)

    def update(carry, batch):
        state, samples = carry
        _, state = optimizer.update(PARAMS, state, position=samples)
        return (state, samples + batch), state.hyperparams["learning_rate"]

    batches = jnp.array([100] * 5 + [200] * 5 + [400] * 5)
    (state, _), rates = jax.jit(lambda carry: jax.lax.scan(update, carry, batches))(
        (optimizer.init(PARAMS), jnp.int32(0))
    )
    seen = np.concatenate([[0], np.cumsum(batches)[:-1]])
    np.testing.assert_allclose(rates, 1 - seen / 10_000, rtol=1e-6)
    assert int(state.count) == 15


def test_observing_a_metric_keeps_the_position(tmp_path):
    """Also in a checkpoint, and traced."""
    control = olr.reduce_on_plateau(olr.Linear(1.0, max_steps=100), factor=0.5, patience=0)
    _, step, state = optimizer_of(control)
    state = step(state, position=40.0)
    olr.save_checkpoint(tmp_path / "1", state)
    state = olr.restore_checkpoint(tmp_path / "1", like=state)
    state = olr.observe(olr.observe(state, 1.0), 1.0)
    assert rate(state) == pytest.approx(0.6 / 2)
    assert rate(jax.jit(olr.observe)(state, 1.0)) == pytest.approx(0.6 / 4)
    by_count = step(olr.set_schedule(state, control, position=20))
    assert rate(by_count) == pytest.approx(0.8 / 2)


def test_start_at_a_step_with_a_fresh_optimizer():
    """Adam's first update is the rate itself, since its moments are those of one gradient."""
    optimizer, _, state = optimizer_of(SCHEDULE, optax.adamw, weight_decay=0.0)
    state = olr.set_schedule(state, position=500)
    assert rate(state) == pytest.approx(5.8682414e-04, rel=1e-6)
    updates, state = optimizer.update(PARAMS, state, PARAMS)
    np.testing.assert_allclose(updates["w"], -5.8682414e-04, rtol=1e-5)
    updates, state = optimizer.update(PARAMS, state, PARAMS)
    assert rate(state) == pytest.approx(SCHEDULE(501), rel=1e-6)
    both = olr.set_schedule(state, SCHEDULE.replace(learning_rate=1.0), position=50)
    assert rate(both) == pytest.approx(0.5)
    traced = jax.jit(lambda state, position: olr.set_schedule(state, position=position))(state, 50)
    assert rate(traced) == pytest.approx(5e-4)


@pytest.mark.parametrize(
    ("shape", "halfway"), [("linear", 0.5), ("cosine", 0.5), ("1-sqrt", 1 - math.sqrt(0.5)), (olr.Polynomial(1.0, 10, power=2), 0.25)]
)  # fmt: skip
def test_cool_down_from_now(shape, halfway):
    _, step, state = optimizer_of(olr.Constant(0.4, warmup_steps=5))
    for _ in range(20):
        state = step(state)
    state = olr.cooldown(state, 10, shape)
    rates = []
    cool = jax.jit(step.__wrapped__)  # another kind of schedule, so another program
    for _ in range(12):
        state = cool(state)
        rates.append(rate(state))
    np.testing.assert_allclose([rates[0], rates[5], rates[10], rates[11]], [0.4, 0.4 * halfway, 0, 0], atol=1e-7)


def test_cool_down_of_a_control_and_of_a_position():
    control = olr.reduce_on_plateau(olr.Constant(1.0), factor=0.5, patience=0)
    _, step, state = optimizer_of(control)
    state = olr.cooldown(olr.observe(olr.observe(step(state), 1.0), 1.0), 4)
    optimizer = optimizer_of(control)[0]
    rates = []
    for _ in range(3):
        _, state = optimizer.update(PARAMS, state, PARAMS)
        rates.append(rate(state))
    np.testing.assert_allclose(rates, [0.5, 0.375, 0.25])
    optimizer, step, state = optimizer_of(olr.Constant(1.0))
    state = olr.cooldown(step(state, position=30.0), 10)
    np.testing.assert_allclose(rate(optimizer.update(PARAMS, state, PARAMS, position=35.0)[1]), 0.5)
    epochs = olr.cooldown(step(optimizer.init(PARAMS), position=3.75), 2, lambda step: 1 / (1 + step))
    for position, expected in ((3.8, 1.0), (4.0, 1.0), (5.0, 0.5)):
        assert rate(optimizer.update(PARAMS, epochs, PARAMS, position=position)[1]) == pytest.approx(expected)


def test_cool_down_of_one_group():
    groups = {name: olr.inject_schedules(optax.sgd)(olr.Constant(1.0)) for name in ("head", "body")}
    optimizer = optax.partition(groups, {"a": "head", "b": "body"})
    params = {"a": jnp.ones(2), "b": jnp.ones(2)}
    state = olr.cooldown(optimizer.init(params), {"head": 4})
    for _ in range(3):
        _, state = optimizer.update(params, state, params)
    assert olr.rates(state) == {"head": 0.5, "body": 1.0}
    with pytest.raises(ValueError, match=r"cooldown\(\): unknown group 'heads'; did you mean 'head'"):
        olr.cooldown(state, {"heads": 4})


def test_many_cooldowns_branch_from_one_state_in_one_call():
    optimizer, step, state = optimizer_of(olr.Constant(1.0))
    state = step(step(state))

    def branch(steps):
        def update(carry, _):
            _, carry = optimizer.update(PARAMS, carry, PARAMS)
            return carry, carry.hyperparams["learning_rate"]

        return jax.lax.scan(update, olr.cooldown(state, steps), length=8)[1]

    lengths = jnp.array([2, 4, 8])
    np.testing.assert_allclose(
        jax.jit(jax.vmap(branch))(lengths), np.maximum(1 - np.arange(8) / np.asarray(lengths)[:, None], 0), atol=1e-7
    )


def test_extend_a_finished_run(compiled):
    _, step, state = optimizer_of(SCHEDULE)
    state = olr.set_schedule(state, position=1000)
    state = step(olr.set_schedule(state, SCHEDULE.replace(max_steps=2000)))
    assert rate(state) == pytest.approx(SCHEDULE.replace(max_steps=2000)(1000), rel=1e-6)
    assert compiled["step"] == 1


def test_multi_steps_forwards_the_position():
    optimizer = optax.MultiSteps(olr.inject_schedules(optax.sgd)(olr.Linear(1.0, 100)), every_k_schedule=2)
    state = optimizer.init(PARAMS)
    for tokens in (0, 10, 20, 30):
        _, state = optimizer.update(PARAMS, state, PARAMS, position=tokens)
    assert rate(state.inner_opt_state) == pytest.approx(0.7)


@wrong_types
def test_errors_name_the_remedy():
    _, _, state = optimizer_of(SCHEDULE)
    optimizer = optimizer_of(SCHEDULE)[0]
    for position, told in (
        ("3", "position must be a number, not text: '3'; write 3 without the quotes"),
        (-1, "position must be finite and at least 0, not -1"),
        (math.nan, "position must be finite and at least 0, not nan"),
        (np.arange(2), r"position must be one number, not of shape \(2,\); use jax.vmap"),
    ):
        with pytest.raises((TypeError, ValueError), match=told):
            optimizer.update(PARAMS, state, PARAMS, position=position)
        with pytest.raises((TypeError, ValueError), match=told):
            olr.set_schedule(state, position=position)
    for steps, shape, told in (
        (-1, "linear", r"cooldown\(\): steps must be at least 0, not -1"),
        (1.5, "linear", r"cooldown\(\): steps must be a whole number"),
        (5, "sqrt", r"cooldown\(\): shape must be a schedule or one of 'linear', .*not 'sqrt'"),
        (5, None, r"cooldown\(\): shape must be a schedule, a number or a function of the step, not None"),
    ):
        with pytest.raises((TypeError, ValueError), match=told):
            olr.cooldown(state, steps, shape)
    own = olr.inject_schedules(lambda lr, wd: optax.adamw(lr, weight_decay=wd))(lr=SCHEDULE, wd=olr.Linear(0.1, 10))
    with pytest.raises(
        ValueError, match=r"cooldown\(\): this optimizer has no argument 'learning_rate'; it has lr, wd"
    ):
        olr.cooldown(own.init(PARAMS), 5)
    with pytest.warns(UserWarning, match=r"update\(step=\.\.\.\) moves no schedule; use position="):
        optimizer.update(PARAMS, state, PARAMS, step=500)
    with pytest.raises(ValueError, match=r"max_steps must be at most 2\*\*31 - 1, .*larger unit.*position="):
        olr.Cosine(1e-3, max_steps=2 * 10**12)
    states = jax.vmap(lambda peak: olr.inject_schedules(optax.sgd)(olr.Constant(peak)).init(PARAMS))(jnp.ones(2))
    with pytest.raises(ValueError, match=r"holds a population; use jax\.vmap\(olr\.set_schedule\)"):
        olr.set_schedule(states, olr.Constant(1.0))
    with pytest.raises(ValueError, match=r"holds a population; use jax\.vmap\(lambda state: olr\.cooldown"):
        olr.cooldown(states, 5)


@pytest.mark.parametrize("position", [None, 2.5])
def test_a_state_contains_no_nan(position):
    control = olr.reduce_on_plateau(olr.Linear(1.0, max_steps=10))
    with jax.debug_nans(True):
        for optimizer in (
            olr.inject_schedules(optax.sgd)(learning_rate=control, momentum=olr.Linear(0.9, max_steps=10)),
            optax.inject_hyperparams(optax.sgd)(learning_rate=control),
        ):
            state = jax.jit(optimizer.init)(PARAMS)
            step = jax.jit(
                lambda state, optimizer=optimizer: optimizer.update(PARAMS, state, PARAMS, position=position)[1]
            )
            state = step(step(state))
            assert float(state.hyperparams["learning_rate"]) == pytest.approx(0.9 if position is None else 0.75)


def test_a_state_of_an_older_checkpoint_counts_updates():
    optimizer = olr.inject_schedules(optax.sgd)(olr.Linear(1.0, max_steps=10))
    state = optimizer.update(PARAMS, optimizer.init(PARAMS), PARAMS)[1]._replace(position=jnp.float32(jnp.nan))
    later = olr.set_schedule(state, olr.Linear(2.0, max_steps=10))
    assert float(later.hyperparams["learning_rate"]) == pytest.approx(1.8)
