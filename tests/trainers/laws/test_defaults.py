"""A default that a config lists has the value that the trainer takes: stating it changes nothing."""

import pytest

import optax_lr as olr
from tests.trainers.cases import CASES, read


@pytest.mark.parametrize("name", CASES)
def test_stating_a_default_changes_nothing(name, tmp_path):
    case = CASES[name]
    config = read(name, tmp_path)
    source = config.source if isinstance(case.source, str) else case.source
    stated = {
        default.key.removeprefix("--"): default.value
        for default in config.defaults
        if default.value is not None and "none" not in str(default.value)  # which no value states
    }
    same = olr.read_config(source, values=stated)
    assert same.defaults == tuple(
        default for default in config.defaults if default.key.removeprefix("--") not in stated
    )
    assert repr(same.plan(**case.options).schedule) == repr(config.plan(**case.options).schedule)
