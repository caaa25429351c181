"""Doctests see every public name, as a user who wrote `from optax_lr import *` would."""

import jax.numpy as jnp
import optax
import pytest

import optax_lr


@pytest.fixture(autouse=True)
def _public_names(doctest_namespace):
    doctest_namespace |= {
        "olr": optax_lr,
        "jnp": jnp,
        "optax": optax,
        **{name: getattr(optax_lr, name) for name in optax_lr.__all__},
    }
