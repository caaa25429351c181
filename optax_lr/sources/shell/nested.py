"""Scripts inside of a script: `bash -c`, `eval`, a here-document for a shell, and files that were written before."""

from __future__ import annotations

import dataclasses
import re
from itertools import pairwise
from typing import NamedTuple

from optax_lr.sources.marks import readable
from optax_lr.sources.shell.builtins import SET_UP
from optax_lr.sources.shell.folders import place
from optax_lr.sources.shell.shell import Command, Shell
from optax_lr.sources.shell.slurm import job_sizes
from optax_lr.sources.shell.state import Variable
from optax_lr.sources.shell.words import NAME

_SHELLS = frozenset({"bash", "sh", "zsh", "dash", "/bin/bash", "/bin/sh", "/usr/bin/bash"})
_SAME_SHELL = frozenset({"eval", "source", "."})  # commands that run a script in the shell itself
_STARTERS = _SHELLS | _SAME_SHELL | {"sbatch", "qsub"}
_SUBMITTERS = ("bitfusion", "bsub", "jbsub", "sky")  # which take a command as one word, too
_TASK_LAUNCHERS = ("srun", "mpirun", "mpiexec", "orterun", "horovodrun")
_PREFIXES = ("nohup", "time", "exec", "sudo", "command", "env")


class Script(NamedTuple):
    """The text of a script that a command runs, and its arguments, None for unknown ones."""

    text: str
    arguments: list[str] | None = None


def script_of(shell: Shell, command: Command) -> Script | None:
    """The script that a command runs; None for a command that runs none."""
    words = command.words
    if words[0] == "eval":
        return Script(" ".join(words[1:]))
    for word, following in pairwise([*words[1:], ""]):
        option, equals, value = word.partition("=")
        text = value if equals else following
        if option.lower() in ("--command", "--wrap") and " " in text:
            return Script(text)
    if words[0] in _SUBMITTERS and (texts := [word for word in words[1:] if " " in word.strip()]):
        return Script(texts[-1])
    before, (_, *behind) = _divided(words)
    for word, following in pairwise(behind):
        if re.fullmatch(r"-\w*c", word):
            return Script(following)
    words = words[len(_launcher(before)) :]
    while words[1:] and words[0] in _PREFIXES:
        words = words[1:]
    starts = words[0] in _STARTERS
    for number, word in enumerate(words if starts else words[:1], 1):
        written = shell.state.files.get(place(shell.state.folder, word))
        if written is not None and written.text and written.text not in shell.following:
            return Script(written.text, None if command.passes_on else words[number:])
    return Script(command.document) if command.document is not None and starts else None


def follow(shell: Shell, command: Command, script: Script) -> None:
    """Run the script of a command; its commands are in the line of this one, and behind its launcher."""
    head, (before, _) = command.words[0], _divided(command.words)
    start, launcher = len(shell.ran), _launcher(before)
    outside, shell.following = shell.following, shell.following | {script.text}
    environment = shell.state.environment() | command.assigned
    arguments = {} if script.arguments is None else {"@": Variable(script.arguments, is_array=True)}
    if head in _SAME_SHELL:
        shown = str(readable(script.text))
        if head == "eval" and shown.startswith(("$(", "`")) and not SET_UP.search(shown):
            shell.note_on_unread(command.node)
        with shell.with_variables(arguments if script.arguments else {}):
            shell.run_text(shell.kept(script.text))
    else:
        found = (re.fullmatch(rf"({NAME})=(.*)", word, re.DOTALL) for word in before)  # `env A=1 bash -c ...`
        inside = environment | {set_to[1]: set_to[2] for set_to in found if set_to} | job_sizes(script.text)
        variables = {name: Variable([value], exported=True) for name, value in inside.items()} | arguments
        with shell.own_shell():
            shell.state = dataclasses.replace(shell.state, variables=variables, exports_all=False)
            shell.run_text(shell.kept(script.text))
    shell.following = outside
    shell.ran[start:] = [
        made._replace(words=(*launcher, *made.words), line=command.line, environment=environment | made.environment)
        for made in shell.ran[start:]
    ]


def _divided(words: list[str]) -> tuple[list[str], list[str]]:
    """The words before a shell, and that shell with the words behind it; no words before it where there is none."""
    end = next((place for place, word in enumerate(words) if word in _SHELLS), None)
    return ([], [""]) if end is None else (words[:end], words[end:])


def _launcher(before: list[str]) -> list[str]:
    """The words before a shell that a launcher starts as its tasks, as in `srun -n 4 bash -c ...`; none for others."""
    return before if before and before[0] in _TASK_LAUNCHERS else []
