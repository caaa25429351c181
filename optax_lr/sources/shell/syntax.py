"""Syntax trees of shell scripts: the parser, what it misreads, and questions about a statement that need no state."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from optax_lr.sources.shell.limits import DEEPEST

if TYPE_CHECKING:
    import tree_sitter

# --- texts that the parser misreads ---

# `$[A + 1]` without another one in it, which it does not know.
_OLD_ARITHMETIC = re.compile(r"\$\[([^][\n]*)\]")
# Where the scanner of tree-sitter-bash 0.25 looks a character up in a table of 384 entries, and may end the process.
_WIDE = re.compile(r"\{\d*(?:\.\.\d*)?(?=[^\x00-\xff])")
# Where it ends a word, as in `"a"\\$B`, although no blank is there.
_JOINT = re.compile(r"(?<=[\w\"'`})])(?=\\[^\r\n])")
_GUARD = "\x7f"  # is put there, and between the brace and the character
_COMMENT = re.compile(r"`#[^`\n]*`")  # a comment inside of a command
# A line whose command continues in the next one: behind `cat <<EOF &&`, the first line of the document would be a command.
_CONTINUED = re.compile(r"(?m)^.*(?:&&|\|)[ \t]*$")
DOCUMENT = re.compile(r"(?<!<)<<-?[ \t]*['\"]?\w")
# Blanks and a continued line that it counts as part of the expansion behind them.
BLANKS = b" \t\r\n\\"

SUBSTITUTED = ("simple_expansion", "expansion", "command_substitution", "arithmetic_expansion")
REDIRECTIONS = ("file_redirect", "herestring_redirect", "heredoc_redirect")
_LOOPS = ("for_statement", "while_statement", "c_style_for_statement")


def parser() -> tree_sitter.Parser:
    """The parser of bash."""
    try:
        import tree_sitter
        import tree_sitter_bash
    except ImportError:
        raise ImportError('reading shell scripts needs tree-sitter: pip install "optax-lr[config]"') from None
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


def parseable(text: str) -> bytes:
    """A text as the parser reads it right."""
    for _ in range(DEEPEST):
        text = _OLD_ARITHMETIC.sub(r"$((\1))", text)
    return _WIDE.sub(rf"\g<0>{_GUARD}", _JOINT.sub(_GUARD, text)).encode()


def whole_commands(text: str) -> str:
    """A script without comments inside of commands, and with a command behind `cat <<EOF &&`."""
    text = _COMMENT.sub(lambda found: " " * len(found[0]), text)
    return _CONTINUED.sub(lambda found: found[0] + " cat" * bool(DOCUMENT.search(found[0])), text)


def decoded(text: bytes) -> str:
    """The text of a node or a part of it."""
    return text.decode(errors="replace").replace(_GUARD, "")


def raw(node: tree_sitter.Node | None) -> str:
    """The text of a node as the script has it."""
    if node is None or node.text is None:
        return ""
    return decoded(node.text.lstrip(BLANKS) if node.type in SUBSTITUTED else node.text)


def unescaped(text: str, escaped: str, other: Mapping[str, str] = {"\n": ""}) -> str:
    """A text without the backslashes before `escaped` characters; `other` are those that become something else."""
    return re.sub(rf"\\({escaped})", lambda found: other.get(found[1], found[1]), text, flags=re.DOTALL)


def line_of(node: tree_sitter.Node) -> int:
    """The line in which a statement begins."""
    return node.start_point[0] + 1


class Redirected(NamedTuple):
    """A statement with redirections.

    Fields:
        body: the statement itself; None for redirections alone.
        words: words behind a redirection, which still belong to the command.
        document: its here-document.
        target: the file of its output.
        appends: whether the output is added to that file.
    """

    body: tree_sitter.Node | None
    words: "list[tree_sitter.Node]"
    document: tree_sitter.Node | None
    target: tree_sitter.Node | None
    appends: bool


def redirected_parts(node: tree_sitter.Node) -> Redirected:
    """The parts of a statement with redirections."""
    parts = node.named_children
    bodies = [part for part in parts if part.type not in REDIRECTIONS]
    documents = [part for part in parts if part.type == "heredoc_redirect"]
    target, appends = None, False
    words = [word for part in documents for word in part.children_by_field_name("argument")]
    for redirect in (inner for part in parts if part.type in REDIRECTIONS for inner in (part, *part.named_children)):
        if redirect.type == "file_redirect":
            places = [part for part in redirect.named_children if part.type != "file_descriptor"]
            words += places[1:]
            operator = next(part.type for part in redirect.children if part.type != "file_descriptor")
            if places and ">" in operator and raw(redirect.child_by_field_name("descriptor")) in ("", "1"):
                target, appends = places[0], ">>" in operator
    return Redirected(bodies[0] if bodies else None, words, documents[-1] if documents else None, target, appends)


def and_or_parts(node: tree_sitter.Node) -> list[tuple[str, tree_sitter.Node]]:
    """The parts of `a && b || c`, each with the sign before it."""
    signs: "list[tuple[str, tree_sitter.Node]]" = []
    while node.type == "list":
        signs.append((raw(node.children[1]), node.named_children[-1]))
        node = node.named_children[0]
    return [("&&", node), *reversed(signs)]


def case_parts(node: tree_sitter.Node) -> list[tuple[str, list[tree_sitter.Node]]]:
    """The patterns and the statements of each branch of a `case` statement."""
    parts: "list[tuple[str, list[tree_sitter.Node]]]" = []
    for item in (child for child in node.named_children if child.type == "case_item"):
        end = next((child for child in item.children if child.type == ")"), item)
        patterns = decoded((item.text or b"")[: end.start_byte - item.start_byte]).removeprefix("(")
        parts.append((patterns, [child for child in item.named_children if child.start_byte > end.start_byte]))
    return parts


def is_straight(node: tree_sitter.Node) -> bool:
    """Whether a command is a statement of the script itself, in no branch."""
    return node.parent is not None and node.parent.type == "program"


def may_end(node: tree_sitter.Node) -> bool:
    """Whether a statement has an `exit`, `return` or `exec`."""
    return re.search(r"\b(?:exit|return|exec)\b", raw(node)) is not None


def leaves_loop(node: tree_sitter.Node) -> bool:
    """Whether the body of a loop has a `break` or `continue` of that loop."""
    nodes = [node]
    while nodes:
        node = nodes.pop()
        if node.type == "command" and re.fullmatch(r"(?:break|continue)(?:\s.*)?", raw(node)):
            return True
        if node.type not in (*_LOOPS, "function_definition"):
            nodes += node.named_children
    return False
