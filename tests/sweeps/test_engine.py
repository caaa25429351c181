"""The compiled sweep: memory, compilations, rates past the end, and errors."""

import re

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

import optax_lr as olr
from optax_lr.numerics import RoundedFloat64
from optax_lr.sweeps import evaluate
from tests.compilations import compilations
from tests.sweeps.batches import SINGLES, called, many, mixed, one_kind
from tests.wrong_types import wrong_types

DOCUMENTED = ["constant", "linear", "cosine", "restarts", "small powers", "inverse_sqrt", "rsqrt"]


def test_only_another_shape_or_set_of_kinds_is_compiled():
    batch = mixed(60, 100, DOCUMENTED)
    doubled = tuple(member.replace(learning_rate=member.learning_rate * 2) for member in batch.schedules)
    random = np.random.default_rng(7)
    kinds = [random.integers(0, len(batch.schedules), 60).astype(np.int32) for _ in range(3)]
    others = [olr.Mixed(kind, tuple(jax.tree.map(np.asarray, member) for member in batch.schedules)) for kind in kinds]
    with compilations() as count:
        first = olr.sweep(batch, 77)
    assert count.total() > 0
    with compilations() as count:
        swept = [olr.sweep(other, 77) for other in (*others, batch.replace(schedules=doubled))]
    assert count.total() == 0
    assert not any(np.array_equal(rates, first) for rates in swept)


def test_out_is_the_memory_of_the_result():
    batch = olr.grid(olr.Linear, learning_rate=np.geomspace(1e-6, 1e-3, 64), max_steps=1000)
    first = olr.sweep(batch, 1000)
    expected, address = np.array(first), first.unsafe_buffer_pointer()
    second = olr.sweep(batch, 1000, out=first)
    assert second.unsafe_buffer_pointer() == address
    assert first.is_deleted()
    np.testing.assert_array_equal(second, expected)


def test_past_the_end():
    batch = olr.stack([olr.Cosine(1.0, max_steps=4), olr.Linear(1.0, max_steps=8), olr.Constant(1.0)])
    reference, hold, nan = (np.asarray(olr.sweep(batch, 9, past_end=past)) for past in ("reference", "hold", "nan"))
    assert reference[0, 8] == 1  # the reference's cosine has come back to its peak
    np.testing.assert_array_equal(hold[0], np.r_[reference[0, :5], np.zeros(4, np.float32)])
    np.testing.assert_array_equal(nan[0], np.r_[reference[0, :5], np.full(4, np.nan, np.float32)])
    for rates in (hold, nan):
        np.testing.assert_array_equal(rates[1:], reference[1:])


def test_past_the_end_of_a_traced_sweep():
    batch = olr.Cosine(1.0, max_steps=np.array([4, 6]))
    held = jax.jit(lambda b: olr.sweep(b, 9, past_end="hold"))(batch)
    np.testing.assert_allclose(held, olr.sweep(batch, 9, past_end="hold"), rtol=1e-6, atol=1e-12)


def compiled_vmap(function):
    return jax.jit(jax.vmap(function))


# Rows that may be on several devices are not gathered. On one device jit and vmap are in test_exactness.py.
@pytest.mark.parametrize(
    ("transformed", "devices"), [(jax.jit, 8), (jax.vmap, 8), (compiled_vmap, 1), (compiled_vmap, 8)]
)
def test_a_traced_sweep_gives_the_same_rates(transformed, devices, monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: devices)
    batch = mixed(12, 40)
    for steps in (64, np.arange(0, 64, 3)):
        rates = transformed(lambda b, steps=steps: olr.sweep(b, steps))(batch)
        np.testing.assert_allclose(rates, olr.sweep(batch, steps), rtol=2**-23, atol=0)


@pytest.mark.parametrize(("transformed", "devices"), [(jax.jit, 1), (compiled_vmap, 8)])
def test_a_traced_sweep_of_every_class_gives_the_same_rates(transformed, devices, monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: devices)
    batch = olr.concatenate([many(one, 1) for one in SINGLES])
    rates = transformed(lambda b: olr.sweep(b, np.arange(64)))(batch)
    np.testing.assert_allclose(rates, called(), rtol=2**-23, atol=0)


def test_a_sweep_inside_a_shard_map():
    batch = mixed(12, 40)
    mesh = jax.make_mesh((1,), ("rows",), axis_types=(jax.sharding.AxisType.Auto,))
    rows = jax.sharding.PartitionSpec("rows")
    curves = jax.jit(jax.shard_map(lambda b: olr.sweep(b, 50), mesh=mesh, in_specs=rows, out_specs=rows))(batch)
    np.testing.assert_allclose(curves, olr.sweep(batch, 50), rtol=2**-23, atol=0)


@pytest.mark.parametrize("rows", [(0, None), (None, 0), (0, 0)])
def test_a_sweep_can_be_mapped_over_schedules_and_steps(rows):
    batch, steps = mixed(6, 40), np.array([np.arange(0, 40, 3), np.arange(1, 41, 3)] * 3)
    mapped = jax.vmap(olr.sweep, in_axes=rows)(batch, steps if rows[1] == 0 else steps[0])
    whole = np.asarray(olr.sweep(batch, 41))
    expected = {
        (0, None): whole[:, steps[0]],
        (None, 0): np.stack([whole[:, row] for row in steps]),
        (0, 0): np.stack([one[row] for one, row in zip(whole, steps, strict=True)]),
    }[rows]
    np.testing.assert_allclose(mapped, expected, rtol=2**-23, atol=0)


@pytest.mark.parametrize("outer", [jax.jit, lambda f: f])
def test_a_traced_sweep_has_the_gradients_of_the_schedule(outer):
    batch = mixed(12, 40)

    def weighed(curves):
        return jax.grad(outer(lambda b: (curves(b) * jnp.arange(50)).sum()), allow_int=True)(batch)

    found, expected = weighed(lambda b: olr.sweep(b, 50)), weighed(lambda b: b(jnp.arange(50)))
    for mine, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert mine.dtype == theirs.dtype
        if mine.dtype == np.float32:
            np.testing.assert_allclose(mine, theirs, rtol=1e-5)


@pytest.mark.parametrize(("platform", "double"), [("cpu", True), ("cuda", True), ("tpu", False)])
def test_an_exported_sweep_uses_the_number_types_of_the_platform(platform, double):
    # No TPU runs here, so the text of the program must show that it needs no float64.
    exported = jax.export.export(jax.jit(lambda b: olr.sweep(b, 50)), platforms=[platform])(mixed(8, 40))
    assert bool(re.search("[<x]f64>", exported.mlir_module())) == double  # names of places in the source aside


@pytest.mark.parametrize("steps", [np.arange(0, 40, 3), [[0, 5], [10, 39]], range(7), 7])
def test_steps_of_any_shape(steps):
    batch = mixed(20, 30).reshape(4, 5)
    whole = np.asarray(olr.sweep(batch, 40))
    wanted = np.arange(steps) if isinstance(steps, int) else np.asarray(steps)
    np.testing.assert_array_equal(olr.sweep(batch, steps), whole[..., wanted])


def test_rows_of_more_kinds_than_a_loop_can_branch_on():
    every = [*one_kind(6, 50).values(), olr.InverseSqrt(np.full(6, 1e-3), warmup_steps=5, timescale=3.0)]
    batch = olr.concatenate(every)
    np.testing.assert_array_equal(olr.sweep(batch, 60), np.concatenate([olr.sweep(b, 60) for b in every]))


SHORTCUTS = [
    olr.Cosine(1e-3, 60, 5, num_cycles=np.array([0.5, 1.5])),
    olr.Polynomial(1e-3, 60, 5, power=np.array([0.5, 1, 2, 2.7, 3])),
    olr.WarmupStableDecay(1e-3, 20, 60, 5, num_cycles=np.array([0.5, 0.75])),
    olr.CosineAnnealingWarmRestarts(1e-3, np.array([9, 9, 9, 1, 1]), T_mult=np.array([1, 2, 3, 1, 2])),
    olr.TimmCosine(1e-3, 9, cycle_mul=np.array([1, 1.5, 2]), cycle_limit=np.array([[4], [1]]), cycle_decay=0.5),
    olr.TimmCosine(
        1e-3, 4, min_lr=1e-5, cycle_mul=np.array([0.5, 0.9, 1, 1.1, 1.25]), cycle_limit=20, cycle_decay=0.75
    ),
    olr.TimmCosine(1e-3, 60, k_decay=np.array([1, 1.5])),
    olr.TimmTanh(1e-3, 9, cycle_mul=np.array([1, 2]), cycle_limit=2, warmup_steps=3),
    olr.TimmPoly(1e-3, 60, power=np.array([0.5, 1, 1.5])),
    olr.TimmPoly(
        1e-3,
        5,
        np.array([0.5, 1, 1.5]),
        cycle_mul=np.array([[1], [1.25]]),
        cycle_limit=np.array([1, 5, 20])[:, None, None],
        k_decay=np.array([1, 1.5])[:, None, None, None],
    ),
]


@pytest.mark.parametrize("batch", SHORTCUTS, ids=lambda batch: type(batch).__name__)
def test_a_shortcut_gives_the_same_rates_as_a_call(batch, monkeypatch):
    """The host evaluates the general formula."""
    taken = []

    class Counting(RoundedFloat64):
        def shortcut(self, holds, x, special, general, probability=0.85):
            return super().shortcut(holds, x, lambda y: (taken.append(holds), special(y))[1], general, probability)

        def either(self, holds, x, one, other, probability=0.85):
            taken.append(holds)
            return super().either(holds, x, one, other, probability)

    monkeypatch.setattr(evaluate, "system", lambda: Counting)
    rates = olr.sweep(batch.reshape(-1), 70)
    assert taken
    expected = [[row(step) for step in range(70)] for row in batch.reshape(-1)]
    np.testing.assert_allclose(rates, expected, rtol=2**-23, atol=1e-12)


@pytest.mark.parametrize("steps", [2**16 - 3, 2**16 - 1, 2**16, 2**16 + 5])
def test_the_largest_number_of_cycles_with_a_shortcut(steps):
    """The sixteenth of them ends at step 2**16 - 1."""
    shown = np.unique(np.concatenate([2 ** np.arange(2, 17) + offset for offset in (-2, -1, 0, 1)]))
    shown = np.resize(shown[shown < steps], 60)  # of one length, so that each kind compiles once
    shown[-1] = steps - 1
    for kind in (
        olr.CosineAnnealingWarmRestarts(1e-3, 1, T_mult=2),
        olr.TimmCosine(1e-3, 1, cycle_mul=2, cycle_limit=17),
    ):
        called = np.array([kind(int(step)) for step in shown])
        np.testing.assert_allclose(olr.sweep(olr.stack([kind]), shown)[0], called, rtol=2**-23)
        np.testing.assert_array_equal(called[np.isin(shown, 2 ** np.arange(2, 17) - 1)], np.float32(1e-3))


@pytest.mark.parametrize(
    ("kind", "steps"), [(olr.Cosine(1e-3, 2), 5), (olr.CosineAnnealingWarmRestarts(1e-3, 1, 2), 2**16 - 1)]
)
@pytest.mark.parametrize("times", [1, 2])
def test_a_shortcut_for_a_schedule_that_is_ahead_of_the_steps(kind, steps, times):
    for _ in range(times):
        kind = olr.JaggedRestarts(kind, 10**6, 1, 1)
    last = np.arange(steps - 5, steps)
    called = [kind(step) for step in last.tolist()]
    np.testing.assert_allclose(olr.sweep(olr.stack([kind]), steps)[0, last], called, rtol=2**-23, atol=1e-12)


def test_a_logarithm_of_the_steps_is_the_same_for_one_row_and_for_many():
    """Many rows use the logarithm of the math library, and one row uses a polynomial."""
    one, many = (olr.sweep(olr.DeepSpeedWarmup(np.full(rows, 1e-3), warmup_steps=500), 600) for rows in (1, 20))
    np.testing.assert_allclose(np.broadcast_to(one, many.shape), many, rtol=2**-23)


def test_exported_for_every_platform():
    batch, platforms = mixed(16, 50, DOCUMENTED), ("cpu", "cuda", "rocm", "tpu")
    exported = jax.export.export(jax.jit(lambda b: olr.sweep(b, 60)), platforms=platforms)(batch)
    assert exported.platforms == platforms
    rates = jax.export.deserialize(exported.serialize()).call(batch)
    np.testing.assert_allclose(rates, olr.sweep(batch, 60), rtol=2**-23, atol=0)


@wrong_types
@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda b: olr.sweep("cosine", 10),
            TypeError,
            "sweep() takes a schedule or a batch of them, such as olr.Cosine(...), not text",
        ),
        (lambda b: olr.sweep(b, 0), ValueError, "steps is 0; give the number of steps, at least 1"),
        (lambda b: olr.sweep(b, []), ValueError, "steps is empty"),
        (lambda b: olr.sweep(b, [0.5]), ValueError, "must be a whole number of optimizer steps, not 0.5"),
        (lambda b: olr.sweep(b, [-1, 3]), ValueError, "must be at least 0, not -1"),
        (lambda b: olr.sweep(b, "10"), TypeError, "must be a number or an array of numbers, not text: '10'"),
        (lambda b: olr.sweep(b, 10, past_end="stop"), ValueError, "past_end must be one of 'reference', 'hold', 'nan'"),
        (
            lambda b: olr.sweep(b, 10, out=jnp.zeros(3)),
            ValueError,
            "out must be an array float32[2, 10], an earlier result, not float32[3]",
        ),
        (lambda b: olr.sweep(b, 2**31 - 1), ValueError, "sweep_to() writes them to disk in blocks"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, error, message, monkeypatch):
    monkeypatch.setattr(evaluate, "free_sweep_memory", lambda: 2**30)
    with pytest.raises(error) as caught:
        call(olr.Linear([1e-3, 2e-3], max_steps=10))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@wrong_types
def test_an_out_of_numpy_is_refused():
    with pytest.raises(ValueError, match=r"float32\[3\], an earlier result, not NumPy's float32\[3\]$"):
        olr.sweep(olr.Linear(1e-3, max_steps=10), 3, out=np.zeros(3, np.float32))


def test_a_donated_out_is_refused():
    batch = olr.Linear([1e-3, 2e-3], max_steps=10)
    first = olr.sweep(batch, 10)
    olr.sweep(batch, 10, out=first)
    with pytest.raises(ValueError, match="out was given to an earlier sweep"):
        olr.sweep(batch, 10, out=first)


def test_a_sweep_leaks_no_tracer():
    with jax.checking_leaks():
        rates = olr.sweep(olr.Cosine(1.0, 7, num_cycles=1.5), 5)
    np.testing.assert_allclose(rates, olr.Cosine(1.0, 7, num_cycles=1.5)(np.arange(5)), rtol=2e-7)
