"""Named tuples that `jax.export` can serialize as parts of arguments."""

from __future__ import annotations

from typing import TypeVar

import jax.export

_Class = TypeVar("_Class", bound=type)


def exported(cls: _Class) -> _Class:
    """Class decorator: register a NamedTuple with `jax.export`, under its name in this package."""
    jax.export.register_namedtuple_serialization(cls, serialized_name=f"optax_lr.{cls.__name__}")
    return cls
