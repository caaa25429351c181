"""Commands of verl, and nanoGPT's config files of assignments."""

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
    assert unstated.world_size_from == "assumed; the steps do not depend on trainer.nnodes 1 and n_gpus_per_node $GPUS"
    config = olr.read_config([*VERL, "trainer.total_training_steps=77", "trainer.critic_warmup=5"])
    assert config.plan().max_steps == 77
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
        (["--config-name=my_trainer"], "in another config of verl"),
        (["--config-path=mine"], "in another config of verl"),
        (["model_engine=veomni"], "in another config of verl"),
        (["actor_rollout_ref.actor.strategy=megatron"], "in another config of verl"),
        (["trainer.v1.trainer_mode=separate_async"], "trainer.v1.trainer_mode separate_async is not read"),
        (["model_engine=megatron", f"{ACTOR}lr_decay_style=inverse_square_root"], "must be one of constant, linear"),
        (["model_engine=megatron", f"{ACTOR}min_lr=1e-3"], r"min_lr 0\.001 outside of 0 to 1e-06"),
        (["model_engine=megatron", f"{ACTOR}lr_decay_style=WSD"], "WSD needs lr_wsd_decay_steps"),
        (["model_engine=megatron", f"{ACTOR}lr_warmup_steps=90"], "the warmup of 90 is shorter than the decay of 90"),
        ([f"{ACTOR}override_optimizer_config.lr=2"], "override_optimizer_config.lr of verl is not read"),
        ([f"{ACTOR}num_cycles=2"], "num_cycles of verl is not read"),
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


def test_what_the_versions_of_verl_do_not_share_is_noted():
    megatron = [*VERL, "--config-path=./config", "--config-name=ppo_megatron_trainer", f"{ACTOR}lr_warmup_steps=5"]
    config = olr.read_config(megatron)
    assert any("before 0.5, verl's Megatron actor has a constant rate" in note for note in config.notes)
    assert [default.key for default in config.defaults if default.key.startswith(ACTOR)] == [
        f"{ACTOR}lr",
        f"{ACTOR}lr_decay_style",
    ]
    config = olr.read_config([*VERL, "data.gen_batch_size=512", "algorithm.filter_groups.enable=True"])
    assert any("counts the steps of an epoch by data.train_batch_size" in note for note in config.notes)
    assert any("prompts are used up faster" in note for note in config.notes)
    assert config.plan(num_examples=5120).max_steps == 300


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


NANOGPT = (
    "out_dir = 'out'\nbatch_size = 12\ngradient_accumulation_steps = 5 * 8\nlearning_rate = 1e-3\nmax_iters = 5000\n"
)


def test_a_file_of_assignments_is_a_nanogpt_config(tmp_path):
    path = tmp_path / "train_char.py"
    path.write_text(NANOGPT + "lr_decay_iters = 5000\nmin_lr = 1e-4\nwarmup_iters = 100\n")
    plan = (config := olr.read_config(path)).plan()
    assert (config.trainer, plan.max_steps, plan.defaults[0].key) == ("nanogpt", 5001, "decay_lr")
    assert [float(plan.schedule(step)) for step in (0, 100, 5000)] == pytest.approx([1e-3 / 101, 1e-3, 1e-4])
    path.write_text(NANOGPT.replace("learning_rate = 1e-3\n", "lr_decay_iters = 5000\n"))
    default = olr.read_config(path).plan().defaults[0]
    assert tuple(default) == ("learning_rate", 6e-4, "nanoGPT's train.py")
    path.write_text(NANOGPT + "decay_lr = False\n")
    assert repr(olr.read_config(path).plan().schedule) == repr(olr.Constant(1e-3))


@pytest.mark.parametrize(
    "text",
    [
        NANOGPT + "def f():\n    pass\n",  # a program, which may do anything with them
        NANOGPT.replace("max_iters", "iters"),
        NANOGPT + "max_iters = 6000\n",
    ],
)
def test_other_files_of_assignments_are_not_nanogpt_configs(tmp_path, text):
    path = tmp_path / "train.py"
    path.write_text(text)
    with pytest.raises(olr.ConfigError):
        olr.read_config(path)


def test_the_options_of_nanogpt_need_the_file_that_they_change():
    words = ["train.py", "config/x.py", "--max_iters=10", "--lr_decay_iters=10"]
    with pytest.raises(olr.ConfigError, match=r"the settings are in config/x\.py"):
        olr.read_config(words)
