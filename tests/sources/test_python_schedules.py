"""Schedules of Optax and torch in scripts, compared with the real ones."""

import re
import sys

import numpy as np
import optax
import pytest
import torch

import optax_lr as olr

OPTAX = [
    "optax.linear_schedule(1e-3, 0.0, 100)",
    "optax.polynomial_schedule(init_value=1e-3, end_value=1e-5, power=2.0, transition_steps=100)",
    "optax.cosine_decay_schedule(1e-3, decay_steps=100, alpha=0.1)",
    "optax.warmup_cosine_decay_schedule(init_value=0.0, peak_value=3e-4, warmup_steps=10, decay_steps=100, end_value=3e-6)",
    "optax.warmup_cosine_decay_schedule(1e-5, 1e-3, 10, 100, 1e-6)",
    "optax.linear_schedule(1e-5, 1e-3, 100)",
    "optax.join_schedules([optax.linear_schedule(0.0, 1e-3, 10), optax.cosine_decay_schedule(1e-3, 90, alpha=0.1)], [10])",
    "optax.join_schedules(schedules=(optax.constant_schedule(1e-3), optax.linear_schedule(1e-3, 1e-5, 50)), boundaries=[50])",
]
WITHOUT_COUNTERPART = {  # each with its length
    "optax.cosine_decay_schedule(1e-3, 100, exponent=2.0)": 100,
    "optax.linear_schedule(1e-3, 0.0, 90, transition_begin=10)": 100,
    "optax.polynomial_schedule(1e-4, 1e-3, 2, 100)": 100,
    "optax.warmup_cosine_decay_schedule(1e-3, 1e-4, 10, 100)": 100,
    "optax.cosine_onecycle_schedule(100, 1e-3, pct_start=0.2)": 100,
    "optax.linear_onecycle_schedule(transition_steps=100, peak_value=1e-3)": 100,
    "optax.sgdr_schedule([dict(init_value=0.0, peak_value=1e-3, decay_steps=40, warmup_steps=5), "
    "dict(init_value=1e-4, peak_value=5e-4, decay_steps=60, warmup_steps=5)])": 100,
    "optax.exponential_decay(1e-3, transition_steps=20, decay_rate=0.5, staircase=True)": None,
    "optax.warmup_exponential_decay_schedule(0.0, 1e-3, 10, 20, 0.5, end_value=1e-4)": None,
    "optax.piecewise_constant_schedule(1e-3, {30: 0.1, 60: 0.5})": None,
    "optax.piecewise_interpolate_schedule('linear', init_value=1e-3, boundaries_and_scales={30: 0.1, 60: 0.5})": None,
    "optax.join_schedules([optax.linear_schedule(0.0, 1e-3, 10), optax.exponential_decay(1e-3, 20, 0.5)], [10])": None,
}
TORCH = [
    "StepLR(o, step_size=3, gamma=0.5)",
    "MultiStepLR(o, [2, 5])",
    "MultiStepLR(o, milestones=[5, 2], gamma=0.5)",
    "ExponentialLR(o, 0.9)",
    "CosineAnnealingLR(o, T_max=9, eta_min=1e-5)",
    "CosineAnnealingWarmRestarts(o, T_0=4, T_mult=2)",
    "LinearLR(o, 0.1, total_iters=4)",
    "ConstantLR(o)",
    "PolynomialLR(o, total_iters=8, power=2.0)",
    "SequentialLR(o, schedulers=[LinearLR(o, 0.1, total_iters=4), CosineAnnealingLR(o, T_max=9)], milestones=[4])",
    "SequentialLR(o, [ConstantLR(o, 0.5, 3), ExponentialLR(o, 0.9)], [3])",
    "OneCycleLR(o, max_lr=0.1, epochs=4, steps_per_epoch=3)",
    "OneCycleLR(o, 0.1, 12, pct_start=0.4, anneal_strategy='linear', three_phase=True)",
]


def read(tmp_path, text, **options):
    path = tmp_path / "train.py"
    path.write_text(text)
    return olr.read_config(path, **options)


@pytest.mark.parametrize("call", OPTAX)
def test_a_schedule_of_optax(tmp_path, call):
    config = read(tmp_path, f"import optax\nLR = 1\nschedule = {call}\nopt = optax.adamw(schedule)\n")
    plan = config.plan(max_steps=120)
    real = eval(call, {"optax": optax})
    assert (config.trainer, config.plan().max_steps) == ("optax", 100)
    assert plan.schedule(np.arange(120)).tolist() == pytest.approx(
        [float(real(step)) for step in range(120)], rel=3e-6, abs=1e-9
    )


@pytest.mark.parametrize("call", WITHOUT_COUNTERPART)
def test_a_schedule_of_optax_without_counterpart_is_that_of_optax_itself(tmp_path, call):
    config = read(tmp_path, f"import optax\nopt = optax.adamw({call})\n")
    real = eval(call, {"optax": optax})
    plan = config.plan(max_steps=120)
    assert plan.schedule(np.arange(120)).tolist() == pytest.approx(
        [float(real(step)) for step in range(120)], rel=3e-6, abs=1e-9
    )
    if (length := WITHOUT_COUNTERPART[call]) is not None:
        assert config.plan().max_steps == length
    else:
        with pytest.raises(olr.ConfigError, match="give max_steps"):
            config.plan()


@pytest.mark.parametrize("call", TORCH)
def test_a_scheduler_of_torch(tmp_path, call):
    text = f"import torch\nfrom torch.optim.lr_scheduler import *\no = torch.optim.SGD(m.parameters(), lr=0.1)\ns = {call}\n"
    text = text.replace(
        "import *", f"import {', '.join(set(re.findall('[A-Z][A-Za-z]+LR|CosineAnnealingWarmRestarts', call)))}"
    )
    config = read(tmp_path, text)
    plan = config.plan(max_steps=12)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    real = eval(call, {**vars(torch.optim.lr_scheduler), "o": optimizer})
    seen = []
    for _ in range(12):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(seen) < 12:  # OneCycleLR refuses more
            real.step()
    assert any(note.startswith("a step of this plan is a call of scheduler.step()") for note in config.notes)
    assert not any("not in this plan" in note for note in config.notes)  # such as on the parts of a SequentialLR
    assert ("milestones=[5, 2]" in call) == ("milestones are out of order; torch takes them by size" in config.notes)
    assert plan.schedule(np.arange(12)).tolist() == pytest.approx(seen, rel=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import optax\noptax.cosine_decay_schedule(1e-3, n)\n", "decay_steps=n is not a literal; give its value with --set decay_steps=VALUE"),
        ("import optax\noptax.cosine_decay_schedule(lr, 100)\n", "init_value=lr is not a literal"),
        ("import optax\noptax.cosine_decay_schedule(1e-3)\n", "cosine_decay_schedule: Optax refuses these arguments: "),
        ("import optax\noptax.piecewise_constant_schedule(1e-3, 5)\n", "piecewise_constant_schedule: Optax refuses these arguments: "),
        ("import optax\noptax.join_schedules([optax.linear_schedule(0.0, lr, 9), optax.constant_schedule(lr)], [9])\n", "the parts of a schedule are not literals; state the schedule"),
        ("import optax\noptax.cosine_decay_schedule(**asdict(c))\n", "may hold any setting; state the schedule"),
        ("import optax\noptax.join_schedules([optax.linear_schedule(1.0, 0.0, 9), mine], [9])\n", "schedules=a schedule that is not read"),
        ("import optax\noptax.join_schedules([optax.constant_schedule(1.0)] * 2, [9])\n", "schedules=a schedule that is not read"),
        (
            "import optax\nparts = [optax.linear_schedule(0.0, 1.0, 9)]\nparts.append(mine)\noptax.join_schedules(parts, [9])\n",
            "schedules=a schedule that is not read: the parts of a schedule are not literals; state the schedule",
        ),
        ("from torch.optim.lr_scheduler import OneCycleLR\nOneCycleLR(o, 0.1)\n", "needs total_steps, or epochs and steps_per_epoch"),
        ("from torch.optim import lr_scheduler\nlr_scheduler.StepLR(o, 3)\n", "learning_rate (the optimizer's lr) is not a literal; give its value with --set learning_rate=VALUE, and the length with --max-steps"),
        ("import torch\ntorch.optim.lr_scheduler.LambdaLR(o, f)\n", "is not read as a config"),
        ("from timm.scheduler import create_scheduler\ncreate_scheduler(args, o)\n", "olr.TimmCosine, TimmTanh and TimmPoly"),
        ("import torch\nfrom timm.scheduler import CosineLRScheduler as C\nC(torch.optim.SGD(w, lr=1.0), t_initial=9, noise_range_t=3)\n", "random noise to the rates; leave it out with --set noise_range_t=null"),
        ("import tensorflow as tf\ntf.keras.callbacks.LearningRateScheduler(f)\n", "write its function of the epoch as an olr.Function"),
        ("from utils import get_scheduler\nget_scheduler('linear', o, 0, 90)\n", "utils.get_scheduler in line 2 makes the schedule"),
        ("from utils import *\nget_linear_schedule_with_warmup(o, 0, 90)\n", "this script makes no schedule"),
        ("_base_ = ['a.py']\noptimizer = dict(type='SGD', lr=0.02)\nlr_config = dict(policy='step', warmup='linear')\n", "a config of MMCV (lr_config), which is not read; state the schedule: optax-lr show --set learning_rate=0.02"),
        ("param_scheduler = [dict(type='LinearLR')]\n", "a config of MMEngine (param_scheduler), which is not read"),
    ],
)  # fmt: skip
def test_unsupported_scripts_are_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(olr.ConfigError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "head",
    [
        "from transformers import *",
        "from mine import *\nfrom transformers.optimization import *",
        "from utils import get_linear_schedule_with_warmup",
    ],
)
def test_functions_of_transformers_under_their_imports(tmp_path, head):
    (tmp_path / "utils.py").write_text("from transformers import get_linear_schedule_with_warmup\n")
    config = read(tmp_path, f"{head}\nget_linear_schedule_with_warmup(o, 9, 90)\n", values={"learning_rate": 1e-4})
    assert config.plan().schedule == olr.Linear(1e-4, 90, 9)


FILLED = (
    "from transformers import HfArgumentParser, Seq2SeqTrainingArguments, get_scheduler\nimport torch\n"
    "model_args, training_args = HfArgumentParser((Mine, Seq2SeqTrainingArguments)).parse_args_into_dataclasses()\n"
    "if training_args.max_steps < 0:\n    steps = len(train_dataset) // training_args.per_device_train_batch_size * int(training_args.num_train_epochs)\n"
    "elif training_args.max_steps > 0:\n    steps = int(training_args.max_steps)\n"
    "opt = torch.optim.AdamW(w, lr=training_args.learning_rate)\n"
    "s = get_scheduler(training_args.lr_scheduler_type, opt, num_warmup_steps=training_args.get_warmup_steps(steps), num_training_steps=steps)\n"
)


@pytest.mark.parametrize(
    ("options", "schedule"),
    [
        ("", olr.Linear(5e-5, 375)),
        ("--learning_rate 1e-4 --lr_scheduler_type cosine --warmup_steps 9 --per_device_train_batch_size 4 --num_train_epochs 2", olr.Cosine(1e-4, 500, 9)),
        ("--warmup_ratio 0.1 --max_steps 95", olr.Linear(5e-5, 95, 10)),
    ],
)  # fmt: skip
def test_options_that_a_parser_fills_into_training_arguments(tmp_path, options, schedule):
    (tmp_path / "run.py").write_text(FILLED)
    (tmp_path / "run.sh").write_text(f"python run.py --model m {options}\n")
    config = olr.read_config(tmp_path / "run.sh")
    assert config.plan(num_examples=1000).schedule == schedule
    notes = (
        config.plan(num_examples=1000).notes + config.reread(dict.fromkeys(config.open, 9)).notes
        if config.reread
        else config.notes
    )
    wanted = "training_args.learning_rate is 5e-05, the default of TrainingArguments"
    assert (wanted in notes) == ("--learning_rate" not in options)


def test_only_the_scheduler_itself_is_given_to_other_code(tmp_path):
    text = (
        "from transformers import get_scheduler\nfrom mine import log, train\ns = get_scheduler('linear', o, 0, 90)\n"
    )
    config = read(tmp_path, f"{text}log(s.get_last_lr()[0])\n", values={"learning_rate": 1e-4})
    assert not any("takes the scheduler" in note for note in config.notes)
    config = read(tmp_path, f"{text}train([o, s])\n", values={"learning_rate": 1e-4})
    assert any(note.startswith("train in line 4 takes the scheduler, and is not read") for note in config.notes)


def test_the_schedule_of_a_script_with_options(tmp_path):
    text = """
import argparse, optax
def main(args=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=4e-4)
    args = parser.parse_args(args)
    tx = optax.chain(optax.add_decayed_weights(0.1), optax.scale_by_learning_rate(
        optax.schedules.warmup_cosine_decay_schedule(0.0, args.lr, 5, 80, args.lr * 0.1)))
"""
    config = read(tmp_path, text)
    assert repr(config.plan().schedule) == repr(olr.Cosine(4e-4, 80, 5, min_lr=4e-4 * 0.1))
    with pytest.raises(olr.ConfigError, match=r"this script makes no schedule|knows the use of"):
        read(tmp_path, "import optax\noptax.add_decayed_weights(0.1)\n")


def test_a_keyword_of_a_scheduler_can_be_given(tmp_path):
    text = "from transformers import get_cosine_with_min_lr_schedule_with_warmup as f\nf(o, 5, 90, min_lr_rate=RATE)\n"
    with pytest.raises(olr.ConfigError, match=r"--set lr_scheduler_kwargs\.min_lr_rate=VALUE"):
        read(tmp_path, text, values={"learning_rate": 1e-4})
    config = read(tmp_path, text, values={"learning_rate": 1e-4, "lr_scheduler_kwargs.min_lr_rate": 0.1})
    assert config.plan().schedule(90) == pytest.approx(1e-5)


def test_a_loop_next_to_a_trainer(tmp_path):
    text = (
        "from transformers import *\nt = TFTrainer(args=TFTrainingArguments('o'))\nget_scheduler('linear', o, 0, 90)\n"
    )
    text = text.replace("import *", "import TFTrainer, TFTrainingArguments, get_scheduler")
    config = read(tmp_path, text, values={"learning_rate": 1e-4})
    assert any("TFTrainer in line 2 has a schedule of its own" in note for note in config.notes)


def test_a_scheduler_that_is_stepped_at_intervals_is_noted(tmp_path):
    loop = (
        "for i, batch in enumerate(data):\n    if i % 8 == 0:\n        optimizer.step()\n        lr_scheduler.step()\n"
    )
    text = "from transformers import get_scheduler\nlr_scheduler = get_scheduler('linear', o, 0, 90)\n" + loop
    config = read(tmp_path, text, values={"learning_rate": 1e-4})
    assert any("line 4 steps the scheduler once in several batches" in note for note in config.notes)


def test_a_class_of_arguments_that_is_not_known_is_named(tmp_path):
    with pytest.raises(olr.ConfigError, match=r"sorsa\.SORSATrainingArguments in line 2 is not a class that is known"):
        read(tmp_path, "from sorsa import SORSATrainingArguments\nSORSATrainingArguments(learning_rate=1e-4)\n")
    with pytest.raises(olr.ConfigError, match=r"optimum\.GaudiSFTConfig in line 2 is not a class that is known"):
        read(tmp_path, "from optimum import GaudiSFTConfig\nGaudiSFTConfig(learning_rate=1e-4)\n")
    with pytest.raises(olr.ConfigError, match="SetFit, which is not read"):
        read(tmp_path, "from setfit import TrainingArguments\nTrainingArguments(max_steps=9)\n")
    text = "from optimum.onnxruntime import ORTTrainingArguments\nORTTrainingArguments('o', learning_rate=1e-4, max_steps=9)\n"
    config = read(tmp_path, text)
    assert config.settings.learning_rate == 1e-4
    assert config.notes[0].startswith(
        "ORTTrainingArguments is imported from optimum.onnxruntime, which is not read: the"
    )


def test_what_starts_the_training_elsewhere_is_named(tmp_path):
    with pytest.raises(
        olr.ConfigError, match=r"HuggingFace in line 2 runs train\.py with these hyperparameters; read that"
    ):
        read(
            tmp_path,
            "from sagemaker.huggingface import HuggingFace\nHuggingFace(entry_point='train.py', hyperparameters={'lr': 1e-4})",
        )
    text = "import deepspeed\nds = {'train_batch_size': 8}\nengine = deepspeed.initialize(model=m, config=ds)\nlearning_rate = 1e-4\n"
    with pytest.raises(
        olr.ConfigError, match=r"deepspeed\.initialize in line 3 has no scheduler, so that the rate is constant"
    ):
        read(tmp_path, text)
    with pytest.raises(olr.ConfigError, match="is the dict in line 2; write that to a JSON file"):
        read(tmp_path, text.replace("8}", "8, 'scheduler': {}}"))
    with pytest.raises(
        olr.ConfigError, match=r"model\.fit in line 1 is SentenceTransformer\.fit, which is not read: a linear"
    ):
        read(tmp_path, "model.fit(train_objectives=[(loader, loss)], epochs=3, warmup_steps=10)\n")
    text = "from transformers import HfArgumentParser\nHfArgumentParser((DataTrainingArguments, MyTrainingArguments))\n"
    with pytest.raises(olr.ConfigError, match="line 2 fills MyTrainingArguments from the command line"):
        read(tmp_path, text)


def test_arguments_of_a_class_of_the_users_own_are_called_that(tmp_path):
    text = "from training.configs import SFTConfig\nSFTConfig('o', learning_rate=1e-4, epochs=2, max_steps=9)\n"
    with pytest.raises(
        olr.ConfigError, match=r"epochs is not an argument of TRL but of training\.configs\.SFTConfig; give what"
    ):
        read(tmp_path, text)
    given = {"epochs": None, "num_train_epochs": 2}
    assert read(tmp_path, text, values=given).settings.learning_rate == 1e-4


def test_a_length_of_none_is_asked_for(tmp_path):
    text = (
        "from transformers import get_linear_schedule_with_warmup as get\nclass Net:\n"
        "    def __init__(self, steps=None):\n        self.steps = steps\n"
        "    def made(self):\n        return get(AdamW(p, lr=1e-4), num_warmup_steps=self.steps, num_training_steps=90)\n"
    )
    with pytest.raises(olr.ConfigError, match=r"warmup_steps=self\.steps \(None\) is not a literal"):
        read(tmp_path, text)
    assert repr(read(tmp_path, text, values={"warmup_steps": 9}).plan().schedule) == repr(olr.Linear(1e-4, 90, 9))


def test_a_schedule_in_optax_inject_hyperparams(tmp_path):
    text = "import optax\ns = optax.cosine_decay_schedule(1e-3, 90)\ntx = optax.inject_hyperparams(optax.adamw)(learning_rate=s)\n"
    config = read(tmp_path, text)
    assert repr(config.plan().schedule) == repr(olr.Cosine(1e-3, 90))
    config = read(tmp_path, text + "state.hyperparams['learning_rate'] = 1e-4\n")
    assert 'hyperparams["learning_rate"] in line 4 sets the rate by hand, which is not in this plan' in config.notes


def test_an_argument_in_which_all_calls_of_a_function_agree(tmp_path):
    text = (
        "from transformers import TrainingArguments\nEPOCHS = 2\n"
        "def made(path, rate=0.1, epochs=EPOCHS):\n"
        "    return TrainingArguments(path, learning_rate=rate, num_train_epochs=epochs)\n"
        "made('a', 3e-4)\nmade('b', {}, EPOCHS)\n"
    )
    config = read(tmp_path, text.format("0.0003"))
    assert (config.settings.learning_rate, config.settings.num_train_epochs) == (3e-4, 2)
    with pytest.raises(olr.ConfigError, match="learning_rate=rate is not a literal"):
        read(tmp_path, text.format("0.0004"))


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Python 3.12 allows it")
def test_an_f_string_of_a_newer_python_is_named(tmp_path):
    with pytest.raises(
        olr.ConfigError, match=r"in line 1; Python 3\.12 allows more in f-strings: run optax-lr with that"
    ):
        read(tmp_path, "f'{row['text']}'\n")


def test_values_can_be_given(tmp_path):
    config = read(
        tmp_path, "import optax\noptax.cosine_decay_schedule(lr, n)\n", values={"init_value": 1e-3, "decay_steps": 50}
    )
    assert repr(config.plan().schedule) == repr(olr.Cosine(1e-3, 50))


def test_several_schedules_in_one_script_are_noted(tmp_path):
    path = tmp_path / "train.py"
    path.write_text("import optax\noptax.constant_schedule(1e-3)\noptax.cosine_decay_schedule(1e-3, 50)\n")
    first, _ = olr.read_configs(path)
    assert first.notes == (
        "optax.constant_schedule is read as the schedule of the learning rate",
        "this script makes 2 schedules; which one runs when is not read",
    )
    with pytest.raises(olr.ConfigError, match="give max_steps"):
        first.plan()


@pytest.mark.parametrize(
    "text",
    [
        "if kind == 'a':\n    s = optax.constant_schedule(1e-3)\nelse:\n    s = optax.cosine_decay_schedule(1e-3, 50)\n",
        "def make(kind):\n    if kind:\n        return optax.constant_schedule(1e-3)\n    return optax.cosine_decay_schedule(1e-3, 50)\n",
    ],
)
def test_a_branch_decides_which_schedule_is_made(tmp_path, text):
    path = tmp_path / "train.py"
    for made, what in (
        (text, "schedules"),
        (
            text.replace("cosine_decay_schedule(1e-3, 50)", "sgd(1e-3)").replace("constant_schedule", "adam"),
            "optimizers",
        ),
    ):
        path.write_text(f"import optax\n{made}")
        configs = olr.read_configs(path)
        assert len(configs) == 2
        assert all(
            f"a branch of this script decides which of its 2 {what} is made" in config.notes for config in configs
        )


def test_boundaries_out_of_order_are_refused(tmp_path):
    parts = "[optax.constant_schedule(1.0), optax.constant_schedule(0.5), optax.constant_schedule(0.1)]"
    config = read(tmp_path, f"import optax\noptax.join_schedules({parts}, [20, 10])\n")
    with pytest.raises(olr.ConfigError, match="boundaries must rise"):
        config.plan(max_steps=30)


MODULE = """
import lightning
import torch
class Net(lightning.LightningModule):
    def __init__(self, lr=1e-3, epochs: int = 50, width=8):
        super().__init__()
        self.save_hyperparameters()
        self.epochs = epochs
    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.hparams.lr)
        return [optimizer], [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=self.epochs)]
    def train_dataloader(self):
        return torch.utils.data.DataLoader(train, batch_size=10)
"""


@pytest.mark.parametrize(
    ("made", "expected", "note"),
    [
        ("", (1e-3, 50), "lr is 0.001, the default of Net(); a caller may give another"),
        ("Net(lr=3e-4)", (3e-4, 50), ""),
        ("Net(epochs=20, lr=3e-4)", (3e-4, 20), ""),
        ("Net(3e-4)", (3e-4, 50), ""),
        ("class Late:\n    def setup(self, epochs):\n        self.epochs = epochs", (1e-3, 50), ""),
        ("class Other:\n    def __init__(self, lr=1.0):\n        self.rate = lr", (1e-3, 50), ""),
        ("class Child(Net): ...\nChild(lr=3e-4)", (3e-4, 50), ""),
        ("Net(**options)", None, ""),
        ("Net(lr=1e-4)\nNet(lr=2e-4)", None, ""),
        ("class Late(Net):\n    def setup(self, epochs):\n        self.epochs = epochs", None, ""),
        ("class Child(Net):\n    def __init__(self):\n        super().__init__(1.0)", None, ""),
        ("class Late(Net):\n    def setup(self):\n        self.hparams['lr'] = 1.0", None, ""),
    ],
)
def test_the_arguments_of_a_module_of_lightning(tmp_path, made, expected, note):
    path = tmp_path / "net.py"
    path.write_text(MODULE + made + "\n")
    if expected is None:
        with pytest.raises(olr.ConfigError, match=r"not (a )?literal"):
            olr.read_config(path)
    else:
        config = olr.read_config(path)
        schedule = config.plan(num_examples=30, max_steps=90).schedule
        assert repr(schedule) == repr(olr.Every(olr.CosineAnnealing(*expected), steps=3))
        assert not note or note in config.notes


@pytest.mark.parametrize(
    ("groups", "noted"),
    [
        ("[{'params': a, 'lr': 1e-5}, {'params': b}]", True),
        ("[{'params': a, 'weight_decay': 0.1}, {'params': b}]", False),
        ("grouped", True),
        ("[dict(params=a, lr=1e-5), dict(params=b)]", True),
        ("made(model)", True),
        ("model.parameters()", False),
    ],
)
def test_groups_with_rates_of_their_own_are_noted(tmp_path, groups, noted):
    text = (
        "from torch.optim import *\nfrom torch.optim.lr_scheduler import *\n"
        "def made(model):\n    return [{'params': p, 'lr': 1e-5} for p in model.parameters()]\n"
        f"grouped = [{{'params': a, 'lr': 1e-5}}]\nopt = AdamW({groups}, lr=1e-4)\nCosineAnnealingLR(opt, T_max=9)\n"
    )
    config = read(tmp_path, text)
    assert repr(config.plan().schedule) == repr(olr.CosineAnnealing(1e-4, 9))
    assert any("a group of parameters has a rate of its own in line" in note for note in config.notes) is noted


@pytest.mark.parametrize(
    "wrapper",
    [
        "Lookahead(opt, 5, 0.5)",
        "LARC(opt, 0.001)",
        "wrap(optimizer=opt, k=5)",
        "wrap(base_optimizer, lr=0.5)",
        "getattr(opt, 'a', opt)",
    ],
)
def test_the_rate_of_an_optimizer_that_wraps_another_is_asked_for(tmp_path, wrapper):
    text = f"from torch.optim import AdamW\nfrom torch.optim.lr_scheduler import CosineAnnealingLR\nopt = AdamW(params_to_optimize, 1e-4)\nouter = {wrapper}\n"
    with pytest.raises(olr.ConfigError, match=r"learning_rate \(the optimizer's lr\) is not a literal"):
        read(tmp_path, f"{text}CosineAnnealingLR(outer, T_max=9)\n")
    assert read(tmp_path, f"{text}CosineAnnealingLR(opt, T_max=9)\n").settings.learning_rate == 1e-4


@pytest.mark.parametrize(
    ("use", "noted"),
    [
        ("", True),
        ("log(scheduler.get_last_lr())", True),
        ("scheduler.step()", False),
        ("train(scheduler)", False),
        ("def main():\n    scheduler.step()\nmain()", False),
        ("def main():\n    scheduler.step()", True),
        ("if False:\n    scheduler.step()", True),
        ("scheduler.step", True),
        ("def save(s):\n    torch.save(s.state_dict(), 'a')\nsave(scheduler)", True),
        ("def go(s):\n    s.step()\n    lr_scheduler.step()\ngo(scheduler)", False),
        ("parts = {'s': scheduler}", False),
    ],
)
def test_a_scheduler_that_nothing_steps_is_noted(tmp_path, use, noted):
    note = "nothing in this script steps the scheduler of line {}, so that the rate stays that of step 0"
    text = (
        f"import torch\nopt = torch.optim.AdamW(p, 1e-4)\nscheduler = torch.optim.lr_scheduler.StepLR(opt, 3)\n{use}\n"
    )
    assert (note.format(3) in read(tmp_path, text).notes) is noted
    text = f"import torch\nfrom transformers import get_scheduler\nopt = torch.optim.AdamW(p, 1e-4)\nscheduler = get_scheduler('linear', opt, 0, 9)\n{use}\n"
    assert (note.format(4) in read(tmp_path, text).notes) is noted


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ("scheduler.base_lrs = [0.5]", "scheduler.base_lrs in line 4 changes the schedule, which is not in this plan"),
        ("scheduler.lr_lambdas[0] = f", "scheduler.lr_lambdas in line 4 changes the schedule"),
        ("scheduler.load_state_dict(s)", "scheduler.load_state_dict in line 4 begins at the step of a saved run"),
        (
            "from trainer.sft import Fit\nFit(model, opt, lr_scheduler=scheduler).run()",
            "Fit in line 5 takes the scheduler, and is not read",
        ),
        ("scheduler.step(7)", "scheduler.step in line 4 is given a place in the schedule"),
        ("scheduler = make(opt)", "scheduler is made again in line 4; this is the plan of line 3"),
        (
            "other = torch.optim.SGD(p, 0.5)\nother.step()",
            "the script steps other, and the scheduler in line 3 is that of opt",
        ),
    ],
)
def test_what_the_script_does_to_its_scheduler_is_noted(tmp_path, change, note):
    text = f"import torch\nopt = torch.optim.AdamW(p, 1e-4)\nscheduler = torch.optim.lr_scheduler.StepLR(opt, 3)\n{change}\nscheduler.step()\n"
    assert any(given.startswith(note) for given in read(tmp_path, text).notes)


@pytest.mark.parametrize(
    "use",
    [
        "scheduler = torch.optim.lr_scheduler.StepLR(opt, 3)\nwhole = GradualWarmupScheduler(opt, 1, 5, scheduler)",
        "whole = GradualWarmupScheduler(opt, 1, 5, after_scheduler=torch.optim.lr_scheduler.StepLR(opt, 3))",
        "self.base = torch.optim.lr_scheduler.StepLR(opt, 3)\nself.whole = GradualWarmupScheduler(opt, 1, 5, self.base)",
    ],
)
def test_a_part_of_a_warmup_that_is_not_read_is_refused(tmp_path, use):
    text = f"import torch\nfrom warmup_scheduler import GradualWarmupScheduler\nopt = torch.optim.AdamW(p, 1e-4)\n{use}\nwhole.step()\n"
    with pytest.raises(
        olr.ConfigError,
        match=r"^\S+train\.py: GradualWarmupScheduler in line [45] changes the schedule of line 4, and is not read",
    ):
        read(tmp_path, text)


def test_a_scheduler_of_the_script_that_takes_another_is_noted(tmp_path):
    text = (
        "import torch\nclass Twice(torch.optim.lr_scheduler.LRScheduler):\n    pass\nclass HeldLR:\n    pass\n"
        "opt = torch.optim.AdamW(p, 1e-4)\nwhole = HeldLR(opt, torch.optim.lr_scheduler.StepLR(opt, 3))\nwhole.step()\n"
    )
    assert any(
        note.startswith("HeldLR in line 7 takes the scheduler, and is not read") for note in read(tmp_path, text).notes
    )


def test_the_rate_of_groups_alone_is_that_of_the_first(tmp_path):
    text = (
        "import torch\nfrom torch.optim.lr_scheduler import CosineAnnealingLR\nhead = 6e-3\n"
        "a, b = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))\n"
        "groups = [{'params': [a], 'lr': head}, {'params': [b], 'lr': 6e-2}]\n"
        "optimizer = torch.optim.AdamW(groups)\nscheduler = CosineAnnealingLR(optimizer, T_max=9)\n"
    )
    ran = {}
    exec(text, ran)
    config = read(tmp_path, text)
    assert config.settings.learning_rate == ran["optimizer"].param_groups[0]["initial_lr"]
    note = "a group of parameters has a rate of its own in line 5; this plan is that of the first group"
    assert note in config.notes
    with pytest.raises(olr.ConfigError, match=r"learning_rate \(the optimizer's lr\) is not a literal"):
        read(tmp_path, text.replace("'lr': head", "'eps': head"))


@pytest.mark.parametrize(
    "call",
    [
        "MultiStepLR(opt, milestones=[3, 'a'])", "LinearLR(opt, start_factor='a')", "StepLR(opt, step_size=[1])",
        "OneCycleLR(opt, max_lr=0.1, total_steps=10, pct_start='a')", "SequentialLR(opt, [], milestones=[])",
    ],
)  # fmt: skip
def test_arguments_of_torch_that_are_no_numbers_are_refused(tmp_path, call):
    text = f"import torch\nopt = torch.optim.SGD(m.parameters(), lr=0.1)\ns = torch.optim.lr_scheduler.{call}\n"
    (tmp_path / "a.py").write_text(text)
    with pytest.raises(olr.ConfigError, match=r"must be a number|is no schedule"):
        olr.read_config(tmp_path / "a.py")


def test_a_length_that_is_taken_for_that_of_the_schedule_is_noted(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(
        "from torch.optim import AdamW\nfrom transformers import get_linear_schedule_with_warmup\n"
        "s = get_linear_schedule_with_warmup(AdamW(p, lr=1e-4), num_warmup_steps=5, num_training_steps=net.steps)\n"
    )
    config = olr.read_config(path)
    assert config.plan(max_steps=50).max_steps == 50
    note = "num_training_steps is net.steps: --max-steps is taken for it, and the run may be shorter"
    assert note in config.notes
    path.write_text(path.read_text().replace("net.steps", "50"))
    assert not any(note.startswith("num_training_steps is") for note in olr.read_config(path).notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import hydra\n@hydra.main(config_path='conf', config_name='run')\ndef main(cfg):\n    opt = f()\n    scheduler = hydra.utils.instantiate(cfg.sched, optimizer=opt)\n",
         r"hydra.utils.instantiate\(cfg.sched, optimizer=opt\) in line 5 makes the schedule, and is not read; read the config in conf/run.yaml that Hydra composes, or"),
        ("import yaml\nc = yaml.safe_load(open('run.yaml'))\nlr_scheduler = get_object(c['kind'])(optim, **c['more'])\n",
         r"in line 3 makes the schedule, and is not read; c is yaml.safe_load\(open\('run.yaml'\)\) in line 2; read the config or the command of the training, or"),
        ("class A:\n    def f(self, optimizer):\n        self.scheduler = self.hparams.scheduler(optimizer=optimizer)\n",
         r"self.hparams.scheduler\(optimizer=optimizer\) in line 3 makes the schedule, and is not read; read the config or the command"),
        ("noise_scheduler = load(path, betas)\n", "this script makes no schedule"),
        ("import lr_utils\nlr_utils.ReduceLROnPlateau(opt, patience=3)\n", "ReduceLROnPlateau in line 2 is not read as a config; it follows a metric"),
    ],
)  # fmt: skip
def test_a_call_that_is_not_read_and_makes_the_schedule_is_named(tmp_path, text, message):
    (tmp_path / "a.py").write_text(text)
    with pytest.raises(olr.ConfigError, match=message):
        olr.read_config(tmp_path / "a.py")


def test_the_rate_of_either_branch_is_that_of_both(tmp_path):
    text = (
        "from torch import optim\noptimizer = optim.AdamW(p, lr=0.1) if fast else optim.SGD(p, lr=RATE)\n"
        "optim.lr_scheduler.StepLR(optimizer, 3)\n"
    )
    (tmp_path / "a.py").write_text(text.replace("RATE", "0.1"))
    assert olr.read_config(tmp_path / "a.py").settings.learning_rate == 0.1
    (tmp_path / "a.py").write_text(text.replace("RATE", "0.2"))
    with pytest.raises(olr.ConfigError, match=r"learning_rate \(the optimizer's lr\) is not a literal"):
        olr.read_config(tmp_path / "a.py")


def test_the_length_that_is_asked_for_is_that_of_the_schedule(tmp_path):
    text = "from transformers import get_linear_schedule_with_warmup as g\ng(f(), num_warmup_steps=3, num_training_steps=n.steps)\n"
    (tmp_path / "a.py").write_text(text)
    with pytest.raises(
        olr.ConfigError, match="--set learning_rate=VALUE, and the length of the schedule with --max-steps"
    ):
        olr.read_config(tmp_path / "a.py")
    config = olr.read_config(tmp_path / "a.py", values={"learning_rate": 0.1})
    with pytest.raises(olr.ConfigError, match=r"give the length of the schedule \(max_steps="):
        config.plan()
