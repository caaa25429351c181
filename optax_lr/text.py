"""Text: untrusted text made safe to print in a terminal, and lists of words."""

from __future__ import annotations

import unicodedata

_LONGEST = 1_000  # characters of a message
# Controls, formats (among them those that reverse the direction of a line), halves of a surrogate pair, line separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def visible(text: str, *, keep: str = "") -> str:
    r"""Replace the control characters in `text` by escapes.

    Args:
        text: anything, such as a file name or a key of a config.
        keep: control characters that are kept, such as the line ends of a report.

    >>> visible("run\x1b[31m.yaml")
    'run\\x1b[31m.yaml'
    >>> visible("two\nlines", keep="\n")
    'two\nlines'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _escape(character) if _hidden(character) and character not in keep else character for character in text
    )


def one_line(text: str) -> str:
    """`text` in one line, for an error message: each run of blanks becomes one space, and control characters become escapes."""
    return visible(" ".join(text.split()))


def shortened(text: str) -> str:
    """Cut the middle out of a text that is too long for a message.

    >>> len(shortened("x" * 250_000))
    1000
    """
    if len(text) <= _LONGEST:
        return text
    return f"{text[: _LONGEST - 305]} ... {text[-300:]}"


def start_of(text: str, length: int) -> str:
    """The beginning of a text, marked by dots where it is cut.

    >>> start_of("lr_scheduler_type", 10)
    'lr_sche...'
    """
    return text if len(text) <= length else f"{text[: length - 3]}..."


def counted(count: int, what: str) -> str:
    """A number with its noun, in the plural unless it is 1.

    >>> counted(1, "row"), counted(2_000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{count:,} {what}{'s' * (count != 1)}"


def words(text: str) -> frozenset[str]:
    """The words of a text, for tables of keys.

    >>> sorted(words("warmup_steps max_steps"))
    ['max_steps', 'warmup_steps']
    """
    return frozenset(text.split())


def _hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
