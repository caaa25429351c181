"""Placeholders such as `<path_to_data>`, which a user of a shell script is to fill in; to a shell they are redirections."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from optax_lr.sources.marks import MARK, mark, readable

_WORD = r"<[^\W\d][\w./:-]*>"
_WORDS = r"<[^\W\d][\w ./:-]*>"
_PLACEHOLDER = re.compile(
    r"(?<!<)(?:<[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+>|<[A-Z][a-z]+(?: [\w.-]+)+>"  # <YOUR_PATH>, <Your path>
    rf"|(?<=[=/_.-]){_WORDS}"  # A=<path>, models/<name>
    rf"|(?<=[ \t]){_WORDS}(?=[ \t\r]*(?:\\?\r?$|[#;])))"  # cd <path>; no command ends in a redirection to nothing
)
_OF_OPTION = re.compile(rf"(?<=[ \t])(--[\w-]+[ \t]+)({_WORD})(?=[ \t\r/]|$)")  # --model <path>


def with_marks(text: str) -> tuple[str, dict[str, int]]:
    """A script with a mark for each placeholder, and the line of the first of each name.

    >>> with_marks("DATA=<data_dir>\\nsort <a >b")[1]
    {'<data_dir>': 1}
    """
    lines: dict[str, int] = {}

    def marked(number: int, found: str) -> str:
        lines.setdefault(found, number)
        return mark(found)

    def filled(number: int, line: str) -> str:
        if "<" not in line:
            return line
        line = _PLACEHOLDER.sub(lambda found: marked(number, found[0]), line)
        return _OF_OPTION.sub(lambda found: found[1] + marked(number, found[2]), line)

    return "\n".join(filled(number, line) for number, line in enumerate(text.split("\n"), 1)), lines


def notes_on(words: Iterable[str], lines: Mapping[str, int]) -> list[str]:
    """A note on the placeholders in the words of a command; `lines` has the line of each placeholder of the script."""
    shown = {str(readable(found[0])) for word in words for found in MARK.finditer(word)} if lines else set()
    named = [f"{name} (line {line})" for name, line in lines.items() if name in shown]
    return [f"placeholders that are to be filled in: {', '.join(named)}"] if named else []
