"""A config that a script next to it loads itself, and may complete."""

import pytest

import optax_lr as olr

SETTINGS = '{"learning_rate": 2e-5, "max_steps": 70, "warmup_steps": 7, "max_seq_length": 512}'
SCRIPT = """
import json
from transformers import TrainingArguments
config = json.load(open("conf/pretrain.json"))
TrainingArguments(learning_rate=config["learning_rate"], max_steps=config["max_steps"], lr_scheduler_type="cosine")
"""


def notes(tmp_path, script, name="train.py"):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "pretrain.json").write_text(SETTINGS)
    (tmp_path / name).write_text(script)
    (config,) = olr.read_configs(tmp_path / "conf" / "pretrain.json")
    return [note for note in config.notes if "loads this file itself" in note]


@pytest.mark.parametrize("name", ["train.py", "conf/train.py"])
def test_a_script_that_loads_the_file_is_named(tmp_path, name):
    (note,) = notes(tmp_path, SCRIPT, name)
    assert note == (
        f"{tmp_path / name} loads this file itself, and may set more, such as the schedule; read that script, too"
    )


@pytest.mark.parametrize(
    "script",
    [
        SCRIPT.replace("pretrain.json", "other.json"),
        SCRIPT.replace("json.load(open", "print((") + "\n# nothing is loaded",
        "from transformers import HfArgumentParser\nimport json\nHfArgumentParser(A).parse_json_file('pretrain.json')\njson.load(f)",
    ],
)
def test_other_scripts_are_not(tmp_path, script):
    assert not notes(tmp_path, script)
