"""What JAX does to a schedule does not change it: jit, vmap, scan, batches, tracers, export."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optax_lr as olr
from optax_lr.schedules import Schedule
from tests.cases import CLASSES, STEPS, numeric, random_schedule, usual

every_class = pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)


def assert_within_an_ulp(ours, expected, ulps=1):
    ours, expected = np.asarray(ours), np.asarray(expected)
    assert ours.dtype == expected.dtype == np.float32
    assert (np.abs(ours.astype(np.float64) - expected) <= ulps * np.spacing(np.abs(expected))).all()


def test_the_table_holds_every_public_schedule():
    public = {value for name in olr.__all__ if isinstance(value := getattr(olr, name), type) and issubclass(value, Schedule)}
    assert public - {Schedule} == set(CLASSES)


@every_class
def test_jit_host_and_sweep_agree(kind):
    schedule = usual(kind)
    traced = np.asarray(schedule(STEPS))
    np.testing.assert_array_equal(jax.jit(lambda s, t: s(t))(schedule, STEPS), traced)
    np.testing.assert_array_equal(jax.jit(schedule)(STEPS), traced)
    host = np.array([schedule(int(step)) for step in STEPS])
    assert_within_an_ulp(traced, host)
    assert_within_an_ulp(olr.sweep(schedule, STEPS), host)
    with jax.disable_jit():
        assert_within_an_ulp(schedule(STEPS[::9]), host[::9])


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_random_settings_agree(kind):
    @settings(max_examples=25)
    @given(random_schedule(kind))
    def agree(schedule):
        host = np.array([schedule(int(step)) for step in STEPS])
        assert np.isfinite(host).all()
        scale = np.abs(host).max()
        for rates in (schedule(STEPS), olr.sweep(schedule, STEPS)):
            np.testing.assert_allclose(rates, host, rtol=3e-7, atol=1e-12 * scale)

    agree()


@every_class
def test_a_batch_is_its_rows(kind):
    schedules = [usual(kind) * 1.0 if False else usual(kind) for _ in range(3)]
    rows = [jax.tree.map(lambda leaf, i=i: leaf * np.asarray(1 + i, leaf.dtype), s) for i, s in enumerate(schedules)]
    rows = rows if kind is not olr.Mixed else schedules
    batch = jax.tree.map(lambda *leaves: np.stack(leaves), *rows)
    assert batch.batch_shape == (3,)
    expected = np.stack([row(STEPS) for row in rows])
    np.testing.assert_array_equal(batch(STEPS), expected)
    np.testing.assert_array_equal(batch(7), expected[:, 7])
    np.testing.assert_array_equal(batch.reshape(3, 1)(STEPS.reshape(8, 8)), expected.reshape(3, 1, 8, 8))
    np.testing.assert_array_equal(jax.vmap(lambda s: s(STEPS))(batch), expected)
    np.testing.assert_array_equal(jax.vmap(lambda s, t: s(t), in_axes=(0, 0))(batch, STEPS[:3]), np.diag(expected[:, :3]))
    np.testing.assert_array_equal(jax.vmap(batch[1])(STEPS), expected[1])
    assert len(batch) == 3
    for row, single in zip(expected, batch, strict=True):
        np.testing.assert_array_equal(single(STEPS), row)
    np.testing.assert_array_equal(batch[1:](STEPS), expected[1:])
    np.testing.assert_array_equal(olr.sweep(batch, STEPS), np.stack([olr.sweep(row, STEPS) for row in batch]))


@every_class
def test_scan_is_an_array_of_steps(kind):
    schedule = usual(kind)
    scanned = jax.jit(lambda s: jax.lax.scan(lambda count, _: (count + 1, s(count)), jnp.int32(0), length=64)[1])(schedule)
    assert_within_an_ulp(scanned, schedule(STEPS))


@every_class
def test_steps_of_any_integer_type_are_the_same_steps(kind):
    schedule = usual(kind)
    expected = schedule(STEPS.astype(np.int32))
    for dtype in (np.uint32, np.int8, np.int16, np.uint8, np.float32):
        np.testing.assert_array_equal(schedule(jnp.asarray(STEPS, dtype)), expected)
    np.testing.assert_array_equal(schedule(jnp.array([-5, -1])), np.asarray(expected)[[0, 0]])
    assert schedule(-3) == schedule(0) == schedule(np.int64(0)) == schedule(0.0)
    assert isinstance(schedule(3), np.float32)


@every_class
def test_every_number_may_be_traced(kind):
    schedule = usual(kind)
    expected = schedule(STEPS)
    for name in numeric(kind):
        traced = jax.jit(lambda value, n=name: schedule.replace(**{n: value})(STEPS))(getattr(schedule, name))
        assert_within_an_ulp(traced, expected)
    whole = jax.jit(lambda s: dataclasses.replace(s)(STEPS))(schedule)
    np.testing.assert_array_equal(whole, expected)


@every_class
def test_exported_for_every_platform_and_read_back(kind):
    schedule = usual(kind)
    platforms = ("cpu", "cuda", "rocm", "tpu")
    exported = jax.export.export(jax.jit(lambda s, t: s(t)), platforms=platforms)(schedule, STEPS)
    assert exported.platforms == platforms
    restored = jax.export.deserialize(exported.serialize())
    assert_within_an_ulp(restored.call(schedule, STEPS), schedule(STEPS))


@every_class
def test_optax_takes_it(kind):
    schedule = usual(kind)
    params, grads = {"w": jnp.ones(2)}, {"w": jnp.ones(2)}
    optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=schedule)
    plain = optax.sgd(schedule)
    state, plain_state = optimizer.init(params), plain.init(params)
    for step in range(3):
        updates, state = optimizer.update(grads, state, params)
        plain_updates, plain_state = plain.update(grads, plain_state, params)
        assert_within_an_ulp(state.hyperparams["learning_rate"], schedule(step))
        assert_within_an_ulp(-plain_updates["w"], np.full(2, schedule(step)))
        assert_within_an_ulp(-updates["w"], np.full(2, schedule(step)))


@settings(max_examples=60)
@given(st.data())
def test_stacks_of_any_kinds(data):
    kinds = data.draw(st.lists(st.sampled_from([k for k in CLASSES if k is not olr.Mixed]), min_size=1, max_size=6))
    schedules = [usual(kind) for kind in kinds]
    batch = olr.stack(schedules)
    assert batch.batch_shape == (len(kinds),)
    assert [type(row) for row in batch] == kinds
    rates = np.asarray(batch(STEPS[:16]))
    for row, schedule in zip(rates, schedules, strict=True):
        assert_within_an_ulp(row, schedule(STEPS[:16]))
