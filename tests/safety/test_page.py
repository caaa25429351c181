"""The page on safety has the limits and exit codes of the code."""

import importlib
from pathlib import Path

from optax_lr import exit_codes, memory
from optax_lr.configs import commands, plan
from optax_lr.linting import edits
from optax_lr.logs import json_logs
from optax_lr.sources import documents, files, interpolation, parsing
from optax_lr.sources.shell import limits as shell_limits
from optax_lr.sweeps import folder

LINT = importlib.import_module("optax_lr.linting.lint")  # the package exports a function of this name
PAGE = (Path(__file__).parents[2] / "docs" / "safety.md").read_text()


def test_limits():
    rows = {
        "a config of any form: size": f"{files.LARGEST_FILE // 1024} KiB, a regular file of UTF-8",
        "YAML, JSON and TOML: nesting, parts of a dotted name": f"{parsing.DEEPEST}",
        "YAML and JSON: values, aliases included": f"{parsing.MOST_VALUES:,}",
        "YAML: aliases": f"{parsing.MOST_ALIASES}",
        "integers": f"{parsing.LARGEST_NUMBER:,} bits in a config; 10^{len(str(plan.MOST)) - 1} for `num_examples` and `world_size`",
        "references `${key}`: in a file, or for one value": f"{interpolation.MOST_REFERENCES}",
        "references: length of a chain": f"{interpolation.DEEPEST_CHAIN}",
        "references: characters of a value that contains one": f"{interpolation.LONGEST_TEXT:,}",
        "shell scripts: words, bytes after expansion": f"{shell_limits.MOST_WORDS:,} words, {shell_limits.MOST_BYTES // 2**20} MiB",
        "a notebook: size; code in its cells; brackets, braces and commas": f"{files.LARGEST_NOTEBOOK // 2**20} MiB; {files.LARGEST_FILE:,} characters; {files.MOST_PARTS:,}",
        "documents of a YAML file, configs of a Python file": f"{documents.MOST_CONFIGS}",
        "a number in YAML": f"{parsing.LONGEST_NUMBER:,} characters",
        "changes of `--fix` at once, and CPU time": f"{edits.MOST_EDITS}, {LINT._MOST_SECONDS:g} s",
        "`trainer_state.json`: characters around its entries": f"{json_logs.LARGEST_HEAD:,}",
        "shell scripts: iterations of a loop, nested functions or defaults, CPU time": f"{shell_limits.MOST_TURNS} iterations, depth {shell_limits.DEEPEST}, {shell_limits.LONGEST:g} s",
        "shell scripts: training commands": f"{commands._MOST_COMMANDS}",
        "files of the metadata of a store": f"{folder._LARGEST_METADATA // 2**20} MiB",
    }
    for name, limit in rows.items():
        assert f"| {name} | {limit} |" in PAGE, name
    assert f"minus {memory.RESERVE // 2**20} MiB" in PAGE


def test_exit_codes():
    for name in ("FINE", "FINDINGS", "BAD_INPUT", "FAILED", "INTERRUPTED"):
        code = getattr(exit_codes, name)
        assert f"| {code} |" in PAGE
        assert f"| {code} |" in (exit_codes.__doc__ or "")


def test_each_test_file_is_on_the_page():
    for path in Path(__file__).parent.glob("test_*.py"):
        assert path == Path(__file__) or f"tests/safety/{path.name}" in PAGE, path.name
