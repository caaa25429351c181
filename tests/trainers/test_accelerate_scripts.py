"""diffusers' example scripts and open-instruct: the real schedulers, stepped once for each process."""

import math

import numpy as np
import pytest
import torch
import transformers

import optax_lr as olr
from optax_lr.commands.sweep import batch_of
from optax_lr.sources.errors import UnknownLengthError

TEXT_TO_IMAGE = [
    "accelerate",
    "launch",
    "examples/train_text_to_image.py",
    "--learning_rate=1e-4",
    "--lr_warmup_steps=50",
]
# `diffusers.optimization.get_scheduler` of diffusers 0.42.1, for 200 updates with 50 of warmup, on 1 and on 4 processes.
DIFFUSERS = {
    "cosine": {
        0: 0,
        49: 9.8e-5,
        50: 1e-4,
        51: 9.998903417374228e-05,
        160: 1.6543469682057106e-05,
        199: 1.096582625772502e-08,
    },
    "cosine_with_restarts": {
        51: 9.995614150494293e-05,
        125: 1e-4,
        160: 5.52264231633827e-05,
        199: 4.385849505708084e-08,
    },
    "polynomial": {1: 2e-6, 51: 9.867244e-05, 125: 2.5075e-05, 160: 7.2040000000000025e-06, 199: 1.0444e-07},
    "linear": {
        49: 9.8e-5,
        50: 1e-4,
        51: 9.933333333333334e-05,
        160: 2.6666666666666667e-05,
        199: 6.666666666666667e-07,
    },
    "constant_with_warmup": {0: 0, 49: 9.8e-5, 50: 1e-4, 199: 1e-4},
    "constant": {0: 1e-4, 49: 1e-4, 199: 1e-4},
}


@pytest.mark.parametrize("kind", DIFFUSERS)
def test_diffusers_rates_are_those_of_its_own_function(kind):
    more = {"cosine_with_restarts": ["--lr_num_cycles=2"], "polynomial": ["--lr_power=2.0"]}.get(kind, [])
    config = olr.read_config([*TEXT_TO_IMAGE, f"--lr_scheduler={kind}", "--max_train_steps=200", *more])
    plan = config.plan(world_size=4)
    assert (config.trainer, plan.max_steps) == ("diffusers", 200)
    expected = DIFFUSERS[kind]
    assert [float(plan.schedule(step)) for step in expected] == pytest.approx(
        list(expected.values()), rel=2e-7, abs=1e-15
    )


def test_diffusers_epochs_and_defaults():
    words = [*TEXT_TO_IMAGE[:4], "--num_train_epochs=3", "--train_batch_size=4", "--gradient_accumulation_steps=2"]
    plan = olr.read_config(words).plan(num_examples=1001, world_size=3)
    assert plan.max_steps == 3 * math.ceil(math.ceil(math.ceil(1001 / 4) / 3) / 2)
    older = olr.read_config(words).plan(num_examples=1001, world_size=3, transformers_version="4.40.0")
    assert older.max_steps == plan.max_steps
    assert [(default.key, default.value) for default in plan.defaults] == [("--lr_scheduler", "constant")]
    with pytest.raises(UnknownLengthError, match="nor --num_train_epochs, in which the scripts differ"):
        olr.read_config(TEXT_TO_IMAGE).plan(num_examples=1001)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (TEXT_TO_IMAGE[:3], "--learning_rate is not given, and scripts differ in it"),
        ([*TEXT_TO_IMAGE, "--scale_lr"], "--scale_lr multiplies the rate"),
        ([*TEXT_TO_IMAGE, "--lr_scheduler=piecewise_constant"], "--lr_scheduler must be one of linear, cosine"),
        ([*TEXT_TO_IMAGE, "--epochs=3"], "--epochs is not an option of diffusers' example scripts"),
    ],
)
def test_diffusers_options_that_are_refused(words, message):
    with pytest.raises(olr.ConfigError, match=message):
        olr.read_config(words)


@pytest.mark.parametrize(
    ("script", "options", "steps"),
    [  # the epochs' updates by len() of diffusers' own DreamBoothDataset: 35 images, and 50 with those of the class
        ("train_dreambooth_lora_sdxl.py", "--repeats=5", 15),
        ("train_dreambooth_lora_sdxl.py", "--repeats=5 --with_prior_preservation --num_class_images=50", 21),
        ("train_dreambooth.py", "--with_prior_preservation", 3 * 13),
        ("train_text_to_image.py", "--max_train_samples=5", 3),
        ("textual_inversion.py", "--repeats=5", 5000),  # the default of its --max_train_steps
        ("train_text_to_image.py", "--repeats=5", "--repeats is not an option of train_text_to_image.py in diffusers"),
        ("train_controlnet.py", "--streaming", "--streaming is not an option of train_controlnet.py in diffusers"),
        ("train_dreambooth_lora_flux2.py", "--use_aspect_ratio_buckets", "a batch has images of one shape"),
        ("train_text_to_image_flax.py", "", "one of diffusers' scripts in Flax, .* its rate is constant"),
    ],
)
def test_options_of_diffusers_that_change_the_number_of_examples(script, options, steps):
    words = [*TEXT_TO_IMAGE[:2], script, "--learning_rate=1e-4", "--num_train_epochs=3", "--train_batch_size=4"]
    words += ["--gradient_accumulation_steps=2", *options.split()]
    if isinstance(steps, str):
        with pytest.raises(olr.ConfigError, match=steps):
            olr.read_config(words).plan(num_examples=7)
    else:
        assert olr.read_config(words).plan(num_examples=7).max_steps == steps


OPEN_INSTRUCT = {
    "model_name_or_path": "m",
    "checkpointing_steps": "epoch",
    "learning_rate": 2e-6,
    "num_train_epochs": 3,
}
OPEN_INSTRUCT |= {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 4}


@pytest.mark.parametrize(
    ("kind", "examples", "processes", "more"),
    [
        ("linear", 1003, 1, {}),
        ("cosine", 1003, 1, {"warmup_ratio": 0.1}),
        ("linear", 6400, 8, {"warmup_ratio": 0.1}),
        ("cosine", 5, 8, {"max_train_steps": 40, "warmup_ratio": 0.25}),
        ("linear", 1003, 8, {}),
        ("linear", 1003, 3, {"warmup_ratio": 0.0}),
        ("linear", 75, 8, {"warmup_ratio": 0.3}),
        ("linear", 5, 8, {"max_train_steps": 41}),
        ("constant", 1003, 8, {}),
        ("linear", 36, 8, {"num_train_epochs": 1, "warmup_ratio": 0.5}),
    ],
)
def test_open_instruct_as_its_script_steps_the_scheduler(kind, examples, processes, more):
    config = olr.read_config(OPEN_INSTRUCT | {"lr_scheduler_type": kind} | more)
    plan = config.plan(num_examples=examples, world_size=processes)
    loader = math.ceil(examples / 2)  # as in the script: the length before accelerate divides it
    epochs = more.get("num_train_epochs", 3)
    total = epochs * math.ceil(loader / 4) if "max_train_steps" not in more else more["max_train_steps"] * processes
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2e-6)
    warmup = int(total * more.get("warmup_ratio", 0.03))
    scheduler = transformers.get_scheduler(kind, optimizer, num_warmup_steps=warmup, num_training_steps=total)
    rates = []
    for _ in range(plan.max_steps):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        for _ in range(processes):
            scheduler.step()
    assert plan.max_steps == (
        epochs * math.ceil(math.ceil(loader / processes) / 4)
        if "max_train_steps" not in more
        else more["max_train_steps"]
    )
    assert np.asarray(plan.schedule(np.arange(plan.max_steps))) == pytest.approx(rates, rel=3e-7, abs=1e-17)
    assert config.trainer == "open-instruct"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"lr_scheduler_type": "cosine"}, "steps the scheduler 8 times an update"),
        ({"final_lr_ratio": 0.1}, "final_lr_ratio of open-instruct is not read"),
        ({"sequence_parallel_size": 2}, "sequence_parallel_size of open-instruct is not read"),
        ({"epochs": 2}, "epochs is not a key of open-instruct"),
    ],
)
def test_open_instruct_settings_that_are_refused(more, message):
    with pytest.raises(olr.ConfigError, match=message):
        olr.read_config(OPEN_INSTRUCT | {"lr_scheduler_type": "linear"} | more).plan(num_examples=1003, world_size=8)


def test_a_sweep_scales_each_rate_as_the_script_does():
    words = ["accelerate", "launch", "--num_processes", "2", "textual_inversion.py", "--train_batch_size", "3"]
    words += ["--learning_rate", "1e-3", "--scale_lr", "--lr_scheduler", "linear", "--max_train_steps", "40"]
    batch = batch_of(
        olr.read_config(words), {"learning_rate": np.array([1e-3, 2e-3])}, num_examples=None, world_size=None
    )
    assert np.asarray(batch.learning_rate, np.float64) == pytest.approx([6e-3, 12e-3])


@pytest.mark.parametrize(
    ("script", "trainer", "steps"),
    [
        ("dpo_tune.py", "open-instruct", 2 * 125),
        ("dpo_tune_cache.py", "open-instruct", 2 * 125),
        ("finetune_trainer.py", "hf", 3 * 125),  # which hands its arguments to transformers' Trainer
    ],
)
def test_scripts_of_open_instruct(script, trainer, steps):
    config = olr.read_config(
        ["python", f"open_instruct/{script}", "--learning_rate", "2e-5", "--lr_scheduler_type", "linear"]
    )
    assert config.trainer == trainer
    assert config.plan(num_examples=1000).max_steps == steps
    whose = {default.key: default.whose for default in config.defaults}
    assert trainer == "hf" or whose["num_train_epochs"] == "open-instruct; 3 until mid-2024"
