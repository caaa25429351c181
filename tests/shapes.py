"""The shapes that the package's annotations state, checked by jaxtyping in each call.

In the package the names of `optax_lr.arrays` only annotate. `install` makes them jaxtyping's, before anything else of the
package is imported, and `in_one_call` lets the annotations of a function share their axes.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

import jaxtyping
from jaxtyping import jaxtyped
from jaxtyping._storage import get_shape_memo

SHAPE = re.compile(r"\b(Bool|Float|Float32|Float64|Int|Int32|Int64|Num|Shaped)\[")


def install(arrays) -> None:
    """Replace the names of the module `optax_lr.arrays` by types that check shapes."""
    for name in arrays.__all__:
        if name != "PyTree":
            setattr(arrays, name, _checked(getattr(jaxtyping, name)))


def in_one_call(owner):
    """Check that the annotations of a function, or of each method of a class, agree on the size of each axis."""
    if not isinstance(owner, type):
        return jaxtyped(typechecker=None)(owner) if _states_shapes(owner) else owner
    for name, method in list(vars(owner).items()):
        if (
            inspect.isfunction(method) and name != "__call__" and _states_shapes(method)
        ):  # a schedule is called too often
            setattr(owner, name, jaxtyped(typechecker=None)(method))
    return owner


def _states_shapes(function) -> bool:
    return any(SHAPE.search(str(one)) for one in getattr(function, "__annotations__", {}).values())


def _checked(kind):
    """jaxtyping's `kind`, which takes shapes of two variadic parts too."""

    class Checked:
        def __class_getitem__(cls, item) -> Any:
            array, shape = item
            parts = shape.split()
            if sum(part.startswith("*") for part in parts) < 2:
                return kind[array, shape]
            return _TwoParts(shape, (), {"kind": kind[array, "..."], "parts": [part.strip("*") for part in parts]})

    return Checked


class _TwoParts(type):
    """The type of arrays `[*batch *steps]`: the `batch_shape` of an argument, and the shape that another has stated."""

    def __instancecheck__(cls, value):
        if not isinstance(value, cls.kind):
            return False
        _, stated, _, arguments = get_shape_memo()
        known = {name: shape for name, (_, shape) in stated.items()}
        for one in arguments.values():
            known |= {"batch": one.batch_shape} if hasattr(one, "batch_shape") else {}
        first, last = (known.get(name) for name in cls.parts)
        return (
            (first is None or value.shape[: len(first)] == first)
            and (last is None or value.shape[len(value.shape) - len(last) :] == last)
            and (None in (first, last) or len(value.shape) == len(first) + len(last))
        )
