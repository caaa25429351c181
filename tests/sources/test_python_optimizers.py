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

NOTHING = "nothing in this script changes the rate of torch.optim.AdamW in line 13"


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
    assert config.notes == (NOTHING, "the length is that of the loop around line 9: range(3)")
    assert config.plan().max_steps == 3
    (config,) = read(tmp_path, READ.replace("range(3)", "data"))
    assert config.notes == (NOTHING,)
    with pytest.raises(
        olr.ConfigError,
        match="the rate is constant, and the loop of the run is not read; give its length with --max-steps",
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


@pytest.mark.parametrize(
    "made",
    [
        "from transformers import AdamW\noptimizer = AdamW(",
        "import bitsandbytes as bnb\noptimizer = bnb.optim.AdamW8bit(",
    ],
)
def test_the_rates_of_optimizers_of_other_packages(tmp_path, made):
    (config,) = read(tmp_path, READ.replace("optimizer = optim.AdamW(", made))
    assert config.settings.learning_rate == 3e-4
    with pytest.raises(olr.ConfigError, match=r"lr=0\.0003 \(line 13\)"):  # Adafactor changes the rate itself
        read(tmp_path, READ.replace("optim.AdamW(", "Adafactor("))


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("from engine import fit\nfit(model, optimizer)", "fit in line 16 takes the optimizer and is not read; it may change the rate"),
        ("from engine import fit\nfit(model, optimizers=[optimizer])", "fit in line 16 takes the optimizer and is not read; it may change the rate"),
        ("from engine import fit\ndef build():\n    return optim.SGD(p, lr=3e-4)\nfit(build())", "fit in line 18 takes the optimizer"),
        ("from engine import fit\nclass Run:\n    def __init__(self, o):\n        self.o = o\n    def run(self):\n        fit(self.o)\nRun(optimizer).run()", "fit in line 20 takes"),
        ("from functools import partial\nfrom engine import fit\nstep = partial(fit, optimizer)", "partial in line 17 takes the optimizer"),
        ("from base import Agent\nclass Mine(Agent):\n    def __init__(self):\n        self.opt = optim.SGD(p, lr=3e-4)", "Mine in line 16 is based on base.Agent, which is not read"),
        ("import lightning as L\nfrom mine import Curve\nL.Trainer(callbacks=[Curve()]).fit(model)", "the callback mine.Curve of the Trainer in line 17 is not read"),
        ("optimizer.load_state_dict(torch.load('a.pt'))", "optimizer.load_state_dict in line 15 takes the rate of the optimizer that was saved"),
        ("from functools import partial\ndef run(lr=3e-4):\n    optim.SGD(p, lr=lr)\nrun(3e-4)\npartial(run, lr=1)", "partial(run, lr=1) in line 19 makes an optimizer with other arguments"),
        ("groups = []\ngroups.append({'params': p, 'lr': 1e-5})", "a group of parameters has a rate of its own in line 16; this plan is that of lr"),
        ("optimizer.add_param_group(group)", "a group of parameters has a rate of its own in line 15; this plan is that of lr"),
        ("updates, state = tx.update(grads, state)\nupdates = jax.tree.map(lambda u: u / 2, updates)", "jax.tree.map in line 16 changes the steps of the optimizer"),
        ("import optax\nfrom mine import damp\noptax.chain(optax.adam(3e-4), damp(0.1))", "a part of the chain in line 17, damp(0.1), is not read"),
        ("accelerator.load_state('saved')", "accelerator.load_state in line 15 takes the rate of the optimizer that was saved"),
        ("exec(open('configurator.py').read())", "line 15 may replace any value of this script"),
        ("globals()['rate'] = 1", "line 15 may replace any value of this script"),
        ("from config import *", "line 15 may replace any value of this script"),
    ],
)  # fmt: skip
def test_what_is_not_read_and_may_change_the_rate_is_named(tmp_path, text, note):
    config = read(tmp_path, f"{READ}{text}\n")[-1]
    assert any(note in given for given in config.notes)


@pytest.mark.parametrize(
    "more",
    [
        "import accelerate\nmodel, optimizer = accelerate.Accelerator().prepare(model, optimizer)\n",
        "from tqdm import tqdm\nimport wandb\nwandb.watch(model)\ntorch.save({'o': optimizer.state_dict()}, 'a.pt')\n",
        "scaler = torch.amp.GradScaler()\nscaler.step(optimizer)\nscaler.custom(optimizer)\n",
        "import lightning as L\nL.Trainer(callbacks=[L.pytorch.callbacks.ModelCheckpoint()]).fit(model)\n",
        "class Run:\n    def __init__(self, optimizer):\n        self.optimizer = optimizer\nRun(optimizer)\n",
        "from matplotlib.pyplot import *\nclass World(gym.Env):\n    pass\n",
        "from models import Net\nfrom data import loaders\nnet = Net(loaders())\n",
    ],
)
def test_usual_libraries_and_own_code_leave_the_rate_alone(tmp_path, more):
    (config,) = read(tmp_path, READ.replace("range(3)", "data") + more)
    assert config.notes == (NOTHING,)


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
        "from torch.optim.swa_utils import SWALR\nSWALR(optimizer, 0.05)\n",
        "from lightning.pytorch.callbacks import StochasticWeightAveraging\n",
        "from lightning.pytorch.callbacks import BackboneFinetuning\n",
        "import optax\ntx = optax.chain(optax.adam(1e-3), optax.scale(0.1))\n",
    ],
)
def test_a_script_that_may_change_the_rate_is_not_constant(tmp_path, more):
    with pytest.raises(olr.ConfigError):
        read(tmp_path, READ + more)


def test_a_rate_that_is_not_given_is_asked_for(tmp_path):
    with pytest.raises(olr.ConfigError, match="--set learning_rate=VALUE"):
        read(tmp_path, READ.replace(", lr=3e-4", ""))


def test_asgd_lowers_its_steps_itself(tmp_path):
    with pytest.raises(olr.ConfigError):
        read(tmp_path, READ.replace("AdamW", "ASGD"))


@pytest.mark.parametrize("change", ["group.update(lr=1e-5)", "group.update({'lr': 1e-5})"])
def test_a_rate_that_is_updated_by_hand_is_noted(tmp_path, change):
    text = f"from transformers import TrainingArguments\nTrainingArguments('o', learning_rate=1e-3)\nfor group in optimizer.param_groups:\n    {change}\n"
    (config,) = read(tmp_path, text)
    assert 'group["lr"] in line 4 sets the rate by hand, which is not in this plan' in config.notes


def test_the_rate_is_an_entry_of_a_dict(tmp_path):
    made = "settings = dict(lr=rate, weight_decay=0.1)\n    if fused():\n        settings['fused'] = True\n"
    text = (
        f"import torch\n\ndef run(rate=1e-4):\n    {made}    opt = torch.optim.AdamW(model.parameters(), **settings)\n"
    )
    (config,) = read(tmp_path, f"{text}\nrun(rate=5e-4)\n")
    assert config.settings.learning_rate == 5e-4
    for other in ("settings['lr'] = 1", "settings.update(more())", "settings = more()"):
        with pytest.raises(olr.ConfigError, match=r"learning_rate \(the optimizer's lr\) is not a literal"):
            read(tmp_path, f"{text.replace('settings[' + repr('fused') + '] = True', other)}\nrun(rate=5e-4)\n")
