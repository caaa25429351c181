"""What is known after branches of a shell script that leave a variable, or the output, with different values."""

from __future__ import annotations

import re

from optax_lr.sources.marks import MARK, mark

# Options that may change the curve or the number of processes, and beginnings of those that do not.
_SETTING = re.compile(r"lr|learn|warm|sched|epoch|step|iter|batch|accum|world|nproc|process|decay|config|gpus|nodes")
_NO_SETTING = re.compile(r"(?:eval|save|log|logging|wandb|profile|test)[_-]")


def is_argument(value: list[str] | None) -> bool:
    """Whether a value is an argument of the script, or a part of one: `$1`, `${2}`, `${1#*=}`."""
    alone = MARK.sub(r"\1", value[0]) if value is not None and len(value) == 1 else ""
    return re.fullmatch(r"\$\{?[1-9](?:(?::?-|##?)[^}]*)?\}?", alone) is not None


def added_options(old: list[str], branches: list[list[str]]) -> list[str] | None:
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


def common_options(branches: list[list[str]], unknown: str) -> list[str]:
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


def common_lines(branches: list[list[str | None]]) -> list[str | None]:
    """The output after branches: of lines `key: value` that not all of them write, only the keys are known.

    Args:
        branches: the output of each branch; None for output that is not known.
    """
    if all(output == branches[0] for output in branches):
        return branches[0]
    lines = [line for output in branches for text in output for line in (text or "?").splitlines()]
    keys = [found[0] for line in lines if (found := re.match(r"\s*[\w.-]+:(?=\s|$)", line))]
    if len(keys) < len(lines):
        return [None]
    return [f"{key} {mark('(differs between branches)')}\n" for key in dict.fromkeys(keys)]
