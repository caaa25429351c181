"""Controls and early stopping compared with the real classes, for random and for special metrics."""

from __future__ import annotations

import functools
import inspect
import types

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
import transformers
from hypothesis import given, strategies as st
from transformers.optimization import GreedyLR

import optax_lr as olr

PEAK = 1e-2
AWKWARD = [0.0, 1.0, 1.0, 0.9999, -1.0, -0.99995, float("nan"), float("inf"), -float("inf"), 1e-30, 3e38, 0.5, 0.5]
LONGEST = {"longest_window": 5}
REFERENCES = {"reduce_on_plateau": torch.optim.lr_scheduler.ReduceLROnPlateau, "greedy": GreedyLR}
FACTORS, COUNTS = st.sampled_from([0.1, 0.5, 0.95, 0.99]), st.integers(0, 4)
RATES = st.sampled_from([0.0, 1e-8, 1e-4, 9e-3, 5e-2])
MODES = {
    "mode": st.sampled_from(["min", "max"]),
    "threshold_mode": st.sampled_from(["rel", "abs"]),
    "threshold": st.sampled_from([0.0, 1e-6, 1e-4, 0.1, -0.05]),
    "factor": FACTORS,
    "patience": COUNTS,
    "cooldown": COUNTS,
    "eps": st.sampled_from([0.0, 1e-8, 1e-3]),
    "min_lr": RATES,
}
SETTINGS = {
    "reduce_on_plateau": st.fixed_dictionaries(MODES),
    "greedy": st.fixed_dictionaries(
        MODES
        | {
            "warmup": COUNTS,
            "max_lr": st.sampled_from([1e-2, 2e-2, 1.0]),
            "reset_start": st.integers(1, 3),
            "smooth": st.booleans(),
            "window_size": st.integers(1, 5),
        }
    ),
}
METRICS = st.lists(st.one_of(st.sampled_from(AWKWARD), st.floats(-2, 2)), min_size=1, max_size=60)
TRENDS = st.builds(  # long runs of better and worse, which independent numbers hardly ever give
    lambda moves: np.cumsum(np.repeat([m[0] for m in moves], [m[1] for m in moves])).tolist(),
    st.lists(st.tuples(st.sampled_from([-0.1, -1e-5, 0.0, 0.1]), st.integers(1, 15)), min_size=1, max_size=6),
)


def reference_rates(name, settings, metrics):
    """The rate after each metric, by the real class."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    scheduler = REFERENCES[name](optimizer, **settings)
    rates = []
    for metric in metrics:
        scheduler.step(metric)
        rates.append(optimizer.param_groups[0]["lr"])
    return np.array(rates)


@functools.partial(jax.jit, static_argnames="length")
def _rates(control, metrics, length):
    def one(metric_state, metric):
        metric_state = control.observe(metric_state, 7, metric)
        return metric_state, control.rate(metric_state, 7)

    return jax.lax.scan(one, control.metric_state(), metrics, length=length)[1]


def our_rates(name, settings, metrics):
    """The same, in one scan; padded to one length, so that each structure compiles once."""
    control = getattr(olr, name)(olr.Constant(PEAK), **(LONGEST if settings.get("smooth") else {}) | settings)
    padded = np.zeros(128)
    padded[: len(metrics)] = metrics
    return np.asarray(_rates(control, jnp.asarray(padded), 128))[: len(metrics)]


@pytest.mark.parametrize("name", [pytest.param("reduce_on_plateau", marks=pytest.mark.optimized), "greedy"])
def test_equal_to_the_real_class_to_the_last_bit_in_float64(name, compared):
    @hypothesis.settings(max_examples=300)
    @given(SETTINGS[name], st.one_of(METRICS, TRENDS))
    def check(settings, metrics):
        expected = reference_rates(name, settings, metrics)
        np.testing.assert_array_equal(our_rates(name, settings, metrics), expected, err_msg=str(metrics))
        compared("torch's and transformers' controls by a metric", len(metrics))

    with jax.enable_x64(True):
        check()


@pytest.mark.parametrize("name", REFERENCES)
def test_equal_in_float32_where_the_metric_is_clear(name, compared):
    rng = np.random.default_rng(3)
    for seed in range(20):
        metrics = np.float32(np.round(np.cumsum(rng.normal(size=100)), 2)).tolist()
        settings = {
            "factor": 0.5,
            "patience": seed % 4,
            "cooldown": seed % 3,
            "min_lr": 1e-4,
            "mode": ["min", "max"][seed % 2],
        }
        expected = reference_rates(name, settings, metrics)
        np.testing.assert_allclose(our_rates(name, settings, metrics), expected, rtol=2e-6)
        assert len(set(expected)) > 1
        compared("torch's and transformers' controls by a metric", len(metrics))


@pytest.mark.parametrize("threshold", [1e-4, 1e-3, 0.01, 0.1])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
def test_float32_metrics_at_the_threshold_decide_as_in_float64(threshold, threshold_mode):
    """Metrics that are better by the threshold itself, rounded to float32: in float32 some of them decide otherwise."""
    rng = np.random.default_rng(1)
    settings = {"factor": 0.5, "patience": 0, "threshold": threshold, "threshold_mode": threshold_mode}
    for _ in range(10):
        metrics = [np.float32(rng.uniform(0.5, 4))]
        for _ in range(7):
            best = float(min(metrics))
            metrics.append(np.float32(best * (1 - threshold) if threshold_mode == "rel" else best - threshold))
        ours = our_rates("reduce_on_plateau", settings, metrics)
        np.testing.assert_allclose(ours, reference_rates("reduce_on_plateau", settings, map(float, metrics)), rtol=1e-6)
        callback, stopping = transformers.EarlyStoppingCallback(100, threshold), olr.EarlyStopping(100, threshold)
        args = types.SimpleNamespace(metric_for_best_model="loss", greater_is_better=False)
        state, control = transformers.TrainerState(), transformers.TrainerControl()
        for metric in metrics:
            callback.check_metric_value(args, state, control, float(metric))
            state.best_metric = min(float(metric), state.best_metric or np.inf)
            stopping = OBSERVE(stopping, jnp.float32(metric))
            assert int(stopping.bad) == callback.early_stopping_patience_counter


def test_the_defaults_are_the_reference_s():
    for name, reference in REFERENCES.items():
        ours, theirs = _defaults(getattr(olr, name)), _defaults(reference)
        assert {key: ours[key] for key in ours if key in theirs} == {key: theirs[key] for key in ours if key in theirs}
        assert theirs.keys() - ours.keys() <= {"verbose"}


def _defaults(function):
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


OBSERVE = jax.jit(lambda stopping, metric: stopping.observe(metric))


@pytest.mark.parametrize("mode", ["min", "max"])
def test_early_stopping_is_the_trainer_s(mode, compared):
    """The callback, with the trainer's own bookkeeping of the best metric around it."""

    @hypothesis.settings(max_examples=300)
    @given(st.integers(0, 4), st.sampled_from([0.0, 0.01, 0.5]), st.one_of(METRICS, TRENDS))
    def check(patience, threshold, metrics):
        callback = transformers.EarlyStoppingCallback(patience, threshold)
        args = types.SimpleNamespace(
            metric_for_best_model="loss",
            greater_is_better=mode == "max",
            save_strategy="no",
            load_best_model_at_end=True,
        )
        trainer = types.SimpleNamespace(args=args, state=transformers.TrainerState())
        control = transformers.TrainerControl()
        stopping = olr.EarlyStopping(patience=patience, threshold=threshold, mode=mode)
        for metric in metrics:
            callback.on_evaluate(args, trainer.state, control, {"eval_loss": metric})
            transformers.Trainer._determine_best_metric(trainer, {"eval_loss": metric}, None)
            stopping = OBSERVE(stopping, metric)
            assert bool(stopping.should_stop) == control.should_training_stop
            assert float(stopping.best) == trainer.state.best_metric
        compared("transformers' early stopping", len(metrics))

    with jax.enable_x64(True), np.errstate(invalid="ignore"):
        check()


def test_hold_follows_the_schedule_and_then_holds():
    schedule = olr.Cosine(PEAK, max_steps=100, warmup_steps=10)
    control = olr.hold_on_plateau(schedule, factor=0.5, patience=1, min_lr=1e-5)
    metric_state, rates = control.metric_state(), []
    losses = {20: 1.0, 30: 0.5, 40: 0.6, 50: 0.4, 60: 0.5, 70: 0.45, 80: 0.1}
    for step in range(100):
        if step in losses:
            metric_state = control.observe(metric_state, step, losses[step])
        rates.append(control.rate(metric_state, step))
    np.testing.assert_array_equal(rates[:70], schedule(np.arange(70)))
    np.testing.assert_array_equal(rates[70:], np.full(30, schedule(70) / 2))  # the fall at 80 comes too late


@pytest.mark.parametrize("name", [*REFERENCES, "hold_on_plateau"])
def test_a_population_equals_its_members(name):
    """Each member with its own settings and its own metrics, under vmap and one by one; every setting traced."""
    make = getattr(olr, name)
    settings = {
        "factor": np.array([0.5, 0.9, 0.1]),
        "patience": np.array([0, 1, 3]),
        "min_lr": np.array([0, 1e-5, 1e-3]),
    }
    controls = make(olr.Cosine(np.array([1e-2, 1e-3, 1e-1]), max_steps=50), **settings)
    metrics = np.random.default_rng(0).normal(size=(3, 40)).astype(np.float32)
    together = jax.vmap(lambda control, row: _rates(control, row, 40))(controls, metrics)
    for i in range(3):
        np.testing.assert_array_equal(together[i], _rates(controls[i], metrics[i], 40))
    assert len(np.unique(together[0])) > 1


def test_metrics_on_some_steps_only_inside_a_scan():
    control = olr.reduce_on_plateau(olr.Constant(1.0), factor=0.5, patience=1)
    optimizer = olr.inject_schedules(optax.sgd)(control)
    state = optimizer.init(jnp.zeros(2))

    def step(state, metric):
        state = jax.lax.cond(jnp.isnan(metric), lambda s: s, lambda s: olr.observe(s, metric), state)
        _, state = optimizer.update(jnp.ones(2), state)
        return state, state.hyperparams["learning_rate"]

    metrics = np.full(12, np.nan, np.float32)
    metrics[[2, 4, 6, 8]] = [1.0, 0.9, 0.9, 0.9]
    rates = jax.lax.scan(step, state, metrics)[1]
    np.testing.assert_array_equal(rates, [1.0] * 8 + [0.5] * 4)
