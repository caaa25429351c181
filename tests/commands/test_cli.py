"""`optax-lr sweep`, in this process, or in a separate process if the test needs one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest
import xarray
from matplotlib import image

import optax_lr as olr
from optax_lr.commands.sweep import values_of
from tests.children import printed_by
from tests.compilations import compilations
from tests.safety import commands

HERE = Path(__file__).parents[2]
COSINE = "learning_rate: 1e-4\nlr_scheduler_type: cosine\nwarmup_ratio: 0.1\nmax_steps: 100\n"
LINEAR = "learning_rate: 5e-5\nlr_scheduler_type: linear\nwarmup_steps: 5\nnum_train_epochs: 2\nper_device_train_batch_size: 4\n"


def run(*arguments, folder, COLUMNS="120"):
    """`optax-lr` in this process, which has already imported JAX."""
    return subprocess.CompletedProcess(arguments, *commands.run(*arguments, folder=folder, COLUMNS=COLUMNS))


def run_alone(*arguments, folder):
    """`optax-lr` in a separate process."""
    return subprocess.run(
        [sys.executable, "-m", "optax_lr", *map(str, arguments)],
        capture_output=True, text=True, cwd=folder, check=False,
        env=os.environ | {"PYTHONPATH": str(HERE), "NO_COLOR": "1", "COLUMNS": "120"},
    )  # fmt: skip


@pytest.fixture
def recipes(tmp_path):
    (tmp_path / "cosine.yaml").write_text(COSINE)
    (tmp_path / "linear.yaml").write_text(LINEAR)
    return tmp_path


def test_sweep_of_several_configs_to_a_file(recipes):
    done = run_alone(
        "sweep", "cosine.yaml", "linear.yaml", "--learning-rate", "1e-6:1e-3:5:log", "--warmup-steps", "0,10",
        "--num-examples", 100, "--out", "curves.parquet", "--png", "curves.png", folder=recipes,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("20 curves (Cosine, Linear) of 101 steps in ")
    curves = pandas.read_parquet(recipes / "curves.parquet")
    assert list(curves.config) == ["cosine.yaml"] * 10 + ["linear.yaml"] * 10
    assert curves.max_steps.tolist() == [100] * 10 + [50] * 10
    row = curves.iloc[13]
    assert row.kind == "Linear"
    assert row.warmup_steps == 10
    expected = olr.sweep(olr.Linear(row.peak_learning_rate, 50, 10), 101, past_end="nan")
    np.testing.assert_array_equal(row.learning_rate, expected)
    assert image.imread(recipes / "curves.png").shape[2] == 4


def test_sweep_as_json(recipes):
    done = run("sweep", "cosine.yaml", "--learning-rate", "1e-5,1e-4", "--out", "two.parquet", "--json", folder=recipes)
    told = json.loads(done.stdout)
    assert told.pop("seconds") > 0
    assert told == {"curves": 2, "steps": 101, "kinds": ["Cosine"]}
    assert done.stderr == "wrote two.parquet\n"  # as of every command


def test_sweep_without_options_evaluates_the_configs(recipes):
    done = run("sweep", "cosine.yaml", "--out", "one.zarr", folder=recipes)
    assert done.returncode == 0, done.stderr
    opened = xarray.open_zarr(recipes / "one.zarr", consolidated=False)
    np.testing.assert_array_equal(opened.learning_rate[0], olr.sweep(olr.Cosine(1e-4, 100, 10), 101))


def test_settings_relative_to_the_peak_scale_with_it(recipes):
    (recipes / "ratio.yaml").write_text(
        COSINE.replace("type: cosine", "type: cosine_with_min_lr") + "lr_scheduler_kwargs:\n  min_lr_rate: 0.25\n"
    )
    varied = ("--learning-rate", "1e-3,2e-3", "--max-steps", "50,200")
    done = run("sweep", "ratio.yaml", *varied, "--out", "r.parquet", folder=recipes)
    assert done.returncode == 0, done.stderr
    curves = pandas.read_parquet(recipes / "r.parquet")
    assert curves.min_lr.tolist() == [0.00025, 0.00025, 0.0005, 0.0005]
    assert curves.warmup_steps.tolist() == [5, 20, 5, 20]


def test_bad_input_in_a_separate_process(recipes):
    done = run_alone("sweep", "no.yaml", folder=recipes)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_nothing_is_overwritten_without_force(recipes):
    (recipes / "curves.parquet").write_text("precious")
    refused = run("sweep", "cosine.yaml", "--out", "curves.parquet", folder=recipes)
    assert refused.returncode == 2
    assert "curves.parquet exists; choose another name, or overwrite it with --force" in refused.stderr
    assert (recipes / "curves.parquet").read_text() == "precious"
    assert run("sweep", "cosine.yaml", "--out", "curves.parquet", "--force", folder=recipes).returncode == 0
    assert len(pandas.read_parquet(recipes / "curves.parquet")) == 1


def test_help_imports_nothing_heavy():
    program = (
        "import sys; from optax_lr import commands; assert not {'jax', 'matplotlib', 'omegaconf'} & set(sys.modules)"
    )
    assert printed_by(program) == ""


def test_version(tmp_path):
    assert run("--version", folder=tmp_path).stdout == f"optax-lr {olr.__version__}\n"


def test_without_the_extra_the_error_names_the_package_to_install():
    program = "import sys; sys.modules['typer'] = None\nfrom optax_lr.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=HERE, check=False)
    assert done.returncode == 2
    assert done.stderr == 'optax-lr needs typer: pip install "optax-lr[cli]"\n'


def test_import_is_light_and_compiles_nothing():
    program = (
        "import sys, typing, jax, optax, numpy; before = set(sys.modules)\n"
        "import optax_lr as olr\n"
        "schedule = olr.Cosine(1e-4, 100); schedule(3); repr(schedule)\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before} - {'jax', 'optax_lr'}\n"
        "assert not new - set(sys.stdlib_module_names), new\n"
        "assert typing.get_type_hints(olr.sweep)['return'] is jax.Array\n"  # its shape needs no jaxtyping
    )
    assert printed_by(program, JAX_PLATFORMS="none") == ""  # JAX fails as soon as it looks for this platform


def test_lint_and_show_compile_nothing(recipes):
    with compilations() as count:
        assert run("lint", "cosine.yaml", folder=recipes).returncode == 0
        assert "highest" in run("show", "cosine.yaml", folder=recipes).stdout
    assert not count


def test_lists_and_ranges_of_values():
    assert values_of("warmup_steps", "0,100,500").tolist() == [0, 100, 500]
    assert values_of("warmup_steps", "0:100:3").tolist() == [0, 50, 100]
    assert values_of("power", "2").tolist() == [2]
