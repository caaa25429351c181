"""Random training loops: the schedule that is read has the rates of the real scheduler."""

import contextlib
import random

import numpy as np
from hypothesis import given, settings, strategies as st

import optax_lr as olr

HEAD = """
import torch
import transformers
from torch.optim import *
from torch.optim.lr_scheduler import *
from transformers import get_linear_schedule_with_warmup, get_scheduler
p, q = [torch.nn.Parameter(torch.zeros(1))], [torch.nn.Parameter(torch.zeros(1))]
LR, STEPS, WARMUP = 1e-3, 20, 3
"""
SCHEDULERS = [
    *(
        "StepLR(opt, 5)",
        "MultiStepLR(opt, [5, 10], 0.3)",
        "ExponentialLR(opt, gamma=0.9)",
        "LinearLR(opt, 0.1, total_iters=5)",
    ),
    *("CosineAnnealingLR(opt, STEPS, 1e-6)", "PolynomialLR(opt, STEPS, 2.0)", "ConstantLR(opt, 0.5, 4)"),
    *("CosineAnnealingWarmRestarts(opt, 5, 2)", "OneCycleLR(opt, LR, total_steps=STEPS)"),
    "SequentialLR(opt, [LinearLR(opt, 0.1, total_iters=5), CosineAnnealingLR(opt, 15)], [5])",
    "get_linear_schedule_with_warmup(opt, num_training_steps=STEPS, num_warmup_steps=WARMUP)",
    "transformers.get_polynomial_decay_schedule_with_warmup(opt, WARMUP, STEPS, lr_end=1e-7, power=2.0)",
    "get_scheduler('cosine', opt, WARMUP, STEPS)",
    "get_scheduler('cosine_with_min_lr', opt, WARMUP, STEPS, {'min_lr': 1e-6})",
    "get_scheduler('warmup_stable_decay', opt, WARMUP, STEPS, scheduler_specific_kwargs={'num_decay_steps': 5})",
]
UNIT = (
    "is read as the schedule of the learning rate",
    "its unit is a call of scheduler.step()",
    "a step of this plan is a call of",
)


def script_of(random: random.Random) -> str:
    def optimizer():
        rate = random.choice(["1e-4", "LR", "LR * 2"])
        made = [f"AdamW(p, lr={rate})", f"SGD(p, {rate})", f"torch.optim.Adam(params=p, lr={rate})", "AdamW(p)"]
        return random.choice([*made, f"AdamW([{{'params': p}}, {{'params': q, 'lr': 5e-5}}], lr={rate})"])

    lines = [HEAD, random.choice(["", "LR = 2e-5", "STEPS = STEPS + 4", "if STEPS > 30:\n    LR = 1.0"])]
    lines += [f"opt = {optimizer()}" for _ in range(random.randint(1, 2))]
    changes = [
        "opt.param_groups[0]['lr'] = 1e-2",
        "for g in opt.param_groups:\n    g['lr'] *= 0.5",
        f"if STEPS > 10:\n    opt = {optimizer()}",
    ]
    lines.append(random.choice(["", "", *changes]))
    return "\n".join([*lines, f"scheduler = {random.choice(SCHEDULERS)}"])


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_schedule_that_is_read_without_a_note_has_the_rates_of_the_real_one(tmp_path_factory, random):
    script = script_of(random)
    path = tmp_path_factory.mktemp("loop") / "train.py"
    path.write_text(script)
    with contextlib.suppress(olr.ConfigError):
        config = olr.read_config(path)
        if not all(any(part in note for part in UNIT) for note in config.notes):
            return
        plan = config.plan(max_steps=None if "STEPS" in script.splitlines()[-1] else 20)
        run: dict[str, object] = {}
        exec(compile(script, "train.py", "exec"), run)
        rates = []
        for _ in range(18):
            rates.append([group["lr"] for group in run["opt"].param_groups])
            run["opt"].step()
            run["scheduler"].step()
        assert np.ptp(rates, axis=1).max() == 0, script
        np.testing.assert_allclose(
            [float(plan.schedule(step)) for step in range(18)], np.transpose(rates)[0], rtol=1e-5, atol=1e-12
        )
