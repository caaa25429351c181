"""Commands of the shell itself, which change what is known or write a text; a new one is a function and a line of `BUILTINS`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from optax_lr.sources.marks import mark, readable
from optax_lr.sources.shell.folders import place
from optax_lr.sources.shell.shell import Command, Shell
from optax_lr.sources.shell.state import Variable
from optax_lr.sources.shell.syntax import is_straight, unescaped
from optax_lr.sources.shell.words import NAME

_CONTROLS = {"n": "\n", "t": "\t"}
# Sourced files and evaluated commands that set up the machine and no training.
SET_UP = re.compile(
    r"activate|rc$|profile|conda|mamba|modules|/etc/|cuda|oneapi|/(?:init|setup|vars)[\w-]*\.sh$|"
    r"ssh-agent|modulecmd|direnv|shellenv|hook"
)


def _exit(shell: Shell, command: Command) -> None:
    # A failure in a branch is mostly a check of variables that only the user sets.
    if command.words[1:] in ([], ["0"], ["$?"]) or is_straight(command.node):
        shell.state.ended = "exit"


def _return(shell: Shell, _command: Command) -> None:
    if shell.frame is not None:
        shell.state.ended = "return"


def _set(shell: Shell, command: Command) -> None:
    match command.words[1:]:
        case ["-a" | "+a" as sign, *_]:
            shell.state.exports_all = sign == "-a"
        case ["--", *arguments]:
            shell.state.variables["@"] = Variable(arguments, is_array=True)


def _shift(shell: Shell, command: Command) -> None:
    arguments = shell.state.values("@")
    if arguments is not None:
        count = int(command.words[1]) if command.words[1:] and command.words[1].isdigit() else 1
        shell.state.variables["@"] = Variable(arguments[count:], is_array=True)


def _read(shell: Shell, command: Command) -> None:
    """`read -r -d '' A <<EOF` takes the whole document; of every other one the values are not known."""
    names = [word for word in command.words[1:] if re.fullmatch(NAME, word)]
    for name in (*names, "OPTARG"):
        shell.state.assign(name, [mark(f"${name}")])
    if names and command.document is not None and "-d" in command.words and command.words[0] == "read":
        shell.state.assign(names[-1], shell.spent([command.document.strip()]))


def _echo(shell: Shell, command: Command) -> None:
    rest = command.words[1:]
    place = next((n for n, word in enumerate(rest) if not re.fullmatch(r"-[neE]+", word)), len(rest))
    options, text = "".join(rest[:place]), " ".join(rest[place:])
    text = unescaped(text, ".", _CONTROLS) if "e" in options else text
    shell.state.output.append(text if "n" in options else f"{text}\n")


def _printf(shell: Shell, command: Command) -> None:
    match command.words[1:]:
        case ["-v", name, *formatted] if formatted and re.fullmatch(NAME, name):
            text = _formatted(formatted)
            shell.state.assign(name, shell.spent([mark(f"${name}") if text is None else text]))
        case formatted:
            shell.state.output.append(_formatted(formatted))


def _formatted(words: list[str]) -> str | None:
    """The text of `printf`; None where it depends on a format that is not followed."""
    match words:
        case ["%s", text]:
            return text
        case [text] if "%" not in text:
            return unescaped(text, ".", _CONTROLS)
    return None


def _alias(shell: Shell, command: Command) -> None:
    named = (word.partition("=") for word in command.words[1:])
    shell.aliases |= {name: command.line for name, _, text in named if " " in text}


def _source(shell: Shell, command: Command) -> None:
    """A file that the script does not write."""
    if len(command.words) > 1 and not SET_UP.search(command.words[1]):
        named = f"{readable(command.words[1])}, sourced in line {command.line}"
        shell.notes[f"{named}, may set other values"] = None


def _change_folder(shell: Shell, command: Command) -> None:
    """`cd`, `pushd` and `popd`."""
    state, head = shell.state, command.words[0]
    name = next((word for word in command.words[1:] if not re.fullmatch(r"-[LPe@]+|--", word)), "~")
    back = head == "popd" or name == "-"
    to = (state.left[-1] if state.left else mark(name)) if back else place(state.folder, name)
    kept = state.left[:-1] if back else state.left
    state.left = kept if head == "popd" else (*kept, state.folder)
    state.folder = to


def _nothing(_shell: Shell, _command: Command) -> None:
    """A command that writes nothing."""


BUILTINS: Mapping[str, Callable[[Shell, Command], None]] = {
    "exit": _exit,
    "return": _return,
    "set": _set,
    "shift": _shift,
    "echo": _echo,
    "printf": _printf,
    "alias": _alias,
    **dict.fromkeys(("source", "."), _source),
    **dict.fromkeys(("read", "mapfile", "readarray", "getopts"), _read),
    **dict.fromkeys(("cd", "pushd", "popd"), _change_folder),
    **dict.fromkeys((":", "test", "[", "true", "false", "mkdir"), _nothing),
}
