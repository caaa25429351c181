"""A schedule written as a config is read back as the same schedule, and a real trainer's scheduler runs it."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import optax_lr as olr

rates = st.floats(2**-23, 1.0, width=32)
steps = st.integers(0, 500)
lengths = st.integers(1, 2000)
shapes = st.sampled_from(["linear", "cosine", "1-sqrt"])
SCHEDULES = st.one_of(
    st.builds(olr.Constant, rates, steps),
    st.builds(olr.Linear, rates, lengths, steps),
    st.builds(olr.Cosine, rates, lengths, steps, st.just(0.0) | rates, st.sampled_from([0.5, 1.0, 7 / 16])),
    st.builds(olr.CosineWithRestarts, rates, lengths, steps, st.integers(1, 9)),
    st.builds(olr.CosineWarmupWithMinLR, rates, lengths, steps, rates, st.none() | rates),
    st.builds(lambda rate, low, *rest: olr.Polynomial(rate, *rest, min_lr=low * rate), rates, st.floats(0, 0.875, width=32),
              lengths, steps, st.floats(0.5, 4, width=32)),
    st.builds(olr.InverseSqrt, rates, steps, st.none() | lengths),
    st.builds(lambda rate, stable, **rest: olr.WarmupStableDecay(rate, stable_steps=stable, **rest), rates, steps,
              decay_steps=steps, warmup_steps=steps, min_lr=st.just(0.0) | rates, warmup_type=shapes, decay_type=shapes),
)  # fmt: skip


def assert_same(one, other):
    """The settings are equal; one that is written as a ratio may differ in its last digit of float64."""
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for ours, theirs in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert np.asarray(ours) == pytest.approx(np.asarray(theirs), rel=1e-7, abs=3e-16)


@pytest.mark.parametrize("trainer", ["llamafactory", "hf"])
@given(schedule=SCHEDULES)
@settings(max_examples=150, deadline=None)
def test_a_written_config_is_read_as_the_same_schedule(trainer, schedule):
    written = olr.write_config(schedule, trainer=trainer)
    read = olr.read_config(written).plan(max_steps=None if "max_steps" in written else 100).schedule
    if isinstance(schedule, olr.WarmupStableDecay):  # both lengths are known once it is read
        assert schedule.end in (read.max_steps, 0)
        read = read.replace(max_steps=None)
    assert_same(read, schedule)


@given(rates, lengths, steps.filter(lambda warmup: warmup != 1), st.just(0.0) | rates)
@settings(max_examples=60, deadline=None)
def test_a_written_axolotl_config_is_read_as_the_same_schedule(rate, length, warmup, low):
    for schedule in (
        olr.Cosine(rate, length, warmup, low),
        olr.Rex(rate, length, warmup, low),
        olr.Linear(rate, length, warmup),
    ):
        written = olr.write_config(schedule, trainer="axolotl")
        config = olr.read_config(written)
        assert config.trainer == "axolotl"
        assert_same(config.plan().schedule, schedule)


QUADRATIC = olr.Cosine(5e-5, 60, 10) * olr.Constant(1.0, 10)


@pytest.mark.parametrize(
    "schedule",
    [
        QUADRATIC,
        olr.JaggedRestarts(olr.Linear(5e-5, 60, 10), 20),
        olr.JaggedRestarts(olr.Linear(5e-5, 60, 10), 20, 5, 4, min_scale=0.125),
        olr.JaggedRestarts(olr.Constant(5e-5, 10), 20, 5, 4),
        olr.JaggedRestarts(olr.Cosine(5e-5, 60, 10, min_lr=6.25e-6), 20, 5, 4, min_scale=0.125),
        olr.JaggedRestarts(QUADRATIC, 20, 5, 4, min_scale=0.125),
        olr.JaggedRestarts(olr.Rex(5e-5, 60, 10), 20, 5, 4, ahead=2),
    ],
)
def test_schedules_with_wrappers_that_axolotl_has(schedule):
    written = olr.write_config(schedule, trainer="axolotl")
    assert_same(olr.read_config(written).plan(max_steps=60).schedule, schedule)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (olr.Linear(1.0, 60) * olr.Step(1.0, 9), "axolotl has no keys for a product"),
        (olr.Cosine(1.0, 60, 10) * olr.Constant(1.0, 9), "axolotl has no keys for Product"),
        (olr.JaggedRestarts(olr.Cosine(1.0, 60, 10), 20, min_scale=0.125), "the nearest that it has is"),
        (olr.JaggedRestarts(olr.Linear(1.0, 60, 10), 20, ahead=0), "axolotl has no keys for JaggedRestarts"),
    ],
)
def test_wrappers_that_axolotl_does_not_have_are_refused(schedule, message):
    with pytest.raises(olr.ConfigError, match=message):
        olr.write_config(schedule, trainer="axolotl")


@pytest.mark.parametrize(
    "schedule",
    [
        olr.Cosine(5e-5, 60, 10, 5e-6),
        olr.CosineWithRestarts(5e-5, 60, 10, 3),
        olr.CosineWarmupWithMinLR(5e-5, 60, 10, 5e-6, 1e-6),
        olr.Polynomial(5e-5, 60, 10, power=2, min_lr=1e-7),
        olr.InverseSqrt(5e-5, 10, 50),
        olr.WarmupStableDecay(5e-5, 20, 60, 10, min_lr=5e-6, decay_type="linear"),
    ],
    ids=lambda schedule: type(schedule).__name__,
)  # fmt: skip
def test_a_real_trainer_runs_a_written_config(schedule, tmp_path):
    import torch
    import transformers

    written = olr.write_config(schedule, trainer="hf")
    arguments = transformers.TrainingArguments(output_dir=str(tmp_path), **written)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=arguments.learning_rate)
    scheduler = transformers.get_scheduler(
        arguments.lr_scheduler_type, optimizer, arguments.get_warmup_steps(60), 60, arguments.lr_scheduler_kwargs
    )
    for step in range(60):
        assert schedule(step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-6, abs=1e-17)
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize(
    ("schedule", "trainer", "message"),
    [
        (olr.Step(1e-3, 10), "llamafactory", "Step is not a schedule of transformers, and no config can express it"),
        (olr.Rex(1e-3, 10), "hf", "Rex is not a schedule of transformers"),
        (olr.Linear([1e-3, 1e-4], 10), "hf", r"a config holds one schedule, not a batch of shape \(2,\)"),
        (olr.Linear(1e-3, 10), "yaml", "trainer must be one of llamafactory, axolotl, maxtext, levanter, hf, not 'yaml'"),
        (olr.WarmupStableDecay(1e-3, 90, 100, 20), "llamafactory", "warmup and decay are longer than the run"),
        (olr.WarmupStableDecay(0.0, 90, 100, min_lr=1e-5), "hf", "min_lr cannot be written with a learning_rate of 0"),
        (olr.Linear(1e-3, 10, min_lr=1e-4), "hf", "the linear schedule of transformers has no floor, and min_lr is 0.0001; take 0"),
        (olr.WarmupStableDecay(1e-3, 9, 99, decay_type="power"), "hf", "decay_type power is none of transformers'"),
        (olr.Linear(1e-3, 10, 1), "axolotl", "axolotl turns a warmup_steps of 1 into 2; take 0 or 2"),
    ],
)  # fmt: skip
def test_schedules_that_no_config_can_express(schedule, trainer, message):
    with pytest.raises(olr.ConfigError, match=message):
        olr.write_config(schedule, trainer=trainer)


def test_shapes_that_transformers_refuses_are_refused():
    keys = olr.write_config(olr.WarmupStableDecay(1e-3, 9, 99), trainer="hf")
    keys["lr_scheduler_kwargs"]["decay_type"] = "exponential"
    with pytest.raises(olr.ConfigError, match="decay_type must be one of linear, cosine, 1-sqrt, not 'exponential'"):
        olr.read_config(keys, trainer="hf").plan()
