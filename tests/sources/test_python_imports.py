"""Scripts that import their settings from a module in their folder."""

import pytest

import optax_lr as olr

CONFIG = """
import os
from dataclasses import dataclass

RATE = 3e-5
SECRET = "hunter2"
STEPS = {"all": 50, "hunter3": 1}

class CFG:
    kind = "cosine"
    secret = "hunter2"

@dataclass
class Train:
    batch: int = 4
    warmup: int = int(os.environ.get("WARMUP", 7))

settings = Train()
"""
SCRIPT = """
import src.config as c
from src.config import CFG, RATE, STEPS, Train, settings
from transformers import TrainingArguments
mine = Train()
TrainingArguments(
    c.SECRET, learning_rate=RATE, lr_scheduler_type=CFG.kind, max_steps=STEPS["all"], warmup_steps=settings.warmup,
    per_device_train_batch_size=mine.batch, gradient_accumulation_steps=2,
)
"""


def folder(tmp_path, script=SCRIPT, config=CONFIG):
    (tmp_path / "src").mkdir(exist_ok=True)
    (tmp_path / "src" / "config.py").write_text(config)
    (tmp_path / "train.py").write_text(script)
    return tmp_path / "train.py"


def test_settings_are_those_of_the_module(tmp_path):
    (config,) = olr.read_configs(folder(tmp_path))
    assert repr(config.plan().schedule) == repr(olr.Cosine(3e-5, 50, 7))
    assert config.settings.per_device_train_batch_size == 4
    assert (
        "settings are taken from src/config.py, with defaults that the environment or a command may replace"
        in config.notes
    )


def test_settings_that_the_script_sets_are_those_of_the_script(tmp_path):
    changed = SCRIPT.replace(
        "mine = Train()", "mine = Train()\nCFG.kind = 'linear'\nsettings.warmup = 3\nmine.batch = 2"
    )
    (config,) = olr.read_configs(folder(tmp_path, changed))
    assert repr(config.plan().schedule) == repr(olr.Linear(3e-5, 50, 3))
    assert config.settings.per_device_train_batch_size == 2


@pytest.mark.parametrize(
    ("script", "config"),
    [
        (SCRIPT.replace("mine = Train()", "mine = Train()\nif DEBUG:\n    CFG.kind = 'linear'"), CONFIG),
        (SCRIPT, CONFIG.replace('kind = "cosine"', "kind = choose()")),
        (SCRIPT, CONFIG.replace('kind = "cosine"', 'kind = "hunter2"')),
        (SCRIPT.replace("lr_scheduler_type=CFG.kind", "lr_scheduler_kwargs=STEPS"), CONFIG),
        (SCRIPT.replace("src.config", "src.other"), CONFIG),
        ("import sys\nsys.path.insert(0, 'lib')\n" + SCRIPT, CONFIG),
        (SCRIPT, CONFIG.replace('kind = "cosine"', 'kind = "cosine"\n    if fast():\n        kind = "linear"')),
        (SCRIPT, CONFIG + 'if __name__ == "__main__":\n    CFG.kind = "linear"\n'),
        (SCRIPT, CONFIG + "try:\n    from local import CFG\nexcept ImportError:\n    pass\n"),
        (SCRIPT, CONFIG + "from local import *\n"),
        (SCRIPT.replace("from src.config", "if DEBUG:\n    from src.other import CFG\nfrom src.config"), CONFIG),
        (SCRIPT.replace("mine = Train()", "mine = Train()\nif DEBUG:\n    CFG = Other"), CONFIG),
        (SCRIPT.replace("mine = Train()", "mine = Train()\ndef main():\n    from other import CFG\n"), CONFIG),
        (SCRIPT.replace("mine = Train()", "mine = Train()\nalias = CFG\nalias.kind = 'linear'"), CONFIG),
        (SCRIPT.replace("from src.config", "from ...src.config").replace("src.config as c", "os as c"), "not Python"),
    ],
)
def test_what_is_changed_private_or_not_there_is_asked_for(tmp_path, script, config):
    with pytest.raises(olr.ConfigError, match="--set lr_scheduler") as caught:
        olr.read_configs(folder(tmp_path, script, config))
    assert "hunter" not in str(caught.value)


def test_a_module_is_looked_for_where_the_script_is(tmp_path):
    (tmp_path / "src").mkdir()
    for folder, rate in ((tmp_path, "7e-3"), (tmp_path / "src", "2e-5")):
        (folder / "config.py").write_text(f"RATE = {rate}\n")
    (tmp_path / "src" / "train.py").write_text(
        "from config import RATE\nfrom transformers import TrainingArguments\nTrainingArguments('o', learning_rate=RATE, max_steps=9)\n"
    )
    (tmp_path / "run.sh").write_text("python src/train.py\n")
    assert olr.read_config(tmp_path / "run.sh").settings.learning_rate == 2e-5
    (tmp_path / "src" / "config").mkdir()
    (tmp_path / "src" / "config" / "__init__.py").write_text("")  # a package, which Python prefers
    with pytest.raises(olr.ConfigError, match="--set"):
        olr.read_config(tmp_path / "src" / "train.py")
    (tmp_path / "src" / "config" / "rates.py").write_text("RATE = 4e-5\n")
    (tmp_path / "src" / "config" / "__init__.py").write_text("from .rates import RATE\n")
    assert olr.read_config(tmp_path / "src" / "train.py").settings.learning_rate == 4e-5


def test_a_script_in_the_folder_of_the_package_that_it_imports(tmp_path, monkeypatch):
    text = "import src.config as c\nfrom transformers import TrainingArguments\nTrainingArguments(learning_rate=c.RATE, max_steps=9)\n"
    folder(tmp_path)
    (tmp_path / "src" / "train.py").write_text(text)
    (tmp_path / "src" / "other.py").write_text(text.replace("src.config", "lib.config"))
    assert olr.read_config(tmp_path / "src" / "train.py").plan().schedule == olr.Linear(3e-5, 9)
    monkeypatch.chdir(tmp_path / "src")
    assert olr.read_config("train.py").plan().schedule == olr.Linear(3e-5, 9)
    with pytest.raises(olr.ConfigError, match="is not a literal"):
        olr.read_config("other.py")


def test_modules_that_import_each_other_end(tmp_path):
    (tmp_path / "src").mkdir()
    for one, other in (("config", "other"), ("other", "config")):
        (tmp_path / "src" / f"{one}.py").write_text(f"from {other} import RATE\nfrom src.{other} import RATE\n")
    (tmp_path / "train.py").write_text(SCRIPT)
    with pytest.raises(olr.ConfigError, match="--set"):
        olr.read_configs(tmp_path / "train.py")


def test_a_module_that_is_refused_is_not_named_to_be_read(tmp_path):
    script = "from src.config import make_scheduler\nmake_scheduler(optimizer, lr=1e-4)\n"
    start = r"src.config.make_scheduler in line 2 makes the schedule, with lr=0.0001 \(line 2\); "
    for module, way in {
        "from torch.optim.lr_scheduler import LambdaLR\ndef make_scheduler(o):\n    LambdaLR(o, f)": "src/config.py is refused, too: state the schedule",
        "from torch.optim.lr_scheduler import StepLR\ndef make_scheduler(o):\n    StepLR(o, 3)": "read src/config.py$",
    }.items():
        with pytest.raises(olr.ConfigError, match=start + way):
            olr.read_configs(folder(tmp_path, script, module))


def test_a_class_of_a_module_in_the_folder_is_what_that_says(tmp_path):
    """A dataclass of the program's own is none of transformers, and one that is derived has the defaults of its parent."""
    script = tmp_path / "train.py"
    script.write_text("from arguments import RLOOConfig\nargs = RLOOConfig(learning_rate=1e-5, max_steps=9)\n")
    module = tmp_path / "arguments.py"
    module.write_text(
        "from dataclasses import dataclass\n@dataclass\nclass RLOOConfig:\n    warmup_ratio: float = 0.2\n"
    )
    with pytest.raises(olr.ConfigError):
        olr.read_config(script)
    module.write_text(
        "import transformers\nclass RLOOConfig(transformers.TrainingArguments):\n    warmup_steps: int = 4\n    rloo_k: int = 1\n"
    )
    config = olr.read_config(script)
    assert (config.trainer, config.plan().schedule) == ("hf", olr.Linear(1e-5, 9, warmup_steps=4))
    script.write_text(
        "from transformers import HfArgumentParser\nfrom arguments import TrainingArguments\n"
        "(args,) = HfArgumentParser((TrainingArguments,)).parse_args_into_dataclasses()\n"
    )
    module.write_text(
        "from dataclasses import dataclass\n@dataclass\nclass TrainingArguments:\n    learning_rate: float = 2e-5\n"
    )
    with pytest.raises(olr.ConfigError) as caught:
        olr.read_config(script)
    assert "fills TrainingArguments" not in str(caught.value)


def test_the_options_of_a_parser_in_a_module(tmp_path):
    (tmp_path / "options.py").write_text(
        "import argparse\ndef parse_args():\n    parser = argparse.ArgumentParser()\n    parser.add_argument('--lr', type=float, default=1e-3)\n"
        "    parser.add_argument('--steps', type=int, default=50)\n    args = parser.parse_args()\n    return args\n"
    )
    (tmp_path / "train.py").write_text(
        "import torch\nfrom transformers import get_scheduler\nfrom options import parse_args\ndef main():\n    args = parse_args()\n"
        "    opt = torch.optim.SGD(m.parameters(), lr=args.lr)\n    s = get_scheduler('linear', opt, 5, args.steps)\nmain()\n"
    )
    (tmp_path / "run.sh").write_text("python train.py --lr 0.5\n")
    assert olr.read_config(tmp_path / "train.py").plan().schedule == olr.Linear(1e-3, 50, warmup_steps=5)
    assert olr.read_config(tmp_path / "run.sh").plan().schedule == olr.Linear(0.5, 50, warmup_steps=5)
    assert olr.read_config(tmp_path / "train.py", values={"steps": 9}).plan().max_steps == 9


def test_the_options_that_a_module_adds_to_a_parser(tmp_path):
    (tmp_path / "options.py").write_text(
        "def options_of(parser):\n    parser.add_argument('--lr', type=float, default=1e-3)\n"
        "    parser.add_argument('--steps', type=int, default=50)\n    args = parser.parse_args()\n    return args\n"
    )
    script = (
        "import argparse\nfrom transformers import TrainingArguments\nfrom options import options_of\n"
        "parser = argparse.ArgumentParser()\nargs = options_of(parser)\nTrainingArguments('o', learning_rate=args.lr, max_steps=args.steps)\n"
    )
    (tmp_path / "train.py").write_text(script)
    (tmp_path / "run.sh").write_text("python train.py --lr 2e-5\n")
    assert olr.read_config(tmp_path / "train.py").settings.learning_rate == 1e-3
    config = olr.read_config(tmp_path / "run.sh")
    assert (config.settings.learning_rate, config.settings.max_steps) == (2e-5, 50)
    for line in ("parser.set_defaults(lr=1e-4)\n", "parser.add_argument('--lr', type=float, default=1e-4)\n"):
        (tmp_path / "train.py").write_text(script.replace("args = opt", f"{line}args = opt"))
        with pytest.raises(olr.ConfigError, match="--set learning_rate=VALUE"):
            olr.read_config(tmp_path / "train.py")
    (tmp_path / "options.py").write_text(
        "import argparse\ndef options_of(words=None):\n    parser = argparse.ArgumentParser()\n"
        "    parser.add_argument('--lr', type=float, default=1e-3)\n    return parser.parse_args(words)\n"
    )
    (tmp_path / "train.py").write_text(script.replace("options_of(parser)", "options_of(['--lr', '1'])"))
    with pytest.raises(olr.ConfigError, match="--set"):  # the words that it parses are not those of the command
        olr.read_config(tmp_path / "train.py")
