"""Settings of single trainers: what is refused, and how examples are counted."""

import pytest

import optax_lr as olr
from tests.trainers.cases import LEVANTER, MAXTEXT, MEGATRON, SWIFT, TORCHTUNE, WSD


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--lr-warmup-iters", "1000"], "asserts that the warmup of 1000 is shorter than the decay of 1000"),
        (["--train-samples", "8000"], "refuses train_samples with train_iters"),
        (["--min-lr", "1e-3"], "refuses --min-lr 0.001 outside of 0 to 0.0001"),
        (["--lr-warmup-init", "1e-3"], "refuses --lr-warmup-init 0.001 outside of 0 to 0.0001"),
        (["--rampup-batch-size", "8", "8", "100"], "changes the schedule as it goes"),
        (["--epochs", "3"], "--epochs is not an option of Megatron-LM"),
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
        (MAXTEXT | {"steps": 10, "num_epochs": 3}, "num_epochs is not a key of MaxText"),
        (MAXTEXT | {"steps": 10, "warmup_steps_fraction": 1.5}, r"warmup_steps_fraction must lie in \[0, 1\]"),
        (LEVANTER | {"optimizer": {"cycles": 2}}, "optimizer.cycles is not read"),
        (LEVANTER | {"optimizer": {"lr_schedule": "inv"}}, "optimizer.lr_schedule 'inv' is not read"),
        (LEVANTER | {"optimizer": {"warmup": 1.0}}, "do not fit in 1000 steps"),
        (TORCHTUNE | {"num_generations": 4}, "recipes of PPO and GRPO are not read"),
        ({key: value for key, value in TORCHTUNE.items() if key != "epochs"}, "epochs is not in the recipe"),
    ],
)
def test_unsupported_configs_are_refused_in_one_line(values, message):
    with pytest.raises(olr.ConfigError, match=message):
        olr.read_config(values).plan(num_examples=1000)


def test_a_recipe_of_torchtune_is_read_as_omegaconf_reads_it(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "peak: 3e-4\nepochs: 1\nbatch_size: 2\ngradient_accumulation_steps: 1\nmax_steps_per_epoch: 9\n"
        "optimizer:\n  _component_: torch.optim.AdamW\n  lr: ${peak}\n"
    )
    assert olr.read_config(path).plan(num_examples=100).schedule == olr.Constant(3e-4)


def test_ms_swift_s_own_rules_of_grpo_warmup_and_validation():
    words = [
        "swift",
        "rlhf",
        "--rlhf_type",
        "grpo",
        "--model",
        "m",
        "--dataset",
        "d",
        "--per_device_train_batch_size",
        "8",
    ]
    config = olr.read_config([*words, "--num_train_epochs", "1"])  # `_set_default` in its rlhf_args.py
    assert {default.key: default.value for default in config.defaults}["gradient_accumulation_steps"] == 1
    assert config.plan(num_examples=100).max_steps == 100
    sft = [
        "swift",
        "sft",
        "--model",
        "m",
        "--dataset",
        "d",
        "--per_device_train_batch_size",
        "16",
        "--num_train_epochs",
        "1",
    ]
    config = olr.read_config(
        [*sft, "--val_dataset", "v", "--split_dataset_ratio", "0.5"]
    )  # `__post_init__` in its data_args.py
    assert config.plan(num_examples=160).max_steps == 10
    split = olr.read_config([*sft, "--split_dataset_ratio", "0.01", "--gradient_accumulation_steps", "1"])
    assert (
        split.plan(num_examples=1633).max_steps == 102
    )  # 16 examples are for validation, by `post_process` in its dataset_meta.py
    assert config.ignored == (("split_dataset_ratio", "ms-swift sets it to 0 with val_dataset"),)
    assert olr.read_config([*sft, "--warmup_ratio", "0.0", "--warmup_steps", "3"]).settings.warmup_steps == 3
    refused = [
        (["--warmup_ratio", "0.1", "--warmup_steps", "3"], "refuses warmup_ratio with warmup_steps"),
        (["--warmup_ratio", "1"], "warmup_ratio must be below 1"),
        (["--deepspeed", "zero2", "--deepspeed_autotp_size", "2"], "the steps with deepspeed_autotp_size"),
    ]
    for more, message in refused:
        with pytest.raises(olr.ConfigError, match=message):
            olr.read_config([*sft, *more])


def test_keys_of_a_fork_that_change_no_length_are_listed():
    config = olr.read_config([*MEGATRON, "--num-gpus", "8", "--my-micro-batch", "2"])
    assert config.unknown == ("num_gpus", "my_micro_batch")
    config = olr.read_config(MAXTEXT | {"steps": 10, "tile_batch_seq": True})
    assert config.unknown == ("tile_batch_seq",)
    with pytest.raises(olr.ConfigError, match="my_decay_steps is not a key of MaxText"):
        olr.read_config(MAXTEXT | {"steps": 10, "my_decay_steps": 5})


def test_a_value_replaces_that_of_a_command_of_words():
    words = ["python3", "-m", "maxtext.trainers.pre_train.train", "base.yml", "steps=100", "learning_rate=1e-4"]
    assert olr.read_config(words).plan().max_steps == 100
    assert olr.read_config(words, values={"steps": 50}).plan().max_steps == 50


def test_a_saved_run_of_ms_swift_by_the_rules_of_its_version_of_transformers():
    saved = {"model": "m", "dataset": ["d"], "train_type": "lora", "evaluation_strategy": "no", "num_train_epochs": 1}
    saved |= {
        "per_device_train_batch_size": 1,
        "global_world_size": 2,
        "metric_warmup_step": 0,
        "acc_steps": 1,
        "rank": -1,
    }
    config = olr.read_config(saved)
    assert (config.refused, config.unknown) == ((), ())
    plan = config.plan(num_examples=420)
    assert (plan.max_steps, plan.world_size) == (27, 2)  # groups of ceil(16 / 1 / 2) among 210 batches
    assert any("--transformers-version 4.48.3" in note for note in plan.notes)
    assert config.plan(num_examples=420, transformers_version="4.48.3").max_steps == 26


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
    old = [
        "swift",
        "sft",
        "--sft_type",
        "lora",
        "--learning_rate",
        "1e-4",
        "--num_train_epochs",
        "3",
        "--warmup_ratio",
        "0.05",
    ]
    with pytest.raises(olr.ConfigError, match=r"give --set lr_scheduler_type=VALUE$"):
        olr.read_config(old)
    config = olr.read_config(
        [*old, "--lr_scheduler_type", "cosine", "--batch_size", "2", "--gradient_accumulation_steps", "4"]
    )
    assert (
        config.plan(num_examples=10_000).max_steps == 3 * 1238
    )  # 9,900 examples in batches of 2, and these in groups of 4
    cached = [
        "swift",
        "sft",
        "--model",
        "m",
        "--cached_dataset",
        "c",
        "--split_dataset_ratio",
        "0.01",
        "--learning_rate",
        "1e-4",
    ]
    assert olr.read_config(cached).plan(num_examples=1600).max_steps == 300  # nothing is split off


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
    shards = olr.read_config(values | {"dp_shard_size": 2, "context_parallel_size": 2}).plan(num_examples=800)
    assert (shards.world_size, shards.world_size_from) == (
        4,
        "assumed: those of dp_shard_size 2 x context_parallel_size 2",
    )
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
