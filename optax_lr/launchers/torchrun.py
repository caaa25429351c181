"""`torchrun`, and the modules of torch that it is."""

from __future__ import annotations

from collections.abc import Mapping

from optax_lr.launchers.words import Inner, Launched, divided, visible_devices
from optax_lr.sources.marks import readable
from optax_lr.sources.source import Processes, count_of, product

# torchrun takes no other number of processes than these words.
_PER_DEVICE = ("gpu", "auto", "cpu", "xpu", "npu")


def torchrun(words: list[str], environment: Mapping[str, str], _inner: Inner) -> Launched:
    """Processes on each node times nodes, each 1 by default; a variable `PET_...` is the default of its option.

    Source: `torch.distributed.run.get_args_parser`.
    """
    name = words[0]
    options, rest = divided(words[1:])
    for option in ("nproc_per_node", "nnodes"):  # argparse takes each beginning that only one option has
        short = next((key for key in options if option.startswith(key) and len(key) > 1), option)
        if short not in (option, "node_rank") and option not in options:
            options[option] = options.pop(short)
    parts, origin = {}, name
    for option, variable, default in (("nproc_per_node", "PET_NPROC_PER_NODE", "1"), ("nnodes", "PET_NNODES", "1")):
        value = options.get(option, environment.get(variable, default))
        origin += f" --{option} {readable(value)}" if option in options or variable in environment else ""
        parts[option] = value
    least, _, most = str(parts["nnodes"]).partition(":")
    if most and least != most:
        return Launched(name, rest, Processes(None, f"{origin}: an elastic number of nodes"))
    each = count_of(parts["nproc_per_node"])
    if str(parts["nproc_per_node"]) in _PER_DEVICE:
        each = visible_devices(environment)
        origin += "" if each is None else f" with CUDA_VISIBLE_DEVICES={environment['CUDA_VISIBLE_DEVICES']}"
    stated = "nproc_per_node" in options
    return Launched(name, rest, Processes(product(each, count_of(least)), origin, by_option=stated))
