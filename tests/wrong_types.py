"""A mark for tests that hand over what no annotation allows, to see what the library itself says of it."""

import pytest

wrong_types = pytest.mark.filterwarnings(r"ignore:[\s\S]*violates type hint:UserWarning")
