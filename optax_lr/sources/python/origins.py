"""Where an object of a Python script comes from whose values are not literals: `cfg` of `learning_rate=cfg.lr`."""

from __future__ import annotations

import ast
import re

from optax_lr.sources.python.constructors import HOMES
from optax_lr.sources.python.imports import Program, file_name
from optax_lr.sources.python.syntax import Named, texts_of
from optax_lr.sources.python.unread import KNOWN
from optax_lr.text import start_of, words

_ROOT = re.compile(r"(?<![\w.'\"])([A-Za-z_]\w*)(?=\.|\[)")
_PACKAGES = words(
    "absl addict attr attrs box click clearml composer configargparse dacite detectron2 dotenv draccus easydict environs fire "
    "fvcore gin hydra jsonargparse lightning_fabric litgpt llmfoundry ml_collections mmcv mmengine munch omegaconf optuna "
    "pydantic pydantic_settings pyrallis ray sacred simple_parsing tap timm traitlets tyro typer yacs yaml"
)
_NO_OBJECT = frozenset({"self", "math", "os", "np", "torch"})


def origin_of(script: Program, text: str, depth: int = 3) -> str:
    """What the one object is in which an expression looks up a value; empty where there are several, or it is not known."""
    names = set(_ROOT.findall(text)) - _NO_OBJECT
    if len(names) != 1 or not depth or text.endswith("(set later)"):
        return ""
    name = names.pop()
    if name in script.options.holders:
        owner, _, key = text.rpartition(".")
        later = [binding.line for binding in script.attributes.get((owner, key), ())]
        changed = f", and line {later[0]} sets {text}" if later else ""
        return f"{name} has the options of a command{changed}; read the shell script with it, if there is one"
    if name in script.imported:
        return _imported(script, name, script.imported[name].rpartition(".")[0] or script.imported[name])
    scopes = [scope for scope in script.scopes if name in scope.names]
    made = [value for scope in scopes for value in scope.values(name) if value is not None]
    if len(made) == 1:
        is_made = f"{name} is {start_of(ast.unparse(made[0]), 60)} in line {made[0].lineno}"
        if isinstance(made[0], ast.Call):
            first = ast.unparse(made[0].args[0]).partition(".")[0] if made[0].args else ""
            opened = [call for scope in script.scopes for call in scope.opened.get(first, ())]
            files = texts_of(file for call in opened if isinstance(call, ast.Call) for file in call.args[:1])
            called, module = ast.unparse(made[0].func), script.qualified(made[0].func).rpartition(".")[0]
            if files or not module or called not in script.imported:
                return f"{is_made}, of {files[-1]}" if files else is_made
            return _imported(script, called, module) if called[:1].isupper() else f"{is_made}, of {module}"
        further = origin_of(script, ast.unparse(made[0]), depth - 1)
        return f"{is_made}, and {further}" if further else is_made
    functions = {scope.function.name for scope in scopes if isinstance(scope.function, Named)}
    return f"{name} is an argument of {functions.pop()}()" if not made and len(functions) == 1 else ""


def _imported(script: Program, name: str, module: str) -> str:
    """Where an imported name comes from; the file of a module in the folder of the script would be read with it."""
    from_module = f"{name} is imported from {module}"
    installed = module.partition(".")[0] in KNOWN | _PACKAGES | set(HOMES)
    if installed or module.startswith("..") or script.file_of(module) is not None:
        return from_module
    return f"{from_module}; read the script with {file_name(module)} in its folder"
