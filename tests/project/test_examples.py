"""Every example runs, prints its results and draws them."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
FINDINGS = {
    "optax_chain": r"compilations of the train step for three schedules: 1\n",
    "flax_linen_digits": r"the rate falls from 0\.01 to half\n(.*\n)*stopped after epoch \d+ at accuracy 0\.9",
    "flax_nnx_digits": r"no longer improves: held at 0\.\d+\naccuracy 0\.9",
    "population_sweep": r"96 models of 7 kinds: [\d.]+ s together(.*\n)+best:\n  validation loss 0\.0",
    "successive_halving": r"after 640 updates:  1 models, best validation loss 0\.0",
    "lora_config": r"14,336 of 83,856 numbers trained; reverses (9\d\.\d|100\.0)%",
    "batch_ramp": r"344 updates of batches of 16, 32, 64: accuracy 0\.9",
    "cooldowns": r"after 300 updates at a constant rate: validation loss 0\.\d+\n(.*\n)*cooled down over 200: 0\.0",
    "hydra_recipe": r"validation loss 0\.1\d+: schedule=(cosine|linear) schedule.learning_rate=1.0\n(.*\n)*9 jobs, one compilation",
    "keras_recipe": r"a cosine with a warmup: accuracy 0\.9\d+\nhalved on a plateau: accuracy 0\.9",
    "optuna_recipe": r"best of 20 trials: validation loss 0\.\d+ (.*\n)+compilations of the training: 1\n",
    "tunix_recipe": r"48 updates by Tunix: loss 2\.\d+ at first, 0\.00\d at the end",
    "range_test_population": r"momentum 0.00: the loss falls fastest at a rate of 3\n(.*\n)*momentum 0.98: .* of 0.1\n",
    "meta_gradient": r"after 25 steps on the schedule: +0\.[0-3]",
}
# Their imports take many CPU seconds; Tunix calls what is deprecated.
MARKS = {
    "keras_recipe": [pytest.mark.long],
    "tunix_recipe": [pytest.mark.long, pytest.mark.filterwarnings("ignore::DeprecationWarning")],
}


def test_every_training_example_is_here():
    runnable = {path.stem for path in EXAMPLES.glob("*.py") if "sys.argv" in path.read_text()}
    assert runnable == FINDINGS.keys() | {"demo"}


def assert_findings(name: str, printed: str, folder: Path) -> None:
    assert re.search(FINDINGS[name], printed), printed
    picture = plt.imread(folder / f"{name}.png")
    assert picture.shape[1] >= 900
    assert picture[..., :3].std() > 0.05


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=MARKS.get(name, ())) for name in sorted(FINDINGS.keys() - {"optax_chain"})]
)
def test_an_example_prints_and_draws_its_findings(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setattr(sys, "argv", [f"{name}.py", str(tmp_path / "new")])
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    plt.close("all")
    assert_findings(name, capsys.readouterr().out, tmp_path / "new")


def test_an_example_runs_as_a_program(tmp_path):
    command = [sys.executable, "-W", "error::FutureWarning", str(EXAMPLES / "optax_chain.py"), str(tmp_path / "new")]
    env = os.environ | {"PYTHONPATH": str(EXAMPLES.parent)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path, env=env, check=False)
    assert done.returncode == 0, done.stderr
    assert_findings("optax_chain", done.stdout, tmp_path / "new")
