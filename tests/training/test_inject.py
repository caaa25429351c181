"""Schedules injected into Optax's optimizers and wrappers, and in Flax's loops: the same updates, and one compilation."""

from __future__ import annotations

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from optax import contrib

import optax_lr as olr
from tests.wrong_types import wrong_types

SCHEDULE = olr.Cosine(1e-2, max_steps=12, warmup_steps=3)
PARAMS = {"w": jnp.arange(1.0, 7).reshape(3, 2) / 7, "b": jnp.ones(2) / 3}
# Every optimizer of Optax that takes a schedule, with settings under which each part of it works.
OPTIMIZERS = {
    "adabelief": {},
    "adadelta": {"weight_decay": 0.1},
    "adafactor": {"min_dim_size_to_factor": 2, "weight_decay_rate": 0.01, "momentum": 0.9},
    "adagrad": {},
    "adam": {"nesterov": True},
    "adamax": {},
    "adamaxw": {"weight_decay": 0.1},
    "adamw": {"weight_decay": 0.1},
    "adan": {"weight_decay": 0.1},
    "amsgrad": {},
    "fromage": {},
    "lamb": {"weight_decay": 0.1},
    "lars": {"weight_decay": 0.1},
    "lion": {"weight_decay": 0.1},
    "nadam": {},
    "nadamw": {"weight_decay": 0.1},
    "noisy_sgd": {"key": 0},
    "novograd": {"weight_decay": 0.1},
    "lbfgs": {"linesearch": None},
    "optimistic_adam_v2": {},
    "optimistic_gradient_descent": {},
    "radam": {},
    "rmsprop": {"momentum": 0.9},
    "sgd": {"momentum": 0.9, "nesterov": True},
    "sign_sgd": {},
    "signum": {},
    "yogi": {},
    "muon": {"weight_decay": 0.1},
    "ademamix": {"weight_decay": 0.1},
    "adopt": {},
    "acprop": {},
    "simplified_ademamix": {},
    "dadapt_adamw": {"estim_lr0": 1e-2},
    "dowg": {},
    "galore": {"rank": 1},
    "madgrad": {},
    "prodigy": {"estim_lr0": 1e-2},
    "cocob": {},
    "dog": {"init_step": ("distance", 1e-2)},
    "dpsgd": {"l2_norm_clip": 1.0, "noise_multiplier": 0.1, "seed": 0},
    "momo": {},
    "momo_adam": {},
    "sophia": {"update_interval": 3},
}


def factory(name):
    return getattr(contrib, name, None) or getattr(optax, name)


def gradients(params, key, examples=()):
    """Noisy gradients of `loss`; with `examples=(n,)` for each of n examples."""
    keys = iter(jax.random.split(key, len(jax.tree.leaves(params))))
    return jax.tree.map(lambda p: p + jax.random.normal(next(keys), (*examples, *p.shape)).astype(p.dtype), params)


def loss(params):
    return sum((p**2).sum() for p in jax.tree.leaves(params)) / 2


@functools.partial(jax.jit, static_argnums=(0, 3))
def train(optimizer, state=None, params=PARAMS, examples=()):
    """Twelve updates in one program: the parameters, the last state, and the rate after each where the state has one."""

    def step(carry, key):
        params, state = carry
        updates, state = update(gradients(params, key, examples), state, params, value=loss(params), obj_fn=loss)
        rates = [rate for _, rate in optax.tree.get_all_with_path(state, "learning_rate")]
        return (optax.apply_updates(params, updates), state), rates[0] if rates else 0.0

    update = optax.with_extra_args_support(optimizer).update

    state = optimizer.init(params) if state is None else state
    (params, state), rates = jax.lax.scan(step, (params, state), jax.random.split(jax.random.key(0), 12))
    return params, state, rates


@pytest.mark.filterwarnings('ignore:"seed" is deprecated')  # by dpsgd, which has no other argument for it
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_trains_the_same_with_an_injected_schedule(name):
    """A run with the schedule as a plain callable equals a run with the schedule injected."""
    # With a first rate of 0, L-BFGS stores nothing and does not move, and the two that adapt are NaN.
    schedule = SCHEDULE.replace(warmup_steps=0) if name in ("lbfgs", "prodigy", "dadapt_adamw") else SCHEDULE
    made = (
        factory(name)(learning_rate=schedule, **OPTIMIZERS[name]),
        olr.inject_schedules(factory(name))(learning_rate=schedule, **OPTIMIZERS[name]),
    )
    examples = (4,) if name == "dpsgd" else ()
    (plain, _, _), (inside, _, rates) = jax.jit(
        lambda: [train.__wrapped__(optimizer, examples=examples) for optimizer in made]
    )()
    np.testing.assert_allclose(rates, schedule(np.arange(12)), rtol=2e-7)
    for key, value in PARAMS.items():
        assert np.abs(inside[key] - value).max() > 1e-6
        np.testing.assert_allclose(inside[key], plain[key], rtol=2e-5, atol=1e-7)


def test_the_table_has_every_optimizer_of_optax():
    names = {
        name
        for name, value in (vars(optax) | vars(contrib)).items()
        if inspect.isfunction(value)
        and "learning_rate" in inspect.signature(value).parameters
        and not name.startswith(("_", "scale_by_"))
    }
    no_schedule = {"rprop", "sm3", "optimistic_adam"}  # they annotate a number: they refuse a callable, or call it once
    one_step_ahead = {"schedule_free", "schedule_free_adamw", "schedule_free_sgd"}
    assert names - no_schedule - one_step_ahead <= OPTIMIZERS.keys()


def test_schedule_free_averages_with_the_rate_of_the_update():
    """Plain, its averaging reads the schedule one step ahead: so it agrees with a schedule that lags one step."""
    plain = contrib.schedule_free(optax.sgd(SCHEDULE), learning_rate=lambda step: SCHEDULE(jnp.maximum(step - 1, 0)))
    injected = olr.inject_schedules(contrib.schedule_free)(olr.inject_schedules(optax.sgd)(SCHEDULE), SCHEDULE)
    expected, found = train(plain)[0], train(injected)
    state = found[1]
    for key, value in expected.items():
        np.testing.assert_allclose(found[0][key], value, rtol=2e-5, atol=1e-7)
    assert list(olr.rates(state)) == ["learning_rate", "inner_state/base_optimizer_state"]
    state = olr.set_schedule(state, dict.fromkeys(olr.rates(state), olr.Constant(0.5)))
    assert [float(rate) for rate in olr.rates(state).values()] == [0.5, 0.5]
    with pytest.raises(ValueError, match=r"2 groups, not one; give a dictionary, \{'learning_rate': ..., 'inner_state"):
        olr.set_schedule(state, olr.Constant(0.5))


def test_chain_is_optax_s_own():
    ours = optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam(), olr.scale_by_learning_rate(SCHEDULE))
    plain = optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam(), optax.scale_by_learning_rate(SCHEDULE))
    result, state, _ = train(ours)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), result, train(plain)[0])
    assert int(optax.tree.get(state, "count", filtering=lambda path, _: "InjectSchedulesState" in str(path))) == 12
    uphill = olr.scale_by_learning_rate(olr.Constant(0.5), flip_sign=False)
    assert uphill.update(jnp.ones(2), uphill.init(None))[0].tolist() == [0.5, 0.5]


# One compilation


def test_one_compilation_with_an_nnx_optimizer():
    """`set_schedule` and `observe` take the optimizer itself, and change it in place."""
    model, x, traces = nnx.Linear(3, 1, rngs=nnx.Rngs(0)), jnp.ones((4, 3)), []
    control = olr.reduce_on_plateau(olr.Constant(1e-2), factor=0.5, patience=0)
    optimizer = nnx.Optimizer(model, olr.inject_schedules(optax.adamw)(control), wrt=nnx.Param)

    @nnx.jit
    def step(model, optimizer):
        traces.append(1)
        loss, grads = nnx.value_and_grad(lambda m: (m(x) ** 2).mean() + 1.0 / (1 + optimizer.step[...]))(model)
        optimizer.update(model, grads, value=loss)

    rates = []
    for peak in (1e-2, 1e-3, 1e-4):
        assert olr.set_schedule(optimizer, control.replace(schedule=olr.Constant(peak))) is optimizer
        step(model, optimizer)
        rates.append(float(olr.rates(optimizer)["learning_rate"]))
    olr.observe(optimizer, 1e9)
    rates.append(float(olr.rates(optimizer.opt_state)["learning_rate"]))
    assert len(traces) == 1
    np.testing.assert_allclose(rates, [1e-2, 1e-3, 1e-4, 5e-5], rtol=1e-6)
    olr.observe(optimizer.opt_state, 1e9)  # the state alone, too
    np.testing.assert_allclose(olr.rates(optimizer)["learning_rate"], 2.5e-5, rtol=1e-6)
    nnx.jit(lambda optimizer: olr.observe(optimizer, 1e9) and None)(optimizer)
    np.testing.assert_allclose(olr.rates(optimizer)["learning_rate"], 1.25e-5, rtol=1e-6)
    olr.cooldown(optimizer, 4)  # another kind of schedule
    for _ in range(3):
        step(model, optimizer)
    np.testing.assert_allclose(olr.rates(optimizer)["learning_rate"], 6.25e-6, rtol=1e-6)
    with pytest.raises(ValueError, match=r"pass the nnx\.Optimizer, not its opt_state"):
        olr.set_schedule(optimizer.opt_state, olr.Linear(1e-2, 10))


# Wrappers


def test_apply_if_finite_does_not_count_skipped_updates():
    optimizer = optax.apply_if_finite(olr.inject_schedules(optax.sgd)(SCHEDULE), max_consecutive_errors=5)
    state = optimizer.init(PARAMS)
    for bad in (False, True, True, False):
        grads = jax.tree.map(lambda p: p * (jnp.nan if bad else 1.0), PARAMS)  # noqa: B023
        _, state = optimizer.update(grads, state, PARAMS)
    assert int(state.inner_state.count) == 2


def test_the_metric_reaches_every_group():
    optimizer = optax.multi_transform(
        {
            name: olr.inject_schedules(optax.sgd)(olr.reduce_on_plateau(olr.Constant(rate), patience=0))
            for name, rate in {"a": 1.0, "b": 2.0}.items()
        },
        {"x": "a", "y": "b"},
    )
    params = {"x": jnp.ones(()), "y": jnp.ones(())}
    state = optimizer.init(params)
    for metric in (1.0, None, 1.0):
        updates, state = optimizer.update(params, state, params, value=metric)
    np.testing.assert_allclose([updates["x"], updates["y"]], [-0.1, -0.2], rtol=1e-6)


# Dtypes


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_low_precision_parameters_keep_their_dtype(dtype):
    params = jax.tree.map(lambda p: p.astype(dtype), PARAMS)
    optimizers = [
        optax.chain(optax.scale_by_adam(), olr.scale_by_learning_rate(SCHEDULE)),
        olr.inject_schedules(optax.adamw)(SCHEDULE),
        olr.inject_schedules(optax.rmsprop)(SCHEDULE, momentum=0.9),
    ]
    for optimizer in optimizers:
        state = optimizer.init(params)
        updates, after = optimizer.update(params, state, params)
        updates, after = optimizer.update(params, after, params)
        assert {u.dtype for u in jax.tree.leaves(updates)} == {jnp.dtype(dtype)}
        assert [a.dtype for a in jax.tree.leaves(after)] == [a.dtype for a in jax.tree.leaves(state)]
        assert optax.tree.get(after, "learning_rate").dtype == jnp.float32
    exact = olr.scale_by_learning_rate(olr.Constant(3e-4))
    update = exact.update(jnp.asarray(1.0, dtype), exact.init(None))[0]
    assert update == jnp.asarray(-3e-4, dtype)
    assert exact.update(jnp.asarray(3.0, dtype), exact.init(None))[0] == jnp.asarray(np.float32(3e-4) * -3, dtype)


# What is refused


@wrong_types
def test_errors_name_the_remedy():
    control = olr.reduce_on_plateau(SCHEDULE)
    optimizer = olr.inject_schedules(optax.adamw)(control)
    state = optimizer.init(PARAMS)
    with pytest.raises(ValueError, match=r"must be one number, not of shape \(4,\); give its mean, .*vmap"):
        optimizer.update(PARAMS, state, PARAMS, value=jnp.ones(4))
    with pytest.raises(TypeError, match="must be a number, not text"):
        olr.observe(state, "low")
    with pytest.raises(TypeError, match="needs a metric"):
        olr.observe(state, None)
    with pytest.raises(TypeError, match="no control is in this state"):
        olr.observe(olr.inject_schedules(optax.adamw)(SCHEDULE).init(PARAMS), 1.0)
    with pytest.raises(TypeError, match=r"takes the factory of an optimizer, such as optax\.adamw"):
        olr.inject_schedules(optax.adamw(1e-3))
    with pytest.raises(TypeError, match="multiple values for argument 'learning_rate'"):
        olr.inject_schedules(optax.adamw)(SCHEDULE, learning_rate=1e-3)
    with pytest.raises(TypeError, match=r"static_args=...\): unknown argument 'maks'; did you mean 'mask'"):
        olr.inject_schedules(optax.adamw, static_args="maks")
    with pytest.raises(
        TypeError, match=r"learning_rate must be a schedule, a function .*, or a number, not text: 'cosine'"
    ):
        olr.inject_schedules(optax.adamw)("cosine")
    with pytest.raises(ValueError, match=r"rates\(\): the state holds no learning rate"):
        olr.rates(optax.adam(1.0).init(PARAMS))
    with pytest.raises(ValueError, match=r"cooldown.*whose arguments are those of optax\.inject_hyperparams"):
        olr.cooldown(optax.inject_hyperparams(optax.sgd)(1e-3).init(PARAMS), 10)
    assert olr.inject_schedules(optax.sgd)(1).init(PARAMS).hyperparams["learning_rate"] == 1
    with pytest.raises(TypeError, match="rprop reads its learning_rate only once"):
        olr.inject_schedules(optax.rprop)(SCHEDULE)
    with pytest.raises(ValueError, match=r"for a population make the optimizer inside jax\.vmap"):
        olr.scale_by_learning_rate(olr.stack([SCHEDULE, SCHEDULE]))
    with pytest.raises(TypeError, match="follows a metric, so it is not a function of the step alone"):
        control(3)
    for around in (lambda: control * 2, lambda: olr.Stages([SCHEDULE, control], [5]), lambda: olr.greedy(control)):
        with pytest.raises(TypeError, match=r"put the other schedules inside it, reduce_on_plateau\(schedule\)"):
            around()
    with pytest.raises(TypeError, match=r"b1 must be a schedule, a function .*, or a number, not text: '0.9'"):
        olr.inject_schedules(optax.adamw)(SCHEDULE, b1="0.9")
    for wrong, told in (
        (lambda step: 1.0 if step > 3 else 0.5, r"cannot be traced \(.*\); use jax\.numpy instead of NumPy"),
        (
            lambda step, epoch: 1.0,
            r"fails for a traced step: TypeError: .*missing 1 required positional argument: 'epoch'",
        ),
        (lambda step: jnp.ones(2) * step, r"which gives ShapeDtypeStruct\(shape=\(2,\)"),
    ):
        with pytest.raises(TypeError, match=told):
            olr.inject_schedules(optax.adamw)(wrong)
    with pytest.raises(TypeError, match="nesterov is a flag and cannot follow a schedule"):
        olr.inject_schedules(optax.adamw)(SCHEDULE, nesterov=SCHEDULE)
    with pytest.raises(TypeError, match=r"takes the state that init\(params\) of this optimizer made, not a tuple"):
        optimizer.update(PARAMS, optax.adamw(SCHEDULE).init(PARAMS), PARAMS)
    with pytest.raises(ValueError, match="has no schedule in it; make the optimizer with"):
        olr.set_schedule(optax.adamw(1e-3).init(PARAMS), SCHEDULE)
    with pytest.raises(ValueError, match=r"factor must be below 1, not 1.5"):
        olr.reduce_on_plateau(SCHEDULE, factor=1.5)
    with pytest.raises(ValueError, match=r"factor must be at least 0, not -0\.1"):
        olr.reduce_on_plateau(SCHEDULE, factor=-0.1)
    with pytest.raises(ValueError, match="factor must be above 0, not 0"):
        olr.greedy(SCHEDULE, factor=0)
    with pytest.raises(ValueError, match="mode must be one of 'min', 'max', not 'low'"):
        olr.greedy(SCHEDULE, mode="low")
    with pytest.raises(ValueError, match="patience must be at least 0, not -1"):
        olr.EarlyStopping(patience=-1)


def test_replacing_a_control_in_a_running_state():
    control = olr.reduce_on_plateau(olr.Constant(1.0), factor=0.5, patience=0)
    state = olr.inject_schedules(optax.sgd)(control).init(PARAMS)
    state = olr.observe(olr.observe(state, 1.0), 1.0)
    kept = olr.set_schedule(state, control.replace(factor=0.1))
    assert kept.hyperparams["learning_rate"] == 0.5  # it keeps what it has seen
    assert olr.observe(kept, 1.0).hyperparams["learning_rate"] == np.float32(0.05)
    fresh = olr.set_schedule(state, olr.Constant(1.0))
    assert fresh.schedules["learning_rate_schedule"].metric_state is None
    assert fresh.hyperparams["learning_rate"] == 1.0
