"""References such as `${learning_rate}` in a config: to keys of the same file, and to nothing else.

OmegaConf, by which LLaMA-Factory reads its configs, also has resolvers, which read environment variables, decode text or run
functions. None is called here, because a config is untrusted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from optax_lr.sources.errors import ConfigError
from optax_lr.text import start_of

MOST_REFERENCES = 100  # in a file, and to look up for one value
DEEPEST_CHAIN = 10  # of references that lead to references
LONGEST_TEXT = 1_000  # characters of a value with references, before and after they are replaced
_SHOWN = 100  # characters of a value in a message
# Keys of places and names, which decide no schedule: a resolver in them stays as it is written.
_PLACE = re.compile(
    r"(?!.*(?:lr|sched|optim|config|speed))(?:.*[._])?(?:dir|directory|path|files?|name|project|entity|token|id|key|url|host|group)"
)
_RESOLVER = re.compile(r"\$\{\s*[A-Za-z_][\w.]*\s*:")
_REFERENCE = re.compile(r"(\\*)\$\{([^{}$]*)\}")
_PART = re.compile(r"\.?([^.\[\]\s]+)|\[([^.\[\]\s]+)\]")


def require_plain(source: str, values: Mapping[str, object]) -> None:
    """Refuse resolvers in `values`, except in the keys of places and names, and more references than a config needs.

    Raises:
        ConfigError: with the text as it is in the file.
    """
    number = 0
    for key, text in _texts(values):
        count = text.count("${")
        if not count:
            continue
        if len(text) > LONGEST_TEXT:
            raise ConfigError(
                f"{source}: {key}: {len(text):,} characters with references; at most {LONGEST_TEXT:,} are read"
            )
        if _RESOLVER.search(text) and not _PLACE.fullmatch(key):
            raise ConfigError(
                f"{source}: {key}: {start_of(text, _SHOWN)} calls a resolver, and only references to keys of the same file are "
                "looked up; write the value"
            )
        number += count
    if number > MOST_REFERENCES:
        raise ConfigError(
            f"{source}: {number:,} references such as ${{key}} are too many; at most {MOST_REFERENCES} are looked up"
        )


def has_resolver(value: object) -> bool:
    """Whether a text in `value` calls a resolver."""
    return any(_RESOLVER.search(text) for _, text in _texts(value))


def resolved(source: str, values: Mapping[str, object], required: frozenset[str]) -> dict[str, object]:
    """`values` with their references replaced, by OmegaConf's rules.

    Args:
        source: the name of the file.
        values: every key; `require_plain` has passed them.
        required: the top-level keys that must be resolved. In others, such as paths with the variables of a shell, a
            reference to a key that does not exist stays as it is.

    Raises:
        ConfigError: for a required key that refers to nothing, to itself, or along too many references.

    >>> resolved("a.yaml", {"base": 1e-4, "learning_rate": "${base}", "run": "lr${base}"}, frozenset({"learning_rate"}))
    {'base': 0.0001, 'learning_rate': 0.0001, 'run': 'lr0.0001'}
    """
    made = {}
    for key, value in values.items():
        try:
            made[key] = _Lookup(values).value(value, (key,), 0)
        except _UnresolvedError as error:
            if key in required or error.costly:
                raise ConfigError(f"{source}: {key}: {start_of(str(value), _SHOWN)} {error}") from None
            made[key] = value
    return made


class _UnresolvedError(Exception):
    """Why a reference has no value; `costly` where it would take long to find out."""

    def __init__(self, why: str, *, costly: bool = False):
        super().__init__(why)
        self.costly = costly


class _Lookup:
    """Follows the references of one value."""

    def __init__(self, root: Mapping[str, object]):
        self._root, self._left = root, MOST_REFERENCES

    def value(self, value: object, place: tuple[object, ...], depth: int) -> object:
        """`value`, which is at `place`, with its references replaced."""
        if isinstance(value, Mapping):
            return {key: self.value(item, (*place, key), depth) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*place, number), depth) for number, item in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        alone = _REFERENCE.fullmatch(value)
        if alone and not alone[1]:
            return self._of(alone[2], place, depth)
        made = _REFERENCE.sub(  # with a backslash, it is the text itself
            lambda found: found[0] if found[1] else str(self._of(found[2], place, depth)), value
        )
        if len(made) > LONGEST_TEXT:
            raise _UnresolvedError(f"expands to more than {LONGEST_TEXT:,} characters", costly=True)
        if "${" in made.replace("\\${", ""):
            raise _UnresolvedError("is not a reference to one key, such as ${learning_rate}")
        return made.replace("\\${", "${")

    def _of(self, name: str, place: tuple[object, ...], depth: int) -> object:
        self._left -= 1
        if self._left < 0 or depth >= DEEPEST_CHAIN:
            raise _UnresolvedError(
                f"refers to itself, or needs more than {MOST_REFERENCES} references or a chain of {DEEPEST_CHAIN}; write the value",
                costly=True,
            )
        at = self._absolute(name.strip(), place)
        node: object = self._root
        for part in at:
            try:
                match node:
                    case list():
                        node = node[int(str(part))]
                    case Mapping():
                        node = node[part]
                    case _:
                        raise TypeError
            except (LookupError, TypeError, ValueError):
                raise _UnresolvedError(
                    f"refers to {start_of(name.strip(), _SHOWN)}, and there is no such key in this file"
                ) from None
        return self.value(node, at, depth + 1)

    def _absolute(self, name: str, place: tuple[object, ...]) -> tuple[object, ...]:
        """The keys from the top of the file. A leading dot means the mapping that contains the reference."""
        up = len(name) - len(name.lstrip("."))
        rest = name[up:]
        parts = tuple(found[1] or found[2] for found in _PART.finditer(rest))
        if not parts or _PART.sub("", rest) or up > len(place):
            raise _UnresolvedError(f"refers to {start_of(name, _SHOWN)!r}, which is not the name of a key")
        return (*place[: len(place) - up], *parts) if up else parts


def _texts(values: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text in `values` with its dotted key."""
    if isinstance(values, str):
        yield key, values
    elif isinstance(values, Mapping):
        for name, value in values.items():
            yield from _texts(value, f"{key}.{name}" if key else str(name))
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from _texts(value, key)
