"""Programs of every machine that only compute a text, or change files: `dirname`, `wc -l`, `tee`, `sed -i`."""

from __future__ import annotations

import posixpath
import re

from optax_lr.sources.marks import is_known
from optax_lr.sources.shell.folders import OWN, absolute, place
from optax_lr.sources.shell.shell import Command, Shell
from optax_lr.sources.shell.state import Written
from optax_lr.sources.shell.syntax import CONTROLS, unescaped
from optax_lr.text import words

_TOOLS = words(
    "echo expr pwd dirname basename realpath readlink cat tr wc grep awk sed yq perl envsubst cp mv tee mkdir"
)


def follow_tool(shell: Shell, command: Command) -> bool:
    """Follow a command; False for every other program."""
    if command.words[0] not in _TOOLS:
        return False
    _change_files(shell, command)
    text = _computed(shell, command)
    if text is None and command.document is not None and is_known(command.document):
        text = _filtered(command.words, command.document)
    shell.state.output.append(text)
    return True


def _change_files(shell: Shell, command: Command) -> None:
    state, by = shell.state, f"{command.words[0]} in line {command.line}"
    match command.words:
        case ["sed" | "yq" | "perl", *rest] if any(
            re.fullmatch(r"-\w*i(?:\W.*)?|--in-?place(?:=.*)?", word) for word in rest
        ):
            state.change([place(state.folder, word) for word in rest], by)
        case ["cp" | "mv" as head, *_, source, target]:
            path = place(state.folder, source)
            text = state.files.get(path, Written(None, "")).text
            inside = place(state.folder, posixpath.join(target, posixpath.basename(source)))
            state.change([path] if head == "mv" else [], by)
            state.write(inside, text if target.endswith("/") else None, by)
            state.write(place(state.folder, target), text, by)
        case ["tee", *names]:
            for name in names:
                state.write(place(state.folder, name), None if "-a" in names else command.document, by)


def _computed(shell: Shell, command: Command) -> str | None:
    """What a command writes; None where that is not known."""
    match command.words:
        case ["cat"] | ["cat", "-"] | ["tee", *_]:
            return command.document
        case ["mkdir", *_]:
            return ""
        case ["echo", *rest]:
            start = next((n for n, word in enumerate(rest) if not re.fullmatch(r"-[neE]+", word)), len(rest))
            options, text = "".join(rest[:start]), " ".join(rest[start:])
            text = unescaped(text, ".", CONTROLS) if "e" in options else text
            return text if "n" in options else f"{text}\n"
        case ["expr", *parts] if is_known(parts):
            return f"{shell.arithmetic(''.join(parts))}\n"
        case ["dirname", path] | ["dirname", "--", path] if is_known(path):
            in_own = path.startswith(OWN) and not path.strip("./")
            return f"{path}/..\n" if in_own else f"{posixpath.dirname(path) or '.'}\n"
        case ["basename", path] if is_known(path) and path.strip("./"):
            return f"{posixpath.basename(path)}\n"
        case ["pwd", *_]:
            return f"{absolute(shell.state.folder, '.')}\n"
        case ["realpath", path] | ["readlink", "-f", path]:
            return f"{absolute(shell.state.folder, path)}\n"
    return None


def _filtered(command: list[str], text: str) -> str | None:
    """What a command writes that reads this text and counts its parts; None where that is not known."""
    match command:
        case ["tr", old, new]:
            old, new = (unescaped(part, ".", CONTROLS) for part in (old, new))
            return text.replace(old, new) if len(old) == len(new) == 1 else None
        case ["wc", "-l"]:
            return f"{text.count(chr(10))}\n"
        case ["wc", "-w"]:
            return f"{len(text.split())}\n"
        case ["grep", "-c", "."]:
            return f"{len(list(filter(None, text.splitlines())))}\n"
        case ["awk", *program] if re.fullmatch(r"-F *,\{ *print NF *\}", "".join(program)):
            return f"{len(text.split(','))}\n" if text.count("\n") == 1 else None
    return None
