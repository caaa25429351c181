"""The rates do not change under transformations of JAX: vmap, scan, batches, tracers, export."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings, strategies as st

import optax_lr as olr
from optax_lr.schedules import Schedule
from tests.cases import CLASSES, STEPS, assert_within_an_ulp, every_class, numeric, usual


def test_the_table_holds_every_public_schedule():
    public = {
        value
        for name in olr.__all__
        if isinstance(value := getattr(olr, name), type) and issubclass(value, Schedule) and name[0].isupper()
    }  # names of controls are in lower case
    assert public - {Schedule} == set(CLASSES)


@every_class
def test_a_batch_has_the_rates_of_its_rows(kind):
    scales = [1, 1, 1] if kind is olr.Mixed else [1, 2, 3]  # another kind of a Mixed would be out of its range
    rows = [jax.tree.map(lambda leaf, by=scale: leaf * np.asarray(by, leaf.dtype), usual(kind)) for scale in scales]
    batch = jax.tree.map(lambda *leaves: np.stack(leaves), *rows)
    assert batch.batch_shape == (3,)
    expected = np.stack([row(STEPS) for row in rows])
    assert_within_an_ulp(batch(STEPS), expected)
    assert_within_an_ulp(jax.jit(jax.vmap(lambda s: s(STEPS)))(batch), expected)
    assert jax.eval_shape(lambda b: b.reshape(3, 1)(STEPS.reshape(8, 8)), batch).shape == (3, 1, 8, 8)
    assert len(batch) == 3
    for row, single in zip(rows, batch, strict=True):
        if kind is not olr.Mixed:  # a row of it is the schedule that it follows
            assert jax.tree.all(jax.tree.map(np.array_equal, single, row))
    assert jax.tree.all(jax.tree.map(lambda part, whole: np.array_equal(part, whole[1:]), batch[1:], batch))
    if kind in olr.SCHEDULERS.values():  # for every class, in a batch of all of them: tests/sweeps/test_exactness.py
        np.testing.assert_array_equal(olr.sweep(batch, STEPS), np.stack([olr.sweep(row, STEPS) for row in batch]))


@every_class
def test_a_scan_gives_the_rates_of_an_array_of_steps(kind):
    schedule, gradient = usual(kind), jnp.ones(())

    @jax.jit
    def train(schedule):
        optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=schedule)

        def update(state, _):
            change, state = optimizer.update(gradient, state)
            return state, (state.hyperparams["learning_rate"], change)

        return jax.lax.scan(update, optimizer.init(gradient), length=len(STEPS))[1]

    expected = schedule(STEPS)
    rates, changes = train(schedule)
    assert_within_an_ulp(rates, expected)
    np.testing.assert_array_equal(changes, -rates)


@every_class
def test_the_integer_type_of_the_step_has_no_effect(kind):
    schedule = usual(kind)
    expected = np.asarray(schedule(STEPS.astype(np.int32)))
    compiled = jax.jit(lambda *steps: [schedule(some) for some in steps])
    unsigned, small, third = compiled(jnp.asarray(STEPS, np.uint32), jnp.asarray(STEPS, np.int8), jnp.int16(3))
    for rates in (unsigned, small):
        assert_within_an_ulp(rates, expected)
    assert_within_an_ulp(third, expected[3])
    assert_within_an_ulp(schedule(np.maximum(STEPS - 5, -1) - 1), expected[np.maximum(STEPS - 6, 0)])
    assert schedule(-3) == schedule(0) == schedule(np.int64(0)) == schedule(0.0)
    assert isinstance(schedule(3), np.float32)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint8, np.uint16, np.float32, jnp.bfloat16])
def test_steps_of_small_types(dtype):
    schedule = usual(olr.Cosine)
    assert_within_an_ulp(schedule(jnp.asarray(STEPS, dtype)), schedule(STEPS))


def test_numpy_arrays_of_64_bits_under_vmap_without_jit():
    schedule = usual(olr.Cosine)
    rates = np.linspace(0.1, 1, 3)
    whole, some = np.arange(20), np.arange(0, 20, 2.0)
    assert_within_an_ulp(jax.vmap(schedule)(whole), schedule(whole))
    assert_within_an_ulp(jax.vmap(schedule)(some), schedule(some))
    slopes = jax.vmap(jax.grad(schedule))
    np.testing.assert_array_equal(slopes(some), slopes(jnp.asarray(some)))
    several = jax.vmap(lambda rate: schedule.replace(learning_rate=rate)(some))(rates)
    assert_within_an_ulp(several, schedule.replace(learning_rate=rates)(some), ulps=2)


@pytest.mark.parametrize("kind", [olr.Cosine, olr.Function])
def test_a_batch_at_several_steps_without_rank_promotion(kind):
    batch = jax.tree.map(lambda leaf: np.stack([leaf, leaf]), usual(kind))
    steps = np.arange(3.0)
    expected = batch(steps)
    with jax.numpy_rank_promotion("raise"):
        assert_within_an_ulp(jax.jit(batch)(steps), expected)
        assert_within_an_ulp(jax.jit(lambda s, t: s(t))(batch, steps), expected)
        slopes = jax.jvp(batch, (jnp.asarray(steps),), (jnp.ones(3),))[1]
        assert slopes.shape == (2, 3)
        jax.export.export(jax.jit(batch), platforms=["tpu"])(steps)


@every_class
def test_every_number_may_be_traced(kind):
    schedule = usual(kind)
    numbers = {name: getattr(schedule, name) for name in numeric(kind)}
    if not numbers:
        return  # schedules of schedules: every number is inside of one

    def made(values):
        return schedule.replace(**values)(STEPS)

    assert jax.eval_shape(jax.jit(made), numbers).shape == STEPS.shape
    twice = jax.jit(jax.vmap(made))({name: np.stack([value, value]) for name, value in numbers.items()})
    for rates in twice:
        assert_within_an_ulp(rates, schedule(STEPS), ulps=2)  # a setting that is traced is a float32


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if kind is not olr.Function], ids=lambda kind: kind.__name__)
def test_export_for_every_platform_and_back(kind):
    schedule = usual(kind)
    platforms = ("cpu", "cuda", "rocm", "tpu")
    exported = jax.export.export(jax.jit(lambda s, t: s(t)), platforms=platforms)(schedule, STEPS)
    assert exported.platforms == platforms
    restored = jax.export.deserialize(exported.serialize())
    assert restored.in_tree == exported.in_tree
    if kind in (olr.Cosine, olr.Mixed, olr.Stages):
        assert_within_an_ulp(restored.call(schedule, STEPS), schedule(STEPS))


@pytest.mark.parametrize("kind", [olr.Cosine, olr.Polynomial])
def test_gradients_for_a_tpu_have_no_float64(kind):
    def program(schedule, step):
        gradient = jax.grad(lambda s, t: s(t), allow_int=True)
        return schedule(step), jax.vmap(gradient, (None, 0))(schedule, jnp.stack([step, step]))

    # No TPU runs here, so the text of the program must show that it needs no float64.
    modules = {
        platform: jax.export.export(jax.jit(program), platforms=[platform])(usual(kind), jnp.int32(3)).mlir_module()
        for platform in ("cpu", "tpu")
    }
    assert re.search(r"\bf64\b", modules["cpu"])
    assert not re.search(r"\bf64\b", modules["tpu"])


@settings(max_examples=3)
@given(st.lists(st.sampled_from([k for k in CLASSES if k is not olr.Mixed]), min_size=2, max_size=6))
def test_stacks_of_any_kinds(kinds):
    schedules = [usual(kind) for kind in kinds]
    batch = olr.stack(schedules)
    assert batch.batch_shape == (len(kinds),)
    assert [type(row) for row in batch] == kinds
    np.testing.assert_array_equal(olr.sweep(batch, STEPS), np.stack([olr.sweep(s, STEPS) for s in schedules]))
    shuffled = np.random.default_rng(0).permutation(len(kinds))
    np.testing.assert_array_equal(olr.sweep(batch[shuffled], STEPS), np.asarray(olr.sweep(batch, STEPS))[shuffled])


def test_a_mixed_stack_in_a_trace_and_under_vmap():
    schedules = [usual(kind) for kind in (olr.Linear, olr.Cosine, olr.Polynomial, olr.InverseSqrt, olr.Step)]
    batch, expected = olr.stack(schedules), np.stack([schedule(STEPS) for schedule in schedules])
    assert_within_an_ulp(batch(STEPS), expected)
    assert_within_an_ulp(jax.vmap(lambda member: member(STEPS))(batch), expected)
    assert_within_an_ulp(jax.jit(lambda b, i: b[i](STEPS))(batch, 2), expected[2])
