"""What is known behind branches of a shell script that leave a variable, a file, or the output in different states."""

from __future__ import annotations

import re
from collections.abc import Sequence

from optax_lr.sources.marks import MARK, is_known, mark
from optax_lr.sources.shell.folders import either, without_own
from optax_lr.sources.shell.state import State, Variable, Written

# Options that may change the curve or the number of processes, and beginnings of those that do not.
_SETTING = re.compile(r"lr|learn|warm|sched|epoch|step|iter|batch|accum|world|nproc|process|decay|config|gpus|nodes")
_NO_SETTING = re.compile(r"(?:eval|save|log|logging|wandb|profile|test)[_-]")


def joined(start: State, ends: Sequence[State]) -> tuple[State, list[str]]:
    """The state behind branches from `start` that leave `ends`, with notes on what is left out there."""
    state, notes = ends[0].branch(), []
    state.variables = {}
    for name in dict.fromkeys(name for end in ends for name in end.variables):
        variable, note = _variable(name, start.values(name), [end.variable(name) for end in ends])
        state.variables[name] = variable
        notes += [note] if note else []
    state.folder = either([end.folder for end in ends])
    paths = dict.fromkeys(path for end in ends for path in end.files)
    state.files = {path: _written([end.files[path] for end in ends if path in end.files]) for path in paths}
    state.output = start.output + _lines([end.output for end in ends])
    state.ended = ""
    return state, notes


def _variable(name: str, before: list[str] | None, ends: Sequence[Variable]) -> tuple[Variable, str]:
    """A variable behind branches, and a note.

    Options that branches add are left out with a note if they are no settings of the training; others get a mark.
    """
    values = [end.values for end in ends]
    flags = (any(flags) for flags in zip(*(end[1:] for end in ends), strict=True))
    made = Variable(before, *flags)
    if all(value == values[0] for value in values):
        return made._replace(values=values[0]), ""
    if is_known(before) and before in values and all(value == before or _is_argument(value) for value in values):
        if before is None:
            return made._replace(of_argument=True), ""
        return made, f"${name} is {without_own(' '.join(before)) or 'empty'} unless an argument of the script sets it"
    old, *branches = (value or [] if made.is_array else " ".join(value or []).split() for value in (before, *values))
    if before is not None and None not in values and (added := _added_options(old, branches)) is not None:
        return made, f"a branch of the script adds {', '.join(added)} to ${name}, which is left out" if added else ""
    words = _common_options(branches, mark(f"${name}"))
    return made._replace(values=words if made.is_array else [" ".join(words)]), ""


def _is_argument(value: list[str] | None) -> bool:
    """Whether a value is an argument of the script, or a part of one: `$1`, `${2}`, `${1#*=}`, `$OPTARG`, `${arg#*=}`."""
    alone = MARK.sub(r"\1", value[0]) if value is not None and len(value) == 1 else ""
    of_option = r"\$\{\w+##?\*=\}"  # the value of `--lr=1`
    return re.fullmatch(rf"\$\{{?(?:[1-9]|OPTARG)(?:(?::?-|##?)[^}}]*)?\}}?|{of_option}", alone) is not None


def _added_options(old: list[str], branches: list[list[str]]) -> list[str] | None:
    """The options that branches write around the words `old`; None if one does anything else, or adds a setting."""
    added: list[str] = []
    for words in branches:
        place = next((n for n in range(len(words) + 1) if words[n : n + len(old)] == old), None)
        if place is None:
            return None
        added += words[:place] + words[place + len(old) :]
    options = [found[0] for word in added if (found := re.match(r"--?[A-Za-z][\w-]*", word))]
    names = [option.lstrip("-") for option in options]
    settings = any(_SETTING.search(name) and not _NO_SETTING.match(name) for name in names)
    return None if settings or (any(added) and not options) else list(dict.fromkeys(options))


def _common_options(branches: list[list[str]], unknown: str) -> list[str]:
    """The options of any branch, with `unknown` for each value that differs; `unknown` alone if other words differ."""
    options = [_by_option(words) for words in branches]
    made: list[str] = []
    for name in dict.fromkeys(name for given in options for name in given):
        first, *others = (given.get(name) for given in options)
        if first is not None and all(words == first for words in others):
            made += first
        elif name:
            made += [name, unknown]
        else:
            return [unknown]
    return made or [unknown]


def _by_option(words: list[str]) -> dict[str, list[str]]:
    """The words of each option, itself first; those before the first option have an empty name."""
    made: dict[str, list[str]] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name = word.partition("=")[0]
            made[name] = []
        made.setdefault(name, []).append(word)
    return made


def _written(ends: Sequence[Written]) -> Written:
    """A file behind the branches that write it."""
    same = all(end.text == ends[0].text for end in ends)
    return ends[0] if same else Written(None, ends[-1].by)


def _lines(branches: list[list[str | None]]) -> list[str | None]:
    """The output behind branches: of lines `key: value` that not all of them write, only the keys are known."""
    if all(output == branches[0] for output in branches):
        return branches[0]
    lines = [line for output in branches for text in output for line in (text or "?").splitlines()]
    keys = [found[0] for line in lines if (found := re.match(r"\s*[\w.-]+:(?=\s|$)", line))]
    if len(keys) < len(lines):
        return [None]
    return [f"{key} {mark('(differs between branches)')}\n" for key in dict.fromkeys(keys)]
