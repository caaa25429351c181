"""Python scripts: literal arguments of known constructors, never run."""

import re
import time

import pytest

import optax_lr as olr
from optax_lr.configs.gather import sources_of
from optax_lr.linting.lint import apply_fixes

HEAD = "from transformers import TrainingArguments\n"


def read(tmp_path, text, name="train.py", **options):
    path = tmp_path / name
    path.write_text(text)
    return olr.read_configs(path, **options)


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "TrainingArguments('out', learning_rate=2e-5, lr_scheduler_type='cosine', max_steps=100)",
        "import transformers as tf\nargs = tf.TrainingArguments(learning_rate=2e-5, lr_scheduler_type=tf.SchedulerType.COSINE, max_steps=100)",
        "from transformers import Seq2SeqTrainingArguments as A, SchedulerType\nA(learning_rate=2e-5, lr_scheduler_type=SchedulerType.COSINE, max_steps=100)",
        HEAD
        + "LR = 2e-5\ndef main():\n    steps = 10 * 10\n    TrainingArguments(learning_rate=LR, lr_scheduler_type='cosine', max_steps=steps)",
        HEAD
        + "import math\nTrainingArguments(learning_rate=1e-5 * 2, lr_scheduler_type='cosine', max_steps=int(math.ceil(99.5)))",
        HEAD + "K = dict(learning_rate=2e-5, max_steps=100)\nTrainingArguments(lr_scheduler_type='cosine', **K)",
        HEAD + "TrainingArguments(**{**{'learning_rate': 2e-5}, 'lr_scheduler_type': 'cosine'}, max_steps=100)",
        HEAD
        + "class CFG:\n    lr = 2e-5\n    steps: int = 100\nc = CFG()\nTrainingArguments(learning_rate=CFG.lr, lr_scheduler_type='cosine', max_steps=c.steps)",
        HEAD
        + "args = TrainingArguments(learning_rate=1.0, lr_scheduler_type='cosine')\nargs.learning_rate = 2e-5\nargs.max_steps = 100",
        "args = TrainingArguments(learning_rate=2e-5, lr_scheduler_type='cosine', max_steps=100)",
    ],
)
def test_common_forms_of_scripts(tmp_path, text):
    (config,) = read(tmp_path, text)
    assert config.trainer == "hf"
    assert repr(config.plan().schedule) == repr(olr.Cosine(2e-5, 100))


def test_defaults_lines_and_several_configs_of_trl(tmp_path):
    text = "from trl import SFTConfig, DPOConfig\n\nSFTConfig(\n    output_dir='a',\n    max_steps=10,\n)\nDPOConfig(max_steps=20, learning_rate=3e-6)\n"
    first, second = read(tmp_path, text)
    assert (first.settings.method, first.settings.learning_rate, first.lines["max_steps"]) == ("SFTConfig", 2e-5, 5)
    assert (second.source, second.settings.learning_rate) == (f"{tmp_path / 'train.py'}#2", 3e-6)


def test_unsloth_makes_a_batch_of_the_generations(tmp_path):
    """Its class of the arguments does so where TRL refuses the batch: 1 x 2 completions are no multiple of 4."""
    text = "import unsloth\nfrom trl import GRPOConfig\n"
    text += "GRPOConfig(per_device_train_batch_size=1, gradient_accumulation_steps=2, num_generations=4, num_train_epochs=1)\n"
    (config,) = read(tmp_path, text)
    assert config.plan(num_examples=100).max_steps == 50  # 4 x 2 completions are 2 prompts
    assert config.plan(num_examples=100, world_size=2).max_steps == 100  # 1 x 2 x 2 are one prompt, and fit
    assert any("unsloth makes the batch 4" in note for note in config.notes)
    with pytest.raises(olr.ConfigError, match="does not divide the 2 completions"):
        read(tmp_path, text.replace("unsloth", "torch"))[0].plan(num_examples=100)


def test_unsloth_changes_the_defaults_of_trls_classes(tmp_path):
    text = "from unsloth import FastLanguageModel\nfrom trl import SFTConfig\nSFTConfig(num_train_epochs=1)\n"
    (config,) = read(tmp_path, text)
    plan = config.plan(num_examples=800)
    assert repr(plan.schedule) == repr(olr.Linear(5e-5, 100, 10))  # batch 4, accumulated twice, a tenth of warmup
    assert {default.whose for default in plan.defaults if default.key != "lr_scheduler_type"} == {"unsloth's SFTConfig"}
    (config,) = read(tmp_path, text.replace("epochs=1", "epochs=1, warmup_ratio=0.05"))
    assert (config.settings.warmup_ratio, config.settings.warmup_steps) == (0.05, 0)
    plain = read(tmp_path, text.replace("SFTConfig", "TrainingArguments").replace("trl", "transformers"))
    assert plain[0].settings.per_device_train_batch_size == 8


@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        ("learning_rate=args.lr", "learning_rate=args.lr is not a literal"),
        ("num_train_epochs=get()", "num_train_epochs=get() is not a literal"),
        ("learning_rate=lr", "learning_rate=lr is not a literal"),  # differs between branches
        ("warmup_steps=int(os.environ['W'])", "warmup_steps=int(os.environ['W']) is not a literal"),
        ("**config", r"\*\*config of the call is not a literal"),
        ("learning_rate=1e-4 if big else 1e-5", "learning_rate=0.0001 if big else 1e-05 is not a literal"),
        ("warmup_steps={[1]: 2}", "warmup_steps={[1]: 2} is not a literal"),
        ("learning_rate={**5}", r"learning_rate={\*\*5} is not a literal"),
    ],
)
def test_other_expressions_are_listed_and_can_be_given(tmp_path, argument, shown):
    text = f"{HEAD}import os\nlr = 1e-4\nif big: lr = 1e-5\nTrainingArguments(lr_scheduler_type='cosine', logging_steps=x, {argument})\n"
    with pytest.raises(olr.ConfigError, match=shown.replace("(", r"\(").replace(")", r"\)").replace("[", r"\[")):
        read(tmp_path, text)
    if "**" not in argument:
        key = argument.partition("=")[0]
        (config,) = read(tmp_path, text, values={key: 1, "max_steps": 50})
        assert config.plan().max_steps == 50


PARSER = "import argparse\np = argparse.ArgumentParser()\np.add_argument('-l', '--lr', type=float, default='2e-5')\n"
CALL = "TrainingArguments(learning_rate=args.lr, lr_scheduler_type='cosine', max_steps=100)\n"
DATACLASS = "from dataclasses import dataclass, field\n@dataclass\nclass C:\n    lr: float = field(default=2e-5)\n"


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (PARSER + "args = p.parse_args()\n" + CALL, "args.lr is 2e-05, the default of --lr"),
        (PARSER + "def main(args):\n    " + CALL + "args, _ = p.parse_known_args()\nmain(args)\n", "the default of --lr"),
        ("def read():\n    " + PARSER.replace("\n", "\n    ") + "return p.parse_args()\nargs = read()\n" + CALL, "the default of --lr"),
        (DATACLASS + "(args,) = HfArgumentParser(C).parse_args_into_dataclasses()\n" + CALL, "the default of C"),
        (DATACLASS + "args = HfArgumentParser(C).parse_args_into_dataclasses()[0]\n" + CALL, "the default of C"),
        (DATACLASS + "args = C()\n" + CALL, ""),
        (DATACLASS + "args = C(lr=2e-5)\n" + CALL, ""),
        (DATACLASS + "def train(args: C):\n    " + CALL + "train(C(lr=1e-5 * 2))\n", ""),
        ("class C:\n    def __init__(self, lr=2e-5):\n        self.lr = lr\nargs = C()\n" + CALL, ""),
        ("class T:\n    def __init__(self):\n        self.lr = 2e-5\n    def f(self):\n        " + CALL.replace("args", "self"), ""),
        ("import os\nLR = float(os.environ.get('LR', '2e-5'))\n" + CALL.replace("args.lr", "LR"), "'LR' of the environment may replace"),
        ("K = {'a': {'lr': 2e-5}}\n" + CALL.replace("args.lr", "K['a']['lr']"), ""),
        ("K = {'net': Net, 'lr': 2e-5}\n" + CALL.replace("args.lr", "K['lr']"), ""),
        ("class A:\n    def f(self, lr):\n        " + CALL.replace("args.lr", "lr") + "    def run(self):\n        self.f(lr=2e-5)\n", ""),
        ("class A:\n    def f(self, n, lr):\n        " + CALL.replace("args.lr", "lr") + "a = A()\na.f(1, 2e-5)\n", ""),
        ("def f(lr=2e-5):\n    " + CALL.replace("args.lr", "lr"), "lr is 2e-05, the default of f()"),
        ("def f(lr=1.0):\n    " + CALL.replace("args.lr", "lr") + "f(lr=2e-5)\n", ""),
        ("def f(name, lr=2e-5):\n    " + CALL.replace("args.lr", "lr") + "f('a')\nf('b')\n", ""),
    ],
)  # fmt: skip
def test_defaults_that_the_script_itself_has(tmp_path, text, note):
    (config,) = read(tmp_path, HEAD + text)
    assert repr(config.plan().schedule) == repr(olr.Cosine(2e-5, 100))
    assert len(config.notes) == bool(note)
    assert not note or note in config.notes[0]


@pytest.mark.parametrize(
    "text",
    [
        PARSER + "args = p.parse_args()\nif small:\n    args.lr = args.lr * 2\n" + CALL,
        PARSER + "args = p.parse_args()\np.set_defaults(lr=1)\n" + CALL,
        PARSER.replace(", default='2e-5'", "") + "args = p.parse_args()\n" + CALL,
        PARSER + PARSER.replace("2e-5", "3e-5") + "args = p.parse_args()\n" + CALL,
        DATACLASS + "args = C(**other)\n" + CALL,
        DATACLASS + "def train(args: C):\n    " + CALL + "train(C(lr=1e-5))\ntrain(C())\n",
        "class C:\n    def __init__(self, lr=2e-5):\n        self.lr = lr * 2\nargs = C()\n" + CALL,
        "def f(lr):\n    " + CALL.replace("args.lr", "lr") + "f(1e-5)\nf(2e-5)\n",
        "def f(lr=1.0):\n    " + CALL.replace("args.lr", "lr") + "f(*rates)\n",
        "K = {'lr': 2e-5}\nK['lr'] = 1\n" + CALL.replace("args.lr", "K['lr']"),
        "K = {'lr': 2e-5}\nK.update(lr=1)\n" + CALL.replace("args.lr", "K['lr']"),
        "class A:\n    def f(self, lr):\n        "
        + CALL.replace("args.lr", "lr")
        + "class B:\n    def f(self, lr): pass\na = A()\na.f(2e-5)\n",
    ],
)
def test_ambiguous_values_are_not_used(tmp_path, text):
    with pytest.raises(olr.ConfigError, match="is not a literal"):
        read(tmp_path, HEAD + text)


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("", 2),
        ("AutoModel.from_pretrained('m', device_map='auto')", 1),
        ("model.is_parallelizable = True", 1),
        ("AutoModel.from_pretrained('m', device_map={'': 0})", 2),
        ("TrainingArguments('o', deepspeed='ds.json')", 1),
    ],
)
def test_a_model_that_is_divided_among_devices_is_trained_by_one_process(tmp_path, line, count):
    # Trainer sets n_gpu to 1 if the map of the model has several devices.
    text = f"import os\nos.environ['CUDA_VISIBLE_DEVICES'] = '0,1'\n{HEAD}{line}\nTrainingArguments('o', max_steps=9)\n"
    config = read(tmp_path, text)[-1]
    assert config.plan(max_steps=9).world_size == count


def test_a_conditional_of_an_option_that_is_not_given(tmp_path):
    parser = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--test', action='store_true')\n"
    text = parser + "args = p.parse_args()\n" + HEAD + "TrainingArguments('o', max_steps=5 if args.test else 80)\n"
    (config,) = read(tmp_path, text)
    assert config.plan().max_steps == 80
    assert any("args.test is taken as not given" in note for note in config.notes)


def test_data_that_the_script_divides(tmp_path):
    split = 'parts = load_dataset("d")["train"].train_test_split(test_size=0.1)\n'
    for argument, noted in (("num_train_epochs=1", True), ("max_steps=9", False)):
        (config,) = read(
            tmp_path, f"{HEAD}parts = torch.utils.data.random_split(d, [9, 1])\nTrainingArguments('o', {argument})\n"
        )
        assert (
            any("line 2: the number of examples is that of the training part" in note for note in config.notes) == noted
        )
        (config,) = read(tmp_path, f"{HEAD}{split}TrainingArguments('o', {argument})\n")
        assert any("train_test_split in line 2" in note for note in config.notes) == noted


def test_options_of_click(tmp_path):
    text = """
import click
from transformers import TrainingArguments
@click.command()
@click.option("--batch-size", type=click.INT, default=32)
@click.option("-e", "--epoch", "rounds", default=30)
def main(batch_size, rounds):
    TrainingArguments("out", per_device_train_batch_size=batch_size, num_train_epochs=rounds)
"""
    (config,) = read(tmp_path, text)
    assert (config.settings.per_device_train_batch_size, config.settings.num_train_epochs) == (32, 30)
    assert (
        "batch_size is 32, the default of --batch_size; rounds is 30, the default of --rounds; the command that starts the script "
        "may give others" in config.notes
    )


@pytest.mark.parametrize(
    ("data", "examples"),
    [
        ("d.map(f).select(range(100))", 100),
        ("d.select(range(2 * N)).shuffle(seed=1)", 80),
        ("d.select(range(N)).map(f, batched=True)", None),  # which may make other rows
        ("d.select(kept)", None),
    ],
)
def test_training_data_that_the_script_selects(tmp_path, data, examples):
    text = f"N = 40\ntrain = {data}\nTrainer(model, train_dataset=train, args=TrainingArguments('o', num_train_epochs=2))\n"
    (config,) = read(tmp_path, "from transformers import Trainer\n" + HEAD + text)
    assert config.examples == examples
    if examples:
        assert config.plan().max_steps == 2 * -(-examples // 8)
        assert config.plan(num_examples=80).max_steps == 20
    else:
        with pytest.raises(olr.ConfigError, match="number of training examples"):
            config.plan()


def test_a_setting_that_is_set_on_another_object_is_noted(tmp_path):
    text = f"{HEAD}args = TrainingArguments(learning_rate=1e-4, max_steps=9)\ntrainer.args.max_steps = 5\n"
    (config,) = read(tmp_path, text)
    assert config.notes == (
        "trainer.args.max_steps is set in this script; if it belongs to these arguments, give it with --set",
    )
    text = "from axolotl.utils.dict import DictDefault\nc = DictDefault(base_model='m', learning_rate=1e-4, micro_batch_size=2, gradient_accumulation_steps=1, warmup_steps=2)\ncfg = load_cfg(c)\ncfg.max_steps = 25\n"
    assert read(tmp_path, text)[0].plan().max_steps == 25


def test_a_dict_with_some_literals(tmp_path):
    text = HEAD + "K = {'learning_rate': 2e-5, 'output_dir': folder(), 'max_steps': 9}\nTrainingArguments(**K)\n"
    assert repr(read(tmp_path, text)[0].plan().schedule) == repr(olr.Linear(2e-5, 9))
    with pytest.raises(olr.ConfigError, match=r"learning_rate=rate\(\) is not a literal"):
        read(tmp_path, text.replace("2e-5", "rate()"))


def test_classes_of_other_packages(tmp_path):
    call = "(learning_rate=2e-5, max_steps=100)"
    (config,) = read(tmp_path, f"from .mine import TrainingArguments as A\nA{call}")
    assumed = "the defaults and the schedule of TrainingArguments of transformers are assumed"
    assert config.notes == (f"TrainingArguments is imported from .mine, which is not read: {assumed}",)
    name = "SentenceTransformerTrainingArguments"
    (config,) = read(tmp_path, f"from sentence_transformers import {name}\n{name}{call}")
    assert (config.trainer, config.notes) == (
        "hf",
        ("the steps are those of one data set; several are batched each for itself",),
    )
    (config,) = read(
        tmp_path, "from swift.trainers import Seq2SeqTrainingArguments\nSeq2SeqTrainingArguments(num_train_epochs=1)"
    )
    plan = config.plan(num_examples=1601, world_size=2)  # 800 for each process, 16 an update
    assert (config.trainer, repr(plan.schedule)) == ("swift", repr(olr.Cosine(5e-5, 100)))


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("ray.train.torch.TorchTrainer(f, scaling_config=ScalingConfig(num_workers=4, use_gpu=True))", 4),
        ("from accelerate import notebook_launcher\nnotebook_launcher(f, (), num_processes=2)", 2),
        ("ScalingConfig(num_workers=workers)", None),
        ("import os\nos.environ['CUDA_VISIBLE_DEVICES'] = '0,1'", 2),
    ],
)
def test_processes_that_a_script_starts(tmp_path, line, count):
    (config,) = read(tmp_path, f"{HEAD}TrainingArguments(learning_rate=1e-4, num_train_epochs=1)\n{line}\n")
    assert config.processes.count == count
    plan = config.plan(num_examples=800)
    assert plan.max_steps == 100 // (count or 1)
    assert (count is None) == plan.world_size_from.startswith("assumed; ")


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("with open('a.yaml') as f:\n    c = yaml.safe_load(f)\nt = c['train']\nTrainingArguments(learning_rate=t['lr'])", "t is c['train'] in line 4, and c is yaml.safe_load(f) in line 3, of a.yaml; give its value with --set learning_rate=VALUE"),
        ("from own.config import C\nTrainingArguments(learning_rate=float(C.lr), num_train_epochs=C.n, warmup_steps=C.w, lr_scheduler_type=C.k)", "C is imported from own.config; read the script with own/config.py in its folder, or give their values with --set learning_rate=VALUE --set num_train"),
        ("from absl import flags\nTrainingArguments(learning_rate=flags.lr)", "flags is imported from absl; give its value"),
        ("from own.config import C\nc = C()\nTrainingArguments(learning_rate=c.lr)", "C is imported from own.config; read the script with own/config.py in its folder, or give its"),
        (
            "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float)\na = p.parse_args()\na.lr = a.lr * f()\nTrainingArguments(learning_rate=a.lr)",
            "a has the options of a command, and line 6 sets a.lr; read the shell script with it",
        ),
        ("a = p.parse_args()\nTrainingArguments(learning_rate=a.lr)", "a has the options of a command; read the shell script with it, if there is one, or give"),
        ("lr = 1\nif fast():\n    lr = 2\nTrainingArguments(learning_rate=lr)", "lr is set in lines 2 and 4; give its value with --set learning_rate=VALUE"),
        ("def f(n):\n    TrainingArguments(num_train_epochs=n)\nf(3)\nf(n=a.b)", "n is an argument of f(), which is given as 3 (line 4) and a.b (line 5); give its value"),
        (
            "def f(r, e, b, g, w):\n    TrainingArguments(learning_rate=r, num_train_epochs=e, per_device_train_batch_size=b, gradient_accumulation_steps=g, warmup_steps=w)",
            "learning_rate, num_train_epochs, per_device_train_batch_size, gradient_accumulation_steps, warmup_steps (r, ...) are not literals; they are arguments of f(); give",
        ),
        ("a, b = g(), h()\nx = 1\nx = i()\nTrainingArguments(learning_rate=x, warmup_steps=a.w)", "x is set in lines 3 and 4; a is g() in line 2; give their values"),
        ("import hydra\n@hydra.main(config_path='conf', config_name='sft')\ndef main(cfg):\n    TrainingArguments(learning_rate=cfg.lr)", "cfg is the config in conf/sft.yaml that Hydra composes; give its value"),
        ("def main(cfg):\n    TrainingArguments(**cfg.train)", "may hold any setting; cfg is an argument of main(); write the keys"),
        ("TrainingArguments(learning_rate=a.lr * b.scale)", "b.scale is not a literal; give its value"),
    ],
)  # fmt: skip
def test_where_values_come_from_that_are_not_literals(tmp_path, text, origin):
    with pytest.raises(olr.ConfigError, match=re.escape(origin)):
        read(tmp_path, f"{HEAD}{text}\n")


def test_an_argument_that_the_class_does_not_have(tmp_path):
    with pytest.raises(
        olr.ConfigError, match=r"epochs is not an argument of TrainingArguments; write num_train_epochs$"
    ):
        read(tmp_path, f"{HEAD}TrainingArguments(epochs=3, learning_rate=1e-4)")
    own = "class TrainingArguments:\n    pass\nTrainingArguments(learning_rate=1e-4)"
    with pytest.raises(olr.ConfigError, match=r"knows the use of learning_rate=0\.0001"):
        read(tmp_path, own)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("get_scheduler('cosine', optimizer=o, num_warmup_steps=10, num_training_steps=100)", olr.Cosine(3e-4, 100, 10)),
        ("get_scheduler(name='linear', optimizer=o, num_warmup_steps=0, num_training_steps=3 * 50)", olr.Linear(3e-4, 150)),
        ("get_linear_schedule_with_warmup(o, 10, 100)", olr.Linear(3e-4, 100, 10)),
        ("get_cosine_with_hard_restarts_schedule_with_warmup(o, 10, 100, num_cycles=2)", olr.CosineWithRestarts(3e-4, 100, 10, 2)),
        ("get_polynomial_decay_schedule_with_warmup(o, 10, 100, power=2.0)", olr.Polynomial(3e-4, 100, 10, power=2.0, min_lr=1e-7)),
        ("get_constant_schedule_with_warmup(o, num_warmup_steps=10)", olr.Constant(3e-4, 10)),
        ("get_cosine_with_min_lr_schedule_with_warmup(o, 10, 100, min_lr_rate=0.1)", olr.Cosine(3e-4, 100, 10, min_lr=3e-4 * 0.1)),
    ],
)  # fmt: skip
def test_get_scheduler_and_its_family(tmp_path, call, expected):
    text = f"import torch\nfrom transformers import *\no = torch.optim.AdamW(m.parameters(), lr=3e-4)\ns = {call}\n"
    (config,) = read(tmp_path, text)
    assert repr(config.plan(max_steps=None if "constant" not in call else 50).schedule) == repr(expected)
    assert config.notes[0] == f"the schedule of {call.partition('(')[0]}: its unit is a call of scheduler.step()"
    (config,) = read(tmp_path, text + "with accelerator.accumulate(m):\n    s.step()\n")
    assert config.notes[0].endswith("is stepped once for each process, and only at updates")


def test_options_of_a_parser_of_names_without_dashes_and_of_a_wrapped_dataclass(tmp_path):
    partial = "import argparse, functools\nparser = argparse.ArgumentParser()\nadd_arg = functools.partial(add_arguments, argparser=parser)\n"
    partial += "add_arg('lr', type=float, default=1e-3, help='the rate')\nargs = parser.parse_args()\n"
    (config,) = read(tmp_path, f"{partial}{HEAD}TrainingArguments('o', learning_rate=args.lr, max_steps=9)\n")
    assert config.settings.learning_rate == 1e-3
    assert any("the default of --lr" in note for note in config.notes)
    wrapped = "import pyrallis\nfrom dataclasses import dataclass\n@dataclass\nclass Config:\n    lr: float = 1e-3\n"
    wrapped += f"{HEAD}@pyrallis.wrap()\ndef main(config: Config):\n    TrainingArguments('o', learning_rate=config.lr, max_steps=9)\n"
    (config,) = read(tmp_path, wrapped)
    assert config.settings.learning_rate == 1e-3
    assert any("the default of Config" in note for note in config.notes)


def test_notes_on_trainers_and_runs_are_about_this_config(tmp_path):
    text = (
        f"{HEAD}from trl import GRPOConfig\na = TrainingArguments('o', max_steps=9)\nt = Trainer(args=a)\nt.train()\n"
    )
    text += "g = GRPOConfig('o', max_steps=9)\nu = Trainer(args=g)\nu.train()\n"
    for config in read(tmp_path, text):
        assert any("which run takes these arguments is not read" in note for note in config.notes)
        assert not any("the first run" in note for note in config.notes)
    made = f"{HEAD}from mine import Factory\na = TrainingArguments('o', max_steps=9)\nt = Factory.create(args=a, train_dataset=d)\n"
    (config,) = read(tmp_path, made)
    assert "Factory.create in line 4 is not read; it may make another schedule or optimizer" in config.notes
    own = "import torch\nfrom transformers import get_cosine_schedule_with_warmup\nfrom mine import SFTTrainer\n"
    own += "o = torch.optim.AdamW(p, lr=1e-4)\ns = get_cosine_schedule_with_warmup(o, 1, 9)\nSFTTrainer(optimizer=o, scheduler=s).fit()\n"
    (config,) = read(tmp_path, own)
    assert not any("a schedule of its own" in note for note in config.notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:\n", "not Python: "),
        ("TrainingArguments('o', max_steps=9,\n  seed=1, seed=2)", "not Python: keyword argument repeated: seed in line 1; correct it"),
        ("import torch\ntorch.optim.lr_scheduler.LambdaLR(o, f)\n", "torch.optim.lr_scheduler.LambdaLR in line 2 is not read as a config; state the schedule: optax-lr show --set learning_rate=RATE --set lr_scheduler_type=KIND --set warmup_steps=N --set max_steps=N, or write its function as an olr.Function"),
        ("import torch\nplan = torch.optim.lr_scheduler.ReduceLROnPlateau(o)\n", "ReduceLROnPlateau in line 2 is never stepped, so that the rate of its optimizer is constant; state the schedule"),
        ("import torch\nplan = torch.optim.lr_scheduler.ReduceLROnPlateau(o)\nplan.step(loss)\n", "it follows a metric, so that only a log has its rates"),
        ("from trl import *\nfrom trl import OnlineDPOConfig\nTrlParser((A, OnlineDPOConfig))\n", "OnlineDPOConfig from the command line: read the shell script that starts this one, or the YAML file of its --config, with --trainer trl-online-dpo"),
        (f"{HEAD}HfArgumentParser(TrainingArguments)\n", "fills TrainingArguments from the command line: read the shell script that starts this one"),
        ("from torchtune import config\n", "the code of torchtune, whose settings are in a YAML file"),
        ("from own import Trainer\np.add_argument('--lr', default=2e-6)\nTrainer(p).train()\n", "own.Trainer in line 3 trains, with --lr (line 2, 2e-06 by default); read the file that defines it, or state the schedule"),
        ("from own import made\nfrom trl import SFTTrainer\nSFTTrainer(args=made)\n", "SFTTrainer in line 3 gets its arguments from own.made; read the file of that"),
        ("p.add_argument('--lr', default=2e-6)\nopt = Own(p.parse_args().lr)\n", "knows the use of --lr (line 1, 2e-06 by default); state the schedule: optax-lr show --set learning_rate="),
        (
            "from mine import fit_all\ndef go(base_lr=1e-4, size=8):\n    fit_all(base_lr * size ** 0.5)\n",
            "only the code of this script knows the rate, which line 3 computes from base_lr=0.0001 (line 2); state the schedule: "
            "optax-lr show --set learning_rate=RATE",
        ),
        ("class Config:\n    max_lr: float = field(default=3e-4)\n", "only the code of this script knows the use of max_lr=0.0003 (line 2)"),
        ("print(1)\n", "and states no rate; read the script, the command or the YAML file that trains"),
        ("x = " + "(" * 5000 + ")" * 5000, ""),
        ("x = " + "-" * 50_000 + "1", ""),
        (
            HEAD
            + "a = 1\n"
            + "".join(f"a{n} = a{n}\n" for n in range(9))
            + "b = c\nc = b\nTrainingArguments(learning_rate=b)",
            "learning_rate=b is not a literal",
        ),
        (HEAD + "TrainingArguments(max_steps=10**10**10, learning_rate=9**64**64)", "learning_rate=9 ** 64 ** 64 is not a literal"),
    ],
)  # fmt: skip
def test_unsupported_scripts_are_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(olr.ConfigError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nothing_is_executed(tmp_path):
    mark = tmp_path / "mark"
    text = (
        f"open({str(mark)!r}, 'w')\n{HEAD}TrainingArguments(learning_rate=float(open({str(mark)!r}, 'w').write('1')))"
    )
    with pytest.raises(olr.ConfigError, match="is not a literal"):
        read(tmp_path, text)
    assert not mark.exists()


def test_fix_changes_only_the_literal(tmp_path):
    text = f"# mine\n{HEAD}args = TrainingArguments(\n    learning_rate=2e-5,  # é\n    warmup_steps=900,\n    max_steps=1000, num_train_epochs=3,\n)\n"
    (tmp_path / "train.py").write_text(text)
    options = {"num_examples": None, "world_size": None, "transformers_version": None, "train_steps": None}
    fixed, done, by_hand = apply_fixes(sources_of(tmp_path / "train.py")[0], options)
    assert fixed.text == text.replace("900", "100").replace(" num_train_epochs=3,", " ")
    assert ({found.code for found in done}, by_hand) == ({"LR113", "LR132"}, [])


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ("Trainer(model, args, optimizers=(opt, sched))", "optimizers=(..., sched) in line 3 replaces the schedule"),
        ("class T(Trainer):\n    def create_scheduler(self, n, optimizer=None): ...", "create_scheduler in line 4 replaces the schedule"),
        ("Trainer(model, args, optimizers=(None, None))", None),
        ("trainer.lr_scheduler = constant(trainer)", "trainer.lr_scheduler, set in line 3, replaces the schedule"),
        ("setattr(args, name, value)", "setattr in line 3 may replace any of these arguments"),
        ("class T(Trainer):\n    def create_optimizer(self): ...", "create_optimizer in line 4 may give rates other than learning_rate"),
        ("for g in opt.param_groups:\n    g['lr'] *= 0.5", 'g["lr"] in line 4 sets the rate by hand, which is not in this plan'),
        ("opt.param_groups[0]['lr'] = 1e-3", 'opt.param_groups[0]["lr"] in line 3 sets the rate by hand'),
        ("settings['lr'] = 1e-3", None),
        ("SFTTrainer(model, args, packing=True)", "packing in line 3: the number of examples is that of the packed rows"),
        ("SFTTrainer(model, args, packing=False)", None),
        ("Trainer(model, args, optimizer_cls_and_kwargs=(SGD, {'lr': 0.5}))", "optimizer_cls_and_kwargs in line 3 may give another rate"),
        ("class T(Trainer):\n    def get_train_dataloader(self): ...", "get_train_dataloader in line 4 may have other batches"),
        ("Trainer(model, args, callbacks=[EarlyStoppingCallback(3)])", "EarlyStoppingCallback in line 3 may end the run early"),
        ("if whole:\n    t = Trainer(args=args)\n    t.train()\nfor d in (1, 2):\n    t = Trainer(args=args)\n    t.train()\n    del t", "train() in line 8 is in a loop; this is the plan of the first run"),
        ("for d in (1, 2):\n    t = Trainer(args=args)\n    t.train()", "train() in line 5 is in a loop; this is the plan of the first run"),
        ("class C(TrainerCallback):\n    def on_train_begin(self, args, state, control):\n        state.max_steps = 8", "state.max_steps in line 5 gives"),
        ("def f(lr_scheduler):\n    lr_scheduler.step()", "lr_scheduler.step in line 4 steps the schedule, too"),
        ("for g, r in zip(groups, rates):\n    g['lr'] = r", 'g["lr"] in line 4 sets the rate by hand'),
        ("Trainer(args=args).predict(data)", "predict() is called in line 3, and no code of this script calls train()"),
        ("Trainer(args=args).predict(data)\nrun_training()", None),
        ("t = Trainer(args=args)\nt.save_model('x')", "the trainer of line 3 is not used to train in this script"),
        ("t = Trainer(args=args)\nt.save_model('x')\nlater(t)", None),
        ("def made():\n    t = Trainer(args=args)\n    return t", None),
        ("t = Trainer(args=args)\nlauncher(t.train)", None),
        ("t = Trainer(args=args)\nt.train()\nt.train()", "train() is called in lines 4 and 5; this is the plan of the first run"),
        ("class MyTrainer:\n    def train(self):\n        t = Trainer(args=args)\n        t.train()\nm = MyTrainer()\nm.train()", None),
        ("from own.trainer import SliceTrainer\nSliceTrainer(args)", "SliceTrainer in line 4 is not read; it may make another schedule"),
        (
            "import torch\nclass PPOTrainer:\n    def __init__(self):\n        self.o = torch.optim.Adam(p, lr=1e-3)\nPPOTrainer()",
            "the optimizer in line 6 has a rate of its own, and no Trainer takes these arguments",
        ),
        ("import torch\ntorch.optim.Adam(p, lr=1e-3)", "the optimizer in line 4 has a rate of its own, and no Trainer takes these arguments"),
        ("vars(args)['max_steps'] = 5", "line 3 may replace any of these arguments"),
        ("args.__dict__.update(max_steps=5)", "line 3 may replace any of these arguments"),
        ("trainer.hyperparameter_search(n_trials=5)", "hyperparameter_search in line 3 replaces some of these arguments"),
    ],
)  # fmt: skip
def test_a_scheduler_that_the_script_creates_is_noted(tmp_path, line, note):
    (config,) = read(tmp_path, f"{HEAD}args = TrainingArguments(learning_rate=1e-4, max_steps=9)\n{line}\n")
    assert len(config.notes) == (note is not None)
    assert note is None or config.notes[0].startswith(note)


@pytest.mark.parametrize(
    ("lines", "rate"),
    [
        ("args.learning_rate = 2e-5", 2e-5),
        ("setattr(args, 'learning_rate', 2e-5)", 2e-5),
        ("args = args.set_training(2e-5, max_steps=9)", 2e-5),
        ("args.set_optimizer(name='adamw_torch')", 5e-5),
        ("t = Trainer(args=args)\nt.train()\nargs.learning_rate = 2e-5", 1e-4),
        ("def debug():\n    args.learning_rate = 1.0", 1e-4),
        ("def main(_):\n    args.learning_rate = 2e-5\napp.run(main)", 2e-5),
        ("@app.command()\ndef main():\n    args.learning_rate = 2e-5", 2e-5),
        ("def change():\n    args.learning_rate = 2e-5\nchange()", 2e-5),
        ("opt = AdamW(model.parameters(), lr=2e-5)\nTrainer(model, args, optimizers=(opt, None))", 2e-5),
        ("Trainer(model, args, optimizers=(make(), None))", None),
        ("args = dataclasses.replace(args, learning_rate=2e-5)", None),
        ("args.learning_rate = 2e-5\nargs.set_optimizer(learning_rate=3e-5)", None),
    ],
)
def test_a_rate_that_is_set_after_the_arguments_is_read_or_asked_for(tmp_path, lines, rate):
    text = f"import dataclasses\n{HEAD}args = TrainingArguments(learning_rate=1e-4, max_steps=9)\n{lines}\n"
    if rate is None:
        with pytest.raises(olr.ConfigError, match=r"--set learning_rate=VALUE"):
            read(tmp_path, text)
    else:
        (config,) = read(tmp_path, text)
        assert float(config.plan().schedule.learning_rate) == rate


OWN = "class Mine(TrainingArguments):\n    rank: int = 8\n    learning_rate: float = field(default=3e-4)\n    max_steps: int = 9\n"


def test_a_class_that_only_adds_fields_and_defaults(tmp_path):
    (config,) = read(tmp_path, f"{HEAD}@dataclass\n{OWN}args = Mine('o', max_steps=5)\n")
    assert config.plan().schedule == olr.Linear(3e-4, 5)
    assert config.notes[0] == "Mine is read as TrainingArguments with the defaults in line 3"
    assert config.unknown == ("rank",)
    with pytest.raises(
        olr.ConfigError, match=r"this script makes no schedule|knows the use of"
    ):  # which may change any of them
        read(tmp_path, f"{HEAD}{OWN}    def __post_init__(self):\n        self.max_steps = 7\nargs = Mine('o')\n")


@pytest.mark.parametrize(
    ("test", "steps"),
    [
        ("KIND == 'a'", [1]),
        ("KIND != 'a'", [2]),
        ("not KIND in ('b', 'c') and True", [1]),
        ("settings.small", [2]),
        ("cfg.kind == 'a'", [2]),
        ("args.kind == 'a'", [1]),  # by the default of the option, with a note
        ("unknown()", [1, 2]),
    ],
)
def test_calls_in_branches_that_do_not_run_are_left_out(tmp_path, test, steps):
    text = (
        f"import argparse\n{HEAD}KIND = 'a'\nparser = argparse.ArgumentParser()\nparser.add_argument('--kind', default='a')\n"
        "args = parser.parse_args()\nclass settings:\n    small = False\nclass CFG:\n    kind = 'b'\n"
        f"def make(cfg):\n    if {test}:\n        TrainingArguments('o', max_steps=1)\n    else:\n"
        "        TrainingArguments('o', max_steps=2)\nmake(CFG)\n"
    )
    assert [config.plan().max_steps for config in read(tmp_path, text)] == steps


def test_a_branch_is_kept_if_a_setting_of_its_test_changes(tmp_path):
    text = f"{HEAD}class CFG:\n    small = False\nif test():\n    CFG.small = True\nif CFG.small:\n    TrainingArguments('o', max_steps=1)\n"
    assert [config.plan().max_steps for config in read(tmp_path, text)] == [1]
    text = text.replace("    CFG.small = True\n", "    pass\n") + "TrainingArguments('o', max_steps=2)\n"
    assert [config.plan().max_steps for config in read(tmp_path, text)] == [2]


@pytest.mark.parametrize(
    ("value", "steps"),
    [
        ("7 if args.smoke else 9", 9),
        ("9 if not args.smoke else 7", 9),
        ("args.steps if args.steps > 0 else 7", 9),
        ("args.steps if args.steps > 10 and args.smoke else 8", 8),
        ("9 if fast() else 9", None),
    ],
)
def test_an_expression_with_a_test_is_decided_by_literals_and_defaults(tmp_path, value, steps):
    text = "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--smoke', action='store_true')\n"
    text += f"parser.add_argument('--steps', type=int, default=9)\nargs = parser.parse_args()\n{HEAD}"
    (config,) = read(tmp_path, f"{text}TrainingArguments('o', max_steps={value})\n")
    if steps is None:
        assert "max_steps" in config.open
    else:
        assert config.plan().max_steps == steps
        assert len(config.notes) > 0


@pytest.mark.parametrize(
    ("lines", "unpacked", "rate"),
    [
        ("def build(out, *, lr=3e-5):\n    return {'output_dir': out, 'learning_rate': lr}", "build('o')", 3e-5),
        ("def build(lr):\n    return dict(learning_rate=lr)", "build(4e-5)", 4e-5),
        ("RATE = 1e-4\ndef change():\n    global RATE\n    RATE = 3e-5", "{'learning_rate': RATE}", None),
        ("given = {'learning_rate': 1e-4}\ngiven.update(learning_rate=3e-5)", "given", 3e-5),
        ("given = dict(learning_rate=1e-4, bf16=torch.cuda.is_bf16_supported())", "given", 1e-4),
        ("given = dict(learning_rate=1e-4)\nif fast():\n    given['bf16'] = True", "given", 1e-4),
        ("given = dict(learning_rate=1e-4)\nif fast():\n    given['learning_rate'] = 1e-5", "given", None),
        ("given = {}\nfor rate in rates:\n    given['learning_rate'] = 1e-5", "given", None),
        ("given = {}\nKIND = 'a'\nif KIND == 'a':\n    given['learning_rate'] = 1e-5", "given", 1e-5),
        ("given = {'learning_rate': 1e-4, 'bf16': None}", "{k: v for k, v in given.items() if v is not None}", 1e-4),
        ("given = {'learning_rate': 1e-4}", "{k: v for k, v in given.items() if v > 0}", None),
        ("given = {'learning_rate': 1e-4}\nchange(given)\ngiven.pop('learning_rate')", "given", None),
        (
            "def build():\n    if gpu():\n        return {'bf16': True}\n    return {'fp16': True}",
            "build(), learning_rate=1e-4",
            1e-4,
        ),
        (
            "def build(more):\n    given = {'learning_rate': 1e-4}\n    given.update(more)\n    return given",
            "build({})",
            1e-4,
        ),
        ("given = {'learning_rate': 1e-4}\ngiven['learning_rate'] = 3e-5", "given", 3e-5),
        (
            "def build():\n    if test():\n        return {'learning_rate': 1e-4}\n    return {'learning_rate': 1e-5}",
            "build()",
            None,
        ),
    ],
)
def test_arguments_that_a_function_returns_are_read_and_changed_ones_refused(tmp_path, lines, unpacked, rate):
    text = f"{HEAD}{lines}\nTrainingArguments(max_steps=9, **{unpacked})\n"
    if rate is None:
        with pytest.raises(olr.ConfigError, match=r"is not a literal|under a condition"):
            read(tmp_path, text)
    else:
        (config,) = read(tmp_path, text)
        assert float(config.plan().schedule.learning_rate) == rate


@pytest.mark.parametrize(
    ("script", "refused"),
    [
        (
            "from transformers import TrainingArguments\nTrainingArguments('o', log_to='wandb', max_steps=9)",
            ("log_to",),
        ),
        (
            "from transformers import TrainingArguments\nTrainingArguments('o', max_seq_length=8, max_steps=9)",
            ("max_seq_length",),
        ),
        ("from trl import SFTConfig\nSFTConfig('o', max_seq_length=8, evaluation_strategy='no', max_steps=9)", ()),
        ("from trl import SFTConfig\nSFTConfig('o', max_prompt_length=8, max_steps=9)", ("max_prompt_length",)),
        ("import unsloth\nfrom trl import SFTConfig\nSFTConfig('o', unsloth_num_chunks=8, max_steps=9)", ()),
        ("from transformers import TrainingArguments\na = TrainingArguments('o', max_steps=9)\na.log_to = 'wandb'", ()),
        (
            "from transformers import TrainingArguments\nclass Mine(TrainingArguments):\n    log_to: str = 'no'\n"
            "Mine('o', log_to='wandb', max_steps=9)",
            (),
        ),
    ],
)
def test_keywords_that_no_version_of_a_class_takes(tmp_path, script, refused):
    path = tmp_path / "train.py"
    path.write_text(script)
    config = olr.read_config(path)
    assert config.refused == refused
    found = [finding.message for finding in olr.lint(path) if finding.code == "LR111"]
    assert [message.partition(" ")[0] for message in found] == [*refused]


def test_no_note_hides_another(tmp_path):
    changes = "setattr(args, name, 1)\n" * 4 + "t = Trainer(args=args)\nt.train()\nt.train()\nSliceTrainer(args)\n"
    text = f"from own import SliceTrainer\n{HEAD}args = TrainingArguments('o')\n{changes}Trainer(optimizers=(o, s))\n"
    (config,) = read(tmp_path, text)
    for part in (
        "setattr in line 4",
        "replaces the schedule",
        "train() is called in lines 9 and 10",
        "SliceTrainer in line 11",
    ):
        assert sum(part in note for note in config.notes) == 1


def test_many_assignments_and_runs_are_read_in_time(tmp_path):
    lines = "".join(f"a{number}.x = 1\nt.train()\nd.select(range(3))\n" for number in range(2000))
    text = "".join(f"b{number} = TrainingArguments('o', max_steps=5)\n" for number in range(50))
    start = time.thread_time()
    assert len(read(tmp_path, f"{HEAD}t = make()\n{text}{lines}")) == 50
    assert time.thread_time() - start < 5  # 20 s if each assignment is compared with each call


def test_a_script_that_sets_its_rates_by_hand_is_refused_by_that(tmp_path):
    text = "import argparse\nfor group in optimizer.param_groups:\n    group['lr'] = get_lr(step)\n"
    with pytest.raises(
        olr.ConfigError,
        match=r'group\["lr"\] in line 3 sets the rate by hand, in code that is not run; state the schedule',
    ):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("lines", "note"),
    [
        (
            "train = train.select(range(min(9, len(train))))",
            "the selection in line 2: the number of examples is that after it",
        ),
        (
            "d = load_dataset('d', split='train[:9]')",
            "the selection in line 2: the number of examples is that after it",
        ),
        ("eval_data = eval_data.select(range(9))", None),
        ("kept = list(filter(None, rows))", None),
        (
            "t(x, stride=9, return_overflowing_tokens=True)",
            "return_overflowing_tokens in line 2: the number of examples is that of the pieces of the texts",
        ),
        ("def group_texts(rows): ...", "group_texts in line 2: the number of examples is that of the blocks"),
        (
            "d = ConstantLengthDataset(t, d)",
            "ConstantLengthDataset in line 2: the number of examples is that of the packed rows",
        ),
    ],
)
def test_what_the_script_does_with_its_data_is_noted(tmp_path, lines, note):
    for argument, counts in (("num_train_epochs=1", True), ("max_steps=9", False)):
        (config,) = read(tmp_path, f"{HEAD}{lines}\nTrainingArguments('o', {argument})\n")
        assert config.notes == ((note,) if note is not None and counts else ())


def test_packing_by_a_value_of_elsewhere_is_noted(tmp_path):
    rows = "the number of examples is that of the packed rows"
    for given, end in (("args.pack", ", if it is true"), ("C.pack", "")):
        own = "class C:\n    pack = True\n"
        (config,) = read(tmp_path, f"{HEAD}{own}SFTTrainer(m, packing={given})\nTrainingArguments('o')\n")
        assert config.notes == (f"packing in line 4: {rows}{end}",)
    (config,) = read(tmp_path, "from trl import SFTConfig\nSFTConfig('o', packing=args.pack)\n")
    assert config.notes == (
        "packing=args.pack in line 2: if it is true, the number of examples is that of the packed rows",
    )


@pytest.mark.parametrize(
    ("trainer", "older"),
    [
        ("SFTTrainer(m, args=a, max_seq_length=512)", "max_seq_length of SFTTrainer in line 5"),
        ("Trainer(m, args=a, tokenizer=t)", "tokenizer of Trainer in line 5"),
        ("DPOTrainer(m, args=a, tokenizer=t)", "tokenizer of DPOTrainer in line 5"),
        (
            "import trl\nc = trl.DataCollatorForCompletionOnlyLM('a', tokenizer=t)",
            "DataCollatorForCompletionOnlyLM in line 6",
        ),
        ("Trainer(m, args=a, processing_class=t)", ""),
        ("import unsloth\nSFTTrainer(m, args=a, max_seq_length=512)", ""),
    ],
)
def test_an_argument_of_a_trainer_shows_older_versions(tmp_path, trainer, older):
    head = "from transformers import Trainer\nfrom trl import DPOTrainer, SFTTrainer\n"
    text = (
        f"{head}from transformers import TrainingArguments\na = TrainingArguments('o', gradient_accumulation_steps=4)\n"
    )
    (config,) = read(tmp_path, f"{text}{trainer}\n")
    notes = config.plan(num_examples=1002).notes
    assert [note.partition(" is of older")[0] for note in notes] == [older] * bool(older)


@pytest.mark.parametrize(
    ("started", "noted"),
    [
        ("[sys.executable, '-m', 'pip', 'install', 'accelerate>=0.33']", False),
        ("'accelerate launch --num_processes 2 train.py'", True),
    ],
)
def test_a_program_that_may_train_is_noted(tmp_path, started, noted):
    text = f"import subprocess, sys\nsubprocess.run({started})\nTrainingArguments('o', max_steps=9)\n"
    (config,) = read(tmp_path, f"{HEAD}{text}")
    assert any("starts another program, which is not read" in note for note in config.notes) is noted


def test_rows_that_a_map_keeps_are_counted(tmp_path):
    text = f"{HEAD}d = load_dataset('d').select(range(2000))\nd = d.map(f, remove_columns=c)\nTrainer(train_dataset=d, args=TrainingArguments('o'))\n"
    assert read(tmp_path, "from transformers import Trainer\n" + text)[0].examples == 2000
    filtered = "from transformers import Trainer\n" + text.replace("load_dataset('d')", "load_dataset('d').filter(f)")
    (config,) = read(tmp_path, filtered)
    assert (config.examples, any("filter" in note for note in config.notes)) == (2000, False)
    assert (
        read(tmp_path, "from transformers import Trainer\n" + text.replace("remove_columns=c", "batched=True"))[
            0
        ].examples
        is None
    )


def test_arguments_that_are_thrown_away_are_no_config(tmp_path):
    line = "args = TrainingArguments(learning_rate=1e-4, max_steps=9)\n"
    (config,) = read(tmp_path, f"{HEAD}_ = TrainingArguments('o')\n{line}")
    assert config.settings.max_steps == 9
    assert len(read(tmp_path, f"{HEAD}other = TrainingArguments('o')\n{line}")) == 2
    assert len(read(tmp_path, f"{HEAD}_ = TrainingArguments('o')\n")) == 1
