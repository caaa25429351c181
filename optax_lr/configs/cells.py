"""The configs in a notebook: in its Python, in its commands, and in the files that its cells write."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

from optax_lr.configs.commands import SHELL, training_commands
from optax_lr.sources import notebook, python
from optax_lr.sources.documents import documents_of, renamed
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.files import file_below
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.run_facts import written_files
from optax_lr.sources.source import Form, Program, Source
from optax_lr.trainers import recognise

_CHANGES = re.compile(r"\s*(?:sed\s.*-i|(?:cp|mv|wget|curl|yq|perl|tee)\s)")  # commands that write files


def notebook_configs(path: str, text: str, folder: Path, values: Mapping[str, object] | None = None) -> list[Source]:
    """Every config in the text of a notebook."""
    return cell_configs(path, notebook.cells_of(path, text), text, folder, "notebook", values or {})


def cell_configs(
    path: str, cells: notebook.Notebook, text: str, folder: Path, form: Form, values: Mapping[str, object]
) -> list[Source]:
    """Every config in the cells of a file.

    Args:
        path: the file.
        cells: its cells.
        text: its text.
        folder: where files that it names are looked for.
        form: the form of its Python configs.
        values: keys that the user gives, which may be options of scripts.

    Raises:
        ConfigError: for a file without a config.
    """
    found: list[Source] = []
    ran: list[Source] = []
    why = ConfigError(f"{path}: no config is in the cells of this notebook")
    left_out = tuple(f"{place} is not Python, and the whole cell is left out; correct it" for place in cells.wrong)
    left_out += tuple(
        f"%run in line {cells.places[line - 1]} runs {name}, which is not read; it may replace any variable of the cells"
        for line, name in cells.started
    )
    changed = [word for row in cells.commands.splitlines() if _CHANGES.match(row) for word in row.split()]
    written = [known for name in cells.files for known in (name, Path(name).name)]
    replaced = any(file_below(name, folder)[0] for name in (*written, *changed))
    try:
        made = python.script_sources(
            path, cells.code, folder, added=values, reads_files=not cells.moved and not replaced
        )
        found = [dataclasses.replace(source, form=form, text=text, notes=(*source.notes, *left_out)) for source in made]
    except ConfigError as error:
        why = notebook.error_in_file(error, path, cells.places)
    with contextlib.suppress(ConfigError):
        script = notebook.cell_commands(path, cells)
        dumped = written_files(Script(path, cells.code))
        commands = training_commands(path, script, folder, cells.files, values)
        ran = [
            dataclasses.replace(
                source, files={**dumped, **source.files}, notes=(*source.notes, *_of_old_folder(source, cells, folder))
            )
            for source in commands
        ]
    found = [
        dataclasses.replace(source, lines=notebook.lines_in_file(source.lines, cells.places))
        for source in (*found, *ran)
    ]
    lines = [line for line in cells.commands.splitlines() if not line.startswith("cat >")]
    for name, body in cells.files.items():
        if ran and any(Path(name).name in line for line in lines):  # a command takes it
            continue
        with contextlib.suppress(ConfigError):
            found += _configs_of_written(name, body, folder, reads_files=not replaced)
    if not found:
        raise ConfigError(f"{path}: {'; '.join(left_out)}") if left_out else why
    return renamed(path, found)


def _of_old_folder(source: Source, cells: notebook.Notebook, folder: Path) -> list[str]:
    """A note where a command names a file, and the cells before it change the working directory."""
    command = source.program or Program(source.named, line=len(cells.places))
    moved = [cells.places[line - 1] for line in cells.moved if line <= command.line]
    values = (command.name, *command.positional, *command.options.values())
    named = [str(value) for value in values if str(value) not in cells.files and file_below(str(value), folder)[0]]
    if not moved or not named:
        return []
    what = f"line {moved[-1]} changes the working directory"
    return [f"{what}; a file that the command names is looked for in the folder of this notebook, and may be another"]


def _configs_of_written(name: str, body: str, folder: Path, *, reads_files: bool) -> list[Source]:
    """The configs in a file that a cell writes.

    Raises:
        ConfigError: if the file holds no config.
    """
    if name.endswith(".py"):
        return python.script_sources(name, body, folder, reads_files=reads_files)
    if name.endswith((".yaml", ".yml", ".json")):
        made = documents_of(name, body, "json" if name.endswith(".json") else "yaml", folder)
        for source in made:
            recognise(source)
        return made
    return training_commands(name, body, folder) if name.endswith(SHELL) else []
