"""Launchers of any command, such as another launcher: `mpirun`, `srun` and `ray job submit`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from optax_lr.launchers.words import Inner, Launched, options_of
from optax_lr.sources.marks import readable
from optax_lr.sources.source import Processes, count_of

# torch's variables, without which transformers' Trainer trains once in each process.
_ALONE = ", which train together if the script sets LOCAL_RANK and WORLD_SIZE"
_COUNTS = ("-np", "-n", "--np", "-c", "--n")


def mpirun(words: list[str], environment: Mapping[str, str], inner: Inner) -> Launched:
    """`mpirun -np 4 -x VAR python train.py`, and Horovod's similar command."""
    name = words[0]
    found = next((place for place, word in enumerate(words[:-1]) if word in _COUNTS), None)
    count = None if found is None else count_of(words[found + 1])
    origin = (
        f"{name} without a number" if found is None else f"{name} {words[found]} {readable(words[found + 1])}{_ALONE}"
    )
    below = inner(words[1:], environment)
    return Launched(name, below.words, below.processes or Processes(count, origin), below.config)


def srun(words: list[str], environment: Mapping[str, str], inner: Inner) -> Launched:
    """The tasks of `srun`, its options or the `#SBATCH` lines; a launcher inside of it is started once on each node, and counts."""
    below = inner(words[1:], environment)
    if below.launcher:
        return below
    end = next((place for place, word in enumerate(words) if word in below.words[:1]), len(words))
    options, _ = options_of([re.sub(r"^-([nN])(\d+)$", r"--\1=\2", word) for word in words[1:end]])  # `-n4`
    tasks = count_of(options.get("ntasks", options.get("n", environment.get("SLURM_NTASKS"))))
    per_node = count_of(options.get("ntasks_per_node", environment.get("SLURM_NTASKS_PER_NODE")))
    nodes = count_of(options.get("nodes", options.get("N", environment.get("SLURM_NNODES"))))
    if tasks is None and per_node is not None:
        tasks = per_node * (nodes or 1)
    tasks = tasks or nodes
    origin = "srun without a number of tasks" if tasks is None else f"srun with {tasks} tasks{_ALONE}"
    return Launched("srun", below.words, Processes(tasks, origin))


def ray_job(words: list[str], environment: Mapping[str, str], inner: Inner) -> Launched:
    """The command behind the two dashes of `ray job submit ... -- python train.py`."""
    if "--" not in words:
        return Launched("", words, None)
    rest = words[words.index("--") + 1 :]
    below = inner(rest, environment)
    return below if below.words else Launched("", rest or words, None)
