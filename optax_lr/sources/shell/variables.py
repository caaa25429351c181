"""Statements that set variables: assignments, `export`, `declare`, `local`, `readonly`, `unset`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from optax_lr.sources.marks import mark
from optax_lr.sources.shell.shell import Shell
from optax_lr.sources.shell.syntax import raw
from optax_lr.sources.shell.words import NAME

if TYPE_CHECKING:
    import tree_sitter


def assignment(shell: Shell, node: tree_sitter.Node) -> None:
    """`A=1`, `A+=1`, `A=(1 2)`; an element of an array makes the array unknown."""
    target, value = node.child_by_field_name("name"), node.child_by_field_name("value")
    if target is None:
        return
    if target.type == "subscript":
        shell.state.assign(raw(target.child_by_field_name("name")), [mark(f"${{{raw(target)}}}")])
        return
    name = raw(target)
    adds = any(child.type == "+=" for child in node.children)
    old = shell.state.variable(name)
    before = (old.values or []) if adds else []
    if value is not None and value.type == "array":
        made = [word for child in value.named_children if child.type != "comment" for word in shell.expand(child)]
        shell.state.assign(name, shell.spent(before + made), is_array=True)
    else:
        first, *rest = before or [""]
        made = [first + ("" if value is None else shell.text(value)), *rest]
        shell.state.assign(name, shell.spent(made), is_array=adds and old.is_array)


def declaration(shell: Shell, node: tree_sitter.Node) -> None:
    """`export A=1`, `declare -x A`, `local A=1`, `readonly A=1`."""
    head = node.children[0].type
    exported = head == "export"
    for child in node.named_children:
        name = raw(child.child_by_field_name("name") or child)
        if head == "local" and shell.frame is not None:
            shell.frame.outside.setdefault(name, shell.state.variables.get(name))
        if child.type == "variable_assignment":
            assignment(shell, child)
        elif child.type not in ("variable_name", "word"):
            for word in shell.expand(child):
                name, equals, text = word.partition("=")
                if name.startswith("-"):  # `A=$B--$C`, which the parser divides
                    continue
                if not re.fullmatch(NAME, name):
                    shell.note_on_unread(node)
                elif equals:
                    shell.state.assign(name, shell.spent([text]))
                if exported:
                    shell.state.declare(name, exported=True)
        if re.fullmatch(r"-\w*n\w*", name) and head != "export":
            shell.note_on_unread(node)
        exported = exported or re.fullmatch(r"-\w*x\w*", name) is not None
        if re.fullmatch(NAME, name):
            shell.state.declare(name, exported=exported, readonly=head == "readonly")


def unset(shell: Shell, node: tree_sitter.Node) -> None:
    """`unset A B`."""
    for child in node.named_children:
        shell.state.variables.pop(raw(child), None)
