"""The shapes and dtypes of what the public functions give, as signatures that are checked in each call.

They are here and not in the package, because jaxtyping in a signature would be a dependency of every user.
"""

import contextlib

import jax
import jaxtyping
import numpy as np
import pytest
from beartype import beartype
from jaxtyping import Array, Float32, Float64, Int32, Shaped, jaxtyped

import optax_lr as olr

shaped = jaxtyped(typechecker=beartype)
every_batch = pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 3), (0, 2)], ids=str)
STEPS = np.arange(6, dtype=np.int32)
Rates = Float32[np.ndarray, "*batch"]


@shaped
def swept(rates: Rates, steps: Int32[np.ndarray, "s"]) -> Float32[Array, "*batch s"]:
    return olr.sweep(olr.Cosine(rates, max_steps=10), steps)


@shaped
def swept_over_a_table(rates: Rates, steps: Int32[np.ndarray, "s1 s2"]) -> Float32[Array, "*batch s1 s2"]:
    return olr.sweep(olr.Cosine(rates, max_steps=10), steps, past_end="nan")


@shaped
def called(rates: Rates, steps: Int32[np.ndarray, "s"]) -> Float32[Array, "*batch s"]:
    return olr.Cosine(rates, max_steps=10)(steps)


@shaped
def called_over_a_table(rates: Rates, steps: Int32[np.ndarray, "s1 s2"]) -> Float32[Array, "*batch s1 s2"]:
    return olr.Cosine(rates, max_steps=10)(steps)


@shaped
def called_with_one(rates: Rates, step: Int32[np.ndarray, ""]) -> Float32[Array, "*batch"]:
    return olr.Cosine(rates, max_steps=10)(step)


@shaped
def swept_in_float64(rates: Rates, steps: Int32[np.ndarray, "s"]) -> Float64[Array, "*batch s"]:
    return olr.sweep(olr.Cosine(rates, max_steps=10), steps)


@shaped
def stacked(rates: Rates, steps: Int32[np.ndarray, "s"]) -> Float32[Array, "2 *batch s"]:
    return olr.sweep(olr.stack([olr.Cosine(rates, max_steps=10), olr.Constant(rates)]), steps)


@shaped
def summarised(rates: Rates, steps: Int32[np.ndarray, "s"]) -> tuple[Float64[np.ndarray, "*batch"], ...]:
    return tuple(olr.sweep_summary(olr.Cosine(rates, max_steps=10), steps))


@shaped
def tabled(rates: Rates) -> dict[str, Shaped[np.ndarray, "{rates.size}"]]:
    return olr.table(olr.Cosine(rates, max_steps=10))


@shaped
def gridded(rates: Float32[np.ndarray, "a"], lengths: Int32[np.ndarray, "b"]) -> Float64[np.ndarray, "a b"]:
    return olr.grid(olr.Cosine, learning_rate=rates, warmup_steps=7, max_steps=lengths).learning_rate


@every_batch
@pytest.mark.parametrize("function", [swept, called, stacked, swept_in_float64], ids=lambda function: function.__name__)
def test_rates_over_steps(function, batch):
    with jax.enable_x64(True) if function is swept_in_float64 else contextlib.nullcontext():
        assert function(np.ones(batch, np.float32), STEPS).shape[-1:] == STEPS.shape


@every_batch
@pytest.mark.parametrize("function", [swept_over_a_table, called_over_a_table], ids=lambda function: function.__name__)
def test_rates_over_a_table_of_steps(function, batch):
    assert function(np.ones(batch, np.float32), STEPS.reshape(2, 3)).shape[-2:] == (2, 3)


@every_batch
def test_results_without_an_axis_of_steps(batch):
    rates = np.ones(batch, np.float32)
    assert called_with_one(rates, np.asarray(3, np.int32)).shape == batch
    assert len(summarised(rates, STEPS)) == 4
    assert "learning_rate" in tabled(rates)


def test_a_grid_has_an_axis_for_each_list():
    assert gridded(np.ones(2, np.float32), np.asarray([8, 9, 10], np.int32)).shape == (2, 3)


def test_a_wrong_shape_is_reported():
    @shaped
    def turned(rates: Float32[np.ndarray, "a"], steps: Int32[np.ndarray, "s"]) -> Float32[Array, "s a"]:
        return olr.sweep(olr.Cosine(rates, max_steps=10), steps)

    with pytest.raises(jaxtyping.TypeCheckError, match="return value"):
        turned(np.ones(2, np.float32), STEPS)
