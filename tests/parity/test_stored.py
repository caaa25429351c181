"""Comparison with stored values of torch and transformers, without these libraries."""

import pytest

from tests.children import printed_by
from tests.parity.comparison import assert_same_rates, crossing_of_torch, from_setting, from_torch_setting
from tests.reference import cases, label, stored

CASES, TORCH_CASES = cases("transformers"), cases("torch")


@pytest.mark.parametrize("case", CASES, ids=map(label, CASES))
def test_stored_values(case, compared):
    rate = stored()["learning_rate"]
    number = assert_same_rates(lambda: from_setting(case, rate), case["at"], case["rates"], scale=rate)
    compared("stored values", number)


@pytest.mark.parametrize("case", TORCH_CASES, ids=map(label, TORCH_CASES))
def test_stored_values_of_torch(case, compared):
    rate, crossing = stored()["learning_rate"], crossing_of_torch(case)
    number = assert_same_rates(
        lambda: from_torch_setting(case), case["at"], case["rates"], scale=rate, crossing=crossing
    )
    compared("stored values", number)


def test_the_stored_values_equal_those_of_the_real_code():
    from tests.reference.generate import all_cases

    fresh = all_cases()
    for library in ("transformers", "torch"):
        assert fresh[library] == stored()[library]


def test_stored_comparison_needs_no_torch():
    program = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "import numpy as np\n"
        "from tests.parity import test_stored\n"
        "for case in test_stored.CASES[:20]: test_stored.test_stored_values(case, lambda *a: None)\n"
        "for case in test_stored.TORCH_CASES[::9]: test_stored.test_stored_values_of_torch(case, lambda *a: None)\n"
    )
    assert printed_by(program) == ""
