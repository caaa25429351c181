"""Code that is not read: calls of what neither the script nor a known package has, which may change what they are given."""

from __future__ import annotations

import ast
import builtins
import sys

from optax_lr.sources.python.constructors import SCHEDULES
from optax_lr.sources.python.scopes import Call, Names
from optax_lr.sources.python.syntax import texts_of
from optax_lr.text import words

LIGHTNING = frozenset({"lightning", "pytorch_lightning"})  # whose Trainer steps the optimizer of the module
# Packages that change nothing of what they are given that a plan needs.
KNOWN = (
    sys.stdlib_module_names
    | LIGHTNING
    | words(
        "torch torch_xla torchvision torchaudio numpy scipy pandas sklearn matplotlib transformers datasets tqdm accelerate "
        "wandb jax optax flax gym gymnasium"
    )
)
# Methods, of whatever object, that leave the rate alone.
_HARMLESS = words(
    "prepare setup step unscale_ append create chain MultiSteps optimizer_step toggle_optimizer untoggle_optimizer "
    "clip_gradients DistributedOptimizer broadcast_optimizer_state"
) | frozenset(dir(builtins))
_OPEN = ("getattr", "setattr", "vars")  # builtins by which a script changes an attribute that it does not name


def is_elsewhere(names: Names, node: ast.expr) -> bool:
    """Whether a name is imported from a module that is not known."""
    first = ast.unparse(node).partition(".")[0]
    return first in names.imported and names.qualified(node).partition(".")[0] not in KNOWN


def is_unread(names: Names, call: Call) -> bool:
    """Whether a call may change what it is given."""
    if call.last in names.functions or call.last in names.classes:
        return False
    if any(is_elsewhere(names, part) for part in call.node.args if isinstance(part, (ast.Name, ast.Attribute))):
        return True  # partial(train_one_epoch, optimizer)
    if call.name in _OPEN:
        return not texts_of(call.node.args[1:])
    return not (call.last in _HARMLESS or call.name in SCHEDULES or _is_known(names, call))


def _is_known(names: Names, call: Call) -> bool:
    """Whether a function, or the object of a method, is of a known package."""
    node: ast.expr | None = call.node.func
    while isinstance(node, (ast.Attribute, ast.Call)):
        node = node.value if isinstance(node, ast.Attribute) else node.func
    if isinstance(node, ast.Name) and node.id not in names.imported:
        made = names.single(node, call.scope)
        node = made.func if isinstance(made, ast.Call) else None
    name = "" if node is None else names.qualified(node)
    return name.partition(".")[0] in KNOWN and not call.name.startswith("torch.optim.")
