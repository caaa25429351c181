"""Every log has the steps, the numbers and the length that its lines state."""

import numpy as np
import pytest

import optax_lr as olr
from tests.logs.cases import KNOWN, written


@pytest.mark.parametrize("name", KNOWN)
def test_a_format_is_recognised_and_read(tmp_path, name):
    text, format, steps, rates, losses, evaluations, max_steps = KNOWN[name]
    log = olr.read_log(written(tmp_path, text))
    assert (log.format, log.step.tolist(), log.max_steps) == (format, steps, max_steps)
    for column, values in ((log.learning_rate, rates), (log.loss, losses), (log.eval_loss, evaluations)):
        assert column[np.isfinite(column)].tolist() == values
