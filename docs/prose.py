"""Check the English of the project: `python docs/prose.py` prints each phrase of `docs/vocabulary.toml` that it finds.

It reads pages, comments, docstrings, messages and the names of tests. Code, such as text between backticks, is skipped.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACES = ("*", ".github/**/*", "benchmarks/**/*", "docs/**/*", "examples/**/*", "optax_lr/**/*", "tests/**/*")
KINDS = {".md", ".py", ".toml", ".yaml", ".yml"}
VOCABULARY = tomllib.loads((ROOT / "docs" / "vocabulary.toml").read_text())
LATER = tuple(VOCABULARY["later"])
ADVICE: dict[str, str] = VOCABULARY["instead"]
AVOIDED = [
    (re.compile(r"\b(?:" + phrase.replace(" ", r"\s+") + r")\b", re.IGNORECASE), advice)
    for phrase, advice in ADVICE.items()
]
CODE = re.compile(r"^ *(```|~~~).*?^ *\1|^ *>>>.*?$|`+[^`]+`+|\]\([^)]*\)|https?://\S+", re.DOTALL | re.MULTILINE)

Passage = tuple[int, str]


def passages(path: Path) -> Iterator[Passage]:
    """The prose of a file as pairs of a line number and a text.

    Raises:
        SyntaxError: If a Python file cannot be parsed.
    """
    text = path.read_text()
    if path.suffix == ".py":
        yield from _comments(tokenize.generate_tokens(io.StringIO(text).readline))
        yield from _strings(ast.parse(text), with_names="test_" in path.name)
    elif path.suffix == ".md":
        yield 1, text
    else:
        yield from ((line, row) for line, row in enumerate(text.splitlines(), 1) if row.lstrip().startswith("#"))


def _comments(tokens: Iterator[tokenize.TokenInfo]) -> Iterator[Passage]:
    """Join comments on consecutive lines, so that a phrase that continues on the next line is found."""
    first, lines = 0, list[str]()
    for token in tokens:
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0]
        if line != first + len(lines):
            yield first, "\n".join(lines)
            first, lines = line, []
        lines.append(token.string.lstrip("# "))
    yield first, "\n".join(lines)


def _strings(tree: ast.AST, *, with_names: bool) -> Iterator[Passage]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value
        elif with_names and isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.lineno, node.name.replace("_", " ")


def problems(path: Path) -> Iterator[str]:
    """One line for each phrase to be avoided: file and line, the phrase, the advice."""
    for first, text in passages(path):
        prose = CODE.sub(lambda code: re.sub(r"\S", " ", code[0]), text)
        for pattern, advice in AVOIDED:
            for found in pattern.finditer(prose):
                line = first + prose.count("\n", 0, found.start())
                yield f"{path.relative_to(ROOT)}:{line}: {' '.join(found[0].split())!r}: {advice}"


def main(names: list[str]) -> int:
    """Check the named files, or all files of the repository. Returns the exit status."""
    paths = [Path(name).resolve() for name in names] or [path for place in PLACES for path in sorted(ROOT.glob(place))]
    paths = [path for path in paths if path.suffix in KINDS and not str(path.relative_to(ROOT)).startswith(LATER)]
    found = [line for path in paths for line in problems(path)]
    print("\n".join([*found, f"prose: {len(found)} problems in {len(paths)} files"]))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
