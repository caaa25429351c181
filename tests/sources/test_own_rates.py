"""Rates that a script computes itself: the plan has the rates of the script, which the tests run with the real torch."""

import math
import re

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

import optax_lr as olr

HEAD = """
import functools, math
import numpy as np
import torch
from torch.optim.lr_scheduler import LambdaLR

RATES = []
optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
def update():
    optimizer.step()
    RATES.append(optimizer.param_groups[0]["lr"])
"""
STEPPED = """
for epoch in range(40):
    update()
    scheduler.step()
"""
WARMUP_COSINE = """
max_lr, min_lr = 6e-4, 6e-5
warmup_iters = 5
max_iters = 40

def get_lr(it):
    '''Warmup, then a cosine.'''
    if it < warmup_iters:
        return max_lr * (it + 1) / (warmup_iters + 1)
    if it > 30:
        return min_lr
    decay_ratio = (it - warmup_iters) / (30 - warmup_iters)
    assert 0 <= decay_ratio <= 1
    coeff = 0.5 * (1.0 + math.cos(math.pi * decay_ratio))
    return min_lr + coeff * (max_lr - min_lr)
"""
LINEAR = """
class WarmupLinear(LambdaLR):
    '''As that of pytorch-transformers 1.'''
    def __init__(self, optimizer, warmup_steps, t_total, last_epoch=-1):
        self.warmup_steps = warmup_steps
        self.t_total = t_total
        super(WarmupLinear, self).__init__(optimizer, self.lr_lambda, last_epoch=last_epoch)

    def lr_lambda(self, step):
        if step < self.warmup_steps:
            return float(step) / float(max(1, self.warmup_steps))
        return max(0.0, float(self.t_total - step) / float(max(1.0, self.t_total - self.warmup_steps)))
"""
COSINE = """
import warnings
from torch.optim.lr_scheduler import _LRScheduler
class Cosine(_LRScheduler):
    def __init__(self, optimizer, total: int, *, warmup: int = 4, floor=0.01, last_epoch=-1):
        if warmup < 0:
            raise ValueError(warmup)
        assert total > warmup
        length = total - warmup
        self.total, self.x = total, 0
        self.warmup: int = warmup
        self.floor = floor
        self.length = length
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        if not self._get_lr_called_within_step:
            warnings.warn("use get_last_lr")
        if self.last_epoch < self.warmup:
            return [base_lr * (self.last_epoch + 1) / self.warmup for base_lr in self.base_lrs]
        share = (self.last_epoch - self.warmup) / self.length
        return [self.floor + 0.5 * (lr - self.floor) * (1 + math.cos(math.pi * share)) for lr in self.base_lrs]
"""
SCRIPTS = {
    "a class of LambdaLR": LINEAR + "scheduler = WarmupLinear(optimizer, warmup_steps=6, t_total=40)" + STEPPED,
    "a class with get_lr": COSINE.replace("self.total, self.x = total, 0", "")
    + "N = 45\nscheduler = Cosine(optimizer, N, floor=1e-3)"
    + STEPPED,
    "a class that a test chooses": LINEAR
    + COSINE.replace("self.total, self.x = total, 0", "self.total = total")
    + "import argparse\np = argparse.ArgumentParser()\np.add_argument('--kind', default='cosine')\np.add_argument('--warmup', type=int, default=7)\nargs = p.parse_args([])\n"
    + "if args.kind == 'linear':\n    scheduler = WarmupLinear(optimizer, args.warmup, 40)\nelse:\n    scheduler = Cosine(optimizer, total=40, warmup=args.warmup)"
    + STEPPED,
    "a lambda": "scheduler = LambdaLR(optimizer, lambda epoch: 0.95 ** epoch)" + STEPPED,
    "a lambda in a list": "scheduler = LambdaLR(optimizer, lr_lambda=[lambda e: 1 / (1 + 0.05 * e)])" + STEPPED,
    "a function": """
def rate(step):
    if step < 10:
        return float(step) / float(max(1, 10))
    return max(0.0, float(40 - step) / float(max(1, 40 - 10)))
scheduler = LambdaLR(optimizer, rate)
"""
    + STEPPED,
    "a function in a function": """
def make(optimizer, warmup, total, floor=0.1):
    def rate(step):
        if step < warmup:
            return step / max(1, warmup)
        progress = (step - warmup) / max(1, total - warmup)
        return floor + (1 - floor) * 0.5 * (1 + np.cos(np.pi * min(1.0, progress)))
    return LambdaLR(optimizer, rate)
scheduler = make(optimizer, 8, total=30)
"""
    + STEPPED,
    "one of two functions": """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--sched", default="power")
args = parser.parse_args([])
if args.sched == "step":
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)
elif args.sched == "power":
    scheduler = LambdaLR(optimizer, lambda epoch: 0.9 ** epoch)
"""
    + STEPPED,
    "a function that another one makes": """
def make(warmup, end=40):
    def rate(step):
        return min((step + 1) / warmup, (end - step) / (end - warmup))
    return rate
scheduler = LambdaLR(optimizer, lr_lambda=make(7))
"""
    + STEPPED,
    "a partial function": """
def rate(step, *, warmup, power):
    return min(1.0, step / warmup) * (1 - step / 50) ** power
scheduler = LambdaLR(optimizer, functools.partial(rate, warmup=8, power=2))
"""
    + STEPPED,
    "noam": "d = 64\nscheduler = LambdaLR(optimizer, lambda s: d ** -0.5 * min((s + 1) ** -0.5, (s + 1) * 10 ** -1.5))"
    + STEPPED,
    "another function": """
def decay(step):
    factor = 1.0
    if step >= 20 and not step < 25:
        factor *= 0.1
    elif step % 2 == 0 or 10 < step <= 12:
        factor = factor * 0.5
    else:
        factor -= step // 7 * 0.01
    return factor
def rate(step):
    return decay(step) if step > 3 else int(step) / 3
scheduler = LambdaLR(optimizer, rate)
"""
    + STEPPED,
    "a loop": WARMUP_COSINE
    + """
for it in range(max_iters):
    lr = get_lr(it)
    for param_group in optimizer.param_groups:
        param_group["lr"] = lr
    update()
""",
    "a loop that counts": WARMUP_COSINE
    + """
decay_lr = True
iter_num = 0
resumes = False
if resumes:
    iter_num = checkpoint["iter_num"]
while True:
    lr = get_lr(iter_num) if decay_lr else 0.1
    for group in optimizer.param_groups:
        group['lr'] = lr
    update()
    iter_num += 1
    if iter_num >= max_iters:
        break
""",
    "a function that sets it": """
epochs = 40
def adjust_learning_rate(optimizer, epoch, base=0.1):
    lr = base * (0.1 ** (epoch // 15))
    if epoch < 5:
        lr = lr * (epoch + 1) / 5
    for param_group in optimizer.param_groups:
        param_group["lr"] = lr
def main():
    for epoch in range(epochs):
        adjust_learning_rate(optimizer, epoch)
        update()
if __name__ == "__main__":
    main()
""",
    "a loop over data": """
loader = torch.utils.data.DataLoader(list(range(79)), batch_size=2)
for batch_idx, batch in enumerate(loader, start=1):
    optimizer.param_groups[0]["lr"] = 0.1 * (1 - float(batch_idx) / 40) ** 0.9
    update()
""",
    "milestones in a list": """
def adjust_learning_rate(optimizer, epoch, schedule=(12, 20)):
    lr = 0.3
    for milestone in schedule:
        lr *= 0.1 if epoch >= milestone else 1.
    for param_group in optimizer.param_groups:
        param_group["lr"] = lr
for epoch in range(5, 45):
    adjust_learning_rate(optimizer, epoch)
    update()
""",
    "a default of last_epoch": """
def cosine(optimizer, warmup, total, last_epoch=-1):
    def rate(step):
        return step / warmup if step < warmup else max(0., 0.5 * (1. + math.cos(math.pi * 7 / 16 * step / total)))
    return LambdaLR(optimizer, rate, last_epoch)
scheduler = cosine(optimizer, 4, 40)
"""
    + STEPPED,
    "an expression": """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.2)
parser.add_argument("--epochs", type=int, default=40)
args = parser.parse_args([])
for epoch in range(args.epochs):
    optimizer.param_groups[0]["lr"] = args.lr * 0.5 * (1 + math.cos(math.pi * epoch / args.epochs))
    update()
""",
}


def rates_of(script: str) -> list[float]:
    """The rates of a script that runs."""
    names: dict[str, object] = {"__name__": "__main__"}
    exec(HEAD + script, names)
    return names["RATES"]  # type: ignore[return-value]


def plan_of(tmp_path, script: str, **options) -> olr.Plan:
    path = tmp_path / "train.py"
    path.write_text(HEAD + script)
    return olr.read_config(path).plan(**options)


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_the_plan_has_the_rates_of_the_script(script, tmp_path):
    rates = np.float32(rates_of(script))
    known = {"while": {"max_steps": 40}, "DataLoader": {"num_examples": 79}}
    plan = plan_of(tmp_path, script, **next((options for word, options in known.items() if word in script), {}))
    assert plan.max_steps == len(rates) == 40
    np.testing.assert_allclose([plan.schedule(step) for step in range(40)], rates, rtol=2e-7)
    np.testing.assert_allclose(plan.schedule(np.arange(40)), rates, rtol=2e-7)


def test_the_settings_are_named_and_can_be_given(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(HEAD + SCRIPTS["a loop"])
    config = olr.read_config(path, values={"max_lr": 1e-3})
    assert config.trainer == "own"
    assert any(
        note.startswith("the rate is get_lr(it) of the script, with ") and "max_lr 0.001" in note
        for note in config.notes
    )
    assert any(
        "a step of this plan is a turn in which line 28 counts it; line 31 sets the rate" in note
        for note in config.notes
    )
    assert config.plan().schedule(4) == np.float32(1e-3 * 5 / 6)
    path.write_text(
        HEAD + SCRIPTS["a loop"].replace("max_lr, min_lr = 6e-4, 6e-5", "max_lr = float(input())\nmin_lr = 0")
    )
    with pytest.raises(
        olr.ConfigError, match=r"max_lr=max_lr is not a literal; give its value with --set max_lr=VALUE"
    ):
        olr.read_config(path)
    assert olr.read_config(path, values={"max_lr": 1e-3}).plan().schedule(4) == np.float32(1e-3 * 5 / 6)


LOOP = "for it in range(40):\n    optimizer.param_groups[0]['lr'] = {}\n    update()\n"


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(LOOP.format("0.1 / (1 + it * torch.rand(1).item())"), id="a function of another package"),
        pytest.param("from other import get_lr\n" + LOOP.format("get_lr(it)"), id="an imported function"),
        pytest.param("loss = 1.0\n" + LOOP.format("0.1 * loss") + "    loss = loss / 2\n", id="a value that changes"),
        pytest.param(LOOP.format("0.1 * it") + "optimizer.param_groups[0]['lr'] = 1\n", id="two rates"),
        pytest.param("for epoch in range(2):\n  for it in range(9):\n    optimizer.param_groups[0]['lr'] = 0.1 ** it\n", id="a counter that begins again"),
        pytest.param("for epoch in range(2):\n  for it in range(9):\n    optimizer.param_groups[0]['lr'] = 0.1 ** (9 * epoch + it)\n", id="two counters"),
        pytest.param(LOOP.replace("    opt", "    if it % 2 == 0: opt").format("0.1 ** it"), id="a rate that a test leaves out"),
        pytest.param("n = 0\nfor it in range(40):\n    optimizer.param_groups[0]['lr'] = 0.1 ** n\n    n += 2\n", id="a counter of another step"),
        pytest.param(LOOP.format("optimizer.param_groups[0]['lr'] * 0.9"), id="a rate of the last rate"),
        pytest.param("state = {'n': 1}\n" + LOOP.format("0.1 * state['n']") + "    state['n'] += 1\n", id="a dict that changes"),
        pytest.param("def f(s):\n    global k\n    k = s\n    return k\nLambdaLR(optimizer, f)", id="a function that changes a variable"),
        pytest.param("def f(s):\n    for i in range(3):\n        s = s / 2\n    return s\nLambdaLR(optimizer, f)", id="a function with a loop"),
        pytest.param("def f(s):\n    for i in (1, 2):\n        if s > i: break\n        s = 1\n    return s\nLambdaLR(optimizer, f)", id="a loop that ends"),
        pytest.param("LambdaLR(optimizer, [lambda s: 1, lambda s: 2])", id="two lambdas"),
        pytest.param("LambdaLR(optimizer, lambda s: 1 / (s + 1), last_epoch=9)", id="a resumed run"),
        pytest.param("@functools.cache\ndef f(s):\n    return s\nLambdaLR(optimizer, f)", id="a decorated function"),
        pytest.param("f = max\nfor f in (lambda s: 1, lambda s: s):\n    LambdaLR(optimizer, f)", id="one of several functions"),
    ],
)  # fmt: skip
def test_what_is_no_formula_is_refused(script, tmp_path):
    with pytest.raises(olr.ConfigError, match=r"sets the rate by hand|LambdaLR in line \d+ is not read"):
        plan_of(tmp_path, script)


def test_a_function_of_a_module_in_the_folder(tmp_path):
    (tmp_path / "rates.py").write_text(
        "import math\nFLOOR = 0.01\ndef cosine(t, *, peak, total):\n    return FLOOR + peak * math.cos(t / total)\n"
    )
    script = "from rates import cosine\nTOTAL = 40\n" + LOOP.format("cosine(it, peak=0.1, total=TOTAL)")
    plan = plan_of(tmp_path, script)
    assert [plan.schedule(step) for step in (0, 39)] == [np.float32(0.11), np.float32(0.01 + 0.1 * math.cos(39 / 40))]
    (tmp_path / "rates.py").write_text("def cosine(t, **settings):\n    return open('a')\n")
    with pytest.raises(olr.ConfigError, match="sets the rate by hand"):
        plan_of(tmp_path, script)


def test_several_schedules_are_several_configs(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(HEAD + "a = LambdaLR(optimizer, lambda e: 0.9 ** e)\nb = LambdaLR(optimizer, lambda e: 0.5 ** e)\n")
    configs = olr.read_configs(path)
    assert [config.plan(max_steps=9).schedule(1) for config in configs] == [np.float32(0.45), np.float32(0.25)]
    assert all("this script makes 2 schedules; which one runs when is not read" in config.notes for config in configs)


SET = "for g in optimizer.param_groups: g['lr'] = lr\n"
TWISTED = {  # each with its note; those with none have the rates of the script
    "range(1, n)": (f"for e in range(1, 41):\n    lr = 0.1 / e\n    {SET}    update()\n", ""),
    "a counter from 100": (f"n = 100\nfor s in range(40):\n    lr = 0.1 / (1 + n)\n    {SET}    update()\n    n += 1\n", ""),
    "objects with settings": (  # any of them may be asked first whether it depends on the step
        "class C:\n    w = 9\n\ndef rate(it, a, b, c, d, e, f):\n    if it < a.w or it < b.w or it < c.w or it < d.w or it < e.w or it < f.w:\n"
        "        return 0.1 * it / a.w\n    return 0.1 / it\n"
        f"for it in range(40):\n    lr = rate(it, C(), C(), C(), C(), C(), C())\n    {SET}    update()\n", ""),
    "1 is added first": (f"it = 0\nwhile it < 40:\n    it += 1\n    lr = 0.1 * it / 40\n    {SET}    update()\n", ""),
    "an option for the first": (
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--start', type=int, default=10)\nargs = p.parse_args([])\n"
        f"for e in range(args.start, 50):\n    lr = 0.1 * (1 - e / 50)\n    {SET}    update()\n", ""),
    "a bar": (f"from tqdm import tqdm\nbar = tqdm(range(40), disable=True)\nfor i in bar:\n    lr = 0.1 / (1 + i)\n    {SET}    update()\n", ""),
    "a function in place of min": (
        "min = lambda a, b: a if a > b else b\nscheduler = LambdaLR(optimizer, lambda s: min(0.5, 1 - s / 50))" + STEPPED, ""),
    "after the update": (f"for i in range(40):\n    update()\n    lr = 0.1 * (1 - i / 40)\n    {SET}", "sets the rate after the update"),
    "after the update in functions": (
        "def train():\n    for i in range(3): update()\ndef adjust(e):\n    for g in optimizer.param_groups: g['lr'] = 0.1 * (1 - e / 9)\n"
        "for e in range(9):\n    train()\n    adjust(e)\n", "sets the rate after the update"),
    "break": (f"for i in range(50):\n    if i == 40: break\n    lr = 0.1 * (1 - i / 50)\n    {SET}    update()\n", "may leave out turns of line"),
    "return": (
        f"def main():\n  for i in range(50):\n    lr = 0.1 * (1 - i / 50)\n    {SET}    update()\n    if i == 30: return\nmain()\n",
        "may leave out turns of line"),
    "exit": (f"for i in range(50):\n    lr = 0.1 * (1 - i / 50)\n    {SET}    update()\n    if i: break\n", "may leave out turns of line"),
    "continue": (f"for i in range(50):\n    if i % 2: continue\n    lr = 0.1 * (1 - i / 50)\n    {SET}    update()\n", "may leave out turns"),
    "accumulation": (
        f"for i in range(50):\n    lr = 0.1 * (1 - i / 50)\n    {SET}    if i % 4 == 3: optimizer.step()\n", "does not make an update in each turn"),
    "one group": ("for i in range(9):\n    optimizer.param_groups[0]['lr'] = 0.1 * (1 - i / 9)\n    update()\n", "sets the rate of one group"),
    "stepped first": (
        "scheduler = LambdaLR(optimizer, lambda e: 1 - e / 20)\nfor e in range(20):\n    scheduler.step()\n    optimizer.step()\n",
        "steps the scheduler before the update"),
    "below 0": ("scheduler = LambdaLR(optimizer, lambda s: math.cos(math.pi * s / 20))" + STEPPED, "the formula is below 0 at step 1"),
    "two optimizers": (
        "other = torch.optim.SGD(m.parameters(), lr=1.0)\nscheduler = LambdaLR(optimizer, lambda s: 0.9 ** s)" + STEPPED,
        "this script makes 2 optimizers"),
    "the optimizer again": (
        "scheduler = LambdaLR(optimizer, lambda s: 0.9 ** s)\nfor e in range(9):\n    if e == 5: optimizer = torch.optim.SGD(m.parameters(), lr=1.0)\n"
        "    update()\n    scheduler.step()\n", "this script makes 2 optimizers"),
}  # fmt: skip
CLASSES = {
    "a class with an argument that it does not have": LINEAR + "scheduler = WarmupLinear(optimizer, 6, t_totl=40, t_total=40)" + STEPPED,
    "a class with too many arguments": LINEAR + "scheduler = WarmupLinear(optimizer, 6, 40, -1, 5)" + STEPPED,
    "a class without a function": LINEAR.replace("self.lr_lambda, last_epoch=last_epoch", "") + "scheduler = WarmupLinear(optimizer, 6, 40)" + STEPPED,
    "a class with a function of no step": LINEAR.replace("self, step):", "self):") + "scheduler = WarmupLinear(optimizer, 6, 40)" + STEPPED,
    "a class from a named place": LINEAR + "start = 7\nscheduler = WarmupLinear(optimizer, 6, 40, last_epoch=start)" + STEPPED,
    "a class with two targets": COSINE + "scheduler = Cosine(optimizer, 40)" + STEPPED,
    "a class that counts": LINEAR.replace("        if step <", "        self.t_total += 1\n        if step <") + "scheduler = WarmupLinear(optimizer, 6, 40)" + STEPPED,
    "a class with a step": LINEAR + "    def step(self):\n        super().step()\n        super().step()\nscheduler = WarmupLinear(optimizer, 6, 40)" + STEPPED,
    "a class that starts late": LINEAR.replace("last_epoch=last_epoch", "5") + "optimizer.param_groups[0]['initial_lr'] = 1\nscheduler = WarmupLinear(optimizer, 6, 40)" + STEPPED,
    "a class that begins with a call": LINEAR.replace("        super(", "        optimizer.param_groups[0].update(lr=1)\n        super(")
    + "scheduler = WarmupLinear(optimizer, 6, 40)" + STEPPED,
    "a class with its own place": COSINE.replace("self.total, self.x = total, 0", "").replace("last_epoch)\n", "last_epoch)\n        self.last_epoch = 4\n")
    + "scheduler = Cosine(optimizer, 40)" + STEPPED,
    "a class with a rate of the last": COSINE.replace("self.total, self.x = total, 0", "").replace("for lr in self.base_lrs", "for lr in [g['lr'] for g in self.optimizer.param_groups]")
    + "scheduler = Cosine(optimizer, 40)" + STEPPED,
    "a class of a class": LINEAR + "class Other(WarmupLinear):\n    def lr_lambda(self, step): return 1.0\nscheduler = Other(optimizer, 6, 40)" + STEPPED,
}  # fmt: skip
REFUSED = {
    "two loops": f"for e in range(5):\n  for i in range(9):\n    lr = 0.1 / (1 + e * 9 + i)\n    {SET}    update()\n",
    "two loops and a function": (
        f"def get_lr(it): return 0.1 / (1 + it)\nfor e in range(5):\n  for i in range(9):\n    lr = get_lr(e * 9 + i)\n    {SET}    update()\n"),
    "a changed number": f"T = 40\nT //= 2\nfor e in range(T):\n    lr = 0.1 * (1 - e / T)\n    {SET}    update()\n",
    "a number of a try": f"T = 40\ntry: T = 10\nexcept: T = 99\nfor e in range(T):\n    lr = 0.1 * (1 - e / T)\n    {SET}    update()\n",
    "a changed turn": f"for e in range(30):\n    e = e + 10\n    lr = 0.1 * (1 - e / 40)\n    {SET}    update()\n",
    "a counter of some turns": f"n = 0\nfor i in range(40):\n    if i in (10, 20): n += 1\n    lr = 0.1 * 0.1 ** n\n    {SET}    update()\n",
    "another pi": f"from math import cos, pi\npi = 3\nfor i in range(30):\n    lr = 0.05 * (1 + cos(pi * i / 30))\n    {SET}    update()\n",
}  # fmt: skip


@pytest.mark.parametrize(("script", "note"), TWISTED.values(), ids=TWISTED)
def test_a_note_or_the_rates_of_the_script(script, note, tmp_path):
    path = tmp_path / "train.py"
    path.write_text(HEAD + script)
    config = olr.read_config(path)
    plan = config.plan(max_steps=None if re.search("while|n = 100", script) is None else 40)
    notes = " / ".join([*config.notes, *plan.notes])
    assert note in notes
    if not note:
        assert not re.search("after the update|may leave out|before the update|below 0", notes)
        rates = np.float32(rates_of(script))
        assert plan.max_steps == len(rates) == 40
        np.testing.assert_allclose([plan.schedule(step) for step in range(40)], rates, rtol=2e-7)


@pytest.mark.parametrize("script", REFUSED.values(), ids=REFUSED)
def test_a_variable_that_does_not_count_alone_is_refused(script, tmp_path):
    with pytest.raises(olr.ConfigError, match="sets the rate by hand, in code that is not run"):
        plan_of(tmp_path, script)


@pytest.mark.parametrize("script", CLASSES.values(), ids=CLASSES)
def test_a_class_that_is_no_formula_is_refused(script, tmp_path):
    with pytest.raises(
        olr.ConfigError,
        match=r"is a schedule of the script's own, and no formula|only the code of this script|sets the rate by hand",
    ):
        plan_of(tmp_path, script)


def test_a_class_of_a_module_in_the_folder(tmp_path):
    (tmp_path / "own.py").write_text("import math\nfrom torch.optim.lr_scheduler import LambdaLR\n" + LINEAR)
    script = "from own import WarmupLinear\nscheduler = WarmupLinear(optimizer, 6, 40)\n"
    plan = plan_of(tmp_path, script + STEPPED)
    assert [plan.schedule(step) for step in (0, 3, 6, 23)] == [0, 0.25, 0.5, 0.25]
    assert any(
        re.match(r"scheduler.t_total in line \d+ changes the schedule", note)
        for note in read_notes(tmp_path, script + "scheduler.t_total = 50\n" + STEPPED)
    )


def test_a_formula_that_overflows_in_a_longer_run_is_refused(tmp_path):
    script = "scheduler = LambdaLR(optimizer, lambda step: 10.0 ** step)\nscheduler.step()\n"
    assert plan_of(tmp_path, script, max_steps=30).schedule(3) == 500
    with pytest.raises(olr.ConfigError, match=r"is not finite at step \d+; give a shorter run with --max-steps"):
        plan_of(tmp_path, script, max_steps=300)


def test_a_class_next_to_a_scheduler_of_torch_is_noted(tmp_path):
    made = "scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)\n"
    notes = read_notes(tmp_path, LINEAR + made + "warmup = WarmupLinear(optimizer, 6, 40)\n" + STEPPED)
    assert any(
        re.match(r"WarmupLinear in line \d+ is another schedule, which is not in this plan", note) for note in notes
    )
    assert not any("another schedule" in note for note in read_notes(tmp_path, LINEAR + made + STEPPED))


def read_notes(tmp_path, script):
    path = tmp_path / "train.py"
    path.write_text(HEAD + script)
    return olr.read_config(path).notes


def expressions(depth: int) -> st.SearchStrategy[str]:
    leaf = st.sampled_from(["step", "3", "0.25", "A", "b.c", "math.pi"])
    if not depth:
        return leaf
    inner = expressions(depth - 1)
    return st.one_of(
        leaf,
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner).map(
            lambda parts: "({} {} {})".format(*parts)
        ),
        st.tuples(st.sampled_from(["math.cos", "abs", "float", "int", "-"]), inner).map(
            lambda parts: "{}({})".format(*parts)
        ),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner, inner).map(
            lambda parts: "{}({}, {}, {})".format(*parts)
        ),
        st.tuples(inner, inner, st.sampled_from(["<", ">=", "=="]), inner, inner).map(
            lambda parts: "({} if {} {} {} else {})".format(*parts)
        ),
    )


@hypothesis.given(expressions(4))
@hypothesis.settings(max_examples=150, deadline=None)
def test_random_expressions(tmp_path_factory, text):
    """An expression of any form has the values that Python gives it, where those are rates."""
    script = f"class b:\n    c = 7\nA = 0.5\nLambdaLR(optimizer, lambda step: {text})\n"
    try:
        real = [
            0.5 * eval(text, {"math": math, "A": 0.5, "b": type("b", (), {"c": 7})}, {"step": step})
            for step in range(12)
        ]
    except ZeroDivisionError:
        return
    path = tmp_path_factory.mktemp("random") / "train.py"
    path.write_text(HEAD + script)
    try:
        plan = olr.read_config(path).plan(max_steps=12)
    except olr.ConfigError as error:
        hypothesis.assume(re.search("must be at most|too large|finite", str(error)) is None)
        raise
    np.testing.assert_allclose([plan.schedule(step) for step in range(12)], np.maximum(real, 0), rtol=1e-6, atol=1e-12)
