"""docs/findings.md and the page of each rule are up to date, and their examples yield the findings that they show."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
import findings_page


def test_the_table_has_the_rules_of_the_code():
    assert findings_page.page() == findings_page.PAGE.read_text()
    written = {path.stem for path in findings_page.FOLDER.iterdir()}
    assert written == {rule.code for rule in findings_page.ALL}


@pytest.mark.parametrize("rule", findings_page.ALL, ids=lambda rule: rule.code)
def test_a_page_shows_the_findings_of_its_examples(rule):
    """The generator of the page runs both examples: the wrong one must yield only this rule, the right one none."""
    assert findings_page.rule_page(rule) == (findings_page.FOLDER / f"{rule.code}.md").read_text()
