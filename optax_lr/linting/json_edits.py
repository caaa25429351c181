"""Changes of a JSON file in place: the text of each changed member, and no other byte."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_BLANK = re.compile(r"[ \t\n\r]*")


class _Member(NamedTuple):
    """A member of an object: its name, and where in the text the name starts and the value starts and ends."""

    name: str
    start: int
    value_start: int
    value_end: int


def changed(text: str, new: Mapping[str, object], *, after: Iterable[str]) -> str:
    """The text of a JSON object so that it holds `new`.

    Args:
        text: the whole file.
        new: the object that it is to hold.
        after: names after which a new member is inserted, the best first.

    >>> changed('{"a": 1,\\n "b": {"c": 2, "d": 3}}', {"a": 1, "b": {"d": 4}, "e": 5}, after=["a"])
    '{"a": 1, "e": 5,\\n "b": {"d": 4}}'
    """
    start = _skip(text, 0)
    return text[:start] + _object(text[start:], json.loads(text), new, list(after))


def _object(text: str, old: Mapping[str, object], new: Mapping[str, object], after: list[str]) -> str:
    """`text`, which starts with an object, with the members of that object changed from `old` to `new`."""
    for name in old.keys() - new.keys():
        text = _without(text, name)
    for name in [name for name in old if name in new and not _same(old[name], new[name])]:
        member = next(member for member in _members(text) if member.name == name)
        before, after_it, made = old[name], new[name], json.dumps(new[name])
        if isinstance(before, dict) and isinstance(after_it, dict):
            made = _object(text[member.value_start : member.value_end], before, after_it, [])
        text = text[: member.value_start] + made + text[member.value_end :]
    for name in [name for name in new if name not in old]:
        text = _inserted(text, name, json.dumps(new[name]), after)
    return text


def _members(text: str) -> list[_Member]:
    """The members of the object with which `text` starts."""
    decoder, found = json.JSONDecoder(), []
    at = _skip(text, 1)
    while text[at] != "}":
        name, end = decoder.raw_decode(text, at)
        value_start = _skip(text, _skip(text, end) + 1)  # behind the colon
        _, value_end = decoder.raw_decode(text, value_start)
        found.append(_Member(name, at, value_start, value_end))
        at = _skip(text, value_end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def _without(text: str, name: str) -> str:
    members = _members(text)
    place = next(number for number, member in enumerate(members) if member.name == name)
    if place + 1 < len(members):
        start, end = members[place].start, members[place + 1].start
    else:
        start = members[place - 1].value_end if place else members[place].start
        end = members[place].value_end
    return text[:start] + text[end:]


def _inserted(text: str, name: str, value: str, after: list[str]) -> str:
    members = _members(text)
    if not members:
        return f"{{{json.dumps(name)}: {value}{text[1:]}"
    by_name = {member.name: number for number, member in enumerate(members)}
    place = next((by_name[near] for near in after if near in by_name), len(members) - 1)
    member = members[place]
    # The blanks before a member, such as a line end and an indent, are repeated before the new one.
    before = text[: member.start].rstrip(" \t\n\r")
    blanks = text[len(before) : member.start] if place or "\n" in text[len(before) : member.start] else " "
    return f"{text[: member.value_end]},{blanks}{json.dumps(name)}: {value}{text[member.value_end :]}"


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    assert blank is not None  # it matches nothing too
    return blank.end()


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and bool(one == other or one != one)  # noqa: PLR0124 - NaN is like itself
