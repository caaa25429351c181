"""The words of a command: options, and the program behind a launcher."""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from optax_lr.sources.source import Option, Processes
from optax_lr.text import words

# Commands that name a trainer themselves; the word behind each is its subcommand.
WITH_SUBCOMMAND = words("trl swift megatron llamafactory-cli lmf axolotl litgpt tune yolo ludwig")
_PYTHON = re.compile(r"(?:pytho[nw]+|python|pypy|ipython)[\d.]*")
# Modules that run the script behind them.
_AROUND = words(
    "pdb ipdb cProfile profile trace debugpy coverage scalene kernprof viztracer memory_profiler torch.utils.bottleneck"
)
# Options of accelerate, torchrun and deepspeed that take no value.
_FLAGS = words(
    "cpu debug downcast_bf16 dynamo_use_dynamic dynamo_use_fullgraph dynamo_use_regional_compilation enable_cpu_affinity "
    "fp8_use_autocast_during_eval ipex m module multi_gpu no_python no_tpu_cluster q quiet same_network tpu tpu_cluster "
    "tpu_use_sudo use_deepspeed use_fsdp use_megatron_lm use_mps_device use_parallelism_config use_xpu "
    "run_path standalone virtual_local_rank "
    "bind_cores_to_rank elastic_training force_multi no_local_rank no_ssh no_ssh_check save_pid"
)


class Launched(NamedTuple):
    """The program that a launcher starts, and its processes.

    Fields:
        launcher: its name; empty for none.
        words: the training program and its words.
        processes: how many it starts; None where the program itself decides.
        config: the file of its own settings that the command names.
        deepspeed: the config of DeepSpeed that the command names.
    """

    launcher: str
    words: list[str]
    processes: Processes | None
    config: str = ""
    deepspeed: str = ""


Inner = Callable[[list[str], Mapping[str, str]], Launched]


class Launcher(NamedTuple):
    """One launcher.

    Fields:
        read: takes the words with the launcher's own name first, the environment, and the function that finds the program, or
            a launcher inside this one, among the words of any command.
        heads: its commands.
        modules: the modules of `python -m` that it is.
        starts_tasks: whether it starts tasks of any command, so that no other launcher starts it.
    """

    read: Callable[[list[str], Mapping[str, str], Inner], Launched]
    heads: tuple[str, ...]
    modules: tuple[str, ...] = ()
    starts_tasks: bool = False


def options_of(words: Sequence[str]) -> tuple[dict[str, Option], list[str]]:
    """Options `--key value`, `--key=value`, `--flag` and `-k value`, and the other words before the first option.

    >>> options_of(["sft.yaml", "lr=1", "--learning-rate", "2e-5", "--bf16", "--max_steps=-1"])
    ({'learning_rate': '2e-5', 'bf16': 'true', 'max_steps': '-1'}, ['sft.yaml', 'lr=1'])
    """
    given: dict[str, list[str]] = {}
    positional: list[str] = []
    here = positional
    for word in words:
        found = re.fullmatch(r"--?([A-Za-z][\w.-]*)(?:=(.*))?", word, re.DOTALL)
        if found and (word.startswith("--") or len(found[1]) <= 4):
            values = [] if found[2] is None else [found[2]]
            given[found[1].replace("-", "_")] = values
            here = values if found[2] is None else positional
        else:
            here.append(word)
    return {name: words if words[1:] else words[0] if words else "true" for name, words in given.items()}, positional


def divided(words: list[str]) -> tuple[dict[str, Option], list[str]]:
    """A launcher's own options, and the words from the training program on.

    `-m` says that the program is a module, and takes no value: more options of the launcher may follow it.
    """
    for place, word in enumerate(words):
        if word in ("-m", "--module") and place + 1 < len(words):
            start = first_positional(words, place + 1)
            return options_of([*words[:place], *words[place + 1 : start]])[0], ["-m", *words[start:]]
        if word.endswith(".py") or os.path.basename(word) in WITH_SUBCOMMAND:
            return options_of(words[:place])[0], words[place:]
    return options_of(words)[0], []


def first_positional(words: list[str], place: int) -> int:
    """The place of the first word from `place` on that is neither an option of a launcher nor the value of one."""
    while place < len(words) and words[place].startswith("-"):
        name, equals, _ = words[place].lstrip("-").partition("=")
        place += 1 if equals or name.replace("-", "_") in _FLAGS else 2
    return place


def is_program(word: str) -> bool:
    """Whether a training program begins with this word: Python, a script, or a command that names a trainer."""
    head = os.path.basename(word)
    return head in WITH_SUBCOMMAND or _PYTHON.fullmatch(head) is not None or word.endswith(".py")


def program_name(words: list[str]) -> tuple[str, list[str]]:
    """The program's name, and its words."""
    if not words:
        return "", []
    head = os.path.basename(words[0])
    if _PYTHON.fullmatch(head):
        for place, word in enumerate(words[1:], 1):
            if word == "-m" and place + 1 < len(words) and words[place + 1] not in _AROUND:
                return _module(words[place + 1 :])
            if word.endswith(".py"):
                return word, words[place + 1 :]
            if word == "-c":
                return "python -c", []
        return "", []
    if words[0] == "-m" and len(words) > 1:
        return _module(words[1:])
    if head in WITH_SUBCOMMAND and len(words) > 1 and not words[1].startswith("-"):
        return f"{head} {words[1]}", words[2:]
    return words[0], words[1:]


def _module(words: list[str]) -> tuple[str, list[str]]:
    """The name of a module's program; LLaMA-Factory's has a subcommand, and its launcher, which only trains, has none."""
    if words[0] == "llamafactory.launcher" and words[1:2] != ["train"]:
        return "llamafactory-cli train", words[1:]
    if words[0] in ("llamafactory.cli", "llamafactory.launcher") and len(words) > 1:
        return f"llamafactory-cli {words[1]}", words[2:]
    return words[0], words[1:]


def visible_devices(environment: Mapping[str, str]) -> int | None:
    """The number of devices in CUDA_VISIBLE_DEVICES; None where it is not set or not a list of numbers."""
    text = environment.get("CUDA_VISIBLE_DEVICES", environment.get("ASCEND_RT_VISIBLE_DEVICES", ""))
    return len(text.split(",")) if re.fullmatch(r"\d+(,\d+)*", text) else None
