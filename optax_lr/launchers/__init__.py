"""Launchers: which part of a command is the training program, and how many processes it starts.

A new launcher is one file with one function, and one line in `LAUNCHERS`.
"""

from __future__ import annotations

import os.path
from collections.abc import Mapping, Sequence

from optax_lr.launchers.accelerate import accelerate_launch
from optax_lr.launchers.axolotl import axolotl
from optax_lr.launchers.deepspeed import deepspeed
from optax_lr.launchers.prefixes import without_prefixes
from optax_lr.launchers.programs import own_processes
from optax_lr.launchers.tasks import mpirun, ray_job, srun
from optax_lr.launchers.torchrun import torchrun
from optax_lr.launchers.words import (
    WITH_SUBCOMMAND,
    Launched,
    Launcher,
    first_positional,
    is_program,
    options_of,
    program_name,
)
from optax_lr.sources.marks import MARK, readable
from optax_lr.sources.source import Processes, Program, count_of, product
from optax_lr.text import words as words_of

__all__ = ["LAUNCHERS", "options_of", "program_of", "separated"]

LAUNCHERS: tuple[Launcher, ...] = (
    Launcher(torchrun, heads=("torchrun",), modules=("torch.distributed.run", "torch.distributed.launch")),
    Launcher(accelerate_launch, heads=("accelerate", "accelerate-launch"), modules=("accelerate.commands.launch",)),
    Launcher(deepspeed, heads=("deepspeed",), modules=("deepspeed.launcher.runner",)),
    Launcher(axolotl, heads=("axolotl",)),
    Launcher(mpirun, heads=("mpirun", "mpiexec", "orterun", "horovodrun"), starts_tasks=True),
    Launcher(srun, heads=("srun",), starts_tasks=True),
    Launcher(ray_job, heads=("ray",), starts_tasks=True),
)
_HEADS = frozenset(head for launcher in LAUNCHERS for head in launcher.heads)
_INSIDE = frozenset(head for launcher in LAUNCHERS if not launcher.starts_tasks for head in launcher.heads)
# Commands that start others, with options that are not read: profilers and submitters of jobs, and others.
_FRONTS = words_of(
    "nsys ncu rocprof py-spy scalene kernprof memray viztracer coverage strace valgrind perf gdb xvfb-run caffeinate jbsub bsub "
    "qsub bitfusion"
)
_SEVERAL = words_of(
    "jsrun ibrun aprun prun lrun flux rlaunch runai msrun colossalai composer fabric lightning torchx ssh tmux screen"
)
_BETWEEN = ("&&", "||", ";", "--")  # the words between commands
_CONTAINERS = ("apptainer", "singularity", "docker", "podman")


def program_of(words: Sequence[str], environment: Mapping[str, str], line: int = 1) -> tuple[Program, Processes] | None:
    """The program of a command and its processes; None where the words start no program.

    >>> program, processes = program_of("torchrun --nproc_per_node 8 --nnodes 2 train.py --max_steps 10".split(), {})
    >>> program.name, program.options, processes.count, processes.origin
    ('train.py', {'max_steps': '10'}, 16, 'torchrun --nproc_per_node 8 --nnodes 2')
    """
    environment = dict(environment)
    words = without_prefixes(list(words), environment)
    nodes: str | list[str] = "1"
    if "--" in words[1:-1] and (handed := _handed_on(words, environment)):
        before, words = words[: words.index("--")], handed
        if any(word.endswith("mason.py") for word in before):
            nodes = options_of(before)[0].get("num_nodes", nodes)
    if words and os.path.basename(words[0]) in _CONTAINERS and words[1:2] in (["run"], ["exec"]):
        words = _contained(words[2:], environment)
    if not words:
        return None
    if MARK.fullmatch(words[0]) and words[1:2] == ["-m"]:  # $PYTHON -m package.train
        words = ["python", *words[1:]]
    head = os.path.basename(words[0])
    unread = head in _FRONTS | _SEVERAL or MARK.fullmatch(words[0])  # $LAUNCHER python train.py
    if unread and (inside := _inside(words[1:], environment)).words:
        why = "its options are not read" if head in _SEVERAL else "the script does not define it"
        unknown = None if head in _FRONTS else Processes(None, f"{readable(head)} may start several, and {why}")
        launched = inside._replace(processes=inside.processes or unknown)
    else:
        launched = _launched(words, environment)
    name, rest = program_name(launched.words)
    place = first_positional(rest, 0) if name == "tune run" else 0  # torchrun's options come before the recipe
    options, positional = options_of(rest[place:])
    starting = options_of(rest[:place])[0] if name == "tune run" else options
    processes = launched.processes or own_processes(name, starting, environment)
    if nodes != "1" and launched.launcher.startswith("accelerate"):  # mason.py multiplies --num_processes
        origin = f"{processes.origin} on each of the --num_nodes {readable(nodes)} of mason.py"
        processes = Processes(product(processes.count, count_of(nodes)), origin)
    launcher = (launched.launcher, environment, launched.config, launched.deepspeed)
    module = name if ("-m", name) in zip(launched.words, launched.words[1:], strict=False) else ""
    return Program(name, tuple(positional), options, line, *launcher, module), processes


def separated(words: Sequence[str]) -> list[list[str]]:
    """The commands that one command passes behind two dashes, each with the words before them; else the command alone.

    >>> separated(["python", "submit.py", "--", "pip", "install", "x", "&&", "torchrun", "train.py"])
    [['python', 'submit.py', '--', 'torchrun', 'train.py']]
    """
    words = list(words)
    if "--" not in words[1:-1]:
        return [words]
    start = words.index("--") + 1
    commands: list[list[str]] = [[]]
    for word in words[start:]:
        if word in _BETWEEN:
            commands.append([])
        else:
            commands[-1].append(word)
    handed = [[*words[:start], *command] for command in commands]
    return [command for command in handed if _handed_on(command, {})] or [words]


def _handed_on(words: list[str], environment: dict[str, str]) -> list[str]:
    """The command behind two dashes, which a script submits as a job; an empty list if there is no such command."""
    before, inner = words[: words.index("--")], without_prefixes(words[words.index("--") + 1 :], environment)
    head = os.path.basename(inner[0]) if inner else ""
    known = head.startswith("python") or head in WITH_SUBCOMMAND
    script = head.endswith(".py") and any(word.endswith(".py") for word in before)
    return inner if known or script or head in _HEADS else []


def _contained(words: list[str], environment: dict[str, str]) -> list[str]:
    """The command that runs in a container, with the variables that are set for it; empty where it is no training."""
    for option, value in zip(words, [*words[1:], ""], strict=True):
        if option in ("-e", "--env") and "=" in value:
            name, _, text = value.partition("=")
            environment[name] = text
    return next((words[n:] for n, word in enumerate(words) if is_program(word) or word in _HEADS), [])


def _launched(words: list[str], environment: Mapping[str, str]) -> Launched:
    """The words behind the launchers of a command."""
    head = os.path.basename(words[0])
    place = words.index("-m") if "-m" in words[:-1] and head.startswith("python") else 0
    module = words[place + 1] if place and not any(word.endswith(".py") for word in words[:place]) else ""
    for launcher in LAUNCHERS:
        if module in launcher.modules:
            return launcher.read([f"python -m {module}", *words[place + 2 :]], environment, _inside)
        if head in launcher.heads:
            return launcher.read([head, *words[1:]], environment, _inside)
    return Launched("", words, None)


def _inside(words: list[str], environment: Mapping[str, str]) -> Launched:
    """The program, or a launcher of it, that is among the words of any command; no words where none is."""
    for place, word in enumerate(words):
        if is_program(word) or os.path.basename(word) in _INSIDE:
            return _launched(words[place:], environment)
    return Launched("", [], None)
