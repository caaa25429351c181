"""Comparison of rates with those of the real code."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

import optax_lr as olr
from tests.reference.settings import RATE

TORCH = {
    "ConstantLR": olr.ConstantFactor,
    "LinearLR": olr.LinearRamp,
    "ExponentialLR": olr.Exponential,
    "StepLR": olr.Step,
    "MultiStepLR": olr.MultiStep,
    "PolynomialLR": olr.PolynomialDecay,
    "CosineAnnealingLR": olr.CosineAnnealing,
    "CosineAnnealingWarmRestarts": olr.CosineAnnealingWarmRestarts,
    "CyclicLR": olr.Cyclic,
    "OneCycleLR": olr.OneCycle,
}


def from_setting(setting: dict[str, Any], learning_rate: float) -> olr.Schedule:
    """Our schedule for a setting of `transformers.get_scheduler`."""
    warmup = 0 if setting["name"] == "constant" else setting["warmup"]  # the reference ignores it there
    return olr.get_scheduler(
        setting["name"], learning_rate, warmup_steps=warmup, max_steps=setting["total"], **setting["keywords"]
    )


def from_torch_setting(setting: dict[str, Any]) -> olr.Schedule:
    """Our schedule for a setting of a class of `torch.optim.lr_scheduler`."""
    keywords = {key: value for key, value in setting["keywords"].items() if key != "cycle_momentum"}
    base = {} if setting["name"] in ("CyclicLR", "OneCycleLR") else {"learning_rate": RATE}
    return TORCH[setting["name"]](**base, **keywords)


def crossing_of_torch(setting: dict[str, Any]) -> float:
    """One step past its end, a linear OneCycle of torch continues below its last rate and crosses 0; ours stops at 0."""
    return RATE if setting["keywords"].get("anneal_strategy") == "linear" else 0.0


def assert_same_rates(make, at, rates, *, scale: float, crossing: float = 0.0) -> int:
    """Compares `make()` with reference rates at steps `at`, in float64 and in float32, and returns how many were compared.

    In float64 they agree to 1e-12, in float32 to 2e-7; at exact zeros to 1e-12 of `scale`, the
    peak. Where the reference crosses 0, `crossing` of absolute error is added.
    """
    at, rates = np.asarray(at), np.maximum(rates, 0)
    with jax.enable_x64(True):
        schedule = make()
        ours = np.array([schedule(int(step)) for step in at])
        assert ours.dtype == np.float64
    np.testing.assert_allclose(ours, rates, rtol=1e-12, atol=1e-12 * scale + 1e-12 * crossing)
    schedule = make()
    close = {"rtol": 2e-7, "atol": 1e-12 * scale + 2e-7 * crossing}
    on_host = np.array([schedule(int(step)) for step in at])
    assert on_host.dtype == np.float32
    np.testing.assert_allclose(on_host, rates, **close)
    padded = np.pad(at, (0, -len(at) % 64), mode="edge")  # a few lengths only, so that little is compiled
    np.testing.assert_allclose(np.asarray(schedule(padded))[: len(at)], rates, **close)
    np.testing.assert_allclose(np.asarray(olr.sweep(schedule, padded))[: len(at)], rates, **close)
    return 4 * len(at)
