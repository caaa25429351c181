"""Reports on configs: spelling, types, lengths, warmups, several devices, resuming, DeepSpeed; compared with the real code."""

import json
import math

import pytest
import transformers
import yaml
from accelerate import Accelerator
from accelerate.scheduler import AcceleratedScheduler
from accelerate.state import PartialState

import optax_lr as olr
from tests.linting.said import wrong
from tests.reference.generate import optimizer, stepped, transformers_scheduler
from tests.reports.register import about
from tests.tiny import Data, Model
from tests.wrong_types import wrong_types

HF = {"use_peft": True, "learning_rate": 1e-4}
LORA = {"stage": "sft", "finetuning_type": "lora", "learning_rate": 1e-4}
TRAINERS = {"llamafactory": LORA, "hf": HF}


def codes(source, **options):
    return [finding.code for finding in wrong(source, **options)]


def arguments(folder, **values):
    """The real TrainingArguments."""
    return transformers.TrainingArguments(output_dir=str(folder), use_cpu=True, report_to=[], **values)


def read(folder, text):
    path = folder / "train.yaml"
    path.write_text(text)
    return olr.read_config(path)


@about("C03")
@pytest.mark.parametrize(
    ("total", "given", "steps"),
    [(100, 0.03, 3), (101, 0.03, 4), (100, 1.0, 1), (100, 1.5, 1), (100, 0.999, 100), (100, 0.0001, 1), (7, 0.5, 4), (100, 0, 0),
     (100, 10, 10)],
)  # fmt: skip
def test_warmup_steps_below_one_are_a_ratio(total, given, steps, tmp_path):
    assert arguments(tmp_path, warmup_steps=given).get_warmup_steps(total) == steps
    config = olr.read_config(HF | {"max_steps": total, "warmup_steps": given})
    assert config.plan(transformers_version="5.24.0").warmup_steps == steps
    if given != int(given):
        with pytest.raises(olr.ConfigError, match="must be whole before transformers 5"):
            config.plan(transformers_version="4.57.1")


@about("C04")
def test_warmup_ratio_is_read_where_transformers_has_dropped_it(tmp_path):
    with pytest.raises(TypeError, match="unexpected keyword argument 'warmup_ratio'"):
        arguments(tmp_path, warmup_ratio=0.1)
    config = {"max_steps": 100, "warmup_ratio": 0.1}
    assert olr.read_config(LORA | config).plan().warmup_steps == olr.read_config(HF | config).plan().warmup_steps == 10
    (found,) = (finding for finding in wrong(HF | config) if finding.code == "LR116")
    assert found.remedy == "write warmup_steps: 0.1, which below 1 is a ratio"


@about("C05")
def test_warmup_steps_with_warmup_ratio():
    both = LORA | {"max_steps": 100, "warmup_ratio": 0.1}
    assert "LR115" in codes(both | {"warmup_steps": 5})
    plans = [olr.read_config(both | {"warmup_steps": steps}).plan(transformers_version="4.57.1") for steps in (5, 0)]
    assert [plan.warmup_steps for plan in plans] == [5, 10]
    for ratio in (1.5, -0.1):
        with pytest.raises(olr.ConfigError, match=r"warmup_ratio must lie in \[0, 1\]"):
            olr.read_config(LORA | {"max_steps": 100, "warmup_ratio": ratio}).plan(transformers_version="4.57.1")


@about("C16")
def test_negative_numbers_in_a_config(tmp_path):
    with pytest.raises(ValueError, match="warmup_steps"):
        arguments(tmp_path, warmup_steps=-1)
    with pytest.raises(ValueError, match="Invalid learning rate"):
        optimizer(-1e-4)
    for values, message in (
        ({"warmup_steps": -1}, "warmup_steps must be at least 0"),
        ({"learning_rate": -1e-4}, "at least 0"),
    ):
        with pytest.raises(olr.ConfigError, match=message):
            olr.read_config(HF | {"max_steps": 100} | values).plan()
    assert "LR121" in codes(LORA | {"max_steps": 500, "learning_rate": -1e-4})


@about("C26", "C35")
@pytest.mark.parametrize(
    ("kind", "keywords"),
    [("cosine", {"eta_min": 1e-6, "num_cycles": 1}), ("cosine", {"num_stable_steps": 50, "num_decay_steps": 20}),
     ("linear", {"num_cycles": 3})],
)  # fmt: skip
def test_keywords_of_another_schedule(kind, keywords):
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        transformers.get_scheduler(kind, optimizer(), 0, 100, scheduler_specific_kwargs=dict(keywords))
    values = LORA | {"lr_scheduler_type": kind, "max_steps": 600, "lr_scheduler_kwargs": keywords}
    with pytest.raises(olr.ConfigError, match=rf"lr_scheduler_kwargs.*{kind}.*{next(iter(keywords))}"):
        olr.read_config(values).plan()
    found = [finding for finding in wrong(values) if finding.code == "LR112"]
    assert {finding.key.rpartition(".")[2] for finding in found} == set(keywords) - {"num_cycles"} | (
        {"num_cycles"} if kind == "linear" else set()
    )
    if "eta_min" in keywords:
        assert "cosine_with_min_lr" in found[0].remedy


@about("C35")
@pytest.mark.parametrize("kind", ["constant", "constant_with_warmup"])
def test_constant_schedules_ignore_any_keyword(kind):
    keywords = {"num_cycles": 1, "min_lr": 1e-6}
    transformers.get_scheduler(kind, optimizer(), 0, 100, scheduler_specific_kwargs=dict(keywords))
    values = LORA | {"lr_scheduler_type": kind, "max_steps": 600, "lr_scheduler_kwargs": keywords}
    assert repr(olr.read_config(values).plan().schedule) == repr(olr.Constant(1e-4))


@about("C33")
@pytest.mark.parametrize(
    ("total", "warmup", "lengths"),
    [(100, 0.2, (20, 26, 54)), (101, 0.2, (21, 26, 54)), (100_000, 1000, (1000, 33_000, 66_000))],
)
def test_llamafactory_fills_in_the_phases(total, warmup, lengths):
    key = "warmup_ratio" if warmup < 1 else "warmup_steps"
    values = LORA | {"lr_scheduler_type": "warmup_stable_decay", "max_steps": total, key: warmup}
    plan = olr.read_config(values | {"lr_scheduler_kwargs": {"num_cycles": 0.5}}).plan()
    assert (plan.warmup_steps, plan.schedule.stable_steps, plan.schedule.decay_steps) == lengths
    if total == 100:
        keywords = {"num_stable_steps": 26, "num_decay_steps": 54, "num_cycles": 0.5}
        setting = {"name": "warmup_stable_decay", "warmup": 20, "total": None, "keywords": keywords}
        rates = stepped(transformers_scheduler(setting, 1e-4), 100)
        assert [float(plan.schedule(step)) for step in range(101)] == pytest.approx(rates, rel=1e-6, abs=1e-16)


SPELLINGS = {"1e-4": 1e-4, "1.0e-4": 1e-4, "1.e-4": 1e-4, "5E-5": 5e-5, "1.0e5": 1e5, "1.0e+5": 1e5, "1e5": 1e5, ".5e-4": 5e-5,
             "1e-06": 1e-6, "+1.0e-4": 1e-4, "1_000": 1000, "010": 8, "1:30": 90, "~": 5e-5, "": 5e-5}  # fmt: skip


@about("C43", "C44")
@pytest.mark.parametrize("trainer", TRAINERS)
@pytest.mark.parametrize(("text", "number"), SPELLINGS.items())
def test_spellings_of_a_number(trainer, text, number, tmp_path):
    if trainer == "hf" and text in ("~", ""):  # TRL's classes differ: the rate must be there
        with pytest.raises(
            olr.ConfigError, match="learning_rate is not given, and TRL's classes have different defaults"
        ):
            read(tmp_path, "use_peft: true\nmax_steps: 500\nlearning_rate:\n")
        return
    own = yaml.safe_dump({key: value for key, value in TRAINERS[trainer].items() if key != "learning_rate"})
    config = read(tmp_path, f"{own}max_steps: 500\nlearning_rate: {text}\n")
    assert config.settings.learning_rate == number
    noted = "LR118" in codes(tmp_path / "train.yaml")
    assert not noted or isinstance(yaml.safe_load(text), str)


@about("C43")
@pytest.mark.parametrize("trainer", TRAINERS)
@pytest.mark.parametrize("text", ["on", "no", "3%", ".inf", ".nan", "1/10"])
def test_values_that_are_not_a_rate(trainer, text, tmp_path):
    if trainer == "hf" and text in ("~", ""):  # TRL's classes differ: the rate must be there
        with pytest.raises(
            olr.ConfigError, match="learning_rate is not given, and TRL's classes have different defaults"
        ):
            read(tmp_path, "use_peft: true\nmax_steps: 500\nlearning_rate:\n")
        return
    own = yaml.safe_dump({key: value for key, value in TRAINERS[trainer].items() if key != "learning_rate"})
    with pytest.raises(olr.ConfigError, match=r"learning_rate must be (a number|finite)"):
        read(tmp_path, f"{own}max_steps: 500\nlearning_rate: {text}\n")


@about("C43", "C44")
def test_a_rate_in_quotes(tmp_path):
    with pytest.raises(olr.ConfigError, match=r"not the text '1\.0e-4': take the quotes away"):
        read(tmp_path, "stage: sft\nlearning_rate: '1.0e-4'\n")
    with pytest.raises(olr.ConfigError, match=r"at least 0, not -0\.0001"):
        read(tmp_path, "stage: sft\nmax_steps: 10\nlearning_rate: -1e-4\n").plan()


@about("C45")
def test_keywords_as_text(tmp_path):
    values = HF | {"lr_scheduler_type": "cosine_with_min_lr", "max_steps": 100}
    for text in ('{"num_cycles":6,"min_lr":0}', '{"min_lr": 1e-06}'):
        assert arguments(tmp_path, lr_scheduler_kwargs=text).lr_scheduler_kwargs == json.loads(text)
        config = olr.read_config(values | {"lr_scheduler_kwargs": text})
        assert config.settings.lr_scheduler_kwargs == json.loads(text)
        config.plan()
    for text in ("{'num_cycles':6}", "num_cycles=6", "scheduler.json", '{"min_lr": 3.0e-6,}'):
        with pytest.raises(olr.ConfigError, match="lr_scheduler_kwargs is not JSON") as caught:
            olr.read_config(values | {"lr_scheduler_kwargs": text})
        assert "\n" not in str(caught.value)


@about("C44", "C47")
def test_a_key_given_twice_is_reported_with_both_lines(tmp_path):
    text = "stage: sft\nlogging_steps: 5\nlr_scheduler_type: cosine\nlearning_rate: 1.0e-4\nlogging_steps: 100\n"
    with pytest.raises(olr.ConfigError, match="logging_steps is given twice, in lines 2 and 5; keep one"):
        read(tmp_path, text)
    assert yaml.safe_load(text)["logging_steps"] == 100  # PyYAML keeps the last without a word
    assert codes(tmp_path / "train.yaml") == ["LR110"]


@about("C49")
def test_no_without_quotes_and_an_old_key(tmp_path):
    path = tmp_path / "train.yaml"
    path.write_text("use_peft: true\nlearning_rate: 1.0e-4\nmax_steps: 500\neval_strategy: no\nsave_strategy: 'no'\n")
    assert codes(path) == ["LR119"]
    with pytest.raises(ValueError, match="False is not a valid IntervalStrategy"):
        arguments(tmp_path, eval_strategy=False)
    old = HF | {"max_steps": 500, "evaluation_strategy": "steps"}
    assert codes(old) == codes(old | {"eval_strategy": "steps"}) == ["LR116"]
    with pytest.raises(TypeError, match="evaluation_strategy"):
        arguments(tmp_path, evaluation_strategy="steps")


@about("C50")
def test_a_config_of_the_web_ui(tmp_path):
    settings = read(
        tmp_path,
        "train.learning_rate: 1e-4\ntrain.num_train_epochs: '3.0'\ntrain.lr_scheduler_type: cosine\n"
        "train.max_samples: '100000'\ntrain.gradient_accumulation_steps: 8\n",
    ).settings
    assert (settings.learning_rate, settings.num_train_epochs, settings.max_samples) == (1e-4, 3.0, 100_000)
    assert (settings.gradient_accumulation_steps, settings.lr_scheduler_type) == (8, "cosine")


@about("C51")
def test_names_of_schedules(tmp_path):
    for name in transformers.SchedulerType:
        config = olr.read_config(HF | {"max_steps": 100, "lr_scheduler_type": name.value})
        needs = {"cosine_with_min_lr": "min_lr", "cosine_warmup_with_min_lr": "min_lr", "warmup_stable_decay": "num_decay_steps",
                 "greedy": "follows", "reduce_lr_on_plateau": "follows"}.get(name.value)  # fmt: skip
        if needs is None:
            config.plan()
            continue
        with pytest.raises(olr.ConfigError, match=needs):
            config.plan()
    for name in ("Cosine", "cosine_annealing", "one_cycle", "rex", "log_sweep"):
        with pytest.raises(ValueError, match="is not a valid SchedulerType"):
            arguments(tmp_path, lr_scheduler_type=name)
        with pytest.raises(
            olr.ConfigError, match=f"unknown scheduler '{name}'.*Known: constant, constant_with_warmup, cosine"
        ):
            olr.read_config(HF | {"max_steps": 100, "lr_scheduler_type": name}).plan()
    with pytest.raises(olr.ConfigError, match="did you mean 'cosine'"):
        olr.read_config(HF | {"max_steps": 100, "lr_scheduler_type": "Cosine"}).plan()
    assert codes(HF | {"max_steps": 500, "lr_scheduler": "cosine"}) == ["LR111"]
    for name, kind in (("one_cycle", olr.OneCycle), ("rex", olr.Rex)):
        axolotl = {"adapter": "lora", "learning_rate": 1e-4, "lr_scheduler": name, "max_steps": 100}
        axolotl |= {"micro_batch_size": 1, "gradient_accumulation_steps": 1}
        assert isinstance(olr.read_config(axolotl).plan().schedule, kind)


def trained(folder, examples, values):
    """A real run: its `max_steps` and every rate that was used."""
    made = arguments(folder, learning_rate=1e-4, logging_steps=1, save_strategy="no", disable_tqdm=True, **values)
    trainer = transformers.Trainer(Model(), made, train_dataset=Data(examples))
    trainer.train()
    return trainer.state.max_steps, [
        row["learning_rate"] for row in trainer.state.log_history if "learning_rate" in row
    ]


@about("C52", "C54", "C56")
@pytest.mark.parametrize(
    ("examples", "values", "steps"),
    [
        (91, {"per_device_train_batch_size": 20, "gradient_accumulation_steps": 4, "num_train_epochs": 10}, 20),
        (64, {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 2, "num_train_epochs": 0.5}, 2),
        (64, {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 2, "num_train_epochs": 1.5}, 6),
        (64, {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 2, "num_train_epochs": 2.0}, 8),
        (103, {"per_device_train_batch_size": 8, "num_train_epochs": 1, "dataloader_drop_last": True}, 12),
        (103, {"per_device_train_batch_size": 8, "num_train_epochs": 1}, 13),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_how_many_steps_a_run_has(examples, values, steps, tmp_path):
    total, rates = trained(tmp_path, examples, values)
    plan = olr.read_config(HF | values).plan(num_examples=examples)
    assert plan.max_steps == total == len(rates) == steps
    assert [float(plan.schedule(step)) for step in range(steps)] == pytest.approx(rates, rel=1e-6)


@about("C52")
def test_the_leftover_group_is_a_step_on_two_processes_too():
    values = {"per_device_train_batch_size": 10, "gradient_accumulation_steps": 4, "num_train_epochs": 10}
    plan = olr.read_config(HF | values).plan(num_examples=91, world_size=2)
    assert (plan.steps_per_epoch, plan.max_steps) == (2, 20)


@about("C56")
@pytest.mark.filterwarnings("ignore")
def test_too_few_examples_for_a_batch(tmp_path):
    values = {"per_device_train_batch_size": 8, "dataloader_drop_last": True, "num_train_epochs": 1}
    with pytest.raises(ValueError, match="max_steps must be set to a positive value"):
        trained(tmp_path, 5, values)
    with pytest.raises(olr.ConfigError, match="5 examples on 1 processes are fewer than 8 for each"):
        olr.read_config(HF | values).plan(num_examples=5)


@about("C57")
@wrong_types
def test_data_without_a_length():
    with pytest.raises(olr.ConfigError, match="streaming data has no length; give max_steps"):
        olr.read_config(LORA | {"streaming": True}).plan()
    with pytest.raises(olr.ConfigError, match="give max_steps in the file, or the number of training examples"):
        olr.read_config(HF | {"max_steps": -1}).plan()
    endless = HF | {"max_steps": 10**24}
    with pytest.raises(olr.ConfigError, match=r"max_steps must be at most 2147483647, not 1e\+24"):
        olr.read_config(endless)
    assert codes(endless) == ["LR110"]
    for steps in (10**24, 2**63, 10**400):
        with pytest.raises(ValueError, match=r"max_steps must be (at most 2\*\*31 - 1|finite)"):
            olr.Linear(1e-4, steps)


@about("C59")
@pytest.mark.filterwarnings("ignore")
def test_max_steps_of_zero_is_not_the_epochs(tmp_path):
    values = {"per_device_train_batch_size": 8, "num_train_epochs": 1, "max_steps": 0}
    assert trained(tmp_path, 64, values) == (0, [0.0])
    plan = olr.read_config(HF | values).plan(num_examples=64)
    assert (plan.max_steps, float(plan.schedule(0))) == (0, 0.0)
    (found,) = (finding for finding in wrong(HF | values, num_examples=64) if finding.code == "LR136")
    assert found.remedy == "write -1 for the epochs"
    for epochs in (0, -1):
        with pytest.raises(olr.ConfigError, match=f"num_train_epochs must be above 0, not {epochs}"):
            olr.read_config(HF | {"num_train_epochs": epochs}).plan(num_examples=64)


@about("C60")
@pytest.mark.parametrize(
    ("values", "examples", "message"),
    [
        ({"gradient_accumulation_steps": 0}, 64, "gradient_accumulation_steps must be at least 1, not 0"),
        ({"per_device_train_batch_size": 0}, 64, "per_device_train_batch_size must be at least 1, not 0"),
        ({"per_device_train_batch_size": -8}, 64, "per_device_train_batch_size must be at least 1, not -8"),
        ({}, 0, "num_examples must be at least 1, not 0"),
        ({"num_train_epochs": "3.0"}, 64, "num_train_epochs must be a number, not the text '3.0'"),
        ({"max_steps": "200"}, 64, "max_steps must be a number, not the text '200'"),
    ],
)
def test_sizes_without_an_optimizer_step(values, examples, message):
    with pytest.raises(olr.ConfigError, match=message):
        olr.read_config(LORA | values).plan(num_examples=examples)


@about("C62", "C63")
@pytest.mark.parametrize("processes", [1, 2])
def test_a_scheduler_that_is_stepped_once_for_each_process(processes, monkeypatch):
    setting = {"name": "linear", "warmup": 4, "total": 10, "keywords": {}}
    made = transformers_scheduler(setting, 1e-4)
    Accelerator(cpu=True)
    monkeypatch.setitem(PartialState._shared_state, "num_processes", processes)
    moved, rates = AcceleratedScheduler(made, [], step_with_optimizer=True), []
    for _ in range(10):
        rates.append(made.optimizer.param_groups[0]["lr"])
        made.optimizer.step()
        moved.step()
    plan = olr.read_config(HF | {"max_steps": 10, "warmup_steps": 4}).plan(world_size=processes)
    assert [float(plan.schedule(processes * step)) for step in range(10)] == pytest.approx(rates, rel=1e-6)
    right = stepped(transformers_scheduler(setting, 1e-4), 9)  # what a Trainer does on any number of processes
    assert [float(plan.schedule(step)) for step in range(10)] == pytest.approx(right, rel=1e-6)


@about("C63")
def test_a_length_in_batches_instead_of_steps():
    batches, accumulation = 12, 4
    plan = olr.read_config(
        HF | {"per_device_train_batch_size": 1, "gradient_accumulation_steps": accumulation, "num_train_epochs": 1}
    ).plan(num_examples=batches)
    right = stepped(transformers_scheduler({"name": "linear", "warmup": 0, "total": 3, "keywords": {}}, 1e-4), 2)
    assert [float(plan.schedule(step)) for step in range(plan.max_steps)] == pytest.approx(right)
    wrong = HF | {"max_steps": batches}
    assert "LR146" in codes(wrong, train_steps=3)


@about("C69")
def test_a_run_resumed_on_fewer_devices_has_another_length():
    values = HF | {"per_device_train_batch_size": 1, "num_train_epochs": 1}
    config = olr.read_config(values)
    two, one = (config.plan(num_examples=21_000, world_size=size) for size in (2, 1))
    assert (two.max_steps, one.max_steps) == (10_500, 21_000)
    factors = [float(plan.schedule(9501)) / 1e-4 for plan in (two, one)]
    assert factors == pytest.approx([0.09514285714285714, 0.5475714285714286], rel=1e-5)


@about("C105", "C106", "C107")
def test_deepspeeds_scheduler_runs_instead():
    block = {"type": "WarmupLR", "params": {"warmup_min_lr": 0, "warmup_max_lr": 1e-5, "warmup_num_steps": 260}}
    values = {"stage": "sft", "finetuning_type": "full", "learning_rate": 1e-5, "lr_scheduler_type": "cosine"}
    values |= {"warmup_steps": 260, "max_steps": 2000, "deepspeed": {"scheduler": block}}
    assert codes(values) == ["LR117"]
    schedule = olr.read_config(values).plan().schedule
    # The posted rates: a logarithm, then level.
    posted = [0, 1.2465147738252339e-06, 1.9756791731079096e-06, 2.4930295476504678e-06, 2.8943176740369767e-06]
    assert [float(schedule(step)) for step in range(1, 6)] == pytest.approx(posted, rel=1e-6)
    assert [float(schedule(step)) for step in (261, 300, 1999)] == pytest.approx([1e-5] * 3)


@about("C107")
@pytest.mark.parametrize("warmup", [0, 1, 2])
def test_a_logarithmic_warmup_of_one_step_is_finite(warmup):
    auto = dict.fromkeys(("warmup_max_lr", "warmup_num_steps", "total_num_steps"), "auto")
    block = {"type": "WarmupDecayLR", "params": {"warmup_min_lr": 0, **auto}}
    values = HF | {"max_steps": 100, "warmup_steps": warmup, "deepspeed": {"scheduler": block}}
    schedule = olr.read_config(values).plan().schedule
    assert (float(schedule.learning_rate), int(schedule.max_steps)) == (pytest.approx(1e-4), 100)
    rates = [float(schedule(step)) for step in range(103)]
    assert all(map(math.isfinite, rates))
    assert rates[:3] == pytest.approx([0, 0, 1e-4])  # the warmup counts as 2 steps at least
    assert max(rates) == pytest.approx(1e-4)
