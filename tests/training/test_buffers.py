"""Donation and sharding: every leaf of a state has its own buffer, on the devices of the leaf that it replaces.

Tested on one device, and on eight virtual devices in a separate process, for every class of schedule and every control.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax

import optax_lr as olr
from tests.cases import CLASSES, usual
from tests.children import on_eight_devices
from tests.compilations import QUICK_FLAGS, compilations

SCHEDULES = {kind.__name__: usual(kind) for kind in CLASSES}
CONTROLS = {
    "reduce_on_plateau": olr.reduce_on_plateau(olr.Cosine(1e-2, 100), patience=0),
    "hold_on_plateau": olr.hold_on_plateau(olr.Cosine(1e-2, 100)),
    "greedy": olr.greedy(olr.Cosine(1e-2, 100), patience=0, smooth=True, window_size=3),
}
OPTIMIZERS = {name: olr.inject_schedules(optax.sgd)(one) for name, one in (SCHEDULES | CONTROLS).items()}


def buffers(leaf):
    if not isinstance(leaf, jax.Array):
        return []
    return [shard.data.unsafe_buffer_pointer() for shard in leaf.addressable_shards]


def assert_own_buffers(tree, *others):
    """No two leaves of the tree share a buffer, and no leaf shares one with the other trees."""
    owner = {buffer: "another" for leaf in jax.tree.leaves(others) for buffer in buffers(leaf)}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        for buffer in buffers(leaf):
            assert buffer not in owner, (jax.tree_util.keystr(path), owner[buffer])
            owner[buffer] = jax.tree_util.keystr(path)


def assert_states_own_their_buffers(params, place, names=tuple(SCHEDULES)):
    """These schedules, and every control, through init, donated steps, `set_schedule` and `observe`."""
    chosen = {name: SCHEDULES[name] for name in names} | CONTROLS
    on_device = {name: jax.jit(lambda s: s)(one) for name, one in chosen.items()}
    made = {name: olr.inject_schedules(optax.sgd)(one) for name, one in on_device.items()}
    states = {name: optimizer.init(params) for name, optimizer in made.items()}
    for name, state in states.items():
        assert_own_buffers(state, on_device[name], params)
    states = place(states)

    @jax.jit
    def jitted_init(params):
        return {name: OPTIMIZERS[name].init(params) for name in ("Cosine", *CONTROLS)}

    def step(states, params):
        return {name: OPTIMIZERS[name].update(params, state, params, value=1.0)[1] for name, state in states.items()}

    assert_own_buffers(jitted_init(params), params)
    step = jax.jit(step, donate_argnums=0)
    states = step(states, params)
    states = step(states, params)
    shardings = [leaf.sharding for leaf in jax.tree.leaves(states)]
    for name, one in on_device.items():
        states[name] = olr.set_schedule(states[name], one, position=7)
        assert_own_buffers(states[name], one, params)
        if name in CONTROLS:
            states[name] = olr.observe(states[name], 2.0)
            assert_own_buffers(states[name], one, params)
    assert [leaf.sharding for leaf in jax.tree.leaves(states)] == shardings
    with compilations() as count:
        states = step(states, params)
    assert not count["step"]
    for name, one in on_device.items():  # neither donation has taken the schedule's own buffers
        assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(one))
        if name in SCHEDULES:
            assert abs(states[name].hyperparams["learning_rate"] - SCHEDULES[name](7)) <= 2e-7 * SCHEDULES[name](7)


def test_on_one_device():
    assert_states_own_their_buffers({"w": jnp.zeros(8)}, lambda tree: tree)


def assert_a_run_goes_on_on_more_devices(placed):
    """A run continues on eight devices, with eight times the tokens in an update: the rates are those of the tokens."""
    schedule = olr.Cosine(1e-3, max_steps=10_000, warmup_steps=500)
    optimizer = olr.inject_schedules(optax.adamw)(schedule)
    step = jax.jit(lambda state, params, tokens: optimizer.update(params, state, params, position=tokens)[1])
    params = {"w": jnp.ones(8)}
    state, tokens, seen, rates = optimizer.init(params), 0, [], []
    for batch in [100] * 3 + [800] * 4:
        if len(seen) == 3:
            params, state = placed(params), placed(state)
        state = step(state, params, tokens)
        seen.append(tokens)
        rates.append(float(state.hyperparams["learning_rate"]))
        tokens += batch
    np.testing.assert_allclose(rates, schedule(np.array(seen)), rtol=2e-7)
    assert len(state.count.sharding.device_set) == 8


EIGHT_DEVICES = """
import jax, jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec as P
from tests.training.test_buffers import assert_a_run_goes_on_on_more_devices, assert_states_own_their_buffers
mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
replicated, split = NamedSharding(mesh, P()), NamedSharding(mesh, P("data"))
for sharding in (replicated, split):  # replicated parameters, and FSDP
    assert_states_own_their_buffers(
        jax.device_put({"w": jnp.zeros(8)}, sharding),
        lambda tree: jax.device_put(tree, replicated, may_alias=False),
        ("Cosine", "Function", "Mixed", "MultiStep", "Product", "Stages"),  # numbers, arrays, others inside
    )
assert_a_run_goes_on_on_more_devices(lambda tree: jax.device_put(tree, replicated))
print("equal")
"""


def test_on_eight_devices():
    assert on_eight_devices(EIGHT_DEVICES, QUICK_FLAGS) == "equal\n"


def test_the_same_schedule_in_several_places():
    """One array in two groups, or in two settings of one schedule, becomes two buffers."""
    rate = jnp.float32(1e-3)
    schedule = olr.Cosine(rate, max_steps=100, min_lr=rate)
    one, other = olr.inject_schedules(optax.sgd)(schedule), olr.inject_schedules(optax.sgd)(schedule * 16)
    optimizer = optax.partition({"a": one, "b": other}, {"x": "a", "y": "b"})
    params = {"x": jnp.ones(2), "y": jnp.ones(2)}
    step = jax.jit(lambda state: optimizer.update(params, state, params)[1], donate_argnums=0)
    state = optimizer.init(params)
    assert_own_buffers(state, schedule, params)
    state = olr.set_schedule(step(state), {"a": schedule, "b": schedule * 16})
    assert_own_buffers(state, schedule, params)
    assert {name: round(float(value), 6) for name, value in olr.rates(step(state)).items()} == {"a": 1e-3, "b": 16e-3}
    assert not rate.is_deleted()


def test_a_control_in_optax_s_inject_hyperparams_can_be_donated():
    for control in CONTROLS.values():
        assert_own_buffers(jax.device_put(control).init())
        optimizer = optax.inject_hyperparams(optax.sgd)(control)
        assert_own_buffers(optimizer.init({"w": jnp.ones(2)}), control)


def test_an_optimizer_that_keeps_its_parameters_shares_no_buffer_with_them():
    """Schedule-free AdamW starts from the parameters' own arrays; with plain Optax both cannot be donated."""
    optimizer = olr.inject_schedules(optax.contrib.schedule_free_adamw)(olr.Constant(1e-3))
    params = {"w": jnp.ones(3)}
    assert_own_buffers(optimizer.init(params), params)
    assert_own_buffers(jax.jit(optimizer.init)(params), params)
