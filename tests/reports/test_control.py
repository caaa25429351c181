"""Reports on schedules that follow a metric, and on early stopping, compared with the real classes."""

import types

import jax
import numpy as np
import optax
import pytest
import torch
import transformers

import optax_lr as olr
from tests.linting.said import wrong
from tests.reference.generate import optimizer
from tests.reports.register import about
from tests.wrong_types import wrong_types

NAN = float("nan")


def plateau(metrics, **settings):
    """The rate after each metric: torch's, and ours in float64."""
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer(0.1), **settings)
    theirs = []
    for metric in metrics:
        scheduler.step(metric)
        theirs.append(scheduler.optimizer.param_groups[0]["lr"])
    with jax.enable_x64(True):
        control = olr.reduce_on_plateau(olr.Constant(0.1), **settings)
        metric_state, ours = control.metric_state(), []
        for step, metric in enumerate(metrics):
            metric_state = control.observe(metric_state, step, metric)
            ours.append(float(control.rate(metric_state, step + 1)))
    assert ours == theirs
    return ours


def reductions(rates):
    """The evaluations, from 1, that lowered the rate."""
    return [at for at, (before, after) in enumerate(zip([0.1, *rates], rates, strict=False), 1) if after < before]


@about("C84")
def test_patience_and_cooldown_end_at_the_same_evaluation():
    assert reductions(plateau([1.0] * 10, patience=2)) == [4, 7, 10]
    assert reductions(plateau([1.0] * 10, patience=2, cooldown=1)) == [4, 8]
    assert reductions(plateau([1.0] * 5, patience=0)) == [2, 3, 4, 5]
    assert reductions(plateau([1.0, 1.1, 1.2, 1.3, 1.4], patience=1)) == [3, 5]


@about("C85")
@wrong_types
def test_a_metric_that_is_nan():
    assert reductions(plateau([1, NAN, NAN, NAN, NAN], patience=2)) == [4]
    assert reductions(plateau([NAN, 1, 1, 1, 1, 1], patience=2)) == [5]
    assert reductions(plateau([1, NAN, 0.5, 0.5, 0.5, 0.5], patience=2)) == [6]
    state = olr.inject_schedules(optax.sgd)(olr.reduce_on_plateau(olr.Constant(0.1))).init({"w": np.zeros(1)})
    with pytest.raises(TypeError, match="needs a metric, a number such as the validation loss, not None"):
        olr.observe(state, None)
    with pytest.raises(TypeError, match="NoneType"):
        torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer(0.1)).step(None)


@about("C86")
def test_a_relative_threshold_on_a_metric_below_zero_never_reduces():
    assert reductions(plateau([-1.0] * 8, patience=1)) == []
    assert reductions(plateau([-1.0] * 8, patience=1, mode="max")) == []
    assert reductions(plateau([-1.0] * 8, patience=1, threshold_mode="abs")) == [3, 5, 7]
    assert "below 0" in olr.reduce_on_plateau.__doc__


@about("C87")
def test_a_plateau_compares_with_the_best_metric():
    assert reductions(plateau([1, 0.5, 5, 4, 3, 2, 1, 0.6], patience=2)) == [5, 8]
    slowly = [1 - 1e-5 * i for i in range(12)]
    assert reductions(plateau(slowly, patience=3)) == [5, 9]
    assert reductions(plateau(slowly, patience=3, threshold=0.0)) == []


@about("C89")
def test_a_plateau_needs_an_evaluation(tmp_path):
    recipe = {"stage": "sft", "finetuning_type": "lora", "learning_rate": 1e-4, "max_steps": 1000}
    recipe |= {"lr_scheduler_type": "reduce_lr_on_plateau", "eval_strategy": "no"}
    assert [finding.code for finding in wrong(recipe)] == ["LR151"]
    with pytest.raises(ValueError, match="requires an eval strategy"):
        transformers.TrainingArguments(output_dir=str(tmp_path), use_cpu=True, lr_scheduler_type="reduce_lr_on_plateau")
    assert wrong(recipe | {"eval_strategy": "steps", "eval_steps": 50}) == ()  # the metric is the loss by default
    (found,) = wrong(recipe | {"eval_strategy": "steps", "eval_steps": 50, "metric_for_best_model": "f1"})
    assert found.code == "LR153"


def stops_at(metrics, patience):
    """The evaluation, from 1, that stops the run: by the real callback as a Trainer calls it, and by ours."""
    arguments = types.SimpleNamespace(
        metric_for_best_model="loss", greater_is_better=False, load_best_model_at_end=True, eval_strategy="steps"
    )
    callback = transformers.EarlyStoppingCallback(patience)
    state, control = transformers.TrainerState(), transformers.TrainerControl()
    ours, theirs, mine = olr.EarlyStopping(patience=patience), None, None
    for at, metric in enumerate(metrics, 1):
        callback.on_evaluate(arguments, state, control, {"eval_loss": metric})
        if state.best_metric is None or metric < state.best_metric:
            state.best_metric = metric
        ours = ours.observe(metric)
        assert int(ours.bad) == callback.early_stopping_patience_counter
        theirs = at if theirs is None and control.should_training_stop else theirs
        mine = at if mine is None and bool(ours.should_stop) else mine
    assert mine == theirs
    return mine


@about("C91")
def test_patience_stops_at_its_own_count():
    assert stops_at([1, 1, 0.9], patience=1) == 2
    assert stops_at([1, 0.9, 0.95, 0.9, 0.91, 0.5], patience=3) == 5
    assert stops_at([1.0, 1.1], patience=0) == 1


@about("C94")
def test_a_better_metric_starts_the_count_again():
    assert stops_at([1, 1.1, 0.9, 1, 0.95], patience=2) == 5


@about("C96")
@pytest.mark.parametrize(
    "values",
    [
        {"load_best_model_at_end": True},
        {"load_best_model_at_end": True, "eval_strategy": "steps", "eval_steps": 30, "save_strategy": "steps", "save_steps": 100},
    ],
)  # fmt: skip
def test_a_best_model_needs_checkpoints_at_evaluations(values, tmp_path):
    recipe = {"use_peft": True, "learning_rate": 1e-4, "max_steps": 1000}
    assert [finding.code for finding in wrong(recipe | values)] == ["LR155"]
    with pytest.raises(ValueError, match=r"round multiple|to match"):
        transformers.TrainingArguments(output_dir=str(tmp_path), use_cpu=True, **values)
