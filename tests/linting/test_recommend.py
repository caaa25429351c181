"""Recommendations follow the guide's tables by the stated rule, and pass the linter in every trainer."""

import itertools

import pytest
import yaml

import optax_lr as olr
from optax_lr.linting import guide
from optax_lr.linting.recommend import TABLES

CASES = [
    {name: value for name, value in zip(("method", "task", "situation", "hardware"), chosen, strict=True) if value}
    for chosen in itertools.product(
        (None, *guide.METHODS), (None, "code", "research"), (None, "production"), (None, "a100", "rtx3080")
    )
]
SIZES = (None, 40, 300, 999, 1000, 5000, 10_001, 300_000)


@pytest.mark.parametrize("trainer", ["llamafactory", "hf", "axolotl"])
def test_every_recommendation_passes_the_linter(trainer, tmp_path):
    for case, num_examples in itertools.product(CASES, SIZES):
        if not case and num_examples is None:
            continue
        advice = olr.recommend(**case, num_examples=num_examples)
        path = tmp_path / "train.yaml"
        path.write_text(advice.text(trainer))
        config = olr.read_config(path)
        assert config.trainer in (trainer, "trl") or not case.get("method"), (case, config.trainer)
        found = olr.lint(path, num_examples=num_examples)
        assert [str(one) for one in found if one.severity != "note"] == [], (case, num_examples, path.read_text())
        if num_examples is not None:
            plan = config.plan(num_examples=num_examples)
            assert plan.warmup_steps <= 0.1 * plan.max_steps
            if trainer == "axolotl":  # which rounds once, over all epochs
                assert plan.max_steps <= advice.plan.max_steps
                continue
            assert (plan.max_steps, repr(plan.schedule)) == (advice.plan.max_steps, repr(advice.plan.schedule))


def test_the_tables_are_those_of_the_guide():
    rows = {(table, name): row for table, names in TABLES.items() for name, row in names.items()}
    assert rows["method", "lora"][:3] == ("cosine", 1e-4, 100)
    assert rows["method", "qlora"][:3] == ("linear", 2e-4, 200)
    assert rows["method", "full"][:3] == ("cosine", 1e-5, 1000)
    assert rows["task", "chatbot"][:4] == ("cosine", 3e-5, 200, 3)
    assert rows["task", "code"][:4] == ("linear", 1e-5, 500, 5)
    assert rows["task", "prototype"][:4] == ("linear", 1e-4, 50, 1)
    assert rows["situation", "production"][:3] == ("cosine", 3e-5, 300)
    assert rows["domain", "dialogue"][:2] == ("constant_with_warmup", 5e-5)
    assert rows["hardware", "a100"].per_device_train_batch_size == 16
    assert [guide.data_set(size)[1][:4] for size in (999, 1000, 10_000, 10_001)] == [
        ("linear", 1e-4, 20, 5), ("cosine", 5e-5, 100, 3), ("cosine", 5e-5, 100, 3), ("cosine", 3e-5, 500, 2),
    ]  # fmt: skip


def test_the_first_table_with_a_value_is_used():
    advice = olr.recommend(method="qlora", task="code", num_examples=50_000)
    assert advice.settings["lr_scheduler_type"] == "linear"
    assert advice.settings["learning_rate"] == 2e-4  # the method's
    assert advice.settings["num_train_epochs"] == 5  # the task's, before the data set's 2
    assert advice.settings["warmup_steps"] == 200  # 7,815 steps: there is room
    assert any("cosine (data set of over 10,000 examples, at 3e-05)" in line for line in advice.alternatives)
    assert "linear: method qlora (quantisation makes it less stable)" in advice.why


def test_restarts_need_a_long_run():
    short = olr.recommend(task="research", num_examples=100)
    assert short.settings["lr_scheduler_type"] == "linear"
    assert any("too short for restarts" in line for line in short.why)
    long = olr.recommend(task="research", num_examples=5000)
    assert long.settings["lr_scheduler_kwargs"] == {"num_cycles": 2}


def test_without_a_length_the_warmup_is_a_ratio():
    advice = olr.recommend(method="full")
    assert advice.plan is None
    assert advice.settings["warmup_ratio"] == 0.1
    assert any("the guide says 1000 steps, for a run of 10000 and more" in line for line in advice.why)
    assert yaml.safe_load(advice.text("hf"))["warmup_steps"] == 0.1


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "needs something to go by"),
        ({"method": "lore"}, "unknown method 'lore'; did you mean 'lora'"),
        ({"num_examples": 0}, "num_examples must be at least 1, not 0"),
        ({"method": "lora", "num_examples": 100, "num_train_epochs": -1}, "num_train_epochs must be above 0"),
        ({"method": "lora", "num_examples": 100, "world_size": 0}, "world_size must be at least 1"),
    ],
)
def test_bad_input(asked, message):
    with pytest.raises(olr.ConfigError, match=message):
        olr.recommend(**asked)
    with pytest.raises(olr.ConfigError, match="trainer must be one of"):
        olr.recommend(method="lora").config("toml")
