"""Groups of parameters: read and set by name, one schedule with a factor for each, frozen and unfrozen."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import optax_lr as olr
from tests.wrong_types import wrong_types

SCHEDULE = olr.Cosine(1e-3, max_steps=1000, warmup_steps=100)
PARAMS = {f"layer_{i}": jnp.ones(2) for i in range(4)}
LABELS = {name: name for name in PARAMS}
DECAY = {f"layer_{i}": 0.8 ** (3 - i) for i in range(4)}


def partition(factory=optax.adamw):
    groups = {name: olr.inject_schedules(factory)(SCHEDULE * factor) for name, factor in DECAY.items()}
    return optax.partition(groups, LABELS)


def rounded(rates):
    return {name: round(float(rate), 9) for name, rate in rates.items()}


def test_each_group_is_read_and_set_by_its_label(compiled):
    optimizer = partition()

    @jax.jit
    def step(state):
        return optimizer.update(PARAMS, state, PARAMS)

    state = step(optimizer.init(PARAMS))[1]
    state = step(state)[1]
    assert rounded(olr.rates(state)) == {"layer_0": 5.12e-6, "layer_1": 6.4e-6, "layer_2": 8e-6, "layer_3": 1e-5}
    state = olr.set_schedule(state, {"layer_0": SCHEDULE * 0.1, "layer_3": SCHEDULE * 2})
    updates, state = step(state)
    assert rounded(olr.rates(state)) == {"layer_0": 2e-6, "layer_1": 12.8e-6, "layer_2": 16e-6, "layer_3": 4e-5}
    assert compiled["step"] == 1
    np.testing.assert_allclose(updates["layer_3"] / updates["layer_0"], 20, rtol=1e-5)


def test_a_nested_state_and_a_single_group():
    optimizer = optax.partition(
        {"head": olr.inject_schedules(optax.sgd)(SCHEDULE), "body": optax.set_to_zero()}, {"a": "head", "b": "body"}
    )
    state = {"params": 1.0, "opt": optimizer.init({"a": jnp.ones(2), "b": jnp.ones(2)})}
    assert olr.rates(state).keys() == {"learning_rate"}
    state = olr.set_schedule(state, SCHEDULE * 2)
    assert len(olr.rates((state, state))) == 2  # the same label twice: named by their paths
    chained = optax.chain(partition(), optax.identity()).init(PARAMS)
    assert olr.rates({"opt_state": chained}).keys() == DECAY.keys()


def test_optax_s_own_injected_groups_are_read_too():
    groups = {name: optax.inject_hyperparams(optax.sgd)(factor) for name, factor in DECAY.items()}
    state = optax.partition(groups, LABELS).init(PARAMS)
    np.testing.assert_allclose(list(olr.rates(state).values()), list(DECAY.values()), rtol=1e-6)


def layerwise():
    return optax.chain(olr.inject_schedules(optax.adamw)(SCHEDULE), olr.scale_by_group(DECAY, LABELS))


@pytest.mark.parametrize("labels", [LABELS, lambda params: {name: name for name in params}])
def test_one_schedule_with_factors_trains_as_a_schedule_for_each_group(labels):
    one = optax.chain(olr.inject_schedules(optax.adamw)(SCHEDULE), olr.scale_by_group(DECAY, labels))
    many = partition()
    states = [one.init(PARAMS), many.init(PARAMS)]
    params = [PARAMS, PARAMS]
    for _ in range(5):
        for i, optimizer in enumerate((one, many)):
            updates, states[i] = optimizer.update(jax.tree.map(jnp.sin, params[i]), states[i], params[i])
            params[i] = optax.apply_updates(params[i], updates)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), *params)
    ours, theirs = (olr.rates(state) for state in states)
    np.testing.assert_allclose(list(ours.values()), list(theirs.values()), rtol=1e-6)


def test_the_schedule_is_evaluated_once_for_all_groups():
    seen = []

    def curve(step, peak):
        jax.debug.callback(lambda: seen.append(step))
        return peak / (1 + step)

    def evaluations(optimizer):
        state = optimizer.init(PARAMS)
        jax.effects_barrier()
        seen.clear()
        jax.block_until_ready(jax.jit(optimizer.update)(PARAMS, state, PARAMS))
        jax.effects_barrier()
        return len(seen)

    schedule = olr.Function(curve, peak=1e-3)
    alone = olr.inject_schedules(optax.sgd)(schedule)
    each = {name: olr.inject_schedules(optax.sgd)(schedule * factor) for name, factor in DECAY.items()}
    assert evaluations(optax.chain(alone, olr.scale_by_group(DECAY, LABELS))) == evaluations(alone) > 0
    assert evaluations(optax.partition(each, LABELS)) == len(DECAY) * evaluations(alone)


def test_a_group_is_frozen_and_unfrozen_without_a_compilation(compiled):
    optimizer = layerwise()

    def step(state):
        return optimizer.update(PARAMS, state, PARAMS)

    step = jax.jit(step, donate_argnums=0)
    state = olr.set_schedule(optimizer.init(PARAMS), position=100)
    state = olr.set_scales(state, {"layer_0": 0.0})
    updates, state = step(state)
    assert not updates["layer_0"].any()
    assert updates["layer_1"].all()
    assert olr.rates(state)["layer_0"] == 0
    updates, state = step(olr.set_scales(state, {"layer_0": 1.0}))
    assert updates["layer_0"].all()
    assert compiled["step"] == 1
    model = nnx.Linear(2, 1, rngs=nnx.Rngs(0))
    labels = {"kernel": "kernel", "bias": "bias"}
    tx = optax.chain(
        olr.inject_schedules(optax.sgd)(0.1),
        olr.scale_by_group({"kernel": 1.0, "bias": 1.0}, lambda _: nnx.State(labels)),
    )
    whole = nnx.Optimizer(model, tx, wrt=nnx.Param)
    assert olr.set_scales(whole, {"bias": 0.0}) is whole
    assert {name: float(rate) for name, rate in olr.rates(whole).items()}["bias"] == 0


def test_low_precision_updates_keep_their_dtype():
    optimizer = olr.scale_by_group({"a": 0.1}, "a")
    updates, _ = optimizer.update(jnp.ones(2, jnp.bfloat16), optimizer.init(jnp.ones(2)))
    assert updates.dtype == jnp.bfloat16


@wrong_types
def test_errors_name_the_remedy():
    state = partition(optax.sgd).init(PARAMS)
    with pytest.raises(ValueError, match=r"has 4 groups, not one; give a dictionary, \{'layer_0': \.\.\., "):
        olr.set_schedule(state, SCHEDULE)
    with pytest.raises(ValueError, match="unknown group 'layer'; did you mean 'layer_"):
        olr.set_schedule(state, {"layer": SCHEDULE})
    with pytest.raises(ValueError, match="no argument 'weight_decay'; it has learning_rate"):
        olr.set_schedule(state, weight_decay=SCHEDULE)
    with pytest.raises(ValueError, match="unknown group 'head'"):
        olr.scale_by_group({"body": 1.0}, {"w": "head"}).init({"w": 1.0})
    with pytest.raises(ValueError, match=r"factor of 'a' must be finite and at least 0, not a float: -1\.0"):
        olr.scale_by_group({"a": -1.0}, "a")
    with pytest.raises(
        ValueError, match=r"tree of names with the structure of the parameters.*not a dict: \{'w': 'a'\}"
    ):
        olr.scale_by_group({"a": 1.0}, {"w": "a"}).init({"w": 1.0, "b": 1.0})
    twice = optax.chain(layerwise(), olr.scale_by_group({"all": 0.5}, "all")).init(PARAMS)
    with pytest.raises(ValueError, match="1 learning rates and 2 scale_by_group; which belong together is not known"):
        olr.rates(twice)
    with pytest.raises(ValueError, match="no scale_by_group is in this state"):
        olr.set_scales(state, {"a": 1.0})
    with pytest.raises(ValueError, match="unknown group 'b'"):
        olr.set_scales(olr.scale_by_group({"a": 1.0}, "a").init(1.0), {"b": 1.0})
