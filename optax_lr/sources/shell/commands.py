"""One simple command of a shell script: a function, a script, a command of the shell, or a program, which is kept."""

from __future__ import annotations

import re
from collections.abc import Sequence

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.marks import readable
from optax_lr.sources.shell.builtins import follow_builtin
from optax_lr.sources.shell.control import call
from optax_lr.sources.shell.folders import below, folder_of, place, without_own
from optax_lr.sources.shell.limits import DEEPEST
from optax_lr.sources.shell.nested import follow, script_of
from optax_lr.sources.shell.placeholders import notes_on
from optax_lr.sources.shell.shell import Command, Ran, Shell
from optax_lr.sources.shell.syntax import REDIRECTIONS, Node, line_of, raw
from optax_lr.sources.shell.tools import TOOLS, follow_tool

PASSED_ON = "the script's own arguments ($@) are taken as none"
_CONFIG = re.compile(r"\.(?:ya?ml|json|toml|py)$")
_OWN_ARGUMENTS = (b"$@", b'"$@"', b"$*", b'"$*"')


def command(shell: Shell, node: Node, behind: Sequence[Node] = (), document: str | None = None) -> None:
    """One simple command, with the words `behind` its redirections, and its here-document if the text of that is known."""
    assigned: dict[str, str] = {}
    words: list[str] = []
    for child in [*node.named_children, *behind]:
        if child.type == "variable_assignment" and not words:
            value = child.child_by_field_name("value")
            assigned[raw(child.child_by_field_name("name"))] = "" if value is None else shell.text(value)
        elif child.type not in (*REDIRECTIONS, "comment"):
            words += shell.expand(child)
    if node.has_error and any(word.startswith("--") for word in words):
        check_error(shell, node)
    if not words:
        return
    passes_on = shell.state.values("@") is None and any(child.text in _OWN_ARGUMENTS for child in node.named_children)
    made = Command(words, node, assigned, shell.input if document is None else document, passes_on)
    head, shell.input = words[0], None
    if head in shell.functions and shell.depth < DEEPEST:
        shell.called.add(head)
        call(shell, head, None if passes_on else words[1:], assigned)
    elif shell.depth < DEEPEST and (script := script_of(shell, made)) is not None:
        follow(shell, made, script)
    elif head.startswith("--") and shell.ran:
        options = tuple(word.partition("=")[0] for word in words if word.startswith("--"))
        shell.ran[-1] = shell.ran[-1]._replace(cut=shell.ran[-1].cut + options)
    elif not follow_builtin(shell, made):
        if head not in TOOLS:
            _program(shell, made)
        follow_tool(shell, made)
    if head == "exec" and words[1:] and not words[1].startswith("{"):
        shell.state.ended = "exit"


def _program(shell: Shell, command: Command) -> None:
    """Keep a command that is a program, with what a reader must know."""
    state = shell.state
    words = command.words if state.folder else list(map(without_own, command.words))
    notes = [*shell.notes, *shell.note_on_defaults()]
    for name in sorted({word.rpartition("=")[2] for word in words if _CONFIG.search(word)}):
        written = state.files.get(place(state.folder, name))
        if written is not None and written.text is None:
            notes.append(f"{written.by} may change {readable(name)} before the command reads it")
    if command.passes_on:
        notes.append(PASSED_ON)
    notes += notes_on(words, shell.placeholders)
    if words[0] in shell.aliases:
        notes.append(f"{words[0]} may be the alias of line {shell.aliases[words[0]]}, which is not followed")
    folder = folder_of(words, state.folder)
    environment = state.environment() | command.assigned
    shell.record(
        Ran(tuple(words), environment, command.line, tuple(notes), files=state.texts(folder), below=below(folder))
    )


def check_error(shell: Shell, node: Node) -> None:
    """Refuse text that is not shell but contains options of a command."""
    text = raw(node)
    if re.search(r"(^|\s)--[a-z]", text):
        quote = "a quote or bracket is not closed, or " if text.count('"') % 2 or text.count("'") % 2 else ""
        raise ConfigError(
            f"{shell.name}: the command in line {line_of(node)} cannot be read as shell: {quote}its syntax is wrong; check "
            "it with bash -n"
        )
