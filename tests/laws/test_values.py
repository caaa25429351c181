"""A schedule as a value: its dtype, its gradient, its text, its copies."""

import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import optax_lr as olr
from tests.cases import CLASSES, STEPS, USUAL, numeric, usual
from tests.laws.test_transformations import every_class

FLOATS = {kind: [name for name in numeric(kind) if getattr(usual(kind), name).dtype == np.float32] for kind in CLASSES}


@jax.jit
def gradients(schedule, steps):
    """The gradient of each rate with respect to each float leaf, `{leaf number: [steps]}`."""
    leaves, structure = jax.tree.flatten(schedule)
    floating = [i for i, leaf in enumerate(leaves) if leaf.dtype == np.float32]

    def rate(values, step):
        changed = dict(enumerate(leaves)) | dict(zip(floating, values, strict=True))
        return jax.tree.unflatten(structure, [changed[i] for i in range(len(leaves))])(step)

    found = jax.vmap(jax.grad(rate), in_axes=(None, 0))([jnp.asarray(leaves[i]) for i in floating], jnp.asarray(steps))
    return dict(zip(floating, found, strict=True))


@every_class
def test_gradients_are_finite_at_every_step_and_right_between_corners(kind):
    schedule = usual(kind)
    found = gradients(schedule, STEPS)
    leaves, structure = jax.tree.flatten(schedule)
    for i, gradient in found.items():
        assert np.isfinite(gradient).all()
        # Exact differences need float64: the host's, with one leaf moved by a thousandth.
        width = 1e-3 * max(abs(float(leaves[i])), 1e-3)
        up, down = (
            jax.tree.unflatten(structure, [*leaves[:i], np.float64(leaves[i]) + sign * width, *leaves[i + 1 :]])
            for sign in (1, -1)
        )
        with jax.enable_x64(True):
            slope = np.array([(up(int(step)) - down(int(step))) / (2 * width) for step in STEPS])
        close = np.isclose(gradient, slope, rtol=2e-2, atol=2e-3 * np.abs(slope).max() + 1e-12)
        assert close.mean() > 0.9, (i, gradient[~close], slope[~close])


@every_class
def test_gradients_are_finite_in_the_corners_of_settings(kind):
    schedule = usual(kind)
    for name in numeric(kind):
        for value in (0, 1, 64):
            try:
                corner = schedule.replace(**{name: value})
            except ValueError:
                continue
            assert np.isfinite(corner(STEPS)).all(), (name, value)
            assert all(np.isfinite(gradient).all() for gradient in gradients(corner, STEPS).values()), (name, value)


@every_class
def test_under_x64_rates_are_float64_and_agree(kind):
    schedule = usual(kind)
    single = np.asarray(schedule(STEPS))
    with jax.enable_x64(True):
        wide = usual(kind)
        host = np.array([wide(int(step)) for step in STEPS])
        traced, swept = wide(STEPS), olr.sweep(wide, STEPS)
        assert isinstance(wide(3), np.float64)
        counted = jax.jit(wide)(jnp.int32(3))
    assert host.dtype == traced.dtype == swept.dtype == counted.dtype == np.float64
    scale = np.abs(host).max()
    np.testing.assert_allclose(traced, host, rtol=1e-12, atol=1e-14 * scale)
    np.testing.assert_allclose(swept, host, rtol=1e-12, atol=1e-14 * scale)
    np.testing.assert_allclose(single, host, rtol=1e-5, atol=1e-7 * scale)


@every_class
def test_no_implicit_promotion_and_no_weak_type(kind):
    schedule = usual(kind)
    with jax.numpy_dtype_promotion("strict"):
        shape = jax.eval_shape(lambda s, t: s(t), schedule, jnp.asarray(STEPS))
        python_step = jax.eval_shape(lambda s: s(3) * jnp.float32(1), schedule)
    assert shape.dtype == python_step.dtype == np.float32
    assert not shape.weak_type


def test_low_precision_users_get_a_float32_rate():
    schedule = usual(olr.Cosine)
    exact = schedule(STEPS)
    for dtype in (jnp.bfloat16, jnp.float16):
        assert (exact * jnp.ones((), dtype)).dtype == np.float32
        assert (schedule(3) * jnp.ones((), dtype)).dtype == np.float32
        np.testing.assert_array_equal(jax.jit(lambda t, d=dtype: schedule(t).astype(d))(STEPS), exact.astype(dtype))


def assert_equal(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@every_class
def test_copies_are_equal(kind):
    schedule = usual(kind)
    schedule(3)
    leaves, structure = jax.tree.flatten(schedule)
    assert_equal(jax.tree.unflatten(structure, leaves), schedule)
    for duplicate in (
        pickle.loads(pickle.dumps(schedule)),
        copy.copy(schedule),
        copy.deepcopy(schedule),
        schedule.replace(),
    ):
        assert_equal(duplicate, schedule)
        assert duplicate(7) == schedule(7)


@every_class
def test_its_text_evaluates_to_it(kind):
    schedule = usual(kind)
    assert_equal(eval(repr(schedule), vars(olr) | {name: getattr(olr, name) for name in olr.__all__}), schedule)


@every_class
def test_leaves_are_float32_and_int32(kind):
    assert {leaf.dtype for leaf in jax.tree.leaves(usual(kind))} <= {np.dtype(np.float32), np.dtype(np.int32)}
    assert hash(usual(kind)) != hash(usual(kind))
    assert bool(usual(kind))


@every_class
def test_fields_cannot_be_set(kind):
    with pytest.raises(AttributeError):
        setattr(usual(kind), next(iter(USUAL[kind])), 1)
