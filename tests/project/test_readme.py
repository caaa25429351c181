"""All Python blocks and commands of the README run in order."""

import re
import shlex
import shutil
from pathlib import Path

import jax
import numpy as np
import optax
import pytest

import optax_lr as olr
from tests.safety.commands import run

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_python_runs(monkeypatch):
    monkeypatch.chdir(ROOT)
    names: dict = {}
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 6
    for block in blocks:
        exec(block, names)
    assert names["curves"].shape == (50, 3, 1000)
    assert names["rates"].shape == (3, 1200)
    assert names["areas"].shape == (50, 3)
    assert np.isnan(names["rates"]).any()
    assert isinstance(names["planned"], olr.CosineWithRestarts)
    assert names["keys"]["lr_scheduler_type"] == "cosine_with_restarts"
    assert names["slope"] > 0
    assert names["found"].segments[0].count == 12
    assert [finding.code for finding in names["report"].findings] == ["LR203"]
    assert names["losses"].shape == (3, 100)
    assert isinstance(names["mixed"], olr.Mixed)


def test_the_commands_run(tmp_path):
    for folder in ("configs", "runs"):
        shutil.copytree(ROOT / "examples" / folder, tmp_path / "examples" / folder)
    commands = re.findall(r"^optax-lr (.*)$", README, re.MULTILINE)
    assert [command.split()[0] for command in commands] == [
        "show",
        "lint",
        "compare",
        "convert",
        "recommend",
        "sweep",
        "audit",
    ]
    for command in commands:
        done = optax_lr(command, tmp_path)
        # These examples show findings and a difference.
        assert done.code == (1 if command.split()[0] in ("lint", "compare", "audit") else 0), done.err
    written = {"fixed.yaml", "both.png", "train.yaml", "curves.parquet", "curves.png"}
    assert written <= {path.name for path in tmp_path.iterdir()}
    (finding,) = re.findall(r"^examples/configs/.*: LR.*$", README, re.MULTILINE)
    assert finding in optax_lr("lint examples/configs/support_chatbot.yaml --num-examples 5000", tmp_path).out
    (finding,) = re.findall(r"^LR203.*$", README, re.MULTILINE)
    assert finding in optax_lr(commands[-1], tmp_path).out


def optax_lr(command, folder):
    return run(*shlex.split(command), folder=folder)


def test_links_have_targets():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_counts_are_right():
    from tests.identification.curves import curves
    from tests.parity.test_other_libraries import STORED
    from tests.reference.settings import torch_settings, transformers_settings

    verified = (ROOT / "docs" / "verified.md").read_text()
    for count, what in (
        (len(transformers_settings()), "settings, in float64"),
        (len(torch_settings()), "settings, the same tolerances"),
        (len(STORED["cases"]), "settings |"),
        (len(curves()), "schedulers of torch and `transformers`, stepped"),
    ):
        assert f"{count} {what}" in verified


def test_the_claims_about_optax():
    for name in ("peak_value", "warmup_steps", "decay_steps"):
        settings = {"init_value": 0.0, "peak_value": 1e-3, "warmup_steps": 10, "decay_steps": 100}

        def rate(value, settings=settings, name=name):
            return optax.warmup_cosine_decay_schedule(**{**settings, name: value})(5)

        with pytest.raises(jax.errors.TracerBoolConversionError):
            jax.jit(rate)(settings[name])


def test_the_gallery_is_up_to_date(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import gallery

    monkeypatch.setattr(gallery, "picture", lambda example: f"pictures/{type(example).__name__}.png")
    assert gallery.page() == (ROOT / "docs" / "schedules.md").read_text()
    public = {
        value
        for name in olr.__all__
        if isinstance(value := getattr(olr, name), type) and issubclass(value, olr.Schedule) and name[0].isupper()
    }
    assert public - {olr.Schedule, olr.Mixed} == {
        type(example) for examples in gallery.SHOWN.values() for example in examples
    }
