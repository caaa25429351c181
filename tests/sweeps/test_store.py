"""`sweep_to`: after any failure a store is complete, or marked as incomplete."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray
import zarr

import optax_lr as olr
from optax_lr.sweeps import store
from tests.sweeps.batches import SINGLES, called, mixed

SMALL = 4 * 1000  # bytes of a block


def test_the_store_holds_the_sweep_and_its_labels(tmp_path):
    batch = mixed(30, 90).reshape(5, 6)
    olr.sweep_to(tmp_path / "rates.zarr", batch, 100, block_bytes=SMALL)
    opened = xarray.open_zarr(tmp_path / "rates.zarr", consolidated=False)
    assert opened.attrs["complete"] is True
    assert opened.attrs["batch_shape"] == [5, 6]
    np.testing.assert_array_equal(opened.learning_rate, np.asarray(olr.sweep(batch, 100)).reshape(30, 100))
    np.testing.assert_array_equal(opened.step, np.arange(100))
    table = olr.table(batch)
    names = np.array(opened.kind.attrs["flag_meanings"])[opened.kind.values]
    np.testing.assert_array_equal(names, table["kind"])
    np.testing.assert_array_equal(opened.peak_learning_rate, table["learning_rate"])
    np.testing.assert_array_equal(opened.warmup_steps, table["warmup_steps"])


@pytest.mark.parametrize("past_end", ["hold", "nan"])
def test_chosen_steps_and_past_end(tmp_path, past_end):
    batch, steps = mixed(9, 50), np.arange(0, 120, 7)
    olr.sweep_to(tmp_path / "s", batch, steps, past_end=past_end, block_bytes=SMALL)
    expected = olr.sweep(batch, steps, past_end=past_end)
    np.testing.assert_array_equal(zarr.open_group(tmp_path / "s")["learning_rate"][:], expected)


def test_every_class_has_its_columns(tmp_path, monkeypatch):
    batch = olr.concatenate([olr.stack([one]) for one in SINGLES])
    # The rates of every class in one batch are compared in test_exactness.py: the program compiles for ten seconds.
    monkeypatch.setattr(store, "computed", lambda batch, steps, layout, blocks: ((b, called()[b]) for b in blocks))
    olr.sweep_to(tmp_path / "s", batch, 64)
    opened = xarray.open_zarr(tmp_path / "s", consolidated=False)
    np.testing.assert_array_equal(opened.learning_rate, called())
    for name, column in olr.table(batch).items():
        if column.dtype.kind != "U":
            found = opened[{"learning_rate": "peak_learning_rate", "step": "hold_step"}.get(name, name)]
            np.testing.assert_array_equal(found, column)


def test_a_store_that_cannot_be_created_leaves_no_files(tmp_path, monkeypatch):
    def broken(batch):
        raise OSError("no space left on device")

    monkeypatch.setattr("optax_lr.sweeps.store.table", broken)
    with pytest.raises(OSError, match="no space"):
        olr.sweep_to(tmp_path / "s", mixed(9, 50), 20)
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_continues_where_it_stopped(tmp_path, monkeypatch):
    batch, path = mixed(40, 90), tmp_path / "s"
    computed = store.computed

    def broken(batch, steps, plan, blocks):
        for number, found in enumerate(computed(batch, steps, plan, blocks)):
            if number == 2:
                raise KeyboardInterrupt
            yield found

    monkeypatch.setattr(store, "computed", broken)
    with pytest.raises(KeyboardInterrupt):
        olr.sweep_to(path, batch, 100, block_bytes=SMALL)
    assert zarr.open_group(path, mode="r").attrs["complete"] is False
    done = {chunk: chunk.stat().st_mtime_ns for chunk in (path / "learning_rate" / "c").rglob("*") if chunk.is_file()}
    assert len(done) == 2

    asked = []
    monkeypatch.setattr(store, "computed", lambda *a: (asked.extend(a[3]), computed(*a))[1])
    olr.sweep_to(path, batch, 100, block_bytes=SMALL)
    assert len(asked) == 2
    assert all(chunk.stat().st_mtime_ns == when for chunk, when in done.items())
    group = zarr.open_group(path, mode="r")
    assert group.attrs["complete"] is True
    np.testing.assert_array_equal(group["learning_rate"][:], olr.sweep(batch, 100))

    asked.clear()
    olr.sweep_to(path, batch, 100, block_bytes=SMALL)
    assert not asked


def test_other_files_are_never_overwritten(tmp_path):
    batch = mixed(9, 50)
    (tmp_path / "file").write_text("precious")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes").write_text("precious")
    olr.sweep_to(tmp_path / "store", batch, 20)
    for path, what in [
        ("file", "is not a sweep"),
        ("folder", "is not a sweep"),
        ("store", "holds another sweep"),
    ]:
        with pytest.raises(FileExistsError, match=f"{path} {what}; remove it or choose another path"):
            olr.sweep_to(tmp_path / path, batch, 21)
    assert (tmp_path / "file").read_text() == (tmp_path / "folder" / "notes").read_text() == "precious"
    np.testing.assert_array_equal(zarr.open_group(tmp_path / "store")["learning_rate"][:], olr.sweep(batch, 20))


KILLED = """
import sys, numpy as np, optax_lr as olr
batch = olr.grid(olr.Cosine, learning_rate=np.geomspace(1e-6, 1e-3, 4000), max_steps=4000, warmup_steps=7)
olr.sweep_to(sys.argv[1], batch, 4000, block_bytes=2**18)
"""


def test_after_a_kill_at_any_moment_the_store_continues(tmp_path):
    path, kills = tmp_path / "s", 0
    for wait in (0.0, 0.05, 0.4):
        child = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], cwd=Path(olr.__file__).parents[1])
        deadline = time.monotonic() + 60
        while not path.exists() and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(wait)
        child.send_signal(signal.SIGKILL)
        kills += child.wait() == -signal.SIGKILL
        assert path.exists()
    assert kills
    batch = olr.grid(olr.Cosine, learning_rate=np.geomspace(1e-6, 1e-3, 4000), max_steps=4000, warmup_steps=7)
    olr.sweep_to(path, batch, 4000, block_bytes=2**18)
    group = zarr.open_group(path, mode="r")
    assert group.attrs["complete"] is True
    np.testing.assert_array_equal(group["learning_rate"][:], olr.sweep(batch, 4000))


FULL = """
import resource, sys, optax_lr as olr, numpy as np
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
batch = olr.grid(olr.Cosine, learning_rate=np.geomspace(1e-6, 1e-3, 400), max_steps=4000)
try:
    olr.sweep_to(sys.argv[1], batch, 4000, block_bytes=2**20)
except OSError as error:
    print(type(error).__name__, error.strerror)
"""


def test_a_full_disk_leaves_a_store_marked_as_incomplete(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "s")],
        capture_output=True, text=True, cwd=Path(olr.__file__).parents[1], check=True,
    )  # fmt: skip
    assert run.stdout == "OSError File too large\n"
    assert zarr.open_group(tmp_path / "s", mode="r").attrs["complete"] is False
    assert not list((tmp_path / "s").rglob("*.partial"))


MEMORY = """
import resource, sys, optax_lr as olr, numpy as np
batch = olr.grid(olr.Cosine, learning_rate=np.geomspace(1e-6, 1e-3, int(sys.argv[2])), max_steps=20_000)
olr.sweep_to(sys.argv[1], batch, 20_000, block_bytes=2**22)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_sweep(tmp_path):
    used = [
        int(subprocess.run(
            [sys.executable, "-c", MEMORY, str(tmp_path / str(rows)), str(rows)],
            capture_output=True, text=True, cwd=Path(olr.__file__).parents[1], check=True,
        ).stdout)
        for rows in (100, 4000)
    ]  # fmt: skip
    assert os.path.exists(tmp_path / "4000")
    assert (used[1] - used[0]) * 1024 < 4000 * 20_000 * 4 / 4  # kB; the rates alone are 320 MB
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >= used[1]


def test_without_zarr_the_error_names_the_package_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ImportError, match=r'pip install "optax-lr\[store\]"'):
        olr.sweep_to(tmp_path / "s", mixed(9, 50), 20)
