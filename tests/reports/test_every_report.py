"""Every report has a test."""

import importlib
from pathlib import Path

from tests.reports.register import ONLY_IN_PART, REPORTS, TESTED


def test_every_report_has_a_test_and_every_test_a_report():
    for path in Path(__file__).parent.glob("test_*.py"):
        importlib.import_module(f"tests.reports.{path.stem}")
    assert set(TESTED) == set(REPORTS)
    assert set(ONLY_IN_PART) <= set(REPORTS)
