"""The rooms of the package from the ground up, their imports as they are, and docs/architecture.md, which shows both.

python docs/rooms.py
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "optax_lr"
# The order, and the only place where it is written. A room imports rooms of the lines above it; never one of its own line.
ORDER: tuple[tuple[str, ...], ...] = (
    ("arrays", "text"),
    ("exit_codes", "memory", "outputs", "arguments", "findings"),
    ("numerics",),
    ("schedules",),
    ("batches", "interop"),
    ("training", "sweeps"),
    ("sources",),
    ("launchers",),
    ("trainers",),
    ("configs",),
    ("linting",),
    ("logs",),
    ("identification",),
    ("auditing",),
    ("monitor", "plots", "pages"),
    ("report",),
    ("commands",),
    ("cli",),
    ("__main__",),
)
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}


class Import(NamedTuple):
    """One import: the module that has it, the line, and the module that it is of; both without the package's name."""

    module: str
    line: int
    target: str

    @property
    def rooms(self) -> tuple[str, str]:
        """The room that imports, and the room imported."""
        return self.module.split(".")[0], self.target.split(".")[0]


def homes(package: Path) -> dict[str, str]:
    """Each public name with its room, from the table of the package and the imports of `schedules`."""
    found = {}
    for node in ast.parse((package / "__init__.py").read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_HOMES":
            found = {name: home for home, names in ast.literal_eval(node.value).items() for name in names.split()}
    classes = package / "schedules" / "__init__.py"
    for node in ast.parse(classes.read_text()).body if classes.exists() else ():
        if isinstance(node, ast.ImportFrom):
            found |= {name.name: "schedules" for name in node.names}
    return found


def imports(package: Path = PACKAGE) -> Iterator[Import]:
    """Every import of the package within itself, those inside of functions and for types alone included."""
    home_of = homes(package)
    for path in sorted(package.rglob("*.py")):
        *folders, stem = path.relative_to(package).with_suffix("").parts
        module = ".".join([*folders, stem] if stem != "__init__" else folders)
        if not module:
            continue  # the package itself only re-exports
        nodes = list(ast.walk(ast.parse(path.read_text())))
        aliases = {
            name.asname or name.name
            for node in nodes
            if isinstance(node, ast.Import)
            for name in node.names
            if name.name == package.name
        }
        for node in nodes:
            for target in _targets(node, package, folders, home_of, aliases):
                yield Import(module, node.lineno, target.removeprefix(f"{package.name}."))


def _targets(node: ast.AST, package: Path, folders: list[str], home_of: dict[str, str], aliases: set[str]) -> list[str]:
    """The modules of the package that this node imports."""
    match node:
        case ast.Import(names):
            return [name.name for name in names if name.name.startswith(f"{package.name}.")]
        case ast.Attribute(ast.Name(name), attribute) if name in aliases and attribute in home_of:
            return [home_of[attribute]]  # optax_lr.plot is an import of plots
        case ast.ImportFrom(origin, names, level):
            if level:  # from .base import Schedule
                above = [package.name, *folders][: len(folders) + 2 - level]
                origin = ".".join([*above, origin] if origin else above)
            if origin == package.name:
                return [home_of.get(name.name, name.name) for name in names]
            if origin and origin.startswith(f"{package.name}."):
                return [_submodule(package, origin, name.name) for name in names]
    return []


def _submodule(package: Path, origin: str, name: str) -> str:
    """`origin.name` where that is a module, else `origin`, which has the name."""
    place = package.parent.joinpath(*origin.split("."), name)
    return f"{origin}.{name}" if place.is_dir() or place.with_suffix(".py").exists() else origin


def rooms(package: Path = PACKAGE) -> list[str]:
    """The rooms that are there, in their order."""
    found = {path.stem for path in package.iterdir() if path.is_dir() or path.suffix == ".py"}
    found -= {"__init__", "__pycache__"}
    return [room for line in ORDER for room in line if room in found] + sorted(found - LEVEL.keys())


def against_the_order(package: Path = PACKAGE) -> list[str]:
    """The imports that break the order, one line each."""
    wrong = [
        f"{room}: this room has no place in the order of docs/rooms.py" for room in rooms(package) if room not in LEVEL
    ]
    for found in imports(package):
        importer, imported = found.rooms
        if importer != imported and LEVEL.get(imported, -1) >= LEVEL.get(importer, len(ORDER)):
            wrong.append(f"{found.module}:{found.line}: {importer} must not import {imported}")
    return list(dict.fromkeys(wrong))


def page() -> str:
    """The page without its picture."""
    here = rooms()
    uses = {room: [] for room in here}
    for importer, imported in sorted({found.rooms for found in imports()}, key=lambda pair: here.index(pair[1])):
        if importer != imported:
            uses[importer].append(imported)
    lines = [
        "# Architecture",
        "",
        "Generated by `python docs/rooms.py` from the imports. A room is a folder or a file of `optax_lr/`. It imports only rooms",
        "above it in this picture, so no dot is right of the diagonal. A test reads the imports again, and fails for an import in",
        "the other direction, and for a room without a place in the order.",
        "",
        "![which room imports which: every dot is left of the diagonal](pictures/rooms.svg)",
        "",
        "A `learning_rate` in a YAML file passes through `sources` → `trainers` → `configs` → `interop` and",
        "`batches` → a leaf of a schedule → `sweeps` or an optimizer (`training`) → `plots`. A log is read by `logs`",
        "`identification` finds the schedule of its rates, `auditing` compares it with the plan, and `report`",
        "draws it with `plots`. A formula is written once, in `schedules`, over the reals of a number system of `numerics`, which",
        "determines speed and error ([Numbers](numbers.md)).",
        "",
        "| room | contents | imports |",
        "|---|---|---|",
    ]
    lines += [f"| `{room}` | {_summary(room)} | {', '.join(f'`{name}`' for name in uses[room])} |" for room in here]
    lines += [
        "",
        "`import optax_lr` itself loads none of them: names are imported when they are first used. A schedule or a sweep",
        "needs only jax, optax and numpy; other packages (OmegaConf, matplotlib, typer, ...) are imported by the functions that",
        "use them, and come with the extras of [the package](index.md#install).",
        "",
        "`CONTRIBUTING.md` has recipes for a new schedule, trainer, log format, lint rule and sweep kernel.",
    ]
    return "\n".join(lines) + "\n"


def _summary(room: str) -> str:
    path = PACKAGE / room / "__init__.py" if (PACKAGE / room).is_dir() else PACKAGE / f"{room}.py"
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("|", "\\|")


def picture() -> str:
    """The imports as an SVG: a row and a column for each room, a dot where the row's room imports the column's."""
    here = rooms()
    pairs = {found.rooms for found in imports()}
    cell, left, top = 26, 150, 130
    size = len(here) * cell
    text = 'font-family="sans-serif" font-size="13" fill="#777"'
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + size + 20}" height="{top + size + 20}" '
            f'viewBox="0 0 {left + size + 20} {top + size + 20}">'
        ),
    ]
    for number, room in enumerate(here):
        at, middle = number * cell, number * cell + cell // 2
        parts += [
            f'<rect x="{left + at}" y="{top + at}" width="{cell}" height="{cell}" fill="#777" fill-opacity="0.35"/>',
            f'<text x="{left - 8}" y="{top + middle + 4}" text-anchor="end" {text}>{room}</text>',
            f'<text transform="translate({left + middle + 4} {top - 8}) rotate(-60)" {text}>{room}</text>',
            f'<path d="M{left} {top + at}h{size}M{left + at} {top}v{size}" stroke="#777" stroke-opacity="0.25"/>',
        ]
        for column, imported in enumerate(here):
            if (room, imported) in pairs and room != imported:
                centre = left + column * cell + cell // 2
                parts.append(f'<circle cx="{centre}" cy="{top + middle}" r="6" fill="#0072B2"/>')
    parts.append(f'<rect x="{left}" y="{top}" width="{size}" height="{size}" fill="none" stroke="#777"/>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    """Writes the page and its picture."""
    (HERE / "architecture.md").write_text(page())
    (HERE / "pictures" / "rooms.svg").write_text(picture())


if __name__ == "__main__":
    main()
