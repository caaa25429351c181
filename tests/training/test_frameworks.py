"""Training with the real functions of each framework."""

from __future__ import annotations

import pickle

import equinox as eqx
import flax.serialization
import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest
from flax import linen, nnx
from flax.training.train_state import TrainState

import optax_lr as olr
from tests.cases import CLASSES, usual
from tests.children import on_eight_devices
from tests.compilations import QUICK_FLAGS
from tests.training.test_buffers import CONTROLS
from tests.wrong_types import wrong_types

PARAMS = {"w": jnp.ones(3)}
SCHEDULE = olr.Cosine(1e-2, max_steps=12, warmup_steps=3)
CONTROL = olr.reduce_on_plateau(SCHEDULE, factor=0.5, patience=0)
THINGS = {kind.__name__: usual(kind) for kind in CLASSES} | CONTROLS | {"EarlyStopping": olr.EarlyStopping(3)}


def assert_same(tree, other):
    assert jax.tree.structure(tree) == jax.tree.structure(other)
    jax.tree.map(np.testing.assert_array_equal, tree, other)


def trained(optimizer, updates=3, value=1.0):
    state = optimizer.init(PARAMS)
    for _ in range(updates):
        _, state = optimizer.update(PARAMS, state, PARAMS, value=value)
    return state


# Flax


def test_linen_train_state_without_a_metric_and_with_msgpack():
    """`apply_gradients` cannot pass a metric: a control keeps its rate until `observe`."""
    model, x, traces = linen.Dense(1), jnp.ones((4, 3)), []
    state = TrainState.create(
        apply_fn=model.apply, params=model.init(jax.random.key(0), x), tx=olr.inject_schedules(optax.adamw)(CONTROL)
    )

    @jax.jit
    def step(state):
        traces.append(1)
        grads = jax.grad(lambda params: (model.apply(params, x) ** 2).mean())(state.params)
        return state.apply_gradients(grads=grads)

    state = state.replace(step=jnp.zeros((), jnp.int32))
    fresh, state = state, olr.observe(olr.observe(step(step(state)), 1.0), 1.0)
    assert olr.rates(state)["learning_rate"] == pytest.approx(SCHEDULE(2) / 2)
    restored = flax.serialization.from_bytes(fresh, flax.serialization.to_bytes(state))
    assert_same(restored.opt_state, state.opt_state)
    assert_same(step(restored).opt_state, step(state).opt_state)
    smaller = step(olr.set_schedule(state, CONTROL.replace(schedule=SCHEDULE.replace(learning_rate=1e-4))))
    assert olr.rates(smaller)["learning_rate"] == pytest.approx(SCHEDULE(2) / 200)  # the control keeps its metrics
    assert len(traces) == 1


@pytest.mark.parametrize("name", THINGS)
def test_msgpack_saves_every_schedule_alone_and_in_a_tuple(name):
    for thing in (THINGS[name], jax.device_put(THINGS[name]), (1.0, THINGS[name])):
        empty = jax.tree.map(np.zeros_like, thing)
        assert_same(flax.serialization.from_bytes(empty, flax.serialization.to_bytes(thing)), thing)


def test_msgpack_refuses_another_kind():
    data = flax.serialization.to_bytes(olr.Linear(1.0, 10))
    with pytest.raises(ValueError, match="the saved schedule is of another kind"):
        flax.serialization.from_bytes(olr.Exponential(1.0, 0.5), data)


@wrong_types
def test_a_step_of_an_nnx_optimizer_is_a_step():
    model = nnx.Linear(1, 1, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(SCHEDULE), wrt=nnx.Param)
    optimizer.step[...] = 5
    assert nnx.jit(lambda optimizer: SCHEDULE(optimizer.step))(optimizer) == pytest.approx(SCHEDULE(5))
    assert SCHEDULE(optimizer.step) == pytest.approx(SCHEDULE(5))


@wrong_types
def test_a_state_of_nnx_split_is_refused_and_one_of_nnx_merge_is_not():
    optimizer = nnx.Optimizer(
        nnx.Linear(1, 1, rngs=nnx.Rngs(0)), olr.inject_schedules(optax.sgd)(SCHEDULE), wrt=nnx.Param
    )
    graphdef, state = nnx.split(optimizer)
    for call in (olr.rates, lambda state: olr.set_schedule(state, SCHEDULE), lambda state: olr.cooldown(state, 5)):
        with pytest.raises(TypeError, match=r"pass the nnx\.Optimizer that nnx\.merge\(graphdef, state\) gives"):
            call(state)
    merged = olr.set_schedule(nnx.merge(graphdef, state), SCHEDULE.replace(learning_rate=1.0), position=3)
    assert olr.rates(merged)["learning_rate"] == 1.0


# Equinox


def test_equinox(tmp_path):
    model = eqx.nn.Linear(3, 1, key=jax.random.key(0))
    optimizer = olr.inject_schedules(optax.adamw)(CONTROL)
    fresh = state = optimizer.init(eqx.filter(model, eqx.is_array))

    @eqx.filter_jit
    def step(model, state, loss):
        grads = eqx.filter_grad(lambda model: (model(jnp.ones(3)) ** 2).sum())(model)
        updates, state = optimizer.update(grads, state, eqx.filter(model, eqx.is_array), value=loss)
        return eqx.apply_updates(model, updates), state

    for _ in range(3):
        model, state = step(model, state, jnp.float32(1.0))
    assert olr.rates(state)["learning_rate"] == pytest.approx(SCHEDULE(2) / 4)
    eqx.tree_serialise_leaves(tmp_path / "state.eqx", state)
    assert_same(eqx.tree_deserialise_leaves(tmp_path / "state.eqx", fresh), state)


# Keras


@pytest.mark.filterwarnings("ignore")
def test_keras(tmp_path):
    import keras

    assert keras.backend.backend() == "jax"

    def model(rate):
        made = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
        made.compile(optimizer=keras.optimizers.SGD(rate), loss=lambda _, y: y)  # a gradient of 1
        return made

    x, y = np.ones((10, 1)), np.zeros((10, 1))
    fit = {"batch_size": 1, "epochs": 1, "verbose": 0}
    adapted = model(olr.to_keras(SCHEDULE))
    adapted.fit(x, y, **fit)
    moved = 1 - SCHEDULE(np.arange(10)).sum()
    np.testing.assert_allclose(adapted.get_weights()[0], moved, rtol=1e-6)
    config = keras.saving.serialize_keras_object(adapted.optimizer)
    assert repr(keras.saving.deserialize_keras_object(config)._learning_rate.schedule) == repr(SCHEDULE)
    staged = olr.Stages([olr.Linear(1.0, 5), SCHEDULE * 0.5], boundaries=[5])
    config = keras.saving.serialize_keras_object(olr.to_keras(staged))
    assert repr(keras.saving.deserialize_keras_object(config).schedule) == repr(staged)

    assert olr.to_keras(optax.linear_schedule(1.0, 0.0, 4))(1) == 0.75
    called = model(0.5)
    called.fit(x, y, callbacks=[olr.keras_callback(SCHEDULE)], **fit)
    np.testing.assert_allclose(called.get_weights()[0], moved, rtol=1e-6)
    control = olr.keras_callback(
        olr.reduce_on_plateau(olr.Constant(0.25), factor=0.5, patience=0, mode="max"), metric="loss"
    )
    called.fit(
        x, y, callbacks=[control], **fit | {"epochs": 3}
    )  # the loss falls, so that each epoch but the first reduces
    assert float(called.optimizer.learning_rate) == 0.125
    with pytest.raises(ValueError, match="the logs have no 'val_loss', only loss; give metric="):
        called.fit(x, y, callbacks=[olr.keras_callback(CONTROL)], **fit)
    with pytest.raises(TypeError, match=r"follows a metric: use olr\.keras_callback"):
        olr.to_keras(CONTROL)


# Checkpoints and export


def test_orbax_saves_schedules_controls_and_states(tmp_path):
    things = {
        "alone": SCHEDULE,
        "several": olr.Stages([SCHEDULE, olr.Exponential(1.0, gamma=0.9999)], boundaries=[5]),
        "tuple": (CONTROL, olr.EarlyStopping(3).observe(1.0)),
        "state": trained(olr.inject_schedules(optax.adamw)(CONTROL)),
    }
    with ocp.StandardCheckpointer() as checkpointer:
        for name, saved in (("numpy", things), ("jax", jax.tree.map(jnp.asarray, things))):
            checkpointer.save(tmp_path / name, saved)
            checkpointer.wait_until_finished()
            assert_same(checkpointer.restore(tmp_path / name, saved), saved)
    olr.save_checkpoint(tmp_path / "ours", things)
    assert_same(olr.restore_checkpoint(tmp_path / "ours", like=things), things)


def test_a_whole_train_step_is_exported():
    for kind in (optax.ScaleByAdamState, optax.EmptyState):
        try:
            jax.export.register_namedtuple_serialization(kind, serialized_name=f"optax.{kind.__name__}")
        except ValueError:
            continue  # by another test
    optimizer = olr.inject_schedules(optax.adamw)(CONTROL, weight_decay=olr.Linear(0.1, 100))

    def step(params, state, value):
        updates, state = optimizer.update(params, state, params, value=value)
        return optax.apply_updates(params, updates), state

    arguments = (PARAMS, optimizer.init(PARAMS), jnp.float32(1.0))
    exported = jax.export.export(jax.jit(step), platforms=("cpu", "cuda", "tpu"))(*arguments)
    restored = jax.export.deserialize(exported.serialize())
    result = restored.call(*arguments)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), result, jax.jit(step)(*arguments))


@pytest.mark.parametrize("name", [*CONTROLS, "EarlyStopping", "Stages"])
def test_pickles_for_worker_processes(name):
    thing = pickle.loads(pickle.dumps(THINGS[name]))
    assert repr(thing) == repr(THINGS[name])
    if name in CONTROLS:
        state = trained(olr.inject_schedules(optax.sgd)(THINGS[name]))
        assert_same(pickle.loads(pickle.dumps(jax.device_get(state))), jax.device_get(state))


# Transformations of JAX


def test_ahead_of_time_scan_and_remat():
    optimizer = olr.inject_schedules(optax.sgd)(SCHEDULE)

    def loss(params, rate):
        return jax.checkpoint(lambda w: (rate * jnp.sin(w)).sum())(params["w"])

    def step(state, _):
        grads = jax.grad(loss)(PARAMS, state.hyperparams["learning_rate"])
        return optimizer.update(grads, state, PARAMS)[1], state.hyperparams["learning_rate"]

    state = optimizer.init(PARAMS)
    compiled = jax.jit(step).lower(state, None).compile()
    state = compiled(compiled(state, None)[0], None)[0]
    state = compiled(olr.set_schedule(state, SCHEDULE.replace(learning_rate=1.0), position=5), None)[0]
    assert state.hyperparams["learning_rate"] == pytest.approx(SCHEDULE.replace(learning_rate=1.0)(5))
    rates = jax.lax.scan(step, optimizer.init(PARAMS), length=12)[1]
    np.testing.assert_allclose(rates[1:], SCHEDULE(np.arange(11)), rtol=1e-6)
    gradient = jax.grad(jax.checkpoint(lambda schedule: schedule(6)), allow_int=True)(SCHEDULE)
    assert gradient.learning_rate == pytest.approx(SCHEDULE(6) / 1e-2, rel=1e-5)


EIGHT_DEVICES = """
import jax, jax.numpy as jnp, numpy as np, optax, optax_lr as olr
from jax.sharding import NamedSharding, PartitionSpec as P
from tests.compilations import compilations
mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
control = olr.reduce_on_plateau(olr.Cosine(1e-2, 12, 3), factor=0.5, patience=0)
optimizer = optax.chain(olr.inject_schedules(optax.adamw)(control), olr.scale_by_group({"a": 1.0}, "a"))
x = jax.device_put(jnp.arange(16.0).reshape(16, 1), NamedSharding(mesh, P("data")))
results = []
with compilations() as count:
    for place in (P(), P("data")):  # replicated parameters; split parameters and moments (FSDP)
        params = jax.device_put({"w": jnp.arange(8.0)}, NamedSharding(mesh, place))
        state = jax.jit(optimizer.init)(params)

        def step(params, state, x):
            loss, grads = jax.value_and_grad(lambda p: ((x * p["w"] - 1) ** 2).mean())(params)
            updates, state = optimizer.update(grads, state, params, value=loss)
            return optax.apply_updates(params, updates), state

        step = jax.jit(step, donate_argnums=(0, 1))
        for _ in range(3):
            params, state = step(params, state, x)
        assert state[0].inner_state[0].mu["w"].sharding.spec == place
        before = count["step"]
        state = olr.observe(olr.set_schedule(state, control.replace(factor=0.25), position=4), 1e9)
        state = olr.set_scales(state, {"a": 0.5})
        params, state = step(params, state, x)
        assert count["step"] == before > 0
        results.append((np.asarray(params["w"]), float(olr.rates(state)["a"])))
np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-6)
assert results[0][1] == results[1][1]
print("equal", results[0][1])
"""


def test_eight_devices_replicated_and_fsdp():
    said, rate = on_eight_devices(EIGHT_DEVICES, QUICK_FLAGS).split()
    assert said == "equal"
    assert 0 < float(rate) < SCHEDULE(4) / 2


# Tools around the training


def test_hydra_builds_schedules_and_optimizers():
    """A schedule is a dataclass, which OmegaConf takes for a config of its own: hence `_convert_` and `_partial_`."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    linear = {"_target_": "optax_lr.Linear", "learning_rate": 1e-3, "max_steps": 100}
    constant = {"_target_": "optax_lr.Constant", "learning_rate": 1e-4}
    stages = {"_target_": "optax_lr.Stages", "_convert_": "all", "schedules": [linear, constant], "boundaries": [100]}
    schedule = instantiate(OmegaConf.create(stages))
    assert repr(schedule) == repr(olr.Stages([olr.Linear(1e-3, 100), olr.Constant(1e-4)], boundaries=[100]))
    factory = instantiate(OmegaConf.create({"_target_": "optax.adamw", "_partial_": True, "weight_decay": 0.1}))
    optimizer = olr.inject_schedules(factory)(learning_rate=schedule)
    state = trained(optimizer)
    assert (state.hyperparams["learning_rate"], state.hyperparams["weight_decay"]) == (schedule(2), np.float32(0.1))


def test_optuna_compiles_once_for_all_trials(compiled):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    optimizer = olr.inject_schedules(optax.sgd)(SCHEDULE)

    @jax.jit
    def train(state):
        def step(carry, _):
            w, state = carry
            updates, state = optimizer.update(2 * (w - 3), state, w)
            return (w + updates, state), None

        return ((jax.lax.scan(step, (jnp.zeros(()), state), length=12)[0][0]) - 3) ** 2

    def objective(trial):
        peak = trial.suggest_float("learning_rate", 1e-3, 1.0, log=True)
        warmup = trial.suggest_int("warmup_steps", 0, 5)
        start = optimizer.init(jnp.zeros(()))
        return float(train(olr.set_schedule(start, SCHEDULE.replace(learning_rate=peak, warmup_steps=warmup))))

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=8)
    assert compiled["train"] == 1
    assert study.best_value < 0.1


def test_trainers_that_read_hyperparams():
    """The calls of google-tunix's PeftTrainer and of loops for `optax.inject_hyperparams`, under a chain and MultiSteps."""
    optimizer = optax.MultiSteps(optax.chain(optax.clip(1.0), olr.inject_schedules(optax.adamw)(SCHEDULE)), 2)
    state = trained(optimizer, updates=4)
    assert optax.tree.get(state, "hyperparams")["learning_rate"] == pytest.approx(SCHEDULE(1))
    alone = trained(olr.inject_schedules(optax.adamw)(SCHEDULE))
    assert hasattr(alone, "hyperparams")
    assert alone.hyperparams["learning_rate"] == pytest.approx(SCHEDULE(2))
