"""Changes of a Python script in place: the literal of a keyword, and no other byte."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from optax_lr.findings import Edit
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.python.reader import Reader


def rewritten_script(path: str, text: str, edits: Iterable[Edit]) -> str:
    """The text of a script with keywords of its one config changed; every other byte stays.

    Raises:
        ConfigError: for several configs, and where a value is not written as a literal in the call.

    >>> print(rewritten_script("a.py", "TrainingArguments(learning_rate=1e-2)  # high", [Edit("learning_rate", 5e-5)]))
    TrainingArguments(learning_rate=5e-05)  # high
    """
    for edit in edits:
        reader = Reader(path, text)
        calls = reader.calls
        if len(calls) != 1:
            raise ConfigError(f"{path} holds {len(calls)} configs; --fix fixes a file of one")
        text = _with_keyword(path, text, calls[0].node, edit)
    return text


def _with_keyword(path: str, text: str, call: ast.Call, edit: Edit) -> str:
    by_hand = ConfigError(f"{path}: {edit.key} cannot be changed in this call; make the change by hand")
    raw = text.encode()
    rows = raw.splitlines(keepends=True)

    def place(line: int, column: int) -> int:
        return sum(map(len, rows[: line - 1])) + column

    keyword = next((word for word in call.keywords if word.arg == edit.key), None)
    if "." in edit.key:
        raise by_hand
    if keyword is None:
        if edit.value is None or not call.keywords:
            raise by_hand
        first = call.keywords[0]
        at = place(first.lineno, first.col_offset)
        return (raw[:at] + f"{edit.key}={edit.value!r}, ".encode() + raw[at:]).decode()
    value = keyword.value
    if value.end_lineno is None or value.end_col_offset is None:
        raise by_hand
    if edit.value is not None:
        if not isinstance(value, (ast.Constant, ast.UnaryOp)):
            raise by_hand
        start, end = place(value.lineno, value.col_offset), place(value.end_lineno, value.end_col_offset)
        return (raw[:start] + repr(edit.value).encode() + raw[end:]).decode()
    start, end = place(keyword.lineno, keyword.col_offset), place(value.end_lineno, value.end_col_offset)
    rest = raw[end:]
    cut = len(rest) - len(rest.lstrip(b" \t"))
    if rest[cut : cut + 1] == b",":
        end += cut + 1
        tail = raw[end:]
        end += len(tail) - len(tail.lstrip(b" \t"))
        if raw[end : end + 1] == b"\n" and not raw[:start].rsplit(b"\n", 1)[-1].strip():
            start = raw.rfind(b"\n", 0, start) + 1
            end += 1
    return (raw[:start] + raw[end:]).decode()
