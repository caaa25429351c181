"""The `deepspeed` command."""

from __future__ import annotations

import re
from collections.abc import Mapping

from optax_lr.launchers.words import Inner, Launched, divided, visible_devices
from optax_lr.sources.marks import readable
from optax_lr.sources.source import Processes, count_of, product

_NAME = "deepspeed"


def deepspeed(words: list[str], environment: Mapping[str, str], _inner: Inner) -> Launched:
    """The slots of `--include`, or `--num_gpus` on each of `--num_nodes`; a hostfile is not read.

    Source: `deepspeed.launcher.runner`.
    """
    options, rest = divided(words[1:])
    if "include" in options:
        slots = [host.partition(":")[2] for host in str(options["include"]).split("@")]
        known = all(re.fullmatch(r"\d+(,\d+)*", slot) for slot in slots)
        count = sum(len(slot.split(",")) for slot in slots) if known else None
        return Launched(_NAME, rest, Processes(count, f"{_NAME} --include {readable(options['include'])}"))
    if "num_gpus" in options:
        origin = f"{_NAME} --num_gpus {readable(options['num_gpus'])}"
        origin += f" --num_nodes {readable(options['num_nodes'])}" if "num_nodes" in options else ""
        count = product(count_of(options["num_gpus"]), count_of(options.get("num_nodes", 1)))
        hosts_unknown = "hostfile" in options and "num_nodes" not in options
        return Launched(_NAME, rest, Processes(None if hosts_unknown else count, origin, by_option=True))
    visible = visible_devices(environment)
    if visible is not None and not {"hostfile", "num_nodes", "exclude"} & options.keys():
        return Launched(_NAME, rest, Processes(visible, f"{_NAME} with CUDA_VISIBLE_DEVICES"))
    each = f"{_NAME} without --num_gpus: one for each visible device of each host"
    return Launched(_NAME, rest, Processes(None, each))
