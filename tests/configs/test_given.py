"""Values that the user gives with `--set`: options of a script, arguments of a call, keys of a trainer, or an error."""

import re

import pytest

import optax_lr as olr

HEAD = "import torch\nfrom torch.optim import lr_scheduler\nopt = torch.optim.SGD(w, lr=0.1)\n"
BODY = "if {warm}:\n    s = lr_scheduler.LinearLR(opt, 0.1)\nelse:\n    s = lr_scheduler.StepLR(opt, {every})\n"
ARGPARSE = (
    "import argparse\np = argparse.ArgumentParser()\np.add_argument('-e', '--decay-every', type=int, default=30)\n"
    "p.add_argument('--warm', action='store_true')\nargs = p.parse_args()\n"
)
FIELDS = (
    "from transformers import HfArgumentParser\n@dataclass\nclass Mine:\n    decay_every: int = 30\n    warm: bool = False\n"
    "p = HfArgumentParser((Mine, Other))\nargs, other = p.parse_args_into_dataclasses()\n"
)
CLICK = "import click\n@click.command()\n@click.option('--decay-every', type=int, default=30)\n@click.option('--warm', is_flag=True, default=False)\n"
INSIDE = "def main({arguments}):\n" + "".join(f"    {line}\n" for line in (HEAD + BODY).splitlines()) + "{end}\n"
FUNCTION = {"warm": "warm", "every": "decay_every"}
SCRIPTS = {
    "argparse": ARGPARSE + HEAD + BODY.format(warm="args.warm", every="args.decay_every"),
    "dataclass": FIELDS + HEAD + BODY.format(warm="args.warm", every="args.decay_every"),
    "click": CLICK + INSIDE.format(arguments="decay_every, warm", end="main()", **FUNCTION),
    "fire": "import fire\n" + INSIDE.format(arguments="decay_every=30, warm=False", end="fire.Fire(main)", **FUNCTION),
    "typer": "import typer\n"
    + INSIDE.format(arguments="decay_every: int = 30, warm: bool = False", end="typer.run(main)", **FUNCTION),
}


def read(tmp_path, text, values, name="train.py"):
    (tmp_path / "train.py").write_text(text)
    (tmp_path / "run.sh").write_text("python train.py --note hello\n")
    return olr.read_config(tmp_path / name, values=values)


@pytest.mark.parametrize("kind", SCRIPTS)
@pytest.mark.parametrize("name", ["train.py", "run.sh"])
def test_options_of_a_script_can_be_given(tmp_path, kind, name):
    for values, schedule in (
        ({}, olr.Step(0.1, 30)),
        ({"decay_every": 7}, olr.Step(0.1, 7)),
        ({"decay_every": 7, "warm": False}, olr.Step(0.1, 7)),
        ({"warm": True}, olr.LinearRamp(0.1, 0.1, total_iters=5)),
        ({"step_size": 3}, olr.Step(0.1, 3)),  # the argument itself
    ):
        config = read(tmp_path, SCRIPTS[kind], values, name)
        assert config.plan(max_steps=90).schedule == schedule
        if "step_size" not in values:
            assert any(re.search("is 30, (the|a) default of", note) for note in config.notes) == (not values)


def test_an_option_is_given_as_the_command_gives_it(tmp_path):
    text = (
        "import argparse\nfrom transformers import TrainingArguments\np = argparse.ArgumentParser()\np.add_argument('--max_steps', type=int)\n"
        "args = p.parse_args()\nTrainingArguments('o', max_steps=args.max_steps * 2, warmup_steps=args.warm)\n"
    )
    config = read(tmp_path, text, {"max_steps": 10, "warmup_steps": 3})
    assert (config.plan().max_steps, config.plan().warmup_steps) == (20, 3)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("train.py", SCRIPTS["argparse"], "train.py: --set other changes nothing, as it is no option or argument in the script; leave it out, or correct its name"),
        ("train.py", "from transformers import TrainingArguments\nTrainingArguments('o', max_steps=9)\n", "as it is no option or argument in the script"),
        ("train.py", "import optax\noptax.constant_schedule(0.1)\n", "no option or argument in the script"),
        ("a.yaml", "learning_rate: 1e-4\nnum_train_epochs: 2\n", "a.yaml: --set other changes nothing, as it is no key of TrainingArguments"),
    ],
)  # fmt: skip
def test_a_key_that_changes_nothing_is_an_error(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(olr.ConfigError) as caught:
        olr.read_config(tmp_path / name, trainer="hf" if name == "a.yaml" else None, values={"other": 1})
    assert message in str(caught.value)


def test_a_key_of_one_of_several_schedules(tmp_path):
    text = "import torch\nfrom torch.optim.lr_scheduler import *\no = torch.optim.SGD(w, lr=0.1)\nStepLR(o, 3)\nMultiStepLR(o, [9])\n"
    (tmp_path / "train.py").write_text(text)
    first, second = olr.read_configs(tmp_path / "train.py", values={"milestones": [5]})
    assert (first.plan(max_steps=9).schedule, second.plan(max_steps=9).schedule) == (
        olr.Step(0.1, 3),
        olr.MultiStep(0.1, (5,)),
    )


def test_names_of_options_are_no_private_texts(tmp_path):
    text = SCRIPTS["argparse"].replace("decay-every", "hunter-rows").replace("decay_every", "hunter_rows")
    (tmp_path / "train.py").write_text(text)
    (tmp_path / "run.sh").write_text("python train.py --start_step 300\n")
    notes = olr.read_config(tmp_path / "run.sh").notes
    assert "args.hunter_rows is 30, the default of --hunter_rows" in notes
    assert "--start_step 300: the run may begin there, and this plan begins at step 0" in notes
    assert not any("would quote" in note for note in notes)
