"""Commands in a shell script, read from its syntax tree and never run.

`shell` holds the state while `control`, `commands` and `output` follow the statements; a new kind is a line of `STATEMENTS`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping

from optax_lr.sources.marks import mark
from optax_lr.sources.shell import control
from optax_lr.sources.shell.commands import check_error, command
from optax_lr.sources.shell.folders import OWN, place
from optax_lr.sources.shell.output import pipeline, redirected
from optax_lr.sources.shell.placeholders import with_marks
from optax_lr.sources.shell.shell import Ran, Shell
from optax_lr.sources.shell.slurm import job_folder, job_sizes
from optax_lr.sources.shell.state import Variable
from optax_lr.sources.shell.syntax import Node, raw
from optax_lr.sources.shell.words import NAME


def _assignment(shell: Shell, node: Node) -> None:
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


def _declaration(shell: Shell, node: Node) -> None:
    """`export A=1`, `declare -x A`, `local A=1`, `readonly A=1`."""
    head = node.children[0].type
    exported = head == "export"
    is_local = head in ("local", "declare", "typeset") and not re.search(r"\s-\w*g", raw(node))
    for child in node.named_children:
        name = raw(child.child_by_field_name("name") or child)
        if shell.frame is not None and is_local and name not in shell.frame.outside:
            shell.frame.outside[name] = shell.state.variables.get(name)
            if child.type == "variable_name":
                shell.state.assign(name, [])
        if child.type == "variable_assignment":
            _assignment(shell, child)
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


def _unset(shell: Shell, node: Node) -> None:
    """`unset A B`."""
    for child in node.named_children:
        shell.state.variables.pop(raw(child), None)


def _nothing(_shell: Shell, _node: Node) -> None:
    """A statement that changes nothing."""


def _error(shell: Shell, node: Node) -> None:
    """Text that is not shell; the parts that the parser understands are followed."""
    check_error(shell, node)
    shell.run_all(node.named_children)


STATEMENTS: Mapping[str, Callable[[Shell, Node], None]] = {
    "variable_assignment": _assignment,
    "declaration_command": _declaration,
    "unset_command": _unset,
    "command": command,
    "redirected_statement": redirected,
    "if_statement": control.if_statement,
    "case_statement": control.case_statement,
    "list": control.and_or,
    "for_statement": control.for_statement,
    "while_statement": control.while_statement,
    "c_style_for_statement": control.while_statement,
    "function_definition": control.function_definition,
    "pipeline": pipeline,
    "subshell": control.alone,
    "comment": _nothing,
    "test_command": _nothing,
    "ERROR": _error,
}


def commands_of(name: str, text: str) -> list[Ran]:
    """Every simple command of a script, in its order.

    Raises:
        ConfigError: where the script is not valid shell at a command that has options, or expands to too much.

    >>> commands_of("a.sh", "LR=2e-5\\ntorchrun train.py --learning_rate $LR \\\\\\n  --max_steps=10")[0].words
    ('torchrun', 'train.py', '--learning_rate', '2e-5', '--max_steps=10')
    """
    text = re.sub(r"\\\s*\Z", "\n", text)  # a last line that is continued by nothing
    shell = Shell(name, STATEMENTS)
    text, shell.placeholders = with_marks(text)
    itself = [f"{OWN}/{posixpath.basename(name)}"]
    shell.state.variables = {"0": Variable(itself), "BASH_SOURCE": Variable(itself, is_array=True)}
    shell.state.folder = place("", job_folder(text))
    for variable, value in job_sizes(text).items():
        shell.state.variables[variable] = Variable([value], exported=True)
    try:
        shell.run_text(text)
        if not shell.state.ended:
            control.run_uncalled(shell)
    except RecursionError:
        raise shell.refusal("commands are nested too deeply") from None
    return shell.ran
