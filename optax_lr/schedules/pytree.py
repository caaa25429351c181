"""Dataclasses of settings as pytrees of JAX, which `jax.export` and Flax can save."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
from collections.abc import Iterable
from typing import TypeVar

import jax
import jax.export

from optax_lr.schedules import fields, flax, leaves

_Class = TypeVar("_Class")


def register_pytree(cls: type[_Class], exported: str) -> None:
    """Register a dataclass as a pytree: its numbers are leaves, its choices are static.

    Args:
        cls: a dataclass whose fields are declared with `optax_lr.schedules.fields`.
        exported: its name in programs that `jax.export` saves.
    """
    parts = dataclasses.fields(cls)  # type: ignore[arg-type]
    static = tuple(f.name for f in parts if fields.is_static(f))
    data = tuple((f.name, fields.is_split(f)) for f in parts if not fields.is_static(f))
    keys = [
        jax.tree_util.GetAttrKey(key) for name, split in data for key in ((name, f"{name}_low") if split else (name,))
    ]

    def flatten(self: _Class) -> tuple[tuple[object, ...], tuple[object, ...]]:
        flax.register()
        values, lows = self.__dict__, self.__dict__.get("_low_parts", {})
        children: list[object] = []
        for name, split in data:
            children += leaves.parted(values[name], lows.get(name)) if split else (leaves.leaf(values[name]),)
        return tuple(children), tuple(values[name] for name in static)

    def flatten_with_keys(
        self: _Class,
    ) -> tuple[tuple[tuple[jax.tree_util.GetAttrKey, object], ...], tuple[object, ...]]:
        children, choices = flatten(self)
        return tuple(zip(keys, children, strict=True)), choices

    def unflatten(aux_data: Iterable[object], children: Iterable[object]) -> _Class:
        # Without __init__: JAX puts tracers, gradients and placeholders into the leaves, which must not be checked.
        self, remaining, lows = object.__new__(cls), iter(children), {}
        for name, split in data:
            value = next(remaining)
            value, low = leaves.rejoined(value, next(remaining)) if split else (leaves.setting(value), None)
            if low is not None:
                lows[name] = low
            self.__dict__[name] = value
        if lows:
            self.__dict__["_low_parts"] = lows
        self.__dict__.update(zip(static, aux_data, strict=True))
        return self

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)

    def save(choices: object) -> bytes:
        try:
            return json.dumps(choices).encode()
        except TypeError:
            raise TypeError(
                f"{cls.__name__}: jax.export cannot save a function as an argument; close over the schedule, or write a class"
            ) from None

    for number in itertools.count(1):
        with contextlib.suppress(ValueError):  # JAX lets no name go, and a notebook may define a class again
            jax.export.register_pytree_node_serialization(
                cls,
                serialized_name=exported if number == 1 else f"{exported}.{number}",
                serialize_auxdata=save,
                deserialize_auxdata=lambda text: tuple(json.loads(text)),
                from_children=unflatten,
            )
            break
    flax.known(cls)
