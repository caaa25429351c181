"""Where an object of a Python script comes from whose values are not literals: `cfg` of `learning_rate=cfg.lr`."""

from __future__ import annotations

import ast
import re

from optax_lr.sources.python.constructors import HOMES
from optax_lr.sources.python.imports import Program, file_name
from optax_lr.sources.python.syntax import Function, Named, keyword_of, places_of, texts_of
from optax_lr.sources.python.unread import KNOWN
from optax_lr.text import start_of, words

_ROOT = re.compile(r"(?<![\w.'\"])([A-Za-z_]\w*)(?=\.|\[)")
_PACKAGES = words(
    "absl addict attr attrs box click clearml composer configargparse dacite detectron2 dotenv draccus easydict environs fire "
    "fvcore gin hydra jsonargparse lightning_fabric litgpt llmfoundry ml_collections mmcv mmengine munch omegaconf optuna "
    "pydantic pydantic_settings pyrallis ray sacred simple_parsing tap timm traitlets tyro typer yacs yaml"
)
COMPOSED = "that Hydra composes"
_NO_OBJECT = frozenset({"self", "math", "os", "np", "torch"})


def origin_of(script: Program, text: str, depth: int = 3) -> str:
    """What the one object is in which an expression looks up a value; empty where there are several, or it is not known."""
    if text.isidentifier():
        return _of_name(script, text)
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
    functions = {scope.function for scope in scopes if isinstance(scope.function, Named)}
    if made or len(functions) != 1:
        return ""
    function = functions.pop()
    return f"{name} is {hydra_config(script, function) or f'an argument of {function.name}()'}"


def hydra_config(script: Program, function: Function | None) -> str:
    """The config that Hydra passes to a function with `@hydra.main`; empty for any other function."""
    for decorator in function.decorator_list if isinstance(function, Named) else ():
        if isinstance(decorator, ast.Call) and script.qualified(decorator.func) == "hydra.main":
            parts = [
                given.value
                for key in ("config_path", "config_name")
                if isinstance(given := keyword_of(decorator, key), ast.Constant)
            ]
            named = f" in {'/'.join(map(str, parts)).removesuffix('.yaml')}.yaml" if len(parts) == 2 else ""
            return f"the config{named} {COMPOSED}"
    return ""


def _of_name(script: Program, name: str) -> str:
    """Where a variable is set more than once, or with which values a function is called that has it as an argument."""
    scopes = [scope for scope in script.scopes if name in scope.names]
    lines = sorted(binding.line for scope in scopes for binding in scope.names[name] if binding.value is not None)
    if len(lines) > 1:
        more = f" and {len(lines) - 2} more" if len(lines) > 2 else ""
        return f"{name} is set in lines {lines[0]} and {lines[1]}{more}"
    functions = [scope for scope in scopes if isinstance(scope.function, Named)]
    if lines or len(functions) != 1:
        return ""
    calls = script.calls_of(functions[0].named)
    given = [call.given(places_of(functions[0].function)).get(name) for call in calls]
    texts = [f"{start_of(ast.unparse(node), 40)} (line {node.lineno})" for node in given if node is not None]
    shown = f", which is given as {' and '.join(texts[:2])}" if len(texts) > 1 else ""
    return f"{name} is an argument of {functions[0].named}(){shown}"


def _imported(script: Program, name: str, module: str) -> str:
    """Where an imported name comes from; the file of a module in the folder of the script would be read with it."""
    from_module = f"{name} is imported from {module}"
    installed = module.partition(".")[0] in KNOWN | _PACKAGES | set(HOMES)
    if installed or module.startswith("..") or script.file_of(module) is not None:
        return from_module
    return f"{from_module}; read the script with {file_name(module)} in its folder"
