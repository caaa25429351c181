"""The rows of every log, given as entries, are read as the same log."""

import numpy as np
import pytest

import optax_lr as olr
from tests.logs.cases import KNOWN, written

COLUMNS = ("learning_rate", "loss", "eval_loss")


@pytest.mark.parametrize("name", KNOWN)
def test_a_log_survives_conversion_to_entries(name, tmp_path):
    log = olr.read_log(written(tmp_path, KNOWN[name].text))
    entries = [
        {"step": int(step)} | {key: value for key, value in zip(COLUMNS, values, strict=True) if np.isfinite(value)}
        for step, *values in zip(log.step, *(getattr(log, column) for column in COLUMNS), strict=True)
    ]
    again = olr.read_log(entries)
    rows = np.array([len(entry) > 1 for entry in entries])  # an entry without a number is no row
    assert again.step.tolist() == log.step[rows].tolist()
    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(again, column), getattr(log, column)[rows])
