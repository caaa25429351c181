"""The same comparison without torch: against the values that it gave."""

import subprocess
import sys

import pytest

from tests.parity.comparison import assert_same_rates, from_setting
from tests.reference import cases, label, stored

CASES = cases("transformers")


@pytest.mark.parametrize("case", CASES, ids=map(label, CASES))
def test_stored_values(case, compared):
    rate = stored()["learning_rate"]
    crossing = max(0.0, -case["keywords"].get("lr_end", 0.0))
    number = assert_same_rates(
        lambda: from_setting(case, rate), case["at"], case["rates"], scale=rate, crossing=crossing
    )
    compared("stored values", number)


def test_the_stored_values_are_what_the_real_code_gives():
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
    )
    subprocess.run([sys.executable, "-c", program], check=True)
