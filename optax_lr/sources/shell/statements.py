"""Commands in a shell script, read from its syntax tree and never run.

Variables with literal values, arrays, arithmetic of literals, functions, loops over literals, `bash -c`, here-documents and files
that `echo` and `cat` write are followed. Each branch of an `if` or `case` is followed from the same state.
"""

from __future__ import annotations

import contextlib
import fnmatch
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.files import LARGEST_FILE
from optax_lr.sources.marks import MARK, is_known, mark, readable
from optax_lr.sources.shell.branches import added_options, common_lines, common_options, is_argument
from optax_lr.sources.shell.conditions import holds
from optax_lr.sources.shell.output import REDIRECTIONS, output_of, redirected
from optax_lr.sources.shell.placeholders import notes_on, with_marks
from optax_lr.sources.shell.slurm import job_folder, job_sizes
from optax_lr.sources.shell.words import DEEPEST, MOST_TURNS, NAME, OWN_FOLDER, Words, raw

if TYPE_CHECKING:
    import tree_sitter

MOST_COMMANDS = 5_000
_ARGUMENTS = ("@", *map(str, range(1, 10)))
_COMMENT = re.compile(r"`#[^`\n]*`")  # a comment inside of a command
_CONTINUED = re.compile(r"(?m)^.*(?:&&|\|)[ \t]*$")  # a line whose command continues in the next one
_DOCUMENT = re.compile(r"(?<!<)<<-?[ \t]*['\"]?\w")
_SHELLS = frozenset({"bash", "sh", "zsh", "dash", "/bin/bash", "/bin/sh", "/usr/bin/bash"})
_STARTERS = _SHELLS | {"sbatch", "qsub", "source", "."}  # commands that run a script
_TASK_LAUNCHERS = ("srun", "mpirun", "mpiexec", "orterun", "horovodrun")
_PREFIXES = ("nohup", "time", "exec", "sudo", "command", "env")
_NO_PROGRAM = ("echo", "printf", "cd", "mkdir")
_TESTS = ("test", "[", "grep", "true", "false")
_READERS = ("read", "mapfile", "readarray", "getopts")  # commands that set variables
_SUBMITTED = re.compile(r"\$\{?(?:SLURM_SUBMIT_DIR|PBS_O_WORKDIR)\}?(?=/|$)")  # where a job is submitted
_FOLDER_OPTIONS = {
    "docker": "-w|--workdir",
    "podman": "-w|--workdir",
    "env": "-C|--chdir",
    "uv": "--directory",
    "srun": "-D|--chdir",
}  # that name the folder of a command
_WRITERS = ("sed", "yq", "cp", "mv", "tee", "envsubst", "perl", "awk")  # commands that may write the files they name
_CONFIG = re.compile(r"\.(?:ya?ml|json|toml)$")
# Sourced files and evaluated commands that set up the machine and no training.
_SET_UP = re.compile(
    r"activate|rc$|profile|conda|mamba|modules|/etc/|cuda|oneapi|/(?:init|setup|vars)[\w-]*\.sh$|"
    r"ssh-agent|modulecmd|direnv|shellenv|hook"
)


class Ran(NamedTuple):
    """One simple command of a script.

    Fields:
        words: its words.
        environment: the variables set for it.
        line: its line.
        notes: what a reader must know.
        cut: options that a comment or a missing continuation cuts off.
        files: texts of files that were written before it.
        below: the folder that it runs in, seen from where the script starts; None where the script does not say.
    """

    words: tuple[str, ...]
    environment: dict[str, str]
    line: int
    notes: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    files: Mapping[str, str] = MappingProxyType({})
    below: str | None = ""


class _State(NamedTuple):
    """What the statements so far leave: variables, the texts of files, the folder, and output, None for what is not known."""

    variables: dict[str, list[str]]
    files: dict[str, str]
    below: str | None
    output: list[str | None]


def commands_of(name: str, text: str) -> list[Ran]:
    """Every simple command of a script, in its order.

    Raises:
        ConfigError: where the script is not valid shell at a command that has options, or expands to too much.

    >>> commands_of("a.sh", "LR=2e-5\\ntorchrun train.py --learning_rate $LR \\\\\\n  --max_steps=10")[0].words
    ('torchrun', 'train.py', '--learning_rate', '2e-5', '--max_steps=10')
    """
    text = re.sub(r"\\\s*\Z", "\n", text)  # a last line that is continued by nothing
    shell = _Shell(name)
    text, shell.placeholders = with_marks(text)
    shell.below = shell.folder(job_folder(text))
    for variable, value in job_sizes(text).items():
        shell.variables[variable] = [value]
        shell.exported[variable] = None
    try:
        shell.run_text(text)
        if not shell.ended:
            shell.run_uncalled()
    except RecursionError:
        raise shell.refusal("commands are nested too deeply") from None
    return [made for made in shell.ran if made.words]


class _Shell(Words):
    """Follows the statements of a script, and keeps the commands so far."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.exported: dict[str, None] = {}
        self.readonly: frozenset[str] = frozenset()
        self.exports_all = False  # by `set -a`
        self.functions: "dict[str, tree_sitter.Node]" = {}
        self.aliases: dict[str, int] = {}  # of several words, each with its line
        self.called: set[str] = set()
        self.files: dict[str, str] = {}  # texts that the script writes; a new dict after each change
        self.below: str | None = ""  # the folder, seen from where the script starts; None where it is not known
        self.folders: list[str | None] = []  # that `pushd` and `cd` left
        self.left: dict[str | None, dict[str, str]] = {}  # the relative files of each folder that was left
        self.outer: dict[str, list[str] | None] | None = (
            None  # in a function, what its local variables are outside of it
        )
        self.changed: dict[str, str] = {}  # other files that commands write, each with the command
        self.output: list[str | None] = []  # that the statements write; None for what is not known
        self.ran: list[Ran] = []
        self.placeholders: dict[str, int] = {}  # in the script, each with its line
        self.following: set[str] = set()  # the texts that are being run in other shells; a job may submit itself
        self.several = False  # whether several here-documents begin in one line
        self.ended = ""  # "exit" or "return" behind one that certainly runs
        self.returned: list[_State] = []  # what a `return` that may run leaves
        self.depth = -1  # of functions, loops and scripts inside each other; 0 in the script itself

    @contextlib.contextmanager
    def deeper(self) -> Iterator[None]:
        """One level more of functions, loops and scripts inside each other."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.refusal("commands are nested too deeply")
        yield
        self.depth -= 1

    # --- statements ---

    def run_text(self, text: str) -> None:
        """Run a text as a script of its own."""
        with self.deeper():
            text = _COMMENT.sub(lambda found: " " * len(found[0]), text)
            # Behind `cat <<EOF &&`, the parser takes the first line of the document for the next command.
            self.run(
                self.parsed(_CONTINUED.sub(lambda found: found[0] + " cat" * bool(_DOCUMENT.search(found[0])), text))
            )

    def run_shell(self, text: str, environment: Mapping[str, str], arguments: list[str] | None) -> None:
        """Run a text in a shell of its own, which has only these variables and arguments, and leaves none."""
        outside = self.variables, self.arrays, self.exported, self.exports_all, self.readonly
        self.variables = {name: [value] for name, value in environment.items()}
        self.arrays, self.exported = set(), dict.fromkeys(environment)
        self.exports_all, self.readonly = False, frozenset()
        self.set_arguments(arguments)
        with self.own_shell():
            self.run_text(text)
        self.variables, self.arrays, self.exported, self.exports_all, self.readonly = outside

    @contextlib.contextmanager
    def own_shell(self) -> Iterator[None]:
        """Statements in a shell of their own, which leaves neither variables nor its folder, and where `exit` ends only it."""
        before = dict(self.variables), self.readonly, self.returned
        below, folders = self.below, self.folders
        self.returned, self.folders = [], list(folders)
        yield
        self.variables, self.readonly, self.returned = before
        self.move(below)
        self.ended, self.folders = "", folders

    def run_uncalled(self) -> None:
        """Run the functions that nothing called, with unknown arguments: a caller outside may."""
        ran: list[tuple[str, int, int]] = []
        for function in list(self.functions):
            if function not in self.called:
                self.ended = ""
                start = len(self.ran)
                self.call(function, None)
                ran.append((function, start, len(self.ran)))
        for function, start, end in ran:  # one function may call another that is defined above it
            how = (
                "called only by functions that nothing calls"
                if function in self.called
                else "not called in this script"
            )
            self.note(f"{function}() is {how}", start, end)

    def note(self, text: str, start: int, end: int | None = None) -> None:
        """Add a note to the commands that ran since `start`."""
        self.ran[start:end] = [made._replace(notes=(*made.notes, text)) for made in self.ran[start:end]]

    def run(self, node: tree_sitter.Node) -> None:
        """One statement."""
        self.spent([])
        match node.type:
            case "variable_assignment":
                self.assign(node)
            case "declaration_command":
                self.declare(node)
            case "unset_command":
                for child in node.named_children:
                    self.variables.pop(raw(child), None)
                    self.exported.pop(raw(child), None)
            case "command":
                self.command(node)
            case "redirected_statement":
                self.redirected(node)
            case "if_statement":
                self.branch(node)
            case "list":
                self.and_or(node)
            case "case_statement":
                self.case(node)
            case "for_statement":
                self.loop(node)
            case "while_statement" | "c_style_for_statement":
                bodies = [child for child in node.named_children if child.type in ("do_group", "compound_statement")]
                count = len(self.ran)
                self.branches([partial(self.run_all, bodies)], otherwise=True)
                self.note(f"the loop in line {node.start_point[0] + 1} is followed once", count)
            case "function_definition":
                name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
                if name is not None and body is not None:
                    self.functions[raw(name)] = body
            case "pipeline":
                for part in node.named_children:
                    self.run_alone([part])
                self.output.append(None)
            case "subshell":
                self.run_alone(node.named_children)
            case "comment" | "test_command":
                pass
            case kind:
                if kind == "ERROR":
                    self.check_error(node)
                self.run_all(node.named_children)

    def branch(self, node: tree_sitter.Node) -> None:
        """An `if` statement: the branch whose test holds, else each branch that may run."""
        branches = list(self.branches_of_if(node))
        exhaustive = any(test for test, _ in branches)
        if exhaustive and len(branches) == 1:
            self.run_all(branches[0][1])
        else:
            self.branches([partial(self.run_all, nodes) for _, nodes in branches], otherwise=not exhaustive)

    def case(self, node: tree_sitter.Node) -> None:
        """A `case` statement: the branch of a known word, else each branch."""
        word = node.child_by_field_name("value")
        value = "" if word is None else self.text(word)
        patterns: list[str] = []
        bodies: "list[list[tree_sitter.Node]]" = []
        for item in (child for child in node.named_children if child.type == "case_item"):
            end = next((child for child in item.children if child.type == ")"), item)
            patterns.append((item.text or b"")[: end.start_byte - item.start_byte].decode(errors="replace"))
            bodies.append([child for child in item.named_children if child.start_byte > end.start_byte])
        if is_known(value) and not re.search(r"[$`\\(]", "".join(patterns)):
            found = zip(patterns, bodies, strict=True)
            self.run_all(next((body for pattern, body in found if _is_case(value, pattern)), ()))
        else:
            self.branches([partial(self.run_all, body) for body in bodies], otherwise=True)

    def run_all(self, nodes: Iterable[tree_sitter.Node]) -> None:
        """Statements one after the other."""
        for node in nodes:
            if self.ended:
                return
            if node.next_sibling is not None and node.next_sibling.type == "&":
                with self.own_shell():
                    self.run(node)
            else:
                self.run(node)

    def run_alone(self, nodes: Iterable[tree_sitter.Node]) -> None:
        """Statements in a shell of their own."""
        with self.own_shell():
            self.run_all(nodes)

    def check_error(self, node: tree_sitter.Node) -> None:
        """Refuse text that is not shell but contains options of a command."""
        text = raw(node)
        if re.search(r"(^|\s)--[a-z]", text):
            line = node.start_point[0] + 1
            quote = "a quote or bracket is not closed, or " if text.count('"') % 2 or text.count("'") % 2 else ""
            raise ConfigError(
                f"{self.name}: the command in line {line} cannot be read as shell: {quote}its syntax is wrong; check "
                "it with bash -n"
            )

    def branches_of_if(self, node: tree_sitter.Node) -> Iterator[tuple[bool | None, Sequence[tree_sitter.Node]]]:
        """The branches that may run, each with whether its test holds; the statements of a test come first in it."""
        test = self.test(node, node.child_by_field_name("condition"))
        here: "list[tree_sitter.Node]" = []
        for child in node.named_children:
            if child.type not in ("elif_clause", "else_clause"):
                here.append(child)
                continue
            if test is not False:
                yield test, here
            if test:
                return
            here = list(child.named_children)
            test = child.type == "else_clause" or self.test(child, here[0] if here else None)
        if test is not False:
            yield test, here

    def test(self, node: tree_sitter.Node, condition: tree_sitter.Node | None) -> bool | None:
        """Whether a condition in `node` holds, also where it gives a variable that is not set its default."""
        empty = re.fullmatch(r'\[{1,2}\s+-z\s+"?\$\{?(\w+)\}?"?\s+\]{1,2}', raw(condition))
        if empty and empty[1] not in self.variables and not _ends(node):
            return re.search(rf"\b{empty[1]}=", raw(node)) is not None or None
        return holds(condition, self.text)

    def and_or(self, node: tree_sitter.Node, around: tree_sitter.Node | None = None) -> None:
        """`a && b || c`: a part may be left out behind a test that is not known, and behind `||`.

        The redirections of the statement `around` it are those of the last part.
        """
        success: bool | None = True  # of the parts so far
        likely = True  # whether they probably succeed, where that is not known
        parts = _and_or_parts(node)
        for sign, part in parts:
            if self.ended:
                return
            follow = partial(self.run, part)
            if around is not None and part is parts[-1][1]:
                follow = partial(self.redirected, around, part)
            and_then = sign == "&&"
            if success is None and (not (likely and and_then) or _ends(part)):
                self.branches([follow], otherwise=True)
                likely = False
            elif success in (None, and_then):
                follow()
                if success is None:
                    self.ended = self.ended.removeprefix("exit")
                tested = part.type in ("test_command", "negated_command", "compound_statement") or (
                    part.type == "command" and raw(part.named_children[0]) in _TESTS
                )
                sure = part.type in ("variable_assignment", "declaration_command")
                success = self.test(node, part) if tested else True if sure else None
                likely = not tested

    def branches(self, branches: Iterable[Callable[[], None]], *, otherwise: bool) -> None:
        """Run each branch from the same state; what differs between them afterwards is not known."""
        start = _State(self.variables, self.files, self.below, [])
        output, ends = self.output, [start] if otherwise else []
        returned: list[_State] = []
        ended = ""
        for follow in branches:
            self.variables, self.files, self.below, self.output = dict(start.variables), start.files, start.below, []
            follow()
            end = _State(self.variables, self.files, self.below, self.output)
            {"": ends, "return": returned}.get(self.ended, []).append(end)
            self.ended, ended = "", self.ended or ended
        if ends:
            self.returned = self.returned + returned
        else:
            ends = returned or [start]
            self.ended = "return" if returned else ended
        self.join(start, ends)
        self.output = output + common_lines([end.output for end in ends])

    def join(self, start: _State, ends: list[_State]) -> None:
        """Continue behind branches from `start` that leave `ends`; what differs between these is not known."""
        self.variables = {}
        for key in dict.fromkeys(key for end in ends for key in end.variables):
            value = self.joined(key, start.variables.get(key), [end.variables.get(key) for end in ends])
            if value is not None:
                self.variables[key] = value
        self.below = start.below if all(end.below == start.below for end in ends) else None
        files = [(path, text) for end in ends for path, text in end.files.items()]
        self.files = {path: text for path, text in files if all(end.files.get(path, text) == text for end in ends)}

    def joined(self, key: str, before: list[str] | None, values: list[list[str] | None]) -> list[str] | None:
        """The value of a variable after branches that leave it with `values`; None where it is not set.

        Options that branches add are left out with a note if they are no settings of the training; others get a mark.
        """
        if all(value == values[0] for value in values):
            return values[0]
        if is_known(before) and before in values and all(value == before or is_argument(value) for value in values):
            if before is None:
                self.arguments.add(key)
            else:
                self.notes[f"${key} is {' '.join(before)} unless an argument of the script sets it"] = None
            return before
        listed = key in self.arrays
        old, *branches = (value or [] if listed else " ".join(value or []).split() for value in (before, *values))
        if before is not None and None not in values and (added := added_options(old, branches)) is not None:
            if added:
                self.notes[f"a branch of the script adds {', '.join(added)} to ${key}, which is left out"] = None
            return before
        words = common_options(branches, mark(f"${key}"))
        return words if listed else [" ".join(words)]

    def loop(self, node: tree_sitter.Node) -> None:
        """A `for` loop: over literals each turn, else once with an unknown value."""
        variable = raw(node.child_by_field_name("variable"))
        values = [word for child in node.children_by_field_name("value") for word in self.expand(child)]
        if node.children[0].type == "select" or not values or not is_known(values) or len(values) > MOST_TURNS:
            values = [mark(f"${variable}")]
        count = len(self.ran)
        bodies = node.children_by_field_name("body")
        for value in values:
            if self.ended:
                break
            self.variables[variable] = [value]
            with self.deeper():
                self.run_all(bodies)
        if any(map(_leaves, bodies)):
            self.note(f"the loop in line {node.start_point[0] + 1} may end earlier or leave turns out", count)

    def declare(self, node: tree_sitter.Node) -> None:
        """`export A=1`, `declare -x A`, `local A=1`, `readonly A=1`."""
        readonly = node.children[0].type == "readonly"
        exported = node.children[0].type == "export"
        for child in node.named_children:
            name = raw(child.child_by_field_name("name") or child)
            if node.children[0].type == "local" and self.outer is not None:
                self.outer.setdefault(name, self.variables.get(name))
            if child.type == "variable_assignment":
                self.assign(child)
            elif child.type not in ("variable_name", "word"):
                for word in self.expand(child):
                    name, equals, text = word.partition("=")
                    if name.startswith("-"):  # `A=$B--$C`, which the parser divides
                        continue
                    if not re.fullmatch(NAME, name):
                        self.note_on_unread(node)
                    elif equals:
                        self.set_value(name, text)
                    if exported:
                        self.exported[name] = None
            if re.fullmatch(r"-\w*n\w*", name) and node.children[0].type != "export":
                self.note_on_unread(node)
            exported = exported or re.fullmatch(r"-\w*x\w*", name) is not None
            if exported:
                self.exported[name] = None
            if readonly:
                self.readonly |= {name}

    def note_on_unread(self, node: tree_sitter.Node) -> None:
        """Note that a statement sets variables that are not known."""
        self.notes[f"line {node.start_point[0] + 1} sets variables that are not read"] = None

    def set_value(self, name: str, text: str) -> None:
        """Set a variable to a text, unless it is readonly."""
        if name not in self.readonly:
            self.arrays.discard(name)
            self.variables[name] = self.spent([text])

    def assign(self, node: tree_sitter.Node) -> None:
        """`A=1`, `A+=1`, `A=(1 2)`; an element of an array makes the array unknown."""
        target, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if target is None:
            return
        if target.type == "subscript":
            self.variables[raw(target.child_by_field_name("name"))] = [mark(f"${{{raw(target)}}}")]
            return
        name = raw(target)
        if name in self.readonly:
            return
        if self.exports_all:
            self.exported[name] = None
        adds = any(child.type == "+=" for child in node.children)
        old = self.variables.get(name, []) if adds else []
        if value is not None and value.type == "array":
            self.arrays.add(name)
            made = [word for child in value.named_children if child.type != "comment" for word in self.expand(child)]
            self.variables[name] = self.spent(old + made)
        else:
            if not adds:
                self.arrays.discard(name)
            first, *rest = old or [""]
            self.variables[name] = self.spent([first + ("" if value is None else self.text(value)), *rest])

    def redirected(self, node: tree_sitter.Node, part: tree_sitter.Node | None = None) -> None:
        """A statement with redirections, which are those of `part` alone if it is given."""
        body, extra, heredoc, target, appends = redirected(node)
        if part is None and body is not None and body.type == "list":
            self.and_or(body, node)
            return
        body = part or body
        several = (
            self.several or len(_DOCUMENT.findall(raw(heredoc).partition("\n")[0])) > 1
        )  # whose texts the parser mixes up
        document = None if heredoc is None or several else self.document(heredoc)
        outer, self.output = self.output, []
        if body is not None and body.type != "command":
            self.run(body)
        elif body is not None:
            words = self.command(body, extra, document)
            if document is not None and words[:1] == ["read"] and "-d" in words and re.fullmatch(NAME, words[-1]):
                self.arrays.discard(words[-1])  # `read -r -d '' A <<EOF`: the whole document is the value
                self.variables[words[-1]] = self.spent([document.strip()])
        written, self.output = self.output, outer
        if target is None:
            self.output += written
        else:
            path = self.seen(self.text(target))
            self.write(path, [self.files.get(path) if appends else "", *written], f"line {node.start_point[0] + 1}")
        if heredoc is not None:
            outside, self.several = self.several, several
            self.behind(heredoc)
            self.several = outside

    def behind(self, heredoc: tree_sitter.Node) -> None:
        """The commands in the first line of a here-document: `cat <<EOF && run a`, `cat <<EOF | tee b`."""
        right = heredoc.child_by_field_name("right")
        for child in heredoc.named_children:
            if child.type == "pipeline" or (child == right and raw(heredoc.child_by_field_name("operator")) == "&&"):
                self.run(child)
            elif child == right:
                self.branches([partial(self.run, child)], otherwise=True)

    def write(self, path: str, parts: list[str | None], place: str) -> None:
        """Keep the text of a file that the script writes, or forget it where a part is not known."""
        self.files = {name: text for name, text in self.files.items() if name != path}
        text = "".join(part for part in parts if part is not None)
        if None in parts or len(text) > LARGEST_FILE:
            self.changed[path] = place
        else:
            self.files[path] = text
            self.changed.pop(path, None)

    def document(self, node: tree_sitter.Node) -> str:
        """The text of a here-document, its variables replaced unless its mark is quoted."""
        parts = {child.type: child for child in node.named_children}
        body = parts.get("heredoc_body")
        if body is None or raw(parts.get("heredoc_start"))[:1] in ("'", '"', "\\"):
            return self.restored(raw(body))
        return self.inside(body)

    # --- folders ---

    def folder(self, place: str) -> str | None:
        """A folder seen from where the script starts; None where the script does not say."""
        base = self.below
        place, own = OWN_FOLDER.subn(".", place)
        submitted = _SUBMITTED.match(str(readable(place)))
        if own or submitted:
            base = ""
            place = place if submitted is None else f".{str(readable(place))[submitted.end() :]}"
        if base is None or not is_known(place) or not place or place[0] in "/~$":
            return None
        joined = posixpath.normpath(posixpath.join(base, place))
        return "" if joined == "." else joined

    def folder_of(self, words: Sequence[str]) -> str | None:
        """The folder of a command, which an option such as `docker run -w` may name."""
        option = _FOLDER_OPTIONS.get(words[0])
        found = option and re.search(rf"(?:^|\0)(?:{option})[=\0]([^\0]+)", "\0".join(words))
        return self.folder(found[1]) if found else self.below

    def change_folder(self, words: Sequence[str]) -> None:
        """Follow `cd`, `pushd` and `popd`."""
        place = next((word for word in words[1:] if not re.fullmatch(r"-[LPe@]+|--", word)), "")
        left = self.folders.pop() if self.folders and (words[0] == "popd" or place == "-") else None
        if words[0] != "popd":
            self.folders.append(self.below)
        self.move(self.folder(place) if words[0] != "popd" and place != "-" else left)

    def move(self, below: str | None) -> None:
        """Go to a folder; a relative name is that of another file there."""
        if below == self.below:
            return
        relative = {name: text for name, text in self.files.items() if is_known(name) and name[:1] not in ("/", "~")}
        everywhere = {name: text for name, text in self.files.items() if name not in relative}
        self.left = {**self.left, self.below: relative, None: {}}
        self.below, self.files = below, everywhere | self.left.get(below, {})

    def seen(self, word: str) -> str:
        """A word where the folder of the script is the one that it names."""
        return OWN_FOLDER.sub(".", word) if self.below == "" else word

    # --- commands ---

    def command(
        self, node: tree_sitter.Node, extra: Sequence[tree_sitter.Node] = (), document: str | None = None
    ) -> list[str]:
        """One simple command: recorded, or run where it is a function, `eval` or `bash -c`."""
        environment = {key: " ".join(self.variables[key]) for key in self.exported if key in self.variables}
        assigned: dict[str, str] = {}
        words: list[str] = []
        own_arguments = False
        for child in [*node.named_children, *extra]:
            if child.type == "variable_assignment" and not words:
                name, value = child.child_by_field_name("name"), child.child_by_field_name("value")
                assigned[raw(name)] = environment[raw(name)] = "" if value is None else self.text(value)
            elif child.type not in (*REDIRECTIONS, "comment"):
                own_arguments |= child.text in (b"$@", b'"$@"', b"$*", b'"$*"') and "@" not in self.variables
                words += self.expand(child)
        line = node.start_point[0] + 1
        if words[:1] in (["cd"], ["pushd"], ["popd"]):
            self.change_folder(words)
        words = list(map(self.seen, words))
        if node.has_error and any(word.startswith("--") for word in words):
            self.check_error(node)
        if not words:
            return words
        head = words[0]
        if head in self.functions and self.depth < DEEPEST:
            self.called.add(head)
            with self.with_variables(assigned):
                self.call(head, words[1:])
        elif (started := self.started(words, document)) is not None and self.depth < DEEPEST:
            count = len(self.ran)
            text, arguments = MARK.sub(self.kept, started[0]), started[1]
            following, self.following = self.following, {*self.following, started[0]}
            shown = str(readable(started[0]))
            if head == "eval" and shown.startswith(("$(", "`")) and not _SET_UP.search(shown):
                self.note_on_unread(node)
            if head in ("eval", "source", "."):
                with self.with_arguments(arguments) if arguments else contextlib.nullcontext():
                    self.run_text(text)
            else:
                self.run_shell(text, environment | _set_before_shell(words) | job_sizes(text), arguments)
            self.following = following
            launcher = _launcher_of_shell(words)
            self.ran[count:] = [
                made._replace(words=launcher + made.words, line=line, environment=environment | made.environment)
                for made in self.ran[count:]
            ]
        elif not self.builtin(node, words):
            self.output.append(output_of(words, document))
            if head in _WRITERS:
                self.changed |= dict.fromkeys(words[1:], f"{head} in line {line}")
            elif head not in _NO_PROGRAM:
                named = {word.rpartition("=")[2] for word in words if _CONFIG.search(word)} & self.changed.keys()
                notes = [
                    f"{self.changed[path]} may change {path} before the command reads it" for path in sorted(named)
                ]
                notes += ["the script's own arguments ($@) are taken as none"] if own_arguments else []
                notes += notes_on(words, self.placeholders)
                if head in self.aliases:
                    notes.append(f"{head} may be the alias of line {self.aliases[head]}, which is not followed")
                self.record(
                    Ran(
                        tuple(words),
                        environment,
                        line,
                        (*self.notes, *self.note_on_defaults(), *notes),
                        files=self.files,
                        below=self.folder_of(words),
                    )
                )
        if head == "exec" and words[1:] and not words[1].startswith("{"):
            self.ended = "exit"
        return words

    def started(self, words: list[str], document: str | None) -> tuple[str, list[str] | None] | None:
        """The script that a command runs, and its arguments, None for unknown ones; None for a command that runs none.

        The script is among the words, a here-document, or a file that was written before.
        """
        head = words[0]
        if head == "eval":
            return " ".join(words[1:]), None
        if (text := _script_of_shell(words)) is not None:
            return text, None
        words = words[len(_launcher_of_shell(words)) :]
        while words[1:] and words[0] in _PREFIXES:
            words = words[1:]
        head = words[0]
        for place, word in enumerate(words if head in _STARTERS else [head]):
            written = word if word in self.files else word.removeprefix("./")
            if written not in self.changed and self.files.get(written, "") not in {"", *self.following}:
                return self.files[written], words[place + 1 :]
        return (document, None) if document is not None and head in _STARTERS else None

    def builtin(self, node: tree_sitter.Node, words: list[str]) -> bool:
        """Follow a command of the shell that changes what is known; False for every other command."""
        head = words[0]
        if head == "exit":
            # A failure in a branch is mostly a check of variables that only the user sets.
            self.ended = head if words[1:] in ([], ["0"], ["$?"]) or _is_straight(node) else self.ended
        elif head == "return" and self.outer is not None:
            self.ended = head
        elif head == "set" and words[1:2] in (["-a"], ["+a"]):
            self.exports_all = words[1] == "-a"
        elif head.startswith("--") and self.ran:
            options = tuple(word.partition("=")[0] for word in words if word.startswith("--"))
            self.ran[-1] = self.ran[-1]._replace(cut=self.ran[-1].cut + options)
        elif words[:2] == ["set", "--"]:
            self.set_arguments(words[2:])
        elif head == "shift" and "@" in self.variables:
            self.set_arguments(self.variables["@"][int(words[1]) if words[1:] and words[1].isdigit() else 1 :])
        elif head in _READERS:
            names = [word for word in words[1:] if re.fullmatch(NAME, word)]
            self.variables |= {name: [mark(f"${name}")] for name in (*names, "OPTARG")}
        elif words[:2] == ["printf", "-v"] and len(words) > 3 and re.fullmatch(NAME, words[2]):
            text = words[4] if words[3] == "%s" and len(words) == 5 else output_of(["printf", *words[3:]], None)
            self.set_value(words[2], mark(f"${words[2]}") if text is None else text)
        elif head == "alias":
            named = (word.partition("=") for word in words[1:])
            self.aliases |= {name: node.start_point[0] + 1 for name, _, text in named if " " in text}
        elif head in ("source", "."):
            if len(words) > 1 and not _SET_UP.search(words[1]):
                line = node.start_point[0] + 1
                self.notes[f"{readable(words[1])}, sourced in line {line}, may set other values"] = None
        else:
            return False
        return True

    def record(self, made: Ran) -> None:
        """Keep a command."""
        if len(self.ran) >= MOST_COMMANDS:
            raise ConfigError(f"{self.name}: more than {MOST_COMMANDS:,} commands are too many; is it the right file?")
        self.ran.append(made)

    def kept(self, found: re.Match[str]) -> str:
        """The placeholder of a mark in a text that is parsed again."""
        name = f"${{_MARK_{len(self.marks)}}}"
        self.marks[name] = found[0]
        return name

    def call(self, function: str, arguments: list[str] | None) -> None:
        """Run the body of a function with its arguments; None for unknown ones."""
        outer, self.outer = self.outer, {}
        returned, self.returned = self.returned, []
        start = _State(dict(self.variables), self.files, self.below, [])
        with self.deeper(), self.with_arguments(arguments):
            self.run(self.functions[function])
            if self.returned:
                here = [] if self.ended == "exit" else [_State(self.variables, self.files, self.below, [])]
                self.join(start, [*self.returned, *here])
                self.output.append(None)
            if self.returned or self.ended == "return":
                self.ended = ""
        self.set_variables(self.outer)
        self.outer, self.returned = outer, returned

    def set_variables(self, values: Mapping[str, list[str] | None]) -> None:
        """Set variables; None for one that is not set."""
        for name, value in values.items():
            self.variables.pop(name, None)
            if value is not None:
                self.variables[name] = value

    @contextlib.contextmanager
    def with_variables(self, assigned: Mapping[str, str]) -> Iterator[None]:
        """Exported variables inside of the block, as in `LR=1 f`."""
        before, exported = {name: self.variables.get(name) for name in assigned}, dict(self.exported)
        self.variables |= {name: [value] for name, value in assigned.items()}
        self.exported |= dict.fromkeys(assigned)
        yield
        self.set_variables(before)
        for name in assigned.keys() - exported.keys():
            self.exported.pop(name, None)

    @contextlib.contextmanager
    def with_arguments(self, words: list[str] | None) -> Iterator[None]:
        """Arguments inside of the block, as of a function; None for unknown ones."""
        kept = {key: value for key, value in self.variables.items() if key in _ARGUMENTS}
        self.set_arguments(words)
        yield
        self.variables = {key: value for key, value in self.variables.items() if key not in _ARGUMENTS} | kept

    def set_arguments(self, words: list[str] | None) -> None:
        """Set `$1`, `$2`, ... and `$@`; nothing where they are not known."""
        if words is None:
            return
        self.variables |= {name: words[place - 1 : place] for place, name in enumerate(_ARGUMENTS)} | {"@": words}


def _and_or_parts(node: tree_sitter.Node) -> list[tuple[str, tree_sitter.Node]]:
    """The parts of `a && b || c`, each with the sign before it."""
    signs: "list[tuple[str, tree_sitter.Node]]" = []
    while node.type == "list":
        signs.append((raw(node.children[1]), node.named_children[-1]))
        node = node.named_children[0]
    return [("&&", node), *reversed(signs)]


def _is_case(value: str, patterns: str) -> bool:
    """Whether a word matches one of the patterns of a branch: `a|"b c"|*.yaml`."""
    plain = re.sub(r"[\s'\"]", "", patterns).removeprefix("(")
    return any(fnmatch.fnmatchcase(re.sub(r"\s", "", value), pattern) for pattern in plain.split("|"))


def _script_of_shell(words: list[str]) -> str | None:
    """The script that these words run in a shell: the one behind `bash -c`, or that of `--command` or `--wrap` elsewhere."""
    for word, following in zip(words[1:], [*words[2:], ""], strict=False):
        option, equals, text = word.partition("=")
        text = text if equals else following
        if option.lower() in ("--command", "--wrap") and " " in text:
            return text
    place = next((n for n, word in enumerate(words) if word in _SHELLS), len(words))
    options = zip(words[place + 1 :], words[place + 2 :], strict=False)
    return next((text for word, text in options if re.fullmatch(r"-\w*c", word)), None)


def _launcher_of_shell(words: list[str]) -> tuple[str, ...]:
    """The words before a shell that a launcher starts as its tasks, as in `srun -n 4 bash -c ...`; none for others."""
    end = next((n for n, word in enumerate(words) if word in _SHELLS), 0)
    return tuple(words[:end]) if words[0] in _TASK_LAUNCHERS else ()


def _set_before_shell(words: list[str]) -> dict[str, str]:
    """The variables among the words before a shell, as in `env A=1 bash -c ...`."""
    before = words[: next((n for n, word in enumerate(words) if word in _SHELLS), 0)]
    return {found[1]: found[2] for word in before if (found := re.fullmatch(rf"({NAME})=(.*)", word, re.DOTALL))}


def _is_straight(node: tree_sitter.Node) -> bool:
    """Whether a command is a statement of the script itself, in no branch."""
    return node.parent is not None and node.parent.type == "program"


def _ends(node: tree_sitter.Node) -> bool:
    """Whether a statement has an `exit`, `return` or `exec`."""
    return re.search(r"\b(?:exit|return|exec)\b", raw(node)) is not None


def _leaves(node: tree_sitter.Node) -> bool:
    """Whether the body of a loop has a `break` or `continue` of that loop."""
    nodes = [node]
    while nodes:
        node = nodes.pop()
        if node.type == "command" and re.fullmatch(r"(?:break|continue)(?:\s.*)?", raw(node)):
            return True
        if node.type not in ("for_statement", "while_statement", "c_style_for_statement", "function_definition"):
            nodes += node.named_children
    return False
