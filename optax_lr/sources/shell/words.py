"""Words of a shell script: what an argument becomes with the variables so far, without running anything.

What the script does not say, such as `$(hostname)` or a variable of the environment, becomes a mark.
"""

from __future__ import annotations

import re

from optax_lr.sources.marks import MARK, is_known, mark, readable
from optax_lr.sources.shell.arithmetic import integer
from optax_lr.sources.shell.limits import DEEPEST, MOST_DOCUMENTS, MOST_TURNS, Limits
from optax_lr.sources.shell.state import State
from optax_lr.sources.shell.syntax import CONTROLS, SUBSTITUTED, Node, blanks_before, decoded, parser, raw, unescaped
from optax_lr.text import start_of

NAME = r"[A-Za-z_]\w*"
_DIVIDED = ("simple_expansion", "expansion", "command_substitution")
_EXPANSION = re.compile(rf"(#?)({NAME}|[0-9@*#?])(?:\[([^\]]*)\])?(?:(:?[-=+?])(.*))?", re.DOTALL)
# `${A//x}` and `${A//x/y}`, where x and y are plain text.
_REPLACEMENT = re.compile(rf"({NAME})//([\w.,:@=+ -]+)(?:/([\w.,:@=+ -]*))?")
# `${A}`, `${A:-1}`, `$A` and `A` in an arithmetic expression.
_IN_ARITHMETIC = re.compile(rf"\$\{{({NAME})(?::?-(\d+))?\}}|\$({NAME})|(?<![\w$])({NAME})")
# Names of variables that may hold a setting of the curve or the number of processes, and arguments of the script.
_OF_A_RUN = re.compile(
    r"(?i)^\d$|lr|rate|epoch|step|batch|bs(?:z|$)|accum|warm|sched|gpu|nproc|node|world|process|sample"
)
_QUOTED = r'[$`"\\\n]'  # the characters that a backslash escapes inside of double quotes
_KEPT = re.compile(r"\$\{_MARK_\d+\}")  # the placeholder of a mark


class Words(Limits):
    """What the words of a script become in the state so far."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.state = State()
        self.marks: dict[str, str] = {}  # by their placeholders in a text that is parsed again
        self.notes: dict[str, None] = {}
        self.defaults: dict[str, str] = {}  # of variables that something outside may set
        self._parse = parser()

    def parsed(self, text: str) -> Node:
        """The root of the syntax tree of a text."""
        if text.count("<<") > MOST_DOCUMENTS:
            raise self.refusal(f"the script has more than {MOST_DOCUMENTS} here-documents")
        return self._parse(text)

    def kept(self, text: str) -> str:
        """A text that is parsed again, with placeholders for its marks."""

        def placeholder(found: re.Match[str]) -> str:
            name = f"${{_MARK_{len(self.marks)}}}"
            self.marks[name] = found[0]
            return name

        return MARK.sub(placeholder, text)

    def restored(self, text: str) -> str:
        """A text with the marks that were in it before it was parsed again."""
        return _KEPT.sub(lambda found: self.marks.get(found[0], found[0]), text)

    def unknown(self, text: str) -> str:
        """A mark for what the script does not say."""
        return mark(self.restored(text))

    def expand(self, node: Node) -> list[str]:
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

    def _divided(self, node: Node) -> list[str]:
        """The words of joined parts: an unquoted variable with spaces in it divides them."""
        words = [""]
        for child in node.children if node.type == "concatenation" else [node]:
            first, *rest = re.split(r"\s+", self.text(child)) if child.type in _DIVIDED else [self.text(child)]
            words[-1] += first
            words += rest
        return [word for word in words if word]

    def text(self, node: Node) -> str:
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
                return unescaped(text[2:-1], ".", CONTROLS)
            case "concatenation":
                return "".join(map(self.text, node.children))
            case "arithmetic_expansion":
                return self.arithmetic(text)
            case "command_substitution":
                written = self.substituted(node)
                return self.unknown(text) if written is None else written
            case "process_substitution":
                return self.unknown(text)
        return unescaped(text, ".")

    def inside(self, node: Node, quotes: int = 0) -> str:
        """The text of a quoted node, which has this number of quotes at each end, with its expansions replaced."""
        source = node.text or b""
        parts: list[str] = []
        place = quotes
        for child in node.named_children:
            if child.type in SUBSTITUTED:
                before = source[place : child.start_byte - node.start_byte + blanks_before(child)]
                parts += [unescaped(decoded(before), _QUOTED), self.text(child)]
                place = child.end_byte - node.start_byte
        parts.append(unescaped(decoded(source[place : len(source) - quotes]), _QUOTED))
        return self.spent(["".join(parts)])[0]

    def _value(self, text: str) -> list[str]:
        """The values of `$A` or `${A...}`; a mark where the script does not say."""
        if text in self.marks:
            return [self.marks[text]]
        inner = text[2:-1] if text.startswith("${") else text[1:]
        unknown = [self.unknown(text)]
        if replaced := _REPLACEMENT.fullmatch(inner):
            name, old, new = replaced.groups(default="")
            values = self.state.values(name)
            if values is None or self.state.variable(name).is_array or not is_known(values):
                return unknown
            return self.spent([value.replace(old, new) for value in values])
        found = _EXPANSION.fullmatch(inner)
        if found is None:
            return unknown
        length, name, index, operation, default = found.groups()
        values = self.state.values("@") or [] if name in ("@", "*") else self.state.values(name)
        if name == "#" and (arguments := self.state.values("@")) is not None:
            return [str(len(arguments))]
        if length:
            counted = is_known(values) and index in ("@", "*")
            return [str(len(values))] if values is not None and counted else unknown
        variable = self.state.variable(name)
        if operation in (":+", "+") and values is None and variable.of_argument:
            self.notes[f"${name} is not set unless an argument of the script sets it"] = None
        if operation in (":+", "+"):
            return [self._default(default)] if values else []
        empty = values is None or (operation in (":-", ":=") and values in ([], [""]))
        if empty and operation in (":-", "-", ":=", "="):
            outside = values is None and _OF_A_RUN.search(name)
            values = [self._default(default)]
            if outside:
                self.defaults[name] = start_of(str(readable(values[0])), 30)
            if operation.endswith("="):
                self.state.assign(name, values)
            return values
        if values is None:
            return unknown
        if index in ("@", "*") or name in ("@", "*"):
            return values
        if index is None:
            return values[:1] if variable.is_array else values
        return [values[int(index)]] if index.isdigit() and int(index) < len(values) else unknown

    def note_on_defaults(self) -> tuple[str, ...]:
        """A note that the environment or an argument may replace what `${A:-default}` gives."""
        shown = [f"${name} {value}".rstrip() for name, value in self.defaults.items()]
        more = f" and {len(shown) - 8} more" if len(shown) > 8 else ""
        what = f"{', '.join(shown[:8])}{more}: defaults in the script, which the environment or an argument may replace"
        return (what,) if shown else ()

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
        return self.unknown(text)

    def substituted(self, node: Node) -> str | None:
        """What the commands of `$(...)` write; None where that is not known."""
        raise NotImplementedError

    def arithmetic(self, text: str) -> str:
        """An integer expression, its variables replaced; a mark where that is not possible."""
        plain = _IN_ARITHMETIC.sub(self._number, re.sub(r"^\$?\(\(|\)\)$", "", text).replace("$((", "(("))
        made = integer(plain)
        return self.unknown(text) if made is None else str(made)

    def _number(self, found: re.Match[str]) -> str:
        """The value of a variable inside of arithmetic, or its default; a word that has no value for other values."""
        value = (self.state.values(found[1] or found[3] or found[4]) or [found[2] or ""])[0]
        return f"({value.strip()})" if re.fullmatch(r"\s*-?\d{1,18}\s*", value) else "unknown"
