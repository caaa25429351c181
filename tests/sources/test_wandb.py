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


def test_a_run_of_another_program_is_refused(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("wandb_version: 1\nlearning_rate: {value: 1.0e-4}\nlr_scheduler_type: {value: cosine}\n")
    with pytest.raises(olr.ConfigError, match="a Weights & Biases run"):
        olr.read_config(path)
