"""Code that is not read: calls of what neither the script nor a known package has. They may change their arguments."""

from __future__ import annotations

import ast
import builtins
import sys

from optax_lr.sources.python.constructors import HOMES, LAMBDA, SCHEDULES
from optax_lr.sources.python.scopes import Call, Names
from optax_lr.sources.python.syntax import texts_of
from optax_lr.text import words

LIGHTNING = frozenset({"lightning", "pytorch_lightning"})  # whose Trainer steps the optimizer of the module
# Packages that change nothing in their arguments that a plan needs.
KNOWN = (
    sys.stdlib_module_names
    | LIGHTNING
    | words(
        "torch torch_xla torchvision torchaudio numpy scipy pandas sklearn matplotlib transformers datasets tqdm accelerate "
        "wandb jax optax flax gym gymnasium"
    )
)
# Packages that, in addition to these, leave settings alone.
_OF_SETTINGS = (
    KNOWN | words("peft diffusers huggingface_hub evaluate mlflow omegaconf hydra yaml rich tensorboardX") | set(HOMES)
)
_HARMLESS = words(  # methods, of whatever object, that leave the rate of an optimizer alone
    "prepare setup step unscale_ append create chain MultiSteps optimizer_step toggle_optimizer untoggle_optimizer "
    "clip_gradients DistributedOptimizer broadcast_optimizer_state"
)
_BUILTINS = frozenset(dir(builtins))
_OPEN = ("getattr", "setattr", "vars")  # builtins by which a script reaches an attribute that it does not name


def is_elsewhere(names: Names, node: ast.expr) -> bool:
    """Whether a name is imported from a module that is not known."""
    first = ast.unparse(node).partition(".")[0]
    return first in names.imported and names.qualified(node).partition(".")[0] not in KNOWN


def changes_rate(names: Names, call: Call) -> bool:
    """Whether a call may change the rate of an optimizer that it is given."""
    if _is_own(names, call):
        return False
    if any(is_elsewhere(names, part) for part in call.node.args if isinstance(part, (ast.Name, ast.Attribute))):
        return True  # partial(train_one_epoch, optimizer)
    if call.name in _OPEN:
        return not texts_of(call.node.args[1:])
    if call.last in _HARMLESS or call.last in _BUILTINS or call.name in (*SCHEDULES, LAMBDA):
        return False
    return call.name.startswith("torch.optim.") or _package_of(names, call) not in KNOWN


def changes_settings(names: Names, call: Call) -> bool:
    """Whether a call may change an object with settings that it is given; a Trainer has a note of its own."""
    quiet = call.last in _BUILTINS or getattr(call.node.func, "attr", "") == "__init__" or call.last.endswith("Trainer")
    return not (quiet or _is_own(names, call) or _package_of(names, call) in _OF_SETTINGS)


def _is_own(names: Names, call: Call) -> bool:
    """Whether a call is one of a function or a class of the script, also under a name that has nothing else."""
    bound = names.bound(call.name, call.scope)[0]
    other = [binding.value.id if isinstance(binding.value, ast.Name) else "" for binding in bound]
    return all(name in names.functions or name in names.classes for name in (other if any(other) else [call.last]))


def _package_of(names: Names, call: Call) -> str:
    """The package of a function, or of the object of a method; empty where that is not known."""
    node: ast.expr | None = call.node.func
    while isinstance(node, (ast.Attribute, ast.Call)):
        node = node.value if isinstance(node, ast.Attribute) else node.func
    if isinstance(node, ast.Name) and node.id not in names.imported:
        made = names.single(node, call.scope)
        node = made.func if isinstance(made, ast.Call) else None
    return "" if node is None else names.qualified(node).partition(".")[0]
