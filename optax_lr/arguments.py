"""Argument validation with one-line errors: argument, value, remedy."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import operator
import os
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from optax_lr.text import counted, start_of, words

_Class = TypeVar("_Class")
# The names that Optax, torch, transformers and Keras use for settings of this library.
_CALLED = {
    "learning_rate": words("lr peak_lr init_lr base_lr max_lr init_value peak_value value rate"),
    "max_steps": words("num_training_steps total_steps total_iters train_steps num_steps steps decay_steps"),
    "warmup_steps": words("num_warmup_steps warmup warmup_iters"),
    "min_lr": words("end_value lr_end eta_min end_lr final_lr"),
    "num_cycles": words("cycles n_cycles"),
}
_LONGEST = 100  # characters of a value that a message shows


def unknown(where: str, what: str, name: object, known: Iterable[str]) -> str:
    """`where: unknown what 'name'; did you mean 'nearest'? Known: ...`."""
    known = sorted(known)
    by_lower = {one.lower(): one for one in known}
    word = name.lower() if isinstance(name, str) else ""
    near = [ours for ours, theirs in _CALLED.items() if word in theirs and ours in known]
    near += [by_lower[one] for one in difflib.get_close_matches(word, by_lower, n=1, cutoff=0.5)]
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"{where}: unknown {what} {name!r}{hint} Known: {', '.join(known)}"


def shown(value: object) -> str:
    """A value of the wrong type as a message shows it, in one short line.

    >>> shown("fast"), shown(3), shown(None)
    ("text: 'fast'", 'an int: 3', 'None')
    """
    if value is None:
        return "None"
    kind = type(value).__name__
    article = "an" if kind[:1].lower() in "aeiou" or kind == "ndarray" else "a"
    text = start_of(" ".join(repr(value).split()), _LONGEST)
    return f"text: {text}" if isinstance(value, str) else f"{article} {kind}: {text}"


def whole_number(name: str, value: object, *, least: int | None = None, error: type[ValueError] = ValueError) -> int:
    """`value` as an int, from an int of Python, NumPy or JAX.

    Raises:
        TypeError: for any other value.
        ValueError: or `error`, for a number below `least`.
    """
    try:
        number = operator.index(None if isinstance(value, bool) else value)  # type: ignore[arg-type]
    except TypeError:
        remedy = f"; write {value:.0f}" if isinstance(value, float) and value.is_integer() else unquoted(value)
        raise TypeError(f"{name} must be a whole number, not {shown(value)}{remedy}") from None
    if least is not None and number < least:
        raise error(f"{name} must be at least {least}, not {number}")
    return number


def unquoted(value: object) -> str:
    """The remedy for a number in quotes; otherwise an empty text."""
    try:
        return f"; write {float(value):g} without the quotes" if isinstance(value, str) else ""
    except ValueError:
        return ""


def file_name(name: str, value: Any, *, of: str = "a file or folder", instead: str = "") -> str:
    """`value` as a path in text; `instead` names the other values that are allowed.

    Raises:
        TypeError: for a value that is not a path.
        ValueError: for an empty path, and for one with a null character.
    """
    try:
        path = os.fsdecode(value)
    except TypeError:
        raise TypeError(f"{name} must be the path of {of}{instead}, not {shown(value)}") from None
    if not path:
        raise ValueError(f"{name} must be the path of {of}{instead}, not empty text")
    if "\0" in path:
        raise ValueError(f"{name} must be the path of {of}{instead}, without a null character, not {shown(path)}")
    return path


def with_named_fields(cls: type[_Class]) -> type[_Class]:
    """A dataclass whose constructor lists its fields in the error for a misspelt or missing one."""
    make: Callable[..., None] = cls.__init__
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    known = [f.name for f in fields]
    positional = [f.name for f in fields if not f.kw_only]
    required = [f.name for f in fields if f.default is f.default_factory is dataclasses.MISSING]

    @functools.wraps(make)
    def checked(self: object, *args: object, **settings: object) -> None:
        for name in settings:
            if name not in known:
                raise TypeError(unknown(cls.__name__, "field", name, known))
            if name in positional[: len(args)]:
                raise TypeError(f"{cls.__name__}: {name} is given twice, by position and by name")
        if len(args) > len(positional):
            most = f"takes at most {counted(len(positional), 'value')} by position, not {len(args)}"
            raise TypeError(f"{cls.__name__} {most}; fields: {', '.join(known)}")
        missing = [name for name in required[len(args) :] if name not in settings]
        if missing:
            raise TypeError(f"{cls.__name__}: {' and '.join(missing)} must be given; fields: {', '.join(known)}")
        make(self, *args, **settings)

    setattr(cls, "__init__", checked)  # noqa: B010 - a type checker would take an ordinary assignment for the signature
    return cls
