"""The live cards of the gallery, as a browser runs their script."""

import importlib.util
import sys
from pathlib import Path

import pytest

import optax_lr as olr
from tests.browser import needs_browser, seen
from tests.cases import CLASSES

DOCS = Path(__file__).parents[3] / "docs"


@needs_browser
def test_each_card_has_a_curve_that_follows_its_settings(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec = importlib.util.spec_from_file_location("interactive", DOCS / "interactive.py")
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    kinds = [kind.__name__ for kind in CLASSES if kind is not olr.Mixed]
    cards = "".join(f'<div class="schedule" data-kind="{kind}"><p><img></p></div>' for kind in kinds)
    found = seen(
        f"<!doctype html><html><head></head><body>{cards}<script>{hook.gallery_script()}</script></body></html>",
        tmp_path,
        """
        document.querySelectorAll(".schedule").forEach(live);  // what happens when a card comes near the window
        const curve = kind => document.querySelector(`[data-kind="${kind}"] .curve`)?.getAttribute("d");
        const curves = [...document.querySelectorAll("[data-kind]")].map(card => [card.dataset.kind, curve(card.dataset.kind)]);
        const change = (label, value) =>
          Object.assign(document.querySelector(`[aria-label="${label}"]`), {value}).dispatchEvent(new Event("input"));
        change("Linear max_steps", "500");
        const after = curve("Linear"), read = document.querySelector('[data-kind="Linear"] .read').textContent;
        change("MultiStep milestones", "10, x");
        return {curves, after, read, refused: document.querySelector('[data-kind="MultiStep"] .bad').textContent};""",
    )
    curves = dict(found["curves"])
    assert curves.pop("Function") is None  # it keeps its picture
    assert [kind for kind, curve in curves.items() if curve is None or len(curve) < 200] == []
    assert found["after"] != curves["Linear"]
    exact = float(olr.Linear(3e-4, 500, 100)(250))
    assert float(found["read"].removeprefix("At step 250: ")) == pytest.approx(exact, rel=1e-4)
    assert found["refused"] == "Not drawn: milestones must be a number."
