"""The number of updates of a script's own loop, compared with the script as it runs."""

import pytest
import torch

import optax_lr as olr

HEAD = """
import torch
from torch.utils.data import DataLoader
from tqdm import tqdm
EPOCHS, EVERY = 3, 4
train_loader = DataLoader(train_data, batch_size=8)
optimizer = torch.optim.AdamW([weight], lr=3e-4)
"""
PLAIN = "for epoch in range(EPOCHS):\n    for step, batch in enumerate(train_loader):\n        optimizer.step()\n"
LOOPS = {
    "plain": PLAIN,
    "steps alone": "for step in range(7):\n    optimizer.step()\n",
    "a bar": PLAIN.replace("    for", "    bar = tqdm(train_loader)\n    for").replace(
        "enumerate(train_loader", "enumerate(bar"
    ),
    "ranges": PLAIN.replace("range(EPOCHS)", "range(1, EPOCHS + 2)"),
    "none left over": PLAIN.replace("optimizer.step()", "if (step + 1) % EVERY == 0:\n            optimizer.step()"),
    "the first": PLAIN.replace("optimizer.step()", "if step % EVERY == 0:\n            optimizer.step()"),
    "the rest": PLAIN.replace(
        "optimizer.step()", "if (step + 1) % EVERY == 0 or step + 1 == len(train_loader):\n            optimizer.step()"
    ),
    "a function": "def run(loader):\n    for batch in loader:\n        optimizer.step()\nfor epoch in range(EPOCHS):\n    run(train_loader)\n",
    "a function with the test": "def update(i):\n    if (i + 1) % EVERY == 0:\n        optimizer.step()\n"
    + PLAIN.replace("optimizer.step()", "update(step)"),
    "a function of all": "def main():\n    for epoch in range(EPOCHS):\n        with torch.enable_grad():\n            for batch in train_loader:\n"
    "                optimizer.step()\nif __name__ == '__main__':\n    main()\n",
}


def config_of(tmp_path, loop):
    path = tmp_path / "train.py"
    path.write_text(HEAD + loop)
    return olr.read_config(path)


@pytest.mark.parametrize("name", LOOPS)
def test_the_length_is_that_of_the_loop_as_it_runs(tmp_path, name):
    config = config_of(tmp_path, LOOPS[name])
    weight = torch.nn.Parameter(torch.zeros(1))
    weight.grad = torch.ones(1)
    ran = {"train_data": list(range(203)), "weight": weight, "__name__": "__main__"}
    exec(HEAD + LOOPS[name], ran)
    updates = int(ran["optimizer"].state[weight]["step"])
    plan = config.plan(num_examples=203)
    assert (plan.max_steps, float(plan.schedule(0))) == (updates, pytest.approx(3e-4))
    assert config.plan(max_steps=9).max_steps == 9


@pytest.mark.parametrize(
    "loop",
    [
        PLAIN.replace("EPOCHS)", "args.epochs)"),
        PLAIN.replace("range(EPOCHS)", "range(start, EPOCHS)"),
        PLAIN.replace("train_loader)", "val_loader)"),
        PLAIN.replace("train_loader)", "train_data)"),
        PLAIN.replace("train_loader)", "batches_of(train_data))"),
        PLAIN.replace("enumerate(train_loader)", "enumerate(train_loader, 1)").replace("opt", "if step % 4 == 0: opt"),
        PLAIN.replace("    optimizer", "    total += 1\n        if total % 4 == 0: optimizer"),
        PLAIN.replace("    optimizer", "    if phase == 'train': optimizer"),
        PLAIN.replace("for epoch in range(EPOCHS)", "while True"),
        PLAIN.replace("    optimizer", "    with accelerator.accumulate(model): optimizer"),
        PLAIN + "for batch in other:\n    optimizer.step()\n",
        PLAIN.replace("optimizer", "step += epoch\n        if (step + 1) % 4 == 0: optimizer"),
        PLAIN.replace("optimizer", "if step % 4 == 0 or len(kept) > 2: optimizer"),
        PLAIN.replace("optimizer", "if step % 4 == 0 or step == len(train_loader): optimizer"),
        PLAIN.replace("optimizer.step()", "with contextlib.suppress(ValueError):\n            optimizer.step()"),
        PLAIN.replace("optimizer.step", "with made:\n            optimizer.step")
        + "made = accelerator.accumulate(model)\n",
        PLAIN.replace("optimizer.step", "env.step"),
        "def update(step):\n    if step % 4 == 0:\n        optimizer.step()\n"
        + PLAIN.replace("optimizer.step()", "update(epoch)"),
        "if __name__ == '__main__' and args:\n" + "".join(f"    {line}\n" for line in PLAIN.splitlines()),
        "train_loader = DataLoader(train_data, 8, False, sampler)\n" + PLAIN,
        "train_loader = DataLoader(train_data, 8, sampler=RandomSampler(train_data, True, 320))\n" + PLAIN,
        "class DataLoader:\n    pass\n" + PLAIN,
        "def update():\n    optimizer.step()\n"
        + PLAIN.replace("optimizer.step", "update")
        + "timed = partial(update)\n",
        "@repeat(4)\ndef update():\n    optimizer.step()\n" + PLAIN.replace("optimizer.step", "update"),
        "def train():\n    for batch in train_loader:\n        optimizer.step()\ntrain()\ntrain()\n",
        "def train():\n    for batch in train_loader:\n        optimizer.step()\n    train()\n",
        "class Run:\n    def train(self):\n        for batch in train_loader:\n            optimizer.step()\nmodel.train()\nRun().train()\n",
    ],
)
def test_a_length_that_is_not_certain_is_asked_for(tmp_path, loop):
    with pytest.raises(olr.ConfigError, match="the loop of the run is not read; give its length with --max-steps"):
        config_of(tmp_path, loop).plan(num_examples=203)


def test_what_may_end_the_loop_before_and_what_several_runs_share(tmp_path):
    early = config_of(tmp_path, PLAIN.replace("    optimizer", "    if bad: continue\n        optimizer"))
    assert "line 10 may leave out updates, or end the run before" in early.notes
    assert "the length is that of the loop around line 11: range(EPOCHS) x train_loader" in early.notes
    helper = "def update(loss):\n    if loss > 1:\n        return\n    optimizer.step()\n"
    early = config_of(tmp_path, helper + PLAIN.replace("optimizer.step()", "update(1)"))
    assert "line 10 may leave out updates, or end the run before" in early.notes
    scaled = config_of(tmp_path, PLAIN.replace("optimizer.step()", "scaler.step(optimizer)"))
    assert "a GradScaler leaves out an update where a gradient is not finite" in scaled.notes
    early = config_of(tmp_path, PLAIN.replace("    opt", "    if step == 9: sys.exit()\n        opt"))
    assert "line 10 may leave out updates, or end the run before" in early.notes
    path = tmp_path / "folds.py"
    head, made = HEAD.rsplit("optimizer =", 1)
    body = "".join(f"    {line}\n" for line in f"optimizer ={made}{PLAIN}".splitlines())
    path.write_text(f"{head}for fold in range(5):\n{body}")
    assert olr.read_config(path).plan(num_examples=203).max_steps == 78
    made = f"def build():\n    return torch.optim.AdamW([weight], lr=3e-4)\n{head}for fold in range(5):\n    optimizer = build()\n"
    path.write_text(made + "".join(f"    {line}\n" for line in PLAIN.splitlines()))
    assert olr.read_config(path).plan(num_examples=203).max_steps == 78
    path.write_text(
        f"{head}def build():\n    optimizer = torch.optim.AdamW([weight], lr=3e-4)\n    build()\nfor x in range(3):\n    optimizer.step()\n"
    )
    assert olr.read_config(path).plan().max_steps == 3
    prepared = config_of(tmp_path, "optimizer, train_loader = accelerator.prepare(optimizer, train_loader)\n" + PLAIN)
    assert prepared.plan(num_examples=203).max_steps == 78
    with pytest.raises(olr.ConfigError, match=r"max_steps changes in line 8, by the prepare\(\) of accelerate"):
        prepared.plan(num_examples=203, world_size=2)
