"""What a shell script has instead of a training command that is read: one line that says where."""

from __future__ import annotations

import contextlib
import os.path
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from optax_lr.launchers import program_of
from optax_lr.sources import shell
from optax_lr.sources.marks import MARK, readable
from optax_lr.sources.source import Source
from optax_lr.text import start_of
from optax_lr.trainers.not_recognised import read_or
from optax_lr.trainers.usual_names import state_with

_NOTHING = "no command of this script gives an option of a schedule, such as --learning_rate"
_VALUE = r"(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s,;'\")]+)"
# A rate as an option, as a setting of Hydra or of Python, and as a key of YAML.
_OPTION = re.compile(rf"(?<![\w$./{{-])(?:--|\+\+?)(?:[\w.]{{1,80}}[._])?(?:lr|learning[_-]rate)(?:=|[ \t]+){_VALUE}")
_SETTING = re.compile(
    rf"{_OPTION.pattern}|(?<![\w$./{{-])(?:[\w.]{{1,80}}[._])?(?:lr|learning_rate)['\"]?(?:=|:[ \t]+){_VALUE}"
)
_CHOSEN = re.compile(r"\+*([a-z]\w*)=([\w-]+(?:/[\w-]+)*)")  # a file of Hydra, by the folder and its name
_TO_FILL_IN = re.compile(r"__|\{\{|@@|%%|<\w")
_MARKED = re.compile(r"(?<!<)<<-?[ \t]*(['\"]?)(\w+)\1")
_MOST_DOCUMENTS = 50
_HOLDERS = ("tmux", "screen", "ssh", "xargs", "parallel", "watch", "expect")
_SHELLS = ("bash", "sh", "zsh", "source", ".")
_EDITORS = ("jq", "grep", "git", "test", "[", "export", "set")


def what_it_has(ran: Sequence[shell.Ran], text: str, folder: Path) -> str:
    """One line on a script in which no command trains; `folder` is where it is.

    >>> what_it_has([], "python - <<EOF\\nargs = TrainingArguments(learning_rate=1e-4)\\nEOF\\n", Path())
    'line 1 runs Python code of this script, with learning_rate=1e-4 in line 2; write that code to a .py file, and read that'
    """
    lines = text.splitlines()
    found = next(
        chain(_in_commands(ran, folder), _in_documents(lines), _in_lines(ran, lines), _of_hydra(ran, folder)), ""
    )
    return found or _NOTHING + _to_read(ran)


def _in_commands(ran: Sequence[shell.Ran], folder: Path) -> Iterator[str]:
    """The commands that have a rate among their words."""
    for made in ran:
        found = _SETTING.search(" ".join(str(readable(word)) for word in made.words))
        program = program_of(made.words, made.environment)
        if found is None or program is None:
            continue
        shown, name, head = start_of(found[0], 50), program[0].name, os.path.basename(made.words[0])
        if name == "python -c":
            yield f"line {made.line} runs Python code of this script, with {shown}; write that code to a .py file, and read that"
        elif head in _SHELLS and (scripts := [word for word in made.words[1:] if word.endswith(".sh")]):
            yield f"line {made.line} gives {shown} to {readable(scripts[0])}; read that script, whose values it replaces"
        elif head in _HOLDERS:
            yield f"line {made.line} hands a command with {shown} to {head}, where it is not read; write it into a script"
        elif name and head not in _EDITORS:
            file = name if name.endswith(".py") else f"{name.replace('.', '/')}.py" if "-m" in made.words else ""
            own = f"only {readable(name)} in line {made.line} knows the use of {shown}"
            source = Source(
                "", dict(program[0].options), {}, "command", folder=folder, below=made.below, program=program[0]
            )
            yield f"{own}; {read_or(source, file) if file else ''}{state_with(source)}"


def _of_hydra(ran: Sequence[shell.Ran], folder: Path) -> Iterator[str]:
    """The files that commands choose in the folders of Hydra, as `python train.py experiment=sft` does."""
    for made in ran:
        started = program_of(made.words, made.environment)
        if started is None:
            continue
        for word in started[0].positional:
            if (chosen := _CHOSEN.fullmatch(word)) is None:
                continue
            group, name = chosen.groups()
            places = [place / (made.below or "") for place in (folder, Path())]
            places += [place / os.path.dirname(started[0].name) for place in places]
            found: list[Path] = []
            with contextlib.suppress(OSError, ValueError):  # such as a name that is too long
                found += [path for place in places for path in place.glob(f"conf*/{group}/**/{name}.y*ml")]
            what = f"line {made.line} starts {readable(started[0].name)} with {word}"
            if found:
                yield f"{what}, as programs of Hydra are; the settings may be in {os.path.relpath(found[0])}: read that"
            elif group == "experiment":
                yield f"{what}, as programs of Hydra are; read {group}/{name}.yaml in the folder of its configs"


def _in_documents(lines: Sequence[str]) -> Iterator[str]:
    """The here-documents that have a rate: Python code, or a file that the script writes."""
    opening = [(place, opened) for place, line in enumerate(lines) if (opened := _MARKED.search(line))]
    for place, opened in opening[:_MOST_DOCUMENTS]:
        line = lines[place]
        runs = re.search(r"\bpython[\d.]*\b[^|>]*<<", line) is not None
        if not (runs or re.search(r">[ \t]*[\w\"'$./{]|\btee\b", line)):
            continue
        end = next((n for n in range(place + 1, len(lines)) if lines[n].strip() == opened[2]), len(lines))
        number, found = _first(_SETTING, lines, place + 1, end)
        if found is None:
            continue
        here = f"{start_of(found, 50)} in line {number}"
        if runs:
            yield f"line {place + 1} runs Python code of this script, with {here}; write that code to a .py file, and read that"
        elif _TO_FILL_IN.search(found):
            yield f"line {place + 1} writes a file with {here}, which is to be filled in; read the file that results"
        else:
            yield f"line {place + 1} writes a file with {here}, and no command takes it; read that file"


def _in_lines(ran: Sequence[shell.Ran], lines: Sequence[str]) -> Iterator[str]:
    """The option in the value of a variable, with the command that takes it."""
    number, found = _first(_OPTION, lines, 0, len(lines))
    if found is None:
        return
    shown = start_of(found, 50)
    assigned = [begun[1] for line in lines[:number] if (begun := re.match(r"\s*(?:export |local )?(\w+)\+?=", line))]
    for made in ran:
        marks = [str(readable(word[0])) for word in map(MARK.search, made.words) if word]
        name = next((name for name in marks if assigned and re.fullmatch(rf"\$\{{?{assigned[-1]}\b.*", name)), None)
        if name is not None:
            yield (
                f"line {made.line} runs {name}, which differs between branches of the script, with {shown} in line {number}; "
                "write that command out"
            )
    yield f"line {number} has {shown}, and no command of this script takes it; read the script with the command that does"


def _first(pattern: re.Pattern[str], lines: Sequence[str], start: int, end: int) -> tuple[int, str | None]:
    """The first match in some lines, with the number of its line; comments are left out."""
    for place in range(start, end):
        if not lines[place].lstrip().startswith("#") and (found := pattern.search(lines[place])):
            return place + 1, found[0]
    return 0, None


def _to_read(ran: Sequence[shell.Ran]) -> str:
    """The scripts that the commands start, which may train."""
    names: dict[str, int] = {}
    for made in ran:
        program = program_of(made.words, made.environment)
        words = [program[0].name] if program else []
        words += [word for word in made.words if word.endswith((".sh", ".slurm", ".sbatch"))]
        for word in words:
            if word.endswith((".py", ".sh", ".slurm", ".sbatch")) or (word and "-m" in made.words):
                names.setdefault(str(readable(word)), made.line)
    shown = ", ".join(f"{name} (line {line})" for name, line in [*names.items()][:3])
    return f"; if one of the scripts that it starts trains, read that: {shown}" if shown else ""
