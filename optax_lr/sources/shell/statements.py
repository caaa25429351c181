"""Commands in a shell script, read from its syntax tree and never run.

Variables with literal values, arrays, arithmetic of literals, functions, loops over literals, `bash -c`, here-documents and files
that `echo` and `cat` write are followed. Each branch of an `if` or `case` is followed from the same state.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from optax_lr.sources.shell import control, variables
from optax_lr.sources.shell.commands import check_error, command
from optax_lr.sources.shell.folders import place
from optax_lr.sources.shell.output import redirected
from optax_lr.sources.shell.placeholders import with_marks
from optax_lr.sources.shell.shell import Ran, Shell
from optax_lr.sources.shell.slurm import job_folder, job_sizes
from optax_lr.sources.shell.state import Variable

if TYPE_CHECKING:
    import tree_sitter


def _nothing(_shell: Shell, _node: tree_sitter.Node) -> None:
    """A statement that changes nothing."""


def _error(shell: Shell, node: tree_sitter.Node) -> None:
    """Text that is not shell; the parts that the parser understands are followed."""
    check_error(shell, node)
    shell.run_all(node.named_children)


STATEMENTS: "Mapping[str, Callable[[Shell, tree_sitter.Node], None]]" = {
    "variable_assignment": variables.assignment,
    "declaration_command": variables.declaration,
    "unset_command": variables.unset,
    "command": command,
    "redirected_statement": redirected,
    "if_statement": control.if_statement,
    "case_statement": control.case_statement,
    "list": control.and_or,
    "for_statement": control.for_statement,
    "while_statement": control.while_statement,
    "c_style_for_statement": control.while_statement,
    "function_definition": control.function_definition,
    "pipeline": control.pipeline,
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
