"""Launchers: which part of a command is the training program, and how many processes it starts."""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from optax_lr.sources.marks import MARK, readable
from optax_lr.sources.source import Processes, Program

# Commands that name a trainer themselves; the word behind each is its subcommand.
WITH_SUBCOMMAND = frozenset(
    {"trl", "swift", "megatron", "llamafactory-cli", "lmf", "axolotl", "litgpt", "tune", "yolo", "ludwig", "composer"}
)
_PREFIXES = frozenset({"nohup", "time", "exec", "sudo", "env", "command", "stdbuf", "numactl", "unbuffer", "setsid"})
_RUNNERS = {"uv": "run", "poetry": "run", "pdm": "run", "pixi": "run", "pipenv": "run", "hatch": "run", "conda": "run"}
_TORCH_MODULES = ("torch.distributed.run", "torch.distributed.launch")
_PYTHON = re.compile(r"(?:pytho[nw]+|python|pypy|ipython)[\d.]*")
# torchrun takes no other number of processes than these words.
_PER_DEVICE = ("gpu", "auto", "cpu", "xpu", "npu")


class Launched(NamedTuple):
    """The words of the training program behind its launchers, and the processes that they start."""

    launcher: str
    words: list[str]
    processes: Processes | None
    config: str = ""


def program_of(words: Sequence[str], environment: Mapping[str, str], line: int = 1) -> tuple[Program, Processes] | None:
    """The program of a command and its processes; None where the words start no program.

    >>> program, processes = program_of("torchrun --nproc_per_node 8 --nnodes 2 train.py --max_steps 10".split(), {})
    >>> program.name, program.options, processes
    ('train.py', {'max_steps': '10'}, Processes(count=16, origin='torchrun --nproc_per_node 8 --nnodes 2'))
    """
    words, environment = list(words), dict(environment)
    while words and (found := re.fullmatch(r"([A-Za-z_]\w*)=(.*)", words[0], re.DOTALL)):
        environment[found[1]] = found[2]
        words = words[1:]
    words = _without_prefixes(words, environment)
    if not words:
        return None
    if MARK.fullmatch(words[0]) and (inner := _inner(words)):  # $LAUNCHER python train.py
        launched = _launched(inner, environment)
        unknown = Processes(None, f"{readable(words[0])} may start several, and the script does not say what it is")
        launched = launched._replace(processes=launched.processes or unknown)
    else:
        launched = _launched(words, environment)
    name, rest = _name(launched.words)
    options, positional = options_of(rest)
    processes = launched.processes or _processes_of_program(name, options, environment)
    program = Program(name, tuple(positional), options, line, launched.launcher, environment, launched.config)
    return program, processes


def options_of(words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Options `--key value`, `--key=value`, `--flag` and `-k value`, and the other words before the first option.

    >>> options_of(["sft.yaml", "lr=1", "--learning-rate", "2e-5", "--bf16", "--max_steps=-1"])
    ({'learning_rate': '2e-5', 'bf16': 'true', 'max_steps': '-1'}, ['sft.yaml', 'lr=1'])
    """
    values: dict[str, Any] = {}
    positional: list[str] = []
    key = None
    for word in words:
        found = re.fullmatch(r"--?([A-Za-z][\w.-]*)(?:(=)(.*))?", word, re.DOTALL)
        if found and (word.startswith("--") or len(found[1]) <= 4):
            key = found[1].replace("-", "_")
            values[key] = found[3] if found[2] else []
            key = None if found[2] else key
        elif key is not None:
            values[key].append(word)
        else:
            positional.append(word)
    return {name: _plain(value) for name, value in values.items()}, positional


def _plain(value: Any) -> Any:
    """The word of an option that has one, "true" for a flag."""
    if not isinstance(value, list) or len(value) > 1:
        return value
    return value[0] if value else "true"


def _without_prefixes(words: list[str], environment: dict[str, str]) -> list[str]:
    """The command behind `nohup`, `env A=1`, `uv run --with x` and the like."""
    while words:
        head = os.path.basename(words[0])
        if head in _RUNNERS and len(words) > 1 and words[1] == _RUNNERS[head]:
            words = words[2:]
        elif head in _PREFIXES:
            words = words[1:]
        else:
            break
        while words and (words[0].startswith("-") or "=" in words[0].partition("/")[0]):
            found = re.fullmatch(r"([A-Za-z_]\w*)=(.*)", words[0], re.DOTALL)
            if found:
                environment[found[1]] = found[2]
            takes_value = words[0] in ("-n", "-p", "--name", "--prefix", "--with", "--python", "--extra", "--group")
            words = words[2 if takes_value else 1 :]
    return words


def _launched(words: list[str], environment: Mapping[str, str]) -> Launched:
    head = os.path.basename(words[0])
    module = words[words.index("-m") + 1] if _PYTHON.fullmatch(head) and "-m" in words[:-1] else ""
    before = words[: words.index("-m")] if module else []
    if module in _TORCH_MODULES and not any(word.endswith(".py") for word in before):
        return _torchrun(words[words.index("-m") + 2 :], environment, f"python -m {module}")
    if module in ("accelerate.commands.launch", "deepspeed.launcher.runner"):
        rest = words[words.index("-m") + 2 :]
        return _accelerate(rest, environment) if "accelerate" in module else _deepspeed(rest, environment)
    if head in ("torchrun", "torchrun-script"):
        return _torchrun(words[1:], environment, head)
    if head == "accelerate" and len(words) > 1 and words[1] == "launch":
        return _accelerate(words[2:], environment)
    if head == "accelerate-launch":
        return _accelerate(words[1:], environment)
    if head == "deepspeed":
        return _deepspeed(words[1:], environment)
    if head in ("mpirun", "mpiexec", "orterun", "horovodrun"):
        return _counted(words, environment, head, ("-np", "-n", "--np", "-c", "--n"))
    if head == "srun":
        return _srun(words, environment)
    if head == "ray" and "--" in words:
        inner = words[words.index("--") + 1 :]
        return (
            _launched(_without_prefixes(inner, dict(environment)), environment) if inner else Launched("", words, None)
        )
    return Launched("", words, None)


def _split(words: list[str]) -> tuple[dict[str, Any], list[str]]:
    """A launcher's own options, and the words from the training program on."""
    for place, word in enumerate(words):
        if word in ("-m", "--module") and place + 1 < len(words):
            return options_of(words[:place])[0], ["-m", *words[place + 1 :]]
        if word.endswith(".py") or os.path.basename(word) in WITH_SUBCOMMAND:
            return options_of(words[:place])[0], words[place:]
    return options_of(words)[0], []


def _number(value: Any) -> int | None:
    """A positive whole number; None for anything else."""
    text = str(value)
    return int(text) if re.fullmatch(r"\d{1,9}", text) and int(text) > 0 else None


def _torchrun(words: list[str], environment: Mapping[str, str], name: str) -> Launched:
    options, rest = _split(words)
    parts, origin = {}, name
    for option, variable, default in (("nproc_per_node", "PET_NPROC_PER_NODE", "1"), ("nnodes", "PET_NNODES", "1")):
        value = options.get(option, environment.get(variable, default))
        origin += f" --{option} {readable(value)}" if option in options or variable in environment else ""
        parts[option] = value
    nodes = str(parts["nnodes"])
    least, _, most = nodes.partition(":")
    if most and least != most:
        return Launched(name, rest, Processes(None, f"{origin}: an elastic number of nodes"))
    counts = [_number(parts["nproc_per_node"]), _number(least)]
    if str(parts["nproc_per_node"]) in _PER_DEVICE:
        visible = _visible(environment)
        counts[0] = visible
        origin += "" if visible is None else f" with CUDA_VISIBLE_DEVICES={environment['CUDA_VISIBLE_DEVICES']}"
    known = None if None in counts else (counts[0] or 1) * (counts[1] or 1)
    return Launched(name, rest, Processes(known, origin))


def _accelerate(words: list[str], environment: Mapping[str, str]) -> Launched:
    options, rest = _split(words)
    name = "accelerate launch"
    config = options.get("config_file", "")
    config = config if isinstance(config, str) else ""
    if "num_processes" in options:
        count = _number(options["num_processes"])
        return Launched(
            name, rest, Processes(count, f"{name} --num_processes {readable(options['num_processes'])}"), config
        )
    visible = _visible(environment)
    if config:
        return Launched(name, rest, Processes(None, f"{name} --config_file {readable(config)}"), config)
    if visible is not None:
        return Launched(name, rest, Processes(visible, f"{name} with CUDA_VISIBLE_DEVICES"), config)
    return Launched(name, rest, Processes(None, f"{name} without --num_processes: one for each visible device"), config)


def _deepspeed(words: list[str], environment: Mapping[str, str]) -> Launched:
    options, rest = _split(words)
    name, nodes = "deepspeed", _number(options.get("num_nodes", 1))
    if "include" in options:
        hosts = str(options["include"]).split("@")
        slots = [host.partition(":")[2] for host in hosts]
        known = all(re.fullmatch(r"\d+(,\d+)*", slot) for slot in slots)
        count = sum(len(slot.split(",")) for slot in slots) if known else None
        return Launched(name, rest, Processes(count, f"{name} --include {readable(options['include'])}"))
    if "num_gpus" in options:
        count = _number(options["num_gpus"])
        origin = f"{name} --num_gpus {readable(options['num_gpus'])}"
        origin += f" --num_nodes {readable(options['num_nodes'])}" if "num_nodes" in options else ""
        hosts_unknown = "hostfile" in options and "num_nodes" not in options
        return Launched(
            name,
            rest,
            Processes(None if None in (count, nodes) or hosts_unknown else (count or 1) * (nodes or 1), origin),
        )
    visible = _visible(environment)
    if visible is not None and not {"hostfile", "num_nodes", "exclude"} & options.keys():
        return Launched(name, rest, Processes(visible, f"{name} with CUDA_VISIBLE_DEVICES"))
    return Launched(name, rest, Processes(None, f"{name} without --num_gpus: one for each visible device of each host"))


def _counted(words: list[str], environment: Mapping[str, str], name: str, flags: tuple[str, ...]) -> Launched:
    """`mpirun -np 4 -x VAR python train.py`: the number, and the program from `python` or a script on."""
    found = next((place for place, word in enumerate(words[:-1]) if word in flags), None)
    count = None if found is None else _number(words[found + 1])
    inner = _inner(words)
    origin = f"{name} without a number" if found is None else f"{name} {words[found]} {readable(words[found + 1])}"
    below = _launched(inner, environment) if inner else Launched("", [], None)
    return Launched(name, below.words, below.processes or Processes(count, origin), below.config)


def _srun(words: list[str], environment: Mapping[str, str]) -> Launched:
    inner = _inner(words)
    below = _launched(inner, environment) if inner else Launched("", [], None)
    if below.launcher:  # srun starts one launcher on each node; the launcher counts
        return below
    options: dict[str, Any] = {}
    for word, value in zip(words[1:], [*words[2:], ""], strict=False):
        if word in inner[:1]:
            break
        name, equals, own = word.partition("=")
        options[name] = own if equals else value
    tasks = _number(options.get("--ntasks", options.get("-n", environment.get("SLURM_NTASKS", ""))))
    per_node = _number(options.get("--ntasks-per-node", environment.get("SLURM_NTASKS_PER_NODE", "")))
    nodes = _number(options.get("--nodes", options.get("-N", environment.get("SLURM_NNODES", ""))))
    if tasks is None and per_node is not None:
        tasks = per_node * (nodes or 1)
    tasks = tasks or nodes
    if tasks is None:
        return Launched("srun", below.words, Processes(None, "srun without a number of tasks"))
    return Launched("srun", below.words, Processes(tasks, f"srun with {tasks} tasks"))


def _inner(words: list[str]) -> list[str]:
    """The command that a launcher of processes starts."""
    for place, word in enumerate(words[1:], 1):
        head = os.path.basename(word)
        if _PYTHON.fullmatch(head) or head in WITH_SUBCOMMAND or head in ("torchrun", "accelerate", "deepspeed"):
            return words[place:]
        if word.endswith(".py"):
            return words[place:]
    return []


def _name(words: list[str]) -> tuple[str, list[str]]:
    """The program's name, and its words."""
    if not words:
        return "", []
    head = os.path.basename(words[0])
    if _PYTHON.fullmatch(head):
        for place, word in enumerate(words[1:], 1):
            if word == "-m" and place + 1 < len(words):
                return words[place + 1], words[place + 2 :]
            if word.endswith(".py"):
                return word, words[place + 1 :]
            if word == "-c":
                return "python -c", []
        return "", []
    if words[0] == "-m" and len(words) > 1:
        return words[1], words[2:]
    if head in WITH_SUBCOMMAND and len(words) > 1 and not words[1].startswith("-"):
        return f"{head} {words[1]}", words[2:]
    return words[0], words[1:]


def _first(value: Any) -> Any:
    """The first word of an option: the name of a recipe may stand behind it."""
    return value[0] if isinstance(value, list) and value else value


def _visible(environment: Mapping[str, str]) -> int | None:
    """The number of devices in CUDA_VISIBLE_DEVICES; None where it is not set or not a list of numbers."""
    text = environment.get("CUDA_VISIBLE_DEVICES", environment.get("ASCEND_RT_VISIBLE_DEVICES", ""))
    return len(text.split(",")) if re.fullmatch(r"\d+(,\d+)*", text) else None


def _processes_of_program(name: str, options: Mapping[str, Any], environment: Mapping[str, str]) -> Processes:
    """The processes of a program without a launcher, some of which launch themselves."""
    head = name.partition(" ")[0]
    if head in ("swift", "megatron", "llamafactory-cli", "lmf"):
        per_node, nodes = environment.get("NPROC_PER_NODE"), environment.get("NNODES", "1")
        if per_node is not None or "NNODES" in environment:
            counts = (_number(per_node if per_node is not None else 1), _number(nodes))
            shown = f"NPROC_PER_NODE={readable(per_node)} and NNODES={readable(nodes)}"
            return Processes(None if None in counts else (counts[0] or 1) * (counts[1] or 1), shown)
        visible = _visible(environment)
        if head in ("llamafactory-cli", "lmf"):
            if visible is not None:
                return Processes(
                    visible,
                    f"{head} with CUDA_VISIBLE_DEVICES={environment['CUDA_VISIBLE_DEVICES']}"
                    if "CUDA_VISIBLE_DEVICES" in environment
                    else head,
                )
            return Processes(None, f"{head}: one for each visible device")
        return Processes(1, f"{head} without NPROC_PER_NODE")
    if head == "trl":
        if "num_processes" in options:
            return Processes(
                _number(options["num_processes"]), f"trl --num_processes {readable(options['num_processes'])}"
            )
        return Processes(None, "trl starts accelerate: one for each visible device")
    if head == "tune":
        if "nproc_per_node" in options or "nnodes" in options:
            each, nodes_given = (_first(options.get(key, 1)) for key in ("nproc_per_node", "nnodes"))
            counts = (_number(each), _number(nodes_given))
            known = None if None in counts else (counts[0] or 1) * (counts[1] or 1)
            return Processes(known, f"tune run --nproc_per_node {readable(each)}")
        return Processes(1, "tune run without --nproc_per_node")
    visible = _visible(environment)
    if visible is not None and visible > 1:
        return Processes(
            visible,
            f"{readable(name)} on CUDA_VISIBLE_DEVICES={environment.get('CUDA_VISIBLE_DEVICES', '')}: DataParallel",
        )
    return Processes(
        1,
        "the command has no launcher; one visible device is assumed"
        if visible is None
        else "CUDA_VISIBLE_DEVICES names one device",
    )
