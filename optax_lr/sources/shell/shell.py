"""The shell that follows a script: its state, its functions, and the commands so far."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.shell.limits import DEEPEST, MOST_COMMANDS
from optax_lr.sources.shell.state import State, Variable, joined_text
from optax_lr.sources.shell.syntax import REDIRECTIONS, Node, line_of
from optax_lr.sources.shell.words import Words


class Ran(NamedTuple):
    """One simple command of a script.

    Fields:
        words: its words.
        environment: the variables set for it.
        line: its line.
        notes: what a reader must know.
        cut: options that a comment or a missing continuation cuts off.
        files: texts of files that were written before it, by the names that it gives them.
        below: the folder that it runs in, seen from where the script starts; None where the script does not say.
    """

    words: tuple[str, ...]
    environment: dict[str, str]
    line: int
    notes: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    files: Mapping[str, str] = MappingProxyType({})
    below: str | None = ""


class Command(NamedTuple):
    """A simple command with its words expanded.

    Fields:
        words: its words; at least one.
        node: where it is.
        assigned: the variables that are set for it alone, as in `LR=1 run`.
        document: its here-document; None for none, and for one whose text is not known.
        passes_on: whether it passes the script's own arguments on, which are not known and not among its words.
    """

    words: list[str]
    node: Node
    assigned: dict[str, str]
    document: str | None
    passes_on: bool

    @property
    def line(self) -> int:
        return line_of(self.node)


@dataclasses.dataclass
class Frame:
    """A call of a function: its local variables as they are outside of it, and what a `return` that may run leaves."""

    outside: dict[str, Variable | None] = dataclasses.field(default_factory=dict)
    returned: list[State] = dataclasses.field(default_factory=list)


class Shell(Words):
    """Follows the statements of a script, and keeps the commands so far.

    Args:
        name: the script.
        statements: what follows each kind of statement; the parts of others are statements themselves.
    """

    def __init__(self, name: str, statements: Mapping[str, Callable[[Shell, Node], object]]) -> None:
        super().__init__(name)
        self.statements = statements
        self.functions: dict[str, Node] = {}
        self.called: set[str] = set()
        self.frame: Frame | None = None  # of the function that runs
        self.aliases: dict[str, int] = {}  # of several words, each with its line
        self.placeholders: dict[str, int] = {}  # in the script, each with its line
        self.following: frozenset[str] = frozenset()  # texts of scripts that are being run; a job may submit itself
        self.input: str | None = None  # of the next command, in a pipeline
        self.mixed = False  # whether several here-documents begin in one line, whose texts the parser mixes up
        self.ran: list[Ran] = []

    def run(self, node: Node) -> None:
        """One statement."""
        self.spent([])
        statement = self.statements.get(node.type)
        if statement is None:
            self.run_all(node.named_children)
        else:
            statement(self, node)

    def run_all(self, nodes: Iterable[Node]) -> None:
        """Statements one after the other."""
        for node in nodes:
            if self.state.ended:
                return
            behind = node.next_sibling is not None and node.next_sibling.type == "&"
            with self.own_shell() if behind else contextlib.nullcontext():
                self.run(node)

    def run_text(self, text: str) -> None:
        """A text as a script of its own."""
        with self.deeper():
            self.run(self.parsed(text))

    def substituted(self, node: Node) -> str | None:
        """What the commands of `$(...)` write; None where that is not known. The commands are not kept."""
        if self.depth >= DEEPEST or any(child.type in REDIRECTIONS for child in node.named_children):
            return None
        start, called = len(self.ran), set(self.called)
        with self.deeper(), self.own_shell():
            outside, self.state.output = self.state.output, []
            self.run_all(node.named_children)
            written, self.state.output = self.state.output, outside
        self.called = called
        del self.ran[start:]
        text = joined_text(written)
        return None if text is None else text.rstrip("\n")

    @contextlib.contextmanager
    def own_shell(self) -> Iterator[None]:
        """Statements in a shell of their own, which leaves only files and output, and where `exit` ends only it."""
        outside, frame = self.state, self.frame
        self.state = dataclasses.replace(outside, variables=dict(outside.variables))
        self.frame = frame and Frame()
        yield
        self.state, self.frame = dataclasses.replace(outside, files=self.state.files, output=self.state.output), frame

    @contextlib.contextmanager
    def with_variables(self, variables: Mapping[str, Variable | None]) -> Iterator[None]:
        """Variables that have these values inside of the block, None for those that are not set."""
        outside = {name: self.state.variables.get(name) for name in variables}
        self.state.restore(variables)
        yield
        self.state.restore(outside)

    def record(self, made: Ran) -> None:
        """Keep a command."""
        if len(self.ran) >= MOST_COMMANDS:
            raise ConfigError(f"{self.name}: more than {MOST_COMMANDS:,} commands are too many; is it the right file?")
        self.ran.append(made)

    def note(self, text: str, start: int, end: int | None = None) -> None:
        """Add a note to the commands that ran since `start`."""
        self.ran[start:end] = [made._replace(notes=(*made.notes, text)) for made in self.ran[start:end]]

    def note_on_unread(self, node: Node) -> None:
        """Note that a statement sets variables that are not known."""
        self.notes[f"line {line_of(node)} sets variables that are not read"] = None
