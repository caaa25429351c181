"""Hydra: the config that a command names, the files that extend another one, and references between their keys."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from optax_lr.sources.marks import MARK
from optax_lr.sources.source import Source

_HERE = frozenset({"$(pwd)", "`pwd`", "$PWD", "${PWD}"})  # the folder in which the script is started
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")


def command_words(source: Source) -> tuple[dict[str, str], list[str]]:
    """The options of a command with one word each, and its other words, also those behind such an option."""
    given = source.command.options.items()
    values = {key: value if isinstance(value, list) else [value] for key, value in given}
    more = [word for words in values.values() for word in words[1:]]
    return {key: words[0] for key, words in values.items()}, [*source.positional, *more]


def named_config(source: Source, name: str, folder: str) -> str:
    """The file that a command takes as its config.

    Args:
        source: the command.
        name: the config that it takes if it names none.
        folder: the folder of the program's own configs.
    """
    options, _ = command_words(source)
    given = options.get("config_name", options.get("cn", name))
    place = options.get("config_path", options.get("cp", folder))
    start = MARK.match(place)
    if start is not None and start[1] in _HERE:
        place = place[start.end() :].lstrip("/")
    place = place.removeprefix("./").rstrip("/")
    own = place in (folder, folder.rpartition("/")[2])  # Hydra's paths begin at the program
    return f"{folder if own else place}/{given.removesuffix('.yaml')}.yaml"


def extends(source: Source, configs: Collection[str]) -> str | None:
    """What shows that a file extends one of `configs`, for `Recognised.by`; None where nothing does."""
    listed = source.given.get("defaults")
    found = [entry for entry in listed if entry in configs] if isinstance(listed, list) else []
    return f"its defaults {found[0]}" if found and source.program is None else None


def base_of(source: Source) -> tuple[str, dict[str, Any]]:
    """The config that a file extends, and the parts that it chooses, by the field of each.

    The config is empty for a file that is complete by itself, or that is made of parts alone.

    Raises:
        ConfigError: if the extended config could replace the file's own keys.
    """
    listed = source.values.get("defaults")
    entries = listed if isinstance(listed, list) else []
    names = [entry.removesuffix(".yaml") for entry in entries if isinstance(entry, str)]
    chosen = {str(key): value for entry in entries if isinstance(entry, Mapping) for key, value in entry.items()}
    parts = {key.removeprefix("override ").rpartition("@")[2]: value for key, value in chosen.items()}
    if entries and entries[-1] != "_self_":
        raise source.error(
            "_self_ is not the last of its defaults, so that another config may replace these keys; read its result"
        )
    return next((name for name in names if name != "_self_"), ""), parts


def looked_up(values: Mapping[str, Any], key: str) -> Any:
    """The value of a dotted key, through references such as `${data.train_batch_size}`; others stay as they are written.

    >>> looked_up({"data.batch": 8, "data.gen": "${data.batch}"}, "data.gen")
    8
    """
    value = values[key]
    for _ in range(5):
        found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        if found is None or found[1] not in values:
            break
        value = values[found[1]]
    return value
