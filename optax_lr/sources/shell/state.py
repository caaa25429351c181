"""What a shell knows at one place of a script: its variables, its folder, the files, and the output so far."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from optax_lr.sources.shell.folders import as_named


class Variable(NamedTuple):
    """A variable.

    Fields:
        values: its value, or those of an array; None for one that is declared only.
        is_array: whether it is an array.
        exported: whether programs get it.
        readonly: whether it keeps its value.
        of_argument: whether only an argument of the script sets it.
    """

    values: list[str] | None = None
    is_array: bool = False
    exported: bool = False
    readonly: bool = False
    of_argument: bool = False


class Written(NamedTuple):
    """A file that the script writes.

    Fields:
        text: its text; None where that is not known.
        by: what wrote it, for people.
    """

    text: str | None
    by: str


@dataclasses.dataclass
class State:
    """What is known at one place of a script; a branch continues with a copy.

    Fields:
        variables: by name; the array `@` has the arguments of the script or function where they are known.
        exports_all: whether assignments export, as after `set -a`.
        folder: the current folder, as `folders.place` gives it.
        left: the folders that `pushd` and `cd` left.
        files: the files that the script writes, by `folders.place`; replaced and never changed.
        output: what the statements write, None for what is not known.
        ended: "exit" or "return" behind one that certainly runs.
    """

    variables: dict[str, Variable] = dataclasses.field(default_factory=dict)
    exports_all: bool = False
    folder: str = ""
    left: tuple[str, ...] = ()
    files: Mapping[str, Written] = dataclasses.field(default_factory=dict)
    output: list[str | None] = dataclasses.field(default_factory=list)
    ended: str = ""

    def branch(self) -> State:
        """A copy for a branch, whose output begins with the branch."""
        return dataclasses.replace(self, variables=dict(self.variables), output=[])

    def variable(self, name: str) -> Variable:
        """A variable, also one that is not set."""
        return self.variables.get(name, Variable())

    def values(self, name: str) -> list[str] | None:
        """The values of a variable or argument; None where it is not set."""
        if not name.isdigit() or name == "0":
            return self.variable(name).values
        arguments = self.values("@")
        place = int(name) - 1
        return None if arguments is None or place < 0 else arguments[place : place + 1]

    def assign(self, name: str, values: list[str], *, is_array: bool = False) -> None:
        """Set a variable, unless it is readonly."""
        old = self.variable(name)
        if not old.readonly:
            exported = old.exported or self.exports_all
            self.variables[name] = old._replace(values=values, is_array=is_array, exported=exported)

    def declare(self, name: str, *, exported: bool = False, readonly: bool = False) -> None:
        """Export a variable, or make it readonly."""
        old = self.variable(name)
        self.variables[name] = old._replace(exported=old.exported or exported, readonly=old.readonly or readonly)

    def restore(self, variables: Mapping[str, Variable | None]) -> None:
        """Give variables the values that they had; None for one that was not there."""
        for name, variable in variables.items():
            self.variables.pop(name, None)
            if variable is not None:
                self.variables[name] = variable

    def environment(self) -> dict[str, str]:
        """The variables that programs get."""
        found = self.variables.items()
        return {name: " ".join(known.values) for name, known in found if known.exported and known.values is not None}

    def texts(self, folder: str) -> dict[str, str]:
        """The known texts of files, by the names that a command in a folder gives them."""
        known = [(path, written.text) for path, written in self.files.items() if written.text is not None]
        return {name: text for path, text in known for name in as_named(path, folder)}

    def write(self, path: str, text: str | None, by: str) -> None:
        """Keep what a file contains from here on."""
        self.files = {**self.files, path: Written(text, by)}

    def change(self, paths: Iterable[str], by: str) -> None:
        """Forget what files contain."""
        self.files = {**self.files, **dict.fromkeys(paths, Written(None, by))}


def joined_text(parts: Iterable[str | None]) -> str | None:
    """A text of parts; None where one of them is not known."""
    known = list(parts)
    return None if None in known else "".join(part for part in known if part is not None)
