"""Scripts that load their settings from a YAML or JSON file in their folder."""

import json

import pytest
import yaml

import optax_lr as olr

SCRIPT = """
import argparse
import yaml
from transformers import TrainingArguments

def load_config(path):
    with open(path) as file:
        return yaml.safe_load(file)

parser = argparse.ArgumentParser()
parser.add_argument("--config", default="conf/a.yaml")
args = parser.parse_args()
config = load_config(args.config)
training = config["training"]
TrainingArguments(
    output_dir=config["out"],
    learning_rate=float(training["lr"]),
    lr_scheduler_type=training.get("scheduler", "linear"),
    warmup_steps=training.get("warmup", 7),
    max_steps=training["steps"],
)
"""
SETTINGS = {"out": "hunter2", "training": {"lr": "3e-5", "scheduler": "cosine", "steps": 50}}


def folder(tmp_path, script=SCRIPT, settings=SETTINGS, name="a.yaml"):
    (tmp_path / "conf").mkdir(exist_ok=True)
    text = yaml.safe_dump(settings) if name.endswith(".yaml") else json.dumps(settings)
    (tmp_path / "conf" / name).write_text(text)
    (tmp_path / "train.py").write_text(script)
    return tmp_path / "train.py"


def test_settings_are_those_of_the_file(tmp_path):
    (config,) = olr.read_configs(folder(tmp_path))
    assert repr(config.plan().schedule) == repr(olr.Cosine(3e-5, 50, 7))
    assert "settings are taken from conf/a.yaml, read in line 8" in config.notes
    loads = SCRIPT.replace("load_config(args.config)", "json.load(open('conf/b.json'))").replace(
        "import yaml", "import json"
    )
    folder(tmp_path, loads, SETTINGS, "b.json")
    (config,) = olr.read_configs(tmp_path / "train.py")
    assert repr(config.plan().schedule) == repr(olr.Cosine(3e-5, 50, 7))


def test_a_command_names_another_file(tmp_path):
    folder(tmp_path)
    other = {"out": "hunter2", "training": {"lr": 1e-4, "scheduler": "linear", "steps": 20, "warmup": 2}}
    folder(tmp_path, settings=other, name="b.yaml")
    (tmp_path / "run.sh").write_text("torchrun --nproc_per_node 2 train.py --config conf/b.yaml\n")
    (config,) = olr.read_configs(tmp_path / "run.sh")
    assert repr(config.plan().schedule) == repr(olr.Linear(1e-4, 20, 2))
    assert "train.py: settings are taken from conf/b.yaml, read in line 8" in config.notes


def test_a_key_of_the_file_decides(tmp_path):
    script = SCRIPT.replace('training.get("warmup", 7)', '0 if "ratio" not in training else 3')
    (config,) = olr.read_configs(folder(tmp_path, script))
    assert config.settings.warmup_steps == 0
    folder(tmp_path, script, {"out": "hunter2", "training": {**SETTINGS["training"], "ratio": 0.1}})
    (config,) = olr.read_configs(tmp_path / "train.py")
    assert config.settings.warmup_steps == 3


@pytest.mark.parametrize(
    ("loader", "text"),
    [
        ("json.loads(file.read())", '{"training": {"lr": 3e-5, "steps": 50}, "out": "x"}'),
        ("tomllib.load(file)", 'out = "x"\n[training]\nlr = 3e-5\nsteps = 50\n'),
        ("toml.loads(file.read())", 'out = "x"\n[training]\nlr = 3e-5\nsteps = 50\n'),
    ],
)
def test_texts_that_are_loaded(tmp_path, loader, text):
    name = "a.json" if "json" in loader else "a.toml"
    script = SCRIPT.replace("yaml.safe_load(file)", loader).replace("import yaml", f"import {loader.split('.')[0]}")
    path = folder(tmp_path, script.replace("a.yaml", name))
    (tmp_path / "conf" / name).write_text(text)
    (config,) = olr.read_configs(path)
    assert repr(config.plan().schedule) == repr(olr.Linear(3e-5, 50, 7))


@pytest.mark.parametrize(
    "change",
    [
        ("config = load", "config = merged(load"),
        ('training = config["training"]', 'config["training"]["lr"] = 1\ntraining = config["training"]'),
        ('training = config["training"]', 'apply_overrides(config, args)\ntraining = config["training"]'),
        ('training["lr"]', 'training["rate"]'),
        ('"conf/a.yaml"', '"conf/none.yaml"'),
        ('"conf/a.yaml"', '"../a.yaml"'),
    ],
)
def test_what_is_changed_or_not_there_is_asked_for(tmp_path, change):
    script = SCRIPT.replace(*change)
    script = script.replace("(args.config)", "(args.config))") if "merged" in change[1] else script
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(SETTINGS))
    (tmp_path / "sub").mkdir()
    with pytest.raises(olr.ConfigError, match="--set learning_rate=VALUE"):
        olr.read_configs(folder(tmp_path / "sub", script))


def test_no_text_of_the_file_is_in_a_message(tmp_path):
    settings = {
        "out": "hunter2",
        "hunter3": 5,
        "training": {"lr": 1e-4, "scheduler": "hunter2", "steps": 20, "hunter3": "hunter2"},
    }
    whole = SCRIPT.replace('lr_scheduler_type=training.get("scheduler", "linear")', "lr_scheduler_kwargs=training")
    parts = [
        whole.replace("=training", part)
        for part in ("={**training}", "={'a': training}", "=dict(**training)", "=[training]")
    ]
    for script in (SCRIPT, SCRIPT.replace("output_dir=", "**training, output_dir="), whole, *parts):
        with pytest.raises(olr.ConfigError) as caught:
            olr.read_configs(folder(tmp_path, script, settings))
        assert "hunter" not in str(caught.value)
    (config,) = olr.read_configs(folder(tmp_path))
    assert "hunter" not in repr((config, config.notes, config.plan().notes))


def test_a_mapping_that_is_unpacked_may_be_in_the_file_that_the_command_names(tmp_path):
    script = "from transformers import TrainingArguments\nfrom mine import load\nc = load(args.config)\nTrainingArguments(**c['a'])\n"
    folder(tmp_path, f"import argparse\nargs = argparse.ArgumentParser().parse_args()\n{script}")
    run = tmp_path / "run.sh"
    for words, way in (
        ("--config conf/a.yaml --deepspeed ds.json", "; the command names conf/a.yaml; read that file$"),
        ("--deepspeed ds.json", "may hold any setting; write the keys to a YAML file$"),
    ):
        run.write_text(f"deepspeed train.py {words}\n")
        with pytest.raises(olr.ConfigError, match=way):
            olr.read_config(run)
