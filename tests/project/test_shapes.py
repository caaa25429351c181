"""Shapes that depend on settings, which the package's annotations cannot state, and the shape checks themselves.

The signatures of the package state all other shapes, which every call in every test checks (`tests/shapes.py`).
"""

import jax
import numpy as np
import pytest
from beartype import beartype
from jaxtyping import Array, Float32, Float64, Int32, Shaped, jaxtyped

import optax_lr as olr
from optax_lr.arrays import Float
from tests.shapes import in_one_call

shaped = jaxtyped(typechecker=beartype)
every_batch = pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 3), (0, 2)], ids=str)
STEPS = np.arange(6, dtype=np.int32)
Rates = Float32[np.ndarray, "*batch"]


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
    with jax.enable_x64(True):
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
@pytest.mark.parametrize("function", [called, stacked, swept_in_float64], ids=lambda function: function.__name__)
def test_rates_over_steps(function, batch):
    assert function(np.ones(batch, np.float32), STEPS).shape[-1:] == STEPS.shape


@every_batch
def test_rates_over_a_table_of_steps(batch):
    assert called_over_a_table(np.ones(batch, np.float32), STEPS.reshape(2, 3)).shape[-2:] == (2, 3)


@every_batch
def test_results_without_an_axis_of_steps(batch):
    rates = np.ones(batch, np.float32)
    assert called_with_one(rates, np.asarray(3, np.int32)).shape == batch
    assert len(summarised(rates, STEPS)) == 4
    assert "learning_rate" in tabled(rates)


def test_a_grid_has_an_axis_for_each_list():
    assert gridded(np.ones(2, np.float32), np.asarray([8, 9, 10], np.int32)).shape == (2, 3)


@pytest.mark.parametrize("shape", [(2, 6), (2,), (6,), (2, 3), (2, 2, 6)], ids=str)
def test_a_wrong_shape_in_a_signature_is_reported(shape):
    @in_one_call
    @beartype
    def rates(schedule: olr.Schedule, steps: Int32[np.ndarray, "*steps"]) -> Float[np.ndarray, "*batch *steps"]:
        return np.zeros(shape)

    batch = olr.Constant([1.0, 2.0])
    if shape == (2, 6):
        assert rates(batch, STEPS).shape == shape
    else:
        with pytest.raises(Exception, match="violates type hint"):
            rates(batch, STEPS)


def test_the_package_checks_its_signatures():
    with pytest.warns(UserWarning, match="violates type hint"), pytest.raises(ValueError, match="out must be"):
        olr.sweep(olr.Constant([1.0, 2.0]), jax.numpy.arange(3), out=jax.numpy.zeros((2, 4)))
