"""kohya's sd-scripts: files, groups of parameters, and what is refused."""

import pytest

import optax_lr as olr
from tests.trainers.cases import KOHYA

TOML = """
[model_arguments]
pretrained_model_name_or_path = "m"
output_name = "o"
network_module = "networks.lora_flux"
[optimizer_arguments]
optimizer_type = "Adafactor"
optimizer_args = ["scale_parameter=False", "relative_step=False", "warmup_init=False"]
unet_lr = 1e-4
text_encoder_lr = [5e-5, 1e-5]
lr_scheduler = "constant_with_warmup"
lr_warmup_steps = 20
epoch = 7
max_train_steps = 300
"""


def test_a_file_and_the_command_that_names_it(tmp_path):
    file, script = tmp_path / "flux.toml", tmp_path / "run.sh"
    file.write_text(TOML)
    # accelerate's own file has an option of the same name.
    script.write_text(
        "accelerate launch --config_file a.yaml flux_train_network.py --config_file flux --unet_lr 2e-4 --max_train_epochs 2\n"
    )
    config = olr.read_config(file)
    assert repr(config.plan().schedule) == repr(olr.Constant(1e-4, 20))
    assert [key for key, _ in config.ignored] == ["epoch"]
    assert config.lines["epoch"] == 13
    assert config.notes == (
        "text_encoder_lr: the rate of the text encoder is 5e-05; the plan is that of unet_lr, 0.0001",
    )
    plan = olr.read_config(script).plan(num_examples=90)
    assert (plan.max_steps, repr(plan.schedule)) == (180, repr(olr.Constant(2e-4, 20)))
    file.write_text(TOML + "[more]\nunet_lr = 3e-4\n")
    with pytest.raises(olr.ConfigError, match="unet_lr has two values in sections of the file"):
        olr.read_config(file)
    assert olr.read_config(file, values={"unet_lr": 5e-4}).settings.learning_rate == 5e-4


@pytest.mark.parametrize(
    ("words", "rate"),
    [
        (["--learning_rate=1e-4"], 1e-4),
        (["--unet_lr=1e-4"], 1e-4),
        (["--unet_lr=0", "--text_encoder_lr=3e-5"], 3e-5),
        (["--unet_lr=1e-4", "--text_encoder_lr", "3e-5", "1e-5", "--network_train_text_encoder_only"], 3e-5),
        ([], 2e-6),
    ],
)
def test_the_plan_is_that_of_the_first_group_that_is_trained(words, rate):
    config = olr.read_config([*KOHYA, *words])
    plan = config.plan()
    assert (float(plan.schedule(0)), plan.max_steps) == (pytest.approx(rate), 1600)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--lr_warmup_steps=5"], "refuses lr_warmup_steps with constant; write constant_with_warmup"),
        (
            ["--optimizer_type=AdaFactor"],
            "Adafactor computes its rates itself unless optimizer_args has relative_step=False",
        ),
        (["--optimizer_type=AdamWScheduleFree"], "runs no scheduler with a schedule-free optimizer"),
        (["--lr_scheduler_type=CosineAnnealingLR"], "lr_scheduler_type of sd-scripts is not read"),
        (["--lr_scheduler=adafactor:1e-3"], "lr_scheduler must be one of linear, cosine, "),
        (["--lr_scheduler=cosine_with_min_lr"], "cosine_with_min_lr needs lr_scheduler_min_lr_ratio"),
        (
            ["--lr_scheduler=polynomial", "--learning_rate=0", "--unet_lr=1"],
            "polynomial needs a learning_rate above 1e-7, not 0",
        ),
        (
            ["--lr_scheduler=cosine", "--lr_warmup_steps=-1"],
            "lr_warmup_steps must be a whole number of steps, or a share",
        ),
        (
            ["--lr_scheduler=cosine", "--lr_warmup_steps=101%"],
            "lr_warmup_steps must be a whole number of steps, or a share",
        ),
        (["--unet_lr=0", "--text_encoder_lr=0"], "unet_lr and text_encoder_lr is 0, so that nothing is trained"),
        (["--max_train_steps=0"], "max_train_steps must be at least 1, not 0"),
        (["--epochs=3"], "--epochs is not an option of kohya's sd-scripts"),
        (["--unet_lr=\ue000$LR\ue001"], "does not say what --unet_lr"),
    ],
)
def test_what_has_no_curve_or_is_refused(words, message):
    with pytest.raises(olr.ConfigError, match=message):
        olr.read_config([*KOHYA, *words])


def test_lengths_that_are_not_known_and_warmups_between_two_updates():
    batched = [*KOHYA, "--max_train_epochs=2", "--train_batch_size=4"]
    sized = olr.read_config([*batched, "--in_json=meta.json"])  # whose sizes make buckets without an option
    assert sized.notes[-1].startswith(
        "in_json: where that file has train_resolution, each bucket has a smaller last batch"
    )
    by_epochs = [*batched, "--enable_bucket"]
    config = olr.read_config(by_epochs)
    assert any("each bucket has a smaller last batch" in note for note in config.notes)
    with pytest.raises(olr.ConfigError, match="the number of images times their repeats"):
        config.plan()
    with pytest.raises(olr.ConfigError, match="gives one for all images; give the length"):
        olr.read_config([*by_epochs, "--dataset_config=d.toml"]).plan(num_examples=40)
    values = {"dataset_config": None, "train_batch_size": 2}
    config = olr.read_config([*by_epochs, "--dataset_config=d.toml"], values=values)
    assert config.plan(num_examples=40).max_steps == 40
    config = olr.read_config([*KOHYA, "--lr_scheduler=cosine", "--lr_warmup_steps=5"])
    with pytest.raises(olr.ConfigError, match=r"lr_warmup_steps is 5 steps of the scheduler, .* give a multiple of 2"):
        config.plan(world_size=2)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("[[datasets]]\nbatch_size = 5\nenable_bucket = true\n", 16),
        ("[general]\nbatch_size = 5\n[[datasets]]\nresolution = 512\n", 16),
        ("[general]\nbatch_size = 5\n[[datasets]]\nbatch_size = 8\n", 10),
        ("[[datasets]]\nresolution = 512\n", 20),  # the batch of the command
        ("[[datasets]]\nbatch_size = 5\n[[datasets]]\nbatch_size = 5\n", None),
        ("[[datasets]]\nbatch_size = 'x'\n", None),
        ("not TOML", None),
    ],
)
def test_the_batch_of_the_one_data_set_in_a_file(tmp_path, text, steps):
    (tmp_path / "d.toml").write_text(text)
    words = [*KOHYA, "--max_train_epochs=2", "--train_batch_size=4", "--dataset_config=d.toml"]
    (tmp_path / "run.sh").write_text(" ".join(words))
    config = olr.read_config(tmp_path / "run.sh")
    if steps is None:
        with pytest.raises(olr.ConfigError, match="the batch is in the file of dataset_config"):
            config.plan(num_examples=40)
    else:
        assert config.plan(num_examples=40).max_steps == steps
        assert any(note.startswith("enable_bucket: each bucket") for note in config.notes) == ("bucket" in text)


def test_sections_that_each_hold_a_run(tmp_path):
    path = tmp_path / "runs.toml"
    run = '[{}]\npretrained_model_name_or_path = "m"\nnetwork_module = "n"\noutput_name = "o"\nlearning_rate = {}\noptimizer_type = "{}"\n'
    path.write_text(run.format("xl", "1e-4", "AdamW8bit") + run.format("flux", "8e-4", "adamw8bit"))
    with pytest.raises(
        olr.ConfigError, match="sections xl, flux each hold a run; write one of them to a file of its own"
    ):
        olr.read_config(path)
    path.write_text(run.format("a", "1e-4", "AdamW8bit") + '[b]\noptimizer_type = "adamw8bit"\n')  # one name
    assert olr.read_config(path).settings.learning_rate == 1e-4


def test_a_file_without_data_is_a_part_of_a_command(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(
        'pretrained_model_name_or_path = "m"\nsave_model_as = "a"\noutput_name = "o"\nlearning_rate = 1e-5\nsdxl = true\n'
    )
    notes = olr.read_config(path).notes
    assert notes[0].startswith("the file names no data set: the command that starts this run does")
    assert "other defaults for lr_scheduler" in notes[1]
    assert "max_train_steps" not in notes[1]
    path.write_text(path.read_text() + 'train_data_dir = "d"\n')
    assert "max_train_steps" in olr.read_config(path).notes[0]


def test_a_file_of_another_form_is_of_another_program(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("pretrained_model_name_or_path: m\noutput_name: o\nnetwork_dim: 8\nunet_lr: 1.0e-4\n")
    with pytest.raises(olr.ConfigError):
        olr.read_config(path)
    assert olr.read_config(path, trainer="sd-scripts").settings.learning_rate == 1e-4


def test_options_of_a_fork_and_of_an_optimizer():
    words = [
        *KOHYA,
        "--learning_rate=1",
        "--lr_scheduler=cosine",
        "--optimizer_type=Prodigy",
        "--of_a_fork=5",
        "--lr_scheduler_num_cycles=\ue000$N\ue001",
        "--train_batch_size=\ue000$B\ue001",
    ]
    config = olr.read_config(words)
    assert (config.unknown, config.refused) == (("of_a_fork",), ("of_a_fork",))
    assert config.notes[0] == "optimizer_type: the optimizer multiplies these rates by an estimate of its own"
    assert config.notes[-1].startswith(
        "of_a_fork: not of sd-scripts; the program that reads this may have other defaults"
    )
