"""Processes of a program without a launcher: some trainers launch themselves."""

from __future__ import annotations

from collections.abc import Mapping

from optax_lr.launchers.words import visible_devices
from optax_lr.sources.marks import readable
from optax_lr.sources.source import Processes, count_of, product


def own_processes(name: str, options: Mapping[str, object], environment: Mapping[str, str]) -> Processes:
    """The processes that a program starts of its own accord; one where it starts none."""
    head = name.partition(" ")[0]
    if head in ("swift", "megatron"):
        return _of_variables(environment) or Processes(1, f"{head} without NPROC_PER_NODE")
    if head in ("llamafactory-cli", "lmf"):
        return _of_variables(environment) or _of_devices(head, environment)
    if head == "trl":
        if "num_processes" in options:
            given = options["num_processes"]
            return Processes(count_of(given), f"trl --num_processes {readable(given)}")
        return Processes(None, "trl starts accelerate: one for each visible device")
    if head == "tune":
        if not {"nproc_per_node", "nnodes"} & options.keys():
            return Processes(1, "tune run without --nproc_per_node")
        each = options.get("nproc_per_node", 1)
        least, _, most = str(options.get("nnodes", 1)).partition(":")
        nodes = None if most not in ("", least) else count_of(least)
        return Processes(product(count_of(each), nodes), f"tune run --nproc_per_node {readable(each)}")
    if head in ("bash", "sh", "sbatch", "qsub", "bsub") or head.endswith((".sh", ".slurm")):
        return Processes(1, f"assumed: {readable(head)} runs a script that is not read, which may start several")
    visible = visible_devices(environment)
    if visible is None:
        return Processes(1, "the command has no launcher; one visible device is assumed")
    if visible == 1:
        return Processes(1, "CUDA_VISIBLE_DEVICES names one device")
    devices = environment.get("CUDA_VISIBLE_DEVICES", "")
    return Processes(visible, f"{readable(name)} on CUDA_VISIBLE_DEVICES={devices}: DataParallel")


def _of_variables(environment: Mapping[str, str]) -> Processes | None:
    """The processes of `NPROC_PER_NODE` and `NNODES`, from which ms-swift and LLaMA-Factory start torchrun; None without them."""
    if not {"NPROC_PER_NODE", "NNODES"} & environment.keys():
        return None
    each, nodes = environment.get("NPROC_PER_NODE"), environment.get("NNODES", "1")
    shown = f"NPROC_PER_NODE={readable(each)} and NNODES={readable(nodes)}"
    return Processes(product(count_of(1 if each is None else each), count_of(nodes)), shown)


def _of_devices(head: str, environment: Mapping[str, str]) -> Processes:
    """One for each visible device."""
    visible = visible_devices(environment)
    if visible is None:
        return Processes(None, f"{head}: one for each visible device")
    devices = environment.get("CUDA_VISIBLE_DEVICES")
    return Processes(visible, head if devices is None else f"{head} with CUDA_VISIBLE_DEVICES={devices}")
