"""Notebooks: the code of their cells as one Python script."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from optax_lr.sources import python
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.source import Source


def notebook_sources(path: str, text: str, folder: Path | None) -> list[Source]:
    """A source for each call of a known constructor in the cells.

    Raises:
        ConfigError: for what is no notebook, and for one without such a call.
    """
    code, places = code_of(path, text)
    made = python.script_sources(path, code, folder)
    return [
        dataclasses.replace(
            source,
            form="notebook",
            text=text,
            lines={key: places[line - 1] for key, line in source.lines.items() if line <= len(places)},
        )
        for source in made
    ]


def code_of(path: str, text: str) -> tuple[str, list[int]]:
    """The code of all cells, and for each of its lines the line in the file.

    Lines of the shell and magics become comments; a cell that is no Python is left out.
    """
    try:
        cells = json.loads(text)["cells"]
        sources = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        blocks = [source if isinstance(source, str) else "".join(source) for source in sources]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ConfigError(f"{path}: not a notebook of Jupyter: its cells cannot be read") from None
    raw = text.splitlines()
    at, code, places = 0, [], []
    for block in blocks:
        rows = block.split("\n")
        if rows and rows[0].startswith("%%"):
            rows = ["" for _ in rows]
        elif not _is_python(rows):
            rows = [f"# {row}" for row in rows]
        for row in rows:
            written = json.dumps(row, ensure_ascii=False)[1:-1]
            found = next((number for number in range(at, len(raw)) if written and written in raw[number]), None)
            at = at if found is None else found
            code.append(_plain(row))
            places.append(at + 1)
    return "\n".join(code) + "\n", places


def _plain(row: str) -> str:
    start = row.lstrip()
    return f"{row[: len(row) - len(start)]}pass  # {start}" if start.startswith(("!", "%")) else row


def _is_python(rows: list[str]) -> bool:
    import ast

    try:
        ast.parse("\n".join(map(_plain, rows)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
