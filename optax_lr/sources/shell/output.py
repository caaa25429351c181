"""Redirections, pipelines and here-documents: where the output of commands goes, and what they read."""

from __future__ import annotations

import re
from functools import partial

from optax_lr.sources.files import LARGEST_FILE
from optax_lr.sources.shell.commands import command
from optax_lr.sources.shell.control import and_or, branches
from optax_lr.sources.shell.folders import place
from optax_lr.sources.shell.shell import Shell
from optax_lr.sources.shell.state import joined_text
from optax_lr.sources.shell.syntax import DOCUMENT, REDIRECTIONS, Node, line_of, raw


def redirected(shell: Shell, node: Node, part: Node | None = None) -> None:
    """A statement with redirections, which are those of its last `part` alone if it is a list."""
    redirections = [child for child in node.named_children if child.type in REDIRECTIONS]
    body = part or next((child for child in node.named_children if child.type not in REDIRECTIONS), None)
    if part is None and body is not None and body.type == "list":
        and_or(shell, body, lambda last: redirected(shell, node, last))
        return
    heredoc = next((child for child in reversed(redirections) if child.type == "heredoc_redirect"), None)
    words = [] if heredoc is None else heredoc.children_by_field_name("argument")  # the parser takes them for its own
    target, appends = None, False
    for redirection in (inner for child in redirections for inner in (child, *child.named_children)):
        if redirection.type == "file_redirect":
            places = [child for child in redirection.named_children if child.type != "file_descriptor"]
            words += places[1:]
            sign = next(child.type for child in redirection.children if child.type != "file_descriptor")
            if places and ">" in sign and raw(redirection.child_by_field_name("descriptor")) in ("", "1"):
                target, appends = places[0], ">>" in sign
    outside = shell.mixed
    shell.mixed = outside or len(DOCUMENT.findall(raw(heredoc).partition("\n")[0])) > 1
    before, shell.state.output = shell.state.output, []
    if body is not None and body.type == "command":
        command(shell, body, words, None if heredoc is None or shell.mixed else _document(shell, heredoc))
    elif body is not None:
        shell.run(body)
    written, shell.state.output = shell.state.output, before
    if target is not None:
        _write(shell, shell.text(target), written, f"line {line_of(node)}", appends=appends)
        written = []
    behind = [] if heredoc is None else heredoc.named_children  # of its mark, in the same line
    piped = next((child for child in behind if child.type == "pipeline"), None)  # `cat <<EOF | tee b`
    if piped is None:
        shell.state.output += written
    else:
        shell.input = joined_text(written)
        pipeline(shell, piped)
    right = heredoc and heredoc.child_by_field_name("right")
    if right is not None and raw(heredoc and heredoc.child_by_field_name("operator")) == "&&":
        shell.run(right)
    elif right is not None:
        branches(shell, [partial(shell.run, right)])
    shell.mixed = outside


def _write(shell: Shell, name: str, written: list[str | None], by: str, *, appends: bool) -> None:
    """Keep what a redirection writes into a file."""
    path = place(shell.state.folder, name)
    before = shell.state.files.get(path)
    text = joined_text([*([before and before.text] if appends else []), *written])
    if not re.fullmatch(r"/dev/.*|\d", path):  # `>/dev/null`, `>&2`
        shell.state.write(path, text if text is not None and len(text) <= LARGEST_FILE else None, by)


def pipeline(shell: Shell, node: Node) -> None:
    """`a | b`: each part in a shell of its own, which reads what the one before it writes."""
    before = shell.state.output
    for part in node.named_children:
        shell.state.output = []
        with shell.own_shell():
            shell.run(part)
        shell.input = joined_text(shell.state.output)
    shell.state.output, shell.input = before + shell.state.output, None


def _document(shell: Shell, node: Node) -> str:
    """The text of a here-document, its variables replaced unless its mark is quoted."""
    parts = {child.type: child for child in node.named_children}
    body = parts.get("heredoc_body")
    if body is None or raw(parts.get("heredoc_start"))[:1] in ("'", '"', "\\"):
        return shell.restored(raw(body))
    return shell.inside(body)
