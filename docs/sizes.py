"""Print the lines of Python of each package and test folder, in another commit and now, as a Markdown table.

python docs/sizes.py COMMIT
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

# The new names of packages of 0.1.0. `config` became `configs`, `sources`, `launchers` and `trainers`.
RENAMED = {
    "advice": "linting",
    "combine": "batches",
    "config": "configs",
    "control": "training",
    "pages": "plots",
    "plotting": "plots",
    "registry": "interop",
    "report": "plots",
    "torch_schedulers": "interop",
}


def sizes(commit: str, folder: str) -> Counter[str]:
    """The number of lines of Python in each subfolder of a folder, and in each file of the folder itself."""
    listed = _git("ls-tree", "-r", "--name-only", commit, folder).splitlines()
    found: Counter[str] = Counter()
    for path in listed:
        if path.endswith(".py"):
            name = path.removeprefix(f"{folder}/").split("/")[0].removesuffix(".py")
            found[RENAMED.get(name, name)] += _git("show", f"{commit}:{path}").count("\n")
    return found


def table(commit: str, folder: str) -> list[str]:
    """A row for each subfolder or file with at least 100 lines, and one for the rest."""
    before, now = sizes(commit, folder), sizes("HEAD", folder)
    large = sorted(name for name in before | now if max(before[name], now[name]) >= 100)
    rows = [(f"`{name}`", before[name], now[name]) for name in large]
    rest = [sum(size for name, size in counts.items() if name not in large) for counts in (before, now)]
    rows += [("the rest", *rest), ("total", before.total(), now.total())]
    lines = [f"| `{folder}` | before | now |", "|---|---:|---:|"]
    return lines + [f"| {name} | {old:,} | {new:,} |" for name, old, new in rows]


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout  # noqa: S607


if __name__ == "__main__":
    print("\n".join([*table(sys.argv[1], "optax_lr"), "", *table(sys.argv[1], "tests")]))
