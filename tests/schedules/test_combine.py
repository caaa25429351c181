"""Compositions of schedules."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lr as olr
from tests.wrong_types import wrong_types

STEPS = np.arange(60)


def stages():
    return olr.Stages(
        [
            olr.Linear(1e-4, max_steps=20, warmup_steps=5),
            olr.Cosine(3e-5, max_steps=30, warmup_steps=3),
            olr.InverseSqrt(1e-5),
        ],
        boundaries=[20, 45],
    )


def test_each_stage_counts_from_its_own_step_0():
    joined, parts = stages(), stages().schedules
    expected = np.concatenate([parts[0](STEPS[:20]), parts[1](STEPS[:25]), parts[2](STEPS[:15])])
    np.testing.assert_array_equal(joined(STEPS), expected)
    np.testing.assert_array_equal([joined(int(step)) for step in STEPS], expected)
    np.testing.assert_array_equal(
        olr.sweep(joined, 60), np.concatenate([olr.sweep(p, n) for p, n in zip(parts, (20, 25, 15), strict=True)])
    )


def test_stages_against_optax_join():
    joined = optax.join_schedules([lambda t, p=part: p(t) for part in stages().schedules], [20, 45])
    np.testing.assert_array_equal(stages()(STEPS), joined(jnp.asarray(STEPS)))


def test_boundaries_may_be_traced_and_batched():
    def at(boundary):
        return olr.Stages([olr.Constant(1.0), olr.Constant(2.0)], boundaries=[boundary])(STEPS)

    np.testing.assert_array_equal(jax.jit(at)(7), np.where(STEPS < 7, 1, 2))
    np.testing.assert_array_equal(jax.vmap(at)(jnp.array([3, 9])), np.where(np.array([[3], [9]]) > STEPS, 1, 2))
    batch = olr.Stages([olr.Constant(1.0), olr.Constant(2.0)], boundaries=[np.array([3, 9])])
    assert batch.batch_shape == (2,)
    np.testing.assert_array_equal(olr.sweep(batch, 60), np.where(np.array([[3], [9]]) > STEPS, 1, 2))


def test_gradients_through_stages_not_taken_are_finite():
    joined = olr.Stages(
        [olr.Polynomial(1.0, 10, power=0.5), olr.InverseSqrt(1.0), olr.Polynomial(1.0, 5, power=0.3)], [10, 20]
    )
    for step in (0, 9, 10, 11, 19, 20, 24, 25, 40):
        gradient = jax.grad(lambda s, at=step: s(at), allow_int=True)(joined)
        leaves = [leaf for leaf in jax.tree.leaves(gradient) if leaf.dtype != jax.dtypes.float0]
        assert leaves
        assert all(np.isfinite(leaf).all() for leaf in leaves)


@pytest.mark.parametrize(
    ("boundaries", "message"),
    [
        ([10], "3 schedules need 2 boundaries, not 1"),
        ([10, 20, 30], "3 schedules need 2 boundaries, not 3"),
        ([20, 10], r"boundaries must rise, but boundaries\[1\] is 10 after 20"),
        ([10, 10], "boundaries must rise"),
        ([-1, 10], r"boundaries\[0\] must be at least 0, not -1"),
        ([1.5, 10], r"boundaries\[0\] must be a whole number of optimizer steps, not 1.5"),
    ],
)
def test_wrong_boundaries_are_refused(boundaries, message):
    with pytest.raises(ValueError, match=message):
        olr.Stages(stages().schedules, boundaries=boundaries)


@wrong_types
def test_other_objects_are_refused():
    with pytest.raises(
        TypeError, match=r"Stages: schedules\[1\] must be a schedule, a number or a function of the step, not text"
    ):
        olr.Stages([olr.Constant(1.0), "cosine"], boundaries=[5])
    with pytest.raises(TypeError, match="must be a list of at least one schedule"):
        olr.Product([])
    with pytest.raises(TypeError, match="Scaled: factor must be a number or an array of numbers"):
        olr.Constant(1.0) * "2"


def test_arithmetic():
    one, other = olr.Cosine(1e-3, 50, 5), olr.LinearRamp(1.0, start_factor=0.5, total_iters=10)
    for made in (one * 0.25, 0.25 * one, np.float32(0.25) * one, one / 4):
        assert isinstance(made, olr.Scaled)
        np.testing.assert_allclose(made(STEPS), 0.25 * np.asarray(one(STEPS)), rtol=2e-7)
    product = one * other
    assert isinstance(product, olr.Product)
    np.testing.assert_allclose(product(STEPS), np.asarray(one(STEPS)) * np.asarray(other(STEPS)), rtol=2e-7)


def test_hold_after_keeps_the_rate():
    cosine = olr.Cosine(1.0, max_steps=20)
    held = olr.HoldAfter(cosine, step=15)
    np.testing.assert_array_equal(held(STEPS), cosine(np.minimum(STEPS, 15)))
    assert held.end == 15


def test_the_end_of_a_composition():
    assert stages().end is None
    assert olr.Stages([olr.Constant(1.0), olr.Linear(1.0, 30)], [12]).end == 42
    assert (olr.Linear(1.0, 30) * 2).end == 30


def test_nested_and_mixed_sweep_like_the_rest():
    kinds = [
        stages(),
        olr.HoldAfter(olr.Cosine(2e-4, 30), 25) * 0.5,
        olr.Stages([olr.Constant(1e-5), stages() * 2], boundaries=[10]),
        olr.Linear(1e-4, 40),
        olr.Product([olr.Step(1e-3, 7), olr.Exponential(1.0, 0.875)]),
    ]
    batch = olr.stack(kinds)
    rates = np.asarray(olr.sweep(batch, 60))
    for row, schedule in enumerate(kinds):
        assert type(batch[row]) is type(schedule)
        np.testing.assert_array_equal(rates[row], olr.sweep(schedule, 60))
        np.testing.assert_allclose(rates[row], schedule(STEPS), rtol=2e-7)
    assert list(olr.table(batch)["kind"]) == ["Stages", "Scaled", "Stages", "Linear", "Product"]


def test_a_schedule_in_samples_is_held_at_its_end_between_two_steps():
    schedule = olr.InSamples(olr.Cosine(1.0, max_steps=100, min_lr=0.25), per_step=7)
    rates = olr.sweep(schedule, 20, past_end="hold")
    assert rates[14] > 0.25
    assert (rates[15:] == 0.25).all()
    assert schedule(17) > 0.25  # where the cosine rises again
