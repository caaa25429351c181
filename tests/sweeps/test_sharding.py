"""Sweeps on several devices and in several processes equal those on one device bit for bit."""

import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

import optax_lr as olr
from tests.children import ROOT, on_eight_devices

COLLECTIVES = ("all-gather", "all-reduce", "collective-permute", "all-to-all")
EIGHT_DEVICES = """
import jax, numpy as np, optax_lr as olr
from jax.sharding import PartitionSpec as P
from tests.sweeps.batches import mixed
for rows in (64, 61, 3):
    batch = mixed(rows, 90)
    alone = np.asarray(olr.sweep(batch, 100))
    sharded = olr.shard(batch)
    rates = olr.sweep(sharded, 100)
    assert rates.sharding.spec == P("rows") and len(rates.sharding.device_set) == 8
    assert rates.shape[0] % 8 == 0
    np.testing.assert_allclose(np.asarray(rates)[:rows], alone, rtol=2**-23)
    np.testing.assert_allclose(np.asarray(olr.sweep(sharded, 100, out=rates))[:rows], alone, rtol=2**-23)
    np.testing.assert_allclose(np.asarray(olr.sweep(sharded, [3, 99]))[:rows], alone[:, [3, 99]], rtol=2**-23)
mesh = jax.make_mesh((2, 4), ("a", "b"), axis_types=(jax.sharding.AxisType.Auto,) * 2)
batch = olr.grid(olr.Linear, learning_rate=np.geomspace(1e-6, 1e-3, 8), warmup_steps=[0, 5], max_steps=50)
for axis in "ab":
    rates = olr.sweep(olr.shard(batch, mesh, axis=axis), 60)
    assert rates.shape == (8, 2, 60) and rates.sharding.spec == P(axis)
    np.testing.assert_allclose(rates, olr.sweep(batch, 60), rtol=2**-23)
sharded = olr.shard(mixed(64, 90))
np.testing.assert_allclose(jax.jit(lambda b: olr.sweep(b, 100))(sharded), olr.sweep(sharded, 100), rtol=2**-23)
print("equal")
"""

TWO_PROCESSES = """
import os, sys
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
import jax, numpy as np
jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize(sys.argv[1], num_processes=2, process_id=int(sys.argv[2]))
import optax_lr as olr
from jax.experimental import multihost_utils
from tests.sweeps.batches import mixed
batch = mixed(41, 90)
rates = olr.sweep(olr.shard(batch), 100)
assert len(rates.sharding.device_set) == 4 and not rates.is_fully_addressable
np.save(f"{sys.argv[3]}/rates{sys.argv[2]}.npy", multihost_utils.process_allgather(rates, tiled=True)[:41])
olr.sweep_to(f"{sys.argv[3]}/store", batch, 100, block_bytes=4 * 1000)
print("done")
"""


def test_eight_devices_give_the_same_rates_without_communication(tmp_path):
    """XLA writes the compiled program into a folder, which shows that devices do not communicate."""
    assert on_eight_devices(EIGHT_DEVICES, f"--xla_dump_to={tmp_path}") == "equal\n"
    programs = [path.read_text() for path in tmp_path.glob("*after_optimizations.txt")]
    assert any("num_partitions=8" in program for program in programs)
    assert [word for word in COLLECTIVES if any(word in program for program in programs)] == []


def test_two_processes_share_a_sweep_and_a_store(tmp_path):
    import zarr

    from tests.sweeps.batches import mixed

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TWO_PROCESSES, address, str(number), str(tmp_path)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        )
        for number in (0, 1)
    ]  # fmt: skip
    for process in processes:
        out, errors = process.communicate(timeout=240)
        assert out.endswith("done\n"), errors
    alone = np.asarray(olr.sweep(mixed(41, 90), 100))
    for number in (0, 1):
        np.testing.assert_allclose(np.load(tmp_path / f"rates{number}.npy"), alone, rtol=2**-23)
    group = zarr.open_group(tmp_path / "store", mode="r")
    assert group.attrs["complete"] is True
    np.testing.assert_array_equal(group["learning_rate"][:], alone)


def test_bad_meshes_are_refused():
    batch = olr.Linear([1e-3, 2e-3], max_steps=10)
    mesh = jax.make_mesh((1,), ("rows",), axis_types=(jax.sharding.AxisType.Auto,))
    with pytest.raises(ValueError, match=r"the mesh has no axis 'row', only 'rows'"):
        olr.shard(batch, mesh, axis="row")
    with pytest.raises(ValueError, match="is one schedule"):
        olr.shard(batch[0], mesh)
    explicit = jax.make_mesh((1,), ("rows",), axis_types=(jax.sharding.AxisType.Explicit,))
    with pytest.raises(ValueError, match=r"must be AxisType.Auto"):
        olr.shard(batch, explicit)
