"""TRL: the defaults of each class and version, and the updates of trainers that generate."""

import pytest

import optax_lr as olr

# What TRL's own sampler and Trainer gave, at 1.16.0.
GENERATIONS = [
    # prompts, batch, accumulation, processes, generations, iterations, steps a generation or its batch, epochs, updates, warmup of 0.1
    (8000, 4, 2, 3, 6, 1, {}, 2, 4000, 400),
    (20000, 16, 4, 8, 16, 1, {}, 1, 625, 63),
    (1000, 8, 4, 2, 8, 1, {}, 1, 125, 13),
    (1000, 8, 4, 2, 8, 2, {}, 1, 250, 25),
    (1000, 8, 4, 2, 8, 1, {"steps_per_generation": 8}, 1, 124, 13),
    (1000, 8, 4, 2, 8, 1, {"steps_per_generation": 2}, 1, 125, 13),
    (1000, 8, 4, 2, 8, 1, {"generation_batch_size": 256}, 1, 124, 13),
    (1003, 8, 4, 2, 8, 1, {}, 3, 375, 38),
    (1000, 8, 1, 1, 8, 1, {}, 3, 3000, 300),
]
RECIPE = {"model_name_or_path": "m", "dataset_name": "d", "warmup_steps": 0.1, "learning_rate": 1e-6}


SECTIONS = """
model: {name: m}
sft_config: {learning_rate: 2.0e-5, lr_scheduler_type: cosine, num_train_epochs: 2, per_device_train_batch_size: 4}
dpo_config: {learning_rate: 1.0e-6, lr_scheduler_type: linear, num_train_epochs: 1, per_device_train_batch_size: 2, beta: 0.1}
"""


def test_sections_with_the_names_of_classes_are_configs_of_their_own(tmp_path):
    path = tmp_path / "stages.yaml"
    path.write_text(SECTIONS)
    sft, dpo = olr.read_configs(path)
    assert repr(sft.plan(num_examples=1000).schedule) == repr(olr.Cosine(2e-5, 500))
    assert repr(dpo.plan(num_examples=1000).schedule) == repr(olr.Linear(1e-6, 500))
    assert dpo.recognized_by == "the arguments of DPOConfig under dpo_config"


def test_a_named_trainer_finds_its_section(tmp_path):
    path = tmp_path / "dpo.yaml"
    path.write_text("model: {name: m}\nstages:\n  dpo: {learning_rate: 5.0e-6, num_train_epochs: 1, beta: 0.1}\n")
    for trainer, kind in (("trl-dpo", "DPOConfig"), ("hf", "TrainingArguments")):
        config = olr.read_config(path, trainer=trainer)
        assert repr(config.plan(num_examples=1000).schedule) == repr(olr.Linear(5e-6, 125))
        assert kind in config.defaults[0].whose
    with pytest.raises(olr.ConfigError, match=r"training holds the settings, and must have keys with values, not None"):
        olr.read_config({"training": {"learning_rate": 1e-5, "num_train_epochs": 1}}, values={"training": None})
    path.write_text("first: {learning_rate: 1.0e-6}\nsecond: {learning_rate: 2.0e-6}\n")
    with pytest.raises(olr.ConfigError, match="settings are under first and second; keep one in a file"):
        olr.read_config(path, trainer="hf")


@pytest.mark.parametrize("case", GENERATIONS)
def test_updates_of_grpo(case):
    prompts, batch, group, processes, generations, iterations, more, epochs, updates, warmup = case
    values = RECIPE | {
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": group,
        "num_generations": generations,
    }
    values |= {"num_train_epochs": epochs, "num_iterations": iterations, **more}
    plan = olr.read_config(values).plan(num_examples=prompts, world_size=processes)
    assert (plan.max_steps, plan.warmup_steps) == (updates, warmup)
    assert float(plan.schedule(warmup)) == pytest.approx(1e-6)
    assert plan.schedule(updates) == 0


def test_updates_of_rloo_with_its_two_generations():
    words = [
        "trl",
        "rloo",
        "--dataset_name",
        "d",
        "--gradient_accumulation_steps",
        "4",
        "--num_train_epochs",
        "1",
        "--warmup_steps",
        "0.1",
    ]
    plan = olr.read_config(words).plan(num_examples=1000, world_size=2)
    assert (plan.max_steps, plan.warmup_steps) == (31, 4)
    assert [float(plan.schedule(step)) for step in (3, 5, 15, 30)] == pytest.approx(
        [7.5e-7, 9.629629629629628e-07, 5.925925925925926e-07, 3.7037037037037036e-08]
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"num_generations": 6}, "num_generations 6 does not divide the 8 completions of a generation"),
        ({"num_generations": 1}, "num_generations 1: TRL needs at least 2"),
        ({"num_generations": 2, "steps_per_generation": 0}, "steps_per_generation must be at least 1, not 0"),
        ({"num_generations": 2, "generation_batch_size": 0}, "generation_batch_size must be at least 1, not 0"),
        (
            {"num_generations": 8, "steps_per_generation": 1, "generation_batch_size": 8},
            "TRL refuses steps_per_generation with",
        ),
        (
            {"num_generations": 2, "generation_batch_size": 12},
            "generation_batch_size 12 is not a multiple of 8 completions",
        ),
        (
            {"num_generations": 8, "gradient_accumulation_steps": 100},
            "5 prompts are fewer than the 100 of one generation",
        ),
    ],
)
def test_generations_that_trl_refuses(more, message):
    with pytest.raises(olr.ConfigError, match=message):
        olr.read_config(RECIPE | more).plan(num_examples=5)


@pytest.mark.parametrize(
    ("command", "rate"),
    [("sft", 2e-5), ("dpo", 1e-6), ("kto", 1e-6), ("grpo", 1e-6), ("rloo", 1e-6), ("reward", 1e-4)],
)
def test_default_rates_of_the_commands(command, rate):
    config = olr.read_config(["trl", command, "--model_name_or_path", "m", "--dataset_name", "d", "--max_steps", "100"])
    assert config.settings.learning_rate == rate
    assert config.settings.lr_scheduler_type == "linear"
    (default,) = [default for default in config.defaults if default.key == "learning_rate"]
    assert (default.value, default.whose.startswith("TRL 1.16.0")) == (rate, True)


@pytest.mark.parametrize(
    ("trainer", "rate"),
    [
        *(("trl-sft", 2e-5), ("trl-sft==0.11.4", 5e-5), ("trl-sft==0.12.2", 2e-5), ("trl-dpo==0.11.4", 5e-5)),
        *(("trl-kto==0.11.4", 5e-7), ("trl-reward==0.23.1", 5e-5), ("trl-reward==0.24.0", 1e-4), ("trl-prm", 1e-5)),
        *(
            ("trl-online_dpo", 5e-7),
            ("trl-bco==0.26.2", 5e-5),
            ("trl-bco", 5e-7),
            ("trl-orpo", 1e-6),
            ("trl-gkd", 2e-5),
        ),
    ],
)
def test_default_rates_by_version(trainer, rate):
    config = olr.read_config({"dataset_name": "d", "max_steps": 10}, trainer=trainer)
    assert config.settings.learning_rate == rate


@pytest.mark.parametrize(("trainer", "earlier"), [("trl-orpo", "; 5e-05 up to 0.11.4"), ("trl-grpo", "")])
def test_a_default_is_listed_with_that_of_earlier_versions(trainer, earlier):
    # TRL's orpo_config.py: none in 0.11.4, 1e-6 in 0.12.2 and in trl.experimental; GRPOConfig began with 1e-6 in 0.14.0.
    config = olr.read_config({"max_steps": 9, "lr_scheduler_type": "linear"}, trainer=trainer)
    rate = next(default for default in config.defaults if default.key == "learning_rate")
    assert rate.value == 1e-6
    assert rate.whose.endswith(f"Config{earlier}")


def test_the_default_batch_of_grpo_depends_on_the_version():
    new, old = (
        olr.read_config({"num_generations": 8}, trainer=f"trl-grpo{version}").settings for version in ("", "==0.14.0")
    )
    assert (new.per_device_train_batch_size, new.gradient_accumulation_steps) == (8, 1)
    assert (old.per_device_train_batch_size, old.gradient_accumulation_steps) == (1, 8)


def test_a_rate_that_is_not_given_needs_the_method():
    with pytest.raises(olr.ConfigError, match="learning_rate is not given, and TRL's classes have different defaults"):
        olr.read_config({"dataset_name": "d", "num_train_epochs": 1})
    assert olr.read_config({"dataset_name": "d", "num_train_epochs": 1, "learning_rate": 1e-5}).notes == ()
    with pytest.raises(olr.ConfigError, match="TRL has sft, dpo"):
        olr.read_config({"dataset_name": "d"}, trainer="trl-xyz")
    with pytest.raises(olr.ConfigError, match="are counted in episodes; give them with --set max_steps=VALUE"):
        olr.read_config(["trl", "ppo", "--dataset_name", "d", "--learning_rate", "1e-5"])
    with pytest.raises(olr.ConfigError, match=r"batch_size: keys of PPOConfig in TRL up to 1\.0\.0, which is not read"):
        olr.read_config(["trl", "ppo", "--dataset_name", "d", "--learning_rate", "1e-5", "--batch_size", "8"])
