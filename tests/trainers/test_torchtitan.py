"""torchtitan: a file with the options of a command over it."""

import pytest

import optax_lr as olr

TOML = """
[job]
dump_folder = "o"
[optimizer]
lr = 3e-4
[lr_scheduler]
warmup_steps = 10
decay_ratio = 0.0
[training]
steps = 1000
"""


@pytest.mark.parametrize(
    "command",
    [
        "torchrun --nproc_per_node=4 -m torchtitan.train --job.config-file t.toml --training.steps 50",
        "export CONFIG_FILE=t.toml\nNGPU=4 ./run_train.sh --training.steps=50",
    ],
)
def test_the_options_of_a_command_are_over_its_file(tmp_path, command):
    (tmp_path / "t.toml").write_text(TOML)
    (tmp_path / "run.sh").write_text(command)
    plan = olr.read_config(tmp_path / "run.sh").plan()
    assert (plan.max_steps, plan.warmup_steps) == (50, 10)
    assert [float(plan.schedule(step)) for step in (0, 9, 10, 49)] == pytest.approx([3e-5, 3e-4, 3e-4, 3e-4])


def test_a_warmup_that_is_longer_than_the_schedule_is_noted():
    config = olr.read_config({"lr_scheduler": {"decay_ratio": 0.5}, "training": {"steps": 100}})
    assert config.plan().notes == ("lr_scheduler.warmup_steps 200 is cut to 100, all of the schedule",)
    assert config.plan(max_steps=200).notes == ()
