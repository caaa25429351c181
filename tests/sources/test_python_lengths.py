"""Lengths that a script computes from its data, and the defaults of its own parsers."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from accelerate import Accelerator

import optax_lr as olr
from optax_lr.commands.sweep import batch_of
from optax_lr.sources.errors import UnknownLengthError

LOOP = """
import math
import torch
from torch.utils.data import DataLoader
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR
from transformers import get_scheduler
train_dataloader = DataLoader(train_dataset, {batch})
optimizer = torch.optim.AdamW([weight], lr=3e-4)
epochs = 3
steps = {steps}
scheduler = {scheduler}
"""
GET = "get_scheduler('linear', optimizer=optimizer, num_warmup_steps={}, num_training_steps=steps)"


def read(tmp_path, text, name="train.py", **options):
    path = tmp_path / name
    path.write_text(text)
    return olr.read_config(path, **options)


@pytest.mark.parametrize(
    ("batch", "steps", "scheduler"),
    [
        ("batch_size=8", "epochs * len(train_dataloader)", GET.format(0)),
        ("8, drop_last=True", "epochs * len(train_dataloader)", GET.format(5)),
        ("batch_size=4", "math.ceil(len(train_dataloader) / 4) * epochs", GET.format("int(0.1 * steps)")),
        ("batch_size=1", "len(train_dataset) // 16 * epochs", GET.format("len(train_dataset) // 50")),
        ("batch_size=8", "len(train_dataloader) * epochs", "CosineAnnealingLR(optimizer, T_max=steps)"),
        ("batch_size=8", "0", "OneCycleLR(optimizer, max_lr=1e-3, steps_per_epoch=len(train_dataloader), epochs=epochs)"),
    ],
)  # fmt: skip
def test_the_length_of_the_data_is_given_by_num_examples(tmp_path, batch, steps, scheduler):
    text = LOOP.format(batch=batch, steps=steps, scheduler=scheduler)
    config = read(tmp_path, text)
    with pytest.raises(UnknownLengthError, match="give the number of training examples"):
        config.plan()
    plan = config.plan(num_examples=203)
    ran: dict[str, object] = {"train_dataset": list(range(203)), "weight": torch.nn.Parameter(torch.zeros(1))}
    exec(text, ran)
    rates = []
    for _ in range(plan.max_steps):
        rates.append(ran["scheduler"].get_last_lr()[0])
        ran["optimizer"].step()
        ran["scheduler"].step()
    assert [float(rate) for rate in plan.schedule(np.arange(plan.max_steps))] == pytest.approx(
        rates, rel=3e-7, abs=1e-16
    )
    assert plan.max_steps == (ran["steps"] or ran["scheduler"].total_steps)


@pytest.mark.parametrize(
    "steps",
    [
        "len(val_dataloader)",  # other data
        "len(train_loader)",  # a loader that is made elsewhere
        "3 * len(train_dl)",
        "len(dataset.train_test_split(0.1)) + len(dataset)",  # only a part is trained on
        "len(DataLoader(val_dataset, batch_size=8))",
        "args.max_train_steps * accelerator.num_processes",
    ],
)
def test_a_length_of_anything_else_is_given_by_the_caller(tmp_path, steps):
    config = read(tmp_path, LOOP.format(batch="batch_size=8", steps=steps, scheduler=GET.format(10)))
    with pytest.raises(UnknownLengthError, match=r"max_steps is .*--max-steps"):
        config.plan(num_examples=203)
    assert repr(config.plan(max_steps=60).schedule) == repr(olr.Linear(3e-4, 60, 10))
    assert config.plan(num_examples=203, max_steps=60).epochs is None


def test_a_loader_after_accelerates_prepare_is_that_of_one_process(tmp_path):
    text = LOOP.format(batch="batch_size=8", steps="epochs * len(train_dataloader)", scheduler=GET.format(10))
    prepare = "optimizer, train_dataloader = accelerator.prepare(optimizer, train_dataloader)\n"
    before = text.replace("epochs = 3", prepare + "epochs = 3")
    ran = {
        "train_dataset": list(range(203)),
        "weight": torch.nn.Parameter(torch.zeros(1)),
        "accelerator": Accelerator(),
    }
    exec(before, ran)
    config = read(tmp_path, before)
    assert config.plan(num_examples=203).max_steps == ran["steps"] == 78
    with pytest.raises(
        olr.ConfigError, match=r"max_steps changes in line 9, by the prepare\(\) of accelerate, for 2 pro"
    ):
        config.plan(num_examples=203, world_size=2)
    assert config.plan(max_steps=39, world_size=2).max_steps == 39
    assert read(tmp_path, text + prepare).plan(num_examples=203).max_steps == 78


@pytest.mark.parametrize(
    ("step", "note"),
    [
        ("        scheduler.step()\n", None),
        ("    scheduler.step()\n", "line 15 steps the scheduler 3 times in a run on 10,000 examples, and the schedule has 3,750 steps: the run ends before"),
        ("        if (i + 1) % 4 == 0:\n            scheduler.step()\n", "line 16 steps the scheduler 936 times in a run on 10,000"),
    ],
)  # fmt: skip
def test_a_scheduler_that_is_stepped_less_often_than_its_length_is_noted(tmp_path, step, note):
    text = LOOP.format(batch="batch_size=8", steps="epochs * len(train_dataloader)", scheduler=GET.format(10))
    loop = "for epoch in range(epochs):\n    for i, batch in enumerate(train_dataloader):\n"
    config = read(tmp_path, f"{text}{loop}        optimizer.step()\n{step}")
    assert [given.startswith(note) for given in config.notes if "steps the scheduler" in given] == [True] * (
        note is not None
    )


def test_a_divided_data_set_has_the_examples_of_its_training_part(tmp_path):
    text = LOOP.format(batch="batch_size=8", steps="epochs * len(train_dataloader)", scheduler=GET.format(10))
    divided = text.replace("train_data", "parts = data.train_test_split(0.1)\ntrain_data", 1)
    config = read(tmp_path, divided)
    assert config.plan(num_examples=203).max_steps == 78
    assert "train_test_split in line 7: the number of examples is that of the training part" in config.notes
    with pytest.raises(UnknownLengthError, match="--max-steps"):
        read(tmp_path, divided.replace("train_data", "data")).plan(num_examples=203)


def test_the_rows_of_a_data_set_are_its_examples(tmp_path):
    text = "from transformers import TrainingArguments\nTrainingArguments('o', max_steps=train_dataset.{} // 8 * 3)"
    for rows in ("num_rows", "num_videos"):
        assert read(tmp_path, text.format(rows)).plan(num_examples=203).max_steps == 75


@pytest.mark.parametrize("warmup", ["int(0.1 * steps)", "steps // 10", "int(0.1 * (args.max_train_steps * scale))"])
def test_a_warmup_that_is_a_share_of_a_length_that_the_caller_gives(tmp_path, warmup):
    text = LOOP.format(batch="8", steps="args.max_train_steps * scale", scheduler=GET.format(warmup))
    if "args" in warmup:
        text = text.replace("num_training_steps=steps", "num_training_steps=args.max_train_steps * scale")
    assert repr(read(tmp_path, text).plan(max_steps=60).schedule) == repr(olr.Linear(3e-4, 60, 6))


PREPARED = """
import argparse
from diffusers.optimization import get_scheduler
parser = argparse.ArgumentParser()
parser.add_argument("--max_train_steps", type=int, default=None)
parser.add_argument("--lr_warmup_steps", type=int, default=50)
args = parser.parse_args()
optimizer = make(params, lr=1e-4)
if args.max_train_steps is None:
    args.max_train_steps = 3 * per_epoch
lr_scheduler = get_scheduler(
    "linear", optimizer=optimizer, num_warmup_steps=args.lr_warmup_steps * accelerator.num_processes,
    num_training_steps=args.max_train_steps * accelerator.num_processes,
)
optimizer, lr_scheduler = accelerator.prepare(optimizer, lr_scheduler)
"""


def test_a_prepared_scheduler_is_stepped_for_each_process_and_counted_in_updates(tmp_path):
    config = read(tmp_path, PREPARED)
    with pytest.raises(UnknownLengthError, match="--max-steps"):
        config.plan()
    assert "accelerator.num_processes is left out" in " ".join(config.notes)
    command = read(tmp_path, "accelerate launch --num_processes 4 train.py --max_train_steps 200", "run.sh")
    assert repr(command.plan().schedule) == repr(olr.Linear(1e-4, 200, 50))
    with pytest.raises(olr.ConfigError, match="num_processes is not a literal"):
        read(tmp_path, PREPARED.replace("optimizer, lr_scheduler = acc", "optimizer, other = acc"))


EPOCHS = """
import argparse
import math
import torch
from transformers import get_scheduler
parser = argparse.ArgumentParser()
parser.add_argument("--max_train_steps", type=int, default=None)
parser.add_argument("--num_train_epochs", type=int, default=3)
parser.add_argument("--gradient_accumulation_steps", type=int, default=2)
args = parser.parse_args()
optimizer = torch.optim.AdamW([weight], lr=1e-4)
train_dataloader = torch.utils.data.DataLoader(train_dataset, batch_size=4)
{made}
scheduler = get_scheduler("linear", optimizer=optimizer, num_warmup_steps=0, num_training_steps={steps} * accelerator.num_processes)
optimizer, train_dataloader, scheduler = accelerator.prepare(optimizer, train_dataloader, scheduler)
per_epoch = math.ceil(len(train_dataloader) / args.gradient_accumulation_steps)
args.max_train_steps = args.num_train_epochs * per_epoch
args.num_train_epochs = math.ceil(args.max_train_steps / per_epoch)
"""
OLDER = """
per_epoch = math.ceil(len(train_dataloader) / args.gradient_accumulation_steps)
if args.max_train_steps is None:
    args.max_train_steps = args.num_train_epochs * per_epoch
"""
NEWER = """
if args.max_train_steps is None:
    per_epoch = math.ceil(len(train_dataloader) / args.gradient_accumulation_steps)
    steps = args.num_train_epochs * per_epoch
else:
    steps = args.max_train_steps
"""


@pytest.mark.parametrize(("made", "steps"), [(OLDER, "args.max_train_steps"), (NEWER, "steps")])
def test_a_length_that_a_script_sets_where_an_option_is_not_given(tmp_path, monkeypatch, made, steps):
    text = EPOCHS.format(made=made, steps=steps)
    config = read(tmp_path, text)
    assert "args.max_train_steps is taken as not given" in config.notes
    accelerator = SimpleNamespace(num_processes=1, prepare=lambda *parts: parts)
    ran = {"train_dataset": list(range(203)), "accelerator": accelerator, "weight": torch.nn.Parameter(torch.zeros(1))}
    monkeypatch.setattr("sys.argv", ["train.py"])
    exec(text, ran)
    plan = config.plan(num_examples=203)
    assert plan.max_steps == ran["args"].max_train_steps
    ran["optimizer"].step()
    ran["scheduler"].step()
    assert float(plan.schedule(1)) == pytest.approx(ran["scheduler"].get_last_lr()[0], rel=1e-7)
    given = read(tmp_path, "python train.py --max_train_steps 200", "run.sh")
    assert given.plan().max_steps == 200


@pytest.mark.parametrize(
    "changed",
    [
        OLDER.replace("None:", "None and small:"),
        OLDER + "args.max_train_steps = max(args.max_train_steps, minimum)\n",
        OLDER + "tune(args)\n",
        OLDER.replace("if args", "for args.max_train_steps in (1, 2):\n    pass\nif args"),
        OLDER + "args = other()\n",
    ],
)
def test_a_length_that_may_be_set_otherwise_is_asked_for(tmp_path, changed):
    text = EPOCHS.format(made=changed, steps="args.max_train_steps")
    text += "def tune(made):\n    made.max_train_steps = 5\n" * ("tune" in changed)
    with pytest.raises(UnknownLengthError, match=r"max_steps is args\.max_train_steps"):
        read(tmp_path, text).plan(num_examples=203)


def test_a_schedule_without_a_length_has_no_epochs_of_a_trainer(tmp_path):
    text = LOOP.format(batch="8", steps="0", scheduler="get_scheduler('constant', optimizer=optimizer)")
    config = read(tmp_path, text)
    with pytest.raises(UnknownLengthError, match="does not give its scheduler the length of the run"):
        config.plan(num_examples=1000)
    assert config.defaults == ()


def test_an_optimizer_that_is_created_in_two_branches(tmp_path):
    text = LOOP.format(batch="8", steps="100", scheduler=GET.format(10))
    made = "optimizer = torch.optim.AdamW([weight], lr=3e-4)\n"
    same = text.replace(made, f"if small:\n    optimizer = AdamW8bit([weight], lr=3e-4)\nelse:\n    {made}")
    assert read(tmp_path, same).settings.learning_rate == 3e-4
    with pytest.raises(olr.ConfigError, match=r"learning_rate \(the optimizer's lr\) is not a literal"):
        read(tmp_path, same.replace("8bit([weight], lr=3e-4", "8bit([weight], lr=1e-4"))


SCALED = """
import argparse
from transformers import TrainingArguments
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-4)
parser.add_argument("--scale_lr", action="store_true")
args = parser.parse_args()
if args.scale_lr:
    args.lr = args.lr * 8
TrainingArguments(learning_rate=args.lr, max_steps=10)
"""


def test_an_assignment_under_an_option_that_is_not_given(tmp_path):
    assert read(tmp_path, SCALED).settings.learning_rate == 1e-4
    assert read(tmp_path, "python train.py --lr 3e-4", "run.sh").settings.learning_rate == 3e-4
    with pytest.raises(olr.ConfigError, match=r"--lr|learning_rate"):
        read(tmp_path, "python train.py --lr 3e-4 --scale_lr", "run.sh")


OWN = """
from dataclasses import dataclass, field
import transformers
@dataclass
class DataArguments:
    path: str = "x"
@dataclass
class TrainingArguments(transformers.TrainingArguments):
    optim: str = "adamw_torch"
    learning_rate: float = field(default=2e-4, metadata={"help": "the rate"})
    lr_scheduler_type: str = "cosine"
    max_steps: int = field(default=500)
parser = transformers.HfArgumentParser((DataArguments, TrainingArguments))
data, args = parser.parse_args_into_dataclasses()
"""


def test_the_defaults_of_a_scripts_own_training_arguments(tmp_path):
    config = read(tmp_path, OWN)
    assert repr(config.plan().schedule) == repr(olr.Cosine(2e-4, 500))
    assert "the settings are the defaults of TrainingArguments; the command" in config.notes[0]
    config = read(tmp_path, "torchrun --nproc_per_node 2 train.py --path y --max_steps 100", "run.sh")
    plan = config.plan()
    assert (repr(plan.schedule), plan.world_size) == (repr(olr.Cosine(2e-4, 100)), 2)
    assert config.notes[0] == "the defaults of the script itself are learning_rate 0.0002, lr_scheduler_type cosine"
    with pytest.raises(olr.ConfigError, match="fills TrainingArguments from the command line"):
        read(tmp_path, OWN.replace("learning_rate", "rate").replace("lr_sch", "sch").replace("max_st", "st"))


def test_the_commands_in_the_docstring_of_a_script(tmp_path):
    usage = "'''Don't use it.\n\nUsage:\n\ntorchrun --nproc_per_node 2 train.py --path y \\\n    --max_steps 100\npython train.py\n    --max_steps 50 --run_name \"a b\"\n'''\n"
    text = usage + "\n".join(
        line for line in OWN.splitlines() if "lr" not in line and "max_steps" not in line and "learning" not in line
    )
    path = tmp_path / "train.py"
    path.write_text(text.replace("optim: str", "seed: int = 1\n    optim: str"))
    two, one = olr.read_configs(path)
    assert [(config.plan().max_steps, config.plan().world_size) for config in (two, one)] == [(100, 2), (50, 1)]
    assert two.notes[0].startswith(
        "the command is that of the docstring; what the script does with its settings afterwards"
    )
    assert two.lines["max_steps"] == 6
    path.write_text(text.replace("dataclasses()", "dataclasses(args=['--max_steps', '9'])"))
    with pytest.raises(olr.ConfigError, match="fills TrainingArguments from the command line"):
        olr.read_configs(path)
    path.write_text(text.replace("HfArgumentParser", "parse"))
    with pytest.raises(olr.ConfigError, match="states no rate"):
        olr.read_configs(path)


def test_a_default_that_a_function_makes(tmp_path):
    made = "min_lr: dict = field(default_factory=lambda: {'min_lr_rate': 0.1})\n    max_steps"
    made = made.replace("min_lr:", "lr_scheduler_kwargs:")
    text = OWN.replace("max_steps", made).replace('"cosine"', '"cosine_with_min_lr"')
    assert repr(read(tmp_path, text).plan().schedule) == repr(olr.Cosine(2e-4, 500, min_lr=2e-5))


def test_defaults_that_a_scripts_own_training_arguments_compute(tmp_path):
    config = read(tmp_path, OWN.replace("default=500", "default=len(rows) // 8"))
    assert config.plan(num_examples=8000).max_steps == 1000
    started = read(tmp_path, "python train.py --path y", "run.sh")
    assert started.plan(num_examples=8000).max_steps == 1000
    assert read(tmp_path, "python train.py --max_steps 7", "run.sh").plan().max_steps == 7
    (tmp_path / "train.py").write_text(OWN.replace("default=2e-4", "default=rate()"))
    with pytest.raises(olr.ConfigError, match="learning_rate"):
        read(tmp_path, "python train.py --path y", "run.sh")
    assert read(tmp_path, "python train.py --learning_rate 1e-4", "run.sh").settings.learning_rate == 1e-4


def test_a_missing_script_may_have_other_defaults(tmp_path):
    config = read(
        tmp_path, "python other.py --path y --save_total_limit 1 --learning_rate 1e-4 --max_steps 9", "run.sh"
    )
    assert (
        "other.py is not found from here, and may have other defaults for lr_scheduler_type, warmup_steps, or a schedule, batches or a loop of its own"
        in config.notes
    )


def test_sweeps_and_the_linter_count_with_the_length(tmp_path):
    text = LOOP.format(batch="batch_size=8", steps="epochs * len(train_dataloader)", scheduler=GET.format(100))
    config = read(tmp_path, text)
    batch = batch_of(config, {"learning_rate": np.array([1e-4, 2e-4])}, num_examples=203, world_size=None)
    assert (batch.batch_shape, batch.max_steps.tolist()) == ((2,), [78, 78])
    codes = {finding.code for finding in olr.lint(tmp_path / "train.py", num_examples=203)}
    assert "LR131" in codes  # a warmup of 100 steps
    assert "LR131" not in {finding.code for finding in olr.lint(tmp_path / "train.py", num_examples=2030)}
    assert "LR198" in {finding.code for finding in olr.lint(tmp_path / "train.py")}


@pytest.mark.parametrize(("steps", "option"), [("cfg['steps']", "--max-steps"), ("len(loader) * 3", "--num-examples")])
def test_one_error_names_every_option(tmp_path, steps, option):
    text = f"from transformers import TrainingArguments\nTrainingArguments('o', learning_rate=cfg['lr'], max_steps={steps})\n"
    loader = "loader = torch.utils.data.DataLoader(train, batch_size=4)\n"
    with pytest.raises(olr.ConfigError, match=f"--set learning_rate=VALUE, and the length with {option}$"):
        read(tmp_path, "import torch\n" + loader + text)
    config = read(tmp_path, "import torch\n" + loader + text, values={"learning_rate": 1e-4})
    plan = config.plan(max_steps=75) if option == "--max-steps" else config.plan(num_examples=100)
    assert repr(plan.schedule) == repr(olr.Linear(1e-4, 75))


def test_a_loader_that_a_function_takes_has_its_batches(tmp_path):
    """The one call of the function passes it; a sampler of all examples changes nothing."""
    text = """
import torch
from torch.utils.data import DataLoader, RandomSampler
from transformers import get_linear_schedule_with_warmup
def train(loader, model):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    schedule = get_linear_schedule_with_warmup(optimizer, 5, len(loader) * 3)
data = load()
reader = DataLoader(dataset=data, sampler=RandomSampler(data), batch_size=8, drop_last=True)
train(reader, model)
"""
    config = read(tmp_path, text)
    assert config.plan(num_examples=100).max_steps == 12 * 3
    config = read(tmp_path, text.replace("RandomSampler(data)", "RandomSampler(data, num_samples=10)"))
    with pytest.raises(olr.ConfigError, match="max_steps is len"):
        config.plan(num_examples=100)


def test_a_schedule_of_a_stated_length_is_that_of_the_loop_or_longer(tmp_path):
    text = "import torch\nfrom transformers import get_linear_schedule_with_warmup\no = torch.optim.AdamW(p, lr=1e-4)\n"
    text += "s = get_linear_schedule_with_warmup(o, 5, 100)\nwhile True:\n    s.step()\n    if patience > 3:\n        break\n"
    config = read(tmp_path, text)
    assert "the loop of the script decides how many of the schedule's steps are run" in config.notes
    assert "early stopping in line 7 may end the run before the schedule does" in config.notes
