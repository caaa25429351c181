"""The config of a W&B run that transformers' Trainer recorded."""

import pytest
import transformers
import yaml

import optax_lr as olr


def recorded(tmp_path, **arguments):
    """The config.yaml of a run with these arguments, as W&B writes what `WandbCallback.setup` gives it."""
    given = transformers.TrainingArguments(str(tmp_path), report_to=[], **arguments).to_dict()
    values = transformers.BertConfig().to_dict() | given | {"transformers_version": "4.43.2"}
    rows = {key: {"desc": None, "value": value} for key, value in values.items()}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"wandb_version": 1, "_wandb": {"value": {"cli_version": "0.17.5"}}, **rows}))
    return path


def test_the_arguments_of_a_run(tmp_path):
    path = recorded(tmp_path, learning_rate=3e-5, lr_scheduler_type="cosine", warmup_steps=5, num_train_epochs=2)
    config = olr.read_config(path)
    assert (config.defaults, config.version) == ((), "4.43.2")
    assert repr(config.plan(num_examples=1000).schedule) == repr(olr.Cosine(3e-5, 250, 5))
    assert any("transformers 4.43.2" in note for note in config.notes)


def test_the_kind_as_the_text_of_an_enum(tmp_path):
    path = recorded(tmp_path, max_steps=9)
    path.write_text(path.read_text().replace("value: linear", "value: SchedulerType.COSINE"))
    assert repr(olr.read_config(path).plan().schedule) == repr(olr.Cosine(5e-5, 9))


def test_a_run_of_grpo(tmp_path):
    path = recorded(tmp_path, learning_rate=3e-5)
    path.write_text(path.read_text() + "num_generations: {value: 8}\n")
    with pytest.raises(
        olr.ConfigError, match=r"GRPO or RLOO is not counted; state the schedule: .* learning_rate=3e-05"
    ):
        olr.read_config(path)
    path.write_text(path.read_text().replace("value: -1\n", "value: 9\n"))
    assert olr.read_config(path).plan().max_steps == 9


def test_a_run_of_another_program_is_read_as_its_plain_keys(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        "wandb_version: 1\nlearning_rate: {value: 1.0e-4}\nsave_strategy: {desc: null, value: steps}\nmax_steps: {value: 9}\n"
    )
    config = olr.read_config(path)
    assert repr(config.plan().schedule) == repr(olr.Linear(1e-4, 9))
    assert "the settings are those that a W&B run recorded" in config.notes
    path.write_text("train:\n  desc: null\n  value: {lr: 1.0e-4, scheduler: cosine, total_steps: 50}\n")
    with pytest.raises(
        olr.ConfigError, match=r"knows the use of train\.lr 0\.0001, train\.scheduler cosine; .*max_steps=50"
    ):
        olr.read_config(path)
