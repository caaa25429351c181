"""The free memory is the least of all limits, and larger allocations are refused in one line before they are made."""

import resource
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import optax_lr as olr
from optax_lr import memory
from optax_lr.memory import COMPILATION, RESERVE, free_memory, require_memory
from optax_lr.sweeps import evaluate
from tests.safety.commands import run

GIB = 2**30


def system(root, files):
    for name, text in {"proc/meminfo": f"MemTotal: 99 kB\nMemAvailable: {64 * 2**20} kB\n", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


V2, V1 = "0::/slurm/job\n", "9:name=systemd:/\n4:cpu,memory:/docker/abc\n0::/\n"
CASES = {
    "machine alone": ({"proc/self/cgroup": "0::/\n"}, 64),
    "v2": ({"proc/self/cgroup": V2, "sys/fs/cgroup/slurm/job/memory.max": f"{8 * GIB}\n", "sys/fs/cgroup/slurm/job/memory.current": f"{GIB}\n"}, 7),
    "v2, pages of files can be dropped": (
        {
            "proc/self/cgroup": V2,
            "sys/fs/cgroup/slurm/job/memory.max": f"{8 * GIB}\n",
            "sys/fs/cgroup/slurm/job/memory.current": f"{5 * GIB}\n",
            "sys/fs/cgroup/slurm/job/memory.stat": f"anon {GIB}\ninactive_file {3 * GIB}\n",
        },
        6,
    ),
    "v2, the group above is smaller": (
        {
            "proc/self/cgroup": V2,
            "sys/fs/cgroup/slurm/memory.max": f"{2 * GIB}",
            "sys/fs/cgroup/slurm/memory.current": "0",
            "sys/fs/cgroup/slurm/job/memory.max": "max",
            "sys/fs/cgroup/slurm/job/memory.current": "0",
        },
        2,
    ),
    "v2 in a container": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": f"{GIB}", "sys/fs/cgroup/memory.current": "0"}, 1),
    "v1": (
        {
            "proc/self/cgroup": V1,
            "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": f"{4 * GIB}",
            "sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes": f"{2 * GIB}",
            "sys/fs/cgroup/memory/docker/abc/memory.stat": f"total_inactive_file {GIB}",
        },
        3,
    ),
    "v1 in a container, whose path is the host's": (
        {
            "proc/self/cgroup": V1,
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{GIB}",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "0",
        },
        1,
    ),
    "v2, above the machine": ({"proc/self/cgroup": V2, "sys/fs/cgroup/slurm/job/memory.max": f"{999 * GIB}", "sys/fs/cgroup/slurm/job/memory.current": "0"}, 64),
    "v2 without a limit": ({"proc/self/cgroup": V2, "sys/fs/cgroup/slurm/job/memory.max": "max", "sys/fs/cgroup/slurm/job/memory.current": f"{GIB}"}, 64),
    "v2 on a hybrid mount": ({"proc/self/cgroup": V2, "sys/fs/cgroup/unified/slurm/memory.max": f"{3 * GIB}", "sys/fs/cgroup/unified/slurm/memory.current": "0"}, 3),
    "v1, the group above is smaller": (
        {
            "proc/self/cgroup": V1,
            "sys/fs/cgroup/memory/docker/memory.limit_in_bytes": f"{2 * GIB}",
            "sys/fs/cgroup/memory/docker/memory.usage_in_bytes": f"{GIB}",
            "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": f"{8 * GIB}",
            "sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes": "0",
        },
        1,
    ),
    "v1 without a limit": (
        {
            "proc/self/cgroup": V1,
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "0",
        },
        64,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_least_of_the_limits(tmp_path, monkeypatch, name):
    monkeypatch.setattr(resource, "getrlimit", lambda limit: (resource.RLIM_INFINITY,) * 2)
    files, expected = CASES[name]
    assert free_memory(system(tmp_path, files)) == expected * GIB - RESERVE


@pytest.mark.parametrize(("kind", "place"), [(resource.RLIMIT_AS, 0), (resource.RLIMIT_DATA, 5)])
def test_the_limits_of_the_process(tmp_path, monkeypatch, kind, place):
    limits = {kind: (3 * GIB, 4 * GIB)}
    monkeypatch.setattr(resource, "getrlimit", lambda limit: limits.get(limit, (resource.RLIM_INFINITY,) * 2))
    pages = [0] * 7
    pages[place] = GIB // resource.getpagesize()
    root = system(tmp_path, {"proc/self/statm": " ".join(map(str, pages))})
    assert free_memory(root) == 2 * GIB - COMPILATION - RESERVE


def test_files_that_cannot_be_understood_do_not_matter(tmp_path, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda limit: (resource.RLIM_INFINITY,) * 2)
    hostile = {
        "proc/self/cgroup": "\nx\n0\n0:\n0::\n::\n4:memory\n0::/../../etc\n",
        "sys/fs/cgroup/memory.max": "all",
        "sys/fs/cgroup/memory.stat": "\nx\n",
    }
    assert free_memory(system(tmp_path, hostile)) == 64 * GIB - RESERVE


def test_this_machine():
    available = next(
        int(line.split()[1]) * 1024 for line in Path("/proc/meminfo").read_text().splitlines() if "MemAvailable" in line
    )
    assert 0 < free_memory() < available + GIB


def test_small_allocations_are_not_checked(monkeypatch):
    looked = []
    monkeypatch.setattr(memory, "free_memory", lambda: looked.append(1) or GIB)
    require_memory("x", 1000, "y")
    assert not looked
    require_memory("x", 2**28, "y")
    assert looked


MANY = np.linspace(1e-6, 1e-3, 30_000)
CALLS = {
    "grid": lambda path: olr.grid(olr.Cosine, learning_rate=MANY, warmup_steps=np.arange(30_000), max_steps=30_000),
    "constructor": lambda path: olr.Cosine(MANY[:, None], np.arange(1, 30_001)[None, :]),
    "sweep": lambda path: olr.sweep(olr.Cosine(MANY, 100), 10**6),
    "concatenate": lambda path: olr.concatenate([olr.Cosine(np.broadcast_to(1.0, 10**5), 10), olr.Linear(np.broadcast_to(1.0, 10**5), 10)]),
    "stack": lambda path: olr.stack([olr.Cosine(np.ones(10**5), 10), olr.Linear(np.ones(10**5), 10)]),
    "sweep_to": lambda path: olr.sweep_to(path / "s", olr.Cosine(1.0, 100), 2**31 - 1),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_a_too_large_allocation_is_refused_before_it_is_made(tmp_path, monkeypatch, name):
    monkeypatch.setattr(memory, "_UNCHECKED", 2**20)
    monkeypatch.setattr(memory, "free_memory", lambda: 2**22)
    monkeypatch.setattr(evaluate, "free_sweep_memory", lambda: 2**22)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"need .* and .* are free; ") as caught:
            CALLS[name](tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()
    assert len(str(caught.value).splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_the_command_line_refuses_a_too_large_allocation(tmp_path, monkeypatch):
    (tmp_path / "a.yaml").write_text("learning_rate: 1.0e-4\nmax_steps: 100\nlr_scheduler_type: cosine\n")
    done = run(
        "sweep", tmp_path / "a.yaml", "--learning-rate", "1e-6:1e-3:10000000", "--warmup-steps", "0:9999999:10000000"
    )
    assert done.code == 2
    assert "100,000,000,000,000 curves need" in done.err
    assert len(done.err.splitlines()) == 1
