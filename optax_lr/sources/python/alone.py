"""Scripts whose files are not those in their folder: they change the working directory, or a notebook writes the files first."""

from __future__ import annotations

import ast
import re
from typing import NoReturn

from optax_lr.sources.python.imports import Program
from optax_lr.sources.python.literals import Script
from optax_lr.sources.python.scopes import Scope, UnknownError

_OWN = re.compile(
    r"os\.path\.dirname\((?:os\.path\.(?:abspath|realpath)\()?__file__\)*|(?:pathlib\.)?Path\(__file__\)(?:\.resolve\(\))?\.parent"
)


class Alone(Program):
    """A script that takes no value from a file."""

    def elsewhere(self, name: str, attribute: str = "") -> NoReturn:
        """An imported value, which is not known."""
        raise UnknownError

    def _loaded(self, node: ast.Call, scope: Scope) -> NoReturn:
        raise UnknownError


def changes_folder(script: Script) -> bool:
    """Whether a script changes the working directory to another than its own folder."""
    changes = [call for call in script.calls if call.name in ("os.chdir", "contextlib.chdir")]
    return any(not _OWN.fullmatch(ast.unparse(call.node.args[0])) for call in changes if call.node.args)
