"""The definition of a log format: how it is recognised and read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import IO, NamedTuple

from optax_lr.configs import ConfigError
from optax_lr.logs.columns import Builder

HEAD = 2**20  # characters by which a format is recognised
MOST_BYTES = 2**30  # of a file, or of all event files of a folder
_PIECE = 2**17  # characters that are read at once
LARGEST_LINE = 2**22  # characters of one entry; a real one has a few hundred
Found = tuple[Mapping[str, object], list[str]]  # the facts about the run in addition to the rows, and notes


class Format(NamedTuple):
    """One format; `optax_lr/logs/read.py` lists them all.

    Fields:
        name: such as `trainer_state`.
        recognises: whether a file that begins with this text is of the format.
        read: reads `file`, named in messages, into the builder.
    """

    name: str
    recognises: Callable[[str], bool]
    read: Callable[[IO[str], str, Builder], Found]


_ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def lines(file: IO[str], source: str, builder: Builder) -> Iterator[str]:
    """The lines of a file, none of them long enough to fill the memory."""
    rest = ""
    while text := file.read(_PIECE):
        builder.check_time()
        *whole, rest = (rest + text).split("\n")
        for line in whole:
            yield f"{line}\n"
        if len(rest) >= LARGEST_LINE:
            raise ConfigError(f"{source}: a line has more than {LARGEST_LINE:,} characters; no log has such lines")
    if rest:
        yield rest


def console_lines(file: IO[str], source: str, builder: Builder) -> Iterator[str]:
    """The lines of a console log: without colours, and split where a progress bar went back to the start of its line."""
    for line in lines(file, source, builder):
        yield from _ESCAPE.sub("", line).replace("\r", "\n").splitlines()


class Fields(NamedTuple):
    """A line of a console log that has a step and numbers: `Step 10 | loss:1.25 lr:3e-06`.

    Fields:
        step: matches a line that is an entry; its first group is the step, the second, if any, the length of the run.
            With groups named `epoch`, `step` and `of`, the step is counted in each epoch of that many steps.
        numbers: for each column the pattern of its number, the first group.
    """

    step: re.Pattern[str]
    numbers: Mapping[str, re.Pattern[str]]

    def entry(self, line: str) -> dict[str, object] | None:
        """The line as an entry; None where it is none."""
        step = self.step.search(line)
        if step is None:
            return None
        found: dict[str, object] = {
            name: match[1] for name, pattern in self.numbers.items() if (match := pattern.search(line))
        }
        if not found:
            return None
        counts = step.groupdict()
        if "epoch" in counts:
            found["step"] = (int(counts["epoch"]) - 1) * int(counts["of"]) + int(counts["step"])
            return found
        found["step"] = step[1]
        if step.re.groups > 1 and step[2]:
            found["max_steps"] = step[2]
        return found


NUMBER = r"[:= ]+\s*([-+]?(?:\d[\d.]*(?:[eE][-+]?\d+)?|nan|inf))"


def number_after(name: str) -> re.Pattern[str]:
    """A number behind its name: `lr: 1e-05`, `lr=1e-05`, `lr 1e-05`."""
    return re.compile(rf"(?<![\w/]){name}{NUMBER}", re.IGNORECASE)


def console(name: str, *kinds: Fields) -> Format:
    """A format of lines, each of one of `kinds`."""

    def recognises(head: str) -> bool:
        found = 0
        for line in _ESCAPE.sub("", head).splitlines():
            found += len(line) < LARGEST_LINE and any(kind.entry(line) for kind in kinds)
            if found > 1:
                return True
        return False

    def read(file: IO[str], source: str, builder: Builder) -> Found:
        header: dict[str, object] = {}
        for line in console_lines(file, source, builder):
            for kind in kinds:
                if entry := kind.entry(line):
                    if length := entry.pop("max_steps", None):
                        header["max_steps"] = length
                    builder.add(entry)
                    break
        return header, []

    return Format(name, recognises, read)
