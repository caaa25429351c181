"""Notes on scripts: those that matter for the curve, and none on anything else."""

import pytest

import optax_lr as olr

HEAD = "from transformers import Trainer, TrainingArguments\nfrom mine import prompt\n"
OWN = "class A(Trainer):\n    pass\nclass B(Trainer):\n    pass\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}args = TrainingArguments('o', max_steps=9)\nprompt(tokenizer)\nif tokenizer.pad is None:\n    tokenizer.pad = 1\n",
        f"{HEAD}{OWN}kind = A\nif big():\n    kind = B\nargs = TrainingArguments('o', max_steps=9)\nt = kind(args=args)\n",
    ],
)
def test_an_object_without_settings_is_not_noted(tmp_path, text):
    (tmp_path / "train.py").write_text(text)
    assert not any("is not read" in note for note in olr.read_config(tmp_path / "train.py").notes)


def test_options_that_a_script_defines_itself_are_not_unknown(tmp_path):
    text = (
        "from transformers import HfArgumentParser, Trainer, TrainingArguments\n@dataclass\nclass Mine:\n    block_size: int = 8\n    rows: int = 9\n"
        "mine, args = HfArgumentParser((Mine, TrainingArguments)).parse_args_into_dataclasses()\nTrainer(args=args)\n"
    )
    (tmp_path / "train.py").write_text(text)
    (tmp_path / "run.sh").write_text(
        "python train.py --learning_rate 1e-4 --max_steps 9 --block_size 4 --rows 3 --other 1\n"
    )
    config = olr.read_config(tmp_path / "run.sh")
    assert config.unknown == ("other",)
    assert not any("block_size" in note or "not known" in note for note in config.notes)


def test_the_rate_in_the_default_of_an_argument_is_named(tmp_path):
    (tmp_path / "train.py").write_text("def fit(model, learning_rate=1e-3):\n    ...\n")
    with pytest.raises(
        olr.ConfigError,
        match=r"the use of learning_rate=0\.001 \(line 1\); state the schedule: .* learning_rate=0\.001",
    ):
        olr.read_config(tmp_path / "train.py")


@pytest.mark.parametrize(("kind", "steps"), [("'a'", 9), ("'b'", 5), ("cfg['kind']", None)])
def test_an_assignment_that_the_value_of_a_test_rules_out(tmp_path, kind, steps):
    (tmp_path / "c.yaml").write_text("kind: a\n")
    text = (
        "import yaml\nfrom transformers import TrainingArguments\ncfg = yaml.safe_load(open('c.yaml'))\nSTEPS = {'a': 9}\n"
        f"kind = {kind}\nif kind in STEPS:\n    steps = 9\nelse:\n    steps = 5\nTrainingArguments('o', max_steps=steps)\n"
    )
    (tmp_path / "train.py").write_text(text)
    if steps is None:  # a text of a file, which is private
        with pytest.raises(olr.ConfigError, match="--max-steps"):
            olr.read_config(tmp_path / "train.py").plan()
    else:
        assert olr.read_config(tmp_path / "train.py").plan().max_steps == steps


def test_a_script_that_sets_one_of_two_settings(tmp_path):
    text = (
        "from transformers import TrainingArguments\nkw = dict(output_dir='o')\nif STEPS > 0:\n    kw['max_steps'] = STEPS\n"
        "else:\n    kw['num_train_epochs'] = EPOCHS\nargs = TrainingArguments(**kw)\n"
    )
    (tmp_path / "train.py").write_text(text)
    with pytest.raises(olr.ConfigError, match=r"give their values with --set max_steps or num_train_epochs=VALUE"):
        olr.read_config(tmp_path / "train.py")
    config = olr.read_config(tmp_path / "train.py", values={"num_train_epochs": 2})
    assert config.plan(num_examples=80).max_steps == 20
    assert "max_steps: not set, as num_train_epochs is given and the script sets one of them" in config.notes
    assert olr.read_config(tmp_path / "train.py", values={"max_steps": 9}).plan().max_steps == 9
