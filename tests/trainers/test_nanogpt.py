"""nanoGPT's config files of assignments, and its options."""

import pytest

import optax_lr as olr

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
