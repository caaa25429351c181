"""The forms of Optax: any argument as a schedule, hyperparams as data, controls as stateful schedules."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lr as olr

PARAMS = {"w": jnp.ones(3)}
SCHEDULE = olr.Cosine(1e-2, max_steps=12, warmup_steps=3)


def stateful(schedule):
    """Optax's own stateful schedule of a function."""
    return optax.schedules.WrappedSchedule(schedule)


ARGUMENTS = {
    "schedules": {"learning_rate": SCHEDULE, "weight_decay": olr.Linear(0.1, 12), "b1": olr.Linear(0.9, 60)},
    "functions": {
        "learning_rate": optax.cosine_decay_schedule(1e-2, 12),
        "b1": lambda step: 0.9 - step / 100,
        "b2": 0.99,
    },
    "stateful": {"learning_rate": stateful(SCHEDULE), "weight_decay": optax.linear_schedule(0.1, 0, 12)},
    "numbers": {"learning_rate": 1e-2, "weight_decay": 0.1, "mask": lambda params: {"w": True}},
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_runs_and_hyperparams_equal_those_of_inject_hyperparams(name):
    arguments = ARGUMENTS[name]
    static = {"static_args": "mask"} if "mask" in arguments else {}
    ours, theirs = (
        olr.inject_schedules(optax.adamw)(**arguments),
        optax.inject_hyperparams(optax.adamw, **static)(**arguments),
    )
    update = [jax.jit(optimizer.update) for optimizer in (ours, theirs)]
    states = [ours.init(PARAMS), theirs.init(PARAMS)]
    for _ in range(6):
        assert states[0].hyperparams.keys() == states[1].hyperparams.keys()
        for key, value in states[1].hyperparams.items():
            np.testing.assert_allclose(states[0].hyperparams[key], value, rtol=1e-6)
        made = [one(PARAMS, state, PARAMS) for one, state in zip(update, states, strict=True)]
        states = [state for _, state in made]
        np.testing.assert_allclose(made[0][0]["w"], made[1][0]["w"], rtol=1e-5)


def test_the_rate_is_found_and_set_as_in_optax(compiled):
    """`optax.tree.get` finds one rate; one that is set by hand stays, until `set_schedule`."""
    optimizer = olr.inject_schedules(optax.sgd)(learning_rate=SCHEDULE, momentum=0.5)

    @jax.jit
    def step(state):
        return optimizer.update(PARAMS, state, PARAMS)[1]

    state = step(step(optimizer.init(PARAMS)))
    assert optax.tree.get(state, "learning_rate") == pytest.approx(SCHEDULE(1))
    state = step(step(optax.tree.set(state, learning_rate=jnp.float32(0.5), momentum=jnp.float32(0.25))))
    assert (float(state.hyperparams["learning_rate"]), float(state.hyperparams["momentum"])) == (0.5, 0.25)
    state.hyperparams["learning_rate"] = jnp.float32(0.125)
    assert float(step(state).hyperparams["learning_rate"]) == 0.125
    assert compiled["step"] == 1
    state = olr.set_schedule(state, SCHEDULE)
    assert step(state).hyperparams["learning_rate"] == pytest.approx(SCHEDULE(4))
    by_number = olr.set_schedule(state, learning_rate=0.25, momentum=olr.Linear(1.0, 8))
    assert optax.tree.get(by_number, "learning_rate") == 0.25
    assert optax.tree.get(by_number, "momentum") == 0.5


def test_a_rounding_difference_is_not_taken_for_a_value_set_by_hand():
    """XLA may compute the rate once for `hyperparams` and once for the later comparison, and round differently."""
    optimizer = olr.inject_schedules(optax.sgd)(learning_rate=SCHEDULE)
    state = optimizer.update(PARAMS, optimizer.update(PARAMS, optimizer.init(PARAMS))[1])[1]
    rate = np.float32(state.hyperparams["learning_rate"])
    for neighbor in (np.nextafter(rate, np.float32(1)), np.nextafter(rate, np.float32(0)), rate * np.float32(1 + 1e-6)):
        state.hyperparams["learning_rate"] = jnp.asarray(neighbor)
        assert optimizer.update(PARAMS, state)[1].hyperparams["learning_rate"] == pytest.approx(SCHEDULE(2))
    state.hyperparams["learning_rate"] = jnp.asarray(rate * np.float32(1.0001))
    assert optimizer.update(PARAMS, state)[1].hyperparams["learning_rate"] == rate * np.float32(1.0001)


def test_a_value_set_by_hand_in_place_of_nan_stays():
    optimizer = olr.inject_schedules(optax.sgd)(learning_rate=lambda step: jnp.where(step < 2, jnp.nan, 0.5))
    state = optimizer.update(PARAMS, optimizer.init(PARAMS))[1]
    repaired = state._replace(hyperparams={**state.hyperparams, "learning_rate": jnp.float32(0.25)})
    assert optimizer.update(PARAMS, repaired)[1].hyperparams["learning_rate"] == 0.25
    for _ in range(2):
        state = optimizer.update(PARAMS, state)[1]
    assert state.hyperparams["learning_rate"] == 0.5  # NaN of the schedule itself does not stay


def test_low_precision_parameters_do_not_round_the_hyperparams():
    """`optax.inject_hyperparams` keeps b1=0.9 as 0.8984 with bfloat16 parameters."""
    params = {"w": jnp.ones(3, jnp.bfloat16)}
    state = olr.inject_schedules(optax.adamw)(3e-4, b1=0.9).init(params)
    assert (state.hyperparams["learning_rate"], state.hyperparams["b1"]) == (np.float32(3e-4), np.float32(0.9))
    state = olr.inject_schedules(optax.adamw, hyperparam_dtype=jnp.bfloat16)(SCHEDULE, b1=0.9).init(params)
    assert {state.hyperparams[key].dtype for key in ("learning_rate", "b1")} == {jnp.dtype(jnp.bfloat16)}


def test_set_schedule_and_controls_take_numbers_and_functions():
    """Wherever a schedule goes: a function of the step, Optax's own, a number."""
    optimizer = olr.inject_schedules(optax.sgd)(SCHEDULE)
    for given, expected in (
        (optax.linear_schedule(1.0, 0.0, 10), 0.8),
        (lambda step: 1 / (1 + step), 1 / 3),
        (0.25, 0.25),
    ):
        for schedule in (given, olr.reduce_on_plateau(given)):
            state = olr.set_schedule(optimizer.init(PARAMS), schedule, position=2)
            assert state.hyperparams["learning_rate"] == pytest.approx(expected)
            state = jax.jit(optimizer.update)(PARAMS, state, PARAMS)[1]
            assert state.hyperparams["learning_rate"] == pytest.approx(expected)


CONTROLS = {
    "reduce_on_plateau": lambda schedule: olr.reduce_on_plateau(schedule, factor=0.5, patience=1),
    "hold_on_plateau": lambda schedule: olr.hold_on_plateau(schedule, patience=1),
    "greedy": lambda schedule: olr.greedy(schedule, factor=0.5, patience=1, min_lr=1e-5),
}
SHAPES = {
    "warmup": SCHEDULE,
    "cycles": olr.CosineWithRestarts(1e-2, 30, num_cycles=3),
    "product": olr.Constant(1e-2) * olr.Step(1.0, 5, 0.5),
}
METRICS = [1.0, 0.9, 0.95, None, 0.91, 0.92, 0.93, None, 0.8, 0.85, 0.9, 0.95]


@pytest.mark.parametrize("name", CONTROLS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_control_gives_the_same_rates_in_optax_s_inject_hyperparams(name, shape):
    control = CONTROLS[name](SHAPES[shape])
    assert isinstance(control, optax.schedules.StatefulSchedule)
    ours, theirs = olr.inject_schedules(optax.sgd)(control), optax.inject_hyperparams(optax.sgd)(control)
    state, other = ours.init(PARAMS), theirs.init(PARAMS)
    rates = []
    for metric in METRICS:
        _, state = ours.update(PARAMS, state, PARAMS, value=metric)
        extra = {} if metric is None else {"value": metric}  # no value and no metric are the same
        _, other = theirs.update(PARAMS, other, PARAMS, **extra)
        rates.append(float(state.hyperparams["learning_rate"]))
        np.testing.assert_allclose(other.hyperparams["learning_rate"], rates[-1], rtol=1e-6)
    followed = np.float32([SHAPES[shape](i) for i in range(12)])
    assert np.abs(rates - followed).max() > 1e-6  # it has done something


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("cooldown", [0, 2])
def test_accumulation_is_optax_s(size, cooldown):
    """`optax.contrib.reduce_on_plateau`, whose patience is torch's plus 1, over many updates with a noisy loss."""
    theirs = optax.contrib.reduce_on_plateau(0.5, patience=2, rtol=1e-4, cooldown=cooldown, accumulation_size=size)
    control = olr.reduce_on_plateau(
        olr.Constant(1.0), factor=0.5, patience=1, cooldown=cooldown, accumulation_size=size
    )
    losses = jnp.asarray(np.random.default_rng(0).normal(size=60).cumsum() / 8 + 3, jnp.float32)

    def step(carry, loss):
        other, state = carry
        other = theirs.update(PARAMS, other, value=loss)[1]
        state = control.update(state, value=loss)
        return (other, state), (other.scale, control(state))

    scales, rates = jax.jit(lambda: jax.lax.scan(step, (theirs.init(PARAMS), control.init()), losses)[1])()
    np.testing.assert_array_equal(scales, rates)
    assert len(np.unique(rates)) > 2


def test_metrics_of_a_warmup_do_not_count():
    """`start_step` is where torch's SequentialLR([warmup, plateau]) begins to count."""
    schedule = olr.Constant(1e-3, warmup_steps=10)
    optimizer = olr.inject_schedules(optax.sgd)(olr.reduce_on_plateau(schedule, factor=0.5, patience=1, start_step=10))
    state, rates = optimizer.init(PARAMS), []
    for step in range(30):
        _, state = optimizer.update(PARAMS, state, PARAMS, value=1.0 if step % 5 == 4 else None)
        rates.append(float(state.hyperparams["learning_rate"]))
    np.testing.assert_allclose(rates, [*schedule(np.arange(24)), *[5e-4] * 6], rtol=1e-6)


def test_a_control_of_another_argument():
    """A control of the weight decay with a schedule of the rate."""
    decay = olr.reduce_on_plateau(olr.Constant(0.1), factor=0.5, patience=0)
    optimizer = olr.inject_schedules(optax.adamw)(learning_rate=SCHEDULE, weight_decay=decay)
    state = optimizer.init(PARAMS)
    for loss in (1.0, 1.0):
        _, state = optimizer.update(PARAMS, state, PARAMS, value=loss)
    state = olr.observe(state, 1.0)
    assert state.hyperparams["weight_decay"] == pytest.approx(0.025)
    assert state.hyperparams["learning_rate"] == pytest.approx(SCHEDULE(1))


def test_a_schedule_that_starts_at_0_and_prodigy():
    """Prodigy divides by the first rate: NaN, with Optax's schedules as well; one update later on the curve it trains."""
    optimizer = olr.inject_schedules(optax.contrib.prodigy)(SCHEDULE)

    def trained(state):
        params = PARAMS
        for _ in range(3):
            updates, state = optimizer.update(params, state, params)
            params = optax.apply_updates(params, updates)
        return params["w"]

    assert np.isnan(trained(optimizer.init(PARAMS))).all()
    assert np.isfinite(trained(olr.set_schedule(optimizer.init(PARAMS), position=1))).all()


@pytest.mark.parametrize("form", ["injected", "plain"])
def test_a_run_of_optax_continues_with_its_moments(form):
    """As the page on Optax says; the rest of the run is that of Optax."""
    theirs = optax.linear_schedule(1e-2, 0.0, 20)
    old = optax.inject_hyperparams(optax.adamw)(learning_rate=theirs) if form == "injected" else optax.adamw(theirs)
    new = olr.inject_schedules(optax.adamw)(learning_rate=olr.Linear(1e-2, max_steps=20))
    saved = old.init(PARAMS)
    for _ in range(5):
        _, saved = old.update(PARAMS, saved, PARAMS)
    state = new.init(PARAMS)
    if form == "injected":
        state, count = state._replace(inner_state=saved.inner_state), saved.count
    else:
        state, count = state._replace(inner_state=(saved[0], *state.inner_state[1:])), saved[0].count
    state = olr.set_schedule(state, position=int(count))
    for _ in range(3):
        expected, saved = old.update({"w": jnp.full(3, 0.5)}, saved, PARAMS)
        updates, state = new.update({"w": jnp.full(3, 0.5)}, state, PARAMS)
        np.testing.assert_allclose(updates["w"], expected["w"], rtol=1e-5)
