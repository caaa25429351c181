"""The types of arrays: `Float32[Array, "*batch *steps"]` states a dtype and a shape, in the notation of jaxtyping.

In the package these names only annotate, so that it does not need jaxtyping. The tests replace them by those of jaxtyping, which
check each shape in each call.
"""

from typing import (
    Annotated as Bool,
    Annotated as Float,
    Annotated as Float32,
    Annotated as Float64,
    Annotated as Int,
    Annotated as Int32,
    Annotated as Int64,
    Annotated as Num,
    Annotated as Shaped,
    Any,
)

PyTree = Any  # JAX defines no type for pytrees

__all__ = ["Bool", "Float", "Float32", "Float64", "Int", "Int32", "Int64", "Num", "PyTree", "Shaped"]
