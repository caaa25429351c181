"""Imports follow the order of the packages, and every public name is documented with an example."""

import ast
import dataclasses
import graphlib
import inspect
import re
import sys
import textwrap
from pathlib import Path

import pytest

import optax_lr as olr

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "optax_lr"
SHOWN_BY = {"restore_checkpoint": "save_checkpoint"}  # one example for the two


@pytest.fixture
def rooms(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import rooms

    return rooms


def lacks(name: str) -> list[str]:
    """The missing parts of the documentation of a public name.

    A schedule needs a formula, a source and an example; a function an example; and what has fields a word on each.
    """
    value = getattr(olr, name)
    if not callable(value):
        return []
    text = inspect.cleandoc(value.__doc__ or "")
    if not text:
        return [f"{name} lacks a docstring"]
    fields = (
        [field.name for field in dataclasses.fields(value)]
        if dataclasses.is_dataclass(value)
        else getattr(value, "_fields", ())
    )
    if like := re.search(r"those of `(\w+)`", text):
        fields = [field for field in fields if field not in inspect.cleandoc(getattr(olr, like[1]).__doc__)]
    found = {f"the field {field}": re.search(rf"\b{field}\b", text) for field in fields}
    is_schedule = inspect.isclass(value) and issubclass(value, olr.Schedule) and value is not olr.Schedule
    if is_schedule or not inspect.isclass(value):
        shown = f"{name}(" in getattr(olr, SHOWN_BY[name]).__doc__ if name in SHOWN_BY else ">>> " in text
        found["an example"] = shown
    if is_schedule and value.__module__.rpartition(".")[2] not in ("compositions", "function", "mixed"):
        found |= {"a formula": "```\n" in text or text.startswith("`"), "its source": "Source: " in text}
    if inspect.isfunction(value):
        found |= sections(value)
    return [f"{name} lacks {what}" for what, there in found.items() if not there]


def sections(function) -> dict[str, bool]:
    """The sections of Google's form that a function needs, and whether its docstring has them."""
    text, signature = inspect.getdoc(function) or "", inspect.signature(function)
    arguments = text.partition("Args:\n")[2].partition("\n\n")[0]
    found = {
        f"the argument {name}": bool(re.search(rf"^    \*{{0,2}}{name}: ", arguments, re.MULTILINE))
        for name in signature.parameters
    }
    if signature.return_annotation not in ("None", None):
        found["Returns"] = "\nReturns:\n" in text
    source = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    raised = [node.exc for node in ast.walk(source) if isinstance(node, ast.Raise)]
    names = {ast.unparse(error.func if isinstance(error, ast.Call) else error) for error in raised if error is not None}
    return found | {f"Raises {name}": f"    {name}: " in text for name in names if name.endswith("Error")}


def test_imports_follow_the_order_of_the_packages(rooms):
    assert rooms.against_the_order() == []


def test_there_are_no_circular_imports(rooms):
    graph: dict[str, set[str]] = {}
    for found in rooms.imports():
        if found.module not in (found.target, found.target.split(".")[0]):  # a package's __init__ re-exports
            graph.setdefault(found.module, set()).add(found.target)
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) > 50


@pytest.mark.parametrize("name", olr.__all__)
def test_public_names_are_documented(name):
    assert lacks(name) == []


def test_the_page_and_its_picture_show_the_imports(rooms):
    assert rooms.page() == (ROOT / "docs" / "architecture.md").read_text(), "run python docs/rooms.py"
    assert rooms.picture() == (ROOT / "docs" / "pictures" / "rooms.svg").read_text(), "run python docs/rooms.py"


@pytest.mark.parametrize(
    ("file", "line", "wrong"),
    [
        ("schedules/linear", "from optax_lr.sweeps import sweep", "schedules must not import sweeps"),
        ("schedules/linear", "from optax_lr.batches.grid import grid", "schedules must not import batches"),
        ("schedules/linear", "import optax_lr.plots", "schedules must not import plots"),
        ("schedules/linear", "from ..configs import read_config", "schedules must not import configs"),
        ("schedules/linear", "from optax_lr import plot", "schedules must not import plots"),
        ("schedules/linear", "import optax_lr as olr; olr.plot", "schedules must not import plots"),
        ("schedules/linear", "def late():\n    from optax_lr import configs", "schedules must not import configs"),
        ("sweeps/grid", "from optax_lr.training import rates", "sweeps must not import training"),  # on the same level
        ("configs/read", "from optax_lr.linting import lint", "configs must not import linting"),
        ("spare/file", "", "spare: add this package to ORDER"),
        ("configs/read", "from optax_lr.sweeps import sweep", None),
        ("schedules/linear", "from .base import Schedule", None),
        ("schedules/linear", "from optax_lr import arguments; import optax_lr; optax_lr.__version__", None),
    ],
)
def test_a_wrong_import_is_found(rooms, tmp_path, file, line, wrong):
    package = tmp_path / "optax_lr"
    for path, text in {"__init__": '_HOMES = {"plots": "plot"}\n', "arguments": "", file: f"{line}\n"}.items():
        file = package / f"{path}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    found = rooms.against_the_order(package)
    assert found == [] if wrong is None else len(found) == 1 and wrong in found[0]


def test_a_name_without_documentation_is_found(monkeypatch):
    bare = type("Linear", (olr.Linear,), {"__doc__": "A line."})
    monkeypatch.setitem(vars(olr), "Linear", bare)
    assert {"Linear lacks a formula", "Linear lacks its source", "Linear lacks an example"} <= set(lacks("Linear"))
    bare.__doc__ = None
    assert lacks("Linear") == ["Linear lacks a docstring"]


def test_a_docstring_without_its_sections_is_found(monkeypatch):
    def rate(step: int, peak: float) -> float:
        """The rate.

        Args:
            step: the step.

        >>> rate(1, 2.0)
        """
        if step < 0:
            raise ValueError("step must be at least 0")
        return peak

    monkeypatch.setitem(vars(olr), "table", rate)
    assert lacks("table") == ["table lacks the argument peak", "table lacks Returns", "table lacks Raises ValueError"]


def test_the_version_is_defined_once_and_cited():
    assert sys.version_info >= (3, 11)
    assert re.fullmatch(r"\d+\.\d+\.\d+", olr.__version__)
    others = [
        path for path in ROOT.glob("*.*") if path.suffix in (".toml", ".cfg") and olr.__version__ in path.read_text()
    ]
    assert others == []
    assert f"\nversion: {olr.__version__}\n" in (ROOT / "CITATION.cff").read_text()
