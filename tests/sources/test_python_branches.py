"""Schedules in branches of a script: the one that its options decide, and a refusal where another may be made that is not read."""

import re

import pytest

import optax_lr as olr

HEAD = (
    "import argparse\nfrom torch.optim import SGD, lr_scheduler\nfrom mine import Cosine\np = argparse.ArgumentParser()\n"
    "p.add_argument('--kind'{default})\np.add_argument('--lr', type=float, default=0.1)\nargs = p.parse_args()\nopt = SGD(w, lr=args.lr)\n"
)
CHAIN = (
    "if args.kind == 'step':\n    s = lr_scheduler.StepLR(opt, 30)\nelif args.kind.lower() == 'cosine':\n    s = Cosine(opt)\n"
    "elif args.kind == 'exp':\n    s = lr_scheduler.ExponentialLR(opt, 0.9)\n"
)
CASES = (
    "match args.kind:\n    case 'step' | 'steps':\n        s = lr_scheduler.StepLR(opt, 30)\n    case 'exp':\n"
    "        s = lr_scheduler.ExponentialLR(opt, 0.9)\n    case _:\n        s = Cosine(opt)\n"
)
RETURNED = (
    "def make():\n    if args.kind == 'step':\n        return lr_scheduler.StepLR(opt, 30)\n    if args.kind == 'exp':\n"
    "        return lr_scheduler.ExponentialLR(opt, 0.9)\n    return Cosine(opt)\ns = make()\n"
)
KINDS = {"step": olr.Step(0.1, 30), "exp": olr.Exponential(0.1, 0.9)}


def read(tmp_path, text, *options):
    (tmp_path / "train.py").write_text(text)
    if options:
        (tmp_path / "run.sh").write_text(f"python train.py {' '.join(options)}\n")
    return olr.read_configs(tmp_path / ("run.sh" if options else "train.py"))


@pytest.mark.parametrize("body", [CHAIN, CASES, RETURNED])
@pytest.mark.parametrize("kind", ["step", "exp", "cosine"])
def test_an_option_decides_which_schedule_is_made(tmp_path, body, kind):
    for text, options in (
        (HEAD.format(default="") + body, ("--kind", kind)),
        (HEAD.format(default=f", default='{kind}'") + body, ()),
    ):
        if kind == "cosine":
            with pytest.raises(olr.ConfigError, match=r"which is not read; give another value with --set kind=VALUE"):
                read(tmp_path, text, *options)
            continue
        (config,) = read(tmp_path, text, *options)
        assert config.plan(max_steps=90).schedule == KINDS[kind]
        assert any("is left out, which needs args.kind ==" in note for note in config.notes) == (body != CASES)
        assert any(f"args.kind is '{kind}', the default of --kind" in note for note in config.notes) == (not options)


@pytest.mark.parametrize("body", [CHAIN, CASES, RETURNED])
def test_a_branch_without_a_known_test_may_make_a_schedule_that_is_not_read(tmp_path, body):
    with pytest.raises(olr.ConfigError, match=r"instead of StepLR in line \d+, a branch may make mine\.Cosine in line"):
        read(tmp_path, HEAD.format(default="") + body)


def test_the_schedule_that_is_made_later_in_a_branch(tmp_path):
    text = HEAD.format(default="") + "s = lr_scheduler.StepLR(opt, 30)\nif args.kind:\n    s = Cosine(opt)\n"
    with pytest.raises(olr.ConfigError, match=r"a branch may make mine\.Cosine in line 11"):
        read(tmp_path, text)
    own = text.replace("from mine import Cosine", "def Cosine(o): return lr_scheduler.ExponentialLR(opt, 0.9)")
    assert len(read(tmp_path, own)) == 2  # both are read


def test_arguments_of_a_branch_say_which_test_makes_them(tmp_path):
    text = (
        "from transformers import TrainingArguments\nif how() == 'steps':\n    a = TrainingArguments('o', max_steps=9)\n"
        "else:\n    a = TrainingArguments('o', max_steps=7)\n"
    )
    first, second = read(tmp_path, text)
    assert "line 3 is run only if how() == 'steps'" in first.notes
    assert "line 5 is run only if not (how() == 'steps')" in second.notes


def test_the_refusal_of_a_script_with_the_options_of_a_command_has_no_name_of_the_script(tmp_path):
    text = HEAD.format(default="").replace("mine", "hunter2") + CHAIN
    with pytest.raises(olr.ConfigError) as caught:
        read(tmp_path, text, "--kind", "cosine")
    said = str(caught.value)
    assert "hunter2" not in said
    assert re.search(r"made instead is \.\.\. in line \d+, which is not read", said)
