"""Scripts with an optimizer and no schedule: a constant rate, or a refusal."""

import pytest

import optax_lr as olr

LOOP = """
import torch
from torch import nn, optim

def train(model, optimizer):
    for step in range(3):
        optimizer.zero_grad()
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        rates.append(optimizer.param_groups[0]["lr"])

rates = []
model = nn.Linear(2, 1)
optimizer = optim.AdamW(model.parameters(), lr=3e-4)
train(model, optimizer)
"""
READ = LOOP.replace('        rates.append(optimizer.param_groups[0]["lr"])\n', "")


def read(tmp_path, text):
    path = tmp_path / "train.py"
    path.write_text(text)
    return olr.read_configs(path)


def test_the_rate_is_that_of_the_running_script(tmp_path):
    run = {}
    exec(LOOP, run)
    (config,) = read(tmp_path, READ)
    plan = config.plan(max_steps=3)
    assert [float(plan.schedule(step)) for step in range(3)] == pytest.approx(run["rates"], rel=1e-7)
    assert config.notes == ("nothing in this script changes the rate of torch.optim.AdamW in line 13",)
    with pytest.raises(
        olr.ConfigError, match="the rate is constant, and the length of the run is not in this file; give --max-steps"
    ):
        config.plan()


def test_rates_of_options_of_optax_and_of_several_optimizers(tmp_path):
    options = "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--lr', type=float, default=2e-5)\nargs = parser.parse_args()\n"
    (config,) = read(tmp_path, options + READ.replace("3e-4", "args.lr"))
    assert config.settings.learning_rate == 2e-5
    assert "args.lr is 2e-05, the default of --lr; the command that starts the script may give another" in config.notes
    (config,) = read(
        tmp_path, "import optax\ntx = optax.chain(optax.clip(1.0), optax.lion(1e-4))\nstate = tx.init(params)\n"
    )
    assert (config.settings.learning_rate, len(config.notes)) == (1e-4, 1)
    both = read(tmp_path, READ + "other = optim.SGD(model.parameters(), lr=0.1)\n")
    assert [config.settings.learning_rate for config in both] == [3e-4, 0.1]
    assert all("this script makes 2 optimizers, each with a rate of its own" in config.notes for config in both)


def test_a_function_that_takes_the_optimizer_and_is_not_in_the_file_is_named(tmp_path):
    (config,) = read(
        tmp_path, "from engine import fit\n" + READ.replace("train(model, optimizer)\n", "fit(model, optimizer)\n")
    )
    assert "fit in line 15 takes the optimizer and is not read; it may change the rate" in config.notes


@pytest.mark.parametrize(
    "more",
    [
        "for group in optimizer.param_groups:\n    group['lr'] *= 0.5\n",
        "from mine import CosineSchedule\nschedule = CosineSchedule(optimizer)\n",
        "def adjust_learning_rate(optimizer, epoch): ...\n",
        "parser.add_argument('--warmup_steps', type=int)\n",
        "import deepspeed\ndeepspeed.initialize(optimizer=optimizer, config='ds.json')\n",
        "from transformers import Trainer\nTrainer(model=model, optimizers=(optimizer, None)).train()\n",
        "from schedulefree import AdamWScheduleFree\n",
    ],
)
def test_a_script_that_may_change_the_rate_is_not_constant(tmp_path, more):
    with pytest.raises(olr.ConfigError):
        read(tmp_path, READ + more)


def test_a_rate_that_is_not_given_is_asked_for(tmp_path):
    with pytest.raises(olr.ConfigError, match="--set learning_rate=VALUE"):
        read(tmp_path, READ.replace(", lr=3e-4", ""))
