"""The text of a shell script as simple commands, its variables marked: what a shell does before it looks at words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from optax_lr.sources.errors import ConfigError

# Private characters around a variable's name while shlex splits: outside and inside of double quotes.
_OPEN, QUOTED, _CLOSE = "\ue000", "\ue001", "\ue002"
_VARIABLE = re.compile(r"\$(?:\{([^{}]*)\}|([A-Za-z_]\w*|[0-9@*#?]))")
_SUBSTITUTION = re.compile(r"\$\((?:[^()]|\([^()]*\))*\)|`[^`]*`")
MARK = re.compile(f"[{_OPEN}{QUOTED}]([^{_CLOSE}]*){_CLOSE}")
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")


def simple_commands(source: str, text: str) -> Iterator[tuple[int, str]]:
    """Each simple command with the number of its first line: continuations joined, comments gone, variables marked."""
    rows = text.split("\n")
    parts: list[str] = []
    start, number, quote, brackets = 1, 0, "", 0
    while number < len(rows):
        row = rows[number].rstrip("\r")
        number += 1
        heredoc = _HEREDOC.search(row) if not quote else None
        if not parts:
            start = number
        place, after_space = 0, True
        while place < len(row):
            char = row[place]
            if quote:
                quote = "" if char == quote else quote
            elif char in "'\"":
                quote = char
            elif char == "#" and after_space:
                break
            elif char == "(" and row[place - 1 : place] == "=":
                brackets += 1
            elif char == ")" and brackets:
                brackets -= 1
            elif char in ";&|" and not brackets and not _redirects(row, place):
                yield start, "".join(parts)
                parts, start = [], number
                place, after_space = place + 1, True
                continue
            if char == "\\" and quote != "'":
                parts.append(row[place : place + 2] if place + 1 < len(row) else "")
                after_space = False
                if place + 1 == len(row):
                    break
                place += 2
                continue
            marked = _marked(row, place, quote) if char in "$`" and quote != "'" else None
            if marked:
                parts.append(marked[0])
                place = marked[1]
            else:
                parts.append(char)
                place += 1
            after_space = char.isspace()
        continued = row.endswith("\\") and quote != "'" and place + 1 >= len(row)
        if not continued and not quote and not brackets:
            yield start, "".join(parts)
            parts = []
        else:
            parts.append("\n" if quote else " ")
        if heredoc:
            while number < len(rows) and rows[number].strip() != heredoc[2]:
                number += 1
            number += 1
    if quote:
        raise ConfigError(f"{source}: a quote of the command in line {start} is never closed")
    if parts:
        yield start, "".join(parts)


def _redirects(row: str, place: int) -> bool:
    """Whether this & belongs to `2>&1` or `&>`."""
    return row[place] == "&" and (row[place - 1 : place] == ">" or row[place + 1 : place + 2] == ">")


def _marked(row: str, place: int, quote: str) -> tuple[str, int] | None:
    found = _SUBSTITUTION.match(row, place) or _VARIABLE.match(row, place)
    if found is None:
        return None
    inner = found[0] if found.re is _SUBSTITUTION else found[1] or found[2]
    # What shlex would take for a quote or a space must not reach it.
    safe = inner.translate({ord(char): 0xE100 + ord(char) for char in " \t'\"\\"})
    return f"{QUOTED if quote else _OPEN}{safe}{_CLOSE}", found.end()


def shown(mark: re.Match[str]) -> str:
    """A mark as the script writes it."""
    inner = "".join(chr(ord(char) - 0xE100) if 0xE100 <= ord(char) < 0xE180 else char for char in mark[1])
    return (
        inner
        if inner.startswith(("$", "`"))
        else f"${inner}"
        if inner.isidentifier() or inner.isdigit()
        else f"${{{inner}}}"
    )
