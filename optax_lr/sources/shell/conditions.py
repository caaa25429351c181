"""Tests of a shell script, such as `[ "$SIZE" = 7b ]`, that the script itself decides."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping

from optax_lr.sources.marks import is_known
from optax_lr.sources.shell.syntax import Node, may_end, raw
from optax_lr.sources.shell.words import Words

_NUMBERS: Mapping[str, Callable[[int, int], bool]] = {
    "-eq": operator.eq,
    "-ne": operator.ne,
    "-lt": operator.lt,
    "-le": operator.le,
    "-gt": operator.gt,
    "-ge": operator.ge,
}
# A test whether a variable is empty, or no program.
_OF_VARIABLE = re.compile(r'\[{1,2}\s+(-z|!\s+-x)\s+"?\$\{?(\w+)\}?"?\s+\]{1,2}')


def decided(words: Words, node: Node, condition: Node | None) -> bool | None:
    """Whether a condition in `node` holds, also where it gives a variable a default or another program.

    A variable that is not set gets its default, and one that names a program keeps that, with a note.
    """
    tested = _OF_VARIABLE.fullmatch(raw(condition))
    if tested is None or may_end(node):
        return holds(condition, words.text)
    test, name = tested.groups()
    value, is_set_here = words.state.values(name), re.search(rf"\b{name}=", raw(node)) is not None
    if test == "-z" and value is None:
        return is_set_here or None
    if test != "-z" and is_set_here and value and is_known(value):
        words.notes[f"${name} is {' '.join(value)} unless there is no such program"] = None
        return False
    return holds(condition, words.text)


def holds(node: Node | None, text: Callable[[Node], str]) -> bool | None:
    """Whether a test is true, where `text` expands a word; None where the script does not say.

    >>> holds(None, str) is None
    True
    """
    if node is None:
        return None
    parts = node.named_children
    match node.type:
        case "command" if node.text in (b"true", b"false", b":"):
            return node.text != b"false"
        case "test_command" | "parenthesized_expression" if len(parts) == 1:
            return holds(parts[0], text)
        case "negated_command" if len(parts) == 1:
            return _negated(holds(parts[0], text))
        case "unary_expression":
            sign, operand = node.children[0].text, node.children[-1]
            if sign == b"!":
                return _negated(holds(operand, text))
            value = text(operand) if sign in (b"-z", b"-n") else None
            return None if value is None or not is_known(value) else (value == "") == (sign == b"-z")
        case "binary_expression" | "list" if len(node.children) == 3:
            return _compared(node, text)
    return None


def _negated(value: bool | None) -> bool | None:
    return None if value is None else not value


def _compared(node: Node, text: Callable[[Node], str]) -> bool | None:
    left, right = node.children[0], node.children[2]
    sign = (node.children[1].text or b"").decode()
    if sign in ("&&", "||"):
        both = (holds(left, text), holds(right, text))
        deciding = sign == "||"
        return deciding if deciding in both else None if None in both else not deciding
    one, other = text(left), text(right)
    if not is_known(one) or not is_known(other):
        return None
    if sign in _NUMBERS:
        numbers = [int(word) for word in (one, other) if re.fullmatch(r"\s*-?\d{1,18}\s*", word)]
        return _NUMBERS[sign](*numbers) if len(numbers) == 2 else None
    pattern = right.type not in ("string", "raw_string") and re.search(r"[*?\[]", other)
    if sign not in ("=", "==", "!=") or pattern:
        return None
    return (one == other) == (sign != "!=")
