"""fairseq's logs: `... | INFO | train_inner | {"num_updates": "100", "lr": "1.25e-05"}`, or `num_updates=100, lr=1.25e-05`."""

from __future__ import annotations

import json
import re
from typing import IO

from optax_lr.logs.columns import Builder
from optax_lr.logs.formats import Format, Found, console_lines

_JSON = re.compile(
    r'\| (?:INFO|train\w*|valid\w*) \| .*?(\{.*"(?:num_updates|valid_num_updates|train_num_updates)".*\})'
)
_PAIRS = re.compile(r"\b(loss|lr|gnorm|num_updates)[= ]+([-+0-9.eE]+)")


def _entry(line: str) -> dict[str, object] | None:
    if match := _JSON.search(line):
        try:
            entry = json.loads(match[1])
        except (ValueError, RecursionError):
            return None
        return {_plain(name): value for name, value in entry.items()} if isinstance(entry, dict) else None
    if "num_updates" in line:
        return dict(_PAIRS.findall(line))
    return None


def _plain(name: str) -> str:
    return {"valid_loss": "eval_loss", "train_loss": "loss"}.get(
        name, name.removeprefix("train_").removeprefix("valid_")
    )


def _read(file: IO[str], source: str, builder: Builder) -> Found:
    for line in console_lines(file, source, builder):
        if entry := _entry(line):
            builder.add(entry)
    return {}, []


FORMAT = Format("fairseq", lambda head: not head.startswith("{") and any(map(_entry, head.splitlines())), _read)
