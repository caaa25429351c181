"""Model cards: the list and the table of transformers' Trainer, and the commands of a README."""

import pytest

import optax_lr as olr

CARD = """\
- learning_rate: 5e-05
- train_batch_size: 16
- lr_scheduler_type: linear
- num_epochs: 3

### Training results

| Training Loss | Epoch | Step | Validation Loss |
|:-------------:|:-----:|:----:|:---------------:|
| No log        | 1.0   | 412  | 0.2412          |
| 0.3936        | {last}   | 1236 | 0.2046          |

### Framework versions
"""


def test_the_table_of_results_gives_the_steps(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(CARD.format(last="3.0"))
    assert repr(olr.read_config(path).plan().schedule) == repr(olr.Linear(5e-5, 1236))
    path.write_text(CARD.format(last="2.9"))  # the run stopped early
    message = "number of training examples.*; by the card's table, 3 epochs of about 426 steps are --max-steps 1278$"
    with pytest.raises(olr.ConfigError, match=message):
        olr.read_config(path).plan()
    assert not any("table" in note for note in olr.read_config(path).plan(num_examples=426 * 16).notes)
    (note,) = (note for note in olr.read_config(path).plan(num_examples=1000).notes if "table" in note)
    assert note.startswith("1000 examples make 63 steps an epoch, and the card's table shows 426: one of the numbers")
    assert olr.read_config(path).notes == ("step 1236 is epoch 2.9 in the card's table: about 426 steps an epoch",)


def test_the_list_of_sentence_transformers(tmp_path):
    path = tmp_path / "README.md"
    lines = {"per_device_train_batch_size": 16, "learning_rate": 5e-5, "num_train_epochs": 3, "max_steps": -1}
    lines |= {"lr_scheduler_type": "linear", "lr_scheduler_kwargs": "{}", "warmup_ratio": 0.1, "warmup_steps": 0}
    path.write_text("".join(f"- `{key}`: {value}\n" for key, value in lines.items()) + "- Transformers: 4.47.1\n")
    config = olr.read_config(path)
    assert repr(config.plan(num_examples=800).schedule) == repr(olr.Linear(5e-5, 150, 15))
    assert (config.processes.count, config.version) == (None, "4.47.1")


def test_a_warmup_of_a_constant_rate_is_ignored_in_every_version(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(
        "- learning_rate: 2e-4\n- lr_scheduler_type: constant\n- lr_scheduler_warmup_steps: 0.03\n- training_steps: 50\n"
        "- Transformers 4.38.2\n"
    )
    assert repr(olr.read_config(path).plan().schedule) == repr(olr.Constant(2e-4))


def test_the_version_in_the_card_decides(tmp_path):
    path = tmp_path / "README.md"
    text = CARD.format(last="2.9").replace("num_epochs: 3", "gradient_accumulation_steps: 4\n- num_epochs: 3")
    for version, steps in (("", 48), ("\n- Transformers 4.38.2\n", 45), ("\n- Transformers 4.52.0.dev0\n", 48)):
        path.write_text(text + version)  # before 4.52, an epoch of 63 batches has 63 // 4 steps
        config = olr.read_config(path)
        assert config.plan(num_examples=1003).max_steps == steps
    assert config.plan(num_examples=1003, transformers_version="4.38").max_steps == 45
    assert {default.whose for default in config.defaults} == {"transformers 4.52.0 TrainingArguments"}
    assert any("transformers 4.52.0, which the card names" in note for note in config.notes)


def test_commands_in_a_readme(tmp_path):
    path = tmp_path / "README.md"
    fence = "```"
    path.write_text(
        f"# Training\n{fence}bash\n$ torchrun --nproc_per_node 2 train.py --learning_rate 1e-4 --max_steps 70 \\\n"
        f"    --lr_scheduler_type cosine\n{fence}\n{fence}python\nx = 1\n{fence}\n"
    )
    config = olr.read_config(path)
    assert (config.plan().max_steps, config.processes.count, config.lines["lr_scheduler_type"]) == (70, 2, 4)
    path.write_text(f"{fence}bash\npip install trl\n{fence}\n")
    with pytest.raises(olr.ConfigError, match="this card has no list of training hyperparameters"):
        olr.read_config(path)
