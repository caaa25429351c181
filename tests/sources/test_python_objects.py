"""Settings that are attributes of objects: those of the running script, or a refusal."""

import sys
import types

import pytest

import optax_lr as olr

CLASSES = {
    "fields": "class Config:\n    lr = 3e-5\n",
    "dataclass": "@dataclass\nclass Config:\n    lr: float = 3e-5\n    def __post_init__(self):\n        self.path = str(self.lr)\n",
    "init": "class Config:\n    def __init__(self):\n        self.path = 'a'\n        self.lr = 3e-5\n",
    "argument": "class Config:\n    def __init__(self, rate=3e-5):\n        self.lr = rate\n",
    "keywords": "class Config:\n    lr = 3e-5\n    def __init__(self, **more):\n        for key, value in more.items():\n            setattr(self, key, value)\n",
}
USES = (
    "cfg = Config()\ncfg.other = 3\nTrainingArguments(learning_rate=cfg.lr)\n",
    "def train(config):\n    TrainingArguments(learning_rate=config.lr)\ncfg = Config()\ntrain(cfg)\n",
    "class Run:\n    def __init__(self, config):\n        self.config = config\n    def train(self):\n        TrainingArguments(learning_rate=self.config.lr)\nRun(Config()).train()\n",
    "class Run:\n    def __init__(self):\n        self.config = Config()\n    def train(self):\n        TrainingArguments(learning_rate=self.config.lr)\nRun().train()\n",
)
IMPORTS = (
    "from mine import Config\n",
    "import mine\nConfig = mine.Config\n",
    "import mine\ncfg = mine.Config()\nTrainingArguments(learning_rate=cfg.lr)\n",
    "import mine\nTrainingArguments(learning_rate=mine.CFG.lr)\n",
)


def rates_of(text):
    """The rates with which the running script calls TrainingArguments."""
    made = []

    def arguments(*, learning_rate):
        made.append(learning_rate)

    exec(f"from dataclasses import dataclass\n{text}", {"TrainingArguments": arguments, "__name__": "a"})
    return set(made)


def read(tmp_path, text):
    path = tmp_path / "train.py"
    path.write_text(f"from dataclasses import dataclass\nfrom transformers import TrainingArguments\n{text}")
    (config,) = olr.read_configs(path)
    return config.settings.learning_rate


@pytest.mark.parametrize("kind", CLASSES)
def test_objects_of_classes_in_the_script(tmp_path, kind):
    for use in USES:
        text = CLASSES[kind] + use
        assert {read(tmp_path, text)} == rates_of(text) == {3e-5}, use


@pytest.mark.parametrize("kind", CLASSES)
def test_objects_of_imported_classes(tmp_path, monkeypatch, kind):
    module = "from dataclasses import dataclass\n" + CLASSES[kind] + "CFG = Config()\n"
    (tmp_path / "mine.py").write_text(module)
    monkeypatch.setitem(sys.modules, "mine", types.ModuleType("mine"))
    exec(module, sys.modules["mine"].__dict__)
    known = kind != "keywords"  # whose module may set any attribute
    for text in [*(IMPORTS[0] + use for use in USES), *IMPORTS[2:]]:
        assert rates_of(text) == {3e-5}
        if known:
            assert read(tmp_path, text) == 3e-5
        else:
            with pytest.raises(olr.ConfigError, match="is not a literal"):
                read(tmp_path, text)
    assert not known or read(tmp_path, "from .mine import CFG\nTrainingArguments(learning_rate=CFG.lr)\n") == 3e-5


@pytest.mark.parametrize(
    "text",
    [
        CLASSES["fields"] + "Config.lr = 5\ncfg = Config()\n",
        CLASSES["fields"] + "cfg = Config()\nfor cfg.lr in (4, 5):\n    pass\n",
        CLASSES["fields"] + "cfg = Config()\nif cfg.lr < 1:\n    cfg.lr = 5\n",
        CLASSES["fields"] + "cfg = other = Config()\ncfg.lr = 4\nother.lr = 5\n",
        CLASSES["fields"]
        + "class Run:\n    def __init__(self, c):\n        self.c = c\ncfg = Config()\nRun(cfg).c.lr = 5\n",
        CLASSES["fields"] + "def tune(c):\n    c.lr = 5\ncfg = Config()\ntune(cfg)\n",
        CLASSES["init"] + "    def tune(self):\n        self.lr = 5\ncfg = Config()\ncfg.tune()\n",
        CLASSES["init"] + "        for key in ('lr',):\n            setattr(self, key, 5)\ncfg = Config()\n",
        CLASSES["argument"].replace("= rate", "= rate * 2") + "cfg = Config(5)\n",
        CLASSES["argument"]
        + "class Child(Config):\n    def __init__(self):\n        super().__init__(5)\ncfg = Child()\n",
        CLASSES["dataclass"] + "        object.__setattr__(self, 'lr', 5)\ncfg = Config()\n",
        CLASSES["keywords"] + "cfg = Config(**{'lr': 5})\n",
    ],
)
def test_what_changes_an_object_is_not_overlooked(tmp_path, text):
    text += "TrainingArguments(learning_rate=cfg.lr)\n"
    assert rates_of(text) != {3e-5}
    with pytest.raises(olr.ConfigError, match=r"learning_rate=cfg\.lr is not a literal"):
        read(tmp_path, text)


def test_an_attribute_that_straight_code_sets(tmp_path):
    text = CLASSES["fields"] + "cfg = Config()\ncfg.lr = 5e-5\nTrainingArguments(learning_rate=cfg.lr)\ncfg.lr = 1\n"
    assert {read(tmp_path, text)} == rates_of(text) == {5e-5}


def test_arguments_of_the_call_are_those_of_the_object(tmp_path):
    for kind, given in {"argument": "5e-5", "keywords": "lr=5e-5", "dataclass": "lr=5e-5"}.items():
        text = CLASSES[kind] + f"cfg = Config({given})\nTrainingArguments(learning_rate=cfg.lr)\n"
        assert {read(tmp_path, text)} == rates_of(text) == {5e-5}
