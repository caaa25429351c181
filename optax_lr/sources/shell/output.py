"""What the commands of a shell script write, and the files that it goes to."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from optax_lr.sources.files import LARGEST_FILE
from optax_lr.sources.shell.commands import command
from optax_lr.sources.shell.control import and_or, branches
from optax_lr.sources.shell.folders import place
from optax_lr.sources.shell.shell import Shell
from optax_lr.sources.shell.syntax import DOCUMENT, line_of, raw, redirected_parts

if TYPE_CHECKING:
    import tree_sitter


def redirected(shell: Shell, node: tree_sitter.Node, part: tree_sitter.Node | None = None) -> None:
    """A statement with redirections, which are those of its last `part` alone if it is a list."""
    body, words, heredoc, target, appends = redirected_parts(node)
    if part is None and body is not None and body.type == "list":
        and_or(shell, body, lambda last: redirected(shell, node, last))
        return
    body = part or body
    mixed = shell.mixed or len(DOCUMENT.findall(raw(heredoc).partition("\n")[0])) > 1
    document = None if heredoc is None or mixed else _document(shell, heredoc)
    outer, shell.state.output = shell.state.output, []
    if body is not None and body.type == "command":
        command(shell, body, words, document)
    elif body is not None:
        shell.run(body)
    written, shell.state.output = shell.state.output, outer
    path = "" if target is None else place(shell.state.folder, shell.text(target))
    if target is None:
        shell.state.output += written
    elif not re.fullmatch(r"/dev/.*|\d", path):  # `>/dev/null`, `>&2`
        before = shell.state.files.get(path)
        parts = [*([before and before.text] if appends else []), *written]
        text = None if None in parts else "".join(part for part in parts if part is not None)
        known = text is not None and len(text) <= LARGEST_FILE
        shell.state.write(path, text if known else None, f"line {line_of(node)}")
    if heredoc is not None:
        outside, shell.mixed = shell.mixed, mixed
        _behind(shell, heredoc)
        shell.mixed = outside


def _behind(shell: Shell, heredoc: tree_sitter.Node) -> None:
    """The commands in the first line of a here-document: `cat <<EOF && run a`, `cat <<EOF | tee b`."""
    right = heredoc.child_by_field_name("right")
    for child in heredoc.named_children:
        if child.type == "pipeline" or (child == right and raw(heredoc.child_by_field_name("operator")) == "&&"):
            shell.run(child)
        elif child == right:
            branches(shell, [partial(shell.run, child)])


def _document(shell: Shell, node: tree_sitter.Node) -> str:
    """The text of a here-document, its variables replaced unless its mark is quoted."""
    parts = {child.type: child for child in node.named_children}
    body = parts.get("heredoc_body")
    if body is None or raw(parts.get("heredoc_start"))[:1] in ("'", '"', "\\"):
        return shell.restored(raw(body))
    return shell.inside(body)
