"""Control flow of a shell script: branches, loops, `&&` and `||`, and functions.

Where the script decides a test, one branch is followed; else each branch that may run, from the same state.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from optax_lr.sources.marks import is_known, mark
from optax_lr.sources.shell.branches import joined
from optax_lr.sources.shell.conditions import decided
from optax_lr.sources.shell.limits import MOST_TURNS
from optax_lr.sources.shell.shell import Frame, Shell
from optax_lr.sources.shell.state import State, Variable
from optax_lr.sources.shell.syntax import Node, and_or_parts, decoded, leaves_loop, line_of, may_end, raw

# Statements and commands that are tests, and those that always succeed.
_TESTS = ("test_command", "negated_command", "compound_statement", "test", "[", "grep", "true", "false")
_SURE = ("variable_assignment", "declaration_command", "echo", "printf")


def branches(shell: Shell, follow_each: Sequence[Callable[[], None]], *, otherwise: bool = True) -> None:
    """Follow each branch from the same state; `otherwise` where it may be that none runs."""
    start = shell.state
    ends = [start.branch()] if otherwise else []
    returned: list[State] = []
    ended = ""
    for follow in follow_each:
        shell.state = start.branch()
        follow()
        ended = shell.state.ended or ended
        {"": ends, "return": returned}.get(shell.state.ended, []).append(shell.state)
    if ends and shell.frame is not None:
        shell.frame.returned += returned
    join(shell, start, ends or returned or [start.branch()])
    if not ends:
        shell.state.ended = "return" if returned else ended


def join(shell: Shell, start: State, ends: Sequence[State]) -> None:
    """Continue behind branches from `start` that leave `ends`."""
    shell.state, notes = joined(start, ends)
    shell.notes |= dict.fromkeys(notes)


def if_statement(shell: Shell, node: Node) -> None:
    """`if a; then b; elif c; then d; else e; fi`; the statements of a test come first in its branch."""
    _choose(shell, _branches_of_if(shell, node))


def _branches_of_if(shell: Shell, node: Node) -> Iterator[tuple[bool | None, Sequence[Node]]]:
    clauses = [child for child in node.named_children if child.type in ("elif_clause", "else_clause")]
    own = [child for child in node.named_children if child not in clauses]
    yield decided(shell, node, node.child_by_field_name("condition")), own
    for clause in clauses:
        body = clause.named_children
        yield clause.type == "else_clause" or decided(shell, clause, body[0] if body else None), body


def case_statement(shell: Shell, node: Node) -> None:
    """`case a in b|c) d;; *) e;; esac`."""
    word = node.child_by_field_name("value")
    _choose(shell, _branches_of_case("" if word is None else shell.text(word), node))


def _branches_of_case(value: str, node: Node) -> Iterator[tuple[bool | None, Sequence[Node]]]:
    for item in (child for child in node.named_children if child.type == "case_item"):
        end = next((child for child in item.children if child.type == ")"), item)
        patterns = decoded((item.text or b"")[: end.start_byte - item.start_byte]).removeprefix("(")
        plain = re.sub(r"[\s'\"]", "", patterns).split("|")
        known = is_known(value) and not re.search(r"[$`\\(]", patterns)
        found = any(fnmatch.fnmatchcase(re.sub(r"\s", "", value), pattern) for pattern in plain)
        yield (
            found if known else "*" in plain or None,
            [child for child in item.named_children if child.start_byte > end.start_byte],
        )


def _choose(shell: Shell, parts: Iterator[tuple[bool | None, Sequence[Node]]]) -> None:
    """The first branch whose test holds, or each that may run before it; a test is None where the script does not say."""
    bodies: list[Sequence[Node]] = []
    holds: bool | None = False
    for holds, body in parts:
        if holds is not False:
            bodies.append(body)
        if holds:
            break
    if holds and len(bodies) == 1:
        shell.run_all(bodies[0])
    elif bodies:
        branches(shell, [partial(shell.run_all, body) for body in bodies], otherwise=not holds)


def for_statement(shell: Shell, node: Node) -> None:
    """A loop over literals each turn, else once with an unknown value."""
    name = raw(node.child_by_field_name("variable"))
    values = [word for child in node.children_by_field_name("value") for word in shell.expand(child)]
    count, written = len(shell.ran), len(shell.state.output)
    bodies = node.children_by_field_name("body")
    leaves = any(map(leaves_loop, bodies))
    known = values and is_known(values) and len(values) <= MOST_TURNS and node.children[0].type != "select"
    values = values if known else [mark(f"${name}")]
    for value in values:
        if shell.state.ended:
            break
        shell.state.assign(name, [value])
        with shell.deeper():
            shell.run_all(bodies)
    if len(shell.state.output) > written and (leaves or not known):
        shell.state.output.append(None)
    if leaves:
        shell.note(f"the loop in line {line_of(node)} may end earlier or leave turns out", count)


def while_statement(shell: Shell, node: Node) -> None:
    """A loop with a test, which is followed once."""
    bodies = [child for child in node.named_children if child.type in ("do_group", "compound_statement")]
    count = len(shell.ran)
    branches(shell, [partial(shell.run_all, bodies)])
    shell.note(f"the loop in line {line_of(node)} is followed once", count)


def and_or(shell: Shell, node: Node, last: Callable[[Node], None] | None = None) -> None:
    """`a && b || c`: a part may be left out behind a test that is not known, and behind `||`; `last` follows the last part."""
    success: bool | None = True  # of the parts so far
    likely = True  # whether they probably succeed, where that is not known
    parts = and_or_parts(node)
    for sign, part in parts:
        if shell.state.ended:
            return
        follow = partial(last if last is not None and part is parts[-1][1] else shell.run, part)
        and_then = sign == "&&"
        if success is None and (not (likely and and_then) or may_end(part)):
            branches(shell, [follow])
            likely = False
        elif success in (None, and_then):
            follow()
            if success is None:
                shell.state.ended = shell.state.ended.removeprefix("exit")
            kind = raw(part.named_children[0]) if part.type == "command" else part.type
            here = decided(shell, node, part) if kind in _TESTS else True if kind in _SURE else None
            success = None if success is None and here else here
            likely = kind not in _TESTS


def alone(shell: Shell, node: Node) -> None:
    """`( a; b )`: statements in a shell of their own."""
    with shell.own_shell():
        shell.run_all(node.named_children)


def function_definition(shell: Shell, node: Node) -> None:
    """Keep a function."""
    name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
    if name is not None and body is not None:
        shell.functions[raw(name)] = body


def call(shell: Shell, function: str, arguments: list[str] | None, assigned: Mapping[str, str]) -> None:
    """The body of a function, with its arguments, None for unknown ones, and variables for it alone, as in `LR=1 f`."""
    local = {name: Variable([value], exported=True) for name, value in assigned.items()}
    start, outside = shell.state.branch(), shell.frame
    frame = shell.frame = Frame()
    with shell.deeper(), shell.with_variables({"@": None if arguments is None else Variable(arguments, True), **local}):
        shell.run(shell.functions[function])
        if frame.returned:
            here = [] if shell.state.ended == "exit" else [shell.state]
            output = [*shell.state.output, None]
            join(shell, start, [*frame.returned, *here])
            shell.state.output = output
        elif shell.state.ended == "return":
            shell.state.ended = ""
        shell.state.restore(frame.outside)
    shell.frame = outside


def run_uncalled(shell: Shell) -> None:
    """The functions that nothing called, with unknown arguments: a caller outside may."""
    ran: list[tuple[str, int, int]] = []
    for function in list(shell.functions):
        if function not in shell.called:
            shell.state.ended = ""
            start = len(shell.ran)
            call(shell, function, None, {})
            ran.append((function, start, len(shell.ran)))
    for function, start, end in ran:  # one function may call another that is defined above it
        inner = function in shell.called
        how = "called only by functions that nothing calls" if inner else "not called in this script"
        shell.note(f"{function}() is {how}", start, end)
