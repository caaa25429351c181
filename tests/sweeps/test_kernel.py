"""The Pallas kernel: equal to the compiled sweep in interpret mode, and lowered for the devices it is written for."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import optax_lr as olr
from benchmarks import kernels
from optax_lr.sweeps.pallas import sweep_kernel
from tests.sweeps.batches import mixed, one_kind

SHAPES = [(1, 1), (1, 513), (9, 2), (130, 512), (13, 700)]


@pytest.mark.parametrize(("rows", "steps"), SHAPES)
@pytest.mark.parametrize("platform", ["tpu", "gpu"])
def test_equal_to_the_sweep(rows, steps, platform):
    batch = mixed(rows, max(2, steps - 3), seed=rows)
    exact = np.asarray(olr.sweep(batch, steps))
    with jax.enable_x64(platform == "gpu"):
        rates = np.asarray(sweep_kernel(batch, steps, platform=platform, interpret=True))
    assert rates.shape == (rows, steps)
    assert rates.dtype == np.float32
    # float64 inside agrees to the last bit but for ties between polynomials; pairs round a hair off the middle.
    assert (np.abs(rates - exact) <= np.spacing(exact)).all()
    assert (rates == exact).mean() > (0.99 if rates.size > 100 else 0)


@pytest.mark.parametrize("name", one_kind(2, 10))
def test_a_batch_of_one_kind(name):
    batch = one_kind(5, 90)[name]
    exact = np.asarray(olr.sweep(batch, [0, 7, 90, 120]))
    rates = np.asarray(sweep_kernel(batch, [0, 7, 90, 120], platform="tpu", interpret=True))
    assert (np.abs(rates - exact) <= np.spacing(exact)).all()


def lowered(platform, device_kind, batch):
    kernel = jax.jit(functools.partial(sweep_kernel, steps=700, platform=platform))
    device = jax.sharding.AbstractDevice(device_kind=device_kind, num_cores=1, **_platform(platform))
    arrays = jax.tree.map(jnp.asarray, batch)  # before the mesh: jax 0.12 would ask it to run this
    mesh = jax.sharding.AbstractMesh((1,), ("x",), abstract_device=device)
    with jax.sharding.use_abstract_mesh(mesh):
        return jax.export.export(
            kernel,
            platforms=("tpu" if platform == "tpu" else "cuda",),
            disabled_checks=[jax.export.DisabledSafetyCheck.custom_call("__gpu$xla.gpu.triton")],
        )(arrays).mlir_module()


def _platform(platform):
    """jax 0.11 asks an abstract device for its platform; 0.10 has no such field."""
    import inspect

    takes = inspect.signature(jax.sharding.AbstractDevice).parameters
    return {"platform": platform} if "platform" in takes else {}


def test_lowered_for_tpu():
    assert "tpu_custom_call" in lowered("tpu", "TPU v5e", mixed(13, 700))


@pytest.mark.filterwarnings("ignore:The Pallas Triton backend is deprecated")  # by jax 0.12
def test_lowered_for_cuda():
    with jax.enable_x64(True):
        assert "xla.gpu.triton" in lowered("gpu", "NVIDIA H100", mixed(13, 700))


@pytest.mark.parametrize("platform", ["cpu", "gpu", "tpu"])
def test_the_benchmark_runs_and_finds_every_way_right(platform, monkeypatch):
    monkeypatch.setattr(kernels, "CALLS", 1)
    names = ["cosine", "mixed: six kinds at random"]
    header, _, *lines = kernels.report(20, 90, platform, names=names, rounds=1, interpret=True).splitlines()
    assert header == "| sweep | GB/s | times the device's fill | worst ulp |"
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [cell[0] for cell in cells] == [
        f"{name}, {way}" for name in names for way in (["XLA"] if platform == "cpu" else ["XLA", "Pallas"])
    ]
    assert all(float(cell[-1]) <= (3 if platform == "tpu" and "Pallas" in cell[0] else 1) for cell in cells)


def test_another_platform_is_refused():
    with pytest.raises(ValueError, match="platform must be one of 'tpu', 'gpu', not 'cuda'"):
        sweep_kernel(olr.Linear([1e-3], max_steps=5), 5, platform="cuda")
