"""Commands and config files of verl."""

import pytest

import optax_lr as olr

ACTOR = "actor_rollout_ref.actor.optim."
VERL = ["python3", "-m", "verl.trainer.main_ppo", "algorithm.adv_estimator=grpo", "data.train_batch_size=256"]


def test_verls_defaults_lengths_and_processes():
    config = olr.read_config([*VERL, "trainer.n_gpus_per_node=4", "actor_rollout_ref.actor.ppo_mini_batch_size=64"])
    plan = config.plan(num_examples=1000)
    assert repr(plan.schedule) == repr(olr.Constant(1e-6))
    assert (plan.max_steps, plan.steps_per_epoch, plan.world_size) == (90, 3, 4)
    assert {default.key: default.value for default in plan.defaults} == {
        f"{ACTOR}lr": 1e-6,
        f"{ACTOR}lr_scheduler_type": "constant",
        f"{ACTOR}lr_warmup_steps_ratio": 0.0,
        "trainer.total_epochs": 30,
    }
    assert "all of its updates have the same rate" in config.notes[0]
    unstated = olr.read_config([*VERL, "trainer.n_gpus_per_node=\ue000$GPUS\ue001"]).plan(num_examples=1000)
    assert (unstated.max_steps, unstated.notes) == (90, ())
    assert (
        unstated.world_size_from
        == "assumed; the steps do not depend on trainer.nnodes 1 and trainer.n_gpus_per_node $GPUS"
    )
    config = olr.read_config([*VERL, "trainer.total_training_steps=77", "trainer.critic_warmup=5"])
    assert config.plan().max_steps == 77
    assert not any("the critic has" in note for note in config.notes)  # which GRPO has not
    gae = olr.read_config([word for word in VERL if "adv_estimator" not in word])
    assert any(note.startswith("critic.optim.lr 1e-05, verl's default: the critic has") for note in gae.notes)
    assert "begin after trainer.critic_warmup 5 steps" in config.notes[-1]


def test_a_run_that_ends_with_its_epochs_is_noted():
    config = olr.read_config([*VERL, "trainer.total_epochs=2", "trainer.total_training_steps=50"])
    for prompts, noted in ((256 * 10, True), (256 * 30, False)):
        plan = config.plan(num_examples=prompts)
        assert plan.max_steps == 50
        assert ("the run ends with its epochs, after 20 of these steps" in plan.notes) == noted


def test_another_program_of_verl_is_noted():
    config = olr.read_config(["python", "-m", "mine.main", *VERL[3:]], trainer="verl")
    assert any("mine.main is not verl's main_ppo" in note for note in config.notes)


def test_a_value_that_a_script_of_verl_does_not_determine_can_be_given(tmp_path):
    path = tmp_path / "run.sh"
    path.write_text(" ".join([*VERL, f"{ACTOR}lr=$1", "trainer.total_epochs=2"]))
    with pytest.raises(olr.ConfigError, match=rf"does not say what {ACTOR}lr=\$1 in the .*--set {ACTOR}lr="):
        olr.read_config(path)
    config = olr.read_config(path, values={f"{ACTOR}lr": 3e-6})
    assert repr(config.plan(num_examples=512).schedule) == repr(olr.Constant(3e-6))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--config-name=my_trainer"], r"in line 1 are in verl/trainer/config/my_trainer\.yaml, which is not found"),
        (
            ["--config-path=mine"],
            r"are in mine/ppo_trainer\.yaml, which is not found from the folder of this file or from the working directory; start optax-lr in the folder where the script is started, or read that file",
        ),
        (["--config-path=\ue000$(pwd)\ue001/mine", "--config-name=a"], r"are in mine/a\.yaml, which is not found"),
        (["model_engine=veomni"], "in another config of verl"),
        (["actor_rollout_ref.actor.strategy=megatron"], "in another config of verl"),
        (["trainer.v1.trainer_mode=separate_async"], "trainer_mode separate_async is of an asynchronous run"),
        (["async_training.staleness_threshold=0.5"], "is of an asynchronous run, which is not read"),
        (["model_engine=megatron", f"{ACTOR}lr_decay_style=inverse_square_root"], "must be one of constant, linear"),
        (["model_engine=megatron", f"{ACTOR}min_lr=1e-3"], r"min_lr 0\.001 outside of 0 to 1e-06"),
        (["model_engine=megatron", f"{ACTOR}lr_decay_style=WSD"], "WSD needs lr_wsd_decay_steps"),
        (["model_engine=megatron", f"{ACTOR}lr_warmup_steps=90"], "the warmup of 90 is shorter than the decay of 90"),
        ([f"{ACTOR}override_optimizer_config.lr=2"], "override_optimizer_config.lr of verl is not read"),
        ([f"{ACTOR}lr_warmup_steps_ratio=10"], r"lr_warmup_steps_ratio must lie in \[0, 1\], not 10"),
        ([f"{ACTOR}zero_indexed_step=False"], "zero_indexed_step of verl is not read"),
        (["trainer.total_epoch=2"], "trainer.total_epoch of verl is not read"),
        ([f"{ACTOR}warmup_style=linear"], "must be one of constant, cosine, not 'linear'"),
        ([f"{ACTOR}lr_warmup_steps=0", f"{ACTOR}lr_warmup_steps_ratio=0.1"], "are read in two ways"),
        (["data.train_batch_size=2048"], "1000 examples make no batch of 2048"),
    ],
)
def test_options_of_verl_that_are_refused(words, message):
    with pytest.raises(olr.ConfigError, match=message):
        olr.read_config([*VERL, *words]).plan(num_examples=1000)


def test_keys_that_verl_does_not_have_are_listed():
    more = ["+actor_rollout_ref.model.override_config.attention_dropout=0.1", "critic.optim.lr=1e-5", "trainer.nnode=2"]
    config = olr.read_config([*VERL, *more, "custom_reward_function.path=f.py", "env.rollout=3", "data.seed=1"])
    assert config.unknown == ("trainer.nnode", "env.rollout")
    assert config.notes[-1] == (
        "trainer.nnode, env.rollout show that this verl is changed or newer, and may have other defaults"
    )
    added = olr.read_config([*VERL, "+env.rollout=3", "reward_model.reward_kwargs.mine=1"])
    assert added.unknown == ("env.rollout",)
    assert not any("changed" in note for note in added.notes)


def test_what_the_versions_of_verl_do_not_share_is_noted():
    megatron = [*VERL, "--config-path=./config", "--config-name=ppo_megatron_trainer", f"{ACTOR}lr_warmup_steps=5"]
    config = olr.read_config(megatron)
    assert any("before 0.5, verl's Megatron actor has a constant rate" in note for note in config.notes)
    spaced = [
        "python",
        "-m",
        "verl.trainer.main_ppo",
        "--config-name",
        "ppo_megatron_trainer",
        f"{ACTOR}lr_warmup_steps=5",
        *VERL[3:],
    ]
    assert olr.read_config(spaced).settings == config.settings
    with pytest.raises(olr.ConfigError, match=rf"does not say what {ACTOR}lr=\$1 is; --set"):
        olr.read_config([*spaced, f"{ACTOR}lr=\ue000$1\ue001"])
    assert [default.key for default in config.defaults if default.key.startswith(ACTOR)] == [
        f"{ACTOR}lr",
        f"{ACTOR}lr_decay_style",
    ]
    config = olr.read_config([*VERL, "data.gen_batch_size=512", "algorithm.filter_groups.enable=True"])
    assert any("counts the steps of an epoch by data.train_batch_size" in note for note in config.notes)
    assert any("prompts are used up faster" in note for note in config.notes)
    assert config.plan(num_examples=5120).max_steps == 300


EXTENDED = """
hydra:
  searchpath: [file://verl/trainer/config]
defaults:
  - ppo_trainer
  - _self_
data:
  gen_batch_size: ${data.train_batch_size}
actor_rollout_ref:
  actor:
    optim:
      lr: 2e-6
trainer:
  total_epochs: 5
"""


def test_a_file_that_extends_a_config_of_verl(tmp_path):
    (tmp_path / "mine").mkdir()
    path = tmp_path / "mine" / "my_grpo.yaml"
    path.write_text(EXTENDED)
    config = olr.read_config(path)
    assert (config.trainer, config.unknown) == ("verl", ())
    assert config.notes[-1].endswith("its program may have other defaults or steps")
    assert config.plan(num_examples=10_240).max_steps == 50
    run = tmp_path / "run.sh"
    more = f"--config-path=$PWD/mine --config-name=my_grpo {ACTOR}lr_warmup_steps=10 +data.train_batch_size=512"
    run.write_text(f"python3 -m verl.trainer.main_ppo {more}\n")
    plan = olr.read_config(run).plan(num_examples=10_240)
    assert (repr(plan.schedule), plan.max_steps) == (repr(olr.Constant(2e-6, 10)), 100)
    path.write_text(EXTENDED.replace("  - ppo_trainer\n  - _self_", "  - _self_\n  - ppo_trainer"))
    with pytest.raises(olr.ConfigError, match="_self_ is not the last of its defaults"):
        olr.read_config(path)
    path.write_text(EXTENDED.replace("ppo_trainer", "a_trainer"))
    with pytest.raises(
        olr.ConfigError, match="its defaults name a_trainer, none of verl's ppo_trainer and ppo_megatron_trainer"
    ):
        olr.read_config(path)


def test_a_file_of_verl_that_extends_none_states_all_that_decides():
    sections = {
        "data": {"train_batch_size": 8},
        "actor_rollout_ref": {
            "actor": {"strategy": "megatron", "optim": {"lr": 1e-6, "min_lr": 1e-7, "lr_decay_style": "linear"}}
        },
        "trainer": {"total_epochs": 2},
    }
    plan = olr.read_config(sections).plan(num_examples=400)
    assert repr(plan.schedule) == repr(olr.Linear(1e-6, 100, min_lr=1e-7))
    optim = {"lr": "${mine.peak}", "num_cycles": 0.5, "_target_": "t"}
    actor = {"rollout_n": "${oc.select:actor_rollout_ref.rollout.n,1}", "optim": optim}
    fsdp = sections | {"mine": {"peak": 3e-6}, "actor_rollout_ref": {"actor": actor}}
    assert repr(olr.read_config(fsdp).plan(num_examples=400).schedule) == repr(olr.Constant(3e-6))
    for value, message in (
        ("${oc.env:LR}", r"lr must be a number, not '\$\{oc\.env:LR\}'"),
        (None, "optim.lr is not in"),
    ):
        optim["lr"] = value
        with pytest.raises(olr.ConfigError, match=message):
            olr.read_config(fsdp)
    with pytest.raises(olr.ConfigError, match=r"trainer\.total_epochs is not in this file, which extends no config"):
        olr.read_config(sections | {"trainer": {"nnodes": 1}})
    older = {"model": {"partial_pretrain": "m"}, "optim": {"lr": 1e-5}, "data": {"train_batch_size": 8}}
    of_a_fork = older | {"defaults": ["my_trainer", "_self_"], "trainer": {"total_epochs": 1}}
    of_a_fork["optim"] = {"lr": 1e-5, "warmup_steps_ratio": 0.2}
    message = "name my_trainer.*--set defaults=null reads this file alone .* with a warmup and a cosine .*--set warmup_steps=0.2 "
    with pytest.raises(olr.ConfigError, match=message):
        olr.read_config(of_a_fork)
    alone = olr.read_config(of_a_fork, values={"defaults": None})
    assert repr(alone.plan(num_examples=80).schedule) == repr(olr.Cosine(1e-5, 10, 2))
    assert {default.whose for default in alone.defaults} == {"verl's sft_trainer.yaml"}
    config = olr.read_config(older | {"trainer": {"total_epochs": 1}})
    assert (config.trainer, repr(config.plan(num_examples=80).schedule)) == ("verl-sft", repr(olr.Cosine(1e-5, 10, 1)))


def test_the_recipe_dapo_has_the_schedule_of_main_ppo():
    words = ["data.gen_batch_size=512", "algorithm.filter_groups.enable=True", "reward_model.overlong_buffer.len=4096"]
    config = olr.read_config(["python3", "-m", "recipe.dapo.main_dapo", *words, f"{ACTOR}lr_warmup_steps=10"])
    assert (config.trainer, config.unknown) == ("verl", ())
    assert any("prompts are used up faster" in note for note in config.notes)
    plan = config.plan(num_examples=5120)
    assert (repr(plan.schedule), plan.max_steps) == (repr(olr.Constant(1e-6, 10)), 300)
    megatron = [
        "python3",
        "-m",
        "recipe.dapo.main_dapo",
        "--config-path=./config",
        "--config-name=dapo_megatron_trainer",
    ]
    config = olr.read_config([*megatron, f"{ACTOR}min_lr=1e-7", f"{ACTOR}lr_decay_style=cosine"])
    assert repr(config.plan(num_examples=1024).schedule) == repr(olr.Cosine(1e-6, 30, min_lr=1e-7))


SFT = ["torchrun", "--nproc_per_node", "4", "-m", "verl.trainer.fsdp_sft_trainer", "optim.warmup_steps_ratio=0.2"]


def test_the_older_trainer_of_verl_for_sft_keeps_its_schedule_where_its_run_is_stopped():
    config = olr.read_config([*SFT, "trainer.total_training_steps=9"])
    plan = config.plan(num_examples=2560)
    assert (repr(plan.schedule), plan.world_size) == (repr(olr.Cosine(1e-5, 40, 8)), 4)
    assert plan.notes == (
        "trainer.total_training_steps 9 ends the run, but not the schedule, which has the length of the epochs",
    )
    assert {default.key: default.value for default in plan.defaults} == {
        "optim.lr": 1e-5,
        "data.train_batch_size": 256,
        "trainer.total_epochs": 4,
        "optim.lr_scheduler": "cosine",
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["engine=megatron"], "with engine and optim fsdp or megatron"),
        (["engine=automodel", "optim=automodel"], "with engine and optim fsdp or megatron"),
        (["optim.lr_scheduler=wsd"], "optim.lr_scheduler of verl is not read"),
        (["optim.warmup=0.1"], "optim.warmup of verl is not read"),
    ],
)
def test_options_of_verls_sft_that_are_refused(words, message):
    with pytest.raises(olr.ConfigError, match=message):
        olr.read_config(["torchrun", "-m", "verl.trainer.sft_trainer", *words])


def test_programs_of_verl_that_do_not_train_are_skipped(tmp_path):
    path = tmp_path / "run.sh"
    others = (
        "python -m verl.trainer.main_generation data.batch_size=8\npython -m verl.model_merger merge --target_dir d\n"
    )
    path.write_text(
        f"{others}python -m verl.trainer.sft_trainer_ray trainer.n_gpus_per_node=2 optim.lr_warmup_steps=0\n"
    )
    (config,) = olr.read_configs(path)
    assert (config.trainer, config.processes.count) == ("verl-sft", 2)
    assert repr(config.plan(num_examples=256).schedule) == repr(olr.Constant(1e-3))


def test_a_batch_of_verls_sft_that_the_processes_do_not_divide():
    """The older trainer asserts that they do; the newer one rounds the examples and the batch of each process down."""
    older = olr.read_config([*SFT, "data.train_batch_size=10"])
    with pytest.raises(olr.ConfigError, match=r"data\.train_batch_size 10 is not a multiple of 4 processes"):
        older.plan(num_examples=100)
    with pytest.raises(olr.ConfigError, match="is not a multiple of 3 processes"):
        older.plan(world_size=3, max_steps=5)
    assert older.plan(num_examples=100, world_size=5).steps_per_epoch == 10
    shared = olr.read_config([*SFT, "data.train_batch_size=10", "ulysses_sequence_parallel_size=2"])
    assert shared.plan(num_examples=100).steps_per_epoch == 10
    newer = olr.read_config(["torchrun", "-m", "verl.trainer.sft_trainer", "data.train_batch_size=10"])
    plan = newer.plan(num_examples=101, world_size=4)
    assert plan.steps_per_epoch == 12  # 25 examples of each process in batches of 2
    assert plan.notes == ("data.train_batch_size 10: each of 4 processes takes 2 examples, and the rest is left out",)
    with pytest.raises(olr.ConfigError, match="10 is not a multiple of 16 processes"):
        newer.plan(num_examples=101, world_size=16)
    ray = olr.read_config(["python", "-m", "verl.trainer.sft_trainer_ray", "trainer.n_gpus_per_node=4"])
    assert ray.plan(num_examples=1280).steps_per_epoch == 5
