"""Values that a script changes in a roundabout way: they are asked for, or a note names the line."""

import pytest

import optax_lr as olr

OPTIONS = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float, default=2e-5)\n"
CLASS = "class CFG:\n    lr = 2e-5\n"
CONFIG = "CFG = {'training': {'lr': 2e-5}}\n"
END = "from transformers import TrainingArguments\nTrainingArguments('o', max_steps=9, learning_rate={})\n"


@pytest.mark.parametrize(
    ("lines", "rate"),
    [
        (CLASS + "other = CFG\nother.lr = 1e-3\n", "CFG.lr"),
        (CLASS + "def debug(c):\n    c.lr = 1e-3\ndebug(CFG)\n", "CFG.lr"),
        ("class CFG:\n    lr = 2e-5\n    if fast():\n        lr = 1e-3\n", "CFG.lr"),
        ("class CFG:\n    lr = 2e-5\n    lr *= 4\n", "CFG.lr"),
        (CLASS + "    @classmethod\n    def fast(cls):\n        cls.lr = 1e-3\nCFG.fast()\n", "CFG.lr"),
        (CONFIG + "CFG['training'].update(lr=1e-3)\n", "CFG['training']['lr']"),
        (CONFIG + "t = CFG['training']\nt['lr'] = 1e-3\n", "CFG['training']['lr']"),
        (CONFIG + "def change(c):\n    c.update(training={'lr': 1e-3})\nchange(CFG)\n", "CFG['training']['lr']"),
        (CONFIG + "t = CFG['training']\nCFG['training']['lr'] = 1e-3\n", "t['lr']"),
        (CONFIG + "t = CFG['training']\nCFG['old'] = t\nCFG['old']['lr'] = 1e-3\n", "t['lr']"),
        ("t = u = {'lr': 2e-5}\nu['lr'] = 1e-3\n", "t['lr']"),
        (CONFIG + "for c in (CFG['training'],):\n    c['lr'] = 1e-3\n", "CFG['training']['lr']"),
        (CONFIG + "a = CFG\nb = [a]\nfor _, c in enumerate(b):\n    c['training'] = {'lr': 1e-3}\n", "CFG['training']['lr']"),
        (CONFIG + "from omegaconf import OmegaConf\nOmegaConf.update(CFG, 'training.lr', 1e-3)\n", "CFG['training']['lr']"),
        (CONFIG + "CFG['training'].__setitem__('lr', 1e-3)\n", "CFG['training']['lr']"),
        (OPTIONS + "args = p.parse_args()\nopt = args\nopt.lr *= 2\n", "args.lr"),
        (OPTIONS + "args = p.parse_args()\nvars(args)['lr'] = 1e-3\n", "args.lr"),
        (OPTIONS + "args = p.parse_args()\nvars(args).update(load())\n", "args.lr"),
        (OPTIONS + "p.set_defaults(**load())\nargs = p.parse_args()\n", "args.lr"),
    ],
)  # fmt: skip
def test_a_value_that_is_changed_elsewhere_is_asked_for(tmp_path, lines, rate):
    (tmp_path / "a.py").write_text(lines + END.format(rate))
    with pytest.raises(olr.ConfigError, match="--set learning_rate=VALUE"):
        olr.read_config(tmp_path / "a.py")


@pytest.mark.parametrize(
    ("lines", "rate"),
    [
        ("kw.update(learning_rate=1e-3)\nkw['learning_rate'] = 3e-5", 3e-5),  # in the order of the lines
        ("kw['learning_rate'] = 3e-5\nkw.update(learning_rate=1e-3)", 1e-3),
        ("kw = {k: v for k, v in kw.items() if k in ['learning_rate']}", 2e-5),
        ("kw = {k: v for k, v in kw.items() if k in ['max_steps']}", 5e-5),
        ("if fast():\n    kw.update(learning_rate=1e-3)", None),
        ("fast() and kw.update(learning_rate=1e-3)", None),
        ("try:\n    kw['learning_rate'] = load()\nexcept OSError:\n    kw['learning_rate'] = 1e-3", None),
        ("def never():\n    kw.update(learning_rate=1e-3)", None),
        ("while False:\n    kw['learning_rate'] = 1e-3", None),
    ],
)
def test_keywords_have_what_the_last_certain_line_gives(tmp_path, lines, rate):
    text = f"from transformers import TrainingArguments\nkw = dict(learning_rate=2e-5)\n{lines}\nTrainingArguments('o', max_steps=9, **kw)\n"
    (tmp_path / "a.py").write_text(text)
    if rate is None:
        with pytest.raises(olr.ConfigError, match="under a condition"):
            olr.read_config(tmp_path / "a.py")
    else:
        assert olr.read_config(tmp_path / "a.py").settings.learning_rate == rate


def test_a_line_under_an_option_with_a_value_is_asked_for(tmp_path):
    lines = "import argparse\nfrom transformers import TrainingArguments\np = argparse.ArgumentParser()\np.add_argument('--fast', type=int, default=0)\n"
    lines += "args = p.parse_args()\ntrain = TrainingArguments('o', max_steps=9, learning_rate=2e-5)\nif args.fast:\n    train.learning_rate = 1e-3\n"
    (tmp_path / "a.py").write_text(lines)
    with pytest.raises(olr.ConfigError, match="--set learning_rate=VALUE"):
        olr.read_config(tmp_path / "a.py")


def test_keywords_that_a_loop_changes_are_asked_for(tmp_path):
    text = "from transformers import TrainingArguments\nkw = {'learning_rate': 2e-5}\nfor d in (kw,):\n    d['learning_rate'] = 1e-3\n"
    (tmp_path / "a.py").write_text(f"{text}TrainingArguments('o', max_steps=9, **kw)\n")
    with pytest.raises(olr.ConfigError, match="not a literal"):
        olr.read_config(tmp_path / "a.py")


def test_an_option_that_the_environment_may_give_is_asked_for(tmp_path):
    text = "import click\nfrom transformers import TrainingArguments\n@click.command()\n@click.option('--lr', default=2e-5, envvar='LR')\n"
    (tmp_path / "a.py").write_text(text + "def main(lr):\n    TrainingArguments('o', max_steps=9, learning_rate=lr)\n")
    with pytest.raises(olr.ConfigError, match="--set learning_rate=VALUE"):
        olr.read_config(tmp_path / "a.py")


CHANGE = "from config import CFG\nCFG.lr = 1e-3\n"


@pytest.mark.parametrize(
    "lines", ["import more\n", "import config\nconfig.CFG.lr = 1e-3\n", "import config\ntype(config.CFG()).lr = 1e-3\n"]
)
def test_a_class_that_another_module_or_statement_changes_is_asked_for(tmp_path, lines):
    (tmp_path / "config.py").write_text(CLASS)
    (tmp_path / "more.py").write_text(CHANGE)
    (tmp_path / "a.py").write_text(f"{lines}from config import CFG\n{END.format('CFG.lr')}")
    with pytest.raises(olr.ConfigError, match="--set learning_rate=VALUE"):
        olr.read_config(tmp_path / "a.py")


@pytest.mark.parametrize(
    ("lines", "note"),
    [
        (CLASS + "import other\nother.tune(CFG)\n" + END.format("CFG.lr"), "other.tune in line 4 takes CFG"),
        (CLASS + "import other\nsame = [CFG]\nother.tune(same)\n" + END.format("CFG.lr"), "other.tune in line 5 takes CFG"),
        (CONFIG + "import other\nother.tune(CFG)\n" + END.format("CFG['training']['lr']"), "other.tune in line 3 takes CFG"),
        (END.format("2e-5") + "import subprocess, sys\nsubprocess.run([sys.executable, 'more.py'])\n", "subprocess.run in line 4 starts"),
        (CLASS + "import other\nother.show(CFG.lr)\n" + END.format("CFG.lr"), ""),
        (CLASS + END.format("CFG.lr") + "import other\nother.show(CFG)\n", ""),
        (CLASS + "print(CFG)\n" + END.format("CFG.lr"), ""),
    ],
)  # fmt: skip
def test_code_that_is_not_read_and_may_change_a_value_is_named(tmp_path, lines, note):
    (tmp_path / "a.py").write_text(lines)
    notes = olr.read_config(tmp_path / "a.py").notes
    assert [text for text in notes if note and text.startswith(note)] == list(notes)


@pytest.mark.parametrize(
    "groups", ["getattr(opt, 'param_' + 'groups')", "opt.__dict__['param_' + 'groups']", "vars(opt)[name]"]
)
def test_the_attributes_of_an_optimizer_by_names_that_are_not_written_are_noted(tmp_path, groups):
    text = f"import torch\nopt = torch.optim.AdamW(p, lr=2e-5)\nfor group in {groups}:\n    group['l' + 'r'] = 1e-3\n"
    (tmp_path / "a.py").write_text(text)
    assert any("in line 3 takes the optimizer" in note for note in olr.read_config(tmp_path / "a.py").notes)


def test_a_word_of_a_command_that_fire_takes_for_a_value_is_noted(tmp_path):
    text = (
        f"import fire\ndef train(lr=2e-5, kind='linear'):\n    {END.format('lr').splitlines()[1]}\nfire.Fire(train)\n"
    )
    (tmp_path / "a.py").write_text("from transformers import TrainingArguments\n" + text)
    (tmp_path / "run.sh").write_text("python a.py fast\n")
    assert "fast in the command: not read, and may set values of a.py" in olr.read_config(tmp_path / "run.sh").notes


@pytest.mark.parametrize("line", ["exec(open('over.py').read())", "globals().update(load())"])
def test_a_line_that_may_replace_any_value_is_named(tmp_path, line):
    (tmp_path / "a.py").write_text(f"RATE = 2e-5\n{line}\n{END.format('RATE')}")
    assert "line 2 may replace any value of this script" in olr.read_config(tmp_path / "a.py").notes


def test_expressions_that_double_end_soon(tmp_path):
    lines = "x0 = 1\n" + "".join(f"x{number + 1} = x{number} + x{number}\n" for number in range(40))
    (tmp_path / "a.py").write_text(lines + END.format("x40"))
    with pytest.raises(olr.ConfigError, match="is not a literal"):
        olr.read_config(tmp_path / "a.py")


def test_a_dict_whose_entries_name_the_folder_of_merged_weights_is_read(tmp_path):
    text = (
        "from transformers import TrainingArguments\nC = {'lr': 1e-4, 'out': 'a'}\n"
        "TrainingArguments(learning_rate=C['lr'], max_steps=9)\n"
        "model.save_pretrained_merged(C['out'] + '/final', tokenizer)\nmodel.push_to_hub_merged(C['out'], tokenizer)\n"
    )
    path = tmp_path / "train.py"
    path.write_text(text)
    assert olr.read_config(path).plan().schedule == olr.Linear(1e-4, 9)
    path.write_text(text + "merge(C, other)\n")
    with pytest.raises(olr.ConfigError, match="is not a literal"):
        olr.read_config(path)


CLIENT = """
from transformers import Trainer, TrainingArguments
class Client:
    def __init__(self, config):
        self.arguments = TrainingArguments('o', learning_rate=1e-4, max_steps=9)
    def fit(self, turn):
        self.arguments.learning_rate = 1e-4 / turn
        Trainer(args=self.arguments).train()
"""


def test_a_method_that_another_file_may_call_changes_arguments(tmp_path):
    (tmp_path / "a.py").write_text(CLIENT)
    with pytest.raises(olr.ConfigError, match=r"learning_rate=self\.arguments\.learning_rate \(set later\)"):
        olr.read_config(tmp_path / "a.py")
    (tmp_path / "a.py").write_text(CLIENT.replace("learning_rate=1e-4, max_steps=9", "**config"))
    with pytest.raises(olr.ConfigError, match=r"self\.arguments\.learning_rate is set later, so that the schedule may"):
        olr.read_config(tmp_path / "a.py")
    (tmp_path / "a.py").write_text(CLIENT.replace("self.arguments.learning", "self.other.learning"))
    assert olr.read_config(tmp_path / "a.py").settings.learning_rate == 1e-4


def test_what_only_the_length_needs_is_not_asked_for_with_one(tmp_path):
    (tmp_path / "a.py").write_text(
        "from transformers import TrainingArguments\nTrainingArguments('o', max_steps=cfg.steps, dataloader_drop_last=cfg.drop)\n"
    )
    config = olr.read_config(tmp_path / "a.py")
    plan = config.plan(max_steps=9)
    assert plan.max_steps == 9
    assert any(
        note.startswith("dataloader_drop_last: not known, and without effect") for note in plan.notes + config.notes
    )
