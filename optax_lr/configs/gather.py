"""Every config in a file, in a mapping or in a command line, parsed by the form of its text."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from optax_lr.arguments import file_name
from optax_lr.configs.cells import cell_configs, notebook_configs
from optax_lr.configs.commands import SHELL, command_source, training_commands
from optax_lr.launchers import separated
from optax_lr.sources import card, notebook, python, shell, wandb
from optax_lr.sources.documents import documents_of, renamed
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.files import LARGEST_FILE, LARGEST_NOTEBOOK, conflict_in, text_of
from optax_lr.sources.loading_script import note_on_script
from optax_lr.sources.parsing import unresolved
from optax_lr.sources.source import Form, Source
from optax_lr.text import counted
from optax_lr.trainers.trl import apart

_FORMS: Mapping[str, Form] = {".json": "json", ".toml": "toml"}
_DOCSTRING = "the command is that of the docstring; what the script does with its settings afterwards is not read"
_NOT_READ = {
    ".bat": "a batch file of Windows",
    ".cmd": "a batch file of Windows",
    ".ps1": "a PowerShell script",
    ".cfg": "an INI file",
    ".ini": "an INI file",
    ".xml": "an XML file",
    ".gin": "a gin file",
    ".jsonnet": "a Jsonnet file",
}


def sources_of(
    source: str | os.PathLike[str] | Mapping[str, object] | Sequence[str], values: Mapping[str, object] | None = None
) -> list[Source]:
    """Every config in `source`, parsed; those of `values` that are options of a script are given to it.

    Raises:
        ConfigError: for what cannot be parsed, and for a file without a config.
    """
    if isinstance(source, Mapping):
        return [wandb.recorded(Source("<mapping>", unresolved(source), {}, "mapping"))]
    if isinstance(source, (list, tuple)):
        if not all(isinstance(word, str) for word in source):
            raise ConfigError("<command line>: a command line is a list of text, such as ['--learning_rate', '2e-5']")
        return [command_source("<command line>", shell.Ran(tuple(words), {}, 1), None) for words in separated(source)]
    path = file_name(
        "a config", source, of="a file", instead=", a mapping of its keys, or a command line as a list of words"
    )
    numbered = re.fullmatch(r"(?s:(.+))#[1-9]\d*", path)  # one config of a file, by the name that is printed for it
    if numbered is not None and not os.path.lexists(path) and os.path.isfile(numbered[1]):
        found = sources_of(numbered[1], values)
        if chosen := [one for one in found if one.name == path]:
            return chosen
        raise ConfigError(f"{path}: {numbered[1]} holds {counted(len(found), 'config')}; give a lower number, or none")
    suffix = Path(path).suffix.lower()
    if suffix in _NOT_READ:
        raise ConfigError(
            f"{path}: {_NOT_READ[suffix]} is not read; write the options of its training command to a YAML file or a shell script"
        )
    text = text_of(path, LARGEST_NOTEBOOK if suffix == ".ipynb" else LARGEST_FILE)
    conflict = conflict_in(path, text)
    if conflict is not None and suffix in SHELL:  # to a shell, the markers are redirections
        raise conflict
    try:
        return _sources_in(path, suffix, text, values or {})
    except ConfigError as error:
        raise (conflict or error) from None


def _script(path: str, text: str, folder: Path, values: Mapping[str, object]) -> list[Source]:
    """The configs of a Python script, or those of the commands in its docstring if its settings come from the command line."""
    try:
        return python.script_sources(path, text, folder, added=values)
    except ConfigError:
        if commands := python.docstring_commands(path, text):
            with contextlib.suppress(ConfigError):
                found = training_commands(path, commands, folder, values=values)
                return [source.noted(_DOCSTRING) for source in found]
        raise


def _sources_in(path: str, suffix: str, text: str, values: Mapping[str, object]) -> list[Source]:
    """Every config in the text of a file.

    Raises:
        ConfigError: as for `sources_of`.
    """
    folder = Path(path).parent
    if suffix == ".py" or re.match(r"#!.*\bpython", text):
        export = notebook.export_of(text)
        if export is None:
            return _script(path, text, folder, values)
        return cell_configs(path, export, text, folder, "python", values)
    if suffix == ".ipynb":
        return notebook_configs(path, text, folder, values)
    if suffix in SHELL or text.startswith("#!"):
        return training_commands(path, text, folder, values=values)
    if suffix == ".md":
        try:
            return [card.source_of(path, text, folder)]
        except ConfigError as error:
            with contextlib.suppress(ConfigError):
                return training_commands(path, card.shell_blocks(text), folder, values=values)
            raise ConfigError(
                f"{error}, and no block of shell commands that trains; read the config of the training"
            ) from None
    documents = documents_of(path, text, _FORMS.get(suffix, "yaml"), folder)
    sources = renamed(path, [part for document in documents for part in apart(wandb.recorded(document))])
    note = note_on_script(Path(path))
    return sources if note is None else [source.noted(note) for source in sources]
