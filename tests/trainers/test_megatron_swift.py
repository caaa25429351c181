"""Megatron-SWIFT: the iterations that its code counts, and what its versions and launchers do not share."""

import json

import pytest

import optax_lr as olr

SFT = ["megatron", "sft", "--model", "m", "--dataset", "d", "--lr", "1e-4", "--lr_warmup_fraction", "0.1"]
GRPO = ["megatron", "rlhf", "--rlhf_type", "grpo", "--model", "m", "--dataset", "d", "--num_train_epochs", "1"]
OLDER = [*GRPO[:-2], "--max_epochs", "1"]
RAY = {
    "rlhf_type": "grpo",
    "model": "m",
    "dataset": "d",
    "lr": 5e-5,
    "global_batch_size": 16,
    "micro_batch_size": 1,
    "num_train_epochs": 2,
    "train_iters": 9,
    "split_dataset_ratio": 0.5,
    "train": {"gpus": 4, "tensor_model_parallel_size": 2, "lr": 1e-6, "output_dir": "o"},
    "rollout": {"gpus": 2, "vllm_tensor_parallel_size": 1},
}


# The iterations are those of `init_iters` at 3602360a for 1,937 examples.
@pytest.mark.parametrize(
    ("options", "processes", "steps", "warmup"),
    [
        ("--num_train_epochs 1", 1, 121, 13),
        ("--num_train_epochs 3", 16, 363, 37),  # 1,936 examples of an epoch, and their rest counts in the next
        ("--num_train_epochs 3 --global_batch_size 64 --micro_batch_size 4", 16, 90, 9),  # 1,920 of an epoch
        ("--num_train_epochs 3 --global_batch_size 64 --micro_batch_size 4 --context_parallel_size 8", 16, 90, 9),
        ("--num_train_epochs 2 --split_dataset_ratio 0.1", 8, 218, 22),
        ("--num_train_epochs 2 --split_dataset_ratio 0.1 --val_dataset v", 8, 242, 25),
        ("--num_train_epochs 2 --train_iters 7", 8, 242, 25),
        ("--num_train_epochs 1 --lr_decay_iters 300", 8, 121, 30),
        ("--max_epochs 2", 8, 242, 25),
        ("--num_train_epochs 1 --global_batch_size 2000 --train_iters 7 --streaming true", 8, 7, 1),
        ("--train_iters 50 --lr_warmup_iters 9 --global_batch_size 3", 8, 50, 5),
    ],
)
def test_the_iterations_of_epochs_are_those_of_its_code(options, processes, steps, warmup):
    plan = olr.read_config([*SFT, *options.split()]).plan(num_examples=1937, world_size=processes)
    assert (plan.max_steps, plan.warmup_steps) == (steps, warmup)


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ("", 500),
        ("--num_generations 2 --micro_batch_size 2", 125),
        ("--global_batch_size 64 --steps_per_generation 4", 125),
        ("--generation_batch_size 32", 500),
        ("--teacher_model t --rlhf_type gkd", 62),
    ],
)
def test_an_epoch_of_prompts_has_all_of_their_completions(options, steps):
    config = olr.read_config([*GRPO, *options.split()])
    assert config.plan(num_examples=1001, world_size=1).max_steps == steps
    older = olr.read_config([*OLDER, *options.split(), "--train_iters", "9"]) if "gkd" not in options else config
    assert older.plan(num_examples=1001, world_size=1).max_steps == steps  # 3.11 and 3.12


def test_the_defaults_are_listed_and_are_those_of_the_tuner():
    full, lora = (
        olr.read_config(["megatron", "sft", "--train_iters", "9", *more]) for more in ([], ["--tuner_type", "lora"])
    )
    assert [config.settings.learning_rate for config in (full, lora)] == [1e-5, 1e-4]
    plan = lora.plan()
    assert [(default.key, default.value) for default in plan.defaults] == [
        ("lr", 1e-4),
        ("lr_decay_style", "cosine"),
        ("min_lr", 0.0),
        ("lr_warmup_iters", 0),
        ("lr_decay_iters", 9),
    ]
    assert repr(plan.schedule) == repr(olr.Cosine(1e-4, 9))
    more = {default.key: default.value for default in olr.read_config(GRPO).plan(num_examples=99).defaults}
    assert (more["global_batch_size"], more["micro_batch_size"], more["num_generations"]) == (16, 1, 8)


def test_the_processes_are_those_of_the_launcher_of_ray_or_of_one_group(tmp_path):
    path = tmp_path / "ray.yaml"
    path.write_text(json.dumps(RAY))
    command = tmp_path / "run.sh"
    command.write_text("megatron rlhf --use_ray true --config ray.yaml --lr 3e-5\n")
    for file in (path, command):
        config = olr.read_config(file)
        plan = config.plan(num_examples=100)
        assert (config.trainer, plan.world_size, plan.world_size_from) == ("megatron-swift", 4, "gpus 4 of train")
        assert repr(plan.schedule) == repr(olr.Cosine(1e-6, 100))  # 100 prompts with 8 completions, twice
        assert config.ignored == (("train_iters", "num_train_epochs decides the length"),)
    values = {"model": "m", "dataset": "d", "tuner_type": "full", "lr": 1e-5, "num_train_epochs": 1}
    plan = olr.read_config(values | {"expert_model_parallel_size": 4}).plan(num_examples=99)
    assert plan.world_size == 4
    assert plan.world_size_from.startswith("assumed: those of one group")
    path.write_text(json.dumps(values | {"ENV": {"NPROC_PER_NODE": "8"}}))
    command.write_text("megatron sft ray.yaml --lr 3e-5\n")
    plan = olr.read_config(command).plan(num_examples=99)
    assert (plan.world_size, plan.schedule.learning_rate) == (8, 3e-5)
    command.write_text("NPROC_PER_NODE=4 megatron sft ray.yaml\n")
    assert olr.read_config(command).plan(num_examples=99).world_size == 4
    record = {"global_world_size": 2, "local_world_size": 2, "rank": 0, "data_parallel_size": 2, "hub": "h"}
    config = olr.read_config(values | record | {"train_iters": None, "rlhf_type": None})
    assert (config.unknown, config.plan(num_examples=99).world_size) == ((), 2)


@pytest.mark.parametrize(
    ("options", "processes", "message"),
    [
        ("--num_train_epochs 1 --tensor_model_parallel_size 4", 6, "= 4 processes share an example, and 6 is not"),
        ("--num_train_epochs 1 --expert_model_parallel_size 4", 2, "4 processes share the experts, and 2 is not"),
        (
            "--num_train_epochs 1 --micro_batch_size 3",
            2,
            "global_batch_size, 16, is not a multiple of micro_batch_size 3",
        ),
        ("--num_train_epochs 1 --rlhf_type grpo", 4, "prompts of a generation, 2, is not a multiple of .* each of 4"),
        ("--num_train_epochs 1 --rlhf_type grpo --num_generations 5", 1, "refuses 16 completions of a generation"),
        ("--num_train_epochs 1 --global_batch_size 80000", 1, "9999 examples make no batch of global_batch_size 80000"),
        ("--num_train_epochs 1.5", 1, "num_train_epochs must be a whole number"),
        ("--num_train_epochs 1 --max_epochs 1", 1, "num_train_epochs is a key of ms-swift 4, and max_epochs of"),
        ("--num_train_epochs 1 --streaming true", 1, "give train_iters in the file"),
        ("", 1, "give train_iters in the file"),
        ("--train_iters 0", 1, "train_iters and lr_decay_iters must be at least 1"),
        ("--train_iters 9 --rlhf_type ppo", 1, "rlhf_type must be one of dpo, kto, grpo, gkd, rm"),
        ("--train_iters 9 --lr_decay_style WSD", 1, "WSD needs lr_wsd_decay_iters"),
        ("--train_iters 9 --min_lr 1", 1, "refuses --min-lr 1 outside of 0 to 0.0001"),
        ("--train_iters 9 --lr_warmup_fraction 1", 1, "asserts that the warmup of 9 is shorter than the decay of 9"),
        ("--train_iters 9 --learning_rate 1e-5", 1, "--learning_rate is not an option of Megatron-SWIFT; write lr"),
        (
            "--train_iters 9 --per_device_train_batch_size 2",
            1,
            "--per_device_train_batch_size is not an option .*; write micro_batch_size",
        ),
        ('--train_iters 9 --megatron_extra_kwargs {"min_lr":1e-6}', 1, "megatron_extra_kwargs sets min_lr, which"),
    ],
)
def test_what_its_code_refuses_is_one_line(options, processes, message):
    with pytest.raises(olr.ConfigError, match=message):
        olr.read_config([*SFT, *options.split()]).plan(num_examples=9999, world_size=processes)


def test_what_the_plan_assumes_is_noted():
    more = ["--max_epochs", "1", "--packing", "true", "--finetune", "false", "--mcore_model", "c", "--fp16", "true"]
    config = olr.read_config([*SFT, *more, "--dataset", "d#500", "--vit_lr", "1e-6"])
    starts = ["dataset: #500", "max_epochs is of ms-swift 3", "split_dataset_ratio: ms-swift before 3.6", "packing: "]
    starts += [
        "iterations that are skipped",
        "finetune is false: the schedule that mcore_model",
        "vit_lr: the rate of other",
    ]
    assert [note.startswith(start) for note, start in zip(config.notes, starts, strict=True)] == [True] * 7
    for lora in (["--tuner_type", "lora"], ["--no_load_optim", "true"]):
        assert not any("finetune" in note for note in olr.read_config([*SFT, *more, *lora]).notes)
    rounds = ["--global_batch_size", "64", "--steps_per_generation", "4", "--lr", "1e-6"]
    plan = olr.read_config([*GRPO, *rounds]).plan(num_examples=1020)
    assert plan.max_steps == 127
    assert plan.notes[0].endswith("the run after iteration 125, before the schedule does")


def test_a_key_that_no_version_has_had_is_an_error(tmp_path):
    (tmp_path / "m.sh").write_text(
        f"{' '.join(SFT)} --train_iters 9 --wobble 3 --save_interval 5 --no_gradient_accumulation_fusion\n"
    )
    config = olr.read_config(tmp_path / "m.sh")
    assert (config.unknown, config.refused) == (("wobble", "save_interval"), ("wobble",))
    (tmp_path / "n.sh").write_text(f"{' '.join(SFT)} --train_iters $N --micro_batch_size $B --save_steps $S\n")
    with pytest.raises(olr.ConfigError, match=r"what --train_iters \$N in the command of line 1 is"):
        olr.read_config(tmp_path / "n.sh")
    assert olr.read_config(tmp_path / "n.sh", values={"train_iters": 40}).plan().max_steps == 40
