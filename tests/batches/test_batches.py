"""Grids, stacks and their tables."""

import jax
import numpy as np
import pytest
from hypothesis import given, strategies as st

import optax_lr as olr


@given(
    st.lists(st.floats(2.0**-20, 2.0**-7, width=32), min_size=1, max_size=4),
    st.lists(st.integers(0, 50), min_size=1, max_size=3),
    st.lists(st.sampled_from([0.5, 1.0, 1.5]), min_size=1, max_size=2),
)
def test_a_grid_has_every_combination_of_its_settings(rates, warmups, cycles):
    batch = olr.grid(olr.Cosine, learning_rate=rates, warmup_steps=warmups, max_steps=40, num_cycles=cycles)
    assert batch.batch_shape == (len(rates), len(warmups), len(cycles))
    for i, j, k in np.ndindex(batch.batch_shape):
        point = olr.Cosine(rates[i], 40, warmups[j], num_cycles=cycles[k])
        assert repr(batch[i, j, k]) == repr(point)
        assert batch[i, j, k](17) == point(17)


def test_axes_have_the_order_of_the_keywords():
    batch = olr.grid(olr.Linear, max_steps=[10, 20, 30], learning_rate=[1.0, 2.0])
    assert batch.batch_shape == (3, 2)
    assert olr.grid(olr.Linear, max_steps=10, learning_rate=1.0).batch_shape == ()


def test_indexing_slicing_and_iteration():
    batch = olr.grid(olr.Linear, learning_rate=[1.0, 2.0, 3.0], max_steps=[10, 20])
    assert len(batch) == 3
    assert [row.batch_shape for row in batch] == [(2,)] * 3
    assert batch[-1, 0].learning_rate == 3
    assert batch[:, 1].max_steps.tolist() == [20, 20, 20]
    assert batch[[2, 0]].learning_rate[:, 0].tolist() == [3, 1]
    assert batch.reshape(-1).batch_shape == batch.reshape(2, 3).reshape(6).batch_shape == (6,)


def test_stack_keeps_the_order_of_the_schedules():
    schedules = [
        olr.Linear(1.0, 10),
        olr.Cosine(2.0, 10),
        olr.Linear(3.0, 20),
        olr.InverseSqrt(4.0),
        olr.InverseSqrt(5.0, timescale=7),
    ]
    batch = olr.stack(schedules)
    assert isinstance(batch, olr.Mixed)
    assert [repr(row) for row in batch] == [repr(schedule) for schedule in schedules]
    assert isinstance(olr.stack(schedules[::2][:2]), olr.Linear)
    twice = olr.stack([batch, batch])
    assert twice.batch_shape == (2, 5)
    assert repr(twice[1, 3]) == repr(schedules[3])
    assert repr(olr.concatenate([batch, batch[1:3]])[6]) == repr(schedules[2])


def test_stacks_of_device_arrays_and_tracers():
    on_device = [jax.tree.map(jax.numpy.asarray, s) for s in (olr.Linear(1.0, 10), olr.Constant(2.0))]
    np.testing.assert_array_equal(olr.stack(on_device)(5), [0.5, 2])
    traced = jax.jit(lambda rate: olr.stack([olr.Linear(rate, 10), olr.Constant(rate)])(5))(4.0)
    np.testing.assert_array_equal(traced, [2, 4])


def test_table_has_the_settings_of_each_row():
    batch = olr.stack(
        [olr.Linear(5e-5, 10), olr.WarmupStableDecay(1e-4, 3, 20, decay_type="linear"), olr.Constant(0.1) * 0.5]
    )
    columns = olr.table(batch)
    assert columns["kind"].tolist() == ["Linear", "WarmupStableDecay", "Scaled"]
    assert columns["learning_rate"][:2].tolist() == [5e-5, 1e-4]
    assert columns["max_steps"][:2].tolist() == [10, 20]
    assert columns["decay_type"].tolist() == ["", "linear", ""]
    assert columns["schedule.learning_rate"][2] == 0.1
    assert np.isnan(columns["learning_rate"][2])
    import pandas

    assert len(pandas.DataFrame(columns)) == 3


def test_table_has_the_settings_of_a_function_by_name():
    def falling(step, peak, period):
        return peak * 0.5 ** (step / period)

    batch = olr.grid(olr.Function, function=falling, peak=[1e-3, 2e-3], period=100)
    columns = {name: column.tolist() for name, column in olr.table(batch).items()}
    assert columns == {
        "kind": ["Function"] * 2, "function": ["falling"] * 2, "peak": [1e-3, 2e-3], "period": [100] * 2, "scale": [1] * 2,
    }  # fmt: skip
    mixed = olr.table(olr.stack([batch[0], olr.Linear(1e-3, 10), 0.5 * batch[1]]))
    assert mixed["function"].tolist() == ["falling", "", ""]
    assert mixed["peak"][0] == 1e-3
    assert np.isnan(mixed["peak"][1:]).all()
    assert mixed["schedule.peak"][2] == 2e-3


def test_fields_are_broadcast_by_the_constructor():
    batch = olr.Linear([1.0, 2.0], max_steps=10)
    assert batch.max_steps.tolist() == [10, 10]
    assert jax.vmap(lambda s: s(5))(batch).tolist() == [0.5, 1.0]


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_a_call_copies_no_settings(rows):
    cpu = jax.devices("cpu")[0]
    rates = np.linspace(1e-4, 1e-3, rows, dtype=np.float32)
    batch = olr.Cosine(rates, 100)
    joined = olr.concatenate([batch, olr.Linear(rates, 100), batch])
    for made in (batch, joined, joined[1:], joined[::-1], joined[np.arange(rows)], olr.concatenate([batch, batch])):
        for leaf in (made.learning_rate, made.max_steps) if hasattr(made, "max_steps") else (made.member,):
            with jax.enable_x64(True):
                assert jax.device_put(leaf, cpu, may_alias=True).unsafe_buffer_pointer() == leaf.ctypes.data
            with pytest.raises(ValueError, match="read-only"):  # JAX may read it after the call has returned
                leaf[0] = 0


def test_a_batch_does_not_change_with_the_array_of_the_caller():
    rates = np.array([1e-4, 2e-4], np.float32)
    batch = olr.Constant(rates)
    rates[:] = 5
    assert batch.learning_rate.tolist() == np.array([1e-4, 2e-4], np.float32).tolist()
