"""A schedule as a value: its dtype, its gradient, its text, its copies."""

import contextlib
import copy
import dataclasses
import functools
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import optax_lr as olr
from tests.cases import STEPS, USUAL, a_function, every_class, numeric, usual

DOCUMENTED = sorted(set(olr.SCHEDULERS.values()), key=lambda kind: kind.__name__)


def gradients(schedule, steps):
    """The gradient of each rate with respect to each setting that is not a count: `{leaf number: [*batch, steps]}`."""
    leaves, structure = jax.tree.flatten(schedule)
    names = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(schedule)]
    floating = [i for i, leaf in enumerate(leaves) if leaf.dtype == np.float32 and "_low" not in names[i]]

    def rate(values, whole, step):
        changed = whole | dict(zip(floating, values, strict=True))
        return jax.tree.unflatten(structure, [changed[i] for i in range(len(leaves))])(step)

    at_steps = jax.vmap(jax.grad(rate), in_axes=(None, None, 0))
    for _ in schedule.batch_shape:
        at_steps = jax.vmap(at_steps, in_axes=(0, 0, None))
    whole = {i: leaf for i, leaf in enumerate(leaves) if i not in floating}
    found = at_steps([jnp.asarray(leaves[i]) for i in floating], whole, jnp.asarray(steps))
    return dict(zip(floating, found, strict=True))


def slopes(schedule, leaf, steps):
    """The same by differences of float64 rates on the host, with one leaf changed by a thousandth."""
    leaves, structure = jax.tree.flatten(schedule)
    width = 1e-3 * max(abs(float(leaves[leaf])), 1e-3)
    # A setting of 0 is moved upwards alone: below it a floor has no effect.
    moved = [np.float64(leaves[leaf]) + by * width for by in ((2, 0) if leaves[leaf] == 0 else (1, -1))]
    up, down = (jax.tree.unflatten(structure, [*leaves[:leaf], value, *leaves[leaf + 1 :]]) for value in moved)
    with jax.enable_x64(True):
        return np.array([(up(int(step)) - down(int(step))) / (2 * width) for step in steps])


ROWS = 32  # of a batch of corners
CORNER_STEPS = np.append(STEPS, [10**6, 2**31 - 1]).astype(np.int32)


def corners(kind):
    """The typical schedule with each number in turn at 0, 1 and beyond the run, and without all optional settings."""
    schedule = usual(kind)
    changes = [{}] + [{name: value} for name in numeric(kind) for value in (0, 1, 64)]
    changes += [{f.name: None for f in dataclasses.fields(kind) if f.default is None and f.name != "max_steps"}]
    found = []
    for change in changes:
        with contextlib.suppress(ValueError):  # the class refuses these settings
            found.append(schedule.replace(**change))
    return found


@functools.cache
def in_corners(kind):
    """Batches of extreme settings, beginning with the typical schedule, with the rates and gradients at `CORNER_STEPS`."""
    groups = {}
    for corner in corners(kind):
        groups.setdefault(jax.tree.structure(corner), []).append(corner)
    found = []
    for group in groups.values():
        batch = jax.tree.map(lambda *leaves: np.resize(np.stack(leaves), ROWS), *group)
        found.append((group, batch, batch(CORNER_STEPS), jax.jit(gradients)(batch, CORNER_STEPS)))
    return found


@every_class
def test_rates_and_gradients_are_finite_for_extreme_settings(kind):
    for group, batch, rates, slope in in_corners(kind):
        for part in (rates, olr.sweep(batch, CORNER_STEPS), *slope.values()):
            finite = np.isfinite(part)[: len(group)]
            assert finite.all(), [(group[row], CORNER_STEPS[step]) for row, step in np.argwhere(~finite)[:3]]
        assert np.isfinite([[corner(int(step)) for step in CORNER_STEPS] for corner in group]).all()


@every_class
def test_gradients_are_right_at_smooth_points(kind):
    schedule, (_, _, _, found) = usual(kind), in_corners(kind)[0]
    for leaf, gradient in found.items():
        gradient = gradient[0, : len(STEPS)]
        slope = slopes(schedule, leaf, STEPS)
        close = np.isclose(gradient, slope, rtol=2e-2, atol=2e-3 * np.abs(slope).max() + 1e-12)
        assert close.mean() > 0.9, (leaf, gradient[~close], slope[~close])


@pytest.mark.parametrize("kind", DOCUMENTED, ids=lambda kind: kind.__name__)
def test_compiled_gradients_are_the_eager_ones(kind):
    schedule = usual(kind)
    with jax.disable_jit():
        eager = gradients(schedule, STEPS)
    for leaf, gradient in jax.jit(gradients)(schedule, STEPS).items():
        np.testing.assert_allclose(gradient, eager[leaf], rtol=1e-5, atol=1e-6 * np.abs(eager[leaf]).max())


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


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_low_precision_inputs_give_a_float32_rate(dtype):
    schedule = usual(olr.Cosine)
    exact = schedule(STEPS)
    assert (exact * jnp.ones((), dtype)).dtype == np.float32
    assert (schedule(3) * jnp.ones((), dtype)).dtype == np.float32
    converted = jax.jit(lambda t: schedule(t).astype(dtype))
    assert converted(3) == exact[3].astype(dtype)
    np.testing.assert_array_equal(converted(STEPS), exact.astype(dtype))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_a_population_of_low_precision_compiles(dtype):
    # Rates and a cast in one loop: LLVM under jax 0.12 came to no end where the loop was not kept apart.
    kinds = olr.stack([usual(olr.Cosine), usual(olr.Polynomial), usual(olr.WarmupStableDecay)] * 4)
    rates = jax.vmap(lambda schedule, step: schedule(step).astype(dtype), in_axes=(0, None))
    np.testing.assert_array_equal(jax.jit(rates)(kinds, 5), kinds(5).astype(dtype))


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
def test_the_repr_evaluates_to_the_schedule(kind):
    schedule = usual(kind)
    names = {name: getattr(olr, name) for name in olr.__all__} | {"a_function": a_function}
    assert_equal(eval(repr(schedule), vars(olr) | names), schedule)


@every_class
def test_leaves_are_float32_and_int32(kind):
    assert {leaf.dtype for leaf in jax.tree.leaves(usual(kind))} <= {np.dtype(np.float32), np.dtype(np.int32)}
    assert bool(usual(kind))


@every_class
def test_schedules_are_equal_by_value(kind):
    schedule = usual(kind)
    assert schedule == usual(kind) == pickle.loads(pickle.dumps(schedule))
    assert hash(schedule) == hash(usual(kind))
    assert schedule != schedule * 1
    other = next((c for c in corners(kind) if c != schedule), None)  # wholes of other schedules have no numbers
    assert (other is None) == (len(jax.tree.leaves(schedule)) > 0 and not numeric(kind))
    assert len({schedule, usual(kind), other}) == 2


@every_class
def test_fields_cannot_be_set(kind):
    with pytest.raises(AttributeError):
        setattr(usual(kind), next(iter(USUAL[kind])), 1)
