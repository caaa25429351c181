"""Commands in a shell script, read from its syntax tree and never run.

Variables with literal values, arrays, arithmetic of literals, functions, loops over literals, `bash -c` and here-documents are
followed. What the script does not say, such as `$(hostname)` or a variable of the environment, becomes a mark.
"""

from __future__ import annotations

import ast
import operator
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.marks import MARK, is_known, mark

if TYPE_CHECKING:
    import tree_sitter

MOST_WORDS = 50_000  # that a script expands to
MOST_BYTES = 2**21  # of expanded text
MOST_COMMANDS = 5_000
MOST_TURNS = 200  # of a loop over literals
DEEPEST = 12  # of functions and `bash -c` inside each other
LONGEST = 1.0  # seconds of CPU time
_NAME = r"[A-Za-z_]\w*"
_VARIABLE = ("simple_expansion", "expansion")
_SUBSTITUTED = (*_VARIABLE, "command_substitution", "arithmetic_expansion")
_REDIRECTIONS = ("file_redirect", "herestring_redirect", "heredoc_redirect")
_ARGUMENTS = ("@", *map(str, range(1, 10)))
_EXPANSION = re.compile(rf"(#?)({_NAME}|[0-9@*#?])(?:\[([^\]]*)\])?(?:(:?[-=+?])(.*))?", re.DOTALL)
# `${A//x}` and `${A//x/y}`, where x and y are plain text.
_REPLACEMENT = re.compile(rf"({_NAME})//([\w.,:@=+ -]+)(?:/([\w.,:@=+ -]*))?")
# `${A}`, `${A:-1}`, `$A` and `A` in an arithmetic expression.
_IN_ARITHMETIC = re.compile(rf"\$\{{({_NAME})(?::?-(\d+))?\}}|\$({_NAME})|(?<![\w$])({_NAME})")
_SBATCH = re.compile(r"(?m)^#SBATCH\s+(--?[\w-]+)(?:=|\s+)?(\S*)")
_SLURM = {
    "--nodes": ("SLURM_NNODES", "SLURM_JOB_NUM_NODES"),
    "-N": ("SLURM_NNODES", "SLURM_JOB_NUM_NODES"),
    "--ntasks": ("SLURM_NTASKS",),
    "-n": ("SLURM_NTASKS",),
    "--ntasks-per-node": ("SLURM_NTASKS_PER_NODE",),
    "--gpus-per-node": ("SLURM_GPUS_PER_NODE", "SLURM_GPUS_ON_NODE"),
}
# Options that may change the curve or the number of processes, and beginnings of those that do not.
_SETTING = re.compile(r"lr|learn|warm|sched|epoch|step|iter|batch|accum|world|nproc|process|decay|config|gpus|nodes")
_NO_SETTING = re.compile(r"(?:eval|save|log|logging|wandb|profile|test)[_-]")
# Blanks and a continued line that the parser counts as part of the expansion behind them.
_BEFORE = " \t\r\n\\"
_COMMENT = re.compile(r"`#[^`\n]*`")  # a comment inside of a command
# Where the scanner of tree-sitter-bash 0.25 looks a character up in a table of 384 entries, and may end the process.
_WIDE = re.compile(r"\{\d*(?:\.\.\d*)?(?=[^\x00-\xff])")
_GUARD = "\x7f"  # is put between the brace and the character
_SHELLS = frozenset({"bash", "sh", "zsh", "dash", "/bin/bash", "/bin/sh", "/usr/bin/bash"})


class Ran(NamedTuple):
    """One simple command of a script: its words, the variables set for it, its line, and what a reader must know."""

    words: tuple[str, ...]
    environment: dict[str, str]
    line: int
    notes: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    files: Mapping[str, str] = MappingProxyType({})


_PLACEHOLDER = re.compile(r"(?<!<)<(?:[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[A-Z][a-z]+(?: [\w.-]+)+)>")


def commands_of(name: str, text: str) -> list[Ran]:
    """Every simple command of a script, in its order.

    Raises:
        ConfigError: where the script is not valid shell at a command that has options, or expands to too much.

    >>> commands_of("a.sh", "LR=2e-5\\ntorchrun train.py --learning_rate $LR \\\\\\n  --max_steps=10")[0].words
    ('torchrun', 'train.py', '--learning_rate', '2e-5', '--max_steps=10')
    """
    # `<YOUR_PATH>`, which a user is to replace, would be read as redirections.
    text = _PLACEHOLDER.sub(lambda found: re.sub(r"[<> ]", "_", found[0]), text)
    shell = _Shell(name)
    shell.slurm(text)
    try:
        shell.run_text(text, 0)
        shell.run_uncalled()
    except RecursionError:
        raise shell.refusal("commands are nested too deeply") from None
    return [made for made in shell.ran if made.words]


def _parser() -> tree_sitter.Parser:
    try:
        import tree_sitter
        import tree_sitter_bash
    except ImportError:
        raise ImportError('reading shell scripts needs tree-sitter: pip install "optax-lr[config]"') from None
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


class _Shell:
    """The variables of a script as it goes, and the commands so far."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.variables: dict[str, list[str]] = {}
        self.arrays: set[str] = set()
        self.exported: set[str] = set()
        self.functions: "dict[str, tree_sitter.Node]" = {}
        self.called: set[str] = set()
        self.files: dict[str, str] = {}
        self.ran: list[Ran] = []
        self.notes: dict[str, None] = {}
        self.words = self.bytes = 0
        self.until = time.thread_time() + LONGEST
        self.parser = _parser()

    # --- limits ---

    def spent(self, made: list[str]) -> list[str]:
        """`made`, counted against the limits."""
        self.words += len(made)
        self.bytes += sum(map(len, made))
        if self.words > MOST_WORDS or self.bytes > MOST_BYTES:
            raise self.refusal(f"the script expands to more than {MOST_WORDS:,} words or {MOST_BYTES:,} characters")
        if time.thread_time() > self.until:
            raise self.refusal("the script takes too long to read")
        return made

    def refusal(self, why: str) -> ConfigError:
        """The error for a script that is not followed further."""
        return ConfigError(f"{self.name}: {why}; write the training command out")

    # --- statements ---

    def slurm(self, text: str) -> None:
        """Take the job's sizes from the `#SBATCH` lines."""
        for option, value in _SBATCH.findall(text):
            for variable in _SLURM.get(option, ()):
                if value.isdigit():
                    self.variables[variable] = [value]
                    self.exported.add(variable)

    def run_text(self, text: str, depth: int) -> None:
        """Run a text as a script of its own."""
        plain = _COMMENT.sub(lambda found: " " * len(found[0]), text)
        self.run(self.parsed(plain), depth)

    def parsed(self, text: str) -> tree_sitter.Node:
        """The root of the syntax tree of a text."""
        return self.parser.parse(_WIDE.sub(rf"\g<0>{_GUARD}", text).encode()).root_node

    def run_uncalled(self) -> None:
        """Run the functions that nothing called, with unknown arguments: a caller outside may."""
        for function in list(self.functions):
            if function not in self.called:
                self.call(function, None, 1)

    def run(self, node: tree_sitter.Node, depth: int) -> None:
        """One statement."""
        self.spent([])
        if depth > DEEPEST:
            raise self.refusal("commands are nested too deeply")
        match node.type:
            case "variable_assignment":
                self.assign(node)
            case "declaration_command":
                self.declare(node)
            case "unset_command":
                for child in node.named_children:
                    self.variables.pop(_raw(child), None)
            case "command":
                self.command(node, depth)
            case "redirected_statement":
                self.redirected(node, depth)
            case "if_statement":
                exhaustive = any(child.type == "else_clause" for child in node.named_children)
                self.branches(self.branches_of_if(node), depth, otherwise=not exhaustive)
            case "case_statement":
                items = [list(item.named_children[1:]) for item in node.named_children if item.type == "case_item"]
                self.branches(items, depth, otherwise=True)
            case "for_statement":
                self.loop(node, depth)
            case "while_statement" | "c_style_for_statement":
                bodies = [child for child in node.named_children if child.type in ("do_group", "compound_statement")]
                self.branches([bodies], depth, otherwise=True)
            case "function_definition":
                name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
                if name is not None and body is not None:
                    self.functions[_raw(name)] = body
            case "subshell":
                before = dict(self.variables)
                self.run_children(node, depth)
                self.variables = before
            case "comment" | "test_command":
                pass
            case kind:
                if kind == "ERROR":
                    self.check_error(node)
                self.run_children(node, depth)

    def run_children(self, node: tree_sitter.Node, depth: int) -> None:
        """Each statement inside of another."""
        for child in node.named_children:
            self.run(child, depth)

    def check_error(self, node: tree_sitter.Node) -> None:
        """Refuse text that is not shell but contains options of a command."""
        text = _raw(node)
        if re.search(r"(^|\s)--[a-z]", text):
            line = node.start_point[0] + 1
            quote = "a quote or bracket is not closed, or " if text.count('"') % 2 or text.count("'") % 2 else ""
            raise ConfigError(
                f"{self.name}: the command in line {line} cannot be read as shell: {quote}its syntax is wrong; check "
                "it with bash -n"
            )

    def branches_of_if(self, node: tree_sitter.Node) -> Iterator[list[tree_sitter.Node]]:
        """The statements of each branch; those of the condition come first in the first one."""
        here: "list[tree_sitter.Node]" = []
        for child in node.named_children:
            if child.type in ("elif_clause", "else_clause"):
                yield here
                here = list(child.named_children)
            else:
                here.append(child)
        yield here

    def branches(self, branches: Iterable[list[tree_sitter.Node]], depth: int, *, otherwise: bool) -> None:
        """Run each branch from the same state; a variable that differs between them afterwards is not known."""
        before = dict(self.variables)
        ends = [before] if otherwise else []
        for statements in branches:
            self.variables = dict(before)
            for statement in statements:
                self.run(statement, depth)
            ends.append(self.variables)
        keys = dict.fromkeys(key for end in ends for key in end)
        self.variables = {key: self.joined(key, before.get(key), [end.get(key) for end in ends]) for key in keys}

    def joined(self, key: str, before: list[str] | None, values: list[list[str] | None]) -> list[str]:
        """The value of a variable after branches that leave it with `values`.

        Options that branches add are left out with a note if they are no settings of the training; others get a mark.
        """
        if all(value == values[0] for value in values):
            return values[0] or []
        if before is not None and is_known(before) and all(value == before or _is_argument(value) for value in values):
            self.notes[f"${key} is {' '.join(before)} unless an argument of the script sets it"] = None
            return before
        listed = key in self.arrays
        old, *branches = (value or [] if listed else " ".join(value or []).split() for value in (before, *values))
        if before is not None and None not in values and (added := _added(old, branches)) is not None:
            if added:
                self.notes[f"a branch of the script adds {', '.join(added)} to ${key}, which is left out"] = None
            return before
        words = _common_options(branches, mark(f"${key}"))
        return words if listed else [" ".join(words)]

    def loop(self, node: tree_sitter.Node, depth: int) -> None:
        """A `for` loop: over literals each turn, else once with an unknown value."""
        variable = _raw(node.child_by_field_name("variable"))
        body = node.child_by_field_name("body")
        values = [word for child in node.children_by_field_name("value") for word in self.expand(child)]
        if not values or not all(is_known(value) for value in values) or len(values) > MOST_TURNS:
            values = [mark(f"${variable}")]
        for value in values:
            self.variables[variable] = [value]
            if body is not None:
                self.run(body, depth + 1)

    def declare(self, node: tree_sitter.Node) -> None:
        """`export A=1`, `declare -x A`, `local A=1`."""
        exported = node.children[0].type == "export"
        for child in node.named_children:
            if child.type == "variable_assignment":
                self.assign(child)
            name = _raw(child.child_by_field_name("name") or child)
            exported = exported or re.fullmatch(r"-\w*x\w*", name) is not None
            if exported:
                self.exported.add(name)

    def assign(self, node: tree_sitter.Node) -> None:
        """`A=1`, `A+=1`, `A=(1 2)`; an element of an array makes the array unknown."""
        target, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if target is None:
            return
        if target.type == "subscript":
            inner = target.child_by_field_name("name")
            self.variables[_raw(inner)] = [mark(f"${{{_raw(target)}}}")]
            return
        name = _raw(target)
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

    def redirected(self, node: tree_sitter.Node, depth: int) -> None:
        """A command with redirections; words behind a redirection still belong to it, and a here-document may be a file."""
        body, extra, target, document = None, [], None, None
        for child in node.named_children:
            if child.type == "file_redirect":
                places = [part for part in child.named_children if part.type != "file_descriptor"]
                target = places[0] if places else target
                extra += places[1:]
            elif child.type == "heredoc_redirect":
                document = self.document(child)
                redirects = [part for part in child.named_children if part.type == "file_redirect"]
                target = redirects[-1].named_children[-1] if redirects else target
            elif child.type != "herestring_redirect" and body is None:
                body = child
        if body is None:
            return
        if body.type == "command":
            words = self.command(body, depth, extra, document)
            if document is not None and target is not None and words[:1] == ["cat"]:
                path = self.text(target)
                if is_known(path):
                    self.files[path] = document
            elif document is not None and words[:1] == ["read"] and "-d" in words and re.fullmatch(_NAME, words[-1]):
                self.arrays.discard(words[-1])  # `read -r -d '' A <<EOF`: the whole document is the value
                self.variables[words[-1]] = self.spent([document.strip()])
        else:
            self.run(body, depth)

    def document(self, node: tree_sitter.Node) -> str:
        """The text of a here-document, its variables replaced unless its mark is quoted."""
        parts = {child.type: child for child in node.named_children}
        body = parts.get("heredoc_body")
        if body is None:
            return ""
        if _raw(parts.get("heredoc_start"))[:1] in ("'", '"', "\\"):
            return _raw(body)
        return self.inside(body, body.start_byte, body.end_byte)

    def command(
        self, node: tree_sitter.Node, depth: int, extra: Sequence[tree_sitter.Node] = (), document: str | None = None
    ) -> list[str]:
        """One simple command: recorded, or run where it is a function, `eval` or `bash -c`."""
        environment = {key: " ".join(self.variables[key]) for key in self.exported if key in self.variables}
        words: list[str] = []
        notes = dict.fromkeys(self.notes)
        for child in [*node.named_children, *extra]:
            if child.type == "variable_assignment" and not words:
                name, value = child.child_by_field_name("name"), child.child_by_field_name("value")
                environment[_raw(name)] = "" if value is None else self.text(value)
            elif child.type not in (*_REDIRECTIONS, "comment"):
                if child.text in (b"$@", b'"$@"', b"$*", b'"$*"') and "@" not in self.variables:
                    notes["the script's own arguments ($@) are taken as none"] = None
                words += self.expand(child)
        line = node.start_point[0] + 1
        if node.has_error and any(word.startswith("--") for word in words):
            self.check_error(node)
        if not words:
            return words
        if words[0] in self.functions and depth < DEEPEST:
            self.called.add(words[0])
            self.call(words[0], words[1:], depth + 1)
        elif words[0] == "eval":
            self.run_text(_unmarked(" ".join(words[1:])), depth + 1)
        elif (text := _script_of_shell(words)) is not None:
            count = len(self.ran)
            self.run_text(_unmarked(text), depth + 1)
            self.ran[count:] = [
                made._replace(line=line, environment=environment | made.environment) for made in self.ran[count:]
            ]
        elif words[0] in _SHELLS and document is not None and depth < DEEPEST:
            self.run_text(document, depth + 1)
        elif words[0].startswith("--") and self.ran:
            options = tuple(word.partition("=")[0] for word in words if word.startswith("--"))
            self.ran[-1] = self.ran[-1]._replace(cut=self.ran[-1].cut + options)
        elif words[0] == "set" and words[1:2] == ["--"]:
            self.set_arguments(words[2:])
        elif words[0] not in ("echo", "printf", "cd", "mkdir", "source", "."):
            if len(self.ran) >= MOST_COMMANDS:
                raise ConfigError(
                    f"{self.name}: more than {MOST_COMMANDS:,} commands are too many; is it the right file?"
                )
            self.ran.append(Ran(tuple(words), environment, line, tuple(notes), files=self.files))
        return words

    def call(self, function: str, arguments: list[str] | None, depth: int) -> None:
        """Run the body of a function with its arguments; None for unknown ones."""
        kept = {key: value for key, value in self.variables.items() if key in _ARGUMENTS}
        if arguments is not None:
            self.set_arguments(arguments)
        self.run(self.functions[function], depth)
        self.variables = {key: value for key, value in self.variables.items() if key not in _ARGUMENTS} | kept

    def set_arguments(self, words: list[str]) -> None:
        """Set `$1`, `$2`, ... and `$@`."""
        self.variables |= {name: words[place - 1 : place] for place, name in enumerate(_ARGUMENTS)} | {"@": words}

    # --- words ---

    def expand(self, node: tree_sitter.Node) -> list[str]:
        """The words that an argument becomes."""
        match node.type:
            case "command_name":
                return self.expand(node.named_children[0]) if node.named_children else [_raw(node)]
            case "string" if re.fullmatch(r'"\$(\{\w+\[@\]\}|@)"', _raw(node)):
                return self.spent(self.value(node.named_children[0]))
            case "concatenation" | "simple_expansion" | "expansion" | "command_substitution":
                return self.spent(self.divided(node))
            case "brace_expression":
                found = re.fullmatch(r"\{([0-9]{1,6})\.\.([0-9]{1,6})\}", _raw(node))
                if found and abs(int(found[2]) - int(found[1])) <= MOST_TURNS:
                    return self.spent([str(n) for n in range(int(found[1]), int(found[2]) + 1)])
        return self.spent([self.text(node)])

    def divided(self, node: tree_sitter.Node) -> list[str]:
        """The words of joined parts: an unquoted variable with spaces in it divides them."""
        words = [""]
        for child in node.children if node.type == "concatenation" else [node]:
            text = self.text(child)
            if child.type in (*_VARIABLE, "command_substitution"):
                first, *rest = re.split(r"\s+", text)
                words[-1] += first
                words += rest
            else:
                words[-1] += text
        return [word for word in words if word]

    def text(self, node: tree_sitter.Node) -> str:
        """The text that a node becomes, without division into words."""
        raw = _raw(node)
        match node.type:
            case "simple_expansion" | "expansion":
                return " ".join(self.value(node))
            case "string":
                return self.inside(node, node.start_byte + 1, node.end_byte - 1)
            case "translated_string":
                return self.text(node.named_children[0])
            case "raw_string":
                return raw[1:-1]
            case "ansi_c_string":
                return re.sub(
                    r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), raw[2:-1], flags=re.DOTALL
                )
            case "concatenation":
                return "".join(self.text(child) for child in node.children)
            case "arithmetic_expansion":
                return self.arithmetic(raw.lstrip(_BEFORE))
            case "command_substitution":
                return self.substitution(node)
            case "process_substitution":
                return mark(raw)
        return re.sub(r"\\(.)", lambda found: "" if found[1] == "\n" else found[1], raw, flags=re.DOTALL)

    def inside(self, node: tree_sitter.Node, start: int, end: int) -> str:
        """The text between two bytes of a quoted node, with its expansions replaced."""
        base, source = node.start_byte, node.text or b""
        parts: list[str] = []
        place = start

        def literal(until: int) -> str:
            raw = _decoded(source[place - base : until - base])
            return re.sub(r'\\([$`"\\\n])', lambda found: "" if found[1] == "\n" else found[1], raw)

        for child in node.named_children:
            if child.type in _SUBSTITUTED:
                raw = child.text or b""
                blank = len(raw) - len(raw.lstrip(_BEFORE.encode()))
                parts += [literal(child.start_byte + blank), self.text(child)]
                place = child.end_byte
        parts.append(literal(end))
        return self.spent(["".join(parts)])[0]

    def value(self, node: tree_sitter.Node) -> list[str]:
        """The values of `$A` or `${A...}`; a mark where the script does not say."""
        raw = _raw(node).lstrip(_BEFORE)
        inner = raw[2:-1] if raw.startswith("${") else raw[1:]
        unknown = [mark(raw)]
        if replaced := _REPLACEMENT.fullmatch(inner):
            name, old, new = replaced.groups(default="")
            values = self.variables.get(name)
            if values is None or name in self.arrays or not is_known(values):
                return unknown
            return self.spent([value.replace(old, new) for value in values])
        found = _EXPANSION.fullmatch(inner)
        if found is None:
            return unknown
        length, name, index, operation, default = found.groups()
        values = self.variables.get("@", []) if name in ("@", "*") else self.variables.get(name)
        if name == "#" and "@" in self.variables:
            return [str(len(self.variables["@"]))]
        if length:
            counted = is_known(values) and index in ("@", "*")
            return [str(len(values))] if values is not None and counted else unknown
        if operation in (":+", "+"):
            return [self.default(default)] if values else []
        empty = values is None or (operation in (":-", ":=") and values in ([], [""]))
        if empty and operation in (":-", "-", ":=", "="):
            return [self.default(default)]
        if values is None:
            return unknown
        if index is None:
            return values[:1] if name in self.arrays else values
        if index in ("@", "*"):
            return values
        return [values[int(index)]] if index.isdigit() and int(index) < len(values) else unknown

    def default(self, text: str) -> str:
        """The default in `${A:-default}`."""
        self.spent([text])
        if text.count("${") > DEEPEST:
            raise self.refusal("defaults are nested too deeply")
        if text[:1] in "'\"" and text[-1:] == text[:1] and len(text) > 1:
            text = text[1:-1]
        if "$" not in text and "`" not in text:
            return text
        nodes = [self.parsed(f'X="{text}"')]
        while nodes:
            node = nodes.pop()
            if node.type == "string":
                return self.text(node)
            nodes += node.named_children
        return mark(text)

    def substitution(self, node: tree_sitter.Node) -> str:
        """`$(expr 4 / 2)` and `$(echo x)` of literals; a mark for every other command."""
        raw = _raw(node).lstrip(_BEFORE)
        inner = [child for child in node.named_children if child.type != "comment"]
        if [child.type for child in inner] == ["command"]:
            words = [word for child in inner[0].named_children for word in self.expand(child)]
            if words[:1] == ["expr"] and is_known(words):
                return self.arithmetic("".join(words[1:]))
            if words[:1] == ["echo"] and is_known(words) and words[1:2] != ["-e"]:
                return " ".join(words[1:])
        return mark(raw)

    def arithmetic(self, raw: str) -> str:
        """An integer expression, its variables replaced; a mark where that is not possible."""
        text = _IN_ARITHMETIC.sub(self.number, re.sub(r"^\$?\(\(|\)\)$|^\$\[|\]$", "", raw))
        try:
            return str(_integer(ast.parse(text.strip(), mode="eval").body))
        except (SyntaxError, ValueError, LookupError, TypeError, ZeroDivisionError, RecursionError, MemoryError):
            return mark(raw)

    def number(self, found: re.Match[str]) -> str:
        """The value of a variable inside of arithmetic, or its default."""
        values = self.variables.get(found[1] or found[3] or found[4])
        if values is None and found[2] is not None:
            return found[2]
        known = bool(values) and re.fullmatch(r"\s*-?\d{1,18}\s*", (values or [""])[0])
        return f"({(values or [''])[0].strip()})" if known else "unknown"


def _quotient(one: int, other: int) -> int:
    """Division that rounds towards 0, as in the shell."""
    return abs(one) // abs(other) * (1 if (one < 0) == (other < 0) else -1)


_OPERATIONS: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _quotient,
    ast.Mod: lambda one, other: one - other * _quotient(one, other),
    ast.Pow: lambda one, other: one**other if 0 <= other < 64 else 2**63,  # the latter is refused
}


def _integer(node: ast.AST) -> int:
    """The value of an arithmetic expression by the shell's rules."""
    match node:
        case ast.Constant(value=int() as value) if not isinstance(value, bool):
            made = value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            made = -_integer(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            made = _integer(operand)
        case ast.BinOp(left=left, op=operation, right=right):
            made = _OPERATIONS[type(operation)](_integer(left), _integer(right))
        case _:
            raise ValueError
    if abs(made) >= 2**63:
        raise ValueError
    return made


def _added(old: list[str], branches: list[list[str]]) -> list[str] | None:
    """The options that branches write around the words `old`; None if one does anything else, or adds a setting."""
    added: list[str] = []
    for words in branches:
        place = next((n for n in range(len(words) + 1) if words[n : n + len(old)] == old), None)
        if place is None:
            return None
        added += words[:place] + words[place + len(old) :]
    options = [found[0] for word in added if (found := re.match(r"--?[A-Za-z][\w-]*", word))]
    names = [option.lstrip("-") for option in options]
    settings = any(_SETTING.search(name) and not _NO_SETTING.match(name) for name in names)
    return None if settings or (any(added) and not options) else list(dict.fromkeys(options))


def _common_options(branches: list[list[str]], unknown: str) -> list[str]:
    """The options of any branch, with `unknown` for each value that differs; `unknown` alone if other words differ."""
    options = [_by_option(words) for words in branches]
    made: list[str] = []
    for name in dict.fromkeys(name for given in options for name in given):
        first, *others = (given.get(name) for given in options)
        if first is not None and all(words == first for words in others):
            made += first
        elif name:
            made += [name, unknown]
        else:
            return [unknown]
    return made or [unknown]


def _by_option(words: list[str]) -> dict[str, list[str]]:
    """The words of each option, itself first; those before the first option have an empty name."""
    made: dict[str, list[str]] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name = word.partition("=")[0]
            made[name] = [word]
        else:
            made.setdefault(name, []).append(word)
    return made


def _script_of_shell(words: list[str]) -> str | None:
    """The script that these words run in a shell: the one behind `bash -c`, or that of `--command` on other machines."""
    for word, following in zip(words[1:], [*words[2:], ""], strict=False):
        option, equals, text = word.partition("=")
        text = text if equals else following
        if option.lower() == "--command" and " " in text:
            return text
    place = next((n for n, word in enumerate(words) if word in _SHELLS), len(words))
    options = zip(words[place + 1 :], words[place + 2 :], strict=False)
    return next((text for word, text in options if re.fullmatch(r"-\w*c", word)), None)


def _raw(node: tree_sitter.Node | None) -> str:
    """The text of a node as the script has it."""
    return "" if node is None or node.text is None else _decoded(node.text)


def _decoded(raw: bytes) -> str:
    return raw.decode(errors="replace").replace(_GUARD, "")


def _is_argument(value: list[str] | None) -> bool:
    """Whether a value is an argument of the script: `$1`, `${2}`."""
    return (
        value is not None
        and len(value) == 1
        and re.fullmatch(r"\$\{?[1-9](?::?-[^}]*)?\}?", MARK.sub(r"\1", value[0])) is not None
    )


def _unmarked(text: str) -> str:
    """A text to be parsed again: its marks become variables of the same names."""
    return MARK.sub(lambda found: found[1] if re.fullmatch(r"\$\w+|\$\{[^}]*\}", found[1]) else "$UNKNOWN", text)
