"""The rates of each trainer compared with those of its own code; each name has the commit of that code."""

import pytest

import optax_lr as olr

MAXTEXT = {
    "base_config": "base.yml",
    "learning_rate": 3e-5,
    "warmup_steps_fraction": 0.1,
    "learning_rate_final_fraction": 0.1,
}
LEVANTER = {"model": {"type": "gpt2"}, "trainer": {"mp": "p=f32", "num_train_steps": 1000}}
MEGATRON = [
    *(
        "torchrun",
        "--nproc_per_node",
        "8",
        "pretrain_gpt.py",
        "--tensor-model-parallel-size",
        "2",
        "--lr",
        "1e-4",
        "--min-lr",
    ),
    *("1e-5", "--train-iters", "1000", "--global-batch-size", "8"),
]
WSD = ["--lr-decay-style", "WSD", "--lr-warmup-iters", "100", "--lr-wsd-decay-iters", "200", "--lr-wsd-decay-style"]
TORCHTUNE = {
    "optimizer": {"_component_": "torch.optim.AdamW", "lr": 3e-4},
    "lr_scheduler": {
        "_component_": "torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup",
        "num_warmup_steps": 100,
    },
    "epochs": 1,
    "batch_size": 2,
    "gradient_accumulation_steps": 8,
}
SWIFT = ["swift", "sft", "--model", "m", "--dataset", "d", "--tuner_type", "lora", "--warmup_ratio", "0.05"]
ACTOR = "actor_rollout_ref.actor.optim."
VERL = [
    "python3",
    "-m",
    "verl.trainer.main_ppo",
    "data.train_batch_size=1024",
    "trainer.total_epochs=5",
    f"{ACTOR}lr=1e-6",
]
# MaxText and Levanter evaluate in float32.
FLOAT32 = {"rel": 5e-6, "abs": 1e-12}

CASES = {
    "maxtext e591f30c cosine": (
        MAXTEXT | {"steps": 1000, "learning_rate_schedule_steps": 1000}, {},
        {0: 0, 1: 3.0000046535860747e-07, 99: 2.9699998776777647e-05, 100: 2.9999999242136255e-05, 101: 2.9999917387613095e-05,
         550: 1.647641147428658e-05, 998: 3.000082188009401e-06, 999: 3.000000106112566e-06},
    ),
    "maxtext e591f30c beyond its schedule": (
        MAXTEXT | {"steps": 1200, "learning_rate_schedule_steps": 1000}, {},
        {100: 2.9999999242136255e-05, 999: 3.000000106112566e-06, 1000: 0, 1100: 0},
    ),
    "maxtext e591f30c wsd linear": (
        MAXTEXT | {"steps": 1000, "lr_schedule_type": "wsd", "wsd_decay_steps_fraction": 0.1}, {},
        {0: 0, 99: 2.9699998776777647e-05, 100: 3e-5, 899: 3e-5, 900: 3e-5, 901: 2.972727088490501e-05, 998: 3.2727275538491085e-06,
         999: 3.000000106112566e-06},
    ),
    "maxtext e591f30c wsd cosine": (
        MAXTEXT | {"steps": 1000, "lr_schedule_type": "wsd", "wsd_decay_steps_fraction": 0.2, "wsd_decay_style": "cosine"}, {},
        {99: 2.9699998776777647e-05, 799: 3e-5, 800: 3e-5, 801: 2.9998316676937975e-05, 998: 3.0016824439371703e-06, 999: 3e-6},
    ),
    "levanter 9263f81e defaults": (
        LEVANTER, {},
        {0: 0, 1: 5.9999991208314896e-05, 9: 0.0005400000372901559, 10: 6e-4, 11: 0.0005999986897222698, 500: 0.0003342838026583195,
         999: 6.0001355450367555e-05, 1000: 6e-5},
    ),
    "levanter 9263f81e linear": (
        LEVANTER | {"optimizer": {"lr_schedule": "linear", "warmup": 100}}, {},
        {0: 0, 99: 0.0005940000410191715, 100: 6e-4, 101: 0.0005993999657221138, 550: 0.0003299999807495624, 999: 6.0599988501053303e-05},
    ),
    "levanter 9263f81e linear with a stable phase": (
        LEVANTER | {"optimizer": {"lr_schedule": "linear", "warmup": 100, "decay": 0.2, "min_lr_ratio": 0.0}}, {},
        {799: 6e-4, 801: 5.97e-4, 900: 3e-4, 999: 3e-6},
    ),
    "levanter 9263f81e constant": (LEVANTER | {"optimizer": {"lr_schedule": "constant", "warmup": 10}}, {}, {0: 0, 5: 3e-4, 10: 6e-4, 999: 6e-4}),
    "megatron d98e8a64 cosine": (
        [*MEGATRON, "--lr-decay-style", "cosine", "--lr-warmup-iters", "100"], {},
        {0: 0, 1: 1e-6, 50: 5e-5, 99: 9.9e-5, 100: 1e-4, 101: 9.999972584460057e-05, 550: 5.5e-5, 999: 1.0000274155399433e-05, 1000: 1e-5},
    ),
    "megatron d98e8a64 linear is its default": (
        [*MEGATRON, "--lr-warmup-iters", "100"], {}, {1: 1e-6, 100: 1e-4, 101: 9.99e-5, 550: 5.5e-5, 999: 1.01e-5, 1001: 1e-5, 1200: 1e-5},
    ),
    "megatron d98e8a64 held after its decay": (
        [*MEGATRON, "--lr-decay-style", "cosine", "--lr-warmup-iters", "100", "--lr-decay-iters", "1000", "--train-iters", "1300"], {},
        {550: 5.5e-5, 1000: 1e-5, 1001: 1e-5, 1200: 1e-5},
    ),
    "megatron d98e8a64 inverse square root": (
        [*MEGATRON, "--lr-decay-style", "inverse-square-root", "--lr-warmup-iters", "100", "--lr-decay-iters", "1000", "--train-iters", "1300"], {},
        {50: 5e-5, 100: 1e-4, 101: 9.950371902099894e-05, 550: 4.264014327112209e-05, 1000: 3.1622776601683795e-05, 1001: 1e-5},
    ),
    "megatron d98e8a64 wsd cosine": (
        [*MEGATRON, *WSD, "cosine"], {}, {0: 0, 99: 9.9e-5, 100: 1e-4, 800: 1e-4, 801: 9.999444846167473e-05, 900: 5.5e-5, 999: 1.0005551538325275e-05},
    ),
    "megatron d98e8a64 wsd linear": ([*MEGATRON, *WSD, "linear"], {}, {99: 9.9e-5, 800: 1e-4, 801: 9.955e-5, 900: 5.5e-5, 999: 1.045e-5}),
    "megatron d98e8a64 wsd minus_sqrt": ([*MEGATRON, *WSD, "minus_sqrt"], {}, {801: 9.36360389693211e-05, 900: 3.636038969321073e-05}),
    "megatron d98e8a64 wsd exponential is its default": (
        [*MEGATRON, *WSD[:-1]], {}, {0: 0, 100: 1e-4, 800: 1e-4, 801: 9.937724730901621e-05, 900: 4.7279220613578566e-05, 999: 1.0312457365855255e-05, 1001: 1e-5},
    ),
    "megatron d98e8a64 warmup from a rate": (
        [*MEGATRON, "--lr-decay-style", "cosine", "--lr-warmup-iters", "100", "--lr-warmup-init", "2e-5"], {},
        {0: 2e-5, 1: 2.08e-5, 50: 6e-5, 99: 9.92e-5, 100: 1e-4, 101: 9.999972584460057e-05, 550: 5.5e-5, 900: 1.2713832064634127e-05},
    ),
    "megatron d98e8a64 wsd after a warmup from a rate": (
        [*MEGATRON, *WSD, "exponential", "--lr-warmup-init", "2e-5"], {},
        {1: 2.08e-5, 99: 9.92e-5, 100: 1e-4, 550: 1e-4, 801: 9.937724730901621e-05, 900: 4.7279220613578566e-05, 1000: 1e-5, 1001: 1e-5},
    ),
    "megatron d98e8a64 without a warmup": (
        [*MEGATRON, "--lr-decay-style", "cosine"], {}, {0: 1e-4, 1: 9.999977793408364e-05, 500: 5.5e-5, 999: 1.0000222065916382e-05},
    ),
    "torchtune bd2a0fc7": (
        TORCHTUNE, {"num_examples": 16_015},  # 8,007 batches without the last short one, 1,000 groups of 8
        {0: 0, 1: 3e-6, 99: 2.97e-4, 100: 3e-4, 101: 0.0002999990861486685, 550: 1.5e-4, 999: 9.138513314410623e-10},
    ),
    "torchtune bd2a0fc7 shorter than its warmup": (
        TORCHTUNE | {"max_steps_per_epoch": 60}, {"num_examples": 16_015}, {0: 0, 30: 9e-5, 59: 1.77e-4},
    ),
    "ms-swift 3602360a": (
        SWIFT, {"num_examples": 8000, "world_size": 4},
        {0: 0, 1: 1.3333333333333334e-06, 74: 9.866666666666668e-05, 75: 1e-4, 76: 9.999987849060753e-05, 750: 5.4128967273616625e-05,
         1499: 1.2150939247002058e-10},
    ),
    "ms-swift 3602360a GRPO with the sampler of TRL": (  # that of trl f2cd577, run with these numbers
        ["swift", "rlhf", "--rlhf_type", "grpo", "--model", "m", "--dataset", "d", "--learning_rate", "1e-6", "--num_train_epochs", "2",
         *("--per_device_train_batch_size", "4", "--gradient_accumulation_steps", "2", "--num_generations", "6", "--warmup_ratio", "0.1")],
        {"num_examples": 8000, "world_size": 3}, {0: 0, 400: 1e-6, 2200: 5e-7},
    ),
    "megatron d98e8a64 the options of its own tests": (
        {"MODEL_ARGS": {"--tensor-model-parallel-size": 1, "--global-batch-size": 8, "--lr": 1e-4, "--min-lr": 1e-5, "--train-iters": 1000,
         "--lr-decay-style": "cosine", "--lr-warmup-fraction": ".1"}, "TEST_TYPE": "regular"}, {},
        {0: 0, 99: 9.9e-5, 100: 1e-4, 101: 9.999972584460057e-05, 550: 5.5e-5, 999: 1.0000274155399433e-05},
    ),
    "verl b178a3cd constant with a warmup": (
        [*VERL, f"{ACTOR}lr_warmup_steps_ratio=0.1"], {"num_examples": 102_450}, {0: 0, 1: 2e-8, 49: 9.8e-7, 50: 1e-6, 499: 1e-6},
    ),
    "verl b178a3cd cosine": (
        [*VERL, f"{ACTOR}warmup_style=cosine", f"+{ACTOR}lr_warmup_steps=50", f"{ACTOR}min_lr_ratio=0.1"], {"num_examples": 102_450},
        {0: 0, 49: 9.8e-7, 50: 1e-6, 275: 5.5e-7, 499: 1.0001096618257237e-07},
    ),
    "nanogpt 3adf61e1": (
        ["train.py", "--learning_rate=6e-4", "--warmup_iters=100", "--lr_decay_iters=1000", "--max_iters=1000", "--min_lr=6e-5"], {},
        {0: 5.94059405940594e-06, 1: 1.188118811881188e-05, 99: 0.000594059405940594, 100: 0.0006, 101: 0.0005999983550676034,
         550: 0.00033, 999: 6.0001644932396594e-05, 1000: 6e-05, 1001: 6e-05},
    ),
}  # fmt: skip
LENGTHS = {
    "verl b178a3cd constant with a warmup": 500,
    "verl b178a3cd cosine": 500,
    "nanogpt 3adf61e1": 1001,
    "maxtext e591f30c beyond its schedule": 1200,
    "torchtune bd2a0fc7 shorter than its warmup": 60,
    "ms-swift 3602360a": 1500,
    "ms-swift 3602360a GRPO with the sampler of TRL": 4000,
}


@pytest.mark.parametrize("name", CASES)
def test_the_rates_are_those_of_the_trainers_own_code(name):
    source, options, rates = CASES[name]
    config = olr.read_config(source)
    plan = config.plan(**options)
    assert config.trainer == {"ms-swift": "swift"}.get(name.split()[0], name.split()[0])
    length = LENGTHS.get(name, 1300 if "1300" in source else 1000)
    assert plan.max_steps == length
    close = FLOAT32 if config.trainer in ("maxtext", "levanter") else {"rel": 2e-7, "abs": 1e-15}
    assert [float(plan.schedule(step)) for step in rates] == pytest.approx(list(rates.values()), **close)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--lr-warmup-fraction", "0.0333"], "a warmup of 33.3 iterations is not whole"),
        (["--lr-warmup-iters", "1000"], "asserts that the warmup of 1000 is shorter than the decay of 1000"),
        (["--train-samples", "8000"], "refuses train_samples with train_iters"),
        (["--min-lr", "1e-3"], "refuses --min-lr 0.001 outside of 0 to --lr 0.0001"),
        (["--lr-warmup-init", "1e-3"], "refuses --lr-warmup-init 0.001 outside of 0 to --lr 0.0001"),
        (["--rampup-batch-size", "8", "8", "100"], "changes the schedule as it goes"),
        (["--epochs", "3"], "epochs is no key of Megatron-LM"),
        ([*WSD, "sudden"], "--lr-wsd-decay-style must be one of exponential, linear, cosine, minus_sqrt, not 'sudden'"),
    ],
)
def test_megatron_options_that_are_refused(words, message):
    with pytest.raises(olr.ConfigError, match=message):
        olr.read_config([*MEGATRON, *words]).plan()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (MAXTEXT | {"steps": -1}, "steps and learning_rate_schedule_steps are both -1"),
        (MAXTEXT | {"steps": 10, "num_epochs": 3}, "num_epochs is no key of MaxText's base.yml"),
        (MAXTEXT | {"steps": 10, "warmup_steps_fraction": 1.5}, r"warmup_steps_fraction must lie in \[0, 1\]"),
        (LEVANTER | {"optimizer": {"cycles": 2}}, "optimizer.cycles is not read"),
        (LEVANTER | {"optimizer": {"lr_schedule": "inv"}}, "optimizer.lr_schedule 'inv' is not read"),
        (LEVANTER | {"optimizer": {"warmup": 1.0}}, "do not fit in 1000 steps"),
        (TORCHTUNE | {"num_generations": 4}, "recipes of PPO and GRPO are not read"),
        ({key: value for key, value in TORCHTUNE.items() if key != "epochs"}, "epochs is not in the recipe"),
    ],
)
def test_unsupported_configs_get_one_line(values, message):
    with pytest.raises(olr.ConfigError, match=message):
        olr.read_config(values).plan(num_examples=1000)


def test_ms_swift_cuts_the_examples_for_each_process_first():
    words = [
        *SWIFT[:-2],
        "--per_device_train_batch_size",
        "2",
        "--gradient_accumulation_steps",
        "1",
        "--num_train_epochs",
        "1",
    ]
    assert olr.read_config(words).plan(num_examples=1003, world_size=4).max_steps == 125  # transformers has 126
    full = ["swift", "sft", "--model", "m", "--dataset", "d", "--tuner_type", "full", "--max_steps", "9"]
    assert olr.read_config(full).settings.learning_rate == 1e-5
    with pytest.raises(olr.ConfigError, match="sft_type is a key of ms-swift 1 and 2"):
        olr.read_config(["swift", "sft", "--model", "m", "--sft_type", "lora"])


def test_axolotl_counts_with_batch_size_and_without_parallel_ranks():
    values = {
        "base_model": "m",
        "datasets": [],
        "batch_size": 128,
        "micro_batch_size": 4,
        "num_epochs": 3,
        "learning_rate": 3e-4,
    }
    assert olr.read_config(values).plan(num_examples=1000, world_size=2).max_steps == 12
    spread = values | {"context_parallel_size": 2, "tensor_parallel_size": 2}
    assert olr.read_config(spread).plan(num_examples=1000, world_size=8).max_steps == 12
    with pytest.raises(olr.ConfigError, match="refuses batch_size with gradient_accumulation_steps"):
        olr.read_config(values | {"gradient_accumulation_steps": 2})
    with pytest.raises(olr.ConfigError, match="needs two of micro_batch_size"):
        olr.read_config({key: value for key, value in values.items() if key != "batch_size"})
    grpo = {
        "micro_batch_size": 8,
        "gradient_accumulation_steps": 4,
        "num_epochs": 1,
        "learning_rate": 1e-6,
        "base_model": "m",
    }
    grpo |= {"rl": "grpo", "trl": {"num_generations": 8}, "datasets": []}
    plan = olr.read_config(grpo).plan(num_examples=1000, world_size=2)
    assert (plan.max_steps, plan.warmup_steps) == (125, 4)  # 0.03 of it, which transformers rounds up
