"""Every block of Python in the pages of docs/ runs, in the order in which it stands there, and every link leads somewhere."""

import re
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {page.stem: page.read_text() for page in DOCS.glob("*.md")}


def run(page: str) -> dict:
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", PAGES[page], re.DOTALL):
        exec(block, names)
    return names


def test_training():
    names = run("training")
    assert names["rate"] == 0  # the first update of a warmup
    assert type(names["best"]).__name__ in ("Linear", "Cosine", "InverseSqrt")
    assert np.isfinite(names["slope"])
    assert names["slope"] < 0


def test_every_page_with_python_is_run():
    assert {page for page, text in PAGES.items() if "```python" in text} == {"training"}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", PAGES[page], flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)\)", prose):
        assert target.startswith("https://") or (DOCS / target).exists(), target
