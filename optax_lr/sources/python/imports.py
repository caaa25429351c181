"""Values that a script imports from modules in its folder; they are parsed as the script is, and never run.

As in the files that a script loads, no text of a module but numbers and names of schedules may come into a message.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.files import file_below, text_of
from optax_lr.sources.python.literals import Script
from optax_lr.sources.python.loaded import shown
from optax_lr.sources.python.scopes import UnknownError

_MOST = 20  # modules that a script and its modules import
_LAST = 10**9  # a line behind every statement


class Program(Script):
    """A script with the modules in its folder."""

    def __init__(self, path: str, text: str, options: Mapping[str, object] | None = None) -> None:
        super().__init__(path, text, options)
        self._options = options
        self._modules: dict[str, Program | None] = {}

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
        if name not in self._modules and self.folder is not None and name.strip("."):
            self._modules[name] = None
            file = _file(name)
            path, _ = file_below(file, self.folder)
            if path is not None and len(self._modules) <= _MOST:
                self._modules[name] = self._parsed_module(path)
        return self._modules.get(name)

    def _parsed_module(self, path: Path) -> Program | None:
        try:
            made = Program(str(path), text_of(str(path)), self._options)
        except ConfigError:
            return None
        made.folder, made.environment, made._modules = path.parent, self.environment, dict(self._modules)
        return made


def _file(module: str) -> str:
    """The file of a module below the folder of the script: `.config` and `config` are `config.py`."""
    return "/".join(part for part in module.split(".") if part) + ".py"
