"""Commands of the shell itself, which change what is known: `cd`, `set`, `read`, `source`, `exit` and others."""

from __future__ import annotations

import re

from optax_lr.sources.marks import mark, readable
from optax_lr.sources.shell.folders import place, without_own
from optax_lr.sources.shell.shell import Command, Shell
from optax_lr.sources.shell.state import Variable
from optax_lr.sources.shell.syntax import CONTROLS, unescaped
from optax_lr.sources.shell.words import NAME

# Sourced files and evaluated commands that set up the machine and no training.
SET_UP = re.compile(
    r"activate|rc$|profile|conda|mamba|modules|/etc/|cuda|oneapi|/(?:init|setup|vars)[\w-]*\.sh$|"
    r"ssh-agent|modulecmd|direnv|shellenv|hook"
)


def follow_builtin(shell: Shell, command: Command) -> bool:
    """Follow a command; False for one that is a program."""
    state = shell.state
    match command.words:
        case ["exit", *status]:
            # A failure in a branch is mostly a check of variables that only the user sets.
            of_script = command.node.parent is not None and command.node.parent.type == "program"
            state.ended = "exit" if of_script or status in ([], ["0"], ["$?"]) else state.ended
        case ["return", *_]:
            state.ended = "return" if shell.frame is not None else state.ended
        case ["set", "-a" | "+a" as sign, *_]:
            state.exports_all = sign == "-a"
        case ["set", "--", *arguments]:
            state.variables["@"] = Variable(None if command.passes_on else arguments, is_array=True)
        case ["shift", *count]:
            if (known := state.values("@")) is not None:
                left = known[int(count[0]) if count and count[0].isdigit() else 1 :]
                state.variables["@"] = Variable(left, is_array=True)
        case ["read" | "mapfile" | "readarray" | "getopts" as head, *rest]:
            names = [word for word in rest if re.fullmatch(NAME, word)]
            for name in (*names, "OPTARG"):
                state.assign(name, [mark(f"${name}")])
            if head == "read" and names and "-d" in rest and command.document is not None:
                state.assign(names[-1], shell.spent([command.document.strip()]))  # `read -r -d '' A <<EOF`
        case ["printf", "-v", name, *words] if words and re.fullmatch(NAME, name):
            text = _formatted(words)
            state.assign(name, shell.spent([mark(f"${name}") if text is None else text]))
        case ["printf", *words]:
            state.output.append(_formatted(words))
        case ["alias", *named]:
            parts = (word.partition("=") for word in named)
            shell.aliases |= {name: command.line for name, _, text in parts if " " in text}
        case ["source" | ".", name, *_]:
            if not SET_UP.search(name):
                shell.notes[f"{readable(without_own(name))}, sourced in line {command.line}, may set other values"] = (
                    None
                )
            state.output.append(None)
        case ["cd", "-"] | ["popd", *_]:
            *left, folder = state.left or (mark("$OLDPWD"),)
            state.left = (*left, state.folder) if command.words[0] == "cd" else tuple(left)
            state.folder = folder
        case ["cd" | "pushd", *rest]:
            name = next((word for word in rest if not re.fullmatch(r"-[LPe@]+|--", word)), "~")
            state.left, state.folder = (*state.left, state.folder), place(state.folder, name)
        case ["set" | ":" | "test" | "[" | "true" | "false", *_]:
            pass
        case _:
            return False
    return True


def _formatted(words: list[str]) -> str | None:
    """The text of `printf`; None where it depends on a format that is not followed."""
    match words:
        case ["%s", text]:
            return text
        case [text] if "%" not in text:
            return unescaped(text, ".", CONTROLS)
    return None
