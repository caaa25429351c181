"""Words of a shell script: what an argument becomes with the variables so far, without running anything.

What the script does not say, such as `$(hostname)` or a variable of the environment, becomes a mark.
"""

from __future__ import annotations

import ast
import operator
import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.marks import is_known, mark

if TYPE_CHECKING:
    import tree_sitter

MOST_WORDS = 50_000  # that a script expands to
MOST_BYTES = 2**21  # of expanded text
MOST_TURNS = 200  # of a loop over literals
MOST_DOCUMENTS = 500  # here-documents; the time of the parser grows with the square
DEEPEST = 12  # of functions and `bash -c` inside each other
LONGEST = 1.0  # seconds of CPU time
NAME = r"[A-Za-z_]\w*"
# The number of entries between commas: `tr ',' '\n' | wc -l`, `awk -F, '{print NF}'`.
_COUNTS = re.compile(
    r"""tr ['"]?,['"]? ['"](?:\\n| )['"] (?:wc -[lw]|grep -c .)|awk -F *['"]?,['"]? '\{ *print NF *\}'"""
)
_DIVIDED = ("simple_expansion", "expansion", "command_substitution")
_SUBSTITUTED = (*_DIVIDED, "arithmetic_expansion")
_EXPANSION = re.compile(rf"(#?)({NAME}|[0-9@*#?])(?:\[([^\]]*)\])?(?:(:?[-=+?])(.*))?", re.DOTALL)
# `${A//x}` and `${A//x/y}`, where x and y are plain text.
_REPLACEMENT = re.compile(rf"({NAME})//([\w.,:@=+ -]+)(?:/([\w.,:@=+ -]*))?")
# `${A}`, `${A:-1}`, `$A` and `A` in an arithmetic expression.
_IN_ARITHMETIC = re.compile(rf"\$\{{({NAME})(?::?-(\d+))?\}}|\$({NAME})|(?<![\w$])({NAME})")
# Names of variables that may hold a setting of the curve or the number of processes, and arguments of the script.
_OF_A_RUN = re.compile(
    r"(?i)^\d$|lr|rate|epoch|step|batch|bs(?:z|$)|accum|warm|sched|gpu|nproc|node|world|process|sample"
)
_OLD_ARITHMETIC = re.compile(
    r"\$\[([^][\n]*)\]"
)  # `$[A + 1]` without another one in it, which the parser does not know
# The folder of the script, without blanks and quotes: `$(dirname $0)`, `$(cd $(dirname ${BASH_SOURCE[0]})/.. && pwd)`.
_OF_SCRIPT = r"\$(?:0|\{0\}|BASH_SOURCE|\{BASH_SOURCE(?:\[0\])?\})"
_OF_SCRIPT = rf"dirname(?:--)?(?:{_OF_SCRIPT}|\$\((?:readlink-f|realpath){_OF_SCRIPT}\))"
_OWN_FOLDER = re.compile(
    rf"\$\((?:{_OF_SCRIPT}|cd\$\({_OF_SCRIPT}\)((?:/\.\.)*)/?(?:>/dev/null(?:2>&1)?)?(?:&&|;)pwd(?:-P)?)\)"
)
# How a word names it: `.` would be another folder behind a `cd`.
OWN_FOLDER = re.compile(r"(?<![\w./])\./\.(?![\w.])")
# Blanks and a continued line that the parser counts as part of the expansion behind them.
_BEFORE = b" \t\r\n\\"
_KEPT = re.compile(r"\$\{_MARK_\d+\}")  # the placeholder of a mark
# Where the scanner of tree-sitter-bash 0.25 looks a character up in a table of 384 entries, and may end the process.
_WIDE = re.compile(r"\{\d*(?:\.\.\d*)?(?=[^\x00-\xff])")
# Where the parser ends a word, as in `"a"\\$B`, although no blank is there.
_JOINT = re.compile(r"(?<=[\w\"'`})])(?=\\[^\r\n])")
_GUARD = "\x7f"  # is put there, and between the brace and the character


class Words:
    """The variables of a script as it goes, and what its words become."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.variables: dict[str, list[str]] = {}
        self.arrays: set[str] = set()
        self.marks: dict[str, str] = {}  # by their placeholders in a text that is parsed again
        self.arguments: set[str] = set()  # variables that only an argument of the script sets
        self.notes: dict[str, None] = {}
        self.defaults: dict[
            str, None
        ] = {}  # variables of the environment and arguments that have a default in the script
        self._words = self._bytes = 0
        self._until = time.thread_time() + LONGEST
        self._parser = _parser()

    def spent(self, made: list[str]) -> list[str]:
        """`made`, counted against the limits."""
        self._words += len(made)
        self._bytes += sum(map(len, made))
        if self._words > MOST_WORDS or self._bytes > MOST_BYTES:
            raise self.refusal(f"the script expands to more than {MOST_WORDS:,} words or {MOST_BYTES:,} characters")
        if time.thread_time() > self._until:
            raise self.refusal("the script takes too long to read")
        return made

    def restored(self, text: str) -> str:
        """A text with the marks that were in it before it was parsed again."""
        return _KEPT.sub(lambda found: self.marks.get(found[0], found[0]), text)

    def marked(self, text: str) -> str:
        """A mark for what the script does not say."""
        return mark(self.restored(text))

    def refusal(self, why: str) -> ConfigError:
        """The error for a script that is not followed further."""
        return ConfigError(f"{self.name}: {why}; write the training command out")

    def parsed(self, text: str) -> tree_sitter.Node:
        """The root of the syntax tree of a text."""
        if text.count("<<") > MOST_DOCUMENTS:
            raise self.refusal(f"the script has more than {MOST_DOCUMENTS} here-documents")
        for _ in range(DEEPEST):
            text = _OLD_ARITHMETIC.sub(r"$((\1))", text)
        return self._parser.parse(_WIDE.sub(rf"\g<0>{_GUARD}", _JOINT.sub(_GUARD, text)).encode()).root_node

    def expand(self, node: tree_sitter.Node) -> list[str]:
        """The words that an argument becomes."""
        if node.type == "command_name" and node.named_children:
            node = node.named_children[0]
        words = None
        match node.type:
            case "string" if re.fullmatch(r'"\$(\{\w+\[@\]\}|@)"', raw(node)):
                words = self._value(raw(node.named_children[0]))
            case "concatenation" | "simple_expansion" | "expansion" | "command_substitution":
                words = self._divided(node)
            case "brace_expression":
                found = re.fullmatch(r"\{([0-9]{1,6})\.\.([0-9]{1,6})\}", raw(node))
                if found and abs(int(found[2]) - int(found[1])) <= MOST_TURNS:
                    words = [str(number) for number in range(int(found[1]), int(found[2]) + 1)]
        return self.spent([self.text(node)] if words is None else words)

    def _divided(self, node: tree_sitter.Node) -> list[str]:
        """The words of joined parts: an unquoted variable with spaces in it divides them."""
        words = [""]
        for child in node.children if node.type == "concatenation" else [node]:
            first, *rest = re.split(r"\s+", self.text(child)) if child.type in _DIVIDED else [self.text(child)]
            words[-1] += first
            words += rest
        return [word for word in words if word]

    def text(self, node: tree_sitter.Node) -> str:
        """The text that a node becomes, without division into words."""
        text = raw(node)
        match node.type:
            case "simple_expansion" | "expansion":
                return " ".join(self._value(text))
            case "string":
                return self.inside(node, quotes=1)
            case "translated_string":
                return self.text(node.named_children[0])
            case "raw_string":
                return self.restored(text[1:-1])
            case "ansi_c_string":
                return unescaped(text[2:-1], ".", {"n": "\n", "t": "\t"})
            case "concatenation":
                return "".join(map(self.text, node.children))
            case "arithmetic_expansion":
                return self._arithmetic(text)
            case "command_substitution":
                return self._substitution(node)
            case "process_substitution":
                return self.marked(text)
        return unescaped(text, ".")

    def inside(self, node: tree_sitter.Node, quotes: int = 0) -> str:
        """The text of a quoted node, which has this number of quotes at each end, with its expansions replaced."""
        source = node.text or b""
        parts: list[str] = []
        place = quotes
        for child in node.named_children:
            if child.type in _SUBSTITUTED:
                blank = len(child.text or b"") - len((child.text or b"").lstrip(_BEFORE))
                before = source[place : child.start_byte - node.start_byte + blank]
                parts += [unescaped(_decoded(before), _QUOTED), self.text(child)]
                place = child.end_byte - node.start_byte
        parts.append(unescaped(_decoded(source[place : len(source) - quotes]), _QUOTED))
        return self.spent(["".join(parts)])[0]

    def _value(self, text: str) -> list[str]:
        """The values of `$A` or `${A...}`; a mark where the script does not say."""
        if text in self.marks:
            return [self.marks[text]]
        inner = text[2:-1] if text.startswith("${") else text[1:]
        unknown = [self.marked(text)]
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
        if operation and values is None and name in self.arguments:
            self.notes[f"${name} is not set unless an argument of the script sets it"] = None
        if operation in (":+", "+"):
            return [self._default(default)] if values else []
        empty = values is None or (operation in (":-", ":=") and values in ([], [""]))
        if empty and operation in (":-", "-", ":=", "="):
            if values is None and name not in self.arguments and _OF_A_RUN.search(name):
                self.defaults[f"${name}"] = None
            values = [self._default(default)]
            if operation.endswith("="):
                self.variables[name] = values
            return values
        if values is None:
            return unknown
        if index is None:
            return values[:1] if name in self.arrays else values
        if index in ("@", "*"):
            return values
        return [values[int(index)]] if index.isdigit() and int(index) < len(values) else unknown

    def note_on_defaults(self) -> tuple[str, ...]:
        """A note that the environment or an argument may replace what `${A:-default}` gives."""
        names = list(self.defaults)
        more = f" and {len(names) - 6} more" if len(names) > 6 else ""
        what = f"{', '.join(names[:6])}{more}: the default in the script is taken, which the environment or an argument may replace"
        return (what,) if names else ()

    def _default(self, text: str) -> str:
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
        return self.marked(text)

    def _substitution(self, node: tree_sitter.Node) -> str:
        """`$(expr 4 / 2)`, `$(echo x)` and the length of a list of literals; a mark for every other command.

        The folder of the script is `./.`, as its files are looked for there.
        """
        if (found := _OWN_FOLDER.fullmatch(re.sub(r"\s+|\"", "", raw(node)))) is not None:
            return f"./.{found[1] or ''}"
        inner = [child for child in node.named_children if child.type != "comment"]
        if [child.type for child in inner] == ["command"]:
            words = [word for child in inner[0].named_children for word in self.expand(child)]
            if words[:1] == ["expr"] and is_known(words):
                return self._arithmetic("".join(words[1:]))
            if words[:1] == ["echo"] and is_known(words) and words[1:2] != ["-e"]:
                return " ".join(words[1:])
        if [child.type for child in inner] == ["pipeline"]:
            first, *others = inner[0].named_children
            words = [word for child in first.named_children for word in self.expand(child)]
            if (
                words[:1] == ["echo"]
                and len(words) == 2
                and is_known(words)
                and _COUNTS.fullmatch(" ".join(map(raw, others)))
            ):
                return str(len(words[1].split(",")))
        return self.marked(raw(node))

    def _arithmetic(self, text: str) -> str:
        """An integer expression, its variables replaced; a mark where that is not possible."""
        plain = _IN_ARITHMETIC.sub(self._number, re.sub(r"^\$?\(\(|\)\)$", "", text).replace("$((", "(("))
        try:
            return str(_integer(ast.parse(plain.strip(), mode="eval").body))
        except (SyntaxError, ValueError, LookupError, TypeError, ZeroDivisionError, RecursionError, MemoryError):
            return self.marked(text)

    def _number(self, found: re.Match[str]) -> str:
        """The value of a variable inside of arithmetic, or its default; a word that has no value for other values."""
        value = (self.variables.get(found[1] or found[3] or found[4]) or [found[2] or ""])[0]
        return f"({value.strip()})" if re.fullmatch(r"\s*-?\d{1,18}\s*", value) else "unknown"


def _parser() -> tree_sitter.Parser:
    try:
        import tree_sitter
        import tree_sitter_bash
    except ImportError:
        raise ImportError('reading shell scripts needs tree-sitter: pip install "optax-lr[config]"') from None
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


def raw(node: tree_sitter.Node | None) -> str:
    """The text of a node as the script has it."""
    if node is None or node.text is None:
        return ""
    return _decoded(node.text.lstrip(_BEFORE) if node.type in _SUBSTITUTED else node.text)


def _decoded(text: bytes) -> str:
    return text.decode(errors="replace").replace(_GUARD, "")


_QUOTED = r'[$`"\\\n]'  # the characters that a backslash escapes inside of double quotes


def unescaped(text: str, escaped: str, other: Mapping[str, str] = {"\n": ""}) -> str:
    """A text without the backslashes before `escaped` characters; `other` are those that become something else."""
    return re.sub(rf"\\({escaped})", lambda found: other.get(found[1], found[1]), text, flags=re.DOTALL)


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
