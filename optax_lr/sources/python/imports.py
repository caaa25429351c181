"""Values that a script imports from modules in its folder; they are parsed as the script is, and never run.

As in the files that a script loads, no text of a module but numbers and names of schedules may come into a message.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.files import LARGEST_FILE, file_below, text_of
from optax_lr.sources.python.literals import Script
from optax_lr.sources.python.loaded import shown
from optax_lr.sources.python.scopes import UnknownError

_LAST = 10**9  # a line behind every statement


class Program(Script):
    """A script with the modules in its folder."""

    def __init__(self, path: str, text: str, options: Mapping[str, object] | None = None) -> None:
        super().__init__(path, text, options)
        self._options = options
        self._modules: dict[Path, Program | None] = {}  # of the script and all of its modules together

    def elsewhere(self, name: str, attribute: str = "") -> object:
        """The value of an imported name, such as `config.RATE`, or of an attribute of it."""
        module, _, last = name.rpartition(".")
        if attribute and (script := self._module(name)) is not None:  # `import config`
            module, last, attribute = name, attribute, ""
        else:
            script = self._module(module)
        if script is None:
            raise UnknownError
        before = dict(script.notes)
        use = ast.Name(last, ast.Load(), lineno=_LAST)
        value = script._attribute(last, attribute, script.top) if attribute else script._name(use, script.top)
        assumed = ", with defaults that the environment or a command may replace" if script.notes != before else ""
        self.notes[f"settings are taken from {_file(module)}{assumed}"] = None
        return shown(value)

    def _module(self, name: str) -> Program | None:
        """The script of a module in the folder; None where there is none that can be read."""
        path = None if self.folder is None or not name.strip(".") else file_below(_file(name), self.folder)[0]
        if path is None:
            return None
        if path not in self._modules:
            self._modules[path] = None  # while it is parsed, in which it may import this one
            self._modules[path] = self._parsed_module(path)
        return self._modules[path]

    def _parsed_module(self, path: Path) -> Program | None:
        """The module; None where it is not Python, and where all modules together are longer than a script may be."""
        try:
            text = text_of(str(path))
            read = sum(len(module.text) for module in self._modules.values() if module is not None)
            if read + len(text) > LARGEST_FILE:
                return None
            made = Program(str(path), text, self._options)
        except ConfigError:
            return None
        made.folder, made.environment, made._modules = path.parent, self.environment, self._modules
        return made


def _file(module: str) -> str:
    """The file of a module below the folder of the script: `.config` and `config` are `config.py`."""
    return "/".join(part for part in module.split(".") if part) + ".py"
