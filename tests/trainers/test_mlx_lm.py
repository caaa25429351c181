"""MLX-LM: its files with commands, and what is refused."""

import pytest

import optax_lr as olr
from tests.trainers.cases import MLX

COSINE = {"name": "cosine_decay", "warmup": 5, "arguments": ["2e-5", 100, 1e-6]}


def test_a_file_and_the_command_that_names_it(tmp_path):
    file, script = tmp_path / "lora.yaml", tmp_path / "run.sh"
    file.write_text(
        "model: m\niters: 200\nlearning_rate: 1e-4\ngrad_accumulation_steps: 2\nlora_parameters: {rank: 8}\n"
    )
    script.write_text("command -v mlx_lm.lora\npython -m mlx_lm lora --train -c lora.yaml --iters 300\n")
    for path, updates in ((file, 100), (script, 150)):
        plan = olr.read_config(path).plan()
        assert (plan.max_steps, repr(plan.schedule), plan.defaults) == (updates, repr(olr.Constant(1e-4)), ())
    config = olr.read_config(["mlx_lm.lora", "--train", "--batch-size", "8"])
    assert {default.key: default.value for default in config.plan().defaults} == {
        "learning_rate": 1e-5,
        "iters": 1000,
        "grad_accumulation_steps": 1,
    }


def test_a_file_without_marks_of_its_own():
    schedule = {"name": "linear_schedule", "warmup": 2, "arguments": [1e-4, 1e-5, 8]}
    config = olr.read_config({"model": "m", "learning_rate": 1e-4, "iters": 10, "lr_schedule": schedule})
    assert (config.trainer, config.plan().max_steps) == ("mlx-lm", 10)
    plain = {"model": "m", "train": True, "data": "d", "learning_rate": 1e-4, "iters": 10, "batch_size": 4}
    with pytest.raises(
        olr.ConfigError, match="the trainer of learning_rate is not certain; name it with --trainer mlx-lm"
    ):
        olr.read_config(plain)
    assert olr.read_config(plain, trainer="mlx-lm").plan().max_steps == 10


def test_a_schedule_replaces_the_rate_and_counts_updates():
    config = olr.read_config(MLX | {"learning_rate": 1e-4, "grad_accumulation_steps": 4, "lr_schedule": COSINE})
    assert config.ignored == (("learning_rate", "lr_schedule decides"),)
    assert config.notes == ("lr_schedule counts updates; iters 1000 make 250 of them",)
    plan = config.plan()
    # The cosine starts one update after the peak, and its end is held.
    assert [float(plan.schedule(step)) for step in (5, 6, 106, 249)] == pytest.approx([2e-5, 2e-5, 1e-6, 1e-6])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"lr_schedule": {"name": "cosine_decay", "warmup": 5}}, "must be a list of rate, decay_steps, end"),
        ({"lr_schedule": COSINE | {"arguments": [1e-5, 0]}}, "a length must be at least 1"),
        ({"lr_schedule": COSINE | {"name": "join_schedules"}}, "lr_schedule.name must be one of cosine_decay, "),
        ({"lr_schedule": "cosine"}, "lr_schedule.name must be one of cosine_decay, "),
        ({"optimizer": "adafactor"}, "adafactor computes its rates unless optimizer_config"),
        ({"iters": 3, "grad_accumulation_steps": 4}, "iters 3 are no update of grad_accumulation_steps 4"),
        ({"grad_accumulation_steps": 0}, "grad_accumulation_steps must be at least 1, not 0"),
        ({"epochs": 3}, "epochs is not a key of MLX-LM"),
    ],
)
def test_what_mlx_lm_would_refuse_and_what_has_no_curve(keys, message):
    with pytest.raises(olr.ConfigError, match=message):
        olr.read_config(MLX | keys)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mlx_lm.lora", "--model", "m", "--iters", "9"], "only mlx_lm.lora knows the use of"),
        (["python", "-m", "mlx_lm", "generate", "--model", "m"], "only mlx_lm knows the use of"),
        (
            ["mlx_lm.lora", "--train", "--grad-accumulation-steps", "\ue000$G\ue001"],
            "does not say what --grad_accumulation_steps",
        ),
    ],
)
def test_commands_that_are_refused(words, message):
    with pytest.raises(olr.ConfigError, match=message):
        olr.read_config(words)
