"""YAML and JSON files that a Python script loads its settings from: numbers, and the names of schedules.

An untrusted script may name any file below its folder, so that no other text of the file may come into a message.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path

from optax_lr.interop.transformers import BY_METRIC, SCHEDULERS
from optax_lr.sources.documents import document_of
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.files import file_below, text_of
from optax_lr.sources.python.scopes import Scope
from optax_lr.sources.source import Form
from optax_lr.text import words

LOADERS = words(
    "yaml.safe_load yaml.full_load yaml.load json.load json.loads toml.load toml.loads tomllib.load tomllib.loads "
    "tomli.load omegaconf.OmegaConf.load"
)
_FORMS: Mapping[str, Form] = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}
HIDDEN = "<a text of the file>"  # instead of a text that is neither a number nor the name of a schedule
_NUMBER = re.compile(r"[+-]?(\d[\d_]*\.?\d*|\.\d+)([eE][+-]?\d+)?")
_NAMES = words("steps epoch no") | SCHEDULERS.keys() | BY_METRIC.keys()


class Loaded(dict[object, object]):
    """A mapping in a file, whose keys are private, too: the script must name them."""


def loaded(name: str, folder: Path | None) -> Loaded | None:
    """The settings in a file; None where it is not here or cannot be read."""
    path, _ = file_below(name, folder)
    if path is None or path.suffix not in _FORMS:
        return None
    try:
        document = document_of(name, text_of(str(path)), form=_FORMS[path.suffix], folder=None)
    except ConfigError:
        return None
    return Loaded({key: shown(value) for key, value in document.values.items()})


def shown(value: object) -> object:
    """A value without private texts."""
    if isinstance(value, Mapping):
        return Loaded({key: shown(item) for key, item in value.items()})
    if isinstance(value, (list, tuple)):
        return [shown(item) for item in value]
    public = value is None or isinstance(value, (bool, int, float)) or value in _NAMES
    return value if public or _NUMBER.fullmatch(str(value)) else HIDDEN


def is_private(value: object) -> bool:
    """Whether a value has a private text or a mapping of a file in it."""
    if isinstance(value, Loaded) or value == HIDDEN:
        return True
    if isinstance(value, dict):
        return any(map(is_private, value.values()))
    return isinstance(value, (list, tuple)) and any(map(is_private, value))


def opened(file: ast.expr, scope: Scope) -> ast.expr:
    """The path of an open file in the statement `with open(path) as file`; `file` itself where it is a path."""
    match file:
        case ast.Call(func=ast.Name(id="open"), args=[path, *_]):
            return path
        case ast.Call(func=ast.Attribute(value=path, attr="open" | "read_text")):
            return path
        case ast.Call(func=ast.Attribute(value=inner, attr="read")) | ast.Call(func=ast.Name(id="Path"), args=[inner]):
            return opened(inner, scope)
        case ast.Name(id=name) if len(scope.opened.get(name, ())) == 1 and not isinstance(
            scope.opened[name][0], ast.Name
        ):
            return opened(scope.opened[name][0], scope)
    return file
