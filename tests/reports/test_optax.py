"""Reports on schedules in Optax and JAX: the count of an update, compilations, dtypes, integers."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lr as olr
from tests.reference.generate import stepped, transformers_scheduler
from tests.reports.register import about


@about("C97")
def test_the_first_update_uses_step_zero():
    schedule = olr.Linear(1.0, 10, warmup_steps=4)
    optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=schedule)
    state = optimizer.init(jnp.zeros(()))
    for step in range(6):
        updates, state = optimizer.update(jnp.ones(()), state)
        used = float(schedule(step))
        assert (-float(updates), float(state.hyperparams["learning_rate"]), int(state.count)) == (used, used, step + 1)


@about("C99")
def test_the_rate_that_is_logged_is_the_one_that_was_used():
    setting = {"name": "cosine_with_restarts", "warmup": 0, "total": 8, "keywords": {"num_cycles": 2}}
    rates = stepped(transformers_scheduler(setting, 1e-4), 7)
    optimizer = olr.inject_schedules(optax.sgd)(olr.CosineWithRestarts(1e-4, 8, num_cycles=2))
    state = optimizer.init(jnp.zeros(()))
    logged, used = [], []
    for _ in range(8):
        updates, state = optimizer.update(jnp.ones(()), state)
        logged.append(float(optax.tree.get(state, "learning_rate")))
        used.append(-float(updates))
    assert logged == used == pytest.approx(rates)


@about("C100")
def test_one_compilation_for_every_peak():
    traces = []

    @jax.jit
    def rate(schedule, step):
        traces.append(None)
        return schedule(step)

    peaks = [1e-4, 3e-4, 1e-3]
    for kind in (
        olr.Cosine(1e-4, 100, 10),
        olr.Polynomial(1e-4, 100, 10, min_lr=1e-7),
        olr.Cosine(1e-4, 100, 10, min_lr=1e-5),
    ):
        alone = [float(rate(kind.replace(learning_rate=peak), 55)) for peak in peaks]
        together = jax.vmap(lambda peak, kind=kind: kind.replace(learning_rate=peak)(55))(jnp.array(peaks))
        assert np.asarray(together).tolist() == pytest.approx(alone, rel=1e-6)
    assert len(traces) == 2  # one for each class: a floor is data too
    halves = jax.vmap(lambda peak: olr.Cosine(peak, 100, 10)(jnp.array([0, 10, 55])))(jnp.array(peaks))
    np.testing.assert_allclose(halves, [[0, peak, peak / 2] for peak in peaks], rtol=1e-6)


@about("C101")
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_a_rate_is_float32_with_low_precision_parameters(dtype):
    schedule = olr.Constant(1e-4)
    assert schedule(0).dtype == jax.jit(schedule)(0).dtype == np.float32
    assert float(jax.jit(schedule)(0)) == float(np.float32(1e-4)) != float(jnp.asarray(1e-4, jnp.bfloat16))
    optimizer = olr.inject_schedules(optax.sgd)(schedule)
    gradient = jnp.ones(2, dtype)
    updates, state = optimizer.update(gradient, optimizer.init(gradient))
    assert updates.dtype == dtype
    assert optax.tree.get(state, "learning_rate").dtype == np.float32
    assert float(jnp.asarray(1e-8, jnp.float16)) == 0  # what a small rate would become
    assert float(jax.jit(olr.Constant(1e-8))(0)) == float(np.float32(1e-8))


@about("C103")
def test_a_count_beyond_int32_is_refused():
    steps, batch = jnp.int32(131072), jnp.int32(16384)
    assert int(steps * batch) == -(2**31)  # the report's overflow
    schedule = olr.Linear(1e-4, 2**31 - 1)
    assert float(schedule(2**31 - 2)) > 0
    for step in (2**31, 3 * 10**9, np.int64(2**31)):
        assert float(schedule(step)) == 0
    with pytest.raises(ValueError, match=r"max_steps must be at most 2\*\*31 - 1, not 3000000000"):
        olr.Linear(1e-4, 3 * 10**9)
