"""Python scripts: which of several assignments a name has where it is used."""

import time

import pytest

import optax_lr as olr

HEAD = "from transformers import TrainingArguments, get_scheduler\nfrom torch.optim import AdamW\n"
CALL = "TrainingArguments(learning_rate=lr, max_steps=10)\n"


def rates(tmp_path, text):
    (tmp_path / "train.py").write_text(HEAD + text)
    return [float(config.plan().schedule.learning_rate) for config in olr.read_configs(tmp_path / "train.py")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"lr = 1e-4\n{CALL}lr = 2e-4\n{CALL}", [1e-4, 2e-4]),
        (f"lr = base = 1e-4\nlr = base * 2\nbase = 5\n{CALL}", [2e-4]),
        (f"if a:\n    lr = 1e-4\nelse:\n    lr = 5e-4\nlr = 2e-4\n{CALL}", [2e-4]),
        (f"lr = 1e-4\nif __name__ == '__main__':\n    lr = 2e-4\n    {CALL}", [2e-4]),
        ("if __name__ == '__main__':\n    a = TrainingArguments(max_steps=9)\n    a.learning_rate = 2e-4\n", [2e-4]),
        (f"def main(lr=1e-4):\n    lr = 2e-4\n    {CALL}", [2e-4]),
        ("o = AdamW(w)\no.step()\no = AdamW(w, lr=5e-5)\nget_scheduler('linear', o, 0, 10)\n", [5e-5]),
    ],
)
def test_an_assignment_in_straight_code_replaces_those_before_it(tmp_path, text, expected):
    assert rates(tmp_path, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        f"lr = 1e-4\nif a:\n    lr = 2e-4\n{CALL}",
        f"lr = 1e-4\nfor n in range(3):\n    {CALL}    lr = 2e-4\n",
        f"lr = 1e-4\ndef f():\n    {CALL}f()\nlr = 2e-4\n",
        f"lr = 1e-4\ndef f():\n    global lr\n    lr = 2e-4\nlr = 3e-4\nf()\n{CALL}",
        f"def main(lr=1e-4):\n    lr, b = both()\n    {CALL}",
        f"def main(lr=1e-4):\n    lr += 1\n    {CALL}",
    ],
)
def test_an_assignment_that_may_or_may_not_run_is_not_read(tmp_path, text):
    with pytest.raises(olr.ConfigError, match="learning_rate=lr is not a literal"):
        rates(tmp_path, text)


SHARED = HEAD + (
    "import os\ndef train(batch=64, micro=4):\n    steps = batch // micro\n"
    "    world_size = int(os.environ.get('WORLD_SIZE', 1))\n    ddp = world_size != 1\n"
    "    if ddp:\n        steps = steps // world_size\n"
    "    TrainingArguments(per_device_train_batch_size=micro, gradient_accumulation_steps=steps)\n"
)


def test_a_value_that_several_processes_share_is_that_of_one(tmp_path):
    (tmp_path / "train.py").write_text(SHARED)
    config = olr.read_config(tmp_path / "train.py")
    assert config.plan(num_examples=640).max_steps == 30
    assert "line 9, under if ddp, is left out: it runs only in several processes" in config.notes
    with pytest.raises(olr.ConfigError, match=r"for 4 processes; give the value .* with --set gradient_accum"):
        config.plan(num_examples=640, world_size=4)
    given = olr.read_config(tmp_path / "train.py", values={"gradient_accumulation_steps": 4})
    assert given.plan(num_examples=640, world_size=4).max_steps == 30


def test_the_processes_of_a_command_refuse_a_value_of_one(tmp_path):
    (tmp_path / "train.py").write_text(SHARED)
    (tmp_path / "run.sh").write_text("torchrun --nproc_per_node 4 train.py")
    with pytest.raises(olr.ConfigError, match=r"gradient_accumulation_steps changes.* for 4 processes"):
        olr.read_config(tmp_path / "run.sh").plan(num_examples=640)


def test_many_assignments_and_uses_are_read_in_time(tmp_path):
    uses = "a,\n" * 20_000
    (tmp_path / "train.py").write_text(HEAD + "a = 1\n" * 10_000 + f"TrainingArguments(x=[{uses}])")
    start = time.process_time()
    assert olr.read_config(tmp_path / "train.py").unknown == ("x",)
    assert time.process_time() - start < 5
