"""The trainer of a config is certain, or the config is refused in one line with a remedy."""

import re

import pytest
import yaml

import optax_lr as olr
from optax_lr.trainers import TRAINERS
from optax_lr.trainers.curve_keys import concerns_curve, group_rate
from optax_lr.trainers.known import class_keys, keys_of
from tests.trainers.cases import CASES

HF = {"learning_rate": 1e-4, "num_train_epochs": 1, "per_device_train_batch_size": 4}

RECOGNISED = [
    ({"learning_rate": 1e-4, "max_steps": 5}, "hf"),
    (HF, "hf"),
    (HF | {"lora_alpha_of_mine": 3, "data_path": "x"}, "hf"),
    (HF | {"dataset_name": "d"}, "trl"),
    (HF | {"stage": "sft", "finetuning_type": "lora"}, "llamafactory"),
    (HF | {"cutoff_len": 5, "template": "qwen", "torch_dtype": "bfloat16"}, "llamafactory"),
    ({"train.learning_rate": "1e-4"}, "llamafactory-ui"),
    ({"model_class": "llm", "kernel_config": {}, "micro_batch_size": 1, "flash_attn": "fa2", "cutoff_len": 9, "max_steps": 5}, "llamafactory-v1"),
    ({"base_model": "m", "micro_batch_size": 1, "gradient_accumulation_steps": 1, "learning_rate": 1e-4, "attn_implementation": "sdpa"}, "axolotl"),
    ({"base_model": "m", "micro_batch_size": 1, "gradient_accumulation_steps": 1, "learning_rate": 1e-4, "use_swanlab": True, "sequence_len": 9}, "axolotl"),
    ({"tuner_type": "lora", "model": "m", "dataset": "d", "num_train_epochs": 1}, "swift"),
    (HF | {"mask_truncated_completions": True}, "trl"),
    (HF | {"dataset_name": "d", "beta": 2.0, "gamma_beta_ratio": 0.5}, "trl"),
    (HF | {"dataset_name": "glue", "dataset_config_name": "mrpc", "max_train_samples": 9}, "hf"),
    (["torchrun", "-m", "my.trainer", "--learning_rate", "1e-4", "--num_train_epochs", "1", "--same_dataset_within_batch", "True"], "hf"),
    ({"base_config": "base.yml", "steps": 10, "learning_rate": 1e-4}, "maxtext"),
    ({"warmup_steps_fraction": 0.1, "steps": 10, "learning_rate": 1e-4}, "maxtext"),
    ({"trainer": {"num_train_steps": 10, "mp": "p=f32"}, "optimizer": {"type": "adam"}, "model": {}}, "levanter"),
    ({"optimizer": {"_component_": "torch.optim.AdamW", "lr": 1e-4}, "epochs": 1, "batch_size": 2}, "torchtune"),
    ({"scheduler": {"type": "WarmupLR", "params": {"warmup_max_lr": 1e-4}}}, "deepspeed"),
    ({"training": HF}, "hf"),
    (["accelerate", "launch", "train.py", "--learning_rate", "1e-4", "--lr_scheduler_type", "cosine"], "hf"),
    (["llamafactory-cli", "train", "--stage", "sft", "--learning_rate", "1e-4"], "llamafactory"),
    (["trl", "sft", "--dataset_name", "d"], "trl"),
    (["python", "trl/scripts/dpo.py", "--dataset_name", "d"], "trl"),
    (["python", "-m", "trl.scripts.kto", "--dataset_name", "d"], "trl"),
    (["swift", "sft", "--model", "m", "--dataset", "d"], "swift"),
    (["python3", "-m", "MaxText.train", "MaxText/configs/base.yml", "run_name=a", "steps=10"], "maxtext"),
    (["python", "-m", "levanter.main.train_lm", "--trainer.num_train_steps", "10"], "levanter"),
    ({"job": {"dump_folder": "o"}, "lr_scheduler": {"warmup_steps": 2}, "training": {"steps": 10}}, "torchtitan"),
    ({"lr_scheduler": {"warmup_steps": 2}, "training": {"seq_len": 10}}, "torchtitan"),
    (["torchrun", "-m", "torchtitan.train", "--training.steps", "10"], "torchtitan"),
    ({"network_dim": 8, "unet_lr": 1e-4, "max_train_steps": 10}, "sd-scripts"),
    ({"model": "m", "train": True, "learning_rate": 1e-5, "iters": 600, "adapter_path": "a", "max_seq_length": 64}, "mlx-lm"),
    (["mlx_lm.lora", "--train", "--learning-rate", "1e-5"], "mlx-lm"),
    (["python", "-m", "mlx_lm", "lora", "--train"], "mlx-lm"),
    ({"Network": {"network_module": "lycoris.kohya"}, "Optimizer": {"unet_lr": 1e-4}, "Deprecated": {"learning_rate": 5e-4}}, "sd-scripts"),
    ({"pretrained_model_name_or_path": "m", "output_name": "o", "save_model_as": "ckpt"}, "sd-scripts"),
    (["fine_tune.py", "--pretrained_model_name_or_path", "m", "--output_name", "o", "--max_train_steps", "9"], "sd-scripts"),
    (["sd-scripts/sdxl_train.py", "--pretrained_model_name_or_path", "m"], "sd-scripts"),
    (["torchrun", "pretrain_gpt.py", "--tensor-model-parallel-size", "1", "--lr", "1e-4", "--train-iters", "10"], "megatron"),
    (["deepspeed", "--module", "openrlhf.cli.train_dpo", "--learning_rate", "5e-7", "--beta", "0.1"], "openrlhf"),
    (["ray", "job", "submit", "--", "python3", "-m", "openrlhf.cli.train_ppo_ray", "--ckpt.path", "c"], "openrlhf"),
]  # fmt: skip

REFUSED = [
    (["trl", "rloo", "--model_name_or_path", "m", "--learning_rate", "1e-5", "--per_device_train_batch_size", "2", "--rloo_k", "2", "--total_episodes", "500"], "rloo_k, total_episodes: keys of RLOOConfig in TRL up to 0.24.0, which is not read"),
    ({"training": {"learning_rate": 2e-5, "scheduler": "cosine", "batch_size": 16, "epochs": 5}}, "knows the use of training.learning_rate 2e-05, training.scheduler cosine; read that, or state the schedule: optax-lr show --set learning_rate=2e-05 --set lr_scheduler_type=cosine --set warmup_steps=N --set max_steps=N"),
    ({"trainer": {"devices": 8, "max_steps": 10}, "model": {"optim": {"lr": 2e-4, "sched": {"name": "CosineAnnealing"}}}}, "this is a config of NeMo"),
    ({"step_scheduler": {"max_steps": 9}, "model": {"_target_": "nemo_automodel.NeMoAutoModelForCausalLM"}}, "a config of NeMo AutoModel"),
    ({"job": {}, "optimizer": {"lr": 3e-4}, "training": {"batch_size": 8, "seq_len": 9, "warmup_steps": 2}}, "training.batch_size is of torchtitan before June"),
    ({"learning_rate": {"min": 1e-5, "max": 1e-4}, "max_steps": 9, "save_steps": 3}, "a search has a value for each of its runs: --set learning_rate=VALUE"),
    ({"learning_rate": 1e-5, "lr_scheduler": "constant", "max_train_steps": 9, "resolution": 512}, "name it with --trainer diffusers"),
    ({"kind": "Job", "spec": {"args": ["/bin/bash", "cd a && scripts/run_sft.sh --fast"]}}, "scripts/run_sft.sh is named: read that"),
    ({"learning_rate": 1e-5, "warmup_steps": 5, "peft_config": {"r": 8}, "beta": 0.1, "max_length": 9, "save_strategy": "no", "batch_size": 8,
      "epoch": 2, "is_peft": False, "modality": "text", "split": "a", "left_padding": False, "upload_tag": "kto", "precision": "bf16", "defaults": ["a"], "work": "${hydra:runtime.cwd}"}, "only the program that reads this file knows"),
    ({"train": {"epochs": 2, "micro_batch_size": 1}, "hp": {"learning_rate": 1e-4, "use_rslora": True, "warmup_ratio": 0.03}}, "only the program that reads this"),
    ({"trainer": {"accelerator": "gpu", "max_steps": 9}, "model": {"lr": 0.05, "scheduler": "cosine"}}, "a config with arguments of Lightning's Trainer"),
    ({"trainer": {"learning_rate": 4e-4, "learning_rate_scheduler": {"decay": "cosine"}, "epochs": 4}}, "this is a config of Ludwig"),
    ({"learning_rate": {"value": 2e-5}, "epochs": {"value": 3}}, "only the program that reads this file knows the use of learning_rate 2e-05"),
    ({"log_history": []}, "the state of a run, with its log"),
    ({"compute_environment": "LOCAL_MACHINE", "distributed_type": "NO", "num_processes": 1}, "an accelerate config"),
    ({"optimizer": {"lr": 3e-4}, "lr_scheduler": {"warmup_steps": 2}, "training": {"steps": 10}}, "no key that only torchtitan has, which is not read; name it with --trainer torchtitan"),
    (["torchrun", "-m", "torchtitan.train", "--module", "llama3", "--config", "llama3_8b", "--training.steps", "9"], "the defaults of this run are in Python"),
    ({"lr_scheduler": {"decay_ratio": 0.1}, "training": {"batch_size": 8}}, "training.batch_size is of torchtitan before June 2025"),
    ({"lr_scheduler": {"decay_ratio": 0.1, "warmup_ratio": 0.1}, "training": {}}, "lr_scheduler.warmup_ratio is not a key of torchtitan"),
    ({"lr_scheduler": {"decay_ratio": 0.1, "total_steps": 8}, "training": {"steps": 10}}, "lr_scheduler.total_steps 8 ends before training.steps 10"),
    ({"LoRA_type": "Standard", "network_dim": 8, "unet_lr": 1e-4, "lr_warmup": 10, "epoch": 1}, "a file of the kohya_ss GUI"),
    (["train_control_net.py", "--pretrained_model_name_or_path", "m"], "a training of ControlNets by kohya's sd-scripts"),
    (["accelerate", "launch", "hv_train_network.py", "--dit", "m", "--network_module", "n", "--network_dim", "8"], "a run of musubi-tuner"),
    ({"model": "m", "train_mode": "dpo", "iters": 600, "adapter_path": "a", "steps_per_eval": 9}, "a config of mlx-lm-lora"),
    (["mlx_lm_lora.train", "--train", "--learning-rate", "1e-5"], "a config of mlx-lm-lora"),
    (["deepspeed", "main.py", "--learning_rate", "1e-5", "--num_warmup_steps", "0", "--data_split", "2,4,4", "--zero_stage", "2", "--deepspeed"], "a run of DeepSpeed-Chat"),
    (["deepspeed", "training/step1_supervised_finetuning/main.py", "--learning_rate", "1e-5"], "a run of DeepSpeed-Chat"),
    (["deepspeed", "pretrain_gpt.py", "--lr", "1e-5", "--train-iters", "9", "--global-batch-size", "\ue000$B\ue001", "--deepspeed"], "a run of Megatron-DeepSpeed"),
    ({"lr0": 0.01, "lrf": 0.01, "epochs": 3}, "a config of ultralytics"),
    ({"max_duration": "1ep", "scheduler": {"name": "cosine_with_warmup", "t_warmup": "10ba"}}, "a config of llm-foundry"),
    ({"scheduler": {"units": "tokens", "t_max": 5}, "max_duration": 5}, "a config of OLMo"),
    ({"checkpoint_dir": "c", "train": {"global_batch_size": 16}}, "a config of litgpt"),
    ({"tokens": {"train_steps": 5}, "optimizer": {}}, "a config of nanotron"),
    ({"seed_everything": 1, "trainer": {"max_epochs": 3}}, "a config of Lightning's CLI"),
    ({"model": {"class_path": "m"}, "learning_rate": 1e-4}, "a config of Lightning's CLI"),
    ({"optimization": {"max_update": 10, "lr": [1e-4]}}, "a config of fairseq"),
    ({"optimizer": {"name": "adamw", "learning_rate": 3e-4}, "scheduler": {"name": "cosine_with_warmup"}, "max_duration": 5, "device_train_microbatch_size": 2}, "a config of OLMo, which is not read; state the schedule: optax-lr show --set learning_rate=0.0003 --set lr_scheduler_type=KIND"),
    ({"pipe-parallel-size": 1, "train-iters": 320, "optimizer": {"type": "Adam", "params": {"lr": 6e-4}}, "lr-decay-style": "cosine", "warmup": 0.01}, "a config of GPT-NeoX, which is not read; state the schedule: optax-lr show --set learning_rate=0.0006 --set lr_scheduler_type=cosine --set warmup_steps=N --set max_steps=320"),
    (["python", "train.py", "--actor-num-gpus-per-node", "8", "--rm-type", "math", "--lr", "1e-6", "--lr-decay-style", "constant", "--num-rollout", "30"], "this is a run of slime, which is not read; state the schedule: optax-lr show --set learning_rate=1e-06 --set lr_scheduler_type=constant"),
    ({"model": {"mask_anneal_steps": 9, "noise_scheduler": {"type": "linear"}}, "training": {"scheduler": "cosine", "lr": 1e-4}}, "knows the use of training.lr 0.0001, training.scheduler cosine; read that, or state the schedule: optax-lr show --set learning_rate=0.0001 --set lr_scheduler_type=cosine"),
    ({"optim": {"lr": 2e-5, "lr_schedule": "constant", "num_warmup_steps": 10}}, "--set learning_rate=2e-05 --set lr_scheduler_type=KIND --set warmup_steps=10 --set max_steps=N"),
    ({"optim": {"lr": 1e-6, "scheduler": [{"name": "a.LinearLR", "kwargs": {"start_factor": "1e-8", "total_iters": 30}}, {"name": "a.ConstantLR", "kwargs": {"total_iters": 900}}, {"milestones": [30]}]}},
     "--set learning_rate=1e-06 --set lr_scheduler_type=KIND --set warmup_steps=30 --set max_steps=N"),
    ({"lr": 1e-3, "sched": [{"type": "LinearLR", "start_factor": 0.1, "total_iters": 30}]}, "--set warmup_steps=N --set max_steps=N"),
    ({"lr": 1e-3, "phases": [{"max_steps": 50}, {"until": "end"}], "decay_steps": 7}, "--set warmup_steps=N --set max_steps=N"),
    ({"opt": {"lr": 1e-3}, "sched": {"name": "ReduceLROnPlateau", "patience": 3}}, "sched.name ReduceLROnPlateau follows a metric, not the step: it has no curve"),
    ({"lr": 1e-3, "sched": {"reduce_on_plateau": {"patience": 3}}}, "sched.reduce_on_plateau.patience 3 follows a metric"),
    ({"lr": 1e-3, "reduce_lr_on_plateau": {"enabled": False, "factor": 0.5}}, "read that, or state the schedule"),
    (["python", "mine.py", "--lr", "1e-4", "--reduce_on_plateau", "False"], "or state the schedule"),
    ({"lr": 1e-3, "sched": "cosine", "callbacks": {"reduce_lr_on_plateau": True}}, "read that, or state the schedule: optax-lr show --set learning_rate=0.001 --set lr_scheduler_type=cosine"),
    ({"trainer": {"accelerator": "gpu", "max_steps": 9}, "model": {"lr": 0.05, "scheduler": "plateau"}}, "which is not read; model.scheduler plateau follows a metric"),
    (["python", "mine.py", "--lr", "1e-4", "--lr_scheduler", "reduce_on_plateau"], "lr_scheduler reduce_on_plateau follows a metric"),
    ({"training_type": "dpo", "training_config": {"extends": "OF_DPO", "learning_rate": 1e-6, "num_train_epochs": 3}}, "is not certain; name it with --trainer trl-dpo"),
    ({"param_scheduler": [], "optim_wrapper": {}}, "a config of mmengine"),
    ({"sched": "cosine", "epochs": 300, "lr": 1e-3}, "a config of timm's train.py"),
    (["python", "train.py", "--learning_rate", "1e-4", "--batch_size", "16", "--epochs", "10"], "only train.py knows the use of --learning_rate 1e-4, --batch_size 16, --epochs 10; train.py is not found from the folder of this file or from the working directory; start optax-lr in the folder where the script is started, or state the schedule"),
    (["torchrun", "-m", "src.cli.train_sft", "--micro_train_batch_size", "2", "--train_batch_size", "8"], "a run with options of OpenRLHF that does not start one of its commands, which is not read; if src.cli.train_sft is a copy of one, name it with --trainer openrlhf"),
    (["python", "mine.py", "--micro_train_batch_size", "2", "--train_batch_size", "8"], "does not start one of its commands, which is not read; state the schedule"),
    ({"micro_train_batch_size": 2, "train_batch_size": 8, "learning_rate": 1e-5}, "write its command with these options to a shell script: python -m openrlhf.cli.train_sft"),
    (["deepspeed", "--module", "openrlhf.cli.train_sft", "--adam.lr", "5e-6", "--max_epochs", "1"], "max_epochs is not an option of OpenRLHF's train_sft where"),
    (["python", "-m", "verl.trainer.main_ppo_sync", "data.train_batch_size=8"], "a run of verl other than main_ppo and its trainers for SFT"),
    (["python", "main.py", "actor_rollout_ref.actor.optim.lr=1e-6"], "runs verl; if its options are those of main_ppo, name it with --trainer verl"),
    (["bash", "run.sh", "actor_rollout_ref.actor.optim.lr=1e-6", "async_training.staleness_threshold=0.5"], "bash runs verl; async_training.staleness_threshold is of an asynchronous run, which is not read; state the schedule: optax-lr show --set learning_rate=1e-06"),
    (["torchrun", "pretrain_retro.py", "--lr", "1e-4", "--retro-project-dir", "p", "--tensor-model-parallel-size", "8"], "has the length of the run in a file of its folder; give it with --set train_samples=VALUE --set global_batch_size=VALUE"),
    (["python", "open_instruct/grpo_fast.py", "--learning_rate", "1e-6", "--actor_num_gpus_per_node", "8"], "a run of open-instruct"),
    (["accelerate", "launch", "train_unconditional.py", "--learning_rate", "1e-4"], "one of diffusers' example scripts"),
    (["accelerate", "launch", "sdxl_train_network.py", "--learning_rate", "1e-4"], "--pretrained_model_name_or_path of sd-scripts is not given"),
    (["./run_train.sh", "--optimizer.lr", "1e-4", "--training.steps", "10"], "run_train.sh knows the use of --optimizer.lr 1e-4"),
    (["yolo", "detect", "train", "epochs=3"], "a config of ultralytics"),
    ({"learning_rate": 1e-4, "optimizer": "adamw", "epochs": 3}, "knows the use of learning_rate 0.0001; read that, or state the schedule"),
    ({"training": {"learning_rate": 1e-4, "max_steps": 9}, "scheduler": {"name": "cosine"}}, "scheduler next to the section training shows that a program of its own reads this file; if training has its settings, read them with --trainer hf"),
    (HF | {"epochs": 3}, "epochs is not a key of TrainingArguments"),
    (HF | {"dataset_name": "d", "use_peft": True, "batch_size": 8}, "batch_size is not a key of TRL"),
    ({"lr": 0.3, "dataset_dir": "d", "val_size": 0.1, "warmup_steps": 9}, "knows the use of lr 0.3, warmup_steps 9; read that, or state the schedule"),
    (HF | {"stage": "sft", "template": "t", "total_steps": 8}, "total_steps is not a key of LLaMA-Factory"),
    (["swift", "sft", "--model", "m", "--dataset", "d", "--epochs", "3"], "--epochs is not an option of ms-swift"),
    (["llamafactory-cli", "train", "sft.yaml", "--learning_rate", "1e-5"], "LLaMA-Factory takes key=value and not --learning_rate"),
    (["tune", "run", "lora_finetune_single_device", "--config", "llama3/8B_lora"], "is a recipe that torchtune ships; copy it with"),
]  # fmt: skip


LEVANTER = {
    "model": {"type": "gpt2"},
    "trainer": {"num_train_steps": 10, "mp": "f32"},
    "optimizer": {"weight_decay": 0.1},
}
RECIPE = CASES["torchtune bd2a0fc7"].source


@pytest.mark.parametrize(
    ("source", "section", "key"),
    [
        (LEVANTER, "trainer", "learning_rate"),
        (LEVANTER, "optimizer", "warmup_ratio"),
        (LEVANTER, "optimizer", "cooldown_ratio"),
        (RECIPE, "lr_scheduler", "min_lr"),
        (RECIPE, "optimizer", "warmup_steps"),
    ],
)
def test_an_unknown_key_of_a_section_is_refused(source, section, key):
    wrong = source | {section: source[section] | {key: 0.1}}
    with pytest.raises(olr.ConfigError, match=rf"{section}\.{key} is not an? "):
        olr.read_config(wrong)
    if "model" in source:
        assert olr.read_config(source | {section: source[section] | {"mine": 3}}).unknown == (f"{section}.mine",)


def test_options_of_levanter_below_a_section_of_a_section():
    words = [
        "python",
        "-m",
        "levanter.main.train_lm",
        "--trainer.num_train_steps",
        "100",
        "--trainer.wandb.project",
        "p",
    ]
    config = olr.read_config([*words, "--optimizer.lr_schedule.type", "linear"])
    assert repr(config.plan().schedule) == repr(olr.Linear(6e-4, 100, 1, min_lr=6e-4 * 0.1))
    assert config.unknown == ()
    with pytest.raises(olr.ConfigError, match="--n_epochs is not an option of Levanter"):
        olr.read_config([*words, "--n_epochs", "3"])


@pytest.mark.parametrize(("source", "trainer"), RECOGNISED)
def test_recognised(source, trainer):
    assert olr.read_config(source).trainer == trainer


@pytest.mark.parametrize(("source", "message"), REFUSED)
def test_refused_in_one_line(source, message, tmp_path):
    with pytest.raises(olr.ConfigError) as caught:
        olr.read_config(source)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    if isinstance(source, dict):
        path = tmp_path / "run.yaml"
        path.write_text(yaml.safe_dump(source))
        (found, *_) = olr.lint(path)
        assert found.severity == "error"


def test_a_trainer_of_calls_in_scripts_is_refused_for_other_files():
    for name in ("optax", "torch", "own", "optimizer"):
        with pytest.raises(
            olr.ConfigError, match=f"--trainer {name} is for calls in Python scripts, and there is none"
        ):
            olr.read_config({"learning_rate": 1e-4, "max_steps": 9}, trainer=name)


def test_a_named_trainer_is_used():
    shared = {"learning_rate": 1e-4, "lr_scheduler_type": "warmup_stable_decay", "max_steps": 100}
    assert olr.read_config(shared, trainer="llamafactory").plan().schedule.decay_steps == 67
    with pytest.raises(olr.ConfigError, match="needs num_decay_steps"):
        olr.read_config(shared).plan()
    own = ["python", "train.py", "--learning_rate", "1e-4", "--max_steps", "9", "--mine", "3"]
    assert olr.read_config(own, trainer="hf").unknown == ("mine",)
    odd = {"training": {"learning_rate": 1e-4, "max_steps": 9}, "scheduler": {"name": "cosine"}}
    assert olr.read_config(odd, trainer="hf").section == ("training",)
    with pytest.raises(olr.ConfigError, match="--trainer xyz: write one of"):
        olr.read_config(shared, trainer="xyz")


def test_keys_of_two_trainers_in_one_file_are_refused():
    both = {"tuner_type": "lora", "model": "m", "dataset": "d", "warmup_steps_fraction": 0.1, "steps": 9}
    with pytest.raises(
        olr.ConfigError,
        match=r"more than one trainer: ms-swift by .*; MaxText by .*Name it with --trainer maxtext",
    ):
        olr.read_config(both)


def test_values_of_the_caller_replace_those_of_the_file():
    config = olr.read_config({"training": HF}, values={"learning_rate": 3e-5, "max_steps": 7})
    assert repr(config.plan().schedule) == repr(olr.Linear(3e-5, 7))


def test_defaults_are_listed_with_their_owner():
    config = olr.read_config({"learning_rate": 1e-4, "num_train_epochs": 2})
    told = {default.key: (default.value, default.whose) for default in config.plan(num_examples=80).defaults}
    whose = "transformers 5.24.0 TrainingArguments"
    assert told == {
        "lr_scheduler_type": ("linear", whose),
        "warmup_steps": (0, whose),
        "per_device_train_batch_size": (8, whose),
        "gradient_accumulation_steps": (1, whose),
    }
    older = config.plan(num_examples=80, transformers_version="4.48.3").defaults
    assert {default.whose for default in older} == {"transformers 4.48.3 TrainingArguments"}
    assert [default.key for default in olr.read_config(HF | {"max_steps": 5}).defaults] == [
        "lr_scheduler_type",
        "warmup_steps",
    ]


def test_defaults_are_those_of_the_real_class(tmp_path):
    import transformers

    real = transformers.TrainingArguments(output_dir=str(tmp_path))
    for default in olr.read_config(
        {"output_dir": "o", "save_total_limit": 1, "weight_decay": 0.0, "max_steps": -1}
    ).defaults:
        assert default.value == getattr(real, default.key), default


def test_known_keys_are_the_fields_of_the_real_class():
    import dataclasses

    import transformers

    for name in ("TrainingArguments", "Seq2SeqTrainingArguments"):
        real = {field.name for field in dataclasses.fields(getattr(transformers, name)) if field.init}
        assert (
            not {key for key in real if not key.startswith("_")}
            - class_keys("transformers", name)
            - class_keys("transformers", "TrainingArguments")
        )
    assert all(len(keys_of(name)) > 200 for name in ("llamafactory", "axolotl", "swift", "megatron", "maxtext"))


@pytest.mark.parametrize(
    "key",
    [
        "epochs",
        "batch_size",
        "num_epochs",
        "train_batch_size",
        "scheduler",
        "lr",
        "max_iters",
        "warmup",
        "total_steps",
        "min_lr",
        "n_epochs",
        "lr_schedule",
        "dataset_repeats",
        "batch_size_per_device",
    ],
)
def test_keys_that_look_like_the_curve(key):
    assert concerns_curve(key)


@pytest.mark.parametrize(
    "key",
    ["eval_batch_size", "save_steps", "logging_interval_steps", "vision_lr", "mm_projector_lr", "system_prompt", "lora_rank", "weight_decay_mult",
     "num_workers", "early_stopping_steps", "data_path", "stage", "warmup_layers", "no_repeat_ngram_size", "value_gamma",
     "generate_every_n_steps", "optimizer_home_device", "optimizer_state_dtype"],
)  # fmt: skip
def test_keys_that_do_not_look_like_the_curve(key):
    assert not concerns_curve(key)
    assert group_rate(key) == key.endswith("_lr")


def test_every_trainer_has_a_name_of_its_own():
    assert len({trainer.title for trainer in TRAINERS.values()}) >= len(TRAINERS) - 2  # LLaMA-Factory's three forms
    assert list(TRAINERS)[-1] == "hf"
    assert all(set(trainer.covers) <= set(TRAINERS) for trainer in TRAINERS.values())


def test_transformers_before_4_52_rounds_the_updates_of_an_epoch_down():
    config = olr.read_config(
        {
            "learning_rate": 1.0,
            "gradient_accumulation_steps": 4,
            "num_train_epochs": 2,
            "per_device_train_batch_size": 1,
        }
    )
    assert [
        config.plan(num_examples=10, transformers_version=version).max_steps
        for version in ("4.51.3", "4.52.4", "5.24.0")
    ] == [4, 6, 6]


def test_a_key_of_older_transformers_is_a_reason_to_name_the_version():
    keys = {"learning_rate": 1e-4, "gradient_accumulation_steps": 4, "num_train_epochs": 1}
    old = olr.read_config(keys | {"evaluation_strategy": "epoch"})
    assert any("give --transformers-version 4.48.3" in note for note in old.plan(num_examples=100).notes)
    silent = [
        old.plan(num_examples=100, transformers_version="4.48.3"),
        olr.read_config(keys | {"evaluation_strategy": "epoch", "max_steps": 5}).plan(),
        olr.read_config(keys | {"eval_strategy": "epoch"}).plan(num_examples=100),
    ]
    assert not any("--transformers-version" in note for plan in silent for note in plan.notes)
    words = ["src/train_bash.py", "--stage", "sft", "--learning_rate", "1e-4", "--gradient_accumulation_steps", "4"]
    assert "src/train_bash.py is of older versions" in olr.read_config(words).plan(num_examples=100).notes[-1]


@pytest.mark.parametrize(
    ("more", "note"),
    [
        ({"auto_find_batch_size": True}, "auto_find_batch_size: the steps are those of the batch as stated"),
        (
            {"accelerator_config": {"gradient_accumulation_kwargs": {"num_steps": 4}}},
            "gradient_accumulation_kwargs: num_steps in it would replace",
        ),
        (
            {"accelerator_config": {"split_batches": True}},
            "split_batches: the processes divide a batch among them; give 1 as their number",
        ),
        (
            {"interleave_prob": [0.5, 0.5], "tuner_type": "lora", "dataset": "a"},
            "interleave_prob: the number of examples must be that after the mixing",
        ),
        ({"max_train_samples": 500}, "max_train_samples: the number of examples must be that after the cut"),
        ({"parallelism_config": {"tp_size": 2}}, "parallelism_config.tp_size: give the number of data-parallel ranks"),
        ({"per_gpu_train_batch_size": 2}, "per_gpu_train_batch_size: transformers 4 took it"),
        ({"vision_tower_lr": 1e-6}, "vision_tower_lr: the rate of other parameters"),
        ({"loraplus_lr_ratio": 16}, "loraplus_lr_ratio: the rate of other parameters"),
        (
            {"block_size": 512},
            "block_size: texts may be joined and cut into blocks, as by run_clm.py; then the number of examples is that",
        ),
        ({"dataset_mixer": {"d": 1.0}, "dataset_splits": ["train"]}, "dataset_mixer: alignment-handbook's run_sft.py"),
        ({"packing": True, "dataset_name": "d"}, "packing: the number of examples is that of the packed rows"),
    ],
)
def test_missing_facts_about_the_data_are_noted(more, note):
    assert any(text.startswith(note) for text in olr.read_config(HF | more).notes)


def test_blocks_of_texts_are_the_examples_of_run_clm():
    words = ["run_clm.py", "--learning_rate", "1e-4", "--num_train_epochs", "1"]
    assert any(
        note.startswith("run_clm.py: transformers' script of this name joins texts")
        for note in olr.read_config(words).notes
    )
    config = olr.read_config([*words, "--block_size", "512"])
    assert config.unknown == ()
    assert [note.partition(":")[0] for note in config.notes if " texts " in note] == ["run_clm.py"]
    without = "do_train is not given, without which transformers' scripts of such names train nothing"
    assert without in config.notes
    assert without not in olr.read_config([*words, "--do_train"]).notes


@pytest.mark.parametrize(
    ("more", "steps"),
    [
        ({"stage": "pt"}, 100),
        ({"stage": "pt", "packing": False}, 8),
        ({"stage": "sft", "packing": True}, 100),
        ({"stage": "sft", "neat_packing": True, "val_size": 0.1}, 100),
        ({"stage": "sft"}, 8),
    ],
)
def test_max_samples_of_llamafactory_counts_texts_and_not_packed_rows(more, steps):
    values = {"finetuning_type": "lora", "learning_rate": 1e-4, "num_train_epochs": 1, "per_device_train_batch_size": 5}
    config = olr.read_config(values | {"max_samples": 40} | more)
    assert config.plan(num_examples=500).max_steps == steps
    assert (steps == 100) == any("give the packed rows" in note for note in config.notes)


def test_workers_of_ray_are_processes():
    values = HF | {"stage": "sft", "finetuning_type": "lora", "ray_num_workers": 4}
    plan = olr.read_config(values).plan(num_examples=160)
    assert (plan.max_steps, plan.world_size, plan.world_size_from) == (10, 4, "ray_num_workers of the file")


def test_processes_that_ms_swift_starts_by_ray():
    keys = {"tuner_type": "lora", "model": "m", "dataset": "d", "num_train_epochs": 1, "use_ray": True}
    group = {"device": "GPU", "workers": ["default"]}
    for ranks, count in (("list(range(0, 4))", 4), (2, 2), ("ranks()", None)):
        config = olr.read_config(keys | {"device_groups": {"nproc_per_node": 4, "default": group | {"ranks": ranks}}})
        assert config.processes.count == count


def test_maxtext_distils_along_a_cosine_to_the_last_step():
    config = olr.read_config({"base_config": "base.yml", "teacher_overrides": {}, "steps": 100, "learning_rate": 1e-4})
    assert repr(config.plan().schedule) == repr(olr.Cosine(1e-4, 100, 10, min_lr=1e-5))


@pytest.mark.parametrize(
    ("key", "old"),
    [
        ("dpo_beta", True),  # at the top level until 2026-05
        ("dpo", False),
        ("cosine_learning_rate_final_fraction", True),
        ("ar_key_axis_order", True),  # until 2024-06
        ("expert_shard_attention_option", False),  # until 2026-04
        ("wsd_decay_style", False),
    ],
)
def test_keys_of_maxtext_show_which_cosine_it_has(key, old):
    value = {"dpo": {"dpo_beta": 0.1}, "wsd_decay_style": "linear", "cosine_learning_rate_final_fraction": 0.1}.get(
        key, 1
    )
    config = olr.read_config({"base_config": "base.yml", "steps": 100, "learning_rate": 1e-4, key: value})
    assert repr(config.plan().schedule) == repr(olr.Cosine(1e-4, 100 - (not old), 10, min_lr=1e-5))
    assert any("as by MaxText until 2025" in note for note in config.notes) is old
    floors = {"learning_rate_final_fraction", "cosine_learning_rate_final_fraction"}
    expected = {"cosine_learning_rate_final_fraction"} if old else {"learning_rate_final_fraction"}
    assert floors & {default.key for default in config.defaults} == expected - {key}


@pytest.mark.parametrize(
    ("optimizer", "start"),
    [
        ({"type": "muon"}, "optimizer.adam_lr 0.0006, Levanter's default: the rate of other parameters"),
        ({"type": "muon", "adam_lr": 3e-4}, "optimizer.adam_lr 0.0003: the rate of other parameters"),
        ({"type": "scion"}, "optimizer.scion_to_signum_lr 0.25, Levanter's default: the factor of the rate"),
        ({"type": "adam"}, None),
    ],
)
def test_the_second_rate_of_an_optimizer_of_levanter(optimizer, start):
    keys = {"optimizer": optimizer | {"learning_rate": 0.01}, "trainer": {"mp": "p=f32", "num_train_steps": 100}}
    notes = olr.read_config(keys).notes
    assert [note.startswith(start) for note in notes] == [True] if start else not notes


def test_only_the_options_of_megatron_that_decide_must_be_stated(tmp_path):
    path = tmp_path / "run.sh"
    command = "torchrun pretrain_gpt.py --tensor-model-parallel-size 2 --lr 1e-4 --lr-decay-style cosine --global-batch-size $B"
    path.write_text(f"{command} --train-iters 100 --use-distributed-optimizer $D --optimizer-offload-fraction $F")
    assert repr(olr.read_config(path).plan().schedule) == repr(olr.Cosine(1e-4, 100))
    for option, asked in ((" --train-samples 6400", "global_batch_size"), (" --train-iters 9 --min-lr $M", "min_lr")):
        path.write_text(command + option)
        with pytest.raises(olr.ConfigError, match=f"--set {asked}=VALUE"):
            olr.read_config(path)


def test_a_rate_of_0_is_noted():
    plan = olr.read_config(HF | {"learning_rate": 0.0, "max_steps": 9}).plan()
    assert plan.notes == ("learning_rate is 0: every update has rate 0, and nothing is trained",)


def test_settings_next_to_the_section_that_is_read_are_noted(tmp_path):
    arguments = {
        "learning_rate": 1e-5,
        "num_train_epochs": 1,
        "per_device_train_batch_size": 2,
        "lr_scheduler_type": "cosine",
    }
    lora = {"r": 8, "learning_rate": 3e-4, "num_train_epochs": 3}
    path = tmp_path / "all.yaml"
    path.write_text(yaml.safe_dump({"model": {"name": "m"}, "dpo": arguments, "lora": lora, "sft": arguments}))
    notes = {
        config.section: [note for note in config.notes if "not in this plan" in note]
        for config in olr.read_configs(path)
    }
    assert notes == {
        (name,): [f"the settings under lora are not in this plan, which is that of {name}"] for name in ("sft", "dpo")
    }
    path.write_text(yaml.safe_dump({"training": arguments, "lora": lora}))
    assert "the settings under lora are not in this plan, which is that of training" in olr.read_config(path).notes
    path.write_text(yaml.safe_dump({"training": arguments, "lora": {"r": 8}}))
    assert not any("not in this plan" in note for note in olr.read_config(path).notes)


def test_facts_that_max_steps_makes_irrelevant_may_be_unknown(tmp_path):
    path = tmp_path / "run.sh"
    path.write_text(
        "torchrun t.py --learning_rate 1e-4 --lr_scheduler_type cosine --max_steps 50 --per_device_train_batch_size $B\n"
    )
    assert repr(olr.read_config(path).plan().schedule) == repr(olr.Cosine(1e-4, 50))


def test_defaults_of_a_custom_program(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("model: {name: m}\ntraining: {learning_rate: 0.0001, num_train_epochs: 1, save_steps: 5}\n")
    with pytest.raises(olr.ConfigError, match="lr_scheduler_type is not under training, and the program that reads"):
        olr.read_config(path)
    (tmp_path / "train.py").write_text("import yaml\nyaml.safe_load(open('run.yaml'))\n")
    with pytest.raises(olr.ConfigError, match=r"is not under training, and \S*train\.py may have a default of its own"):
        olr.read_config(path)
    (tmp_path / "train.py").unlink()
    (note,) = olr.read_config(path, values={"lr_scheduler_type": "cosine"}).notes
    assert note.startswith("the section training shows that another program reads this file, which may have other")
    assert note.endswith("a schedule of its own or one of a DeepSpeed config that its command names")
    assert olr.read_config(path, trainer="hf").settings.lr_scheduler_type == "linear"
    path.write_text("adapter_of_mine: a\nlearning_rate: 0.0001\nnum_train_epochs: 1\nper_device_train_batch_size: 4\n")
    (note,) = olr.read_config(path).notes
    assert note.startswith("adapter_of_mine shows that another program reads this file")


def test_the_arguments_that_ms_swift_saves_with_a_run():
    keys = {
        "tuner_type": "lora",
        "model": "m",
        "dataset": "d",
        "num_train_epochs": 1,
        "global_world_size": 4,
        "local_world_size": 4,
    }
    assert olr.read_config(keys).plan(num_examples=1600).max_steps == 100


def test_a_section_of_any_name_with_training_arguments():
    section = {
        "output_dir": "o",
        "learning_rate": 1e-5,
        "lr_scheduler_type": "cosine",
        "num_train_epochs": 2,
        "warmup_steps": 5,
    }
    config = olr.read_config({"model": {"name": "m"}, "sft_config": section})
    assert (config.section, repr(config.plan(num_examples=80).schedule)) == (
        ("sft_config",),
        repr(olr.Cosine(1e-5, 20, 5)),
    )
    own = {"sft_config": section | {"rank": 8}}
    with pytest.raises(olr.ConfigError, match="under sft_config is not certain; name it with --trainer hf or trl-sft"):
        olr.read_config(own)
    assert olr.read_config(own, trainer="hf").settings.learning_rate == 1e-5
    with pytest.raises(olr.ConfigError, match="training arguments are under sft_config and dpo_config; keep one"):
        olr.read_config({"sft_config": section, "dpo_config": section})


def test_the_default_rate_is_not_taken_next_to_a_rate_of_another_name():
    own = {"max_steps": 10, "opt": {"lr": 1e-4}}
    with pytest.raises(olr.ConfigError, match=r"knows the use of opt\.lr 0\.0001"):
        olr.read_config(own)
    with pytest.raises(olr.ConfigError, match=r"learning_rate is not given, and opt\.lr 0\.0001 may be the rate"):
        olr.read_config(own, trainer="hf")
    assert olr.read_config(own, trainer="hf", values={"learning_rate": 1e-4}).settings.learning_rate == 1e-4
    assert (
        olr.read_config({"max_steps": 10, "deepspeed": {"optimizer": {"params": {"lr": 1e-4}}}}).settings.max_steps
        == 10
    )


def test_a_named_trainer_reads_the_section_with_settings():
    nested = {"model": {"r": 8}, "training": {"orpo": {"learning_rate": 5e-4, "num_train_epochs": 1}}}
    config = olr.read_config(nested, trainer="trl-orpo")
    assert (config.section, config.settings.learning_rate) == (("training", "orpo"), 5e-4)
    with pytest.raises(olr.ConfigError, match=r"settings are under training\.orpo and dpo; keep one"):
        olr.read_config(nested | {"dpo": {"learning_rate": 1e-6}}, trainer="trl-orpo")
    with pytest.raises(olr.ConfigError, match=r"does not read the settings under training\.orpo"):
        olr.read_config(nested | {"max_steps": 10}, trainer="trl-orpo")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "python nlp.py --train-iters 10 --lr 1e-4 --lr-decay-style cosine --lr-warmup-fraction 0.1 --min-lr 1e-5 --own 1",
            "if it is Megatron-LM, name it with --trainer megatron",
        ),
        (
            "python own.py --learning_rate 1e-4 --per_device_train_batch_size 8 --min_lr_ratio 0.1",
            "--set min_lr_ratio=null --set lr_scheduler_kwargs.min_lr_ratio=VALUE",
        ),
        (
            "python own.py --learning_rate 1e-4 --per_device_train_batch_size 8 --num_warmup_steps 5",
            "but of own.py; give what it means by it: --set num_warmup_steps=null --set warmup_steps=VALUE",
        ),
        (
            "python own.py --learning_rate 1e-4 --per_device_train_batch_size 8 --min_lr 1e-6 --lr_scheduler cosine",
            "--min_lr, --lr_scheduler are not options of TrainingArguments but of own.py; give what it means by them: ",
        ),
    ],
)
def test_the_way_out_of_a_program_with_options_of_its_own(command, message):
    with pytest.raises(olr.ConfigError, match=message) as caught:
        olr.read_config(command.split())
    without = dict.fromkeys(re.findall(r"--set (\w+)=null", str(caught.value)))
    if without:
        assert olr.read_config(command.split(), values=without).settings.learning_rate == 1e-4


def test_a_key_that_axolotl_reads_twice_with_one_value(tmp_path):
    path = tmp_path / "a.yml"
    text = "base_model: m\nsequence_len: 8\nmicro_batch_size: 2\ngradient_accumulation_steps: 1\nlearning_rate: 1e-4\nmax_steps: 9\nmicro_batch_size: "
    path.write_text(text + "2\n")
    config = olr.read_config(path)
    assert config.plan().max_steps == 9
    assert any("micro_batch_size is given twice with one value, in lines 3 and 7" in note for note in config.notes)
    path.write_text(text + "4\n")
    with pytest.raises(olr.ConfigError, match="micro_batch_size is given twice, in lines 3 and 7; keep one"):
        olr.read_config(path)


def test_what_axolotl_and_the_recipes_do_with_the_data():
    keys = {
        "base_model": "m",
        "sequence_len": 8,
        "micro_batch_size": 2,
        "gradient_accumulation_steps": 1,
        "learning_rate": 1e-4,
        "max_steps": 9,
    }
    with pytest.raises(olr.ConfigError, match="axolotl refuses sample_packing with rl"):
        olr.read_config(keys | {"rl": "dpo", "sample_packing": True})
    recipe = {"dataset_mixture": {"test_split_size": 50}, "learning_rate": 1e-5, "beta": 0.1, "num_train_epochs": 1}
    assert any("test_split_size 50 is taken from the data" in note for note in olr.read_config(recipe).notes)


def test_a_config_of_axolotl_with_a_key_of_transformers():
    # axolotl ignores the key, and takes a ratio of the steps of the data where max_steps are more.
    keys = {"base_model": "m", "micro_batch_size": 1, "gradient_accumulation_steps": 8, "datasets": [{"path": "d"}]}
    keys |= {"learning_rate": 1e-5, "lr_scheduler_type": "linear", "max_steps": 10800, "warmup_ratio": 0.05}
    config = olr.read_config(keys)
    assert (config.trainer, config.unknown) == ("axolotl", ("lr_scheduler_type",))
    plan = config.plan(num_examples=10_000)
    assert repr(plan.schedule) == repr(olr.Cosine(1e-5, 10800, 62))
    noted = [any("the warmup is shorter" in note for note in made.notes) for made in (plan, config.plan())]
    assert noted == [False, True]


def test_a_recipe_of_dpo_with_a_key_that_grpo_has_too():
    # DPOConfig had max_completion_length until TRL 0.26; max_length is none of GRPOConfig's.
    recipe = {"learning_rate": 1e-6, "beta": 0.1, "max_completion_length": 512, "num_train_epochs": 1}
    plans = [olr.read_config(recipe | more).plan(num_examples=800) for more in ({"max_length": 1024}, {})]
    assert [plan.max_steps for plan in plans] == [100, 800]


def test_words_and_interpreters_that_a_script_does_not_state(tmp_path):
    path = tmp_path / "run.sh"
    path.write_text(
        'mapfile -t MORE < <(more)\n"$(py)" -m verl.trainer.main_ppo data.train_batch_size=8 trainer.total_epochs=1\n'
    )
    assert olr.read_config(path).plan(num_examples=80).max_steps == 10
    path.write_text(
        'mapfile -t MORE < <(more)\npython a.py --learning_rate 1e-4 --max_steps 9 --output_dir "$(out)" "${MORE[@]}"\n'
    )
    assert "$MORE: not set in the script, and taken as empty" in olr.read_config(path).notes


def test_a_key_that_is_given_twice_can_be_given_by_the_user(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("dataset_name: d\nlearning_rate: 1.0e-5\nmax_steps: 10\nmax_steps: 20\n")
    with pytest.raises(olr.ConfigError, match="max_steps is given twice"):
        olr.read_config(path)
    assert olr.read_config(path, values={"max_steps": 20}).plan().max_steps == 20


PRETRAIN = [
    *("pretrain_gpt.py", "--lr", "1e-4", "--train-iters", "90", "--lr-decay-style", "cosine", "--num-layers", "2"),
    *("--global-batch-size", "8", "--micro-batch-size", "1"),
]
PACKED = {
    "base_model": "m",
    "micro_batch_size": 1,
    "gradient_accumulation_steps": 1,
    "learning_rate": 1e-4,
    "max_steps": 9,
}
PHASES = {"phases": [{"max_steps": 350}, {"max_steps": 300}]}


@pytest.mark.parametrize(
    ("config", "note"),
    [
        (
            PACKED | {"max_steps": None, "datasets": [{"type": "sharegpt.load_role"}]},
            "type: sharegpt is of axolotl in 2024 or older; newer versions refuse it",
        ),
        (PACKED | {"max_packed_sequence_len": 2048}, "max_packed_sequence_len: older versions of axolotl pack by it"),
        (
            [*PRETRAIN, "--use-checkpoint-opt_param-scheduler"],
            "use_checkpoint_opt_param_scheduler: the rates of a checkpoint that is loaded replace these",
        ),
        ([*PRETRAIN, "--exit-interval", "20"], "exit_interval: the run may end before its last iteration"),
        (
            {"training": HF, "curriculum": PHASES},
            "the settings under curriculum.phases are not in this plan, which is that of training",
        ),
    ],
)
def test_keys_that_change_the_meaning_of_the_others_are_noted(config, note):
    assert any(text.startswith(note) for text in olr.read_config(config).notes)


def test_a_section_with_keys_of_grpo_is_of_trl():
    training = HF | {"num_generations": 8, "max_completion_length": 64, "per_device_train_batch_size": 8}
    config = olr.read_config({"model_name": "m", "training": training, "seed": 1})
    assert (config.trainer, config.section) == ("trl", ("training",))
    assert config.plan(num_examples=80).max_steps == olr.read_config(training).plan(num_examples=80).max_steps


def test_a_condition_of_an_old_key_shows_an_old_version(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(
        "from transformers import TrainingArguments\nTrainingArguments('o', num_train_epochs=1, gradient_accumulation_steps=4,\n"
        "    evaluation_strategy='steps' if size > 0 else 'no')\n"
    )
    assert any(
        "evaluation_strategy is of older versions" in note
        for note in olr.read_config(path).plan(num_examples=100).notes
    )


def test_the_name_of_an_optimizer_has_no_effect():
    config = olr.read_config(HF | {"optimizer": "adamw"})
    assert config.unknown == ("optimizer",)


def test_processes_of_a_group_in_torchtune_have_the_same_examples():
    recipe = {
        "optimizer": {"_component_": "torch.optim.AdamW", "lr": 2e-5},
        "epochs": 1,
        "batch_size": 4,
        "tensor_parallel_dim": 8,
    }
    recipe |= {"model": {"_component_": "torchtune.models.llama3.llama3_8b"}, "gradient_accumulation_steps": 1}
    config = olr.read_config(recipe)
    assert [config.plan(num_examples=10_000, world_size=count).max_steps for count in (8, 16)] == [2500, 1250]
    with pytest.raises(olr.ConfigError, match="12 processes cannot be divided into the recipe's groups of 8"):
        config.plan(num_examples=10_000, world_size=12)


def test_names_that_nanogpt_does_not_have_show_a_fork(tmp_path):
    path = tmp_path / "train_own.py"
    path.write_text(
        "out_dir = 'o'\nlearning_rate = 1e-3\nmax_iters = 100\nlr_decay_iters = 100\nwarmup_iters = 5\nn_layer = 2\n"
    )
    assert not any("other defaults" in note for note in olr.read_config(path).notes)
    path.write_text(path.read_text() + "operator = '+'\n")
    config = olr.read_config(path)
    assert config.unknown == ("operator",)
    assert any(note.endswith("of a fork, which may have other defaults for min_lr, decay_lr") for note in config.notes)


def test_an_accumulation_that_is_not_known_is_noted_where_the_steps_are_given(tmp_path):
    path = tmp_path / "run.sh"
    path.write_text(
        "python run_clm.py --learning_rate 1e-4 --max_steps 9 --gradient_accumulation_steps $((64 / NODES))\n"
    )
    config = olr.read_config(path)
    assert config.plan().max_steps == 9
    assert any(
        note.startswith("gradient_accumulation_steps: not known, and without effect on the curve")
        for note in config.notes
    )
