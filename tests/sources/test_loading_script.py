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


@pytest.mark.parametrize(
    ("script", "named"),
    [
        ('@hydra.main(version_base=None, config_path="./conf", config_name="pretrain")\ndef main(cfg): ...\n', True),
        ("@hydra.main(\n    config_path=HERE,\n    config_name='pretrain.yaml',\n)\ndef main(cfg): ...\n", True),
        ('@hydra.main(config_path="other", config_name="pretrain")\ndef main(cfg): ...\n', False),
        ('@hydra.main(config_path="conf", config_name="eval")\ndef main(cfg): ...\n', False),
        ('cfg = OmegaConf.load("conf/pretrain.yaml")\n', True),
        ("cfg = OmegaConf.load(sys.argv[1])\n", False),
    ],
)
def test_the_program_of_a_file_that_only_it_understands(tmp_path, script, named):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "pretrain.yaml").write_text("optim: {lr: 0.001, schedule: mine}\n")
    (tmp_path / "evaluate.py").write_text(script)
    (tmp_path / "run.py").write_text(script)
    with pytest.raises(olr.ConfigError) as refused:
        olr.read_config(tmp_path / "conf" / "pretrain.yaml")
    (tmp_path / "run.sh").write_text("python mine.py --config conf/pretrain.yaml\n")  # which names its own program
    with pytest.raises(olr.ConfigError, match="read that, or state the schedule"):
        olr.read_config(tmp_path / "run.sh")
    assert f"; read {tmp_path / 'run.py' if named else 'that'}, or state the schedule" in str(refused.value)


def test_a_program_that_names_the_file_is_not_named_by_it(tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "run.yaml").write_text("optim: {lr: 0.001, schedule: mine}\n")
    (tmp_path / "train.py").write_text(
        "import hydra\n@hydra.main(config_path='conf', config_name='run')\ndef main(cfg):\n"
        "    scheduler = hydra.utils.instantiate(cfg.optim, optimizer=f())\n"
    )
    (tmp_path / "run.sh").write_text("python train.py optim.lr=0.01\n")
    for file, way in {
        "conf/run.yaml": "schedule mine; state",
        "run.sh": "read train.py",
        "train.py": "conf/run.yaml",
    }.items():
        with pytest.raises(olr.ConfigError, match=way):
            olr.read_config(tmp_path / file)
