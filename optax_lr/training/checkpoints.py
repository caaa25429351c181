"""Training states on disk, through Orbax, with the kind of each schedule."""

from __future__ import annotations

import dataclasses
import os
from types import ModuleType
from typing import TypeVar

import jax

from optax_lr.arguments import file_name, shown
from optax_lr.arrays import PyTree
from optax_lr.schedules.base import Schedule
from optax_lr.training.state import is_carrier, nested

_State = TypeVar("_State")


def save_checkpoint(path: str | os.PathLike[str], state: PyTree) -> None:
    """Write `state`, any pytree of arrays that holds optimizer states, to the new folder `path`.

    It is an Orbax checkpoint of two items: `state`, and `schedules`, the kind of each schedule in it as JSON. Orbax writes
    to a temporary folder and renames it at the end: after a kill there is no `path`, never half of one. Orbax's other ways of
    saving a state (a manager, steps, several hosts) work too, but do not distinguish kinds that have the same fields.

    Args:
        path: the new folder.
        state: any pytree of arrays.

    Raises:
        TypeError: If `state` is not a pytree of arrays.
        FileExistsError: If `path` exists.
        ImportError: Without Orbax (`pip install "optax-lr[flax]"`).

    Source: `orbax.checkpoint.Checkpointer`.

    >>> import tempfile
    >>> optimizer = inject_schedules(optax.sgd)(learning_rate=Cosine(1e-3, max_steps=100, warmup_steps=10))
    >>> state = optimizer.init({"w": jnp.zeros(3)})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_checkpoint(f"{folder}/5", state)
    ...     restored = restore_checkpoint(f"{folder}/5", like=state)
    >>> restored.schedules["learning_rate_schedule"].schedule
    Cosine(learning_rate=0.001, max_steps=100, warmup_steps=10, min_lr=0.0, num_cycles=0.5)
    """
    path = os.path.abspath(file_name("save_checkpoint(): path", path, of="a folder"))
    if os.path.lexists(path):  # a dangling link exists too
        raise FileExistsError(f"{path} exists; a checkpoint goes to a new folder, such as one named by the step")
    if not jax.tree.leaves(state) or any(isinstance(leaf, str) for leaf in jax.tree.leaves(state)):
        raise TypeError(f"save_checkpoint(): state must be a pytree of arrays, not {shown(state)}")
    ocp = _orbax()
    items = ocp.args.Composite(state=ocp.args.StandardSave(state), schedules=ocp.args.JsonSave(_kinds(state)))
    with ocp.Checkpointer(ocp.CompositeCheckpointHandler()) as checkpointer:
        checkpointer.save(path, items)


def restore_checkpoint(path: str | os.PathLike[str], like: _State) -> _State:
    """Read the state that `save_checkpoint` wrote to `path`, in the structure of `like`.

    Args:
        path: the folder.
        like: a state of the same structure, dtypes and sharding, such as a fresh `optimizer.init(params)`; its numbers do
            not matter. The schedule comes from the checkpoint: `set_schedule` replaces it.

    Returns:
        The saved state, in the structure of `like`.

    Raises:
        FileNotFoundError: If there is no checkpoint.
        ValueError: If the checkpoint has another kind of schedule, or another structure.
    """
    path = os.path.abspath(file_name("restore_checkpoint(): path", path, of="a folder"))
    if not os.path.isdir(path):
        raise FileNotFoundError(f"{path}: there is no checkpoint")
    ocp = _orbax()
    with ocp.Checkpointer(ocp.CompositeCheckpointHandler()) as checkpointer:
        try:
            saved = checkpointer.restore(path, ocp.args.Composite(schedules=ocp.args.JsonRestore()))["schedules"]
        except (FileNotFoundError, KeyError, ValueError):
            raise ValueError(f"{path}: not a checkpoint of olr.save_checkpoint; try Orbax itself") from None
        _require_kinds(path, saved, _kinds(like))
        target = jax.tree.map(ocp.tree.to_shape_dtype_struct, like)
        try:
            found = checkpointer.restore(path, ocp.args.Composite(state=ocp.args.StandardRestore(target)))
        except (ValueError, KeyError, TypeError) as error:
            why = " ".join(str(error).split())[:300]
            raise ValueError(
                f"{path}: not the structure of `like`: build the same optimizer for the same parameters; Orbax says: {why}"
            ) from error
    restored: _State = found["state"]
    return restored


def _kinds(state: object) -> dict[str, dict[str, str]]:
    """The kind and the `repr` of each schedule in `state`, by its path."""
    return {
        f"{jax.tree_util.keystr(path)}.{key}": {"kind": _kind_text(part.schedule), "schedule": repr(part.schedule)}
        for path, node in nested(state, is_carrier)
        for key, part in node.schedules.items()
    }


def _kind_text(value: object) -> str:
    """A schedule without its numbers: the class, its choices, and the kinds inside it."""
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_kind_text, value)) + ")"
    if not isinstance(value, Schedule):
        return repr(value) if isinstance(value, (str, bool)) else "*"
    shown = {f.name: _kind_text(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return f"{type(value).__name__}({', '.join(f'{name}={kind}' for name, kind in shown.items() if kind != '*')})"


def _require_kinds(path: str, saved: dict[str, dict[str, str]], wanted: dict[str, dict[str, str]]) -> None:
    none = {"kind": "none", "schedule": "no schedule"}
    for place in sorted(saved.keys() | wanted.keys()):
        there, here = saved.get(place, none), wanted.get(place, none)
        remedy = "restore into an optimizer of the checkpoint's kind, then replace it with olr.set_schedule"
        if there is none:
            new = "a new state with state._replace(inner_state=...)"
            remedy = f"restore it into the optimizer that wrote it, and put its moments into {new}"
        if there["kind"] != here["kind"]:
            where = f"the checkpoint carries {there['schedule']} where `like` carries {here['schedule']}"
            raise ValueError(f"{path}: {where}: {remedy}")


def _orbax() -> ModuleType:
    try:
        import orbax.checkpoint
    except ImportError:
        raise ImportError('checkpoints need Orbax: pip install "optax-lr[flax]"') from None
    checkpoint: ModuleType = orbax.checkpoint
    return checkpoint
