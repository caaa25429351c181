"""Commands of OpenRLHF: the real schedulers with its arguments, and what its versions do not share."""

import math
from functools import partial

import numpy as np
import pytest
import transformers

import optax_lr as olr
from tests.trainers.cases import stepped

SFT = ["deepspeed", "--num_gpus", "8", "--module", "openrlhf.cli.train_sft"]
PPO = ["ray", "job", "submit", "--address=http://127.0.0.1:8265", "--", "python3", "-m", "openrlhf.cli.train_ppo_ray"]
FLOORED = ["cosine_with_min_lr", "cosine_warmup_with_min_lr"]
KINDS = [
    *("linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup", "inverse_sqrt"),
    *(*FLOORED, "warmup_stable_decay"),
]
FLAT = ["--learning_rate", "1e-4", "--max_epochs", "1", "--train_batch_size", "10"]
DOTTED = ["--adam.lr", "1e-4", "--train.max_epochs", "1", "--train.batch_size", "10"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [FLAT, DOTTED])
def test_each_schedule_is_that_of_the_real_function_with_the_arguments_of_openrlhf(kind, options):
    if options is DOTTED:  # utils/deepspeed/deepspeed.py of 0.11.0
        keywords = {"min_lr_rate": 0.1} if kind in FLOORED else {}
    else:  # cli/train_sft.py of 0.9.0, with transformers 4.57
        keywords = {"min_lr": 1e-5} if kind != "inverse_sqrt" else {}
    lengths = {"num_warmup_steps": math.ceil(50 * 0.03), "num_training_steps": 50}
    real = partial(transformers.get_scheduler, kind, **lengths, scheduler_specific_kwargs=keywords)
    command = [*SFT, *options, "--lr_scheduler", kind]
    try:
        rates = stepped(real, 1e-4, 50)
    except TypeError:  # a keyword that this kind does not take, or one that it lacks
        with pytest.raises(olr.ConfigError, match="lr_scheduler"):
            olr.read_config(command)
        return
    plan = olr.read_config(command).plan(num_examples=509)
    assert (plan.max_steps, plan.world_size) == (50, 8)
    assert np.asarray(plan.schedule(np.arange(50))) == pytest.approx(rates, rel=3e-7, abs=1e-15)


# The defaults of the options in each `cli/train_*.py` of 0.9.5 and 0.11.0.
@pytest.mark.parametrize(
    ("command", "flat", "rate", "epochs"),
    [
        ("sft", ["--save_path", "s"], 5e-6, 2),
        ("sft", ["--ckpt.path", "s"], 5e-6, 2),
        ("dpo", ["--save_path", "s"], 1e-5, 1),
        ("rm", ["--ckpt.path", "s"], 9e-6, 1),
        ("kto", [], 1e-5, 1),
        ("kd", [], 5e-6, 1),
        ("prm", [], 1e-6, 1),
        ("ppo", [], 1e-6, 1),
        ("ppo_ray", ["--save_path", "s"], 1e-6, 1),
        ("ppo_ray", [], 1e-6, 1),
    ],
)
def test_the_defaults_of_each_command(command, flat, rate, epochs):
    config = olr.read_config(["python", "-m", f"openrlhf.cli.train_{command}", *flat])
    plan = config.plan(num_examples=1280)
    assert repr(plan.schedule) == repr(olr.Cosine(rate, 10 * epochs, 1, min_lr=rate * 0.1))
    assert config.unknown == ()
    whose = {default.key: default.whose for default in config.defaults}
    before = "; 1e8 before 0.7" if "max_samples" in whose and "ppo" not in command else ""
    key = "max_samples" if "max_samples" in whose else "data.max_samples"
    assert whose[key] == f"OpenRLHF's train_{command}{before}"


def test_a_run_of_ppo_counts_completions_episodes_and_epochs():
    lengths = ["--n_samples_per_prompt", "8", "--num_episodes", "3", "--max_epochs", "2", "--rollout_batch_size", "512"]
    config = olr.read_config([*PPO, "--actor_learning_rate", "5e-7", "--actor_num_gpus_per_node", "4", *lengths])
    plan = config.plan(num_examples=10_001)
    assert plan.max_steps == 10_001 * 8 // 128 * 3 * 2
    assert (plan.world_size, plan.world_size_from) == (4, "actor_num_nodes 1 and actor_num_gpus_per_node 4")
    assert [default.key for default in plan.defaults] == [
        "lr_scheduler",
        "lr_warmup_ratio",
        "train_batch_size",
        "max_samples",
    ]
    starts = ["the critic has a schedule of its own, from critic_learning_rate 9e-06", "before 0.4.5", "OpenRLHF 0.7.1"]
    starts.append("the floor is a tenth of the rate")
    assert [note.startswith(start) for note, start in zip(config.notes, starts, strict=True)] == [True] * 4
    assert plan.notes == (
        f"before 0.9.1, OpenRLHF drops {10_001 % 512} prompts of an episode, and the run ends before the schedule does",
    )
    grpo = ["--algo.advantage.estimator", "group_norm", "--algo.dynamic_filtering_enable", "--actor.adam.lr", "5e-7"]
    config = olr.read_config([*PPO, *grpo, "--critic.freezing_steps", "5", "--actor.optim", "muon"])
    assert config.notes == (
        "the matrices have the rate of actor.muon.lr 0.02, with the same curve",
        "the actor and its schedule begin after critic.freezing_steps 5, and the run ends before the schedule does",
        "algo.dynamic_filtering_enable: prompts are used up faster, and the run ends before the schedule does",
    )
    assert config.plan(num_examples=10_001).notes == ()


def test_what_an_epoch_leaves_counts_in_the_next():
    config = olr.read_config(
        [*SFT, "--train.max_epochs", "3", "--train.batch_size", "100", "--data.max_samples", "190"]
    )
    plan = config.plan(num_examples=10_000)
    assert plan.max_steps == 3
    assert plan.notes[0] == "90 examples of an epoch count in the next: after these steps up to 2 more follow"
    with pytest.raises(olr.ConfigError, match="99 examples make no batch of 100"):
        config.plan(num_examples=99)


def test_options_of_a_script_that_it_does_not_determine(tmp_path):
    path = tmp_path / "run.sh"
    path.write_text(f"{' '.join(SFT)} --adam.lr $1 --train.micro_batch_size $2 --model.model_name_or_path $3\n")
    with pytest.raises(olr.ConfigError, match=r"what --adam\.lr \$1 in the command of line 1 is.*--set adam\.lr=VALUE"):
        olr.read_config(path)
    assert olr.read_config(path, values={"adam.lr": 3e-6}).settings.learning_rate == 3e-6
    shorter = [*SFT, "--learning", "3e-6", "--max_ep", "4", "--train_b", "8"]
    assert olr.read_config(shorter).plan(num_examples=8).max_steps == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([*SFT, "--actor.adam.lr", "1e-6"], "actor.adam.lr is not an option of OpenRLHF's train_sft where"),
        ([*SFT, "--learning_rate", "1e-6", "--min_lr_ratio", "0.2"], "the options are flat, as before 0.10.2"),
        ([*PPO, "--learning_rate", "1e-6"], "learning_rate is not an option of OpenRLHF's train_ppo_ray"),
        ([*SFT, "--num_train_epochs", "2"], "--num_train_epochs is not an option of OpenRLHF"),
        ([*SFT, "--learning_rate", "fast"], "learning_rate must be a number"),
        ([*SFT, "--lr_warmup_ratio", "100"], r"lr_warmup_ratio must lie in \[0, 1\], not 100"),
    ],
)
def test_options_of_openrlhf_that_are_refused(words, message):
    with pytest.raises(olr.ConfigError, match=message):
        olr.read_config(words)


def test_a_copy_of_openrlhf_is_read_only_where_it_is_named():
    copy = [
        "torchrun",
        "-m",
        "src.cli.train_sft",
        "--train_batch_size",
        "8",
        "--micro_train_batch_size",
        "1",
        "--own",
        "3",
    ]
    with pytest.raises(olr.ConfigError, match="name it with --trainer openrlhf"):
        olr.read_config(copy)
    config = olr.read_config(copy, trainer="openrlhf")
    assert (config.unknown, config.refused) == (("own",), ("own",))
    assert "src.cli.train_sft is read as OpenRLHF's train_sft" in config.notes[0]
    with pytest.raises(olr.ConfigError, match="main is not named as a command of OpenRLHF is"):
        olr.read_config(["python", "-m", "main", "--train_batch_size", "8"], trainer="openrlhf")
