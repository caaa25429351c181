"""What the commands of a shell script write, and where to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from optax_lr.sources.shell.words import raw, unescaped

if TYPE_CHECKING:
    import tree_sitter

REDIRECTIONS = ("file_redirect", "herestring_redirect", "heredoc_redirect")
_CONTROLS = {"n": "\n", "t": "\t"}


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


def redirected(node: tree_sitter.Node) -> Redirected:
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


def output_of(words: list[str], document: str | None) -> str | None:
    """What a command of the shell writes; None where it is not known, and for every other program.

    >>> output_of(["echo", "-e", "lr: 1", r"\\nsteps: 2"], None), output_of(["date"], None)
    ('lr: 1 \\nsteps: 2\\n', None)
    """
    match words:
        case ["cd" | "mkdir" | "set" | ":" | "test" | "[" | "true", *_]:
            return ""
        case ["cat"]:
            return document
        case ["echo", *rest]:
            place = next((n for n, word in enumerate(rest) if not re.fullmatch(r"-[neE]+", word)), len(rest))
            options, text = "".join(rest[:place]), " ".join(rest[place:])
            text = unescaped(text, ".", _CONTROLS) if "e" in options else text
            return text if "n" in options else f"{text}\n"
        case ["printf", text] if "%" not in text:
            return unescaped(text, ".", _CONTROLS)
    return None
