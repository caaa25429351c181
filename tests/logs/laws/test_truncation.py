"""A truncated log of any format has its first rows, or is refused in one line."""

import numpy as np
import pytest

import optax_lr as olr
from tests.logs.cases import KNOWN, written

COLUMNS = ("learning_rate", "loss", "eval_loss")


@pytest.mark.parametrize("name", KNOWN)
def test_a_truncated_file_has_its_first_rows(tmp_path, name):
    """All rows except the last, whose numbers may be truncated too."""
    whole = olr.read_log(written(tmp_path, KNOWN[name].text))
    for length in np.linspace(1, len(KNOWN[name].text) - 1, 25).astype(int):
        try:
            log = olr.read_log(written(tmp_path, KNOWN[name].text[:length]))
        except olr.ConfigError as error:
            assert "\n" not in str(error)  # noqa: PT017
            continue
        rows = len(log) - 1
        assert log.step[:rows].tolist() == whole.step[:rows].tolist()
        for column in COLUMNS:
            np.testing.assert_array_equal(getattr(log, column)[:rows], getattr(whole, column)[:rows])
