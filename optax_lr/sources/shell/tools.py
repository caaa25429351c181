"""Programs of every machine that only compute a text, or change files: `dirname`, `wc -l`, `tee`, `sed -i`."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from itertools import pairwise

from optax_lr.sources.marks import is_known
from optax_lr.sources.shell.folders import OWN, absolute, place
from optax_lr.sources.shell.shell import Command, Shell
from optax_lr.sources.shell.state import Written
from optax_lr.sources.shell.syntax import CONTROLS, unescaped
from optax_lr.text import words

# Those that never train.
TOOLS = words(
    "echo expr pwd dirname basename realpath readlink cat tr wc grep awk sed yq perl envsubst cp mv tee mkdir"
)
_CONFIG = re.compile(r"[^\s'\"(),=]+\.(?:ya?ml|json|toml)")
_IN_PLACE = re.compile(r"-\w*i(?:\W.*)?|--in-?place(?:=.*)?")  # of sed, perl and yq
_WRITES = re.compile(r"dump|write|save|['\"][wax]b?\+?['\"]")  # in Python
_OUTPUT = re.compile(r"-o|--(?:out|save|write|dest)[\w-]*")


def follow_tool(shell: Shell, command: Command) -> None:
    """Follow the output of a program, and the files that it changes."""
    text = _computed(shell, command)
    if text is None and command.document is not None and is_known(command.document):
        text = _filtered(command.words, command.document)
    shell.state.output.append(text)
    _change_files(shell, command)


def _change_files(shell: Shell, command: Command) -> None:
    state, by = shell.state, f"{command.words[0]} in line {command.line}"
    changed: Sequence[str] = ()
    match command.words:
        case ["sed" | "yq" | "perl", *rest] if any(map(_IN_PLACE.fullmatch, rest)):
            changed = rest
        case ["cp" | "mv" as head, *_, source, target]:
            text = state.files.get(place(state.folder, source), Written(None, "")).text
            inside = posixpath.join(target, posixpath.basename(source))
            is_folder = target.endswith("/")
            state.write(place(state.folder, inside if is_folder else target), text, by)
            changed = [*([source] if head == "mv" else []), *([] if is_folder else [inside])]
        case ["tee" | "sponge", *names]:
            for name in names:
                state.write(place(state.folder, name), None if "-a" in names else command.document, by)
        case [head, *rest] if re.fullmatch(r"(?:.*/)?python[\d.]*", head):
            code = next((text for word, text in pairwise(rest) if word == "-c"), command.document or "")
            changed = [*rest, *_CONFIG.findall(code)] if _WRITES.search(code) else ()
    for word, following in pairwise([*command.words, ""]):
        option, _, value = word.partition("=")
        if _OUTPUT.fullmatch(option) and _CONFIG.fullmatch(value or following):
            changed = [*changed, value or following]
    state.change([place(state.folder, name) for name in changed], by)


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
