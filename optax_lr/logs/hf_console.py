"""The console of a transformers Trainer: `{'loss': 2.3457, 'learning_rate': 4.9e-05, 'epoch': 0.02}`, anywhere in a line.

So print TRL, axolotl, ms-swift and LLaMA-Factory, and W&B keeps it as `output.log`. The dictionary holds no step. The progress
bar that is drawn behind it, or before it, does: `10/1000 [`.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable
from typing import IO, NamedTuple

from optax_lr.logs.columns import Builder
from optax_lr.logs.formats import Format, Found, console_lines

_ENTRY = re.compile(r"\{'[^{}]*\}")
_KNOWN = ("'loss'", "'eval_loss'", "'learning_rate'", "'train_runtime'")
_BAR = re.compile(r"(?<![\d/])(\d{1,9})/(\d{1,9}) \[")
_OF_A_CALLBACK = "callbacks:"
_NO_LITERAL = re.compile(r"(?<=[:\s])-?(?:nan|inf)\b")


def _entry(text: str) -> dict[str, object] | None:
    if not any(name in text for name in _KNOWN):
        return None
    try:
        entry = ast.literal_eval(_NO_LITERAL.sub(lambda match: f"'{match[0]}'", text))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return entry if isinstance(entry, dict) else None


def _read(file: IO[str], source: str, builder: Builder) -> Found:
    return read_entries(console_lines(file, source, builder), builder)


class _Printed(NamedTuple):
    """An entry, with the steps of the bars before it and after it; -1 where there is none."""

    entry: dict[str, object]
    before: int
    after: int


def read_entries(printed: Iterable[str], builder: Builder) -> Found:
    """The dictionaries in these lines, with the steps of the bar where there is one."""
    found: list[_Printed] = []
    rounded: list[_Printed] = []  # what LLaMA-Factory's own callback prints of each entry
    length: int | None = None
    last, waiting = -1, 0  # the step of the last bar, and how many entries no bar has followed yet
    for line in printed:
        if "[axolotl." in line:
            builder.writer = "axolotl"
        for match in _BAR.finditer(line):
            step, of = int(match[1]), int(match[2])
            if length is None:
                length = of  # the bar of the run comes first; those of evaluations have other lengths
            if of == length:
                last = step
                found[len(found) - waiting :] = [one._replace(after=step) for one in found[len(found) - waiting :]]
                waiting = 0
        for match in _ENTRY.finditer(line):
            if not (entry := _entry(match[0])):
                continue
            if _OF_A_CALLBACK in line:
                rounded.append(_Printed(entry, last, -1))
            else:
                found.append(_Printed(entry, last, -1))
                waiting += 1
    if not any("loss" in one.entry for one in found):
        found = rounded
    # The bar is drawn again behind an entry; where it is not, the one before it may be of the same step.
    for place in ("after", "before"):
        rows = [(getattr(one, place), one.entry) for one in found if getattr(one, place) >= 0]
        if _regular([step for step, entry in rows if "loss" in entry]):
            for step, entry in rows:
                builder.add(entry | {"step": step})
            return {"max_steps": length}, ["the steps are those of the progress bar"]
    for one in found:
        builder.add(one.entry)
    return {}, []


def _regular(steps: list[int]) -> bool:
    """Whether the rows are equally far apart, as `logging_steps` has them; a bar that was drawn late is not."""
    gaps = {after - before for before, after in itertools.pairwise(steps)}
    return len(steps) > 1 and len(gaps) == 1 and min(gaps) > 0 and steps[0] == min(gaps)


FORMAT = Format("hf_console", lambda head: any(map(_entry, _ENTRY.findall(head))), _read)
