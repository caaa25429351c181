"""YAML, JSON and TOML files as sources: one for each document."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.parsing import DEEPEST, MOST_VALUES, parse
from optax_lr.sources.source import Form, Source

_Part = TypeVar("_Part")
MOST_CONFIGS = 100  # in a file
# A dotted name with more parts than a config has: the time of Python's parser grows with the square of their number.
_DOTTED = re.compile(rf"""(?:(?:(?<![\w-])[\w-]++|'[^'\n]*+'|"[^"\n]*+")[ \t]*+\.[ \t]*+){{{DEEPEST}}}""")


def documents_of(path: str, text: str, form: Form, folder: Path | None) -> list[Source]:
    """Every document of a file, parsed.

    Raises:
        ConfigError: for an empty file, and for what cannot be parsed.
    """
    if form == "toml":
        return [document_of(path, text, form=form, folder=folder)]
    parts = [(0, text)] if form == "json" else list(_parts(text))
    parts = [(before, part) for before, part in parts if _has_content(part)]
    if not parts:
        raise ConfigError(f"{path}: the file is empty; a config needs at least learning_rate or lr_scheduler_type")
    if len(parts) > MOST_CONFIGS:
        raise ConfigError(f"{path}: {len(parts):,} documents are too many; at most {MOST_CONFIGS} are read")
    return [
        document_of(name, part, form=form, folder=folder, lines_before=before)
        for name, (before, part) in numbered(path, parts)
    ]


def document_of(name: str, text: str, *, form: Form, folder: Path | None, lines_before: int = 0) -> Source:
    """The single YAML, JSON or TOML document in `text`."""
    if form == "toml":
        return _toml(name, text, folder)
    document = parse(name, text, is_json=form == "json", lines_before=lines_before)
    return Source(name, document.values, document.lines, form, text, folder, twice=document.twice)


def numbered(path: str, parts: Sequence[_Part]) -> Iterator[tuple[str, _Part]]:
    """Each part with its name: the path, and a number where there are several."""
    for place, part in enumerate(parts, 1):
        yield (path if len(parts) == 1 else f"{path}#{place}"), part


def renamed(path: str, sources: Sequence[Source]) -> list[Source]:
    """The configs of a file, each with its name."""
    return [source.called(name) for name, source in numbered(path, sources)]


def _toml(path: str, text: str, folder: Path | None) -> Source:
    if text.count("=") + text.count("[") + text.count(",") > 2 * MOST_VALUES:
        raise ConfigError(f"{path}: more than {MOST_VALUES:,} values are too many for a config")
    try:
        if _DOTTED.search(text):
            raise RecursionError
        values = tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply for a config") from None
    except ValueError as error:
        raise ConfigError(f"{path}: not TOML: {str(error).splitlines()[0]}") from None
    lines: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[([\w.\-]+)\]", line):
            section = f"{header[1]}."
            lines.setdefault(header[1], number)
        elif key := re.match(r"\s*([\w.\-]+)\s*=", line):
            lines.setdefault(f"{section}{key[1]}", number)
            lines.setdefault(key[1], number)  # for programs that take no notice of sections
    return Source(path, values, lines, "toml", text, folder)


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """The documents of a YAML file, each with the number of lines before it."""
    start = lines = 0
    for mark in re.finditer(r"(?m)^---[ \t]*(?:#.*)?$", text):
        yield lines, text[start : mark.start()]
        lines += text.count("\n", start, mark.end())
        start = mark.end()
    yield lines, text[start:]


def _has_content(text: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())
