"""Check every annotation of the package at run time, including shapes, and give doctests every public name.

If the environment variable OPTAX_LR_WITHOUT_TORCH is set, tests that need torch, or a package that needs torch, are skipped.
"""

import collections
import doctest
import os

import jax.numpy as jnp
import optax
import pytest
from beartype import BeartypeConf, BeartypeDecorPlace, beartype
from beartype.claw import beartype_package
from beartype.claw._ast import _clawaststar

from tests import shapes

pytest_plugins = ["tests.cpu"]
_OF_TORCH = {"accelerate", "diffusers", "pytorch_lightning", "timm", "torch", "transformers"}
PEERS = _OF_TORCH if "OPTAX_LR_WITHOUT_TORCH" in os.environ else set()
os.environ.setdefault("KERAS_BACKEND", "jax")
_namedtuple = collections.namedtuple  # noqa: PYI024


def _unchecked(*arguments, **settings):
    """A namedtuple without type checks: JAX creates states that hold axes, shapes or None instead of arrays."""
    made = _namedtuple(*arguments, **settings)
    made.__new__.__no_type_check__ = True
    return made


def _each_once(*, conf):
    """The decorator of the import hook. It leaves out inner functions, which each call would decorate again."""
    checked = beartype(conf=conf)
    return lambda owner: owner if "<locals>" in owner.__qualname__ else shapes.in_one_call(checked(owner))


collections.namedtuple = _unchecked  # noqa: PYI024
_clawaststar.__beartype__ = _each_once
# An int is accepted as a float. Any other type raises a warning, which pytest turns into an error; tests that pass a wrong type
# on purpose have the mark `wrong_types`.
beartype_package(
    "optax_lr",
    conf=BeartypeConf(
        is_pep484_tower=True,
        violation_type=UserWarning,
        claw_decor_place_func=BeartypeDecorPlace.FIRST,  # inside jax.jit: compiled functions are checked while they are traced
    ),
)

from optax_lr import arrays  # noqa: E402

shapes.install(arrays)

import optax_lr  # noqa: E402
from tests.compilations import compile_quickly  # noqa: E402


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Compile with few optimizations, in a third of the time, except in doctests and tests marked `optimized`."""
    doctest_of_package = not item.path.is_relative_to(item.config.rootpath / "tests")
    compile_quickly(quickly=not doctest_of_package and item.get_closest_marker("optimized") is None)


@pytest.fixture(autouse=True)
def _public_names(doctest_namespace):
    doctest_namespace |= {
        "olr": optax_lr,
        "jnp": jnp,
        "optax": optax,
        **{name: getattr(optax_lr, name) for name in optax_lr.__all__},
    }


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    return _without_peers(report, report.call.excinfo, str(collector.path))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    return _without_peers(report, call.excinfo, str(item.path))


def _without_peers(report, excinfo, path):
    """Turn a failure to import one of PEERS into a skip. pytest wraps the error in one of its own, for a module or a doctest."""
    error = excinfo and (excinfo.value.__cause__ or excinfo.value)
    error = getattr(error, "failures", [error])[0]
    error = error.exc_info[1] if isinstance(error, doctest.UnexpectedException) else error
    if isinstance(error, ModuleNotFoundError) and error.name in PEERS:
        report.outcome, report.longrepr = "skipped", (path, 0, f"Skipped: needs {error.name}, which is not installed")
    return report
