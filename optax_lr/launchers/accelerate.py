"""`accelerate launch`, and the file of its settings."""

from __future__ import annotations

from collections.abc import Mapping

from optax_lr.launchers.words import Inner, Launched, divided, visible_devices
from optax_lr.sources.marks import readable
from optax_lr.sources.source import Processes, count_of

_NAME = "accelerate launch"
# The files that TRL ships, by their names.
_SHIPPED = {"single_gpu": 1} | dict.fromkeys(
    ("multi_gpu", "zero1", "zero2", "zero3", "fsdp1", "fsdp2", "fsdp_qlora"), 8
)


def accelerate_launch(words: list[str], environment: Mapping[str, str], _inner: Inner) -> Launched:
    """`--num_processes` over all machines; else what its config file says; else one for each visible device.

    Source: `accelerate.commands.launch`.
    """
    if words[0] == "accelerate" and words[1:2] != ["launch"]:
        return Launched("", words, None)
    options, rest = divided(words[2:] if words[0] == "accelerate" else words[1:])
    config = options.get("config_file", "")
    config = config if isinstance(config, str) else ""
    deepspeed = str(readable(options.get("deepspeed_config_file", "")))
    if "num_processes" in options:
        given = options["num_processes"]
        processes = Processes(count_of(given), f"{_NAME} --num_processes {readable(given)}", by_option=True)
    elif config:
        processes = Processes(None, f"{_NAME} --config_file {readable(config)}")
    elif (visible := visible_devices(environment)) is not None:
        processes = Processes(visible, f"{_NAME} with CUDA_VISIBLE_DEVICES")
    else:
        processes = Processes(None, f"{_NAME} without --num_processes: one for each visible device")
    return Launched(_NAME, rest, processes, config, deepspeed)


def shipped_processes(name: object) -> Processes | None:
    """The number in a file that `trl --accelerate_config` names and that TRL ships; None for any other."""
    count = _SHIPPED.get(name) if isinstance(name, str) else None
    return None if count is None else Processes(count, f"trl --accelerate_config {name}")


def file_processes(name: str, values: Mapping[str, object]) -> Processes | None:
    """The number in a config file of accelerate; None where it says none."""
    count = values.get("num_processes")
    if str(values.get("distributed_type", "")).strip("'\"").upper() == "NO":
        count = 1
    return Processes(count, f"num_processes in {name}") if isinstance(count, int) and count > 0 else None


def accumulation_note(name: str, values: Mapping[str, object], given: object) -> tuple[str, ...]:
    """A note on another number of accumulated batches in a config file of accelerate than is `given`; none without one.

    Source: `accelerate.utils.launch.prepare_deepspeed_cmd_env`, `transformers.integrations.HfTrainerDeepSpeedConfig`.
    """
    block = values.get("deepspeed_config")
    count = count_of(block.get("gradient_accumulation_steps")) if isinstance(block, Mapping) else None
    if count is None or str(count) == str(given):
        return ()
    stated = f"gradient_accumulation_steps {count} in {name}: loops of accelerate take it in place of their own"
    return (f"{stated}, and transformers' Trainer stops where its own differs",)
