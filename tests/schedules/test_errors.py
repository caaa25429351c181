"""Invalid settings raise an error of one line with the field, the value and the remedy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import optax_lr as olr
from tests.wrong_types import wrong_types

NAN, INF = float("nan"), float("inf")


@wrong_types
@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: olr.Linear(-1e-4, 100), ValueError, "Linear: learning_rate must be at least 0, not -0.0001"),
        (lambda: olr.Linear(NAN, 100), ValueError, "Linear: learning_rate must be finite, not nan"),
        (lambda: olr.Linear([1e-4, INF], 100), ValueError, "Linear: learning_rate must be finite, not inf"),
        (lambda: olr.Linear(1e39, 100), ValueError, "Linear: learning_rate must be at most 3.4e+38, the largest float32, not 1e+39"),
        (lambda: olr.Linear("1e-4", 100), TypeError, "not text: '1e-4'; write 0.0001 without the quotes"),
        (lambda: olr.Linear("fast", 100), TypeError, "Linear: learning_rate must be a number or an array of numbers, not text: 'fast'"),
        (lambda: olr.Linear(None, 100), TypeError, "Linear: learning_rate must be a number or an array of numbers, not None"),
        (lambda: olr.Linear(True, 100), TypeError, "Linear: learning_rate must be a number or an array of numbers, not a bool: True"),
        (lambda: olr.Linear(1e-4, -1), ValueError, "Linear: max_steps must be at least 0, not -1"),
        (lambda: olr.Linear(1e-4, 100, 0.5), ValueError, "warmup_steps must be a whole number of optimizer steps, not 0.5"),
        (lambda: olr.Linear(1e-4, [100, 200.5]), ValueError, "max_steps must be a whole number of optimizer steps, not 200.5"),
        (lambda: olr.Linear(1e-4, 2**31), ValueError, "max_steps must be at most 2**31 - 1, not 2147483648"),
        (lambda: olr.Linear(1e-4, INF), ValueError, "max_steps must be finite, not inf"),
        (lambda: olr.Linear([1, 2], [1, 2, 3]), ValueError, "do not broadcast: learning_rate (2,), max_steps (3,)"),
        (lambda: olr.Cosine(1e-4, 100, min_lr=NAN), ValueError, "Cosine: min_lr must be finite, not nan"),
        (lambda: olr.Polynomial(1e-4, 100, min_lr=1e-4), ValueError, "min_lr must be below learning_rate, not 0.0001 with learning_rate 0.0001"),
        (lambda: olr.Cosine([], 10), ValueError, "Cosine: learning_rate is empty; give it at least one value"),
        (lambda: olr.Cosine(1e-4, 100, num_cycles=-1), ValueError, "Cosine: num_cycles must be at least 0, not -1.0"),
        (lambda: olr.Linear(1e-4, 100, 5, 0.0, 0.5), TypeError, "Linear takes at most 4 values by position, not 5; fields: learning_rate, max_steps,"),
        (lambda: olr.Linear(1e-4, 100, learning_rate=1e-3), TypeError, "Linear: learning_rate is given twice, by position and by name"),
        (lambda: olr.InverseSqrt(1e-4, timescale=0), ValueError, "InverseSqrt: timescale must be above 0, not 0.0"),
        (lambda: olr.WarmupStableDecay(1e-4, 10), ValueError, "needs max_steps, the optimizer steps of the run, or stable_steps"),
        (lambda: olr.WarmupStableDecay(1e-4, 10, 20, decay_type="exp"), ValueError, "decay_type must be one of 'linear', 'cosine', '1-sqrt', '1-square', 'exponential', 'power', not 'exp'"),
        (lambda: olr.Step(1e-4, 0), ValueError, "Step: step_size must be at least 1, not 0"),
        (lambda: olr.MultiStep(1e-4, 30), TypeError, "MultiStep: milestones must be a list of numbers, not an int: 30; write [30] for one"),
        (lambda: olr.OneCycle(1e-4, 10, pct_start=1.5), ValueError, "OneCycle: pct_start must be at most 1, not 1.5"),
        (lambda: olr.PiecewiseConstant(1.0, [5], [1.0]), ValueError, "1 boundaries need 2 factors, not 1"),
        (lambda: olr.get_scheduler("cosin", 1e-4), ValueError, "unknown scheduler 'cosin'; did you mean 'cosine'?"),
        (lambda: olr.get_scheduler("linear", 1e-4), ValueError, "get_scheduler('linear') needs max_steps"),
        (lambda: olr.get_scheduler("cosine", 1e-4, max_steps=9, num_cycle=2), TypeError, "unknown keyword 'num_cycle'; did you mean 'num_cycles'?"),
        (lambda: olr.get_scheduler("linear", 1e-4, max_steps=9, num_training_steps=9), TypeError, "give num_training_steps or max_steps, not both"),
        (lambda: olr.get_scheduler("polynomial", 1e-4, max_steps=9, lr_end=0, min_lr=0), TypeError, "give lr_end or min_lr, not both"),
        (lambda: olr.grid(olr.Linear, learning_rate=[], max_steps=10), ValueError, "learning_rate is empty; give it at least one value"),
        (lambda: olr.grid(olr.Linear, learnin_rate=1e-4, max_steps=10), TypeError, "unknown field 'learnin_rate'; did you mean 'learning_rate'?"),
        (lambda: olr.grid(olr.Linear, learning_rate=[[1e-4]], max_steps=10), ValueError, "not an array of shape (1, 1)"),
        (lambda: olr.grid(olr.Cyclic, base_lr=0, max_lr=1, mode=["triangular"]), ValueError, "mode is a word and cannot be an axis; concatenate() one grid for each"),
        (lambda: olr.grid(olr.Function, peak=[1, 2]), TypeError, "grid(Function, ...): function is missing; give a function of the step by name, function=f, and its settings"),
        (lambda: olr.grid(olr.Function, function=[abs, max]), ValueError, "function is one function and cannot be an axis; concatenate() one grid for each"),
        (lambda: olr.stack([]), ValueError, "stack() needs at least one schedule"),
        (lambda: olr.stack([olr.Linear(1e-4, 10), "cosine"]), TypeError, "stack() takes schedules, not text: 'cosine'"),
        (lambda: olr.stack([olr.Linear(1e-4, 10), olr.Linear([1e-4], 10)]), ValueError, "stack() takes schedules of one batch_shape"),
        (lambda: olr.concatenate([olr.Linear(1e-4, 10)]), ValueError, "is one schedule; stack() takes those"),
        (lambda: olr.Linear(1e-4, 10)[0], IndexError, "this Linear is one schedule, not a batch, and has no index"),
        (lambda: len(olr.Linear(1e-4, 10)), TypeError, "this Linear is one schedule, not a batch, and has no length"),
        (lambda: olr.plot(olr.Linear([1e-4] * 9, 10), color_by="colour"), ValueError, "color_by must be a field of the schedules, not 'colour'"),
    ],
)  # fmt: skip
def test_errors_name_the_field_and_the_remedy(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tracers_are_not_checked():
    made = jax.jit(lambda rate, steps: olr.Linear(rate, steps)(3))(-1.0, jnp.int32(-5))
    assert np.isfinite(made)
    assert jax.make_jaxpr(lambda rate: olr.Polynomial(1e-4, 10, min_lr=rate)(3))(1.0)
