"""Notebooks: the code of their cells as one Python script, and their commands as one shell script."""

from __future__ import annotations

import ast
import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from optax_lr.findings import Edit
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.files import LARGEST_FILE, check_parts
from optax_lr.sources.python.edits import rewritten_script
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.syntax import UnknownError, parsed

_SHELL_CELL = re.compile(r"%%(?:bash|sh|shell|!|script\s+(?:--\S+\s+)*(?:/bin/)?(?:ba)?sh)\b")
_PYTHON_CELL = re.compile(r"%%(?:time|timeit|capture|prun|memit|mprun|lprun|debug)\b")  # whose body is Python, and runs
_TIMED = re.compile(r"%time\s+(?=\w)(.*)", re.DOTALL)
_FILE_CELL = re.compile(r"%%(?:writefile|file)\s+(-a\s+)?(\S+)")
_VARIABLE = re.compile(r"(?<!\$)\{([A-Za-z_]\w*)\}")
_NAME = r"[A-Za-z_]\w*"
_OF_IPYTHON = re.compile(r"[!%?]|cd\s+[\w.~/$'\"{]|[\w.]+\s*=\s*[!%]|[\w.]+\?+\s*$")  # a command, a magic, a question
_CHANGE_OF_FOLDER = re.compile(r"\s*(?:pass  # %?cd\b|os\.chdir\()")
_RUN = re.compile(r"\s*pass  # %run\s+(?:-\S+\s+)*(\S+)")
_SETTINGS = re.compile(r"Arguments|Config\(|learning_rate|sched|warmup|epochs|max_steps|optim|\blr\b")
_MOST_COMPARED = 2**28  # characters, to find the lines of the cells in the file; then lines are those found last


class Notebook(NamedTuple):
    """The contents of the cells of a notebook.

    Fields:
        code: their Python; shell commands and magics are comments.
        commands: their shell commands, files that they write as here-documents.
        places: for each line of the code and of the commands, the line in the file.
        files: the text of each file that a cell writes, by path.
        wrong: where the first error is in each cell with settings that is not Python, and is left out.
    """

    code: str
    commands: str
    places: list[int]
    files: Mapping[str, str]
    wrong: list[str]

    @property
    def moved(self) -> list[int]:
        """The lines of the code that change the working directory."""
        return [number for number, row in enumerate(self.code.split("\n"), 1) if _CHANGE_OF_FOLDER.match(row)]

    @property
    def started(self) -> list[tuple[int, str]]:
        """The scripts that `%run` starts, which leave their variables in the notebook, each with its line of the code."""
        rows = enumerate(self.code.split("\n"), 1)
        return [(number, found[1]) for number, row in rows if (found := _RUN.match(row))]


def cells_of(path: str, text: str) -> Notebook:
    """The cells of a notebook.

    Raises:
        ConfigError: for what is not a notebook.
    """
    blocks = _blocks(path, text)
    if sum(map(len, blocks)) > LARGEST_FILE:
        raise ConfigError(
            f"{path}: its cells have more than {LARGEST_FILE:,} characters of code; save what trains to a script"
        )
    raw = text.splitlines()
    left = _MOST_COMPARED
    code: list[str] = []
    shell: list[str] = []
    places: list[int] = []
    files: dict[str, str] = {}
    wrong: list[str] = []
    at = 0
    for cell, block in enumerate(blocks):
        rows = block.split("\n")
        for row in rows:
            written = json.dumps(row, ensure_ascii=False)[1:-1]
            for number in range(at, len(raw)) if written else ():
                left -= len(raw[number])
                if left < 0:
                    break
                if written in raw[number]:
                    at = number
                    break
            places.append(at + 1)
        commands, plain, row_of_error = _divided(rows)
        if row_of_error and _SETTINGS.search(block):
            wrong.append(f"row {row_of_error} of code cell {cell + 1}")
        if writes := _FILE_CELL.match(rows[0]):
            appends, name = bool(writes[1]), writes[2].strip("'\"")
            files[name] = (files.get(name, "") if appends else "") + "\n".join(rows[1:]) + "\n"
            mark = f"END_OF_CELL_{cell}"
            commands = [f"cat {'>>' if appends else '>'} {name} <<'{mark}'", *rows[1:], mark]
            plain.append("")
            places.append(at + 1)
        shell += commands
        code += plain
    return Notebook("\n".join(code) + "\n", "\n".join(shell) + "\n", places, files, wrong)


def export_of(text: str) -> Notebook | None:
    """The contents of a notebook that was saved as a script with its `!` and `%` lines, as Colab does; None for any other text.

    >>> export_of("!pip install trl\\nlr = 1e-4").code, export_of("lr = 1e-4")
    ('pass  # !pip install trl\\nlr = 1e-4', None)
    """
    rows = text.split("\n")
    if not any(row.lstrip().startswith(("!", "%")) for row in rows) or not _wrong_row(rows):
        return None
    shell, plain, wrong = _divided(rows)
    places = list(range(1, len(rows) + 1))
    return Notebook("\n".join(plain), "\n".join(shell), places, {}, [f"line {wrong}"] if wrong else [])


def _blocks(path: str, text: str) -> list[str]:
    check_parts(path, text)
    try:
        cells = json.loads(text)["cells"]
        sources = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        return [source if isinstance(source, str) else "".join(source) for source in sources]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ConfigError(f"{path}: not a notebook of Jupyter: its cells cannot be read") from None


def _divided(rows: list[str]) -> tuple[list[str], list[str], int]:
    """The rows of a cell that are shell, those that are Python, and the row of the first syntax error, 0 for none.

    Both have as many rows as the cell, empty where they are of the other kind. A cell with an error has no Python.
    """
    none = [""] * len(rows)
    if _SHELL_CELL.match(rows[0]):
        return ["", *rows[1:]], none, 0
    if rows[1:] and _PYTHON_CELL.match(rows[0]):
        shell, plain, wrong = _divided(rows[1:])
        return ["", *shell], [f"# {rows[0]}", *plain], wrong + 1 if wrong else 0
    if rows[0].startswith("%%"):
        return none, none, 0
    if not _wrong_row(rows):
        return none, rows, 0
    shell, plain, continued = [], [], ""
    for row in rows:
        start = row.lstrip()
        kind = continued or (start[:1] if _OF_IPYTHON.match(start) else "")
        if not continued and (timed := _TIMED.match(start)) and not _wrong_row([timed[1]]):
            row, start, kind = row.replace(start, timed[1]), timed[1], ""
        variable = re.match(rf"%(?:set_)?env\s+({_NAME})[=\s]\s*(.*)", start)
        if kind == "!":
            shell.append(row if continued else start.lstrip("!"))
        else:
            shell.append(f"export {variable[1]}={variable[2]}" if variable else "")
        indent = row[: len(row) - len(start)]
        plain.append(f"# {start}" if continued else f"{indent}pass  # {start}" if kind else row)
        continued = kind if row.endswith("\\") else ""
    wrong = _wrong_row(plain)
    return shell, [f"# {row}" for row in rows] if wrong else plain, wrong


def _wrong_row(rows: list[str]) -> int:
    """The row of the first syntax error of Python; 0 for none."""
    try:
        parsed("", "\n".join(rows))
    except ConfigError as error:
        line = re.search(r" in line (\d+); ", str(error))
        return min(int(line[1]), len(rows)) if line else 1
    return 0


def lines_in_file(lines: Mapping[str, int], places: list[int]) -> dict[str, int]:
    """Lines of a script that was made of the cells as lines of the file."""
    return {key: places[line - 1] for key, line in lines.items() if line <= len(places)}


def error_in_file(error: ConfigError, path: str, places: list[int]) -> ConfigError:
    """An error about a script that was made of the cells, with the lines of the file."""
    text = str(error).removeprefix(path)
    return ConfigError(path + re.sub(r"(?<=\bline )\d+", lambda found: str(places[int(found[0]) - 1]), text))


def cell_commands(path: str, notebook: Notebook) -> str:
    """The commands, with `{name}` replaced by the value that the Python code gives it, if that is a literal."""
    if not _VARIABLE.search(notebook.commands):
        return notebook.commands
    script = Script(path, notebook.code)

    def value(found: re.Match[str]) -> str:
        try:
            return str(script.value(ast.Name(found[1]), script.top))
        except UnknownError:
            return f"${found[1]}"

    return _VARIABLE.sub(value, notebook.commands)


def rewritten_notebook(path: str, text: str, edits: Iterable[Edit]) -> str:
    """The text of a notebook with keywords of its one config changed; every other byte stays.

    Raises:
        ConfigError: where the change is not one of whole rows of a cell.
    """
    before = cells_of(path, text)
    wanted = rewritten_script(path, before.code, edits)
    old, new = before.code.split("\n"), wanted.split("\n")
    by_hand = ConfigError(f"{path}: this cell cannot be changed in place; make the change by hand")
    lines = text.splitlines(keepends=True)
    for kind, first, last, start, stop in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        if kind == "insert" or (kind == "replace" and last - first != stop - start):
            raise by_hand
        for number in range(first, last):
            place = before.places[number] - 1
            row = json.dumps(old[number], ensure_ascii=False)[1:-1]
            if lines[place].count(row) != 1:
                raise by_hand
            made = json.dumps(new[start + number - first], ensure_ascii=False)[1:-1] if kind == "replace" else None
            lines[place] = "" if made is None else lines[place].replace(row, made)
    changed = "".join(lines)
    try:
        same = _without_sources(json.loads(changed)) == _without_sources(json.loads(text))
        if not same or cells_of(path, changed).code != wanted:
            raise by_hand
    except (ValueError, TypeError):
        raise by_hand from None
    return changed


def _without_sources(notebook: dict[str, list[dict[str, object]]]) -> dict[str, list[dict[str, object]]]:
    cells = [{key: value for key, value in cell.items() if key != "source"} for cell in notebook["cells"]]
    return {**notebook, "cells": cells}
