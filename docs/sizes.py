"""Print the lines of Python of each package and test folder, in another commit and now, as a Markdown table.

python docs/sizes.py COMMIT
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

# Packages of 0.1.0 that have another name now; `config` is also `sources`, `launchers` and `trainers`.
RENAMED = {
    "advice": "linting",
    "combine": "batches",
    "config": "configs",
    "control": "training",
    "plotting": "plots",
    "registry": "interop",
    "torch_schedulers": "interop",
}


def sizes(commit: str, folder: str) -> Counter[str]:
    """The lines of the Python files below a folder by subfolder, or by file for files in the folder itself."""
    listed = _git("ls-tree", "-r", "--name-only", commit, folder).splitlines()
    found: Counter[str] = Counter()
    for path in listed:
        if path.endswith(".py"):
            room = path.removeprefix(f"{folder}/").split("/")[0].removesuffix(".py")
            found[RENAMED.get(room, room)] += _git("show", f"{commit}:{path}").count("\n")
    return found


def table(commit: str, folder: str) -> list[str]:
    """A row for each subfolder that has 100 lines or more, and one for the rest."""
    before, now = sizes(commit, folder), sizes("HEAD", folder)
    large = sorted(room for room in before | now if max(before[room], now[room]) >= 100)
    rows = [(f"`{room}`", before[room], now[room]) for room in large]
    rest = [sum(size for room, size in counts.items() if room not in large) for counts in (before, now)]
    rows += [("the rest", *rest), ("total", before.total(), now.total())]
    lines = [f"| `{folder}` | before | now |", "|---|---:|---:|"]
    return lines + [f"| {name} | {old:,} | {new:,} |" for name, old, new in rows]


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout  # noqa: S607


if __name__ == "__main__":
    print("\n".join([*table(sys.argv[1], "optax_lr"), "", *table(sys.argv[1], "tests")]))
