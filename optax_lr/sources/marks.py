"""Marks in the text of a command for what a script does not say: `$1`, `$(hostname)`, variables of the environment."""

from __future__ import annotations

import re

_OPEN, _CLOSE = "\ue000", "\ue001"
MARK = re.compile(f"{_OPEN}([^{_CLOSE}]*){_CLOSE}")
# Characters that would divide a word or redirect it, each as another one inside of a mark.
_HIDDEN = {ord(character): 0xE100 + ord(character) for character in "\t\n <>"}
_SHOWN = {hidden: " " if shown == ord("\n") else shown for shown, hidden in _HIDDEN.items()}


def mark(text: str) -> str:
    """`text`, an expression of the shell, as a mark that survives joining and splitting of words."""
    inner = text.replace(_OPEN, "").replace(_CLOSE, "")
    return f"{_OPEN}{inner.translate(_HIDDEN)}{_CLOSE}"


def is_known(value: object) -> bool:
    """Whether no mark is in a word or in a list of words."""
    if isinstance(value, list):
        return all(is_known(item) for item in value)
    return not isinstance(value, str) or MARK.search(value) is None


def readable(value: object) -> object:
    """A value with its marks as the script writes them."""
    if isinstance(value, list):
        return [readable(item) for item in value]
    if not isinstance(value, str):
        return value
    return MARK.sub(lambda found: found[1].translate(_SHOWN), value)
