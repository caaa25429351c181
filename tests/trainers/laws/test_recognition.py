"""The trainer of every config is recognised."""

import pytest

from optax_lr.trainers import TRAINERS
from tests.trainers.cases import CASES, read

# Their values are in tests/configs/test_dialects.py.
LLAMAFACTORY_S_OTHER_FORMS = {"llamafactory-v1", "llamafactory-ppo", "llamafactory-megatron"}


def test_every_trainer_has_a_case():
    assert {name.split()[0] for name in CASES} == TRAINERS.keys() - LLAMAFACTORY_S_OTHER_FORMS


@pytest.mark.parametrize("name", CASES)
def test_each_config_is_recognised_by_its_trainer(name, tmp_path):
    assert read(name, tmp_path).trainer == name.split()[0]
