"""Text of strangers as a terminal may show it."""

from __future__ import annotations

import unicodedata

_LONGEST = 1_000  # characters of a message
# Controls, formats (among them those that reverse the direction of a line), halves of a surrogate pair, line separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def visible(text: str, *, keep: str = "") -> str:
    r"""`text` with every character that a terminal would act on, and not show, written as an escape.

    Args:
        text: anything, such as a file name or a key of a config.
        keep: characters that stay, such as the line ends of a report.

    >>> visible("run\x1b[31m.yaml")
    'run\\x1b[31m.yaml'
    >>> visible("two\nlines", keep="\n")
    'two\nlines'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _escaped(character) if _hidden(character) and character not in keep else character for character in text
    )


def one_line(text: str) -> str:
    """`text` in one line, as an error is shown: blanks of any kind are one space, and the rest is `visible`."""
    return visible(" ".join(text.split()))


def shortened(text: str) -> str:
    """`text` without its middle where it is too long for a message: what a file holds may have any length.

    >>> len(shortened("x" * 250_000))
    1000
    """
    if len(text) <= _LONGEST:
        return text
    return f"{text[: _LONGEST - 305]} ... {text[-300:]}"


def _hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
