"""Commands in a shell script, read from its syntax tree and never run.

Variables with literal values, arrays, arithmetic of literals, functions, loops over literals, `bash -c` and here-documents are
followed. What the script does not say, such as `$(hostname)` or a variable of the environment, becomes a mark.
"""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
_EXPANSION = re.compile(rf"(#?)({_NAME}|[0-9@*#?])(?:\[([^\]]*)\])?(?:(:?[-=+?])(.*))?", re.DOTALL)
# `${A//x}` and `${A//x/y}`, where x and y are plain text.
_REPLACEMENT = re.compile(rf"({_NAME})//([\w.,:@=+ -]+)(?:/([\w.,:@=+ -]*))?")
_SBATCH = re.compile(r"(?m)^#SBATCH\s+(--?[\w-]+)(?:=|\s+)?(\S*)")
_SLURM = {
    "--nodes": ("SLURM_NNODES", "SLURM_JOB_NUM_NODES"),
    "-N": ("SLURM_NNODES", "SLURM_JOB_NUM_NODES"),
    "--ntasks": ("SLURM_NTASKS",),
    "-n": ("SLURM_NTASKS",),
    "--ntasks-per-node": ("SLURM_NTASKS_PER_NODE",),
    "--gpus-per-node": ("SLURM_GPUS_PER_NODE", "SLURM_GPUS_ON_NODE"),
}
# Options that may be settings of the curve or the number of processes.
_SETTING = re.compile(r"lr|learn|warm|sched|epoch|step|iter|batch|accum|world|nproc|process|decay|config|gpus|nodes")
_NO_SETTING = re.compile(r"(?:eval|save|log|logging|wandb|profile|test)[_-]")
# Blanks and a continued line that the parser counts as part of the expansion behind them.
_BEFORE = " \t\r\n\\"
_COMMENT = re.compile(r"`#[^`\n]*`")  # a comment inside of a command
_SHELLS = frozenset({"bash", "sh", "zsh", "dash", "/bin/bash", "/bin/sh", "/usr/bin/bash"})


class Ran(NamedTuple):
    """One simple command of a script: its words, the variables set for it, its line, and what a reader must know."""

    words: tuple[str, ...]
    environment: dict[str, str]
    line: int
    notes: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    files: Mapping[str, str] = MappingProxyType({})


def commands_of(name: str, text: str) -> list[Ran]:
    """Every simple command of a script, in its order.

    Raises:
        ConfigError: where the script is not valid shell at a command that has options, or expands to too much.

    >>> commands_of("a.sh", "LR=2e-5\\ntorchrun train.py --learning_rate $LR \\\\\\n  --max_steps=10")[0].words
    ('torchrun', 'train.py', '--learning_rate', '2e-5', '--max_steps=10')
    """
    shell = _Shell(name)
    shell.slurm(text)
    try:
        shell.run_text(text, 0)
        shell.run_uncalled()
    except RecursionError:
        raise ConfigError(f"{name}: commands are nested too deeply; write the training command out") from None
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
        self.offset = 0
        self.words = self.bytes = 0
        self.until = time.thread_time() + LONGEST
        self.parser = _parser()

    # --- limits ---

    def spent(self, made: list[str]) -> list[str]:
        """`made`, counted against the limits."""
        self.words += len(made)
        self.bytes += sum(map(len, made))
        if self.words > MOST_WORDS or self.bytes > MOST_BYTES:
            raise ConfigError(
                f"{self.name}: the script expands to more than {MOST_WORDS:,} words or {MOST_BYTES:,} characters; write "
                "the training command out"
            )
        if time.thread_time() > self.until:
            raise ConfigError(f"{self.name}: the script takes too long to read; write the training command out")
        return made

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
        tree = self.parser.parse(plain.encode())
        self.run(tree.root_node, depth)

    def run_uncalled(self) -> None:
        """Run the functions that nothing called, with unknown arguments: a caller outside may."""
        for function in list(self.functions):
            if function not in self.called:
                self.call(function, None, 1)

    def run(self, node: tree_sitter.Node, depth: int) -> None:
        """One statement."""
        self.spent([])
        if depth > DEEPEST:
            raise ConfigError(f"{self.name}: commands are nested too deeply; write the training command out")
        kind = node.type
        if kind == "variable_assignment":
            self.assign(node)
        elif kind == "variable_assignments":
            for child in node.named_children:
                self.assign(child)
        elif kind == "declaration_command":
            self.declare(node)
        elif kind == "unset_command":
            for child in node.named_children[0:]:
                self.variables.pop(_text(child), None)
        elif kind == "command":
            self.command(node, depth)
        elif kind == "redirected_statement":
            self.redirected(node, depth)
        elif kind == "if_statement":
            self.branches(self.branches_of_if(node), depth, otherwise=not _has(node, "else_clause"))
        elif kind == "case_statement":
            items = [list(item.named_children[1:]) for item in node.named_children if item.type == "case_item"]
            self.branches(items, depth, otherwise=True)
        elif kind == "for_statement":
            self.loop(node, depth)
        elif kind in ("while_statement", "c_style_for_statement"):
            bodies = [child for child in node.named_children if child.type in ("do_group", "compound_statement")]
            self.branches([bodies], depth, otherwise=True)
        elif kind == "function_definition":
            name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
            if name is not None and body is not None:
                self.functions[_text(name)] = body
        elif kind == "subshell":
            before = {key: list(value) for key, value in self.variables.items()}
            self.run_children(node, depth)
            self.variables = before
        elif kind == "ERROR":
            self.check_error(node)
            self.run_children(node, depth)
        elif kind not in ("comment", "test_command", "negated_command_test"):
            self.run_children(node, depth)

    def run_children(self, node: tree_sitter.Node, depth: int) -> None:
        """Each statement inside of another."""
        for child in node.named_children:
            self.run(child, depth)

    def check_error(self, node: tree_sitter.Node) -> None:
        """Refuse text that is not shell but contains options of a command."""
        text = _text(node)
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
        before = {key: list(value) for key, value in self.variables.items()}
        ends: list[dict[str, list[str]]] = [before] if otherwise else []
        for statements in branches:
            self.variables = {key: list(value) for key, value in before.items()}
            for statement in statements:
                self.run(statement, depth)
            ends.append(self.variables)
        self.variables = dict(before)
        for key in {key for end in ends for key in end}:
            values = [end.get(key) for end in ends]
            if all(value == values[0] for value in values):
                self.variables[key] = values[0] or []
            elif (
                otherwise
                and all(map(is_known, before.get(key, [""])))
                and key in before
                and all(value == before[key] or _is_argument(value) for value in values)
            ):
                self.notes[f"${key} is {' '.join(before[key])} unless an argument of the script sets it"] = None
            elif (added := _added(before.get(key), values)) is not None:
                self.variables[key] = before[key]
                shown = (
                    ", ".join(dict.fromkeys(re.findall(r"(?:^|(?<=\s))--?[A-Za-z][\w-]*", added))) or added.strip()[:40]
                )
                if shown:
                    self.notes[f"a branch of the script adds {shown} to ${key}, which is left out"] = None
            elif (joined := _options_of_all(key, values, listed=key in self.arrays)) is not None:
                self.variables[key] = joined
            else:
                self.variables[key] = [mark(f"${key}")]

    def loop(self, node: tree_sitter.Node, depth: int) -> None:
        """A `for` loop: over literals each turn, else once with an unknown value."""
        variable = _text(node.child_by_field_name("variable"))
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
            name: "tree_sitter.Node | None" = child
            if child.type == "variable_assignment":
                self.assign(child)
                name = child.child_by_field_name("name")
            elif child.type not in ("variable_name", "word"):
                continue
            text = _text(name)
            exported = exported or re.fullmatch(r"-\w*x\w*", text) is not None
            if exported:
                self.exported.add(text)

    def assign(self, node: tree_sitter.Node) -> None:
        """`A=1`, `A+=1`, `A=(1 2)`; an element of an array makes the array unknown."""
        target, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if target is None:
            return
        if target.type == "subscript":
            inner = target.child_by_field_name("name")
            self.variables[_text(inner)] = [mark(f"${{{_text(target)}}}")]
            return
        name = _text(target)
        adds = any(child.type == "+=" for child in node.children)
        if value is not None and value.type == "array":
            made = [word for child in value.named_children if child.type != "comment" for word in self.expand(child)]
            self.arrays.add(name)
            self.variables[name] = self.spent((self.variables.get(name, []) if adds else []) + made)
            return
        text = "" if value is None else self.text(value)
        if adds and name in self.arrays:
            first, *rest = self.variables.get(name) or [""]
            self.variables[name] = self.spent([first + text, *rest])
        elif adds:
            self.variables[name] = self.spent(["".join(self.variables.get(name, [])) + text])
        else:
            self.arrays.discard(name)
            self.variables[name] = self.spent([text])

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
                for part in child.named_children:
                    if part.type == "file_redirect" and part.named_children:
                        target = part.named_children[-1]
                    elif part.type in ("pipeline", "command"):
                        extra += []
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
        start = next((_text(child) for child in node.named_children if child.type == "heredoc_start"), "")
        body = next((child for child in node.named_children if child.type == "heredoc_body"), None)
        if body is None:
            return ""
        if start[:1] in "'\"\\":
            return str(_text(body))
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
                environment[_text(name)] = "" if value is None else self.text(value)
            elif child.type == "command_name":
                words += self.expand(child.named_children[0]) if child.named_children else [_text(child)]
            elif child.type not in ("file_redirect", "herestring_redirect", "heredoc_redirect", "comment"):
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
        elif (
            (place := next((n for n, word in enumerate(words) if word in _SHELLS), None)) is not None
            and (
                option := next((n for n, word in enumerate(words) if n > place and re.fullmatch(r"-\w*c", word)), None)
            )
            and option + 1 < len(words)
        ):
            count = len(self.ran)
            self.run_text(_unmarked(words[option + 1]), depth + 1)
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
        kept = {key: self.variables.get(key) for key in ("@", *map(str, range(1, 10)))}
        if arguments is not None:
            self.set_arguments(arguments)
        self.run(self.functions[function], depth)
        for key, value in kept.items():
            self.variables.pop(key, None)
            if value is not None:
                self.variables[key] = value

    def set_arguments(self, words: list[str]) -> None:
        """Set `$1`, `$2`, ... and `$@`."""
        self.variables["@"] = list(words)
        for place in range(1, 10):
            self.variables[str(place)] = words[place - 1 : place]

    # --- words ---

    def expand(self, node: tree_sitter.Node) -> list[str]:
        """The words that an argument becomes."""
        kind = node.type
        if kind in ("simple_expansion", "expansion"):
            values = self.value(node)
            return self.spent([part for value in values for part in value.split()])
        if kind == "string":
            inner = list(node.named_children)
            whole = len(inner) == 1 and inner[0].type in ("expansion", "simple_expansion")
            if whole and re.fullmatch(r'"\$(\{\w+\[@\]\}|@)"', _text(node)):
                return self.spent(self.value(inner[0]))
            return self.spent([self.text(node)])
        if kind == "concatenation":
            return self.spent(self.concatenated(node))
        if kind == "brace_expression":
            found = re.fullmatch(r"\{([0-9]{1,6})\.\.([0-9]{1,6})\}", _text(node))
            if found and abs(int(found[2]) - int(found[1])) <= MOST_TURNS:
                first, last = int(found[1]), int(found[2])
                return self.spent([str(n) for n in range(first, last + 1)])
        if kind == "command_substitution":
            return self.spent(self.text(node).split())
        return self.spent([self.text(node)])

    def concatenated(self, node: tree_sitter.Node) -> list[str]:
        """The words of joined parts: an unquoted variable with spaces in it divides them."""
        words = [""]
        for child in node.children:
            text = self.text(child)
            if child.type in ("simple_expansion", "expansion") and re.search(r"\s", text):
                first, *rest = re.split(r"\s+", text)
                words[-1] += first
                words += rest
            else:
                words[-1] += text
        return [word for word in words if word]

    def text(self, node: tree_sitter.Node) -> str:
        """The text that a node becomes, without division into words."""
        kind, raw = node.type, _text(node)
        if kind in ("simple_expansion", "expansion"):
            return " ".join(self.value(node))
        if kind in ("string", "translated_string"):
            start = node.start_byte + (2 if kind == "translated_string" else 1)
            return self.inside(
                node.named_children[0] if kind == "translated_string" else node, start, node.end_byte - 1
            )
        if kind == "raw_string":
            return str(raw[1:-1])
        if kind == "ansi_c_string":
            return re.sub(
                r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), raw[2:-1], flags=re.DOTALL
            )
        if kind == "concatenation":
            return "".join(self.text(child) for child in node.children)
        if kind == "command_name":
            return "".join(self.text(child) for child in node.named_children) or raw
        if kind == "arithmetic_expansion":
            return self.arithmetic(raw.lstrip(_BEFORE))
        if kind == "command_substitution":
            return self.substitution(node)
        if kind == "process_substitution":
            return mark(raw)
        return re.sub(r"\\(.)", lambda found: "" if found[1] == "\n" else found[1], raw, flags=re.DOTALL)

    def inside(self, node: tree_sitter.Node, start: int, end: int) -> str:
        """The text between two bytes of a quoted node, with its expansions replaced."""
        base, source = node.start_byte, node.text or b""
        parts: list[str] = []
        place = start

        def literal(until: int) -> str:
            raw = source[place - base : until - base].decode(errors="replace")
            return re.sub(r'\\([$`"\\\n])', lambda found: "" if found[1] == "\n" else found[1], raw)

        for child in node.named_children:
            if child.type in ("simple_expansion", "expansion", "command_substitution", "arithmetic_expansion"):
                raw = child.text or b""
                blank = len(raw) - len(raw.lstrip(_BEFORE.encode()))
                parts += [literal(child.start_byte + blank), self.text(child)]
                place = child.end_byte
        parts.append(literal(end))
        return self.spent(["".join(parts)])[0]

    def value(self, node: tree_sitter.Node) -> list[str]:
        """The values of `$A` or `${A...}`; a mark where the script does not say."""
        raw = _text(node).lstrip(_BEFORE)
        inner = raw[2:-1] if raw.startswith("${") else raw[1:]
        found = _EXPANSION.fullmatch(inner)
        unknown = [mark(raw)]
        if found is None:
            replaced = _REPLACEMENT.fullmatch(inner)
            known = None if replaced is None else self.variables.get(replaced[1])
            if replaced is None or known is None or replaced[1] in self.arrays or not all(map(is_known, known)):
                return unknown
            return self.spent([value.replace(replaced[2], replaced[3] or "") for value in known])
        length, name, index, operator, default = found.groups()
        values = self.variables.get(name)
        if name == "#" and "@" in self.variables:
            return [str(len(self.variables["@"]))]
        if name in ("@", "*"):
            values = self.variables.get("@", [])
        if length and name not in "#?":
            return (
                [str(len(values))]
                if values is not None and all(map(is_known, values)) and index in ("@", "*")
                else unknown
            )
        if operator in (":-", "-", ":=", "="):
            if values is None or (operator[0] == ":" and values in ([], [""])):
                return [self.default(default)]
            operator = None
        if operator in (":+", "+"):
            return [self.default(default)] if values else []
        if operator is not None or values is None:
            return unknown if operator is None or values is None else values
        if index is None:
            return values[:1] if name in self.arrays else values
        if index in ("@", "*"):
            return values
        return [values[int(index)]] if index.isdigit() and int(index) < len(values) else unknown

    def default(self, text: str) -> str:
        """The default in `${A:-default}`."""
        self.spent([text])
        if text.count("${") > DEEPEST:
            raise ConfigError(f"{self.name}: defaults are nested too deeply; write the training command out")
        if text[:1] in "'\"" and text[-1:] == text[:1] and len(text) > 1:
            text = text[1:-1]
        if "$" not in text and "`" not in text:
            return text
        tree = self.parser.parse(f'X="{text}"'.encode())
        nodes = [tree.root_node]
        while nodes:
            node = nodes.pop()
            if node.type == "string":
                return self.text(node)
            nodes += node.named_children
        return mark(text)

    def substitution(self, node: tree_sitter.Node) -> str:
        """`$(expr 4 / 2)` and `$(echo x)` of literals; a mark for every other command."""
        raw = _text(node).lstrip(_BEFORE)
        inner = [child for child in node.named_children if child.type != "comment"]
        if len(inner) == 1 and inner[0].type == "command":
            words = [
                word
                for child in inner[0].named_children
                for word in self.expand(
                    child.named_children[0] if child.type == "command_name" and child.named_children else child
                )
            ]
            if words[:1] == ["expr"]:
                return self.arithmetic("".join(words[1:])) if all(map(is_known, words)) else mark(raw)
            if words[:1] == ["echo"] and all(map(is_known, words)) and words[1:2] != ["-e"]:
                return " ".join(words[1:])
        return mark(raw)

    def arithmetic(self, raw: str) -> str:
        """An integer expression, its variables replaced; a mark where that is not possible."""
        text = re.sub(r"^\$?\(\(|\)\)$|^\$\[|\]$", "", raw)

        text = re.sub(
            rf"\$\{{({_NAME})(?::?-(\d+))?\}}|\$({_NAME})|(?<![\w$])({_NAME})",
            lambda found: _number_of(self, found),
            text,
        )
        try:
            return str(_integer(ast.parse(text.strip(), mode="eval").body))
        except (SyntaxError, ValueError, TypeError, ZeroDivisionError, RecursionError, MemoryError):
            return mark(raw)


def _number_of(shell: _Shell, found: re.Match[str]) -> str:
    """The value of a variable inside of arithmetic, or its default."""
    values = shell.variables.get(found[1] or found[3] or found[4])
    if values is None and found[2] is not None:
        return found[2]
    known = bool(values) and re.fullmatch(r"\s*-?\d{1,18}\s*", (values or [""])[0])
    return f"({(values or [''])[0].strip()})" if known else "unknown"


def _integer(node: ast.AST) -> int:
    """The value of an arithmetic expression by the shell's rules: division rounds towards 0."""
    match node:
        case ast.Constant(value=int() as value) if not isinstance(value, bool) and abs(value) < 2**63:
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_integer(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _integer(operand)
        case ast.BinOp(left=left, op=operator, right=right):
            one, other = _integer(left), _integer(right)
            match operator:
                case ast.Add():
                    made = one + other
                case ast.Sub():
                    made = one - other
                case ast.Mult():
                    made = one * other
                case ast.Div() | ast.FloorDiv():
                    made = abs(one) // abs(other) * (1 if (one < 0) == (other < 0) else -1)
                case ast.Mod():
                    made = abs(one) % abs(other) * (1 if one >= 0 else -1)
                case ast.Pow() if 0 <= other < 64:
                    made = one**other
                case _:
                    raise ValueError
            if abs(made) < 2**63:
                return made
    raise ValueError


def _options_of_all(key: str, values: list[list[str] | None], *, listed: bool) -> list[str] | None:
    """The options that a variable holds in any branch, with a mark for each value that differs; None where it holds others."""
    words: list[str] = []
    branches = [_by_option(value or [] if listed else " ".join(value or []).split()) for value in values]
    for name in {name: None for options in branches for name in options}:
        given = [options.get(name) for options in branches]
        words += [
            name,
            *(given[0] if given[0] is not None and given.count(given[0]) == len(given) else [mark(f"${key}")]),
        ]
    if not words or "" in words:
        return None
    return words if listed else [" ".join(words)]


def _by_option(words: list[str]) -> dict[str, list[str]]:
    """The words behind each option, those before the first one under an empty name."""
    made: dict[str, list[str]] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            made[name] = [value] if equals else []
        else:
            made.setdefault(name, []).append(word)
    return made


def _added(before: list[str] | None, values: list[list[str] | None]) -> str | None:
    """The text that branches add around a variable's value; None if one does anything else, or adds a setting of the training."""
    if before is None:
        return None
    added = []
    for value in values:
        if value is None:
            return None
        if value[: len(before)] == before and "" not in before:
            added += value[len(before) :]
            continue
        old, new = " ".join(before), " ".join(value)
        start, found, end = new.partition(old) if old else (new, "-", "")
        if not found or (old and ((start and not start[-1].isspace()) or (end and not end[0].isspace()))):
            return None
        added += [start, end]
    text = " ".join(added)
    options = re.findall(r"(?:^|\s)--?([A-Za-z][\w-]*)", text)
    if not options and text.strip():
        return None
    return None if any(_SETTING.search(option) and not _NO_SETTING.match(option) for option in options) else text


def _text(node: tree_sitter.Node | None) -> str:
    """The text of a node as the script has it."""
    return "" if node is None or node.text is None else node.text.decode(errors="replace")


def _has(node: tree_sitter.Node, kind: str) -> bool:
    return any(child.type == kind for child in node.named_children)


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
