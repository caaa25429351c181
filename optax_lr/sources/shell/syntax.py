"""Syntax trees of shell scripts: the parser and what it misreads, the texts of nodes, and questions that need no state."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import tree_sitter

    Node: TypeAlias = tree_sitter.Node
else:
    Node = Any  # tree-sitter is optional

SUBSTITUTED = ("simple_expansion", "expansion", "command_substitution", "arithmetic_expansion")
REDIRECTIONS = ("file_redirect", "herestring_redirect", "heredoc_redirect")
DOCUMENT = re.compile(r"(?<!<)<<-?[ \t]*['\"]?\w")
CONTROLS = {"n": "\n", "t": "\t"}  # by their letters behind a backslash
_LOOPS = ("for_statement", "while_statement", "c_style_for_statement", "function_definition")
_BLANKS = b" \t\r\n\\"  # and a continued line, which the parser counts as part of the expansion behind them
_COMMENT = re.compile(r"`#[^`\n]*`")  # a comment inside of a command
# A line whose command continues in the next one: behind `cat <<EOF &&`, the first line of the document would be a command.
_CONTINUED = re.compile(r"(?m)^.*(?:&&|\|)[ \t]*$")
# `$[A + 1]` without another one in it, which the parser does not know; others are inside of it.
_OLD_ARITHMETIC = re.compile(r"\$\[([^][\n]*)\]")
_MOST_ARITHMETIC = 12
# Where the scanner of tree-sitter-bash 0.25 looks a character up in a table of 384 entries, and may end the process.
_WIDE = re.compile(r"\{\d*(?:\.\.\d*)?(?=[^\x00-\xff])")
# Where it ends a word, as in `"a"\\$B`, although no blank is there.
_JOINT = re.compile(r"(?<=[\w\"'`})])(?=\\[^\r\n])")
_GUARD = "\x7f"  # is put there, and between the brace and the character


def parser() -> Callable[[str], Node]:
    """A function from a text to the root of its tree."""
    try:
        import tree_sitter
        import tree_sitter_bash
    except ImportError:
        raise ImportError('reading shell scripts needs tree-sitter: pip install "optax-lr[config]"') from None
    bash = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))

    def parse(text: str) -> Node:
        text = _COMMENT.sub(lambda found: " " * len(found[0]), text)
        text = _CONTINUED.sub(lambda found: found[0] + " cat" * bool(DOCUMENT.search(found[0])), text)
        for _ in range(_MOST_ARITHMETIC):
            text = _OLD_ARITHMETIC.sub(r"$((\1))", text)
        return bash.parse(_WIDE.sub(rf"\g<0>{_GUARD}", _JOINT.sub(_GUARD, text)).encode()).root_node

    return parse


def decoded(text: bytes | None) -> str:
    """The text of a node or of a part of it."""
    return (text or b"").decode(errors="replace").replace(_GUARD, "")


def blanks_before(node: Node) -> int:
    """The number of bytes of an expansion that are before it."""
    text = node.text or b""
    return len(text) - len(text.lstrip(_BLANKS)) if node.type in SUBSTITUTED else 0


def raw(node: Node | None) -> str:
    """The text of a node as the script has it."""
    return "" if node is None else decoded((node.text or b"")[blanks_before(node) :])


def unescaped(text: str, escaped: str, other: Mapping[str, str] = {"\n": ""}) -> str:
    """A text without the backslashes before `escaped` characters; `other` are those that become something else."""
    return re.sub(rf"\\({escaped})", lambda found: other.get(found[1], found[1]), text, flags=re.DOTALL)


def line_of(node: Node) -> int:
    """The line in which a statement begins."""
    return node.start_point[0] + 1


def and_or_parts(node: Node) -> list[tuple[str, Node]]:
    """The parts of `a && b || c`, each with the sign before it."""
    signs: list[tuple[str, Node]] = []
    while node.type == "list":
        signs.append((raw(node.children[1]), node.named_children[-1]))
        node = node.named_children[0]
    return [("&&", node), *reversed(signs)]


def may_end(node: Node) -> bool:
    """Whether a statement has an `exit`, `return` or `exec`."""
    return re.search(r"\b(?:exit|return|exec)\b", raw(node)) is not None


def leaves_loop(node: Node) -> bool:
    """Whether the body of a loop has a `break` or `continue` of that loop."""
    if node.type == "command":
        return re.fullmatch(r"(?:break|continue)(?:\s.*)?", raw(node)) is not None
    return any(child.type not in _LOOPS and leaves_loop(child) for child in node.named_children)
