"""The defaults of TRL's own dataclasses, and the updates per epoch of its own sampler."""

import dataclasses
import importlib
import math
import random
import warnings

import pytest

import optax_lr as olr
from optax_lr.trainers.base import Data
from optax_lr.trainers.generations import generation_steps
from optax_lr.trainers.settings import Settings
from optax_lr.trainers.trl import METHODS

SETTINGS = (
    *("learning_rate", "lr_scheduler_type", "warmup_steps", "num_train_epochs"),
    *("per_device_train_batch_size", "gradient_accumulation_steps", "num_generations"),
)
STABLE = ("sft", "dpo", "grpo", "kto", "reward", "rloo")
GONE = {"bco", "nash_md", "xpo", "prm"}  # from 1.16


@pytest.fixture(scope="module")
def trl():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = importlib.import_module("trl")
        importlib.import_module("trl.trainer.utils")
    assert module.__version__ == "1.16.0"
    return module


def real_defaults(trl, method):
    """The defaults of a class, which TRL keeps at the top or among its experimental ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        home = trl if method in STABLE else importlib.import_module(f"trl.experimental.{method}")
        return {field.name: field.default for field in dataclasses.fields(getattr(home, METHODS[method]))}


@pytest.mark.parametrize("method", [method for method in METHODS if method not in GONE])
def test_defaults_of_each_class(trl, method):
    real = real_defaults(trl, method)
    config = olr.read_config({"dataset_name": "d"}, trainer=f"trl-{method}")
    ours = {default.key: default.value for default in config.defaults}
    expected = {key: real[key] for key in SETTINGS if key in ours}
    assert set(ours) >= set(SETTINGS) - {"num_generations"}
    assert {key: getattr(value, "value", value) for key, value in expected.items()} == ours


@pytest.mark.parametrize("seed", range(20))
def test_updates_of_an_epoch_are_those_of_the_sampler(trl, seed):
    import torch.utils.data
    from accelerate.data_loader import BatchSamplerShard

    draw = random.Random(seed)  # noqa: S311
    batch, processes, group = draw.choice((1, 2, 4, 8)), draw.choice((1, 2, 4)), draw.choice((1, 2, 3, 8))
    rounds = draw.choice((group, group, 1, 2, 4))
    chunk = batch * processes * rounds
    generations = draw.choice([number for number in range(2, chunk + 1) if chunk % number == 0] or [0])
    if not generations:
        pytest.skip("one completion cannot be compared")
    iterations, prompts = draw.choice((1, 1, 2)), draw.randint(chunk // generations, 3000)
    sampler = trl.trainer.utils.RepeatSampler(
        range(prompts), generations, batch_size=chunk // generations, repeat_count=iterations * rounds
    )
    loader = torch.utils.data.BatchSampler(sampler, batch * rounds, drop_last=False)
    batches = len(BatchSamplerShard(loader, processes, 0, split_batches=False))
    settings = Settings(per_device_train_batch_size=batch, gradient_accumulation_steps=group)
    keys = {"generations": generations, "iterations": iterations, "steps_per_generation": rounds}
    assert generation_steps(settings, Data(prompts, processes), **keys) == max(1, math.ceil(batches / group))
