"""Randomly damaged configs give a plan or an error of one line, quickly and without other exceptions."""

import time

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import optax_lr as olr

TEXTS = {
    "a.yaml": "stage: sft\nfinetuning_type: lora\nlearning_rate: 1.0e-4\nlr_scheduler_type: cosine_with_min_lr\nlr_scheduler_kwargs:\n  min_lr: 1.0e-6\nwarmup_ratio: 0.1\nnum_train_epochs: 3.0\n",
    "b.yaml": "base_model: m\nmicro_batch_size: 2\ngradient_accumulation_steps: 4\nlearning_rate: 2e-4\nnum_epochs: 1\nlr_scheduler: rex\nwarmup_steps: 10\nrl: grpo\ntrl:\n  num_generations: 4\n",
    "c.yaml": "base_config: base.yml\nsteps: 1000\nlearning_rate: 3e-5\nwarmup_steps_fraction: 0.1\nlr_schedule_type: wsd\n",
    "d.yaml": "trainer:\n  num_train_steps: 1000\n  mp: x\noptimizer:\n  learning_rate: 1e-4\n  warmup: 0.1\n  decay: 0.2\n  lr_schedule: linear\nmodel:\n  type: gpt2\n",
    "e.yaml": "optimizer:\n  _component_: torch.optim.AdamW\n  lr: 1e-4\nlr_scheduler:\n  _component_: get_cosine_schedule_with_warmup\n  num_warmup_steps: 3\nepochs: 1\nbatch_size: 2\n",
    "f.sh": '#!/bin/bash\nLR=${1:-2e-5}\nARGS=(--lr_scheduler_type cosine --num_train_epochs 2)\nfor s in 1 2; do\ntorchrun --nproc_per_node 4 train.py --learning_rate $LR \\\n  --per_device_train_batch_size $((4 * 2)) "${ARGS[@]}"\ndone\n',
    "g.sh": "torchrun pretrain_gpt.py --tensor-model-parallel-size 1 --lr 1e-4 --train-samples 8000 --global-batch-size 8 --lr-decay-style WSD --lr-wsd-decay-samples 800 --lr-wsd-decay-style linear\n",
    "h.py": "from trl import GRPOConfig\nLR = 1e-6\nargs = GRPOConfig('out', learning_rate=LR * 2, num_generations=4, max_steps=int(10 ** 2), **dict(warmup_steps=0.1))\n",
    "i.json": '{"learning_rate": 1e-4, "lr_scheduler_type": "polynomial", "lr_scheduler_kwargs": {"power": 2}, "max_steps": 100}',
    "j.md": "- learning_rate: 5e-05\n- train_batch_size: 8\n- total_train_batch_size: 64\n- lr_scheduler_type: cosine\n- num_epochs: 3\n",
    "k.toml": "[optimizer]\nlr = 3e-4\n[lr_scheduler]\nwarmup_steps = 2\n",
}  # fmt: skip
JUNK = [
    "null",
    "[]",
    "{}",
    '"x"',
    "1e400",
    "-5",
    "0",
    "true",
    ".nan",
    "${a}",
    "$(b)",
    "*x",
    "9" * 400,
    "[1, 2]",
    "{a: 1}",
    "'",
    '"',
    "#",
    "\\",
    "--x",
    "=",
    "\t",
    "é",
]


@pytest.mark.parametrize("name", TEXTS)
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_config_is_a_plan_or_one_line(tmp_path, name, data):
    words = TEXTS[name].split(" ")
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(words) - 1))
        match data.draw(st.sampled_from(["drop", "twice", "junk", "inside"])):
            case "drop":
                words = words[:place] + words[place + 1 :] or [""]
            case "twice":
                words.insert(place, words[place])
            case "junk":
                words[place] = data.draw(st.sampled_from(JUNK)) + "\n" * words[place].endswith("\n")
            case "inside":
                cut = data.draw(st.integers(0, len(words[place])))
                words[place] = words[place][:cut] + data.draw(st.sampled_from(JUNK)) + words[place][cut:]
    path = tmp_path / name
    path.write_text(" ".join(words))
    start = time.process_time()
    lines = [*planned(path), *linted(path)]
    assert not [line for line in lines if "\n" in line]
    assert time.process_time() - start < 5


def planned(path):
    """The plans' lengths, or the line of the refusal."""
    try:
        return [str(config.plan(num_examples=1000).max_steps) for config in olr.read_configs(path)]
    except olr.ConfigError as error:
        return [str(error)]


def linted(path):
    """The findings, or the line of the refusal."""
    try:
        return [str(found) for found in olr.lint(path, num_examples=1000)]
    except olr.ConfigError as error:
        return [str(error)]
