"""A mark for tests that pass a value of a wrong type on purpose, to test the library's own error."""

import pytest

wrong_types = pytest.mark.filterwarnings(r"ignore:[\s\S]*violates type hint:UserWarning")
