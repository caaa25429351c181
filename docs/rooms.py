"""Write docs/architecture.md: the packages of `optax_lr` in their order, and the imports between them.

Here a package is a folder or a top-level file of `optax_lr/`.

python docs/rooms.py
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "optax_lr"
# The order of the packages. A package may import only packages of earlier lines.
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
    ("monitor", "plots"),
    ("commands",),
    ("cli",),
    ("__main__",),
)
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}


class Import(NamedTuple):
    """An import: the importing module, the line, and the imported module, both without the prefix `optax_lr.`."""

    module: str
    line: int
    target: str

    @property
    def packages(self) -> tuple[str, str]:
        """The importing and the imported package."""
        return self.module.split(".")[0], self.target.split(".")[0]


def homes(package: Path) -> dict[str, str]:
    """The module of each public name, from `_HOMES` in `optax_lr/__init__.py` and the imports of `schedules`."""
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
    """Every import between modules of the package, including those inside functions and under TYPE_CHECKING."""
    home_of = homes(package)
    for path in sorted(package.rglob("*.py")):
        *folders, stem = path.relative_to(package).with_suffix("").parts
        module = ".".join([*folders, stem] if stem != "__init__" else folders)
        if not module:
            continue  # optax_lr/__init__.py only re-exports
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
    """The modules of the package that a node imports."""
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
    """`origin.name` if it is a module, otherwise `origin`, which defines the name."""
    place = package.parent.joinpath(*origin.split("."), name)
    return f"{origin}.{name}" if place.is_dir() or place.with_suffix(".py").exists() else origin


def packages(package: Path = PACKAGE) -> list[str]:
    """The existing packages in their order."""
    found = {path.stem for path in package.iterdir() if path.is_dir() or path.suffix == ".py"}
    found -= {"__init__", "__pycache__"}
    return [name for line in ORDER for name in line if name in found] + sorted(found - LEVEL.keys())


def against_the_order(package: Path = PACKAGE) -> list[str]:
    """The imports that break the order, one line each."""
    wrong = [f"{name}: add this package to ORDER in docs/rooms.py" for name in packages(package) if name not in LEVEL]
    for found in imports(package):
        importer, imported = found.packages
        if importer != imported and LEVEL.get(imported, -1) >= LEVEL.get(importer, len(ORDER)):
            wrong.append(f"{found.module}:{found.line}: {importer} must not import {imported}")
    return list(dict.fromkeys(wrong))


def page() -> str:
    """The page without its picture."""
    names = packages()
    uses = {name: [] for name in names}
    for importer, imported in sorted({found.packages for found in imports()}, key=lambda pair: names.index(pair[1])):
        if importer != imported:
            uses[importer].append(imported)
    lines = [
        "# Architecture",
        "",
        "Generated by `python docs/rooms.py` from the imports. Each row and column of the picture is a folder or a top-level",
        "file of `optax_lr/`; here both are called packages. A package imports only packages above it, so every dot is left of",
        "the diagonal. A test fails for an import in the other direction, and for a package that is not in the order.",
        "",
        "![which package imports which: every dot is left of the diagonal](pictures/rooms.svg)",
        "",
        "A `learning_rate` in a YAML file passes through `sources`, `trainers`, `configs` and `interop`, becomes a leaf of a",
        "schedule, and is used by `sweeps`, by an optimizer (`training`) or by `plots`. A log is read by `logs`;",
        "`identification` finds the schedule of its rates, `auditing` compares it with the plan, and `plots` shows the",
        "result. Each formula is written once, in `schedules`, for the reals of any number system of",
        "`numerics`; the number system determines speed and error ([Numbers](numbers.md)).",
        "",
        "| package | contents | imports |",
        "|---|---|---|",
    ]
    lines += [f"| `{name}` | {_summary(name)} | {', '.join(f'`{used}`' for used in uses[name])} |" for name in names]
    lines += [
        "",
        "`import optax_lr` imports none of them: a name is imported at its first use. A schedule or a sweep needs only jax,",
        "optax and numpy. Functions that use another library (OmegaConf, matplotlib, typer, ...) import it when they are",
        "called; the [extras](index.md#install) install these libraries.",
        "",
        "`CONTRIBUTING.md` has recipes for a new schedule, trainer, launcher, log format, lint rule and sweep kernel.",
    ]
    return "\n".join(lines) + "\n"


def _summary(name: str) -> str:
    path = PACKAGE / name / "__init__.py" if (PACKAGE / name).is_dir() else PACKAGE / f"{name}.py"
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("|", "\\|")


def picture() -> str:
    """The imports as an SVG: a row and a column for each package, and a dot where the row's package imports the column's."""
    names = packages()
    pairs = {found.packages for found in imports()}
    cell, left, top = 26, 150, 130
    size = len(names) * cell
    text = 'font-family="sans-serif" font-size="13" fill="#777"'
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + size + 20}" height="{top + size + 20}" '
            f'viewBox="0 0 {left + size + 20} {top + size + 20}">'
        ),
    ]
    for number, name in enumerate(names):
        at, middle = number * cell, number * cell + cell // 2
        parts += [
            f'<rect x="{left + at}" y="{top + at}" width="{cell}" height="{cell}" fill="#777" fill-opacity="0.35"/>',
            f'<text x="{left - 8}" y="{top + middle + 4}" text-anchor="end" {text}>{name}</text>',
            f'<text transform="translate({left + middle + 4} {top - 8}) rotate(-60)" {text}>{name}</text>',
            f'<path d="M{left} {top + at}h{size}M{left + at} {top}v{size}" stroke="#777" stroke-opacity="0.25"/>',
        ]
        for column, imported in enumerate(names):
            if (name, imported) in pairs and name != imported:
                centre = left + column * cell + cell // 2
                parts.append(f'<circle cx="{centre}" cy="{top + middle}" r="6" fill="#0072B2"/>')
    parts.append(f'<rect x="{left}" y="{top}" width="{size}" height="{size}" fill="none" stroke="#777"/>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    """Write the page and its picture."""
    (HERE / "architecture.md").write_text(page())
    (HERE / "pictures" / "rooms.svg").write_text(picture())


if __name__ == "__main__":
    main()
