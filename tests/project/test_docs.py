"""All Python blocks in the pages of docs/ run in order, and every link has a target."""

import importlib.util
import re
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
import pytest

import optax_lr as olr

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {page.stem: page.read_text() for page in DOCS.glob("*.md")}


def run(page: str) -> dict:
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", PAGES[page], re.DOTALL):
        exec(block, names)
    return names


def test_training():
    names = run("training")
    assert names["middle"] == pytest.approx(1.5235051e-04, rel=1e-6)
    assert names["started"] == pytest.approx(5.8682414e-04, rel=1e-6)
    assert names["second"] == pytest.approx(1e-5)
    assert names["groups"].keys() == {"body", "head"}
    assert names["compiled"] == 1
    assert names["lowered"]
    assert 0.01 < names["suggestion"] < 1
    plt.close(names["picture"].figure)
    assert type(names["best"]).__name__ in ("Linear", "Cosine", "InverseSqrt")
    assert np.isfinite(names["slope"])
    assert names["slope"] < 0


def test_pages_for_users_of_other_libraries():
    assert type(run("index")["schedule"]).__name__ == "Cosine"
    assert run("from_llamafactory")["schedule"](0) == 0
    assert type(run("from_torch")["schedule"]).__name__ == "Stages"
    names = run("from_optax")
    assert np.isfinite(names["slope"])
    assert names["state"].hyperparams["learning_rate"] == pytest.approx(0.999e-3)
    for name, (theirs, ours) in names["pairs"].items():
        steps = np.arange(400)
        expected = jax.vmap(lambda step, theirs=theirs: jnp.asarray(theirs(step), jnp.float32))(steps)
        np.testing.assert_allclose(olr.sweep(ours, 400), expected, rtol=3e-6, atol=2e-7, err_msg=name)
    covered = {
        name for name in vars(optax.schedules) if name[0] != "_" and name.endswith(("_schedule", "_decay", "schedules"))
    }
    page = PAGES["from_optax"]
    assert {name for name in covered if f"optax.{name}(" not in page} <= {"inject_hyperparams"}


def test_tutorials(monkeypatch):
    monkeypatch.chdir(DOCS.parent)
    names = run("tutorial_train")
    assert names["compiled"] == 1
    assert names["losses"].shape == (4,)
    assert names["best"].learning_rate > 0.1
    names = run("tutorial_sweep")
    plt.close(names["axes"].figure)
    assert names["curves"].shape == (11, 1000)
    assert (names["one"].learning_rate, names["one"].warmup_steps) == (1e-4, 100)
    assert (names["columns"]["learning_rate"][4], names["columns"]["warmup_steps"][4]) == (1e-4, 100)
    names = run("tutorial_check")
    assert f":7: {names['findings'][0]}" in PAGES["tutorial_check"]
    assert str(names["report"].findings[0]) in PAGES["tutorial_check"]


def test_recipes():
    names = run("recipes")
    assert (names["plan"].max_steps, names["plan"].warmup_steps) == (126, 13)
    assert names["state"].hyperparams["learning_rate"] == pytest.approx(names["plan"].schedule(125))
    shown = set(re.findall(r"recipes/(\w+)\.png", PAGES["recipes"]))
    assert {path.stem for path in (DOCS / "pictures" / "recipes").iterdir()} == shown
    assert all((DOCS.parent / "examples" / f"{name}.py").exists() for name in shown)


def test_own_schedules():
    names = run("own_schedules")
    assert float(names["own"](50)) == pytest.approx(1e-3 * np.exp(-0.5), rel=1e-7)
    assert names["curves"].shape == (3, 1000)
    assert names["many"].shape == (2, 100)
    assert float(names["saw"](5)) == pytest.approx(5e-4)
    assert names["again"].max_steps == 1000


def test_sweeps():
    names = run("sweeps")
    assert names["curves"].shape == (11, 1000)
    assert np.isnan(names["curves"][-1, 501:]).all()
    assert names["some"].shape == (11, 100)


def test_explore():
    names = run("explore")
    assert names["page"].title == "Explore learning-rate schedules"
    assert names["text"].startswith("(step, learning_rate = 0.0003, max_steps = 1000, warmup_steps = 100, ")


def test_configs():
    assert run("configs")["keys"]["lr_scheduler_type"] == "cosine"


def test_audit(monkeypatch):
    monkeypatch.chdir(DOCS.parent)
    names = run("audit")
    assert names["config"]["warmup_steps"] == 47
    shown = re.findall(r"```text\n(.*?)```", PAGES["audit"], re.DOTALL)
    assert str(names["report"]) + "\n" in shown


def test_monitor():
    names = run("monitor")
    assert len(names["log"]) == 12  # 10 rows, and 2 evaluations
    assert sorted(path.name.split(".")[0] for path in Path(names["folder"]).iterdir()) == ["events", "log"]
    shutil.rmtree(names["folder"])


def test_patterns():
    found = run("patterns")["found"]
    assert f"```text\n{found}\n```" in PAGES["patterns"]


def test_every_page_with_python_is_run():
    run_above = {
        "training",
        "own_schedules",
        "index",
        "from_llamafactory",
        "from_torch",
        "from_optax",
        "sweeps",
        "explore",
        "configs",
        "patterns",
        "audit",
        "monitor",
        "recipes",
        "tutorial_train",
        "tutorial_sweep",
        "tutorial_check",
    }
    assert {page for page, text in PAGES.items() if "```python" in text} == run_above


def test_the_reference_has_every_public_name():
    shown = re.findall(r"::: optax_lr\.(\w+)", PAGES["api"])
    assert sorted([*shown, "SCHEDULERS"]) == olr.__all__


@pytest.mark.parametrize("page", PAGES)
def test_links_have_targets(page):
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", PAGES[page], flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)\)", prose):
        made = target == "interactive/explore.html"  # docs/interactive.py generates it for the site
        assert made or target.startswith("https://") or (DOCS / target).exists(), target


def test_modules_that_pages_name_exist():
    """Pages, docstrings and error messages name modules to run and files to read."""
    root = DOCS.parent
    read = [
        *root.glob("*.md"),
        *DOCS.glob("*.md"),
        *(root / "optax_lr").rglob("*.py"),
        *(root / "benchmarks").glob("*.py"),
    ]
    modules, files = set(), set()
    for path in read:
        text = path.read_text()
        modules |= set(re.findall(r"python -m ((?:benchmarks|optax_lr)[\w.]*\w)", text))
        files |= set(
            re.findall(r"(?<![\w/.])(?:docs|tests|examples|benchmarks|optax_lr)/[\w./-]+\.(?:py|md|yaml|png)\b", text)
        )
    assert len(modules) > 8
    assert len(files) > 15
    for name in modules:
        assert importlib.util.find_spec(name), name
    for name in files:
        assert (root / name).exists(), name
