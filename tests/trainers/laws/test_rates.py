"""The length and the rates of every config are those of the trainer's own code."""

import pytest

from tests.trainers.cases import CASES, read

# MaxText, Levanter and MLX evaluate in float32, and so does Optax.
FLOAT32 = {"rel": 5e-6, "abs": 1e-12}


@pytest.mark.parametrize("name", CASES)
def test_the_rates_are_those_of_the_trainers_own_code(name, tmp_path):
    case = CASES[name]
    config = read(name, tmp_path)
    plan = config.plan(**case.options)
    assert plan.max_steps == (case.max_steps or case.options["max_steps"])
    rates = case.rates if isinstance(case.rates, dict) else dict(enumerate(case.rates()))
    close = FLOAT32 if config.trainer in ("maxtext", "levanter", "mlx-lm", "optax") else {"rel": 2e-7, "abs": 1e-15}
    assert [float(plan.schedule(step)) for step in rates] == pytest.approx(list(rates.values()), **close)
