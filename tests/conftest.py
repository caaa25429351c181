"""Common fixtures: hypothesis without a deadline, and a count of the values that were compared with the real code."""

from __future__ import annotations

import gc
import os

import hypothesis
import jax
import matplotlib
import psutil
import pytest

from tests.compilations import compilations

matplotlib.use("agg")
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True, database=None)
hypothesis.settings.register_profile("search", deadline=None, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

collect_ignore = ["newcomer.py"]  # a program for a type checker, with mistakes that it must find


def pytest_configure(config: pytest.Config) -> None:
    """Keep compiled programs in pytest's cache, for other workers and for the next run."""
    gc.disable()  # until all is imported
    if config.pluginmanager.hasplugin("cacheprovider"):
        jax.config.update("jax_compilation_cache_dir", str(config.cache.mkdir("jax")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def pytest_collection_finish() -> None:
    """Exclude imported objects from garbage collection, which took a third of the time, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    gc.enable()


ROOM = 3 * 2**30  # bytes of a process
COMPARED = pytest.StashKey[dict[str, int]]()


@pytest.fixture(scope="module", autouse=True)
def _room():
    """Drop compiled programs after a module if there are many: all of them would take gigabytes."""
    yield
    if psutil.Process().memory_info().rss > ROOM:
        jax.clear_caches()


@pytest.fixture
def compiled():
    """The number of compilations during the test, by the name of the jitted function: `compiled["step"]`."""
    with compilations() as count:
        yield count


@pytest.fixture(scope="session")
def compared(request):
    """`compared("torch", n)` adds n to the number of values compared with torch's; printed at the end."""

    def add(what: str, number: int) -> None:
        counts = request.config.stash.setdefault(COMPARED, {})
        counts[what] = counts.get(what, 0) + int(number)

    return add


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["compared"] = session.config.stash.get(COMPARED, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    counts = node.config.stash.setdefault(COMPARED, {})
    for what, number in getattr(node, "workeroutput", {}).get("compared", {}).items():
        counts[what] = counts.get(what, 0) + number


def pytest_terminal_summary(terminalreporter, config):
    for what, number in sorted(config.stash.get(COMPARED, {}).items()):
        terminalreporter.write_line(f"compared with {what}: {number:,} values")
