"""A key that no trainer has is an error or is listed, in every config, and can be left out as the error says."""

import re

import pytest

import optax_lr as olr
from tests.trainers.cases import CASES, read


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not isinstance(case.source, str)])
def test_a_key_of_another_trainer_is_refused_or_listed(name, tmp_path):
    try:
        config = read(name, tmp_path, foreign="n_epochs")
        assert "n_epochs" in {*config.unknown, *dict(config.ignored)}
    except olr.ConfigError as error:
        assert "n_epochs" in str(error)  # noqa: PT017
        if (out := re.search(r"--set (\S*n_epochs)=null", str(error))) is not None:
            assert repr(read(name, tmp_path, "n_epochs", {out[1]: None}).settings) == repr(
                read(name, tmp_path).settings
            )
